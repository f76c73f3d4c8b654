"""A test suite for stores. All stores in totpkit pass it, and your own stores should too.

The suite does not depend on a test framework. Both pytest and unittest find its methods in a
subclass, because their names begin with ``test_``.
"""

import asyncio
import sys
import threading
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import FrameType
from typing import Self, TypeVar

from totpkit._ports import AsyncStore, Store

T = TypeVar("T")

_CONFUSABLE = (
    *("a", "A", "a ", "\u00e1", "a\u0301", "\uff41", "\u00df", "ss", "1", "01", "\u0661", "%", "_", "a/b"),
    *("\N{SNOWMAN}" * 60 + "a", "\N{SNOWMAN}" * 60 + "b"),
)
_CONFUSABLE_RECORDS = (b"one", b"One", b"one ", b"one\n", b"one\0", b"on\xe9", b"on\xc3\xa9", b"one\0two")


class StoreContract(ABC):
    """Tests that a store never allows a code to be accepted twice.

    Subclass this class and implement :meth:`make_store`. Each test creates several stores, which
    must share one database. Each test also uses its own account ids, so you don't have to empty the
    database between tests. The concurrency tests start ``THREADS`` threads, each with its own
    store. The threads take turns at every line of the store's module.
    """

    THREADS = 16

    @abstractmethod
    def make_store(self) -> Store:
        """Return a new store. Every store must be connected to the same database."""

    def test_absent_account_loads_as_none(self) -> None:
        """Loading an account that does not exist returns ``None``."""
        _check(None, self.make_store().load(_fresh("absent")))

    def test_first_swap_expects_absence(self) -> None:
        """Only the first write can create an account, and every store can then read it."""
        account = _fresh("first")
        _yes(self.make_store().swap(account, None, b"one"))
        _no(self.make_store().swap(account, None, b"two"))
        _check(b"one", self.make_store().load(account))

    def test_swap_writes_over_what_was_read_only(self) -> None:
        """A swap changes nothing if the old value is not the stored value."""
        store, account = self.make_store(), _fresh("stale")
        _no(store.swap(account, b"one", b"two"))
        _yes(store.swap(account, None, b"one"))
        _no(store.swap(account, b"two", b"three"))
        _check(b"one", store.load(account))
        _yes(store.swap(account, b"one", b"two"))
        _check(b"two", store.load(account))

    def test_load_is_the_latest(self) -> None:
        """A store always loads the latest value, even if another store has written it."""
        store, other, account = self.make_store(), self.make_store(), _fresh("latest")
        _check(None, store.load(account))
        _yes(other.swap(account, None, b"one"))
        _check(b"one", store.load(account))
        _yes(other.swap(account, b"one", b"two"))
        _check(b"two", store.load(account))
        _yes(store.swap(account, b"two", None))
        _check(None, other.load(account))

    def test_removal_is_a_swap(self) -> None:
        """A record is deleted only if the old value matches. The account can then be created again."""
        store, account = self.make_store(), _fresh("removed")
        _yes(store.swap(account, None, b"one"))
        _no(store.swap(account, b"two", None))
        _yes(store.swap(account, b"one", None))
        _check(None, store.load(account))
        _no(store.swap(account, b"one", None))
        _yes(store.swap(account, None, b"one"))

    def test_swap_of_absence_for_absence(self) -> None:
        """Swapping ``None`` for ``None`` writes nothing and returns whether the account is missing."""
        store, account = self.make_store(), _fresh("nothing")
        _yes(store.swap(account, None, None))
        _check(None, store.load(account))
        _yes(store.swap(account, None, b"one"))
        _no(store.swap(account, None, None))

    def test_records_are_bytes(self) -> None:
        """A record can contain any bytes and can be up to 64 KiB long."""
        store, account = self.make_store(), _fresh("bytes")
        old = bytes(range(256))
        _yes(store.swap(account, None, old))
        new = old * 256
        _yes(store.swap(account, old, new[:-1]))
        _check(new[:-1], store.load(account))

    def test_records_stay_apart(self) -> None:
        """Records are different even if they differ only in case or in their last byte."""
        store, account = self.make_store(), _fresh("records")
        old = None
        for record in _CONFUSABLE_RECORDS:
            for other in _CONFUSABLE_RECORDS:
                if other != old:
                    _no(store.swap(account, other, b"new"))
            _yes(store.swap(account, old, record))
            _check(record, store.load(account))
            old = record

    def test_account_ids_stay_apart(self) -> None:
        """Account ids are different even if they look similar or are very long.

        They may differ only in case, an accent, Unicode normalization, a trailing space or the
        script of their digits.
        """
        store, prefix = self.make_store(), _fresh("")
        ids = [prefix + end for end in _CONFUSABLE]
        for number, account in enumerate(ids):
            _yes(store.swap(account, None, b"%d" % number))
        _check([b"%d" % number for number in range(len(ids))], [store.load(account) for account in ids])

    def test_one_of_many_swaps_wins(self) -> None:
        """If many threads swap the same value at the same time, only one of them succeeds."""
        account = _fresh("race")
        stores = [self.make_store() for _ in range(self.THREADS)]
        old: bytes | None = None
        for number in range(10):
            news = [b"%d by %d" % (number, rival) for rival in range(self.THREADS)]
            wins = self._swap_at_once(stores, account, old, news)
            _check(1, sum(wins))
            old = stores[0].load(account)
            _check(news[wins.index(True)], old)

    def test_no_increment_is_lost(self) -> None:
        """Many threads can increment a counter with load and swap without losing an increment.

        A thread that loses a race tries again.
        """
        account, rounds = _fresh("count"), 5
        stores = [self.make_store() for _ in range(self.THREADS)]
        total = self.THREADS * rounds
        _at_once(stores, [_counter(store, account, rounds, total) for store in stores])
        _check(b"%d" % total, stores[0].load(account))

    def _swap_at_once(
        self, stores: list[Store], account: str, old: bytes | None, news: list[bytes]
    ) -> list[bool]:
        rivals = zip(stores, news, strict=True)
        return _at_once(stores, [partial(store.swap, account, old, new) for store, new in rivals])


class AsyncStoreContract(StoreContract):
    """The same suite for an async store. All calls run in one event loop."""

    @abstractmethod
    def make_async_store(self) -> AsyncStore:
        """Return a new async store. Every store must be connected to the same database.

        This method is called in the event loop.
        """

    def make_store(self) -> Store:
        """Create an async store and make its methods blocking."""
        return _Blocking(self.make_async_store)

    @staticmethod
    def run(work: Coroutine[object, None, T]) -> T:
        """Run a coroutine in the suite's event loop, for example to close database connections."""
        return _run(work)

    def _swap_at_once(
        self, stores: list[Store], account: str, old: bytes | None, news: list[bytes]
    ) -> list[bool]:
        async def swaps() -> list[bool]:
            async_stores = [store.store for store in stores if isinstance(store, _Blocking)]
            rivals = zip(async_stores, news, strict=True)
            return await asyncio.gather(*[store.swap(account, old, new) for store, new in rivals])

        return _run(swaps())


class _Blocking:
    def __init__(self, make: Callable[[], AsyncStore]) -> None:
        async def create() -> AsyncStore:
            return make()

        self.store = _run(create())

    def load(self, account_id: str) -> bytes | None:
        return _run(self.store.load(account_id))

    def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        return _run(self.store.swap(account_id, old, new))


class _Loop:
    """An event loop in a background thread, which is started on first use."""

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
    if actual != expected:  # not assert, which python -O removes
        raise AssertionError(f"expected {expected!r}, but it was {actual!r}")


def _yes(answer: object) -> None:
    _check(expected=True, actual=answer)


def _no(answer: object) -> None:
    _check(expected=False, actual=answer)


def _fresh(name: str) -> str:
    return f"{name}-{uuid.uuid4().hex}"


def _counter(store: Store, account: str, rounds: int, total: int) -> Callable[[], bool]:
    def count() -> bool:
        done = 0
        for _ in range(rounds + total):  # each lost race means that another thread has counted
            old = store.load(account)
            done += store.swap(account, old, b"%d" % (int(old or b"0") + 1))
            if done == rounds:
                return True
        return False

    return count


def _at_once(stores: list[Store], works: list[Callable[[], bool]]) -> list[bool]:
    barrier = threading.Barrier(len(works))
    modules = {type(store).__module__ for store in stores}

    def start(work: Callable[[], bool]) -> bool:
        barrier.wait()
        previous = sys.gettrace()
        sys.settrace(_GivingWay(modules))
        try:
            return work()
        finally:
            sys.settrace(previous)

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(start, works))


class _GivingWay:
    """A trace function that lets other threads run at every line of *modules*.

    Without it, each thread would run for several milliseconds at a time. A store that reads and
    then writes in Python would hardly ever be interrupted in between.
    """

    def __init__(self, modules: set[str]) -> None:
        self._modules = modules

    def __call__(self, frame: FrameType, event: str, argument: object) -> Self | None:
        del event, argument
        if frame.f_globals.get("__name__") not in self._modules:
            return None
        time.sleep(0)
        return self
