"""Stores that really fail: they raise an error without details, accept nothing and lose nothing."""

import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest
import redis
import sqlalchemy as sa
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.support.authenticators import App, wrong
from tests.support.database_servers import HOST, free_port, postgresql_at, running_postgresql, running_redis
from totpkit import Store, StoreError
from totpkit.stores.redis import RedisStore
from totpkit.stores.sqlalchemy import SQLAlchemyStore
from totpkit.stores.sqlite import SQLiteStore
from totpkit.testing import SoftPhone

ACCOUNT = "canary-account"


def assert_fails(work: Callable[[], object], name: str) -> None:
    """Check that *work* raises a StoreError that contains only the name of the driver's class."""
    with pytest.raises(StoreError) as caught:
        work()
    error = caught.value
    message = f"the store did not answer: {name}"
    assert (error.args, error.__cause__, error.__context__, vars(error)) == ((message,), None, None, {})


def assert_refuses_all(app: App, phone: SoftPhone, name: str) -> None:
    """Check that every call fails."""
    for work in (
        lambda: app.auth.verify(ACCOUNT, phone.code()),
        lambda: app.auth.verify(ACCOUNT, wrong(phone)),
        lambda: app.auth.begin_enrollment(ACCOUNT, label="canary-label", binding="canary-binding"),
        lambda: app.auth.redeem_recovery_code(ACCOUNT, "0000-0000-0000-0000"),
        lambda: app.auth.revoke(ACCOUNT),
    ):
        assert_fails(work, name)


def assert_recovered(app: App, phone: SoftPhone, before: bytes | None) -> None:
    """Check that the record is unchanged, and that the code that was refused is still accepted."""
    assert app.store.load(ACCOUNT) == before
    assert app.auth.verify(ACCOUNT, phone.code())
    assert app.events != []


def assert_survives(store: Store, failure: AbstractContextManager[object], name: str) -> None:
    """Check that every call fails during the failure, and that nothing is lost afterwards."""
    app = App(store=store)
    phone = app.enroll(ACCOUNT)
    before = store.load(ACCOUNT)
    with failure:
        assert_refuses_all(app, phone, name)
        assert app.events == []
    assert_recovered(app, phone, before)


# SQLite.


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give the path of a file that does not exist yet."""
    return tmp_path / "canary.db"


@pytest.mark.proves("T34")
@pytest.mark.parametrize(
    ("place", "name"),
    [
        (".", "OperationalError"),
        ("file/x.db", "NotADirectoryError"),
        ("missing/x.db", "FileNotFoundError"),
        ("file", "DatabaseError"),
    ],
)
def test_no_database(tmp_path: Path, place: str, name: str) -> None:
    """A folder, an impossible path and a file of another kind are errors. The file is not changed."""
    content = b"canary, and no database at all" * 1000
    Path(tmp_path, "file").write_bytes(content)
    assert_fails(lambda: SQLiteStore(tmp_path / place), name)
    assert Path(tmp_path, "file").read_bytes() == content


@pytest.mark.proves("T34")
def test_corrupted(path: Path) -> None:
    """A database with overwritten pages is an error, and accepts nothing."""
    with closing(SQLiteStore(path)) as store:
        app = App(store=store)
        phone = app.enroll(ACCOUNT)
    raw = bytearray(path.read_bytes())
    raw[4096:] = bytes(byte ^ 0x55 for byte in raw[4096:])
    path.write_bytes(raw)
    with closing(SQLiteStore(path)):
        assert_refuses_all(app, phone, "DatabaseError")


@pytest.mark.proves("T34")
def test_locked(path: Path) -> None:
    """While another process holds the write lock, every call that writes fails."""

    @contextmanager
    def locked() -> Iterator[None]:
        with closing(sqlite3.connect(path)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert store.load(ACCOUNT) is not None  # readers do not wait for a writer
            yield
            other.rollback()

    with closing(SQLiteStore(path, timeout=0.05)) as store:
        assert_survives(store, locked(), "OperationalError")


LIMITED = """
import os, resource, sys
from tests.support.authenticators import App, wrong
from tests.stores.test_failing_stores import ACCOUNT, assert_recovered, assert_refuses_all
from totpkit import Policy, Reason, Rejected, StoreError, Throttle
from totpkit.stores.sqlite import SQLiteStore

folder = sys.argv[1]
if os.geteuid() == 0:  # file modes do not apply to root
    os.chown(folder, 65534, 65534)
    os.setgid(65534)
    os.setuid(65534)
path = os.path.join(folder, "canary.db")
store = SQLiteStore(path)
app = App(store=store, policy=Policy(throttle=Throttle(free=100, first_wait=0.0), recovery_cost=1))
phone = app.enroll(ACCOUNT)
"""


@pytest.mark.proves("T34")
def test_disk_full() -> None:
    """On a full disk every call fails, and afterwards exactly the answered failures are counted."""
    run_limited("""
another = SQLiteStore(path)  # it keeps the log from being emptied
another.load(ACCOUNT)
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (65_000, hard))
answered = 0
for _ in range(50):
    try:
        assert app.auth.verify(ACCOUNT, wrong(phone)) == Rejected(Reason.MISMATCH)
    except StoreError:
        break
    answered += 1
assert 0 < answered < 50, answered
app.events.clear()
before = store.load(ACCOUNT)
assert_refuses_all(app, phone, "OperationalError")
assert app.events == []
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
assert app.auth.status(ACCOUNT).failures == answered
assert_recovered(app, phone, before)
""")


@pytest.mark.proves("T34")
def test_read_only() -> None:
    """While the file or its folder is read-only, every call fails."""
    run_limited("""
before = store.load(ACCOUNT)
store.close()
os.chmod(path, 0o400)
assert_refuses_all(app, phone, "PermissionError")
os.chmod(path, 0o600)
os.chmod(folder, 0o500)
assert_refuses_all(app, phone, "OperationalError")
os.chmod(folder, 0o700)
assert_recovered(app, phone, before)
""")


def run_limited(code: str) -> None:
    """Run the code in a process to which resource limits and file modes apply."""
    with tempfile.TemporaryDirectory(prefix="totpkit-") as folder:
        command = [sys.executable, "-W", "error", "-c", LIMITED + code, folder]
        # The limits would also apply to the files of the coverage measurement.
        environ = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
    assert done.stderr == ""
    assert done.returncode == 0


# Redis.


@contextmanager
def redis_store(port: int, **options: float) -> Iterator[Store]:
    """Give a store whose client does not retry."""
    with redis.Redis(HOST, port, retry=Retry(NoBackoff(), 0), **options) as client:
        yield RedisStore(client)


@pytest.mark.proves("T34")
def test_redis_full() -> None:
    """While Redis has no memory left, every call fails and nothing is evicted."""

    @contextmanager
    def full(port: int) -> Iterator[None]:
        with redis.Redis(HOST, port) as client:
            client.config_set("maxmemory", 1)
            yield
            client.config_set("maxmemory", 0)

    with running_redis() as server, redis_store(server.port) as store:
        assert_survives(store, full(server.port), "OutOfMemoryError")


@pytest.mark.proves("T34")
def test_redis_stopped() -> None:
    """While Redis is stopped or does not reply, every call fails."""
    with running_redis() as server, redis_store(server.port, socket_timeout=0.2) as store:
        assert_survives(store, server.stopped(), "ConnectionError")
        App(store=store).auth.forget(ACCOUNT)
        assert_survives(store, server.paused(), "TimeoutError")


@pytest.mark.proves("T34")
def test_no_redis() -> None:
    """Without a Redis server every call fails."""
    with redis_store(free_port()) as store:
        assert_fails(lambda: App(store=store).auth.verify(ACCOUNT, "000000"), "ConnectionError")


# PostgreSQL.


@pytest.mark.proves("T34")
def test_postgresql_stopped() -> None:
    """While PostgreSQL is stopped, every call fails."""
    with running_postgresql() as server:
        engine = sa.create_engine(postgresql_at(server), pool_pre_ping=True)
        store = SQLAlchemyStore(engine)
        store.create_table()
        assert_survives(store, server.stopped(), "OperationalError")
        engine.dispose()


@pytest.mark.proves("T34")
def test_postgresql_read_only(postgresql_url: str) -> None:
    """On a read-only connection, for example to a standby, every call fails."""
    engine = sa.create_engine(postgresql_url)
    options = {"options": "-c default_transaction_read_only=on"}
    read_only = sa.create_engine(postgresql_url, connect_args=options)
    store = SQLAlchemyStore(engine)
    store.create_table()
    app = App(store=store)
    phone = app.enroll(ACCOUNT)
    before = store.load(ACCOUNT)
    assert_refuses_all(app.other(store=SQLAlchemyStore(read_only)), phone, "InternalError")
    assert_recovered(app, phone, before)
    app.auth.forget(ACCOUNT)
    for each in (engine, read_only):
        each.dispose()


@pytest.mark.proves("T34")
def test_no_postgresql() -> None:
    """Without a PostgreSQL server every call fails."""
    engine = sa.create_engine(f"postgresql+psycopg://totpkit@{HOST}:{free_port()}/canary")
    assert_fails(
        lambda: App(store=SQLAlchemyStore(engine)).auth.verify(ACCOUNT, "000000"), "OperationalError"
    )
