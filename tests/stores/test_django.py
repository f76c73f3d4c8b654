"""DjangoStore, on SQLite, PostgreSQL and MariaDB: transactions, forks, threads, logs, changed settings."""

import asyncio
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import pymysql
import pytest
from django.core.handlers.base import BaseHandler
from django.db import connections, transaction
from django.http import HttpRequest, HttpResponse
from django.test import override_settings

from tests.stores.test_failing_stores import ACCOUNT, fails, goes_on, refuses_all
from tests.support.authenticators import App, wrong
from tests.support.database_servers import HOST, free_port, postgresql_at, running_postgresql
from tests.support.django_project import configured, database, options_of
from totpkit import InvalidParameterError, Reason, Rejected, Store, StoreError
from totpkit.stores.django import DjangoStore
from totpkit.stores.threaded import ThreadedStore
from totpkit.testing import StoreContract

KEPT: dict[str, Any] = {"CONN_MAX_AGE": None}
"""Connections are kept between calls."""


class OnAlias(StoreContract):
    """The suite for stores on one database, with a store of its own for each thread."""

    alias: str
    stores: list[DjangoStore]

    def make_store(self) -> Store:
        """Return a store on the database of the test."""
        self.stores.append(DjangoStore(self.alias))
        return self.stores[-1]

    def use(self, url: str, **more: Any) -> Iterator[None]:
        """Provide the database while the test runs."""
        with database(uuid4().hex, **options_of(url, **more)) as self.alias:
            self.stores = []
            with closing(DjangoStore(self.alias)) as first:
                first.create_table()
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
    """PostgreSQL passes the suite with one store for all threads, whose connections go round among them."""

    @pytest.fixture(autouse=True)
    def _database(self, postgresql_url: str) -> Iterator[None]:
        yield from self.use(postgresql_url, **KEPT)

    def make_store(self) -> Store:
        """Return the store of the test."""
        return self.stores[0] if self.stores else super().make_store()


class TestMariaDB(OnAlias):
    """MariaDB passes the suite, with connections that are kept: PyMySQL takes long to make one."""

    @pytest.fixture(autouse=True)
    def _database(self, mariadb_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setattr(pymysql, "version_info", (2, 2, 7, "final", 0))  # of mysqlclient
        pymysql.install_as_MySQLdb()
        yield from self.use(mariadb_url, **KEPT)


@pytest.fixture
def file(tmp_path: Path) -> dict[str, Any]:
    """Give the options of a SQLite file that is not there yet; nobody waits long for it."""
    return options_of(f"sqlite:///{tmp_path}/x.db", OPTIONS={"timeout": 0.1})


@pytest.fixture(params=["sqlite", "postgresql"])
def options(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Give the options of a database of each kind in turn."""
    if request.param == "sqlite":
        found: dict[str, Any] = request.getfixturevalue("file")
        return found
    return options_of(request.getfixturevalue("postgresql_url"))


@pytest.fixture
def alias(options: dict[str, Any]) -> Iterator[str]:
    """Give the alias of a database of each kind in turn."""
    with database(uuid4().hex, **options) as alias:
        yield alias


@pytest.fixture
def store(alias: str) -> Iterator[DjangoStore]:
    """Give a store on each kind of database in turn, with its table."""
    with closing(DjangoStore(alias)) as store:
        store.create_table()
        yield store


@pytest.fixture
def kept(postgresql_url: str) -> Iterator[DjangoStore]:
    """Give a store in PostgreSQL that keeps its connections."""
    with (
        database(uuid4().hex, **options_of(postgresql_url, **KEPT)) as alias,
        closing(DjangoStore(alias)) as store,
    ):
        store.create_table()
        yield store


# Transactions of a caller.


class Undo(Exception):  # noqa: N818 - it is not an error
    """What a caller raises to roll back."""


@pytest.fixture
def callers(store: DjangoStore, alias: str, tmp_path: Path) -> Iterator[str]:
    """Give the alias of a caller's database: the store's too, or with SQLite a file of its own."""
    assert store
    if connections[alias].vendor == "sqlite":
        with database(uuid4().hex, **options_of(f"sqlite:///{tmp_path}/callers.db")) as own:
            yield own
    else:
        yield alias


@pytest.fixture
def visits(callers: str) -> Iterator[str]:
    """Give the name of a table of the caller's own."""
    name = f"visits_{uuid4().hex}"
    with connections[callers].cursor() as cursor:
        cursor.execute(f"CREATE TABLE {name} (name text)")
        yield name
        cursor.execute(f"DROP TABLE {name}")


def visit(alias: str, table: str) -> None:
    """Write a row of the caller's own, in its transaction."""
    assert connections[alias].in_atomic_block
    with connections[alias].cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} VALUES ('alice')")  # noqa: S608


def rows(alias: str, table: str) -> int:
    """Return how many rows the caller has."""
    with connections[alias].cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table}")  # noqa: S608
        return len(cursor.fetchall())


@pytest.mark.proves("T12")
@pytest.mark.parametrize("right", [True, False])
def test_rolled_back(
    store: DjangoStore, alias: str, account: str, callers: str, visits: str, *, right: bool
) -> None:
    """A caller's ``atomic`` that is rolled back keeps the spent code and the failure (CVE-2026-35597)."""
    app = App(store=store)
    phone = app.enroll(account)
    code = phone.code() if right else wrong(phone)
    with suppress(Undo), transaction.atomic(using=alias), transaction.atomic(using=callers):
        visit(callers, visits)
        assert bool(app.auth.verify(account, code)) is right
        raise Undo
    assert rows(callers, visits) == 0
    if right:
        assert app.auth.verify(account, code) == Rejected(Reason.REPLAYED)
    assert app.auth.status(account).failures == 1


@pytest.mark.proves("T12")
def test_atomic_requests(store: DjangoStore, alias: str, account: str, callers: str, visits: str) -> None:
    """Nor does ``ATOMIC_REQUESTS`` bring back guesses, or a code, when the view raises."""
    app = App(store=store)
    phone = app.enroll(account)
    code = phone.code()
    asked = []

    def view(_: HttpRequest) -> HttpResponse:
        visit(callers, visits)
        asked.append(app.auth.verify(account, code))
        asked.append(app.auth.verify(account, wrong(phone)))
        raise Undo

    for each in {alias, callers}:
        connections.settings[each]["ATOMIC_REQUESTS"] = True
    for _ in range(2):
        with pytest.raises(Undo):
            BaseHandler().make_view_atomic(view)(HttpRequest())
    assert rows(callers, visits) == 0
    assert [bool(answer) for answer in asked] == [True, False, False, False]
    assert asked[2] == Rejected(Reason.REPLAYED)
    assert app.auth.status(account).failures == 3


@pytest.mark.proves("T12")
def test_committed(store: DjangoStore, account: str, callers: str, visits: str) -> None:
    """Where the caller commits, both stand."""
    app = App(store=store)
    phone = app.enroll(account)
    with transaction.atomic(using=callers):
        visit(callers, visits)
        assert app.auth.verify(account, phone.code())
    assert rows(callers, visits) == 1
    assert app.auth.verify(account, phone.code()) == Rejected(Reason.REPLAYED)


@pytest.mark.proves("T12", "T34")
def test_caller_in_the_way(file: dict[str, Any]) -> None:
    """A caller that holds SQLite's only write lock is not answered; nothing is spent, nothing is counted."""
    with database(uuid4().hex, **file) as alias:
        store = DjangoStore(alias)
        store.create_table()
        app = App(store=store)
        phone = app.enroll(ACCOUNT)
        before = store.load(ACCOUNT)
        app.events.clear()
        with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
            cursor.execute("CREATE TABLE visits (name text)")
            refuses_all(app, phone, "OperationalError")
        assert app.events == []
        goes_on(app, phone, before)


def test_autocommit_off(options: dict[str, Any], account: str) -> None:
    """``AUTOCOMMIT`` is the store's own: where Django's connections have it off, its writes stand."""
    with (
        database(uuid4().hex, **options, AUTOCOMMIT=False) as alias,
        closing(DjangoStore(alias)) as store,
        closing(DjangoStore(alias)) as other,
    ):
        store.create_table()
        assert store.swap(account, None, b"one") is True
        assert other.load(account) == b"one"


# What was bound stays out of logs.

CANARY = b"a record with a canary in it"


def told(text: str) -> list[str]:
    """Return in which of its forms the canary is told."""
    forms = ("canary", CANARY.hex(), repr(CANARY), ACCOUNT.encode().hex())
    return [form for form in forms if form in text]


@pytest.mark.proves("T22")
@pytest.mark.parametrize("options", ["sqlite", "postgresql"], indirect=True)
def test_debug(options: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    """Under ``DEBUG`` Django's list of queries and its log hold no account id and no record."""
    connected: list[Any] = []
    with (
        database(uuid4().hex, **options, **KEPT) as alias,
        closing(DjangoStore(alias)) as store,
        override_settings(DEBUG=True),
        caplog.at_level(logging.DEBUG),
    ):
        caplog.clear()
        made = connections.create_connection

        def watched(alias: str) -> Any:
            connected.append(made(alias))
            return connected[-1]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(connections, "create_connection", watched)
            store.create_table()
            store.swap(ACCOUNT, None, CANARY)
            store.swap(ACCOUNT, None, CANARY)
            store.swap(ACCOUNT, CANARY, CANARY + b"!")
            store.load(ACCOUNT)
            store.swap(ACCOUNT, CANARY + b"!", None)
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT %s", ("of the caller",))
        queries = [query for each in (*connected, connections[alias]) for query in each.queries_log]
    assert connected
    assert "of the caller" in caplog.text  # so it was listened to
    assert any("of the caller" in query["sql"] for query in queries)
    assert told(caplog.text) == []
    assert told(str(queries)) == []


@pytest.mark.proves("T22")
def test_server_log(tmp_path: Path) -> None:
    """A first write that comes second is no error to PostgreSQL, which logs those with what was bound."""
    tmp_path.chmod(0o755)
    with running_postgresql() as server:
        with (
            database(uuid4().hex, **options_of(postgresql_at(server))) as alias,
            closing(DjangoStore(alias)) as store,
        ):
            store.create_table()
            assert store.swap(ACCOUNT, None, CANARY) is True
            assert store.swap(ACCOUNT, None, CANARY) is False
            with suppress(Exception), connections[alias].cursor() as cursor:
                cursor.execute("SELECT %s::int", ("of the caller",))
        log = Path(server._folder, "log").read_text()
        assert "of the caller" in log
        assert told(log) == []


# Threads, forks, event loops.


def test_no_thread_of_its_own(kept: DjangoStore, account: str) -> None:
    """A connection that one thread opened serves the next, so that ended threads leave none behind."""
    kept.swap(account, None, b"record")
    for _ in range(5):
        found: list[bytes | None] = []
        thread = threading.Thread(target=lambda found=found: found.append(kept.load(account)))
        thread.start()
        thread.join()
        assert found == [b"record"]
    assert len(kept._at_rest()) == 1


def test_not_kept(store: DjangoStore, account: str) -> None:
    """By default, and to SQLite always, no connection stays open between calls."""
    store.swap(account, None, b"record")
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(store.load, [account] * 20)) == {b"record"}
    assert {each.connection for each in store._at_rest()} == {None}


def test_sqlite_never_kept(file: dict[str, Any]) -> None:
    """An open SQLite file must not come to a child, so ``CONN_MAX_AGE`` does not hold for it."""
    with database(uuid4().hex, **file, **KEPT) as alias:
        store = DjangoStore(alias)
        store.create_table()
        assert {each.connection for each in store._at_rest()} == {None}


def test_close(kept: DjangoStore, account: str) -> None:
    """A store that was closed opens new connections."""
    (connection,) = kept._at_rest()
    assert connection.connection is not None
    kept.close()
    assert (connection.connection, kept._at_rest()) == (None, [])
    assert kept.swap(account, None, b"record") is True


FORKS = """
import os, sys
from tests.support.django_project import configured, database, options_of
from totpkit.stores.django import DjangoStore

def backend(store):
    (connection,) = store._at_rest()
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
    """A child opens its own connections, and leaves alone what its parent has open."""
    code = FORKS.replace("{ending}", ending)
    # psycopg warns of what is open at the end, also in a child that must not close it.
    command = [sys.executable, "-W", "ignore::ResourceWarning", "-c", code, postgresql_url, account]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("done\n", "")


def test_event_loop(store: DjangoStore, account: str) -> None:
    """Where Django refuses, in an event loop, the store fails; in a worker thread it answers."""

    async def work() -> bytes | None:
        fails(lambda: store.load(account), "SynchronousOnlyOperation")
        later = ThreadedStore(store)
        assert await later.swap(account, None, b"record")
        return await later.load(account)

    assert asyncio.run(work()) == b"record"


# Connections that break, and grow old.


@pytest.mark.proves("T34")
def test_postgresql_stopped() -> None:
    """While PostgreSQL is stopped: errors; when it is back, everything is as it was."""
    with (
        running_postgresql() as server,
        database(uuid4().hex, **options_of(postgresql_at(server))) as alias,
        closing(DjangoStore(alias)) as store,
    ):
        store.create_table()
        app = App(store=store)
        phone = app.enroll(ACCOUNT)
        before = store.load(ACCOUNT)
        server.stop()
        refuses_all(app, phone, "OperationalError")
        server.start()
        goes_on(app, phone, before)


@pytest.mark.proves("T34")
@pytest.mark.parametrize("checks", [True, False])
def test_postgresql_restarted(*, checks: bool) -> None:
    """A restart ends kept connections: each fails once, or with ``CONN_HEALTH_CHECKS`` never."""
    with (
        running_postgresql() as server,
        database(
            uuid4().hex, **options_of(postgresql_at(server), CONN_HEALTH_CHECKS=checks, **KEPT)
        ) as alias,
        closing(DjangoStore(alias)) as store,
    ):
        store.create_table()
        app = App(store=store)
        phone = app.enroll(ACCOUNT)
        before = store.load(ACCOUNT)
        server.stop()
        server.start()
        if not checks:
            fails(lambda: app.auth.verify(ACCOUNT, phone.code()), "AdminShutdown")
        goes_on(app, phone, before)


def test_obsolete(postgresql_url: str, account: str) -> None:
    """A kept connection that is older than ``CONN_MAX_AGE`` is replaced."""
    with (
        database(uuid4().hex, **options_of(postgresql_url, CONN_MAX_AGE=3600)) as alias,
        closing(DjangoStore(alias)) as store,
    ):
        store.create_table()
        (connection,) = store._at_rest()
        first = connection.connection
        store.load(account)
        assert connection.connection is first
        connection.close_at = 0.0
        store.load(account)
        assert connection.connection not in (None, first)


@pytest.mark.proves("T34")
def test_no_postgresql() -> None:
    """With no PostgreSQL at all: errors."""
    with database(uuid4().hex, **options_of(f"postgresql://totpkit@{HOST}:{free_port()}/canary")) as alias:
        fails(lambda: App(store=DjangoStore(alias)).auth.verify(ACCOUNT, "000000"), "OperationalError")


def test_no_table(store: DjangoStore, alias: str) -> None:
    """A table that was never made is an error that names the driver's class, and nothing else."""
    assert store
    name = {"sqlite": "OperationalError", "postgresql": "UndefinedTable"}[connections[alias].vendor]
    with closing(DjangoStore(alias, table="missing")) as other:
        fails(lambda: other.load(ACCOUNT), name)
        fails(lambda: other.swap(ACCOUNT, None, CANARY), name)


# The table.


def test_own_table(store: DjangoStore, alias: str, account: str) -> None:
    """Stores with different tables have nothing in common; each column holds bytes."""
    with closing(DjangoStore(alias, table="Other")) as other:
        other.create_table()
        assert other.swap(account, None, b"record") is True
        assert store.load(account) is None
    with connections[alias].cursor() as cursor:
        cursor.execute('SELECT account_id, record FROM "Other"')
        found = [tuple(bytes(value) for value in row) for row in cursor.fetchall()]
        cursor.execute('DROP TABLE "Other"')
    assert found == [(account.encode(), b"record")]


def test_table_made_at_once(alias: str, account: str) -> None:
    """Of many that make the table at the same moment none fails."""
    table = f"made_{uuid4().hex}"
    barrier = threading.Barrier(8)

    def make(_: int) -> None:
        with closing(DjangoStore(alias, table=table)) as store:
            barrier.wait()
            store.create_table()
            store.load(account)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(make, range(8))) == [None] * 8


def test_table_there_already(postgresql_url: str) -> None:
    """Who may make no table is glad of one that is there, and is told where there is none."""
    reads = {"OPTIONS": {"options": "-c default_transaction_read_only=on"}}
    with (
        database(uuid4().hex, **options_of(postgresql_url)) as writer,
        database(uuid4().hex, **options_of(postgresql_url, **reads)) as reader,
    ):
        DjangoStore(writer).create_table()
        DjangoStore(reader).create_table()
        fails(lambda: DjangoStore(reader, table="missing").create_table(), "ReadOnlySqlTransaction")


@pytest.mark.parametrize("table", ["", "a b", 'a"b', "1a", "a.b", "a%s", "\u00e4", "a\n", "a" * 64])
def test_table_refused(table: str) -> None:
    """A table's name that Django's quoting would not keep apart from the statement is refused."""
    with pytest.raises(InvalidParameterError, match=r"^table must be at most 63 ASCII letters"):
        DjangoStore(table=table)


# Settings.


@pytest.mark.parametrize(
    "name",
    [
        ":memory:",
        "file::memory:?cache=shared",
        "file:memorydb_default?mode=memory&cache=shared",
        "file:/x?vfs=memdb",
    ],
)
def test_memory_refused(name: str) -> None:
    """No SQLite database in memory is taken, that of Django's test runner neither."""
    with database(uuid4().hex, ENGINE="django.db.backends.sqlite3", NAME=name) as alias:
        for work in (DjangoStore(alias).create_table, lambda alias=alias: DjangoStore(alias).load("a")):
            with pytest.raises(InvalidParameterError, match=r"^using must be a database in a file"):
                work()


def test_other_kinds_refused() -> None:
    """A database whose binary columns nobody has tried is refused, and so is none at all."""
    with (
        database(uuid4().hex) as alias,
        pytest.raises(InvalidParameterError, match=r"^using must be a database of PostgreSQL, MySQL"),
    ):
        DjangoStore(alias).create_table()


def test_unknown_alias() -> None:
    """An alias that the settings don't have is refused at the first call: they may come later."""
    configured()
    store = DjangoStore("missing")
    with pytest.raises(InvalidParameterError, match=r"^using must be an alias in DATABASES$") as caught:
        store.load("a")
    assert caught.value.__cause__ is None


def test_settings_change(store: DjangoStore, alias: str, account: str, tmp_path: Path) -> None:
    """A store follows the settings, as a test runner changes them, and is never in the old database."""
    assert store.swap(account, None, b"record") is True
    other = options_of(f"sqlite:///{tmp_path}/test.db")
    connections.settings[alias].update(other, **KEPT)
    fails(lambda: store.load(account), "OperationalError")
    store.create_table()
    assert store.load(account) is None


def test_settings_change_while_kept(kept: DjangoStore, account: str, tmp_path: Path) -> None:
    """So does one whose connections are open."""
    kept.swap(account, None, b"record")
    (connection,) = kept._at_rest()
    connections.settings[kept._using].update(options_of(f"sqlite:///{tmp_path}/test.db"))
    kept.create_table()
    assert kept.load(account) is None
    assert connection.connection is None


def test_settings_untouched() -> None:
    """To import the module and to make a store needs no settings; to use it does."""
    code = """
from django.core.exceptions import ImproperlyConfigured
from totpkit.stores.django import DjangoStore

store = DjangoStore(using="totp")
try:
    store.load("a")
except ImproperlyConfigured:
    print("not configured")
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout == "not configured\n"


def test_interrupted(kept: DjangoStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever interrupts a call passes as it is, and its connection is not used again."""
    (connection,) = kept._at_rest()

    def create_cursor() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(connection, "create_cursor", create_cursor)
    with pytest.raises(KeyboardInterrupt):
        kept.load("a")
    assert (connection.connection, kept._at_rest()) == (None, [])


def test_close_fails(kept: DjangoStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that fails to close is told of like any other failure."""
    (connection,) = kept._at_rest()
    really = connection.close

    def close() -> None:
        really()
        raise RuntimeError("nothing for your eyes")

    monkeypatch.setattr(connection, "close", close)
    with pytest.raises(StoreError, match=r"^the store did not answer: RuntimeError$"):
        kept.close()
    assert kept._at_rest() == []
