"""Tests of totpkit._account.email_code: when a code may be sent, and when one is accepted."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from tests.support.account_strategies import make_context, records, throttles, times
from totpkit import Accepted, Reason, Rejected, Throttle
from totpkit._account.attempts import fail, refuse, succeed
from totpkit._account.email_code import HOUR, EmailLimits, live_code, send, unsend, verify
from totpkit._account.enrollment import revoke
from totpkit._account.record import EMPTY_RECORD, Record

MINE, YOURS = b"m" * 32, b"y" * 32
RIGHT, WRONG = b"r" * 32, b"w" * 32
LIMITS = EmailLimits(lifetime=600.0, cooldown=60.0, hourly=5)
halves = st.integers(0, 7200).map(lambda number: number / 2)
"""Seconds whose sums are exact."""

email_limits = st.builds(
    EmailLimits,
    lifetime=st.floats(60, 600),
    cooldown=st.sampled_from([0.0, 60.0, HOUR]) | halves,
    hourly=st.integers(1, 5),
)


def sent_at(time: float) -> Record:
    """Return the record of an account to which a code was sent."""
    record, refused = send(EMPTY_RECORD, RIGHT, MINE, LIMITS, make_context(time))
    assert refused is None
    return record


@given(email_limits, st.lists(st.sampled_from([0.0, 1.0, 59.0, 60.0, 600.0]) | halves, max_size=40))
def test_limits(limits: EmailLimits, gaps: list[float]) -> None:
    """Codes are sent with the cooldown between them, and not more than the limit in any hour."""
    record, now, sent = EMPTY_RECORD, 1e9, []
    for gap in gaps:
        now += gap
        after, refused = send(record, RIGHT, MINE, limits, make_context(now))
        if refused is None:
            sent.append(now)
        else:
            assert after is record
            assert refused.reason is Reason.THROTTLED
            assert refused.retry_after is not None
            assert refused.retry_after > 0
            # The wait is exact: a code is sent as soon as it ends.
            assert send(record, RIGHT, MINE, limits, make_context(now + refused.retry_after))[1] is None
        record = after
    assert all(late - early >= limits.cooldown for early, late in pairwise(sent))
    assert all(late - early >= HOUR for early, late in zip(sent, sent[limits.hourly :], strict=False))
    assert record.emailed is None or len(record.emailed.sent) <= limits.hourly


def test_hourly_limit() -> None:
    """Five codes can be sent a minute apart, and the sixth one an hour after the first."""
    record = EMPTY_RECORD
    for minute in range(5):
        record, refused = send(record, RIGHT, MINE, LIMITS, make_context(60.0 * minute))
        assert refused is None
    assert send(record, RIGHT, MINE, LIMITS, make_context(300.0))[1] == Rejected(Reason.THROTTLED, 3300.0)
    record, refused = send(record, RIGHT, MINE, LIMITS, make_context(3600.0))
    assert refused is None
    assert record.emailed is not None
    assert record.emailed.sent == (60.0, 120.0, 180.0, 240.0, 3600.0)


@given(records, throttles(), times, email_limits)
def test_send(record: Record, throttle: Throttle, now: float, limits: EmailLimits) -> None:
    """During a wait nothing is sent; otherwise sending changes the emailed code only."""
    context = make_context(now, throttle=throttle)
    after, refused = send(record, RIGHT, MINE, limits, context)
    if refused is not None:
        assert after is record
        waits = refuse(record, context)
        assert waits is None or refused == waits
    else:
        assert refuse(record, context) is None
        assert after.emailed is not None
        assert after == record._replace(emailed=after.emailed)
        assert (after.emailed.digest, after.emailed.owner) == (RIGHT, MINE)
        assert after.emailed.expires_at == now + limits.lifetime
        assert after.emailed.sent[-1] == now
        assert live_code(after, MINE, now) is after.emailed


@pytest.mark.proves("ASVS-6.6.2", "NIST-3.1.3")
@given(st.sampled_from([MINE, YOURS, b""]), st.sampled_from([0.0, 599.5, 600.0]) | st.floats(-1000, 1000))
def test_live_code(owner: bytes, later: float) -> None:
    """A code is live for the binding that requested it, until it expires."""
    record, now = sent_at(1e9), 1e9 + later
    assert (live_code(record, owner, now) is not None) == (owner == MINE and now < 1e9 + 600)
    assert live_code(EMPTY_RECORD, owner, now) is None


@pytest.mark.proves("NIST-3.1.3")
@pytest.mark.parametrize("digests", [[RIGHT], [WRONG, RIGHT], [RIGHT, WRONG], [WRONG, WRONG, RIGHT]])
def test_single_use(digests: list[bytes]) -> None:
    """The right code is accepted once, by its hash with any key; the cooldown continues."""
    record = sent_at(100.0)._replace(failures=3, retry_at=90.0)
    after, outcome = verify(record, digests, MINE, make_context(100.0))
    assert outcome == Accepted(0)
    assert after.emailed is not None
    assert record.emailed is not None
    assert (after.failures, after.retry_at, after.emailed.sent) == (0, None, record.emailed.sent)
    for spent in (digests, [b""]):
        assert verify(after, spent, MINE, make_context(100.0)) == (after, Rejected(Reason.EXPIRED))
    assert send(after, RIGHT, MINE, LIMITS, make_context(101.0))[1] == Rejected(Reason.THROTTLED, 59.0)


@pytest.mark.proves("T40", "ASVS-6.6.2")
@given(
    records,
    throttles(),
    times,
    st.sampled_from([MINE, MINE, YOURS]),
    st.sampled_from([None, [], [WRONG], [RIGHT], [WRONG, RIGHT], [b""]]),
    st.sampled_from([True, True, False]),
    st.booleans(),
)
def test_verify(
    record: Record,
    throttle: Throttle,
    now: float,
    owner: bytes,
    digests: list[bytes] | None,
    sent: bool,  # noqa: FBT001 - drawn
    completes: bool,  # noqa: FBT001 - drawn
) -> None:
    """A wrong or malformed code counts as a failure; one during a wait or without a live code does not."""
    if sent:
        failures = record.failures % throttle.cap
        record = record._replace(emailed=sent_at(now).emailed, failures=failures, retry_at=None)
    context = make_context(now, throttle=throttle, completes=completes)
    after, outcome = verify(record, digests, owner, context)
    if (refused := refuse(record, context)) is not None:
        assert (after is record, outcome) == (True, refused)
    elif (emailed := live_code(record, owner, now)) is None:
        assert (after is record, outcome) == (True, Rejected(Reason.EXPIRED))
    elif digests is not None and emailed.digest in digests:
        spent = record._replace(emailed=emailed._replace(digest=b""))
        assert (after, outcome) == (succeed(spent, context), Accepted(0))
    else:
        reason = Reason.MALFORMED if digests is None else Reason.MISMATCH
        assert (after, outcome) == (fail(record, context), Rejected(reason))


@given(records, times, email_limits)
def test_unsend(record: Record, now: float, limits: EmailLimits) -> None:
    """If an email fails, its code is worthless and its cooldown ends, but the hourly limit counts it."""
    after, refused = send(record, RIGHT, MINE, limits, make_context(now))
    if refused is not None:
        return
    unsent = unsend(after, RIGHT, limits)
    assert after.emailed is not None
    sent = (*after.emailed.sent[:-1], max(now - limits.cooldown, 0.0))
    assert unsent == after._replace(emailed=after.emailed._replace(digest=b"", sent=sent))
    assert live_code(unsent, MINE, now) is None
    again = send(unsent, RIGHT, MINE, limits, make_context(now))[1]
    assert again is None or len(sent) >= limits.hourly or now < limits.cooldown
    assert unsend(unsent, RIGHT, limits) is unsent
    assert unsend(after, WRONG, limits) is after  # a newer code has been sent


def test_unsend_without_code() -> None:
    """Without an emailed code there is nothing to take back."""
    assert unsend(EMPTY_RECORD, RIGHT, LIMITS) is EMPTY_RECORD


@pytest.mark.proves("T47")
def test_revoke() -> None:
    """Revoking ends an emailed code, but neither its cooldown nor the hourly limit."""
    after = revoke(sent_at(1e9), 1e9 + 1)
    assert verify(after, [RIGHT], MINE, make_context(1e9 + 2)) == (after, Rejected(Reason.EXPIRED))
    for limits, now, wait in ((LIMITS, 2, 58.0), (replace(LIMITS, hourly=1), HOUR - 1, 1.0)):
        again = send(after, RIGHT, YOURS, limits, make_context(1e9 + now))
        assert again == (after, Rejected(Reason.THROTTLED, retry_after=wait))
