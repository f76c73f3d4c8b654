"""Use any sync store in async code."""

import asyncio
from functools import partial

from totpkit._ports import Store
from totpkit.stores._failures import translate_errors

__all__ = ["ThreadedStore"]


class ThreadedStore:
    """An :class:`~totpkit.AsyncStore` that calls a sync *store* in worker threads.

    It uses :func:`asyncio.to_thread`. If the store raises ``StopIteration``, the error is
    :class:`StoreError`: a future cannot carry a ``StopIteration``, and before Python 3.13 the
    caller would wait for it forever.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def load(self, account_id: str) -> bytes | None:
        """Return the latest committed value, or ``None``."""
        return await asyncio.to_thread(translate_errors, partial(self._store.load, account_id), StopIteration)

    async def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Write *new* if the value is still *old*, and return whether it was."""
        work = partial(self._store.swap, account_id, old, new)
        return await asyncio.to_thread(translate_errors, work, StopIteration)
