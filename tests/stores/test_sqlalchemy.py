"""SQLAlchemyStore and AsyncSQLAlchemyStore, on SQLite, PostgreSQL and MariaDB."""

import asyncio
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool, SingletonThreadPool, StaticPool

from tests.support.database_servers import Server, postgresql_at
from tests.support.store_urls import opened
from totpkit import AsyncStore, InvalidParameterError, Store, StoreError
from totpkit.stores.sqlalchemy import AsyncSQLAlchemyStore, SQLAlchemyStore
from totpkit.testing import AsyncStoreContract, StoreContract


class OnEngine(StoreContract):
    """The suite for stores on one engine."""

    engine: sa.Engine

    def make_store(self) -> Store:
        """Return a store on the engine of the test."""
        return SQLAlchemyStore(self.engine)

    def use(self, url: str) -> Iterator[None]:
        """Provide the engine while the test runs."""
        self.engine = sa.create_engine(url)
        SQLAlchemyStore(self.engine).create_table()
        yield
        self.engine.dispose()


class TestSQLite(OnEngine):
    """A SQLite file passes the suite."""

    @pytest.fixture(autouse=True)
    def _engine(self, tmp_path: Path) -> Iterator[None]:
        yield from self.use(f"sqlite:///{tmp_path}/x.db")


class TestPostgreSQL(OnEngine):
    """PostgreSQL passes the suite."""

    @pytest.fixture(autouse=True)
    def _engine(self, postgresql_url: str) -> Iterator[None]:
        yield from self.use(postgresql_url)


class TestMariaDB(OnEngine):
    """MariaDB passes the suite."""

    @pytest.fixture(autouse=True)
    def _engine(self, mariadb_url: str) -> Iterator[None]:
        yield from self.use(mariadb_url)


class OnAsyncEngine(AsyncStoreContract):
    """The suite for async stores on one engine."""

    def make_async_store(self) -> AsyncStore:
        """Return a store on the engine of the test."""
        return AsyncSQLAlchemyStore(self.engine)

    def use(self, url: str) -> Iterator[None]:
        """Provide the engine while the test runs."""
        self.engine = create_async_engine(url)
        self.run(AsyncSQLAlchemyStore(self.engine).create_table())
        yield
        self.run(self.engine.dispose())


class TestAsyncSQLite(OnAsyncEngine):
    """A SQLite file passes the suite, awaited."""

    @pytest.fixture(autouse=True)
    def _engine(self, tmp_path: Path) -> Iterator[None]:
        yield from self.use(f"sqlite+aiosqlite:///{tmp_path}/x.db")


class TestAsyncPostgreSQL(OnAsyncEngine):
    """PostgreSQL passes the suite, awaited, by each of its drivers."""

    @pytest.fixture(autouse=True, params=["asyncpg", "psycopg"])
    def _engine(self, request: pytest.FixtureRequest, postgresql_server: Server) -> Iterator[None]:
        yield from self.use(postgresql_at(postgresql_server, request.param))


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file::memory:?uri=true",
        "sqlite:///file::memory:?cache=shared&uri=true",
        "sqlite:///file:x?mode=memory&cache=shared&uri=true",
        "sqlite:///file:/x?vfs=memdb&uri=true",
    ],
)
def test_memory_refused(url: str) -> None:
    """No engine of a SQLite database in memory is taken: its connections would be the caller's."""
    with pytest.raises(InvalidParameterError, match=r"^engine must open connections of its own"):
        SQLAlchemyStore(sa.create_engine(url, poolclass=NullPool))
    later = create_async_engine(url.replace("sqlite:", "sqlite+aiosqlite:"), poolclass=NullPool)
    with pytest.raises(InvalidParameterError, match=r"^engine must open connections of its own"):
        AsyncSQLAlchemyStore(later)


@pytest.mark.parametrize("pool", [StaticPool, SingletonThreadPool])
def test_shared_connection_refused(tmp_path: Path, pool: Any) -> None:
    """No engine that hands one connection to several borrowers is taken."""
    engine = sa.create_engine(f"sqlite:///{tmp_path}/x.db", poolclass=pool)
    with pytest.raises(InvalidParameterError, match=r"^engine must open connections of its own"):
        SQLAlchemyStore(engine)


def test_own_table(tmp_path: Path) -> None:
    """Stores with different tables have nothing in common; each column holds bytes."""
    engine = sa.create_engine(f"sqlite:///{tmp_path}/x.db")
    one, other = SQLAlchemyStore(engine, table="one"), SQLAlchemyStore(engine, table="other")
    for store in (one, one, other):
        store.create_table()
    assert one.swap("a", None, b"record") is True
    assert other.load("a") is None
    with engine.connect() as connection:
        query = sa.text("SELECT typeof(account_id), typeof(record), record FROM one")
        assert connection.execute(query).all() == [("blob", "blob", b"record")]
    engine.dispose()


def test_no_table(tmp_path: Path) -> None:
    """Without its table a store does not answer, and says no more."""
    engine = sa.create_engine(f"sqlite:///{tmp_path}/x.db")
    with pytest.raises(StoreError, match=r"^the store did not answer: OperationalError$"):
        SQLAlchemyStore(engine).load("a")
    with pytest.raises(StoreError, match=r"^the store did not answer: OperationalError$"):
        SQLAlchemyStore(sa.create_engine(f"sqlite:///{tmp_path}/no/x.db")).create_table()
    engine.dispose()


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_table_made_at_once(request: pytest.FixtureRequest, tmp_path: Path, database: str) -> None:
    """Many may make the missing table at the same moment."""
    url = f"sqlite:///{tmp_path}/x.db" if database == "sqlite" else request.getfixturevalue("postgresql_url")
    engines = [sa.create_engine(url) for _ in range(8)]
    for _ in range(5):
        name = f"t{uuid4().hex}"
        stores = [SQLAlchemyStore(engine, table=name) for engine in engines]
        with ThreadPoolExecutor(len(stores)) as pool:
            assert list(pool.map(SQLAlchemyStore.create_table, stores)) == [None] * len(stores)
        assert stores[0].swap("a", None, b"record") is True
    for engine in engines:
        engine.dispose()


def test_listener_that_begins(tmp_path: Path) -> None:
    """A swap stands where a listener begins transactions by itself, as recipes for SQLite have it."""
    engine = sa.create_engine(f"sqlite:///{tmp_path}/x.db")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    store = SQLAlchemyStore(engine)
    store.create_table()
    assert store.swap("a", None, b"one") is True
    assert store.swap("a", None, b"two") is False
    assert store.swap("a", b"one", b"two") is True
    engine.dispose()
    with opened(f"sqlite:///{tmp_path}/x.db") as other:
        assert other.load("a") == b"two"
        assert store.swap("a", b"two", None) is True
        assert other.load("a") is None
    engine.dispose()


def test_raw_driver_error(tmp_path: Path) -> None:
    """An exception that SQLAlchemy lets through as it is, is a failure of the store too, in both colours."""
    engine = sa.create_engine(f"sqlite:///{tmp_path}/x.db")
    engine_later = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/x.db")

    def connect(*_: object) -> None:
        raise NotImplementedError("nothing for your eyes")

    for each in (engine, engine_later.sync_engine):
        sa.event.listen(each, "do_connect", connect)
    stores = SQLAlchemyStore(engine), AsyncSQLAlchemyStore(engine_later)
    for work in (
        stores[0].create_table,
        lambda: stores[0].load("a"),
        lambda: stores[0].swap("a", None, b"record"),
        lambda: asyncio.run(stores[1].create_table()),
        lambda: asyncio.run(stores[1].load("a")),
        lambda: asyncio.run(stores[1].swap("a", None, b"record")),
    ):
        with pytest.raises(StoreError, match=r"^the store did not answer: NotImplementedError$") as caught:
            work()
        assert caught.value.__context__ is None


def test_table_cannot_be_made(tmp_path: Path) -> None:
    """A database that takes no table is an error, and not taken for one that has it already."""
    sqlite3.connect(tmp_path / "empty.db").close()
    (tmp_path / "empty.db").touch()
    engine = sa.create_engine(f"sqlite:///file:{tmp_path}/empty.db?mode=ro&uri=true")
    try:
        with pytest.raises(StoreError, match="OperationalError"):
            SQLAlchemyStore(engine).create_table()
    finally:
        engine.dispose()
