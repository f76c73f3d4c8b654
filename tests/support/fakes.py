"""Stores and ciphers that fail on purpose, or record their calls."""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

from totpkit import Cipher, Store, StoreError
from totpkit._account.sealing import PENDING
from totpkit.stores.memory import MemoryStore

T = TypeVar("T")


class Tape:
    """A store that records its calls: "load", "swap", or "lost" for a swap that wrote nothing."""

    def __init__(self, store: Store | None = None) -> None:
        self.store = MemoryStore() if store is None else store
        self.calls: list[str] = []

    def load(self, account_id: str) -> bytes | None:
        """Load, and record it."""
        self.calls.append("load")
        return self.store.load(account_id)

    def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Swap, and record the result."""
        swapped = self.store.swap(account_id, old, new)
        self.calls.append("swap" if swapped else "lost")
        return swapped


class Faulty:
    """A store whose call number *call* (from 0) fails, before or *after* it takes effect."""

    def __init__(self, store: Store, *, call: int = -1, after: bool = False) -> None:
        self.store = store
        self.call = call
        self.after = after
        self.calls = 0

    def load(self, account_id: str) -> bytes | None:
        """Load, or fail."""
        return self._do(lambda: self.store.load(account_id))

    def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Swap, or fail, or both."""
        return self._do(lambda: self.store.swap(account_id, old, new))

    def _do(self, work: Callable[[], T]) -> T:
        self.calls += 1
        if self.calls - 1 != self.call:
            return work()
        if self.after:
            work()
        raise StoreError("the store did not answer: Faulty")


class Raced:
    """A store that calls a rival before each swap."""

    def __init__(self, store: Store, rival: Callable[[int], object]) -> None:
        self.store = store
        self.rival = rival
        self.swaps = 0

    def load(self, account_id: str) -> bytes | None:
        """Load."""
        return self.store.load(account_id)

    def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Call the rival with the number of the swap (from 0), then swap."""
        self.swaps += 1
        self.rival(self.swaps - 1)
        return self.store.swap(account_id, old, new)


class Interrupted:
    """A store that calls an intruder before its call number *call* (from 0)."""

    def __init__(self, store: Store, *, call: int, intruder: Callable[[], object]) -> None:
        self.store = store
        self.call = call
        self.intruder = intruder
        self.calls = 0

    def load(self, account_id: str) -> bytes | None:
        """Call the intruder if it is time, then load."""
        self._count()
        return self.store.load(account_id)

    def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Call the intruder if it is time, then swap."""
        self._count()
        return self.store.swap(account_id, old, new)

    def _count(self) -> None:
        self.calls += 1
        if self.calls - 1 == self.call:
            self.intruder()


class Gate:
    """A store whose first load in each thread waits until all *threads* have loaded."""

    def __init__(self, store: Store, threads: int) -> None:
        self.store = store
        self._barrier = threading.Barrier(threads)
        self._seen = threading.local()

    def load(self, account_id: str) -> bytes | None:
        """Load, and wait for the other threads the first time."""
        stored = self.store.load(account_id)
        if not getattr(self._seen, "passed", False):
            self._seen.passed = True
            self._barrier.wait(timeout=30)
        return stored

    def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Swap."""
        return self.store.swap(account_id, old, new)


class Later:
    """An async store that suspends before each call of a sync *store*."""

    def __init__(self, store: Store) -> None:
        self.store = store

    async def load(self, account_id: str) -> bytes | None:
        """Suspend, then load."""
        await asyncio.sleep(0)
        return self.store.load(account_id)

    async def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Suspend, then swap."""
        await asyncio.sleep(0)
        return self.store.swap(account_id, old, new)


class Planted:
    """A cipher that replaces new secrets with the given *secrets*, as long as there are any."""

    def __init__(self, cipher: Cipher, *secrets: bytes) -> None:
        self.cipher = cipher
        self.secrets = list(secrets)

    def seal(self, secret: bytes, *, account_id: str, purpose: str) -> str:
        """Seal the next given secret if this one is new."""
        if purpose == PENDING and self.secrets:
            secret = self.secrets.pop(0)
        return self.cipher.seal(secret, account_id=account_id, purpose=purpose)

    def open(self, sealed: str, *, account_id: str, purpose: str) -> bytes:
        """Open the secret."""
        return self.cipher.open(sealed, account_id=account_id, purpose=purpose)

    def is_current(self, sealed: str) -> bool:
        """Return the answer of the cipher."""
        return self.cipher.is_current(sealed)


class Watched:
    """A cipher that records its calls."""

    def __init__(self, cipher: Cipher) -> None:
        self.cipher = cipher
        self.done: list[str] = []

    def seal(self, secret: bytes, *, account_id: str, purpose: str) -> str:
        """Seal, and record it."""
        self.done.append(f"seal {purpose}")
        return self.cipher.seal(secret, account_id=account_id, purpose=purpose)

    def open(self, sealed: str, *, account_id: str, purpose: str) -> bytes:
        """Open, and record it."""
        self.done.append(f"open {purpose}")
        return self.cipher.open(sealed, account_id=account_id, purpose=purpose)

    def is_current(self, sealed: str) -> bool:
        """Return the answer of the cipher."""
        return self.cipher.is_current(sealed)
