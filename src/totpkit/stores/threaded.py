"""Any sync store as an async one. Knows nothing of which store."""

import asyncio
from functools import partial

from totpkit._ports import Store
from totpkit.stores._failures import answered

__all__ = ["ThreadedStore"]


class ThreadedStore:
    """An :class:`~totpkit.AsyncStore` whose calls run in worker threads (:func:`asyncio.to_thread`).

    A ``StopIteration`` of the store becomes :class:`StoreError`: no future can carry it, and
    before Python 3.13 one that should is awaited for ever.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def load(self, account_id: str) -> bytes | None:
        """Return the latest value, or ``None``."""
        return await asyncio.to_thread(answered, partial(self._store.load, account_id), StopIteration)

    async def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Write *new* if the value is still *old*; tell whether it was."""
        work = partial(self._store.swap, account_id, old, new)
        return await asyncio.to_thread(answered, work, StopIteration)
