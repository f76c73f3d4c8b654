"""When a code may be sent by mail, and what it is worth."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from tests.support.account_strategies import moments, records, throttles
from totpkit import Accepted, Policy, Reason, Rejected, Throttle
from totpkit._account.attempts import Context, failed, refuse
from totpkit._account.email_code import HOUR, EmailLimits, email_verify, live, sent, unsent
from totpkit._account.enrollment import revoked
from totpkit._account.record import Record, SealedSecret
from totpkit._otp.totp import TOTP

MINE, YOURS = b"m" * 32, b"y" * 32
RIGHT, WRONG = b"r" * 32, b"w" * 32
OFTEN = EmailLimits(lifetime=600.0, cooldown=0.0, hourly=5)
USUAL = EmailLimits(lifetime=600.0, cooldown=60.0, hourly=5)
halves = st.integers(0, 7200).map(lambda number: number / 2)
"""Seconds that add up exactly."""
mail_terms = st.builds(
    EmailLimits,
    lifetime=st.floats(60, 600),
    cooldown=st.sampled_from([0.0, 60.0, HOUR]) | halves,
    hourly=st.integers(1, 5),
)


def closed(_: SealedSecret) -> TOTP:
    """Refuse to open a secret, which no mailed code needs."""
    raise AssertionError("a secret was opened")


def terms(now: float, throttle: Throttle | None = None) -> Context:
    """Return terms under which no secret can be opened."""
    return Context(Policy(throttle=throttle or Throttle()), now, closed)


def noted(at: float, owner: bytes = MINE) -> Record:
    """Return the record of an account that a code was sent to."""
    record, refused = sent(Record.EMPTY, RIGHT, owner, USUAL, terms(at))
    assert refused is None
    return record


@given(mail_terms, st.lists(st.sampled_from([0.0, 1.0, 59.0, 60.0, 600.0]) | halves, max_size=40))
def test_how_often(by: EmailLimits, gaps: list[float]) -> None:
    """Whenever it is asked, no two codes are sent within the cooldown, nor too many in any hour."""
    record, now, times = Record.EMPTY, 1e9, []
    for gap in gaps:
        now += gap
        after, refused = sent(record, RIGHT, MINE, by, terms(now))
        if refused is None:
            times.append(now)
        else:
            assert after is record
            assert refused.reason is Reason.THROTTLED
            assert refused.retry_after is not None
            assert refused.retry_after > 0
            # What it says is true: then one is sent.
            waited = now + refused.retry_after
            assert sent(record, RIGHT, MINE, by, terms(waited))[1] is None
        record = after
    assert all(late - early >= by.cooldown for early, late in pairwise(times))
    assert all(late - early >= HOUR for early, late in zip(times, times[by.hourly :], strict=False))
    assert record.emailed is None or len(record.emailed.sent) <= by.hourly


def test_first_ones_are_free() -> None:
    """Nobody waits who has not asked within the hour."""
    record = Record.EMPTY
    for minute in range(5):
        record, refused = sent(record, RIGHT, MINE, USUAL, terms(60.0 * minute))
        assert refused is None
    assert sent(record, RIGHT, MINE, USUAL, terms(300.0))[1] == Rejected(Reason.THROTTLED, 3300.0)
    record, refused = sent(record, RIGHT, MINE, USUAL, terms(3600.0))
    assert refused is None
    assert record.emailed is not None
    assert record.emailed.sent == (60.0, 120.0, 180.0, 240.0, 3600.0)


@given(records, throttles(), moments, mail_terms)
def test_sent(record: Record, throttle: Throttle, now: float, by: EmailLimits) -> None:
    """Who must wait for an answer gets no mail; otherwise asking touches the mailed code alone."""
    asked = terms(now, throttle)
    after, refused = sent(record, RIGHT, MINE, by, asked)
    if (waits := refuse(record, asked)) is not None:
        assert (after is record, refused) == (True, waits)
    elif refused is None:
        assert after.emailed is not None
        assert after == replace(record, emailed=after.emailed)
        assert (after.emailed.digest, after.emailed.owner) == (RIGHT, MINE)
        assert after.emailed.expires_at == now + by.lifetime
        assert after.emailed.sent[-1] == now
        assert live(after, MINE, now) is after.emailed
    else:
        assert after is record


@pytest.mark.proves("ASVS-6.6.2", "NIST-3.1.3")
@given(st.sampled_from([MINE, YOURS, b""]), st.floats(-1000, 1000))
def test_live(owner: bytes, later: float) -> None:
    """A code is alive for whoever asked, until it ends."""
    at = 1e9
    record = noted(at)
    alive = owner == MINE and at + later < at + 600
    assert (live(record, owner, at + later) is not None) == alive
    assert live(Record.EMPTY, owner, at) is None


@pytest.mark.proves("NIST-3.1.3")
def test_spent() -> None:
    """The right code is accepted once, by the hash of any key, and forgives; how often was sent stays."""
    for digests in ([RIGHT], [WRONG, RIGHT], [RIGHT, WRONG], [WRONG, WRONG, RIGHT]):
        record = replace(noted(100.0), failures=3, retry_at=90.0)
        after, outcome = email_verify(record, digests, MINE, terms(100.0))
        assert outcome == Accepted(0)
        assert after.emailed is not None
        assert record.emailed is not None
        assert (after.failures, after.retry_at, after.emailed.sent) == (0, None, record.emailed.sent)
        assert email_verify(after, digests, MINE, terms(100.0)) == (after, Rejected(Reason.EXPIRED))
        assert sent(after, RIGHT, MINE, USUAL, terms(101.0))[1] == Rejected(Reason.THROTTLED, 59.0)


@pytest.mark.proves("T40", "ASVS-6.6.2")
@given(
    records,
    throttles(),
    moments,
    st.sampled_from([MINE, YOURS]),
    st.sampled_from([None, [], [WRONG], [RIGHT], [WRONG, RIGHT], [b""]]),
    st.booleans(),
)
def test_checked(
    record: Record,
    throttle: Throttle,
    now: float,
    owner: bytes,
    digests: list[bytes] | None,
    is_sent: bool,  # noqa: FBT001 - drawn
) -> None:
    """A wrong or malformed code is counted; one during a wait, or for which none is alive, is not."""
    if is_sent:
        record = replace(record, emailed=noted(now).emailed)
    asked = terms(now, throttle)
    after, outcome = email_verify(record, digests, owner, asked)
    if (waits := refuse(record, asked)) is not None:
        assert (after is record, outcome) == (True, waits)
    elif (mailed := live(record, owner, now)) is None:
        assert (after is record, outcome) == (True, Rejected(Reason.EXPIRED))
    elif digests is not None and mailed.digest in digests:
        assert outcome == Accepted(0)
        assert after == replace(record, emailed=replace(mailed, digest=b""), failures=0, retry_at=None)
    else:
        reason = Reason.MALFORMED if digests is None else Reason.MISMATCH
        assert (after, outcome) == (failed(record, asked), Rejected(reason))


def test_nothing_matches_nothing() -> None:
    """A code that is spent is not matched by an empty hash."""
    record, _ = email_verify(noted(0.0), [RIGHT], MINE, terms(0.0))
    assert email_verify(record, [b""], MINE, terms(0.0))[1] == Rejected(Reason.EXPIRED)


@given(records, moments, mail_terms)
def test_unsent(record: Record, now: float, by: EmailLimits) -> None:
    """A mail that did not leave takes its code back and its cooldown, and keeps its place in the hour."""
    after, refused = sent(record, RIGHT, MINE, by, terms(now))
    if refused is not None:
        return
    back = unsent(after, RIGHT, by)
    assert back.emailed is not None
    assert after.emailed is not None
    assert (back.emailed.digest, back.emailed.sent[:-1]) == (b"", after.emailed.sent[:-1])
    assert back.emailed.sent[-1] == max(now - by.cooldown, 0.0)
    assert back == replace(after, emailed=back.emailed)
    assert live(back, MINE, now) is None
    again = sent(back, RIGHT, MINE, by, terms(now))[1]
    assert again is None or len(after.emailed.sent) >= by.hourly or now < by.cooldown
    assert unsent(back, RIGHT, by) is back
    assert unsent(after, WRONG, by) is after  # another one has been sent since


def test_unsent_without_any() -> None:
    """Where there is no mailed code, there is none to take back."""
    assert unsent(Record.EMPTY, RIGHT, EmailLimits(600.0, 60.0, 5)) is Record.EMPTY


@pytest.mark.proves("T47")
def test_revoked() -> None:
    """A revocation ends a code that is under way, and no limit: the next mail waits as it would have."""
    record = noted(1e9)
    after = revoked(record, 1e9 + 1)
    assert email_verify(after, [RIGHT], MINE, terms(1e9 + 2)) == (after, Rejected(Reason.EXPIRED))
    again = sent(after, RIGHT, YOURS, USUAL, terms(1e9 + 2))
    assert again == (after, Rejected(Reason.THROTTLED, retry_after=58.0))
    once = replace(USUAL, hourly=1)
    assert sent(after, RIGHT, YOURS, once, terms(1e9 + HOUR - 1))[1] == Rejected(
        Reason.THROTTLED, retry_after=1.0
    )
