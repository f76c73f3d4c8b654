"""Use a sync store in async code by running its methods in worker threads."""

import asyncio
from functools import partial

from totpkit._ports import Store
from totpkit.stores._failures import translate_errors

__all__ = ["ThreadedStore"]


class ThreadedStore:
    """Runs the methods of a sync *store* in worker threads, so that async code can use it.

    The threads come from :func:`asyncio.to_thread`. If the store raises ``StopIteration``, this
    class raises :class:`StoreError` instead. Before Python 3.13, the caller would otherwise wait
    forever, because a future cannot contain a ``StopIteration``.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def load(self, account_id: str) -> bytes | None:
        """Return the most recently committed value, or ``None`` if there is none."""
        return await asyncio.to_thread(translate_errors, partial(self._store.load, account_id), StopIteration)

    async def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Replace *old* with *new* if *old* is still the stored value.

        Return whether the value was replaced.
        """
        work = partial(self._store.swap, account_id, old, new)
        return await asyncio.to_thread(translate_errors, work, StopIteration)
