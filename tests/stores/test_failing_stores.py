"""Stores that fail for real: an error that says nothing, no acceptance, and nothing lost."""

import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import redis
import sqlalchemy as sa
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests._account.test_kill import is_back
from tests.support.authenticators import App, wrong
from tests.support.database_servers import (
    HOST,
    free_port,
    postgresql_at,
    running_postgresql,
    running_redis,
    wait_until,
)
from totpkit import Store, StoreError
from totpkit.stores.redis import RedisStore
from totpkit.stores.sqlalchemy import SQLAlchemyStore
from totpkit.stores.sqlite import SQLiteStore
from totpkit.testing import SoftPhone

ACCOUNT = "canary-account"


def fails(work: Callable[[], object], name: str) -> None:
    """Check that *work* raises an error that names the driver's class and knows nothing else."""
    with pytest.raises(StoreError) as caught:
        work()
    error = caught.value
    said = f"the store did not answer: {name}"
    assert (error.args, error.__cause__, error.__context__, vars(error)) == ((said,), None, None, {})


def refuses_all(app: App, phone: SoftPhone, name: str) -> None:
    """Check that nothing is answered while the store fails."""
    fails(lambda: app.auth.verify(ACCOUNT, phone.code()), name)
    fails(lambda: app.auth.verify(ACCOUNT, wrong(phone)), name)
    fails(lambda: app.auth.begin_enrollment(ACCOUNT, "canary-label", "canary-binding"), name)
    fails(lambda: app.auth.redeem_recovery_code(ACCOUNT, "0000-0000-0000-0000"), name)
    fails(lambda: app.auth.revoke(ACCOUNT), name)


def goes_on(app: App, phone: SoftPhone, before: bytes | None) -> None:
    """Check that afterwards everything is as it was, and the same code is still good."""
    assert app.store.load(ACCOUNT) == before
    assert app.auth.verify(ACCOUNT, phone.code())
    assert app.events != []


# SQLite.


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give the path of a file that is not there yet."""
    return tmp_path / "canary.db"


@pytest.mark.proves("T34")
def test_directory(tmp_path: Path) -> None:
    """A directory is no store, nor is a path through a file or through nothing."""
    fails(lambda: SQLiteStore(tmp_path), "OperationalError")
    Path(tmp_path, "file").touch()
    fails(lambda: SQLiteStore(tmp_path / "file" / "x.db"), "NotADirectoryError")
    fails(lambda: SQLiteStore(tmp_path / "no" / "x.db"), "FileNotFoundError")


@pytest.mark.proves("T34")
def test_no_database(path: Path) -> None:
    """A file of another kind is not touched."""
    path.write_bytes(b"canary, and no database at all" * 1000)
    before = path.read_bytes()
    fails(lambda: SQLiteStore(path), "DatabaseError")
    assert path.read_bytes() == before


@pytest.mark.proves("T34")
def test_corrupted(path: Path) -> None:
    """A database whose pages were overwritten fails; it accepts nobody."""
    with closing(SQLiteStore(path)) as store:
        app = App(store=store)
        phone = app.enroll(ACCOUNT)
    raw = bytearray(path.read_bytes())
    raw[4096:] = bytes(byte ^ 0x55 for byte in raw[4096:])
    path.write_bytes(raw)
    with closing(SQLiteStore(path)):
        refuses_all(app, phone, "DatabaseError")


@pytest.mark.proves("T34")
def test_locked(path: Path) -> None:
    """While somebody else holds the file nothing is spent and nothing is counted."""
    with closing(SQLiteStore(path, timeout=0.05)) as store, closing(sqlite3.connect(path)) as other:
        app = App(store=store)
        phone = app.enroll(ACCOUNT)
        before = store.load(ACCOUNT)
        other.execute("BEGIN IMMEDIATE")
        refuses_all(app, phone, "OperationalError")
        assert app.events == []
        other.rollback()
        goes_on(app, phone, before)


LIMITS_BIND = """
import os, resource, sys
from tests.support.authenticators import App, wrong
from tests.stores.test_failing_stores import ACCOUNT, goes_on, refuses_all
from totpkit import Policy, Reason, Rejected, StoreError, Throttle
from totpkit.stores.sqlite import SQLiteStore

folder = sys.argv[1]
if os.geteuid() == 0:  # whom no mode stops
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
    """When the disk is full: errors, and once there is room again every answered failure is counted."""
    where_limits_bind("""
another = SQLiteStore(path)  # which keeps the log from being emptied
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
refuses_all(app, phone, "OperationalError")
assert app.events == []
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
assert app.auth.status(ACCOUNT).failures == answered
goes_on(app, phone, before)
""")


@pytest.mark.proves("T34")
def test_read_only() -> None:
    """A file that may only be read: errors, nothing accepted; when it may be written again, it goes on."""
    where_limits_bind("""
before = store.load(ACCOUNT)
store.close()
os.chmod(path, 0o400)
refuses_all(app, phone, "PermissionError")
os.chmod(path, 0o600)
os.chmod(folder, 0o500)
refuses_all(app, phone, "OperationalError")
os.chmod(folder, 0o700)
goes_on(app, phone, before)
""")


def where_limits_bind(code: str) -> None:
    """Run the code in a process that limits bind, on an account of its own."""
    with tempfile.TemporaryDirectory(prefix="totpkit-") as folder:
        command = [sys.executable, "-W", "error", "-c", LIMITS_BIND + code, folder]
        # Where coverage is measured, the limits would bind it too.
        environ = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
    assert done.stderr == ""
    assert done.returncode == 0


# Redis.


@contextmanager
def redis_store(port: int) -> Iterator[Store]:
    """Give a store whose client tries once."""
    with redis.Redis(HOST, port, retry=Retry(NoBackoff(), 0)) as client:
        yield RedisStore(client)


@pytest.mark.proves("T34")
def test_redis_full() -> None:
    """When Redis may take no more memory: errors, and nothing is thrown out to make room."""
    with (
        running_redis() as server,
        redis_store(server.port) as store,
        redis.Redis(HOST, server.port) as client,
    ):
        app = App(store=store)
        phone = app.enroll(ACCOUNT)
        before = store.load(ACCOUNT)
        client.config_set("maxmemory", 1)
        refuses_all(app, phone, "OutOfMemoryError")
        client.config_set("maxmemory", 0)
        goes_on(app, phone, before)


@pytest.mark.proves("T34")
def test_redis_stopped() -> None:
    """While Redis is stopped: errors; when it is back, everything is as it was."""
    with running_redis() as server, redis_store(server.port) as store:
        app = App(store=store)
        phone = app.enroll(ACCOUNT)
        before = store.load(ACCOUNT)
        server.stop()
        refuses_all(app, phone, "ConnectionError")
        server.start()
        goes_on(app, phone, before)


@pytest.mark.proves("T34")
def test_redis_silent() -> None:
    """While Redis says nothing: errors, as soon as the client loses patience."""
    with running_redis() as server:
        options = {"socket_timeout": 0.2, "retry": Retry(NoBackoff(), 0)}
        with redis.Redis(HOST, server.port, **options) as client:
            app = App(store=RedisStore(client))
            phone = app.enroll(ACCOUNT)
            before = app.store.load(ACCOUNT)
            with server.paused():
                fails(lambda: app.auth.verify(ACCOUNT, phone.code()), "TimeoutError")
            goes_on(app, phone, before)


@pytest.mark.proves("T34")
def test_no_redis() -> None:
    """With no Redis at all: errors."""
    with redis_store(free_port()) as store:
        fails(lambda: App(store=store).auth.verify(ACCOUNT, "000000"), "ConnectionError")


# PostgreSQL.


@pytest.mark.proves("T34")
def test_postgresql_stopped() -> None:
    """While PostgreSQL is stopped: errors; when it is back, everything is as it was."""
    with running_postgresql() as server:
        engine = sa.create_engine(postgresql_at(server))
        store = SQLAlchemyStore(engine)
        store.create_table()
        app = App(store=store)
        phone = app.enroll(ACCOUNT)
        before = store.load(ACCOUNT)
        server.stop()
        refuses_all(app, phone, "OperationalError")
        server.start()
        wait_until(lambda: is_back(store))
        goes_on(app, phone, before)
        engine.dispose()


@pytest.mark.proves("T34")
def test_postgresql_read_only(postgresql_url: str) -> None:
    """On a standby, or wherever it may only be read: errors, nothing accepted."""
    engine = sa.create_engine(postgresql_url)
    only_reads = sa.create_engine(
        postgresql_url, connect_args={"options": "-c default_transaction_read_only=on"}
    )
    store = SQLAlchemyStore(engine)
    store.create_table()
    app = App(store=store)
    phone = app.enroll(ACCOUNT)
    before = store.load(ACCOUNT)
    refuses_all(app.other(store=SQLAlchemyStore(only_reads)), phone, "InternalError")
    goes_on(app, phone, before)
    app.auth.forget(ACCOUNT)
    for each in (engine, only_reads):
        each.dispose()


@pytest.mark.proves("T34")
def test_no_postgresql() -> None:
    """With no PostgreSQL at all, or no such database: errors."""
    engine = sa.create_engine(f"postgresql+psycopg://totpkit@{HOST}:{free_port()}/canary")
    fails(lambda: App(store=SQLAlchemyStore(engine)).auth.verify(ACCOUNT, "000000"), "OperationalError")
