"""Counting attempts."""

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from tests.support.account_strategies import moments, records, throttles
from totpkit import TOTP, Policy, Reason, Rejected, Throttle
from totpkit._account.attempts import Context, failed, refuse, unlock
from totpkit._account.record import Record, SealedSecret
from totpkit._account.throttle import DAY


def terms(throttle: Throttle, now: float) -> Context:
    """Return terms under which no secret can be opened."""
    return Context(Policy(throttle=throttle), now, closed)


def closed(_: SealedSecret) -> TOTP:
    """Refuse to open a secret, which counting does not need."""
    raise AssertionError("a secret was opened")


@pytest.mark.proves("NIST-3.2.2")
@given(records, throttles(), moments)
def test_refusal(record: Record, throttle: Throttle, now: float) -> None:
    """From the cap on nothing is answered; before it nothing while a wait lasts, and it says how long."""
    refused = refuse(record, terms(throttle, now))
    if record.failures >= throttle.cap:
        assert refused == Rejected(Reason.DISABLED)
    elif record.retry_at is not None and now < record.retry_at:
        assert refused == Rejected(Reason.THROTTLED, retry_after=record.retry_at - now)
    else:
        assert refused is None


@given(records, throttles(), moments)
def test_failed(record: Record, throttle: Throttle, now: float) -> None:
    """A failure counts one more, begins the wait of its number, and changes nothing else."""
    after = failed(record, terms(throttle, now))
    wait = throttle.wait(record.failures + 1)
    assert replace(record, failures=record.failures + 1, retry_at=after.retry_at) == after
    assert after.retry_at == (now + wait if wait else None)


@given(records)
def test_unlocked(record: Record) -> None:
    """Unlocking forgets failures and wait alone; a record without any comes back itself."""
    after = unlock(record)
    assert replace(record, failures=0, retry_at=None) == after
    assert (after is record) == (after == record)


@pytest.mark.proves("RFC4226-7.3", "NIST-3.2.2")
@given(throttles(), st.floats(0, 30 * DAY))
def test_relentless(throttle: Throttle, seconds: float) -> None:
    """Whoever fails the moment a wait ends is answered as often as the throttle says, and then never."""
    record, now, answered = Record(), 1_000_000.0, 0
    end = now + seconds
    while now <= end:
        refused = refuse(record, terms(throttle, now))
        if refused is None:
            answered += 1
            record = failed(record, terms(throttle, now))
        elif refused.retry_after is None:
            break
        else:
            assert record.retry_at is not None
            now = record.retry_at
    assert abs(answered - throttle.answers(seconds)) <= 1  # a wait may end in the last nanosecond
    assert answered <= throttle.cap
