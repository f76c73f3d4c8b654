"""Any sync store as an async one. Knows nothing of which store."""

import asyncio

from totpkit._ports import Store

__all__ = ["ThreadedStore"]


class ThreadedStore:
    """An :class:`~totpkit.AsyncStore` whose calls run in worker threads (:func:`asyncio.to_thread`)."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def load(self, account_id: str) -> bytes | None:
        """Return the latest value, or ``None``."""
        return await asyncio.to_thread(self._store.load, account_id)

    async def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Write *new* if the value is still *old*; tell whether it was."""
        return await asyncio.to_thread(self._store.swap, account_id, old, new)
