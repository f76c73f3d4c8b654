"""A rollback of the caller's transaction does not undo what the store has written."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import pytest
import sqlalchemy as sa
from django.core.handlers.base import BaseHandler
from django.db import connections, transaction
from django.http import HttpRequest, HttpResponse
from sqlalchemy.ext.asyncio import create_async_engine

from tests.stores.test_failing_stores import assert_survives
from tests.support.authenticators import POLICY, App, wrong
from tests.support.database_servers import Server, postgresql_at
from tests.support.django_project import database, options_of
from totpkit import AsyncAuthenticator, Reason, Rejected, Store
from totpkit.stores.django import DjangoStore
from totpkit.stores.sqlalchemy import AsyncSQLAlchemyStore, SQLAlchemyStore
from totpkit.testing import SettableClock, SoftPhone
from totpkit.vault import PLAINTEXT


class RollBack(Exception):  # noqa: N818 - it is not an error
    """Raised by a caller to roll back."""


class Caller(Protocol):
    """A caller whose database the store uses too."""

    store: Store
    table: str

    def transaction(self) -> AbstractContextManager[Callable[[str], object]]:
        """Begin a transaction of the caller, and give a function that executes statements in it."""

    def rows(self) -> int:
        """Return the number of rows in the caller's table."""


class SQLAlchemyCaller:
    """A caller that shares its engine with the store."""

    def __init__(self, url: str, table: str) -> None:
        self.table = table
        self.engine = sa.create_engine(url, connect_args={"timeout": 0.1} if "sqlite" in url else {})
        self.store = SQLAlchemyStore(self.engine)
        self.store.create_table()

    @contextmanager
    def transaction(self) -> Iterator[Callable[[str], object]]:
        """Begin a transaction on the engine."""
        with self.engine.begin() as connection:
            yield lambda statement: connection.execute(sa.text(statement))

    def rows(self) -> int:
        """Return the number of rows."""
        with self.engine.connect() as connection:
            return len(connection.execute(sa.text(f"SELECT * FROM {self.table}")).all())  # noqa: S608


class DjangoCaller:
    """A caller that shares its database alias with the store."""

    def __init__(self, alias: str, table: str) -> None:
        self.alias, self.table = alias, table
        self.store = DjangoStore(alias)
        self.store.create_table()

    @contextmanager
    def transaction(self) -> Iterator[Callable[[str], object]]:
        """Begin a transaction on the alias."""
        with transaction.atomic(using=self.alias), connections[self.alias].cursor() as cursor:
            yield cursor.execute

    def rows(self) -> int:
        """Return the number of rows."""
        with connections[self.alias].cursor() as cursor:
            cursor.execute(f"SELECT * FROM {self.table}")  # noqa: S608
            return len(cursor.fetchall())


@contextmanager
def sqlalchemy_caller(url: str, table: str) -> Iterator[Caller]:
    """Give a caller on an engine for the URL."""
    caller = SQLAlchemyCaller(url, table)
    yield caller
    caller.engine.dispose()


@contextmanager
def django_caller(url: str, table: str) -> Iterator[Caller]:
    """Give a caller on an alias for the URL."""
    more = {"OPTIONS": {"timeout": 0.1}} if "sqlite" in url else {}
    with database(uuid4().hex, **options_of(url, **more)) as alias:
        caller = DjangoCaller(alias, table)
        yield caller
        caller.store.close()


both_libraries = pytest.mark.parametrize("library", [sqlalchemy_caller, django_caller])
CallerOn = Callable[[str, str], AbstractContextManager[Caller]]


@pytest.fixture(params=["postgresql", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Give the URL of a database of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/x.db"
    return str(request.getfixturevalue("postgresql_url"))


@pytest.fixture
def caller(library: CallerOn, url: str) -> Iterator[Caller]:
    """Give a caller with a table of its own."""
    with library(url, f"visits_{uuid4().hex}") as caller:
        with caller.transaction() as execute:
            execute(f"CREATE TABLE {caller.table} (name text)")
        yield caller
        with caller.transaction() as execute:
            execute(f"DROP TABLE {caller.table}")


def insert(caller: Caller) -> str:
    """Return a statement that writes a row of the caller."""
    return f"INSERT INTO {caller.table} VALUES ('x')"  # noqa: S608


@pytest.mark.proves("T12")
@both_libraries
@pytest.mark.parametrize("right", [True, False])
def test_rolled_back(caller: Caller, url: str, account: str, *, right: bool) -> None:
    """When the caller rolls back, the code stays spent and the failure stays counted (CVE-2026-35597)."""
    app = App(store=caller.store)
    phone = app.enroll(account)
    code = phone.code() if right else wrong(phone)
    with suppress(RollBack), caller.transaction() as execute:
        if "sqlite" not in url:  # it allows one writer at a time
            execute(insert(caller))
        assert bool(app.auth.verify(account, code)) is right
        raise RollBack
    assert caller.rows() == 0
    if right:
        assert app.auth.verify(account, code) == Rejected(Reason.REPLAYED)
    assert app.auth.status(account).failures == 1


@pytest.mark.proves("T12")
@both_libraries
def test_rolled_back_again_and_again(caller: Caller, account: str) -> None:
    """A caller that rolls back each time gets no more guesses than any other."""
    app = App(store=caller.store)
    phone = app.enroll(account)
    for _ in range(POLICY.throttle.free):
        with suppress(RollBack), caller.transaction():
            assert app.auth.verify(account, wrong(phone)) == Rejected(Reason.MISMATCH)
            raise RollBack
    assert app.auth.verify(account, phone.code()) == Rejected(Reason.THROTTLED, retry_after=30.0)


@pytest.mark.proves("T12")
@both_libraries
def test_committed(caller: Caller, account: str) -> None:
    """When the caller commits, its row and the spent code are both stored."""
    app = App(store=caller.store)
    phone = app.enroll(account)
    with caller.transaction() as execute:
        assert app.auth.verify(account, phone.code())
        execute(insert(caller))
    assert caller.rows() == 1
    assert app.auth.verify(account, phone.code()) == Rejected(Reason.REPLAYED)


@pytest.mark.proves("T12", "T34")
@both_libraries
def test_caller_holds_the_lock(library: CallerOn, tmp_path: Path) -> None:
    """While the caller holds SQLite's write lock, every call fails and nothing is spent or counted."""
    with library(f"sqlite:///{tmp_path}/x.db", "visits") as caller:

        @contextmanager
        def locked() -> Iterator[None]:
            with caller.transaction() as execute:
                execute("CREATE TABLE visits (name text)")
                execute(insert(caller))
                yield

        assert_survives(caller.store, locked(), "OperationalError")


@pytest.mark.proves("T12")
@pytest.mark.parametrize("library", [django_caller])
def test_atomic_requests(caller: DjangoCaller, url: str, account: str) -> None:
    """With ``ATOMIC_REQUESTS``, a view that raises brings back neither guesses nor a code."""
    app = App(store=caller.store)
    phone = app.enroll(account)
    code = phone.code()
    results = []

    def view(_: HttpRequest) -> HttpResponse:
        assert connections[caller.alias].in_atomic_block
        with caller.transaction() as execute:
            if "sqlite" not in url:
                execute(insert(caller))
            results.append(app.auth.verify(account, code))
            results.append(app.auth.verify(account, wrong(phone)))
        raise RollBack

    connections.settings[caller.alias]["ATOMIC_REQUESTS"] = True
    for _ in range(2):
        with pytest.raises(RollBack):
            BaseHandler().make_view_atomic(view)(HttpRequest())
    assert caller.rows() == 0
    assert [bool(result) for result in results] == [True, False, False, False]
    assert results[2] == Rejected(Reason.REPLAYED)
    assert app.auth.status(account).failures == 3


@pytest.mark.proves("T12")
@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_rolled_back_async(postgresql_server: Server, account: str, driver: str) -> None:
    """When an async caller rolls back, the enrollment and the spent code stay."""

    async def work() -> None:
        clock, engine = SettableClock(), create_async_engine(postgresql_at(postgresql_server, driver))
        store = AsyncSQLAlchemyStore(engine)
        await store.create_table()
        auth = AsyncAuthenticator(store, issuer="Acme", vault=PLAINTEXT, policy=POLICY, clock=clock)
        phone = SoftPhone((await auth.begin_enrollment(account, label="alice")).uri, clock=clock)
        with suppress(RollBack):
            async with engine.begin() as connection:
                await connection.execute(sa.text("SELECT 1"))
                assert await auth.confirm_enrollment(account, phone.code())
                clock.advance(30)
                assert await auth.verify(account, phone.code())
                raise RollBack
        assert await auth.verify(account, phone.code()) == Rejected(Reason.REPLAYED)
        await engine.dispose()

    asyncio.run(work())
