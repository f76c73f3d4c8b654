"""Tests of totpkit._account.attempts: counting attempts, and the restrictions of a login."""

import pytest
from hypothesis import given, strategies as st

from tests.support.account_strategies import make_context, records, throttles, times
from totpkit import Reason, Rejected, Throttle
from totpkit._account.attempts import Restrictions, fail, refuse, reserve, settle, succeed, unlock
from totpkit._account.record import Record
from totpkit._account.throttle import DAY


@pytest.mark.proves("NIST-3.2.2")
@given(records, throttles(), times)
def test_refuse(record: Record, throttle: Throttle, now: float) -> None:
    """No attempt is answered once the failures reach the cap, nor during a wait, whose rest is returned."""
    refused = refuse(record, make_context(now, throttle=throttle))
    if record.failures >= throttle.cap:
        assert refused == Rejected(Reason.DISABLED)
    elif record.retry_at is not None and now < record.retry_at:
        assert refused == Rejected(Reason.THROTTLED, retry_after=record.retry_at - now)
    else:
        assert refused is None


@given(records, throttles(), times)
def test_fail(record: Record, throttle: Throttle, now: float) -> None:
    """A failure raises the count by one, begins the wait that belongs to it, and changes nothing else."""
    wait = throttle.wait(record.failures + 1)
    expected = record._replace(failures=record.failures + 1, retry_at=now + wait if wait else None)
    assert fail(record, make_context(now, throttle=throttle)) == expected


@given(records)
def test_unlock(record: Record) -> None:
    """Unlocking resets the failures and the wait only; a record without either is returned as it is."""
    unlocked = unlock(record)
    assert record._replace(failures=0, retry_at=None) == unlocked
    assert (unlocked is record) == (unlocked == record)


@pytest.mark.proves("T40", "T13")
@given(records)
def test_succeed(record: Record) -> None:
    """Only a success that completes the login resets the failures and the wait."""
    assert succeed(record, make_context()) == unlock(record)
    assert succeed(record, make_context(completes=False)) is record


@given(records, throttles(), times)
def test_reserve(record: Record, throttle: Throttle, now: float) -> None:
    """An attempt that is answered is counted as a failure in advance; a refused one changes nothing."""
    context = make_context(now, throttle=throttle)
    reserved, refused = reserve(record, context)
    assert refused == refuse(record, context)
    if refused is None:
        assert reserved == fail(record, context)
    else:
        assert reserved is record


@pytest.mark.proves("T40")
@given(records, st.integers(0, 5), times)
def test_settle(record: Record, others: int, now: float) -> None:
    """A right answer takes back its own failure and wait only, unless it completes the login."""
    reserved = current = fail(record, make_context(now))
    for _ in range(others):
        current = fail(current, make_context(now))
    assert settle(current, reserved, make_context(now)) == unlock(current)
    expected = current._replace(
        failures=record.failures + others, retry_at=current.retry_at if others else None
    )
    assert settle(current, reserved, make_context(now, completes=False)) == expected


@pytest.mark.parametrize(
    ("reserved", "current"),
    [
        (Record(failures=1), Record()),
        (Record(failures=5, retry_at=30.0), Record(failures=5, retry_at=90.0)),
    ],
    ids=["unlocked", "new failures"],
)
def test_settle_after_reset(reserved: Record, current: Record) -> None:
    """If the failures were reset after the reservation, newer ones and their wait stay."""
    assert settle(current, reserved, make_context(completes=False)) is current


def test_no_restrictions() -> None:
    """Outside of a login every generation is accepted, and every success resets the failures."""
    assert Restrictions(None, Reason.TICKET_INVALID, completes=True, after=()) == Restrictions.NONE


@pytest.mark.proves("RFC4226-7.3", "NIST-3.2.2")
@given(throttles(), st.floats(0, 30 * DAY))
def test_persistent_guesser(throttle: Throttle, seconds: float) -> None:
    """A guesser who retries as soon as each wait ends is answered only as often as the throttle says."""
    record, now, answered = Record(), 1_000_000.0, 0
    end = now + seconds
    while now <= end:
        refused = refuse(record, make_context(now, throttle=throttle))
        if refused is None:
            answered += 1
            record = fail(record, make_context(now, throttle=throttle))
        elif refused.reason is Reason.DISABLED:
            break
        else:
            assert record.retry_at is not None
            now = record.retry_at
    assert abs(answered - throttle.answers(seconds)) <= 1  # rounding may move the end of a wait past the end
    assert answered <= throttle.cap
