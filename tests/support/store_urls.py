"""Stores by URL, so that a test and the processes that it starts can open the same one.

``memory:`` is a :class:`MemoryStore`, ``file:/path`` a :class:`SQLiteStore`, ``redis://...`` a
:class:`RedisStore`, and ``django+...`` a :class:`DjangoStore`. Any other URL belongs to SQLAlchemy.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import pytest

from tests.support.database_servers import postgresql_at
from totpkit import AsyncStore, Store
from totpkit.stores.memory import MemoryStore
from totpkit.stores.sqlite import SQLiteStore
from totpkit.stores.threaded import ThreadedStore

T = TypeVar("T")

SHARED = ["sqlite", "redis", "postgresql", "sqlalchemy-sqlite", "django-postgresql", "django-sqlite"]
"""The stores that processes can share."""

ASYNC = ["threaded", "redis", "postgresql", "postgresql-asyncpg", "sqlalchemy-sqlite"]


@pytest.fixture(params=["memory", *SHARED])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """Give a store of each kind in turn."""
    with opened(url_of(request.param, request)) as store:
        yield store


@pytest.fixture(params=SHARED)
def shared_url(request: pytest.FixtureRequest) -> str:
    """Give the URL of each kind of store that processes can share, in turn."""
    return url_of(request.param, request)


@pytest.fixture(params=ASYNC)
def async_url(request: pytest.FixtureRequest) -> str:
    """Give the URL of an async store of each kind in turn."""
    return url_of(request.param, request)


@pytest.fixture
def account() -> str:
    """Give an account id that no other test uses."""
    return f"account-{uuid4().hex}"


def url_of(kind: str, request: pytest.FixtureRequest) -> str:
    """Return the URL of a store of this kind, and start the server that it needs."""
    file = request.getfixturevalue("tmp_path") / "totpkit.db"
    match kind:
        case "sqlite" | "threaded":
            return f"file:{file}"
        case "sqlalchemy-sqlite" | "django-sqlite":
            return f"{'django+' * kind.startswith('django')}sqlite:///{file}"
        case "redis" | "postgresql":
            return str(request.getfixturevalue(f"{kind}_url"))
        case "django-postgresql":
            return f"django+{request.getfixturevalue('postgresql_url')}"
        case "postgresql-asyncpg":
            return postgresql_at(request.getfixturevalue("postgresql_server"), "asyncpg")
    return "memory:"


@contextmanager
def opened(url: str) -> Iterator[Store]:
    """Open a store, and close its connections after the block."""
    kind, _, rest = url.partition(":")
    match kind:
        case "memory":
            yield MemoryStore()
        case "file":
            with closing(SQLiteStore(Path(rest))) as store:
                yield store
        case "redis":
            with opened_redis(url) as store:
                yield store
        case "django+sqlite" | "django+postgresql+psycopg":
            with opened_django(url) as store:
                yield store
        case _:
            with opened_sqlalchemy(url) as store:
                yield store


@contextmanager
def opened_redis(url: str) -> Iterator[Store]:
    """Open a store in Redis."""
    import redis  # noqa: PLC0415 - a process imports only the driver that it needs

    from totpkit.stores.redis import RedisStore  # noqa: PLC0415

    with redis.Redis.from_url(url) as client:
        yield RedisStore(client)


@contextmanager
def opened_sqlalchemy(url: str) -> Iterator[Store]:
    """Open a store on a SQLAlchemy engine."""
    import sqlalchemy  # noqa: PLC0415

    from totpkit.stores.sqlalchemy import SQLAlchemyStore  # noqa: PLC0415

    engine = sqlalchemy.create_engine(url)
    store = SQLAlchemyStore(engine)
    store.create_table()
    try:
        yield store
    finally:
        engine.dispose()


@contextmanager
def opened_django(url: str) -> Iterator[Store]:
    """Open a store on a Django database."""
    from tests.support.django_project import database, options_of  # noqa: PLC0415
    from totpkit.stores.django import DjangoStore  # noqa: PLC0415

    # Connections stay open, as in the other stores. Opening one takes longer than the races under test.
    options = options_of(url, CONN_MAX_AGE=None)
    with database(uuid4().hex, **options) as alias, closing(DjangoStore(alias)) as store:
        store.create_table()
        yield store


@asynccontextmanager
async def opened_async(url: str) -> AsyncIterator[AsyncStore]:
    """Open an async store, and close its connections after the block."""
    kind, _, rest = url.partition(":")
    match kind:
        case "file":
            with closing(SQLiteStore(Path(rest))) as store:
                yield ThreadedStore(store)
        case "redis":
            async with opened_async_redis(url) as async_store:
                yield async_store
        case _:
            async with opened_async_sqlalchemy(url) as async_store:
                yield async_store


@asynccontextmanager
async def opened_async_redis(url: str) -> AsyncIterator[AsyncStore]:
    """Open an async store in Redis."""
    import redis.asyncio  # noqa: PLC0415

    from totpkit.stores.redis import AsyncRedisStore  # noqa: PLC0415

    async with redis.asyncio.Redis.from_url(url) as client:
        yield AsyncRedisStore(client)


@asynccontextmanager
async def opened_async_sqlalchemy(url: str) -> AsyncIterator[AsyncStore]:
    """Open an async store on a SQLAlchemy engine."""
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415

    from totpkit.stores.sqlalchemy import AsyncSQLAlchemyStore  # noqa: PLC0415

    engine = create_async_engine(url.replace("sqlite:", "sqlite+aiosqlite:"))
    store = AsyncSQLAlchemyStore(engine)
    await store.create_table()
    try:
        yield store
    finally:
        await engine.dispose()


def run_with(url: str, work: Callable[[AsyncStore], Awaitable[T]]) -> T:
    """Run *work* with an async store in a new event loop."""

    async def run() -> T:
        async with opened_async(url) as store:
            return await work(store)

    return asyncio.run(run())
