"""Within what an attempt is made."""

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from tests.support.account_strategies import counts, moments, records
from totpkit import Accepted, Policy, Reason, Rejected
from totpkit._account.attempts import Context, Restrictions, failed, unlock
from totpkit._account.record import Record, SealedSecret
from totpkit._otp.totp import TOTP


def closed(_: SealedSecret) -> TOTP:
    """Refuse to open a secret, which no scope needs."""
    raise AssertionError("a secret was opened")


TERMS = Context(Policy.DEFAULT, 0.0, closed)
generations = st.none() | counts
reasons = st.sampled_from([Reason.TICKET_INVALID, Reason.PROOF_INVALID])


@given(records, generations, reasons, st.booleans())
def test_generation(record: Record, generation: int | None, stale: Reason, completes: bool) -> None:  # noqa: FBT001 - drawn
    """A rule is asked only for the credential that the login was begun for; for another nothing is done."""
    asked: list[Record] = []

    def rule(seen: Record, _: Context) -> tuple[Record, str]:
        asked.append(seen)
        return seen, "answer"

    scope = Restrictions(generation, stale, completes)
    for decide in (scope.bound(rule), scope.guarded(rule)):
        asked.clear()
        after, outcome = decide(record, TERMS)
        assert after is record
        if generation is None or generation == record.generation:
            assert (outcome, asked) == ("answer", [record])
        else:
            assert (outcome, asked) == (Rejected(stale), [])


@pytest.mark.proves("T40", "T13")
@given(records, records, st.booleans())
def test_forgiveness(record: Record, decided: Record, completes: bool) -> None:  # noqa: FBT001 - drawn
    """Unless it completes the login, no success lowers the failures or ends their wait; all else stands."""
    after, outcome = Restrictions(completes=completes).guarded(lambda *_: (decided, Accepted(1)))(
        record, TERMS
    )
    assert outcome == Accepted(1)
    if completes or decided.failures >= record.failures:
        assert after is decided
    else:
        assert after == replace(decided, failures=record.failures, retry_at=record.retry_at)


@pytest.mark.proves("T40")
@given(records, st.integers(0, 5), moments)
def test_settled(record: Record, others: int, now: float) -> None:
    """An attempt counted in advance is given back with its own wait; those of others stay, with theirs."""
    terms = replace(TERMS, now=now)
    reserved = failed(record, terms)
    later = reserved
    for _ in range(others):
        later = failed(later, terms)
    assert Restrictions().settled(later, reserved) == unlock(later)
    on_the_way = Restrictions(completes=False).settled(later, reserved)
    assert on_the_way.failures == record.failures + others
    assert on_the_way == replace(
        later, failures=on_the_way.failures, retry_at=later.retry_at if others else None
    )


def test_settled_after_an_unlock() -> None:
    """What was unlock meanwhile has nothing to give back."""
    reserved = Record(failures=1)
    assert Restrictions(completes=False).settled(Record(), reserved) == Record()


def test_open() -> None:
    """The open scope is that of an attempt outside of any login."""
    assert Restrictions(None, Reason.TICKET_INVALID, completes=True, after=()) == Restrictions.OPEN


def test_settled_after_a_success_and_new_failures() -> None:
    """Where a success has forgiven the reserved failure, those that came since stay, with their wait."""
    reserved, since = Record(failures=5, retry_at=30.0), Record(failures=5, retry_at=90.0)
    assert Restrictions(completes=False).settled(since, reserved) is since
