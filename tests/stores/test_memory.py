"""MemoryStore, and its async twin by threads."""

from totpkit import AsyncStore, Store
from totpkit.stores.memory import MemoryStore
from totpkit.stores.threaded import ThreadedStore
from totpkit.testing import AsyncStoreContract, StoreContract

MEMORY = MemoryStore()


class TestMemory(StoreContract):
    """The dictionary passes the suite."""

    def make_store(self) -> Store:
        """Return the one store that there is: each has a dictionary of its own."""
        return MEMORY


class TestThreadedMemory(AsyncStoreContract):
    """So it does from worker threads."""

    def make_async_store(self) -> AsyncStore:
        """Return the same records, awaited."""
        return ThreadedStore(MEMORY)


def test_own_records() -> None:
    """Two stores in memory have nothing in common."""
    one, other = MemoryStore(), MemoryStore()
    assert one.swap("a", None, b"one") is True
    assert other.load("a") is None
