"""What a caller rolls back of its own, it does not roll back of ours."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session

from tests.support.authenticators import POLICY, App, wrong
from tests.support.database_servers import Server, postgresql_at
from tests.support.store_urls import run_with
from totpkit import AsyncAuthenticator, Reason, Rejected, StoreError
from totpkit.stores.sqlalchemy import AsyncSQLAlchemyStore, SQLAlchemyStore
from totpkit.testing import SettableClock, SoftPhone
from totpkit.vault import PLAINTEXT


class Undo(Exception):  # noqa: N818 - it is not an error
    """What a caller raises to roll back."""


@pytest.fixture(params=["postgresql", "sqlite"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    """Give the engine that an app and its store share; neither waits long for the other."""
    if request.param == "sqlite":
        engine = sa.create_engine(f"sqlite:///{tmp_path}/x.db", connect_args={"timeout": 0.1})
    else:
        engine = sa.create_engine(request.getfixturevalue("postgresql_url"))
    yield engine
    engine.dispose()


@pytest.fixture
def visits(engine: sa.Engine) -> Iterator[sa.Table]:
    """Give a table of the app's own."""
    table = sa.Table(f"visits_{uuid4().hex}", sa.MetaData(), sa.Column("name", sa.String(50)))
    table.create(engine)
    yield table
    table.drop(engine)


@pytest.fixture
def app(engine: sa.Engine) -> App:
    """Give an app whose store is on the engine."""
    store = SQLAlchemyStore(engine)
    store.create_table()
    return App(store=store)


def rows(engine: sa.Engine, visits: sa.Table) -> int:
    """Return how many rows the app has."""
    with engine.connect() as connection:
        return len(connection.execute(sa.select(visits)).all())


@pytest.mark.proves("T12")
@pytest.mark.parametrize("right", [True, False])
def test_rolled_back(app: App, account: str, engine: sa.Engine, visits: sa.Table, *, right: bool) -> None:
    """A caller's transaction that is rolled back keeps the spent code and the failure (CVE-2026-35597)."""
    phone = app.enroll(account)
    code = phone.code() if right else wrong(phone)
    with suppress(Undo), engine.begin() as connection:
        connection.execute(sa.select(visits))
        answer = app.auth.verify(account, code)
        assert bool(answer) is right
        if engine.dialect.name != "sqlite":  # which has one writer at a time
            connection.execute(sa.insert(visits).values(name="alice"))
        raise Undo
    assert rows(engine, visits) == 0
    if right:
        assert app.auth.verify(account, code) == Rejected(Reason.REPLAYED)
    assert app.auth.status(account).failures == 1


@pytest.mark.proves("T12")
def test_session_rolled_back(app: App, account: str, engine: sa.Engine) -> None:
    """So does a caller's session, however often it is rolled back: guesses are not to be had anew."""
    phone = app.enroll(account)
    for _ in range(POLICY.throttle.free):
        with Session(engine) as session:
            session.execute(sa.text("SELECT 1"))
            assert app.auth.verify(account, wrong(phone)) == Rejected(Reason.MISMATCH)
            session.rollback()
    with Session(engine) as session, session.begin():
        session.execute(sa.text("SELECT 1"))
        answer = app.auth.verify(account, phone.code())
        assert answer == Rejected(Reason.THROTTLED, retry_after=30.0)
        session.rollback()


@pytest.mark.proves("T12")
def test_committed(app: App, account: str, engine: sa.Engine, visits: sa.Table) -> None:
    """Where the caller commits, both stand."""
    phone = app.enroll(account)
    with engine.begin() as connection:
        assert app.auth.verify(account, phone.code())
        connection.execute(sa.insert(visits).values(name="alice"))
    assert rows(engine, visits) == 1
    assert app.auth.verify(account, phone.code()) == Rejected(Reason.REPLAYED)


@pytest.mark.proves("T12", "T34")
def test_caller_in_the_way(tmp_path: Path) -> None:
    """A caller that holds SQLite's only write lock is not answered; nothing is spent, nothing is counted."""
    engine = sa.create_engine(f"sqlite:///{tmp_path}/x.db", connect_args={"timeout": 0.1})
    store = SQLAlchemyStore(engine)
    store.create_table()
    app = App(store=store)
    phone = app.enroll()
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE visits (name TEXT)"))
        connection.execute(sa.text("INSERT INTO visits VALUES ('alice')"))
        for code in (phone.code(), wrong(phone)):
            with pytest.raises(StoreError, match=r"^the store did not answer: OperationalError$"):
                app.auth.verify("acct-1", code)
    assert app.auth.status("acct-1").failures == 0
    assert app.auth.verify("acct-1", phone.code())
    engine.dispose()


@pytest.mark.proves("T12")
@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_rolled_back_later(postgresql_server: Server, account: str, tmp_path: Path, driver: str) -> None:
    """So it is awaited."""

    async def work() -> None:
        clock, engine = SettableClock(), create_async_engine(postgresql_at(postgresql_server, driver))
        store = AsyncSQLAlchemyStore(engine)
        await store.create_table()
        auth = AsyncAuthenticator(store, issuer="Acme", vault=PLAINTEXT, policy=POLICY, clock=clock)
        phone = SoftPhone((await auth.begin_enrollment(account, "alice")).uri, clock=clock)
        with suppress(Undo):
            async with engine.begin() as connection:
                await connection.execute(sa.text("SELECT 1"))
                assert await auth.confirm_enrollment(account, phone.code())
                clock.advance(30)
                assert await auth.verify(account, phone.code())
                raise Undo
        assert await auth.verify(account, phone.code()) == Rejected(Reason.REPLAYED)
        await engine.dispose()

    run_with(f"file:{tmp_path}/other.db", lambda _: work())
