"""Stores and ciphers that misbehave on purpose, or watch what they are asked."""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

from totpkit import Cipher, Store, StoreError
from totpkit._account.sealing import PENDING
from totpkit.stores.memory import MemoryStore

T = TypeVar("T")


class Tape:
    """A store that writes down what it is asked: "load", "swap", or "lost" for a swap that did nothing."""

    def __init__(self, store: Store | None = None) -> None:
        self.store = MemoryStore() if store is None else store
        self.calls: list[str] = []

    def load(self, account_id: str) -> bytes | None:
        """Load, and write it down."""
        self.calls.append("load")
        return self.store.load(account_id)

    def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Swap, and write down whether it did."""
        swapped = self.store.swap(account_id, old, new)
        self.calls.append("swap" if swapped else "lost")
        return swapped


class Faulty:
    """A store whose call of one number fails, before it takes effect or after."""

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
    """A store before whose every swap a rival is given the time to do something."""

    def __init__(self, store: Store, rival: Callable[[int], object]) -> None:
        self.store = store
        self.rival = rival
        self.swaps = 0

    def load(self, account_id: str) -> bytes | None:
        """Load."""
        return self.store.load(account_id)

    def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Let the rival act, who is told the number of the swap from 0 on; then swap."""
        self.swaps += 1
        self.rival(self.swaps - 1)
        return self.store.swap(account_id, old, new)


class Interrupted:
    """A store before whose call of one number somebody else gets to act."""

    def __init__(self, store: Store, *, call: int, intruder: Callable[[], object]) -> None:
        self.store = store
        self.call = call
        self.intruder = intruder
        self.calls = 0

    def load(self, account_id: str) -> bytes | None:
        """Let the intruder act if it is time; then load."""
        self._count()
        return self.store.load(account_id)

    def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Let the intruder act if it is time; then swap."""
        self._count()
        return self.store.swap(account_id, old, new)

    def _count(self) -> None:
        self.calls += 1
        if self.calls - 1 == self.call:
            self.intruder()


class Gate:
    """A store that lets all of a number of threads load before any of them goes on, once each."""

    def __init__(self, store: Store, threads: int) -> None:
        self.store = store
        self._barrier = threading.Barrier(threads)
        self._seen = threading.local()

    def load(self, account_id: str) -> bytes | None:
        """Load, and the first time wait for the others."""
        stored = self.store.load(account_id)
        if not getattr(self._seen, "passed", False):
            self._seen.passed = True
            self._barrier.wait(timeout=30)
        return stored

    def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Swap."""
        return self.store.swap(account_id, old, new)


class Later:
    """Any store as an async one that really suspends, in one thread."""

    def __init__(self, store: Store) -> None:
        self.store = store

    async def load(self, account_id: str) -> bytes | None:
        """Load after a turn of the event loop."""
        await asyncio.sleep(0)
        return self.store.load(account_id)

    async def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Swap after a turn of the event loop."""
        await asyncio.sleep(0)
        return self.store.swap(account_id, old, new)


class Planted:
    """A cipher that seals secrets of the test's choice in place of new ones, while it has any."""

    def __init__(self, cipher: Cipher, *secrets: bytes) -> None:
        self.cipher = cipher
        self.secrets = list(secrets)

    def seal(self, secret: bytes, *, account_id: str, purpose: str) -> str:
        """Seal the next of the secrets if this one is new."""
        if purpose == PENDING and self.secrets:
            secret = self.secrets.pop(0)
        return self.cipher.seal(secret, account_id=account_id, purpose=purpose)

    def open(self, sealed: str, *, account_id: str, purpose: str) -> bytes:
        """Open."""
        return self.cipher.open(sealed, account_id=account_id, purpose=purpose)

    def is_current(self, sealed: str) -> bool:
        """Ask the cipher."""
        return self.cipher.is_current(sealed)


class Watched:
    """A cipher that writes down what it does."""

    def __init__(self, cipher: Cipher) -> None:
        self.cipher = cipher
        self.done: list[str] = []

    def seal(self, secret: bytes, *, account_id: str, purpose: str) -> str:
        """Seal, and write it down."""
        self.done.append(f"seal {purpose}")
        return self.cipher.seal(secret, account_id=account_id, purpose=purpose)

    def open(self, sealed: str, *, account_id: str, purpose: str) -> bytes:
        """Open, and write it down."""
        self.done.append(f"open {purpose}")
        return self.cipher.open(sealed, account_id=account_id, purpose=purpose)

    def is_current(self, sealed: str) -> bool:
        """Ask the cipher."""
        return self.cipher.is_current(sealed)
