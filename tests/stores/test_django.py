"""DjangoStore on SQLite, PostgreSQL and MariaDB: forks, threads, logs, connections, settings.

The tests of callers' transactions are in test_callers_transaction.
"""

import asyncio
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pymysql
import pytest
from django.db import connections
from django.test import override_settings

from tests.stores.test_failing_stores import ACCOUNT, assert_fails, assert_recovered, assert_survives
from tests.support.authenticators import App
from tests.support.database_servers import HOST, free_port, postgresql_at, running_postgresql
from tests.support.django_project import configured, database, options_of
from totpkit import InvalidParameterError, Store
from totpkit.stores.django import DjangoStore
from totpkit.stores.threaded import ThreadedStore
from totpkit.testing import StoreContract

KEPT: dict[str, Any] = {"CONN_MAX_AGE": None}
"""Connections stay open between calls."""


@contextmanager
def store_on(options: dict[str, Any], **more: Any) -> Iterator[DjangoStore]:
    """Give a store with its table, on a database with these options."""
    with database(uuid4().hex, **options, **more) as alias, closing(DjangoStore(alias)) as store:
        store.create_table()
        yield store


class OnAlias(StoreContract):
    """The suite for stores on one database. Each thread has its own store."""

    stores: list[DjangoStore]

    def make_store(self) -> Store:
        """Return a store on the test's database."""
        self.stores.append(DjangoStore(self.stores[0]._using))
        return self.stores[-1]

    def use(self, url: str, **more: Any) -> Iterator[None]:
        """Provide the database for one test."""
        with store_on(options_of(url, **more)) as first:
            self.stores = [first]
            yield
            for store in self.stores:
                store.close()


class TestSQLite(OnAlias):
    """A SQLite file passes the suite."""

    @pytest.fixture(autouse=True)
    def _database(self, tmp_path: Path) -> Iterator[None]:
        yield from self.use(f"sqlite:///{tmp_path}/x.db")


class TestPostgreSQL(OnAlias):
    """PostgreSQL passes the suite."""

    @pytest.fixture(autouse=True, params=[{}, KEPT], ids=["", "kept"])
    def _database(self, request: pytest.FixtureRequest, postgresql_url: str) -> Iterator[None]:
        yield from self.use(postgresql_url, **request.param)


class TestOneStore(OnAlias):
    """PostgreSQL passes the suite with one store for all threads, which share its connections."""

    @pytest.fixture(autouse=True)
    def _database(self, postgresql_url: str) -> Iterator[None]:
        yield from self.use(postgresql_url, **KEPT)

    def make_store(self) -> Store:
        """Return the test's store."""
        return self.stores[0]


class TestMariaDB(OnAlias):
    """MariaDB passes the suite. Connections stay open, because PyMySQL connects slowly."""

    @pytest.fixture(autouse=True)
    def _database(self, mariadb_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setattr(pymysql, "version_info", (2, 2, 7, "final", 0))  # the version of mysqlclient
        pymysql.install_as_MySQLdb()
        yield from self.use(mariadb_url, **KEPT)


@pytest.fixture
def file(tmp_path: Path) -> dict[str, Any]:
    """Give the options of a SQLite file that does not exist yet."""
    return options_of(f"sqlite:///{tmp_path}/x.db")


@pytest.fixture(params=["sqlite", "postgresql"])
def options(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Give the options of a database of each kind in turn."""
    if request.param == "sqlite":
        options: dict[str, Any] = request.getfixturevalue("file")
        return options
    return options_of(request.getfixturevalue("postgresql_url"))


@pytest.fixture
def store(options: dict[str, Any]) -> Iterator[DjangoStore]:
    """Give a store on each kind of database in turn."""
    with store_on(options) as store:
        yield store


@pytest.fixture
def kept(postgresql_url: str) -> Iterator[DjangoStore]:
    """Give a store in PostgreSQL that keeps its connections open."""
    with store_on(options_of(postgresql_url), **KEPT) as store:
        yield store


@pytest.mark.proves("T12")
def test_autocommit_off(options: dict[str, Any], account: str) -> None:
    """With ``AUTOCOMMIT = False``, a rollback of the caller does not undo the store's writes either."""
    with store_on(options, AUTOCOMMIT=False) as store, closing(DjangoStore(store._using)) as other:
        assert store.swap(account, None, b"one") is True
        connections[store._using].rollback()
        assert other.load(account) == b"one"


# Bound values and logs.

CANARY = b"a record with a canary in it"


def leaks(text: str) -> list[str]:
    """Return the forms of the canary that the text contains."""
    forms = ("canary", CANARY.hex(), repr(CANARY), ACCOUNT.encode().hex())
    return [form for form in forms if form in text]


@pytest.mark.proves("T22")
def test_debug(
    options: dict[str, Any], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under ``DEBUG``, Django's query list and log contain no account id and no record."""
    connected: list[Any] = []
    create_connection = connections.create_connection

    def recorded(alias: str) -> Any:
        connected.append(create_connection(alias))
        return connected[-1]

    monkeypatch.setattr(connections, "create_connection", recorded)
    with override_settings(DEBUG=True), caplog.at_level(logging.DEBUG), store_on(options, **KEPT) as store:
        store.swap(ACCOUNT, None, CANARY)
        store.swap(ACCOUNT, None, CANARY)
        store.swap(ACCOUNT, CANARY, CANARY + b"!")
        store.load(ACCOUNT)
        store.swap(ACCOUNT, CANARY + b"!", None)
        with connections[store._using].cursor() as cursor:
            cursor.execute("SELECT %s", ("of the caller",))
        queries = [query for each in (*connected, connections[store._using]) for query in each.queries_log]
    assert len(connected) > 1
    assert "of the caller" in caplog.text  # so the log works
    assert any("of the caller" in query["sql"] for query in queries)
    assert leaks(caplog.text) == leaks(str(queries)) == []


@pytest.mark.proves("T22")
def test_server_log(tmp_path: Path) -> None:
    """A lost race at the first write is not an error to PostgreSQL, whose log contains bound values."""
    tmp_path.chmod(0o755)
    with running_postgresql() as server:
        with store_on(options_of(postgresql_at(server))) as store:
            assert store.swap(ACCOUNT, None, CANARY) is True
            assert store.swap(ACCOUNT, None, CANARY) is False
            with suppress(Exception), connections[store._using].cursor() as cursor:
                cursor.execute("SELECT %s::int", ("of the caller",))
        log = Path(server._folder, "log").read_text()
        assert "of the caller" in log
        assert leaks(log) == []


# Threads, forks, event loops.


def test_threads_share_connections(kept: DjangoStore, account: str) -> None:
    """A connection that one thread opened is used by the next, so ended threads leave none behind."""
    kept.swap(account, None, b"record")
    for _ in range(5):
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(kept.load, account).result() == b"record"
    assert len(kept._idle_connections()) == 1


def test_not_kept(store: DjangoStore, account: str) -> None:
    """By default no connection stays open between calls."""
    store.swap(account, None, b"record")
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(store.load, [account] * 20)) == {b"record"}
    assert {each.connection for each in store._idle_connections()} == {None}


def test_sqlite_never_kept(file: dict[str, Any]) -> None:
    """``CONN_MAX_AGE`` does not apply to SQLite, because a child must not inherit an open file."""
    with store_on(file, **KEPT) as store:
        assert {each.connection for each in store._idle_connections()} == {None}


def test_close(kept: DjangoStore, account: str) -> None:
    """A closed store opens new connections."""
    (connection,) = kept._idle_connections()
    assert connection.connection is not None
    kept.close()
    assert (connection.connection, kept._idle_connections()) == (None, [])
    assert kept.swap(account, None, b"record") is True


FORKS = """
import os, sys
from tests.support.django_project import configured, database, options_of
from totpkit.stores.django import DjangoStore

def backend(store):
    (connection,) = store._idle_connections()
    return connection.connection.info.backend_pid

with database("forked", **options_of(sys.argv[1], CONN_MAX_AGE=None)) as alias:
    store = DjangoStore(alias)
    store.create_table()
    store.swap(sys.argv[2], None, b"0")
    here = backend(store)
    for turn in range(3):
        child = os.fork()
        if not child:
            assert store.swap(sys.argv[2], b"%d" % turn, b"%d" % (turn + 1))
            assert backend(store) != here
            {ending}
        assert os.waitpid(child, 0)[1] == 0
        assert store.load(sys.argv[2]) == b"%d" % (turn + 1)
        assert backend(store) == here
    store.close()
print("done")
"""


@pytest.mark.parametrize("ending", ["os._exit(0)", "store.close(); sys.exit(0)"])
def test_fork(postgresql_url: str, account: str, ending: str) -> None:
    """A child process opens its own connections and does not touch its parent's."""
    code = FORKS.replace("{ending}", ending)
    # psycopg warns about open connections at exit, even in a child that must not close them.
    command = [sys.executable, "-W", "ignore::ResourceWarning", "-c", code, postgresql_url, account]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("done\n", "")


def test_event_loop(store: DjangoStore, account: str) -> None:
    """In an event loop, where Django refuses to work, a call fails; in a worker thread it works."""

    async def work() -> bytes | None:
        assert_fails(lambda: store.load(account), "SynchronousOnlyOperation")
        threaded = ThreadedStore(store)
        assert await threaded.swap(account, None, b"record")
        return await threaded.load(account)

    assert asyncio.run(work()) == b"record"


# Connections that break or become too old.


@pytest.mark.proves("T34")
def test_postgresql_stopped() -> None:
    """While PostgreSQL is stopped, every call fails."""
    with running_postgresql() as server, store_on(options_of(postgresql_at(server))) as store:
        assert_survives(store, server.stopped(), "OperationalError")


@pytest.mark.proves("T34")
@pytest.mark.parametrize("checks", [True, False])
def test_postgresql_restarted(*, checks: bool) -> None:
    """After a restart a kept connection fails once, or never with ``CONN_HEALTH_CHECKS``."""
    with (
        running_postgresql() as server,
        store_on(options_of(postgresql_at(server)), CONN_HEALTH_CHECKS=checks, **KEPT) as store,
    ):
        app = App(store=store)
        phone = app.enroll(ACCOUNT)
        before = store.load(ACCOUNT)
        with server.stopped():
            pass
        if not checks:
            assert_fails(lambda: app.auth.verify(ACCOUNT, phone.code()), "AdminShutdown")
        assert_recovered(app, phone, before)


def test_obsolete(postgresql_url: str, account: str) -> None:
    """A kept connection older than ``CONN_MAX_AGE`` is replaced."""
    with store_on(options_of(postgresql_url), CONN_MAX_AGE=3600) as store:
        (connection,) = store._idle_connections()
        first = connection.connection
        store.load(account)
        assert connection.connection is first
        connection.close_at = 0.0
        store.load(account)
        assert connection.connection not in (None, first)


@pytest.mark.proves("T34")
def test_no_postgresql() -> None:
    """Without a PostgreSQL server every call fails."""
    with database(uuid4().hex, **options_of(f"postgresql://totpkit@{HOST}:{free_port()}/canary")) as alias:
        app = App(store=DjangoStore(alias))
        assert_fails(lambda: app.auth.verify(ACCOUNT, "000000"), "OperationalError")


def test_interrupted(kept: DjangoStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupt passes unchanged, and the connection is not used again."""
    (connection,) = kept._idle_connections()

    def create_cursor() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(connection, "create_cursor", create_cursor)
    with pytest.raises(KeyboardInterrupt):
        kept.load("a")
    assert (connection.connection, kept._idle_connections()) == (None, [])


def test_close_fails(kept: DjangoStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that fails to close is a failure like any other."""
    (connection,) = kept._idle_connections()
    original = connection.close

    def close() -> None:
        original()
        raise RuntimeError("secret details")

    monkeypatch.setattr(connection, "close", close)
    assert_fails(kept.close, "RuntimeError")
    assert kept._idle_connections() == []


# The table.


def test_no_table(store: DjangoStore) -> None:
    """Without its table, a call fails with only the name of the driver's class."""
    vendor = connections[store._using].vendor
    name = {"sqlite": "OperationalError", "postgresql": "UndefinedTable"}[vendor]
    with closing(DjangoStore(store._using, table="missing")) as other:
        assert_fails(lambda: other.load(ACCOUNT), name)
        assert_fails(lambda: other.swap(ACCOUNT, None, CANARY), name)


def test_own_table(store: DjangoStore, account: str) -> None:
    """Stores on different tables share no records, and both columns contain bytes."""
    with closing(DjangoStore(store._using, table="Other")) as other:
        other.create_table()
        assert other.swap(account, None, b"record") is True
        assert store.load(account) is None
    with connections[store._using].cursor() as cursor:
        cursor.execute('SELECT account_id, record FROM "Other"')
        found = [tuple(bytes(value) for value in row) for row in cursor.fetchall()]
        cursor.execute('DROP TABLE "Other"')
    assert found == [(account.encode(), b"record")]


def test_table_created_at_once(store: DjangoStore, account: str) -> None:
    """Several threads can create the table at the same time."""
    table = f"t{uuid4().hex}"
    barrier = threading.Barrier(8)

    def create(_: int) -> None:
        with closing(DjangoStore(store._using, table=table)) as other:
            barrier.wait()
            other.create_table()
            other.load(account)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(create, range(8))) == [None] * 8


def test_table_exists(postgresql_url: str) -> None:
    """A user who may not create tables gets an error only if the table is missing."""
    read_only = {"OPTIONS": {"options": "-c default_transaction_read_only=on"}}
    with (
        store_on(options_of(postgresql_url)),
        database(uuid4().hex, **options_of(postgresql_url, **read_only)) as alias,
    ):
        DjangoStore(alias).create_table()
        assert_fails(DjangoStore(alias, table="missing").create_table, "ReadOnlySqlTransaction")


@pytest.mark.parametrize(
    "table", ["", "a b", 'a"b', "1a", "a.b", "a%s", "\u00e4", "a\n", "a" * 64, None, 5, b"a"]
)
def test_table_refused(table: Any) -> None:
    """A table name that Django cannot quote safely is refused, and so is anything but a str."""
    with pytest.raises(InvalidParameterError, match=r"^table must be 1 to 63 ASCII letters"):
        DjangoStore(table=table)


# Settings.


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"NAME": ":memory:"}, "must name a SQLite database in a file"),
        ({"NAME": "file::memory:?cache=shared"}, "must name a SQLite database in a file"),
        (
            {"NAME": "file:memorydb_default?mode=memory&cache=shared"},
            "must name a SQLite database in a file",
        ),
        ({"NAME": "file:/x?vfs=memdb"}, "must name a SQLite database in a file"),
        ({"ENGINE": "django.db.backends.dummy"}, "must name a PostgreSQL, MySQL, MariaDB or SQLite database"),
    ],
)
def test_database_refused(options: dict[str, Any], problem: str) -> None:
    """A database in memory, as Django's test runner uses it, or of an untested kind is refused."""
    with database(uuid4().hex, **{"ENGINE": "django.db.backends.sqlite3", **options}) as alias:
        for work in (DjangoStore(alias).create_table, lambda alias=alias: DjangoStore(alias).load("a")):
            with pytest.raises(InvalidParameterError, match=f"^using {problem}"):
                work()


def test_unknown_alias() -> None:
    """An alias that is not in the settings is refused at the first call, because it may be added later."""
    configured()
    store = DjangoStore("missing")
    with pytest.raises(InvalidParameterError, match=r"^using must be an alias in DATABASES$") as caught:
        store.load("a")
    assert caught.value.__cause__ is None


def test_settings_change(store: DjangoStore, account: str, tmp_path: Path) -> None:
    """A store follows changed settings, and never uses the old database."""
    assert store.swap(account, None, b"record") is True
    other = options_of(f"sqlite:///{tmp_path}/test.db")
    connections.settings[store._using].update(other, **KEPT)
    assert_fails(lambda: store.load(account), "OperationalError")
    store.create_table()
    assert store.load(account) is None


def test_settings_change_while_kept(kept: DjangoStore, account: str, tmp_path: Path) -> None:
    """Changed settings also apply if connections are open."""
    kept.swap(account, None, b"record")
    (connection,) = kept._idle_connections()
    connections.settings[kept._using].update(options_of(f"sqlite:///{tmp_path}/test.db"))
    kept.create_table()
    assert kept.load(account) is None
    assert connection.connection is None


def test_settings_untouched() -> None:
    """Importing the module and creating a store needs no settings; a call does."""
    code = """
from django.core.exceptions import ImproperlyConfigured
from totpkit.stores.django import DjangoStore

store = DjangoStore(using="totp")
try:
    store.load("a")
except ImproperlyConfigured:
    print("not configured")
"""
    command = [sys.executable, "-W", "error", "-c", code]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"not configured\n"
