"""Enrolling in two phases."""

import hashlib
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from tests.support.account_strategies import moments, pendings, policy_numbers, provisions, records
from tests.support.strategies import anything
from totpkit import TOTP, Accepted, Algorithm, InvalidParameterError, Policy, Reason, Rejected, Secret
from totpkit._account.attempts import Context, failed, refuse
from totpkit._account.enrollment import begun, cancelled, confirmed, hash_binding, live_pending, revoked
from totpkit._account.record import EnrolledDevice, Pending, Record, SealedSecret

NOW = 1_700_000_000.0
SECRET = Secret.from_bytes(bytes(range(20)))
MINE, YOURS = hash_binding("mine"), hash_binding("yours")


def opened(provision: SealedSecret) -> TOTP:
    """Open every secret as the same."""
    return provision.codes(SECRET)


def closed(_: SealedSecret) -> TOTP:
    """Refuse to open a secret."""
    raise AssertionError("a secret was opened")


def promoted(provision: SealedSecret) -> SealedSecret:
    """Seal for use, visibly."""
    return replace(provision, sealed="in use")


def never() -> SealedSecret:
    """Refuse to make a secret."""
    raise AssertionError("a secret was made")


answered = st.builds(replace, records, failures=st.integers(0, 4), retry_at=st.none() | st.just(NOW))
waiting = st.builds(
    replace, answered, pending=st.builds(replace, pendings, owner=st.just(MINE), expires_at=st.just(NOW + 1))
)


@pytest.mark.proves("T37")
@given(st.text(), st.text())
def test_owner(one: str, other: str) -> None:
    """A binding is stored as its hash: no two are mistaken for each other, and none can be read."""
    assert hashlib.sha256(one.encode()).digest() == hash_binding(one)
    assert (hash_binding(one) == hash_binding(other)) == (one == other)


@pytest.mark.parametrize(
    ("binding", "wanted"),
    [
        (None, "a str, not NoneType"),
        (b"mine", "a str, not bytes"),
        (1, "a str, not int"),
        ("\ud800", "a str without lone surrogates"),
    ],
)
def test_owner_refused(binding: object, wanted: str) -> None:
    """A binding is text that can be encoded."""
    with pytest.raises(InvalidParameterError, match=f"^binding must be {wanted}$"):
        hash_binding(binding)  # type: ignore[arg-type]


@pytest.mark.proves("T37")
@given(
    records,
    st.sampled_from([MINE, YOURS]),
    st.sampled_from([MINE, YOURS]),
    st.floats(0, 2000),
    st.floats(0, 2000),
)
def test_live(record: Record, owner: bytes, asks: bytes, expires_at: float, now: float) -> None:
    """A pending secret is there for whoever began it, until it expires."""
    if record.pending is not None:
        record = replace(record, pending=replace(record.pending, owner=owner, expires_at=expires_at))
    expected = record.pending if now < expires_at and owner == asks else None
    assert live_pending(record, asks, now) is expected


@pytest.mark.proves("T19", "T37")
@given(records, provisions, st.sampled_from([-1.0, 0.0, 0.1, 600.0]), st.sampled_from([MINE, YOURS]))
def test_begun(record: Record, fresh: SealedSecret, left: float, asks: bytes) -> None:
    """The same secret as long as it lives and for whoever began it, else a new one; nothing else changes."""
    if record.pending is not None:
        record = replace(record, pending=replace(record.pending, owner=MINE, expires_at=NOW + left))
    terms = Context(Policy(enrollment_lifetime=77.0), NOW, closed)
    if record.pending is not None and left > 0 and asks == MINE:
        after, pending = begun(record, asks, terms, make=never)
        assert (after is record, pending is record.pending) == (True, True)
    else:
        after, pending = begun(record, asks, terms, make=lambda: fresh)
        assert Pending(secret=fresh, owner=asks, expires_at=NOW + 77.0) == pending
        assert replace(record, pending=pending) == after


@pytest.mark.proves("T20", "RFC6238-3-R4")
@settings(max_examples=100)
@given(waiting, policy_numbers, st.integers(-14, 14), st.booleans())
def test_confirmed(record: Record, numbers: dict[str, Any], offset: int, spelled: bool) -> None:  # noqa: FBT001 - drawn
    """The first right code takes the pending secret into use and is spent; a wrong one leaves it pending."""
    assert record.pending is not None
    policy = Policy(**numbers | {"throttle": Policy.DEFAULT.throttle})
    provision, terms = record.pending.secret, Context(policy, NOW, opened)
    codes = provision.codes(SECRET)
    step = codes.step(NOW) + offset
    code = codes.at(step * codes.period)
    typed = f" {code[:3]}-{code[3:]} " if spelled else code
    after, answer = confirmed(record, typed, MINE, terms, promote=promoted)
    if not -policy.window.past <= offset <= policy.window.future:
        assert isinstance(answer, Rejected)
        assert answer.reason in {Reason.MISMATCH, Reason.APP_IGNORED_PARAMETERS}
        assert failed(record, terms) == after
        return
    assert answer == Accepted(step, offset)
    assert after.device is not None
    assert abs(after.device.drift) <= min(1, policy.drift_bound)
    expected = EnrolledDevice(
        secret=replace(provision, sealed="in use"),
        confirmed_at=NOW,
        last_used_at=NOW,
        last_step=step,
        drift=max(-1, min(1, offset)) if policy.drift_bound else 0,
    )
    generation = max(record.generation + 1, int(NOW * 1000))
    assert after == replace(
        record, device=expected, pending=None, failures=0, retry_at=None, generation=generation
    )


@pytest.mark.proves("T37")
@given(records, anything, st.sampled_from([-5.0, 0.0, 5.0]), st.sampled_from([MINE, YOURS]))
def test_confirmed_refused(record: Record, text: str, left: float, asks: bytes) -> None:
    """A wait comes first; then another binding, or too late, is EXPIRED: nothing opened or written."""
    if record.pending is not None:
        record = replace(record, pending=replace(record.pending, owner=MINE, expires_at=NOW + left))
    terms = Context(Policy(), NOW, closed)
    refused = refuse(record, terms)
    if refused is None and record.pending is not None and left > 0 and asks == MINE:
        return
    after, answer = confirmed(record, text, asks, terms, promote=promoted)
    assert after is record
    assert answer == (Rejected(Reason.EXPIRED) if refused is None else refused)


@given(waiting, st.sampled_from(["", "12345", "123456789", "12345678\n", "\uff11" * 6]))
def test_confirmed_malformed(record: Record, text: str) -> None:
    """What has not the form of a code counts like a wrong one."""
    terms = Context(Policy(), NOW, opened)
    after, answer = confirmed(record, text, MINE, terms, promote=promoted)
    assert answer == Rejected(Reason.MALFORMED)
    assert failed(record, terms) == after


KINDS = [
    (digits, algorithm, period) for digits, algorithm, period in product((6, 7, 8), Algorithm, (30, 60, 15))
]


@pytest.mark.parametrize(("digits", "algorithm", "period"), KINDS)
def test_ignored_parameters(digits: int, algorithm: Algorithm, period: int) -> None:
    """What a phone shows that ignores any of the parameters is told as that, counted, and never accepted."""
    provision = SealedSecret(
        sealed="", digits=digits, algorithm=algorithm, period=period, label="alice", issuer=""
    )
    record = Record(pending=Pending(secret=provision, owner=MINE, expires_at=NOW + 1))
    terms = Context(Policy(), NOW, opened)
    right = provision.codes(SECRET)
    near = {right.at(NOW + offset * period) for offset in (-1, 0, 1)}
    for ignorant in product({digits, 6}, {algorithm, Algorithm.SHA1}, {period, 30}):
        phone = TOTP(SECRET, *ignorant)
        for offset in (-1, 0, 1):
            code = phone.at(NOW + offset * phone.period)
            after, answer = confirmed(record, code, MINE, terms, promote=promoted)
            if code in near:
                assert answer
            else:
                assert answer == Rejected(Reason.APP_IGNORED_PARAMETERS)
                assert failed(record, terms) == after
        code = phone.at(NOW + 5 * phone.period)
        after, answer = confirmed(record, code, MINE, terms, promote=promoted)
        if code not in near:
            malformed = phone.digits != digits
            assert answer == Rejected(Reason.MALFORMED if malformed else Reason.MISMATCH)


@given(records)
def test_cancelled(record: Record) -> None:
    """Cancelling drops the pending secret alone; a record without one comes back itself."""
    after = cancelled(record)
    assert replace(record, pending=None) == after
    assert (after is record) == (record.pending is None)


@pytest.mark.proves("T47")
@given(records, moments)
def test_revoked(record: Record, now: float) -> None:
    """Revoking drops all that lets in, and raises the generation of any account; failures stay."""
    mailed = None if record.emailed is None else replace(record.emailed, digest=b"")
    generation = max(record.generation + 1, int(now * 1000))
    expected = replace(
        record, device=None, pending=None, recovery_codes=None, emailed=mailed, generation=generation
    )
    assert expected == revoked(record, now)
