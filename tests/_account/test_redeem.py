"""Tests of totpkit._account.redeem."""

import pytest
from hypothesis import given, settings, strategies as st

from tests.support.account_strategies import devices, make_context, records, throttles, times
from totpkit import Accepted, Reason, Rejected, Throttle
from totpkit._account.attempts import fail, reserve, settle
from totpkit._account.record import Record
from totpkit._account.recovery_codes import RecoveryCodeSet
from totpkit._account.redeem import begin, issue, redeem

CODES = [f"{n:016d}" for n in range(3)]
CODE_SET = RecoveryCodeSet.of(CODES, cost=1)
enrolled = st.builds(Record._replace, records, device=devices, recovery_codes=st.just(CODE_SET))


@given(records)
def test_issue(record: Record) -> None:
    """New codes replace all older ones, if there is a device and the generation has not changed."""
    after = issue(record, CODE_SET, record.generation)
    if record.device is None:
        assert after is record
    else:
        assert record._replace(recovery_codes=CODE_SET, generation=record.generation + 1) == after
    assert issue(record, CODE_SET, record.generation + 1) is record


@pytest.mark.proves("T28", "T09")
@given(records, st.none() | st.just(CODES[0]), times, throttles())
def test_begin(record: Record, symbols: str | None, now: float, throttle: Throttle) -> None:
    """An attempt is counted before hashing; without a device or during a wait nothing is hashed."""
    context = make_context(now, throttle=throttle)
    after, codes = begin(record, symbols, context)
    if record.device is None:
        assert (after is record, codes) == (True, Rejected(Reason.NOT_ENROLLED))
        return
    reserved, refused = reserve(record, context)
    assert after == reserved
    if refused is not None:
        assert (after is record, codes) == (True, refused)
    elif symbols is None:
        assert codes == Rejected(Reason.MALFORMED)
    else:
        assert codes == (record.recovery_codes or Rejected(Reason.MISMATCH))


@pytest.mark.proves("T25", "NIST-4.2")
@settings(max_examples=50)
@given(enrolled, st.sampled_from(CODES), st.booleans())
def test_redeem(record: Record, code: str, completes: bool) -> None:  # noqa: FBT001 - drawn
    """A right code is spent and settles the reserved attempt; a second time it is REPLAYED."""
    assert record.device is not None
    context = make_context(completes=completes)
    reserved, digest = fail(record, context), CODE_SET.hash(code)
    after, outcome = redeem(reserved, reserved, CODE_SET.salt, digest, context)
    assert outcome == Accepted(record.device.last_step)
    assert after.recovery_codes is not None
    assert after.recovery_codes.left == 2
    assert after == settle(reserved._replace(recovery_codes=after.recovery_codes), reserved, context)
    again, replayed = redeem(after, reserved, CODE_SET.salt, digest, context)
    assert (again is after, replayed) == (True, Rejected(Reason.REPLAYED))


@given(enrolled, st.binary(min_size=32, max_size=32))
def test_wrong_code(record: Record, digest: bytes) -> None:
    """A wrong code changes nothing, because the attempt is counted already."""
    after, outcome = redeem(record, record, CODE_SET.salt, digest, make_context())
    assert (after is record, outcome) == (True, Rejected(Reason.MISMATCH))


@pytest.mark.proves("T47")
@given(enrolled)
def test_revoked_or_replaced(record: Record) -> None:
    """A code is rejected if its set was revoked or replaced while it was hashed."""
    digest = CODE_SET.hash(CODES[0])
    for changed in (
        record._replace(device=None),
        record._replace(recovery_codes=None),
        record._replace(recovery_codes=CODE_SET._replace(salt=b"another")),
    ):
        after, outcome = redeem(changed, record, CODE_SET.salt, digest, make_context())
        assert (after is changed, outcome) == (True, Rejected(Reason.MISMATCH))
