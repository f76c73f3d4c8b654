"""SQLAlchemyStore and AsyncSQLAlchemyStore, on SQLite, PostgreSQL and MariaDB."""

import asyncio
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
from totpkit import AsyncStore, InvalidParameterError, Store, StoreError
from totpkit.stores.sqlalchemy import AsyncSQLAlchemyStore, SQLAlchemyStore
from totpkit.testing import AsyncStoreContract, StoreContract


class OnEngine(StoreContract):
    """The suite for stores on one engine."""

    engine: sa.Engine

    def make_store(self) -> Store:
        """Return a store on the test's engine."""
        return SQLAlchemyStore(self.engine)

    def use(self, url: str) -> Iterator[None]:
        """Provide the engine for one test."""
        self.engine = sa.create_engine(url)
        SQLAlchemyStore(self.engine).create_table()
        yield
        self.engine.dispose()


class TestSQLite(OnEngine):
    """A SQLite file passes the suite."""

    @pytest.fixture(autouse=True)
    def _engine(self, tmp_path: Path) -> Iterator[None]:
        yield from self.use(f"sqlite:///{tmp_path}/x.db")


class TestServers(OnEngine):
    """PostgreSQL and MariaDB pass the suite."""

    @pytest.fixture(autouse=True, params=["postgresql_url", "mariadb_url"])
    def _engine(self, request: pytest.FixtureRequest) -> Iterator[None]:
        yield from self.use(request.getfixturevalue(request.param))


class OnAsyncEngine(AsyncStoreContract):
    """The suite for async stores on one engine."""

    def make_async_store(self) -> AsyncStore:
        """Return a store on the test's engine."""
        return AsyncSQLAlchemyStore(self.engine)

    def use(self, url: str) -> Iterator[None]:
        """Provide the engine for one test."""
        self.engine = create_async_engine(url)
        self.run(AsyncSQLAlchemyStore(self.engine).create_table())
        yield
        self.run(self.engine.dispose())


class TestAsyncSQLite(OnAsyncEngine):
    """A SQLite file passes the async suite."""

    @pytest.fixture(autouse=True)
    def _engine(self, tmp_path: Path) -> Iterator[None]:
        yield from self.use(f"sqlite+aiosqlite:///{tmp_path}/x.db")


class TestAsyncPostgreSQL(OnAsyncEngine):
    """PostgreSQL passes the async suite with each of its drivers."""

    @pytest.fixture(autouse=True, params=["asyncpg", "psycopg"])
    def _engine(self, request: pytest.FixtureRequest, postgresql_server: Server) -> Iterator[None]:
        yield from self.use(postgresql_at(postgresql_server, request.param))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    """Give an engine on a new SQLite file."""
    engine = sa.create_engine(f"sqlite:///{tmp_path}/x.db")
    yield engine
    engine.dispose()


@pytest.mark.parametrize(
    ("url", "pool"),
    [
        ("sqlite://", NullPool),
        ("sqlite:///:memory:", NullPool),
        ("sqlite:///file::memory:?uri=true", NullPool),
        ("sqlite:///file::memory:?cache=shared&uri=true", NullPool),
        ("sqlite:///file:x?mode=memory&cache=shared&uri=true", NullPool),
        ("sqlite:///file:/x?vfs=memdb&uri=true", NullPool),
        ("sqlite:////tmp/x.db", StaticPool),
    ],
)
def test_shared_connection_refused(url: str, pool: Any) -> None:
    """An engine is refused if all callers share its connection, in memory or in a StaticPool."""
    with pytest.raises(InvalidParameterError, match=r"^engine must not share one connection"):
        SQLAlchemyStore(sa.create_engine(url, poolclass=pool))
    async_engine = create_async_engine(url.replace("sqlite:", "sqlite+aiosqlite:"), poolclass=pool)
    with pytest.raises(InvalidParameterError, match=r"^engine must not share one connection"):
        AsyncSQLAlchemyStore(async_engine)


def test_thread_connection_refused() -> None:
    """An engine with one connection per thread is refused, because its caller uses that one too."""
    with pytest.raises(InvalidParameterError, match=r"^engine must not share one connection"):
        SQLAlchemyStore(sa.create_engine("sqlite:////tmp/x.db", poolclass=SingletonThreadPool))


def test_own_table(engine: sa.Engine) -> None:
    """Stores on different tables share no records, and both columns contain bytes."""
    one, other = SQLAlchemyStore(engine, table="one"), SQLAlchemyStore(engine, table="other")
    for store in (one, one, other):
        store.create_table()
    assert one.swap("a", None, b"record") is True
    assert other.load("a") is None
    with engine.connect() as connection:
        query = sa.text("SELECT typeof(account_id), typeof(record), record FROM one")
        assert connection.execute(query).all() == [("blob", "blob", b"record")]


def test_no_table(engine: sa.Engine, tmp_path: Path) -> None:
    """A missing table, or one that cannot be created, is an error without details."""
    (tmp_path / "empty.db").touch()
    with pytest.raises(StoreError, match=r"^the store did not answer: OperationalError$"):
        SQLAlchemyStore(engine).load("a")
    for url in (f"sqlite:///{tmp_path}/no/x.db", f"sqlite:///file:{tmp_path}/empty.db?mode=ro&uri=true"):
        other = sa.create_engine(url)
        with pytest.raises(StoreError, match=r"^the store did not answer: OperationalError$"):
            SQLAlchemyStore(other).create_table()
        other.dispose()


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_table_created_at_once(request: pytest.FixtureRequest, tmp_path: Path, database: str) -> None:
    """Several threads can create the table at the same time."""
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


def test_listener_that_begins(engine: sa.Engine) -> None:
    """Writes are committed even if a listener begins transactions, as a SQLite recipe for SQLAlchemy does."""

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    store, other = SQLAlchemyStore(engine), SQLAlchemyStore(sa.create_engine(engine.url, poolclass=NullPool))
    store.create_table()
    assert store.swap("a", None, b"one") is True
    assert store.swap("a", None, b"two") is False
    assert store.swap("a", b"one", b"two") is True
    assert other.load("a") == b"two"
    assert store.swap("a", b"two", None) is True
    assert other.load("a") is None


def test_raw_driver_error(engine: sa.Engine) -> None:
    """An exception that SQLAlchemy does not wrap is a failure of the store, sync and async."""
    async_engine = create_async_engine(str(engine.url).replace("sqlite:", "sqlite+aiosqlite:"))

    def connect(*_: object) -> None:
        raise NotImplementedError("secret details")

    for each in (engine, async_engine.sync_engine):
        sa.event.listen(each, "do_connect", connect)
    store, async_store = SQLAlchemyStore(engine), AsyncSQLAlchemyStore(async_engine)
    for work in (
        store.create_table,
        lambda: store.load("a"),
        lambda: store.swap("a", None, b"record"),
        lambda: asyncio.run(async_store.create_table()),
        lambda: asyncio.run(async_store.load("a")),
        lambda: asyncio.run(async_store.swap("a", None, b"record")),
    ):
        with pytest.raises(StoreError, match=r"^the store did not answer: NotImplementedError$") as caught:
            work()
        assert caught.value.__context__ is None
