"""For tests of your own: a clock that obeys, a soft phone, and the suite that proves a store.

The suite needs no test framework: its methods begin with ``test_`` and assert, so pytest and
unittest both find them in a subclass.
"""

import asyncio
import threading
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from totpkit._clock import Clock
from totpkit._keyuri import KeyURI
from totpkit._ports import AsyncStore, Store
from totpkit._totp import TOTP
from totpkit.errors import InvalidURIError

__all__ = ["AsyncStoreContract", "SettableClock", "SoftPhone", "StoreContract"]

T = TypeVar("T")

_CONFUSABLE = ("a", "A", "a ", "\u00e1", "a\u0301", "\uff41", "\u00df", "ss", "1", "\u0661", "%", "_", "a/b")


class SettableClock:
    """A clock that stands still until it is told: call it for the time in Unix seconds."""

    def __init__(self, time: float = 1_700_000_000.0) -> None:
        self.time = time

    def __call__(self) -> float:
        """Return the time it was set to."""
        return self.time

    def advance(self, seconds: float) -> None:
        """Move on by *seconds*; back, if they are negative."""
        self.time += seconds


class SoftPhone:
    """An authenticator app that has scanned the key URI *uri* and shows codes by its own clock.

    *slow* is how many seconds that clock lags behind *clock*. With *ignores_parameters* it
    does what many apps do: SHA1, 6 digits and 30 seconds, whatever the URI says. Raises
    :class:`InvalidURIError` unless the URI is one for TOTP.
    """

    def __init__(
        self, uri: str, *, clock: Clock, slow: float = 0.0, ignores_parameters: bool = False
    ) -> None:
        codes = KeyURI.parse(uri).otp
        if not isinstance(codes, TOTP):
            raise InvalidURIError("a soft phone scans only key URIs of type totp")
        self._codes = TOTP(codes.secret) if ignores_parameters else codes
        self._clock = clock
        self._slow = slow

    def code(self, steps: int = 0) -> str:
        """Return the code on the screen, or the one that many *steps* later."""
        return self._codes.at(self._clock() - self._slow + steps * self._codes.period)


class StoreContract(ABC):
    """What a store must do for nobody to pass twice; subclass it and say how to make one.

    Every test makes its own stores, which must all share one database, and uses account ids
    that no other uses. Concurrency is tested by threads, each with a store of its own.
    """

    THREADS = 16

    @abstractmethod
    def make_store(self) -> Store:
        """Return a store, connected to the same database at each call."""

    def test_absent_account_loads_as_none(self) -> None:
        """An account that was never written is absent."""
        _check(None, self.make_store().load(_fresh("absent")))

    def test_first_swap_expects_absence(self) -> None:
        """The first write succeeds only on absence, and another store reads it."""
        account = _fresh("first")
        _yes(self.make_store().swap(account, None, b"one"))
        _no(self.make_store().swap(account, None, b"two"))
        _check(b"one", self.make_store().load(account))

    def test_swap_writes_over_what_was_read_only(self) -> None:
        """A write over any other value than the stored one does nothing."""
        store, account = self.make_store(), _fresh("stale")
        _no(store.swap(account, b"one", b"two"))
        _yes(store.swap(account, None, b"one"))
        _no(store.swap(account, b"two", b"three"))
        _check(b"one", store.load(account))
        _yes(store.swap(account, b"one", b"two"))
        _check(b"two", store.load(account))

    def test_removal_is_a_swap(self) -> None:
        """A record is removed only while it is the one that was read; then it can begin anew."""
        store, account = self.make_store(), _fresh("removed")
        _yes(store.swap(account, None, b"one"))
        _no(store.swap(account, b"two", None))
        _yes(store.swap(account, b"one", None))
        _check(None, store.load(account))
        _no(store.swap(account, b"one", None))
        _yes(store.swap(account, None, b"one"))

    def test_swap_of_absence_for_absence(self) -> None:
        """Nothing for nothing tells whether the account is absent, and writes nothing."""
        store, account = self.make_store(), _fresh("nothing")
        _yes(store.swap(account, None, None))
        _check(None, store.load(account))
        _yes(store.swap(account, None, b"one"))
        _no(store.swap(account, None, None))

    def test_records_are_bytes(self) -> None:
        """Every byte comes back, and records of 64 KiB too."""
        store, account = self.make_store(), _fresh("bytes")
        old = bytes(range(256))
        _yes(store.swap(account, None, old))
        new = old * 256
        _yes(store.swap(account, old, new[:-1]))
        _check(new[:-1], store.load(account))

    def test_account_ids_stay_apart(self) -> None:
        """Ids that differ by case, accent, normal form, a trailing space or a digit's script are two."""
        store, prefix = self.make_store(), _fresh("")
        ids = [prefix + end for end in _CONFUSABLE]
        ids.append("\N{SNOWMAN}" * 85)
        store.swap(ids[-1], store.load(ids[-1]), None)
        for place, account in enumerate(ids):
            _yes(store.swap(account, None, b"%d" % place))
        _check([b"%d" % place for place in range(len(ids))], [store.load(account) for account in ids])

    def test_one_of_many_swaps_wins(self) -> None:
        """Of swaps at the same moment over the same value exactly one succeeds, time and again."""
        account = _fresh("race")
        stores = [self.make_store() for _ in range(self.THREADS)]
        old: bytes | None = None
        for turn in range(10):
            wins = _at_once(
                [_swapper(store, account, old, b"%d by %d" % (turn, n)) for n, store in enumerate(stores)]
            )
            _check(1, sum(wins))
            old = stores[0].load(account)
            _check(b"%d by %d" % (turn, wins.index(True)), old)

    def test_no_increment_is_lost(self) -> None:
        """Threads that each count up by load and swap, again after a lost race, lose no count."""
        account, rounds = _fresh("count"), 5
        stores = [self.make_store() for _ in range(self.THREADS)]
        _at_once([_counter(store, account, rounds) for store in stores])
        _check(b"%d" % (self.THREADS * rounds), stores[0].load(account))


class AsyncStoreContract(StoreContract):
    """The same suite for an async store, whose calls all run in one event loop."""

    @abstractmethod
    def make_async_store(self) -> AsyncStore:
        """Return a store, made in the event loop and connected to the same database at each call."""

    def make_store(self) -> Store:
        """Return the async store behind blocking calls."""
        return _Blocking(self.make_async_store)


class _Blocking:
    def __init__(self, make: Callable[[], AsyncStore]) -> None:
        async def made() -> AsyncStore:
            return make()

        self._store = _run(made())

    def load(self, account_id: str) -> bytes | None:
        return _run(self._store.load(account_id))

    def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        return _run(self._store.swap(account_id, old, new))


class _Loop:
    """One event loop in a thread of its own, started with the first call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def run(self, work: Coroutine[object, None, T]) -> T:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, daemon=True).start()
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


_run = _Loop().run


def _check(expected: object, actual: object) -> None:
    if actual != expected:  # not by assert, which python -O takes away
        raise AssertionError(f"expected {expected!r}, but it was {actual!r}")


def _yes(answer: object) -> None:
    _check(expected=True, actual=answer)


def _no(answer: object) -> None:
    _check(expected=False, actual=answer)


def _fresh(name: str) -> str:
    return f"{name}-{uuid.uuid4().hex}"


def _swapper(store: Store, account: str, old: bytes | None, new: bytes) -> Callable[[], bool]:
    return lambda: store.swap(account, old, new)


def _counter(store: Store, account: str, rounds: int) -> Callable[[], bool]:
    def count() -> bool:
        done = 0
        while done < rounds:
            old = store.load(account)
            done += store.swap(account, old, b"%d" % (int(old or b"0") + 1))
        return True

    return count


def _at_once(works: list[Callable[[], bool]]) -> list[bool]:
    barrier = threading.Barrier(len(works))

    def started(work: Callable[[], bool]) -> bool:
        barrier.wait()
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(started, works))
