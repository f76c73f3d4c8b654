"""The contract suite itself: good stores pass it, and each kind of bad store fails it."""

import asyncio
import inspect
import threading
import unicodedata
import unittest
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import pytest

from totpkit import AsyncStore, Store
from totpkit.stores.memory import MemoryStore
from totpkit.testing import AsyncStoreContract, StoreContract
from totpkit.testing.store_contract import _counter, _GivingWay


class Good:
    """A correct store in small parts, each of which a bad store replaces."""

    shared: dict[str, bytes] | None = None
    """The records of all stores of a class, if they share any."""

    def __init__(self) -> None:
        self.records: dict[str, bytes] = {} if self.shared is None else self.shared
        self.seen: dict[str, bytes | None] = {}
        self.lock: Any = self.new_lock()

    def new_lock(self) -> Any:
        """Return what makes a swap atomic."""
        return threading.Lock()

    def name(self, account_id: str) -> str:
        """Return the name that a record is stored under."""
        return account_id

    def stored(self, record: bytes) -> bytes:
        """Return what is stored of a record."""
        return record

    def same(self, now: bytes | None, old: bytes | None) -> bool:
        """Return whether the stored value is the one that the caller has read."""
        return now == old

    def load(self, account_id: str) -> Any:
        """Return the latest value."""
        return self.records.get(self.name(account_id))

    def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Write *new* if the value is still *old*."""
        name = self.name(account_id)
        with self.lock:
            if not self.same(self.records.get(name), old):
                return False
            self.write(name, new)
            return True

    def write(self, name: str, new: bytes | None) -> None:
        """Write or delete a record."""
        if new is None:
            self.records.pop(name, None)
        else:
            self.records[name] = self.stored(new)


def bad(**methods: Any) -> type[Good]:
    """Return a class of stores with these methods in place of good ones."""
    return type("Bad", (Good,), methods)


def on_bytes(change: Callable[[bytes], bytes]) -> Callable[..., bool]:
    """Return a comparison that changes both records before it compares them."""
    return lambda _, now, old: now == old if None in (now, old) else change(now) == change(old)


def without_accents(_: object, account_id: str) -> str:
    """Return an account id as many collations compare it."""
    parts = unicodedata.normalize("NFD", account_id)
    return "".join(part for part in parts if not unicodedata.combining(part))


def delete_blindly(self: Good, account_id: str, old: bytes | None, new: bytes | None) -> bool:
    """Delete without looking at the value."""
    if new is None and old is not None:
        return self.records.pop(account_id, None) is not None
    return Good.swap(self, account_id, old, new)


def write_for_absence(self: Good, account_id: str, old: bytes | None, new: bytes | None) -> bool:
    """Write an empty record when both values are ``None``."""
    return Good.swap(self, account_id, old, b"" if old is None and new is None else new)


def remember_load(self: Good, account_id: str) -> bytes | None:
    """Return the first value that this store has seen."""
    return self.seen.setdefault(account_id, self.records.get(account_id))


def remember_swap(self: Good, account_id: str, old: bytes | None, new: bytes | None) -> bool:
    """Swap, and remember the new value."""
    won = Good.swap(self, account_id, old, new)
    if won:
        self.seen[account_id] = new
    return won


NOT_ATOMIC = bad(new_lock=lambda _: nullcontext())
BAD_ALONE = {
    "not-atomic": NOT_ATOMIC,
    "last-write-wins": bad(same=lambda *_: True),
    "upsert": bad(same=lambda _, now, old: old is None or now == old),
    "deletes-blindly": bad(swap=delete_blindly),
    "never-deletes": bad(write=lambda self, name, new: self.records.update({name: new or b""})),
    "writes-nothing": bad(write=lambda *_: None),
    "returns-none": bad(swap=lambda *args: (Good.swap(*args), None)[1]),
    "never-swaps": bad(same=lambda *_: False),
    "writes-for-absence": bad(swap=write_for_absence),
    "folds-ids": bad(name=lambda _, account_id: account_id.casefold()),
    "ignores-accents": bad(name=without_accents),
    "normalizes-ids": bad(name=lambda _, account_id: unicodedata.normalize("NFC", account_id)),
    "strips-ids": bad(name=lambda _, account_id: account_id.rstrip()),
    "cuts-ids": bad(name=lambda _, account_id: account_id.encode()[:191].decode(errors="ignore")),
    "folds-records": bad(same=on_bytes(bytes.lower)),
    "pads-records": bad(same=on_bytes(lambda record: record.rstrip(b" \0"))),
    "cuts-records": bad(stored=lambda _, record: record[:4096]),
    "strips-records": bad(stored=lambda _, record: record.rstrip()),
    "ends-at-zero": bad(stored=lambda _, record: record.partition(b"\0")[0]),
    "replaces-non-text": bad(stored=lambda _, record: record.decode(errors="replace").encode()),
    "recodes-latin-1": bad(stored=lambda _, record: record.decode("latin-1").encode()),
    "loads-text": bad(
        load=lambda self, account_id: (record := Good.load(self, account_id)) and record.decode("latin-1")
    ),
}
BAD_TOGETHER = {"never-commits": bad(), "caches": bad(shared={}, load=remember_load, swap=remember_swap)}
RACES = ["test_no_increment_is_lost", "test_one_of_many_swaps_wins"]


def failures(make: Callable[[], Store]) -> Iterator[str]:
    """Yield the tests of the suite that a store fails."""

    class Suite(StoreContract):
        def make_store(self) -> Store:
            return make()

    return failed_tests(Suite())


def failed_tests(suite: StoreContract) -> Iterator[str]:
    """Yield the names of the tests that fail."""
    for name in names_in(suite):
        try:
            getattr(suite, name)()
        except Exception:  # noqa: BLE001 - a bad store may raise anything
            yield name


def names_in(suite: StoreContract) -> list[str]:
    """Return the names of the suite's tests, races last."""
    names = {name for name in dir(suite) if name.startswith("test_")}
    return [*sorted(names.difference(RACES)), *RACES]


@pytest.mark.parametrize("good", [MemoryStore, Good])
def test_good(good: type[Good]) -> None:
    """A correct store passes every test."""
    store = good()
    assert list(failures(lambda: store)) == []


@pytest.mark.parametrize("name", BAD_ALONE)
def test_bad(name: str) -> None:
    """Each kind of bad store fails a test."""
    store = BAD_ALONE[name]()
    assert next(failures(lambda: store))


@pytest.mark.parametrize("name", BAD_TOGETHER)
def test_bad_beside_others(name: str) -> None:
    """A store that does not see the writes of other stores fails a test."""
    assert next(failures(BAD_TOGETHER[name]))


def test_not_atomic_every_time() -> None:
    """A store that reads and then writes fails both races, every time."""
    for _ in range(10):
        store = NOT_ATOMIC()
        assert list(failures(lambda store=store: store)) == RACES


class AsyncMemory:
    """An async store in memory. If it is not atomic, it yields to other tasks before it writes."""

    def __init__(self, *, atomic: bool) -> None:
        self.memory = MemoryStore()
        self.atomic = atomic

    async def load(self, account_id: str) -> bytes | None:
        """Return the latest value."""
        return self.memory.load(account_id)

    async def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Write *new* if the value is still *old*."""
        is_same = self.memory.load(account_id) == old
        if not self.atomic:
            await asyncio.sleep(0)
        if is_same:
            self.memory.swap(account_id, self.memory.load(account_id), new)
        return is_same


@pytest.mark.parametrize("atomic", [True, False])
def test_async(*, atomic: bool) -> None:
    """The async suite passes a correct store, and fails one that yields between reading and writing."""
    store = AsyncMemory(atomic=atomic)

    class Suite(AsyncStoreContract):
        def make_async_store(self) -> AsyncStore:
            return store

    if atomic:
        assert list(failed_tests(Suite())) == []
    else:
        with pytest.raises(AssertionError, match=r"^expected 1, but it was 16$"):
            Suite().test_one_of_many_swaps_wins()


def test_made_in_the_loop() -> None:
    """The async suite creates its stores in its event loop, where their resources can be closed too."""
    loops: list[asyncio.AbstractEventLoop] = []

    class Suite(AsyncStoreContract):
        def make_async_store(self) -> AsyncStore:
            loops.append(asyncio.get_running_loop())
            return AsyncMemory(atomic=True)

    async def close() -> str:
        loops.append(asyncio.get_running_loop())
        return "closed"

    suite = Suite()
    suite.test_absent_account_loads_as_none()
    suite.test_swap_of_absence_for_absence()
    assert suite.run(close()) == "closed"
    assert len(loops) == 3
    assert len(set(loops)) == 1


def test_unittest() -> None:
    """The suite also runs under unittest."""
    store = MemoryStore()

    class Suite(StoreContract, unittest.TestCase):
        def make_store(self) -> Store:
            return store

    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(Suite).run(result)
    assert (result.testsRun, result.errors, result.failures) == (len(names_in(Suite("run"))), [], [])


@pytest.mark.parametrize("suite", [StoreContract, AsyncStoreContract])
def test_abstract(suite: type[StoreContract]) -> None:
    """The suite cannot run until a subclass says how to make a store."""
    with pytest.raises(TypeError, match="abstract"):
        suite()


def test_message() -> None:
    """A failed test says what was expected and what the store returned."""

    class Suite(StoreContract):
        def make_store(self) -> Store:
            return BAD_ALONE["last-write-wins"]()

    with pytest.raises(AssertionError, match=r"^expected False, but it was True$"):
        Suite().test_swap_writes_over_what_was_read_only()


def test_giving_way() -> None:
    """Other threads run only at the lines of the given modules."""
    frame = inspect.currentframe()
    assert frame is not None
    here = _GivingWay({__name__})
    assert here(frame, "line", None) is here
    assert _GivingWay({"elsewhere"})(frame, "line", None) is None


def test_counter() -> None:
    """A counting thread stops after its rounds, or after it has lost more races than there are counts."""
    store = MemoryStore()
    assert _counter(store, "account", 3, 3)()
    assert store.load("account") == b"3"
    store.swap = lambda *_: False  # type: ignore[method-assign]
    assert not _counter(store, "account", 3, 3)()
