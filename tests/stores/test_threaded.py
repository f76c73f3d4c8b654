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
    """A SQLite file passes the async suite in worker threads."""

    @pytest.fixture(autouse=True)
    def _store(self, tmp_path: Path) -> Iterator[None]:
        with closing(SQLiteStore(tmp_path / "x.db")) as self.store:
            yield

    def make_async_store(self) -> AsyncStore:
        """Return an async store on the same file."""
        return ThreadedStore(self.store)


class Recorder:
    """A store that records the thread of each call, and then raises the given error."""

    def __init__(self, error: Exception | None = None) -> None:
        self.threads: list[int] = []
        self.error = error

    def load(self, _: str) -> bytes | None:
        """Return a record, or raise."""
        self.threads.append(threading.get_ident())
        if self.error:
            raise self.error
        return b"record"

    def swap(self, account_id: str, *_: bytes | None) -> bool:
        """Return ``True``, or raise."""
        return self.load(account_id) == b"record"


def test_other_thread() -> None:
    """Calls run in threads other than the event loop's."""
    store = Recorder()

    async def work() -> None:
        threaded = ThreadedStore(store)
        assert await threaded.load("a") == b"record"
        assert await threaded.swap("a", None, b"record") is True

    asyncio.run(work())
    assert len(store.threads) == 2
    assert threading.get_ident() not in store.threads


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (StoreError("down"), StoreError, "down"),
        (ValueError("own"), ValueError, "own"),
        (StopIteration(), StoreError, "the store did not answer: StopIteration"),
    ],
)
def test_errors(error: Exception, kind: type[Exception], message: str) -> None:
    """Errors of the store pass unchanged, but a StopIteration, which no future can carry, is a StoreError."""
    threaded = ThreadedStore(Recorder(error))

    async def work() -> None:
        for call in (lambda: threaded.load("a"), lambda: threaded.swap("a", None, b"record")):
            with pytest.raises(kind, match=f"^{message}$"):
                await call()

    asyncio.run(work())
