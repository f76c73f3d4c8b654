"""Tests of totpkit._account.records: load, decide, and swap."""

import datetime as dt
import math
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given, strategies as st

from tests.support.account_strategies import counts, records
from tests.support.authenticators import POLICY, WHO, App
from tests.support.fakes import Raced, Tape, Watched
from tests.support.strategies import shown
from totpkit import (
    Cipher,
    InvalidParameterError,
    Policy,
    Reason,
    RecordError,
    Rejected,
    Store,
    StoreError,
    Throttle,
)
from totpkit._account.attempts import Context, Restrictions
from totpkit._account.record import EMPTY_RECORD, EnrolledDevice, Record
from totpkit._account.record_json import read_record, write_record
from totpkit._account.records import Records, Update
from totpkit._account.sealing import PENDING, Sealing
from totpkit._account.sync import SyncStoreAdapter, run_sync
from totpkit._otp.truncation import COUNTERS
from totpkit.stores.memory import MemoryStore
from totpkit.testing import SettableClock
from totpkit.vault import PLAINTEXT, Vault

NOW = 1_700_000_000.0


def records_of(
    store: Store, *, cipher: Cipher = PLAINTEXT, policy: Policy = POLICY, clock: Any = None
) -> Records:
    """Return the records in a sync store."""
    return Records(SyncStoreAdapter(store), cipher, policy, clock or SettableClock(NOW))


def store_of(record: Record) -> MemoryStore:
    """Return a store that contains this record."""
    store = MemoryStore()
    store.swap(WHO, None, write_record(record, revision=record.revision))
    return store


def stored_in(store: Store) -> Record:
    """Return the record in a store."""
    raw = store.load(WHO)
    assert raw is not None
    return read_record(raw)


def count(record: Record, _: Context) -> tuple[Record, str]:
    """Add a failure."""
    return record._replace(failures=record.failures + 1), f"{record.failures} before"


def keep(record: Record, context: Context) -> tuple[Record, Context]:
    """Change nothing, and return the context."""
    return record, context


def count_in(store: Store) -> Update[Any]:
    """Add a failure in the store."""
    return run_sync(records_of(store).update(WHO, count))


def device(sealing: Sealing) -> EnrolledDevice:
    """Return a device with a new secret."""
    secret = sealing.promote(sealing.new("alice", "Acme", POLICY))
    return EnrolledDevice(secret=secret, confirmed_at=0.0, last_used_at=0.0, last_step=0)


def test_read() -> None:
    """An account that is not stored has an empty record."""
    store = MemoryStore()
    assert run_sync(records_of(store).read(WHO)) is EMPTY_RECORD
    count_in(store)
    assert run_sync(records_of(store).read(WHO)) == Record(revision=1, failures=1)


@pytest.mark.proves("T32", "T34")
def test_corrupted() -> None:
    """A corrupted record raises and is not overwritten, but it can be erased."""
    store = MemoryStore()
    store.swap(WHO, None, b"{}")
    with pytest.raises(RecordError):
        run_sync(records_of(store).read(WHO))
    with pytest.raises(RecordError):
        count_in(store)
    assert store.load(WHO) == b"{}"
    assert run_sync(records_of(store).erase(WHO)) is True
    assert run_sync(records_of(store).erase(WHO)) is False


@given(records)
def test_update(record: Record) -> None:
    """A decision is stored with the next revision, and returned with the record before and after."""
    before = record._replace(device=None, revision=41)
    store = store_of(before)
    after = before._replace(failures=before.failures + 1)
    assert count_in(store) == Update(WHO, NOW, before, after, f"{before.failures} before")
    assert stored_in(store) == after._replace(revision=42)


@given(
    records,
    st.none() | counts,
    st.booleans(),
    st.sampled_from([Reason.TICKET_INVALID, Reason.PROOF_INVALID]),
)
def test_generation(record: Record, generation: int | None, current: bool, stale: Reason) -> None:  # noqa: FBT001 - drawn
    """A rule decides only while the record has the generation in which the login began."""
    before = record._replace(device=None)
    restrictions = Restrictions(before.generation if current else generation, stale)
    tape = Tape(store_of(before))
    update = run_sync(records_of(tape).update(WHO, count, restrictions))
    if restrictions.generation in {None, before.generation}:
        assert update.outcome == f"{before.failures} before"
    else:
        assert update == Update(WHO, NOW, before, before, Rejected(stale))
        assert update.after is update.before
        assert tape.calls == ["load"]


@pytest.mark.proves("T32")
@pytest.mark.parametrize("counters", [{"revision": COUNTERS}, {"generation": COUNTERS}], ids=str)
def test_counters_exhausted(counters: dict[str, Any]) -> None:
    """A record whose counters cannot rise any more is read, but not written."""
    store = store_of(Record(**counters))
    raw = store.load(WHO)
    assert run_sync(records_of(store).read(WHO)) == Record(**counters)
    with pytest.raises(RecordError, match=r"^record counters out of range$"):
        run_sync(
            records_of(store).update(
                WHO, lambda record, _: (record._replace(generation=record.generation + 1), None)
            )
        )
    assert store.load(WHO) == raw


def test_values_never_recur() -> None:
    """Every write stores a value that was never stored before, even if the record is equal."""
    store = MemoryStore()
    values = set()
    for _ in range(20):
        run_sync(records_of(store).update(WHO, lambda record, _: (Record(*record), None)))
        values.add(store.load(WHO))
    assert len(values) == 20


def test_no_change() -> None:
    """If the rule returns the same object, nothing is written."""
    tape = Tape()
    update = run_sync(records_of(tape).update(WHO, lambda record, _: (record, "same")))
    assert update.before is update.after is EMPTY_RECORD
    assert update.outcome == "same"
    assert tape.calls == ["load"]


@pytest.mark.proves("RFC6238-5.2-once", "T11")
def test_lost_race() -> None:
    """After a lost race the rule decides again, with the new record and the new time."""
    store, clock = MemoryStore(), SettableClock(NOW)
    decided: list[tuple[int, float]] = []

    def rival(swap: int) -> None:
        if swap < 3:
            count_in(store)
            clock.advance(1)

    def rule(record: Record, context: Context) -> tuple[Record, int]:
        decided.append((record.failures, context.now))
        return record._replace(failures=record.failures + 1), record.failures

    update = run_sync(records_of(Raced(store, rival), clock=clock).update(WHO, rule))
    assert decided == [(0, NOW), (1, NOW + 1), (2, NOW + 2), (3, NOW + 3)]
    assert (update.outcome, update.at, update.before.failures, update.after.failures) == (3, NOW + 3, 3, 4)
    assert stored_in(store).failures == 4


LIMITS = {
    "five free": (Throttle(), 13),
    "one free": (Throttle(free=1), 9),
    "no waits": (Throttle(free=1, first_wait=0.0, cap=20), 28),
    "testing": (Policy.TESTING.throttle, 108),
}


@pytest.mark.parametrize(("throttle", "limit"), LIMITS.values(), ids=LIMITS)
def test_too_many_lost_races(throttle: Throttle, limit: int) -> None:
    """A writer gives up after as many lost races as guesses are answered at once, and 8 more."""
    for losses in (limit - 1, limit):
        store = MemoryStore()
        count_in(store)
        raced = Raced(store, lambda swap, n=losses, s=store: count_in(s) if swap < n else None)  # type: ignore[misc]
        raced_records = records_of(raced, policy=replace(POLICY, throttle=throttle))
        if losses < limit:
            assert run_sync(raced_records.update(WHO, count)).before.failures == losses + 1
        else:
            with pytest.raises(StoreError, match=r"^the record changed during every attempt to write it$"):
                run_sync(raced_records.update(WHO, count))
            assert raced.swaps == limit
            assert stored_in(store).failures == limit + 1


def test_erase() -> None:
    """Erasing deletes what other writers wrote in the meantime, and gives up after too many lost races."""
    store = MemoryStore()
    assert run_sync(records_of(store).erase(WHO)) is False
    count_in(store)
    raced = Raced(store, lambda swap: count_in(store) if swap < 12 else None)
    assert run_sync(records_of(raced).erase(WHO)) is True
    assert store.load(WHO) is None
    count_in(store)
    with pytest.raises(StoreError, match=r"^the record changed during every attempt to delete it$"):
        run_sync(records_of(Raced(store, lambda _: count_in(store))).erase(WHO))
    assert store.load(WHO) is not None


def test_rule_raises() -> None:
    """If the rule raises, nothing is written."""
    tape = Tape()

    def rule(_: Record, __: Context) -> tuple[Record, None]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_sync(records_of(tape).update(WHO, rule))
    assert tape.calls == ["load"]


@pytest.mark.proves("ASVS-13.3")
def test_resealed() -> None:
    """A write reseals the secret with the newest key and reports it; other updates do not."""
    rotated = Vault({"new": bytes(range(32)), "old": bytes(32)})
    store = store_of(Record(device=device(Sealing(Vault({"old": bytes(32)}), WHO))))
    assert run_sync(records_of(store, cipher=rotated).update(WHO, keep)).resealed is False
    for expected in (True, False):
        update = run_sync(records_of(store, cipher=rotated).update(WHO, count))
        assert update.resealed is expected
        assert update.after.device is not None
        assert update.after.device.secret.sealed.startswith("aesgcm:new:")
        assert stored_in(store).device == update.after.device


@pytest.mark.parametrize("pending", [False, True])
def test_context(pending: bool) -> None:  # noqa: FBT001 - a parameter
    """A rule gets the policy, the time, the restrictions, and what opens the wanted kind of secret."""
    cipher = Vault({"k": bytes(32)})
    sealing, restrictions = Sealing(cipher, WHO), Restrictions(completes=False)
    pending_secret = sealing.new("alice", "Acme", POLICY)
    secret = pending_secret if pending else sealing.promote(pending_secret)
    opened = records_of(MemoryStore(), cipher=cipher, clock=SettableClock(5.5))
    context = run_sync(opened.update(WHO, keep, restrictions, pending=pending)).outcome
    assert isinstance(context, Context)
    assert (context.policy, context.now, context.restrictions) == (POLICY, 5.5, restrictions)
    assert context.open_secret(secret) == sealing.open(pending_secret, PENDING)


def test_nothing_opened() -> None:
    """No secret is opened unless the rule opens it."""
    watched = Watched(PLAINTEXT)
    store = store_of(Record(device=device(Sealing(PLAINTEXT, WHO))))
    assert run_sync(records_of(store, cipher=watched).update(WHO, count)).after.failures == 1
    assert watched.done == []


async def suspend() -> float:
    """Return a time, too late for a sync caller."""
    return NOW


NOT_TIMES = [True, None, "5", math.nan, math.inf, -1, dt.datetime(2026, 1, 1, tzinfo=dt.UTC), b"5"]
FAR_AHEAD = [COUNTERS // 1000, 1_700_000_000_000_000_000, COUNTERS, 1e300, 10**400]


@pytest.mark.proves("T45")
@pytest.mark.parametrize(
    ("time", "problem"),
    [(time, "^time must be Unix seconds") for time in NOT_TIMES]
    + [(time, "^clock must return Unix seconds, not a time millions of years ahead$") for time in FAR_AHEAD],
    ids=shown,
)
def test_wrong_clock(time: Any, problem: str) -> None:
    """A clock that returns something else, or a time too far ahead, raises before anything is decided."""
    tape = Tape()
    wrong = records_of(tape, clock=lambda: time)
    with pytest.raises(InvalidParameterError, match=problem):
        wrong.now()
    with pytest.raises(InvalidParameterError, match=problem):
        run_sync(wrong.update(WHO, count))
    assert tape.calls == ["load"]


@pytest.mark.proves("T45")
def test_async_clock() -> None:
    """A coroutine returned by a clock is not a time."""
    coroutine = suspend()
    with pytest.raises(InvalidParameterError, match=r"^time must be Unix seconds, .* not coroutine$"):
        records_of(MemoryStore(), clock=lambda: coroutine).now()
    coroutine.close()


def test_latest_time() -> None:
    """An account that is enrolled at the latest possible time has a record that can be read."""
    app = App(clock=SettableClock(COUNTERS // 1000 - 2000))
    phone = app.enroll()
    assert app.auth.verify(WHO, phone.code())


@pytest.mark.parametrize("time", [7, 7.0])
def test_now(time: float) -> None:
    """The time is always a float."""
    now = records_of(MemoryStore(), clock=lambda: time).now()
    assert (now, type(now)) == (7.0, float)


class WrongLoad:
    """A store that returns the wrong thing from ``load``."""

    def __init__(self, value: object) -> None:
        self.value = value

    def load(self, account_id: str) -> bytes | None:
        """Return the wrong thing."""
        del account_id
        return cast("bytes", self.value)

    def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Return the wrong thing."""
        del account_id, old, new
        return cast("bool", self.value)


class WrongSwap(WrongLoad):
    """A store that returns the wrong thing from ``swap`` only."""

    def load(self, account_id: str) -> bytes | None:
        """Load an empty record."""
        del account_id
        return write_record(Record(), revision=1)


@pytest.mark.proves("T45", "T34")
@pytest.mark.parametrize("value", [1, 0, "", "OK", b"1", None, [True]], ids=shown)
def test_wrong_swap(value: object) -> None:
    """A swap that returns anything but True or False has not succeeded."""
    wrong = records_of(WrongSwap(value))
    message = "^a store must return True or False from swap, not "
    with pytest.raises(StoreError, match=message):
        run_sync(wrong.update(WHO, count))
    with pytest.raises(StoreError, match=message):
        run_sync(wrong.erase(WHO))


@pytest.mark.proves("T45", "T34")
@pytest.mark.parametrize("value", [True, False, 1, "", "{}", bytearray(b"{}"), memoryview(b"{}")], ids=shown)
def test_wrong_load(value: object) -> None:
    """A store must load bytes or None."""
    with pytest.raises(StoreError, match=r"^a store must load bytes or None, not "):
        run_sync(records_of(WrongLoad(value)).read(WHO))


@pytest.mark.proves("T45")
@pytest.mark.parametrize("store", [WrongLoad, WrongSwap])
def test_hidden_async_store(store: type[WrongLoad]) -> None:
    """A coroutine from a store is neither a record nor a success."""
    coroutine = suspend()
    with pytest.raises(StoreError, match="coroutine"):
        run_sync(records_of(store(coroutine)).update(WHO, count))
    coroutine.close()
