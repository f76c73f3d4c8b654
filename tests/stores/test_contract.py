"""The suite that proves stores, proved itself: it passes good ones, and it catches each kind of bad one."""

import asyncio
import inspect
import threading
import unicodedata
import unittest
from collections.abc import Iterator
from typing import Any, Protocol

import pytest

from totpkit import AsyncStore, Store
from totpkit.stores.memory import MemoryStore
from totpkit.testing import AsyncStoreContract, StoreContract
from totpkit.testing.store_contract import _counter, _GivingWay


class Good:
    """A store that keeps its word, in parts that a bad one can spoil."""

    def __init__(self) -> None:
        self.records: dict[str, bytes] = {}
        self.lock: Any = threading.Lock()

    def name(self, account_id: str) -> str:
        """Return what the record is kept under."""
        return account_id

    def kept(self, record: bytes) -> bytes:
        """Return what is kept of a record."""
        return record

    def same(self, now: bytes | None, old: bytes | None) -> bool:
        """Return whether what is kept is what the caller has read."""
        return now == old

    def load(self, account_id: str) -> bytes | None:
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
        """Write, or remove."""
        if new is None:
            self.records.pop(name, None)
        else:
            self.records[name] = self.kept(new)


class NoLock:
    """Locks nothing."""

    def __enter__(self) -> None:
        """Let everybody in."""

    def __exit__(self, *_: object) -> None:
        """Let everybody out."""


class NotAtomic(Good):
    """Looks, and then writes."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = NoLock()


class LastWins(Good):
    """Writes whatever was there."""

    def same(self, *_: object) -> bool:
        """Don't look."""
        return True


class LastWinsOverAbsence(Good):
    """Writes whatever was there, if the caller has found nothing: an upsert."""

    def same(self, now: bytes | None, old: bytes | None) -> bool:
        """Look only if something was read."""
        return old is None or now == old


class CarelessRemoval(Good):
    """Removes whatever is there."""

    def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Look only before a write."""
        if new is None and old is not None:
            return self.records.pop(account_id, None) is not None
        return super().swap(account_id, old, new)


class NeverRemoves(Good):
    """Keeps an empty record where there should be none."""

    def write(self, name: str, new: bytes | None) -> None:
        """Write always."""
        self.records[name] = new or b""


class AnswersOnly(Good):
    """Says that it has written."""

    def write(self, name: str, new: bytes | None) -> None:
        """Write nothing."""


class SaysNothing(Good):
    """Writes, and doesn't say so."""

    def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Answer with nothing."""
        super().swap(account_id, old, new)
        return None  # type: ignore[return-value]


class NeverAnswersYes(Good):
    """Refuses everything."""

    def same(self, *_: object) -> bool:
        """Never."""
        return False


class WritesNothingForNothing(Good):
    """Takes the swap of absence for absence for a write."""

    def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Write an empty record."""
        return super().swap(account_id, old, b"" if old is None and new is None else new)


class FoldsCase(Good):
    """Merges ids by case."""

    def name(self, account_id: str) -> str:
        """Fold."""
        return account_id.casefold()


class Collates(Good):
    """Merges ids by accent and normal form, as collations do."""

    def name(self, account_id: str) -> str:
        """Take accents away."""
        parts = unicodedata.normalize("NFD", account_id)
        return "".join(part for part in parts if not unicodedata.combining(part))


class Normalizes(Good):
    """Merges ids that look alike."""

    def name(self, account_id: str) -> str:
        """Normalize."""
        return unicodedata.normalize("NFC", account_id)


class PadsIds(Good):
    """Drops spaces at the end of ids, as CHAR columns do."""

    def name(self, account_id: str) -> str:
        """Strip."""
        return account_id.rstrip()


class CutsIds(Good):
    """Keeps the beginning of long ids."""

    def name(self, account_id: str) -> str:
        """Cut."""
        return account_id.encode()[:191].decode(errors="ignore")


class FoldsRecords(Good):
    """Compares records by case."""

    def same(self, now: bytes | None, old: bytes | None) -> bool:
        """Fold."""
        return now == old if now is None or old is None else now.lower() == old.lower()


class PadsRecords(Good):
    """Compares records as if they were padded."""

    def same(self, now: bytes | None, old: bytes | None) -> bool:
        """Strip."""
        return now == old if now is None or old is None else now.rstrip(b" \0") == old.rstrip(b" \0")


class CutsRecords(Good):
    """Keeps 4 KiB of a record."""

    def kept(self, record: bytes) -> bytes:
        """Cut."""
        return record[:4096]


class StripsRecords(Good):
    """Drops white space at the end of a record."""

    def kept(self, record: bytes) -> bytes:
        """Strip."""
        return record.rstrip()


class CString(Good):
    """Keeps a record up to its first zero byte."""

    def kept(self, record: bytes) -> bytes:
        """Cut."""
        return record.partition(b"\0")[0]


class Text(Good):
    """Keeps records as text, without what is none."""

    def kept(self, record: bytes) -> bytes:
        """Decode."""
        return record.decode(errors="replace").encode()


class Latin(Good):
    """Keeps records as text of one byte a character, and gives them back as UTF-8."""

    def kept(self, record: bytes) -> bytes:
        """Decode."""
        return record.decode("latin-1").encode()


class Strings(Good):
    """Gives text for bytes."""

    def load(self, account_id: str) -> Any:
        """Decode."""
        record = super().load(account_id)
        return None if record is None else record.decode("latin-1")


class Remembers(Good):
    """Gives what it has once loaded or written, whatever others have written since."""

    shared: dict[str, bytes]

    def __init__(self) -> None:
        super().__init__()
        self.records = self.shared
        self.seen: dict[str, bytes | None] = {}

    def load(self, account_id: str) -> bytes | None:
        """Remember."""
        return self.seen.setdefault(account_id, super().load(account_id))

    def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Remember."""
        won = super().swap(account_id, old, new)
        if won:
            self.seen[account_id] = new
        return won


class Uncommitted(Good):
    """Keeps what it has written to itself."""

    # Each store of this kind has records of its own: see stores_of.


ONE_RECORDS = [
    *[NotAtomic, LastWins, LastWinsOverAbsence, CarelessRemoval, NeverRemoves, AnswersOnly, SaysNothing],
    *[NeverAnswersYes, WritesNothingForNothing, FoldsCase, Collates, Normalizes, PadsIds, CutsIds],
    *[FoldsRecords, PadsRecords, CutsRecords, StripsRecords, CString, Text, Latin, Strings],
]
SEVERAL_RECORDS = [Remembers, Uncommitted]


RACES = ["test_no_increment_is_lost", "test_one_of_many_swaps_wins"]


class Making(Protocol):
    """Makes stores."""

    def __call__(self) -> Store:
        """Make one."""


def faults(make: Making) -> Iterator[str]:
    """Yield the tests of the suite that a store fails."""

    class Suite(StoreContract):
        def make_store(self) -> Store:
            return make()

    return failures(Suite())


def failures(suite: StoreContract) -> Iterator[str]:
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
    """Stores that keep their word pass."""
    store = good()
    assert list(faults(lambda: store)) == []


@pytest.mark.parametrize("bad", ONE_RECORDS)
def test_bad(bad: type[Good]) -> None:
    """Each kind of bad store is caught, and soon."""
    store = bad()
    assert next(faults(lambda: store))


@pytest.mark.parametrize("bad", SEVERAL_RECORDS)
def test_bad_beside_others(bad: type[Good]) -> None:
    """So are those that know nothing of what another store has written."""
    Remembers.shared = {}
    assert next(faults(bad))


def test_not_atomic_every_time() -> None:
    """A store that looks and then writes is caught by both races, time and again."""
    for _ in range(10):
        store = NotAtomic()
        assert list(faults(lambda store=store: store)) == RACES


class Later:
    """A store in memory, awaited, that lets others run before it writes if it is not atomic."""

    def __init__(self, *, atomic: bool) -> None:
        self.records: dict[str, bytes] = {}
        self.atomic = atomic

    async def load(self, account_id: str) -> bytes | None:
        """Return the latest value."""
        return self.records.get(account_id)

    async def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Write *new* if the value is still *old*."""
        if self.records.get(account_id) != old:
            return False
        if not self.atomic:
            await asyncio.sleep(0)
        if new is None:
            self.records.pop(account_id, None)
        else:
            self.records[account_id] = new
        return True


@pytest.mark.parametrize("atomic", [True, False])
def test_async(*, atomic: bool) -> None:
    """The suite for async stores passes a good one and catches one that gives way at the wrong moment."""
    store = Later(atomic=atomic)

    class Suite(AsyncStoreContract):
        def make_async_store(self) -> AsyncStore:
            return store

    if atomic:
        assert list(failures(Suite())) == []
    else:
        with pytest.raises(AssertionError, match=r"^expected 1, but it was 16$"):
            Suite().test_one_of_many_swaps_wins()


def test_made_in_the_loop() -> None:
    """Async stores are made in the suite's event loop, in which also what they need can be closed."""
    loops: list[asyncio.AbstractEventLoop] = []

    class Suite(AsyncStoreContract):
        def make_async_store(self) -> AsyncStore:
            loops.append(asyncio.get_running_loop())
            return Later(atomic=True)

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
    """The suite runs under unittest too."""
    store = MemoryStore()

    class Suite(StoreContract, unittest.TestCase):
        def make_store(self) -> Store:
            return store

    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(Suite).run(result)
    assert (result.testsRun, result.errors, result.failures) == (len(names_in(Suite("run"))), [], [])


@pytest.mark.parametrize("suite", [StoreContract, AsyncStoreContract])
def test_to_be_told(suite: type[StoreContract]) -> None:
    """The suite cannot be run before it was said how to make a store."""
    with pytest.raises(TypeError, match="abstract"):
        suite()


def test_says_what() -> None:
    """A failed test says what was expected and what was there."""

    class Suite(StoreContract):
        def make_store(self) -> Store:
            return LastWins()

    with pytest.raises(AssertionError, match=r"^expected False, but it was True$"):
        Suite().test_swap_writes_over_what_was_read_only()


def test_giving_way() -> None:
    """Only lines of the modules named let other threads run."""
    frame = inspect.currentframe()
    assert frame is not None
    here = _GivingWay({__name__})
    assert here(frame, "line", None) is here
    assert _GivingWay({"elsewhere"})(frame, "line", None) is None


def test_counter() -> None:
    """A thread that counts ends with its rounds, or when more races are lost than there are counts."""
    store = MemoryStore()
    assert _counter(store, "account", 3, 3)()
    assert store.load("account") == b"3"
    store.swap = lambda *_: False  # type: ignore[method-assign]
    assert not _counter(store, "account", 3, 3)()
