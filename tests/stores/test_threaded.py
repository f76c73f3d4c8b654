"""ThreadedStore."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from totpkit import AsyncStore, StoreError
from totpkit.stores.sqlite import SQLiteStore
from totpkit.stores.threaded import ThreadedStore
from totpkit.testing import AsyncStoreContract


class TestThreadedSQLite(AsyncStoreContract):
    """A SQLite file passes the suite from worker threads."""

    @pytest.fixture(autouse=True)
    def _store(self, tmp_path: Path) -> Iterator[None]:
        with closing(SQLiteStore(tmp_path / "x.db")) as self.store:
            yield

    def make_async_store(self) -> AsyncStore:
        """Return the same file, awaited."""
        return ThreadedStore(self.store)


class Noting:
    """A store that notes in which thread it is called, and raises what it is given."""

    def __init__(self, *errors: Exception) -> None:
        self.threads: list[int] = []
        self.errors = list(errors)

    def load(self, _: str) -> bytes | None:
        """Answer, or raise."""
        self.threads.append(threading.get_ident())
        if self.errors:
            raise self.errors.pop()
        return b"record"

    def swap(self, account_id: str, *_: bytes | None) -> bool:
        """Answer, or raise."""
        return self.load(account_id) == b"record"


def test_other_thread() -> None:
    """The calls run in other threads than the event loop's."""
    store = Noting()

    async def work() -> None:
        threaded = ThreadedStore(store)
        assert await threaded.load("a") == b"record"
        assert await threaded.swap("a", None, b"record") is True

    asyncio.run(work())
    assert len(store.threads) == 2
    assert threading.get_ident() not in store.threads


@pytest.mark.parametrize("error", [StoreError("down"), ValueError("own")])
def test_errors(error: Exception) -> None:
    """What the store raises comes through as it is."""

    async def work() -> None:
        with pytest.raises(type(error), match=str(error)):
            await ThreadedStore(Noting(error)).load("a")
        with pytest.raises(type(error), match=str(error)):
            await ThreadedStore(Noting(error)).swap("a", None, b"record")

    asyncio.run(work())


def test_stop_iteration() -> None:
    """A StopIteration, which no future can carry, is a failure of the store."""

    async def work() -> None:
        with pytest.raises(StoreError, match=r"^the store did not answer: StopIteration$"):
            await ThreadedStore(Noting(StopIteration())).load("a")
        with pytest.raises(StoreError, match=r"^the store did not answer: StopIteration$"):
            await ThreadedStore(Noting(StopIteration())).swap("a", None, b"record")

    asyncio.run(work())
