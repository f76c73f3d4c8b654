"""Reading and changing records: load, decide, swap."""

import datetime as dt
import math
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given

from tests.support.account_strategies import records, throttles
from tests.support.authenticators import POLICY, WHO, App
from tests.support.fakes import Raced, Tape, Watched
from tests.support.strategies import shown
from totpkit import Cipher, InvalidParameterError, Policy, RecordError, Store, StoreError, Throttle
from totpkit._account.attempts import Context
from totpkit._account.record import EnrolledDevice, Record, SealedSecret
from totpkit._account.records import Records, Update
from totpkit._account.sealing import ENROLLED, PENDING, Sealing
from totpkit._account.sync import SyncStoreAdapter, run_sync
from totpkit.stores.memory import MemoryStore
from totpkit.testing import SettableClock
from totpkit.vault import PLAINTEXT, Vault


def ledger(
    store: Store, *, cipher: Cipher = PLAINTEXT, policy: Policy = POLICY, clock: Any = None
) -> Records:
    """Return a ledger over a sync store."""
    return Records(SyncStoreAdapter(store), cipher, policy, clock or SettableClock())


def one_more(record: Record, _: Context) -> tuple[Record, str]:
    """Count a failure more."""
    return replace(record, failures=record.failures + 1), f"{record.failures} before"


def counted(store: Store) -> Update[str]:
    """Count a failure more in the store."""
    return run_sync(ledger(store).change(WHO, one_more))


def stored(store: Store) -> Record:
    """Return the record in the store."""
    raw = store.load(WHO)
    assert raw is not None
    return read_record(raw)


def test_read() -> None:
    """An account that is not stored is empty, and one that is comes back."""
    store = MemoryStore()
    assert run_sync(ledger(store).read(WHO)) is Record.EMPTY
    counted(store)
    assert run_sync(ledger(store).read(WHO)) == Record(revision=1, failures=1)


@pytest.mark.proves("T32", "T34")
def test_corrupted() -> None:
    """A corrupted record is an error wherever it is read, and is not written over; it can be removed."""
    store = MemoryStore()
    store.swap(WHO, None, b"{}")
    with pytest.raises(RecordError):
        run_sync(ledger(store).read(WHO))
    with pytest.raises(RecordError):
        run_sync(ledger(store).change(WHO, one_more))
    assert store.load(WHO) == b"{}"
    assert run_sync(ledger(store).erase(WHO)) is True
    assert run_sync(ledger(store).erase(WHO)) is False


@given(records)
def test_change(record: Record) -> None:
    """A decision is written under the next revision, and told with the record before and after."""
    store = MemoryStore()
    bare = replace(record, device=None, revision=41)
    store.swap(WHO, None, bare.to_bytes(revision=41))
    change = counted(store)
    after = replace(bare, failures=bare.failures + 1)
    assert Update(WHO, 1_700_000_000.0, bare, after, f"{bare.failures} before") == change
    assert replace(after, revision=42) == stored(store)


@pytest.mark.proves("T32")
@pytest.mark.parametrize("numbers", [{"revision": 2**64}, {"generation": 2**64}], ids=str)
def test_counted_too_far(numbers: dict[str, int]) -> None:
    """A record whose numbers cannot go on is read; it is an error to write it, and it stays as it is."""
    store = MemoryStore()
    raw = Record(**numbers).to_bytes(revision=numbers.get("revision", 1))
    store.swap(WHO, None, raw)
    assert run_sync(ledger(store).read(WHO)).failures == 0
    with pytest.raises(RecordError, match=r"^a stored record's numbers are higher than counting gets$"):
        run_sync(ledger(store).change(WHO, later_generation))
    assert store.load(WHO) == raw


def later_generation(record: Record, _: Context) -> tuple[Record, None]:
    """Raise the generation."""
    return replace(record, generation=record.generation + 1), None


def test_values_never_recur() -> None:
    """Every write gives the stored value that it never had before, also when the same is written again."""
    store = MemoryStore()
    seen = []
    for _ in range(20):
        run_sync(ledger(store).change(WHO, lambda record, _: (replace(record), None)))
        seen.append(store.load(WHO))
    assert len(set(seen)) == 20


def test_no_change() -> None:
    """What comes back as the same object is not written."""
    tape = Tape()
    change = run_sync(ledger(tape).change(WHO, lambda record, _: (record, "same")))
    assert change.before is change.after is Record.EMPTY
    assert change.outcome == "same"
    assert tape.calls == ["load"]


@pytest.mark.proves("RFC6238-5.2-once", "T11")
def test_lost_race() -> None:
    """A lost race is decided again, from what the winner wrote and by the time of then."""
    store, clock = MemoryStore(), SettableClock()
    asked: list[tuple[int, float]] = []

    def rival(swap: int) -> None:
        if swap < 3:
            counted(store)
            clock.advance(1)

    def decide(record: Record, terms: Context) -> tuple[Record, int]:
        asked.append((record.failures, terms.now))
        return replace(record, failures=record.failures + 1), record.failures

    change = run_sync(ledger(Raced(store, rival), clock=clock).change(WHO, decide))
    start = 1_700_000_000.0
    assert asked == [(0, start), (1, start + 1), (2, start + 2), (3, start + 3)]
    assert (change.outcome, change.at, change.before.failures, change.after.failures) == (3, start + 3, 3, 4)
    assert stored(store).failures == 4


LIMITS = {
    "five free": (Throttle(), 13),
    "one free": (Throttle(free=1), 9),
    "no waits": (Throttle(free=1, first_wait=0.0, cap=20), 28),
    "testing": (Policy.TESTING.throttle, 108),
}


@pytest.mark.parametrize(("throttle", "limit"), LIMITS.values(), ids=LIMITS)
def test_too_many_lost_races(throttle: Throttle, limit: int) -> None:
    """Who loses as many races as guesses are answered at once, and 8 more, is told that the store failed."""
    for losses in (limit - 1, limit):
        store = MemoryStore()
        counted(store)
        raced = Raced(store, lambda swap, n=losses, s=store: counted(s) if swap < n else None)  # type: ignore[misc]
        books = ledger(raced, policy=replace(POLICY, throttle=throttle))
        if losses < limit:
            assert run_sync(books.change(WHO, one_more)).before.failures == losses + 1
        else:
            with pytest.raises(StoreError, match=r"^the record changed under every attempt to write it$"):
                run_sync(books.change(WHO, one_more))
            assert raced.swaps == limit
            assert stored(store).failures == limit + 1


@given(throttles())
def test_enough_races(throttle: Throttle) -> None:
    """However many guesses the throttle answers at once, one writer outlasts them all."""
    store = MemoryStore()
    counted(store)
    raced = Raced(store, lambda swap: counted(store) if swap < throttle.answers(0.0) + 7 else None)
    assert run_sync(ledger(raced, policy=replace(POLICY, throttle=throttle)).change(WHO, one_more))


def test_erase() -> None:
    """What is erased is gone; who loses races to writers erases what they wrote, and gives up in the end."""
    store = MemoryStore()
    assert run_sync(ledger(store).erase(WHO)) is False
    counted(store)
    raced = Raced(store, lambda swap: counted(store) if swap < 12 else None)
    assert run_sync(ledger(raced).erase(WHO)) is True
    assert store.load(WHO) is None
    counted(store)
    with pytest.raises(StoreError, match=r"^the record changed under every attempt to remove it$"):
        run_sync(ledger(Raced(store, lambda _: counted(store))).erase(WHO))
    assert store.load(WHO) is not None


def test_decision_raises() -> None:
    """A decision that raises writes nothing."""
    tape = Tape()

    def decide(_: Record, __: Context) -> tuple[Record, None]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_sync(ledger(tape).change(WHO, decide))
    assert tape.calls == ["load"]


@pytest.mark.proves("ASVS-13.3")
def test_resealed() -> None:
    """Whatever is written takes the newest key with it, and the change tells so; else it tells nothing."""
    older, newer = Vault({"old": bytes(32)}), Vault({"new": bytes(range(32)), "old": bytes(32)})
    mine = Sealing(older, WHO)
    provision = mine.promoted(mine.new("alice", "Acme", POLICY))
    credential = EnrolledDevice(secret=provision, confirmed_at=0.0, last_used_at=0.0, last_step=0)
    store = MemoryStore()
    store.swap(WHO, None, Record(device=credential).to_bytes(revision=1))
    assert (
        run_sync(ledger(store, cipher=newer).change(WHO, lambda record, _: (record, None))).resealed is False
    )
    for expected in (True, False):
        change = run_sync(ledger(store, cipher=newer).change(WHO, one_more))
        assert change.resealed is expected
        assert change.after.device is not None
        assert change.after.device.secret.sealed.startswith("aesgcm:new:")
        assert stored(store).device == change.after.device


@pytest.mark.parametrize("purpose", [ENROLLED, PENDING])
def test_terms(purpose: str) -> None:
    """A decision is given the policy, the time, and what opens secrets of the purpose asked for."""
    cipher, clock = Vault({"k": bytes(32)}), SettableClock(5.5)
    mine = Sealing(cipher, WHO)
    pending = mine.new("alice", "Acme", POLICY)
    provision = pending if purpose == PENDING else mine.promoted(pending)
    asked: list[Context] = []

    def decide(record: Record, terms: Context) -> tuple[Record, None]:
        asked.append(terms)
        return record, None

    books = ledger(MemoryStore(), cipher=cipher, clock=clock)
    run_sync(books.change(WHO, decide, purpose=purpose))
    assert (asked[0].policy, asked[0].now) == (POLICY, 5.5)
    assert asked[0].open_codes(provision) == mine.codes(pending, PENDING)


async def later() -> float:
    """Answer too late."""
    return 1_700_000_000.0


NO_TIMES = [True, None, "5", math.nan, math.inf, -1, dt.datetime(2026, 1, 1, tzinfo=dt.UTC), b"5"]


@pytest.mark.proves("T45")
@pytest.mark.parametrize("time", NO_TIMES, ids=shown)
def test_bad_clock(time: Any) -> None:
    """A clock that shows no time is refused before anything is decided or written."""
    tape = Tape()
    books = ledger(tape, clock=lambda: time)
    with pytest.raises(InvalidParameterError, match=r"^time must be Unix seconds"):
        books.now()
    with pytest.raises(InvalidParameterError, match=r"^time must be Unix seconds"):
        run_sync(books.change(WHO, one_more))
    assert tape.calls == ["load"]


@pytest.mark.parametrize("time", [2**64 // 1000, 1_700_000_000_000_000_000, 2**64, 1e300, 10**400])
def test_clock_far_ahead(time: float) -> None:
    """A clock that shows no time of this world is refused too, before it is written anywhere."""
    tape = Tape()
    with pytest.raises(InvalidParameterError, match=r"^clock must return Unix seconds of today, "):
        run_sync(ledger(tape, clock=lambda: time).change(WHO, one_more))
    assert tape.calls == ["load"]


@pytest.mark.proves("T45")
def test_late_clock() -> None:
    """A coroutine from a clock is no time."""
    coroutine = later()
    books = ledger(MemoryStore(), clock=lambda: coroutine)
    with pytest.raises(InvalidParameterError, match=r"^time must be Unix seconds, .* not coroutine$"):
        books.now()
    coroutine.close()


def test_clock_of_a_readable_record() -> None:
    """Whatever the clock may show, an account that is enrolled by it can be read afterwards."""
    app = App(clock=SettableClock(2**64 // 1000 - 2000))
    phone = app.enroll()
    assert app.auth.verify(WHO, phone.code())
    app.clock.time = 2.0**64 / 1000
    with pytest.raises(InvalidParameterError, match=r"^clock must "):
        app.enroll("acct-2")


def test_now() -> None:
    """The time is a float, whatever the clock shows it as."""
    for shows in (7, 7.0):
        now = ledger(MemoryStore(), clock=lambda shows=shows: shows).now()
        assert (now, type(now)) == (7.0, float)


class Odd:
    """A store that answers what no store should."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def load(self, account_id: str) -> bytes | None:
        """Answer oddly."""
        del account_id
        return cast("bytes", self.answer)

    def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Answer oddly."""
        del account_id, old, new
        return cast("bool", self.answer)


class OddSwap(Odd):
    """A store that loads, and answers a swap oddly."""

    def load(self, account_id: str) -> bytes | None:
        """Load an empty record."""
        del account_id
        return Record().to_bytes(revision=1)


@pytest.mark.proves("T45", "T34")
@pytest.mark.parametrize("answer", [1, 0, "", "OK", b"1", None, [True]], ids=shown)
def test_odd_swap(answer: object) -> None:
    """A swap that answers anything but True or False did not succeed, whatever it looks like."""
    books, said = ledger(OddSwap(answer)), "^a store must answer a swap by True or False, not by "
    with pytest.raises(StoreError, match=said):
        run_sync(books.change(WHO, one_more))
    with pytest.raises(StoreError, match=said):
        run_sync(books.erase(WHO))


@pytest.mark.proves("T45", "T34")
@pytest.mark.parametrize("answer", [True, False, 1, "", "{}", bytearray(b"{}"), memoryview(b"{}")], ids=shown)
def test_odd_load(answer: object) -> None:
    """What is loaded is bytes or nothing."""
    with pytest.raises(StoreError, match=r"^a store must load bytes or None, not "):
        run_sync(ledger(Odd(answer)).read(WHO))


@pytest.mark.proves("T45")
def test_late_store() -> None:
    """Coroutines from a store that hides its colour are neither records nor successes."""
    coroutine = later()
    for store in (Odd(coroutine), OddSwap(coroutine)):
        with pytest.raises(StoreError, match="coroutine"):
            run_sync(ledger(store).change(WHO, one_more))
    coroutine.close()


def test_provision_is_opened_late() -> None:
    """Nothing is opened unless a decision asks for it."""
    store, vault = MemoryStore(), Watched(PLAINTEXT)
    provision = SealedSecret(
        sealed="plain:", digits=6, algorithm=POLICY.algorithm, period=30, label="alice", issuer=""
    )
    credential = EnrolledDevice(secret=provision, confirmed_at=0.0, last_used_at=0.0, last_step=0)
    store.swap(WHO, None, Record(device=credential).to_bytes(revision=1))
    assert run_sync(ledger(store, cipher=vault).change(WHO, one_more)).after.failures == 1
    assert vault.done == []
