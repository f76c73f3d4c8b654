"""MemoryStore, alone and behind ThreadedStore."""

from totpkit import AsyncStore, Store
from totpkit.stores.memory import MemoryStore
from totpkit.stores.threaded import ThreadedStore
from totpkit.testing import AsyncStoreContract, StoreContract

MEMORY = MemoryStore()


class TestMemory(StoreContract):
    """The store passes the suite."""

    def make_store(self) -> Store:
        """Return the same store each time, because two stores share no records."""
        return MEMORY


class TestThreadedMemory(AsyncStoreContract):
    """The store passes the async suite in worker threads."""

    def make_async_store(self) -> AsyncStore:
        """Return an async store with the same records."""
        return ThreadedStore(MEMORY)


def test_own_records() -> None:
    """Two stores share no records."""
    one, other = MemoryStore(), MemoryStore()
    assert one.swap("a", None, b"one") is True
    assert other.load("a") is None
