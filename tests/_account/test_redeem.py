"""Redeeming a recovery code: reserved, hashed, settled."""

from dataclasses import replace

import pytest
from hypothesis import given, settings, strategies as st

from tests.support.account_strategies import credentials, moments, records, throttles
from totpkit import Accepted, Policy, Reason, Rejected, Throttle
from totpkit._account.attempts import Context, failed, refuse
from totpkit._account.record import EnrolledDevice, Record, SealedSecret
from totpkit._account.recovery_codes import RecoveryCodeSet
from totpkit._account.redeem import issued, reserved, settled
from totpkit._otp.totp import TOTP

CODES = [f"{n:016d}" for n in range(3)]
RECOVERY = RecoveryCodeSet.of(CODES, cost=1)


def closed(_: SealedSecret) -> TOTP:
    """Refuse to open a secret, which no recovery code needs."""
    raise AssertionError("a secret was opened")


def terms(now: float = 0.0, throttle: Throttle | None = None) -> Context:
    """Return terms under which no secret can be opened."""
    return Context(Policy(throttle=throttle or Throttle()), now, closed)


enrolled = st.builds(replace, records, device=credentials, recovery=st.just(RECOVERY))


@given(records)
def test_issued(record: Record) -> None:
    """New codes replace all older ones and raise the generation; without a credential there are none."""
    after = issued(record, RECOVERY, record.generation)
    if record.device is None:
        assert after is record
    else:
        assert replace(record, recovery_codes=RECOVERY, generation=record.generation + 1) == after
    assert issued(record, RECOVERY, record.generation + 1) is record


@pytest.mark.proves("T28", "T09")
@given(records, st.none() | st.just(CODES[0]), moments, throttles())
def test_reserved(record: Record, symbols: str | None, now: float, throttle: Throttle) -> None:
    """An attempt is counted before it is hashed; who is not enrolled, or must wait, costs nothing."""
    asked = terms(now, throttle)
    after, codes = reserved(record, symbols, asked)
    if record.device is None:
        assert (after is record, codes) == (True, Rejected(Reason.NOT_ENROLLED))
    elif (refused := refuse(record, asked)) is not None:
        assert (after is record, codes) == (True, refused)
    else:
        assert failed(record, asked) == after
        if symbols is None:
            assert codes == Rejected(Reason.MALFORMED)
        else:
            assert codes == (record.recovery_codes or Rejected(Reason.MISMATCH))


@pytest.mark.proves("T25", "NIST-4.2")
@settings(max_examples=50)
@given(enrolled, st.sampled_from(CODES))
def test_settled(record: Record, code: str) -> None:
    """A right code is spent and forgives all failures; nothing else changes, and it never passes again."""
    assert record.device is not None
    digest = RECOVERY.hash(code)
    after, answer = settled(record, RECOVERY.salt, digest)
    assert answer == Accepted(record.device.last_step)
    assert after.recovery_codes is not None
    assert after.recovery_codes.left == 2
    assert replace(record, recovery=after.recovery_codes, failures=0, retry_at=None) == after
    again, refused = settled(after, RECOVERY.salt, digest)
    assert (again is after, refused) == (True, Rejected(Reason.REPLAYED))


@given(enrolled, st.binary(min_size=32, max_size=32))
def test_settled_wrong(record: Record, digest: bytes) -> None:
    """A wrong code changes nothing: the attempt was counted when it was reserved."""
    after, answer = settled(record, RECOVERY.salt, digest)
    assert (after is record, answer) == (True, Rejected(Reason.MISMATCH))


@pytest.mark.proves("T47")
def test_settled_too_late() -> None:
    """A code of a set that was replaced, or revoked, while it was hashed is spent nowhere."""
    credential = EnrolledDevice(
        secret=SealedSecret(
            sealed="", digits=6, algorithm=Policy.DEFAULT.algorithm, period=30, label="a", issuer=""
        ),
        confirmed_at=0.0,
        last_used_at=0.0,
        last_step=0,
    )
    digest = RECOVERY.hash(CODES[0])
    for record in (
        Record(),
        Record(recovery_codes=RECOVERY),
        Record(device=credential),
        Record(device=credential, recovery=replace(RECOVERY, salt=b"another")),
    ):
        after, answer = settled(record, RECOVERY.salt, digest)
        assert (after is record, answer) == (True, Rejected(Reason.MISMATCH))
