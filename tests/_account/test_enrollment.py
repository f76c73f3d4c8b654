"""Tests of totpkit._account.enrollment."""

import hashlib
import json
import pickle
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from tests.support.account_strategies import (
    make_context,
    pending_devices,
    policy_numbers,
    records,
    sealed_secrets,
    times,
)
from tests.support.strategies import anything
from totpkit import (
    TOTP,
    Accepted,
    Algorithm,
    Enrollment,
    InvalidParameterError,
    Reason,
    Rejected,
    Secret,
    Status,
    qr,
)
from totpkit._account.attempts import fail, refuse, succeed
from totpkit._account.enrollment import begin, cancel, confirm, hash_binding, live_pending, revoke
from totpkit._account.record import EnrolledDevice, PendingDevice, Record, SealedSecret

NOW = 1_700_000_000.0
SECRET = Secret.from_bytes(bytes(range(65, 85)))
MINE, YOURS = hash_binding("mine"), hash_binding("yours")
owners = st.sampled_from([MINE, YOURS])

URI = TOTP(SECRET).uri(account="alice", issuer="Acme")
ENROLLMENT = Enrollment(uri=URI, secret=SECRET, label="alice", issuer="Acme", expires_at=600.0)


def open_secret(secret: SealedSecret) -> TOTP:
    """Open every sealed secret as the same one."""
    return secret.totp(SECRET)


def promote(secret: SealedSecret) -> SealedSecret:
    """Mark a secret as sealed for an enrolled device."""
    return secret._replace(sealed="promoted")


def never_create() -> SealedSecret:
    """Fail the test, because no new secret is needed."""
    raise AssertionError("a secret was created")


def with_pending(record: Record, owner: bytes, expires_at: float) -> Record:
    """Return the record with its pending secret, if it has one, for this owner and until this time."""
    if record.pending is None:
        return record
    return record._replace(pending=record.pending._replace(owner=owner, expires_at=expires_at))


answered = st.builds(Record._replace, records, failures=st.integers(0, 4), retry_at=st.none() | st.just(NOW))
confirmable = st.builds(
    Record._replace,
    answered,
    pending=st.builds(
        PendingDevice._replace, pending_devices, owner=st.just(MINE), expires_at=st.just(NOW + 1)
    ),
)


def test_qr() -> None:
    """The QR code contains the key URI, and is the same each time."""
    assert ENROLLMENT.qr().svg() == ENROLLMENT.qr().svg() == qr(URI).svg()


def test_to_dict() -> None:
    """A JSON client gets the QR code as a data URI, and the secret in groups to type."""
    assert json.loads(json.dumps(ENROLLMENT.to_dict())) == {
        "type": "enrollment",
        "uri": URI,
        "secret": SECRET.grouped(),
        "qr": qr(URI).data_uri(),
        "label": "alice",
        "issuer": "Acme",
        "expires_at": 600.0,
    }


@pytest.mark.proves("T22")
def test_enrollment_repr() -> None:
    """The repr of an enrollment contains neither the URI nor the secret, and it cannot be pickled."""
    expected = "Enrollment(label='alice', issuer='Acme', expires_at=600.0)"
    assert repr(ENROLLMENT) == str(ENROLLMENT) == f"{ENROLLMENT}" == expected
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(ENROLLMENT)


def test_default_status() -> None:
    """The default status describes an account that is not stored."""
    assert Status() == Status(
        enrolled=False,
        pending=False,
        retry_after=None,
        disabled=False,
        recovery_codes_left=0,
        confirmed_at=None,
        last_used_at=None,
        failures=0,
    )


@pytest.mark.proves("T37")
@given(st.text(), st.text())
def test_hash_binding(one: str, other: str) -> None:
    """A binding is stored as its SHA-256 hash, which differs for different bindings."""
    assert hashlib.sha256(one.encode()).digest() == hash_binding(one)
    assert (hash_binding(one) == hash_binding(other)) == (one == other)


@pytest.mark.parametrize(
    ("binding", "problem"),
    [
        (None, "a str, not NoneType"),
        (b"mine", "a str, not bytes"),
        (1, "a str, not int"),
        ("\ud800", "a str without lone surrogates"),
    ],
)
def test_invalid_binding(binding: object, problem: str) -> None:
    """A binding must be a ``str`` that can be encoded in UTF-8."""
    with pytest.raises(InvalidParameterError, match=f"^binding must be {problem}$"):
        hash_binding(binding)  # type: ignore[arg-type]


@pytest.mark.proves("T37")
@given(records, owners, owners, st.floats(0, 2000), st.floats(0, 2000))
def test_live_pending(record: Record, owner: bytes, asking: bytes, expires_at: float, now: float) -> None:
    """A pending secret is available to its owner until it expires."""
    record = with_pending(record, owner, expires_at)
    expected = record.pending if now < expires_at and owner == asking else None
    assert live_pending(record, asking, now) is expected


@pytest.mark.proves("T19", "T37")
@given(records, sealed_secrets, st.sampled_from([-1.0, 0.0, 0.1, 600.0]), owners)
def test_begin(record: Record, new: SealedSecret, left: float, owner: bytes) -> None:
    """The same owner gets the same secret until it expires; otherwise a new one becomes pending."""
    record = with_pending(record, MINE, NOW + left)
    context = make_context(NOW, enrollment_lifetime=77.0)
    if record.pending is not None and left > 0 and owner == MINE:
        after, pending = begin(record, owner, context, new_secret=never_create)
        assert (after is record, pending is record.pending) == (True, True)
    else:
        expected = PendingDevice(secret=new, owner=owner, expires_at=NOW + 77.0)
        begun = begin(record, owner, context, new_secret=lambda: new)
        assert begun == (record._replace(pending=expected), expected)


@pytest.mark.proves("T20", "RFC6238-3-R4")
@settings(max_examples=100)
@given(confirmable, policy_numbers, st.integers(-14, 14), st.booleans(), st.booleans())
def test_confirm(
    record: Record,
    numbers: dict[str, Any],
    offset: int,
    spaced: bool,  # noqa: FBT001 - drawn
    completes: bool,  # noqa: FBT001 - drawn
) -> None:
    """The first right code enrolls the pending device and is spent; a wrong one leaves it pending."""
    assert record.pending is not None
    numbers = {name: number for name, number in numbers.items() if name != "throttle"}
    context = make_context(NOW, open_secret=open_secret, completes=completes, **numbers)
    secret, policy = record.pending.secret, context.policy
    totp = secret.totp(SECRET)
    step = totp.step(NOW) + offset
    code = totp.at(step * totp.period)
    typed = f" {code[:3]}-{code[3:]} " if spaced else code
    after, outcome = confirm(record, typed, MINE, context, promote=promote)
    if not -policy.window.past <= offset <= policy.window.future:
        assert isinstance(outcome, Rejected)
        assert outcome.reason in {Reason.MISMATCH, Reason.APP_IGNORED_PARAMETERS}
        assert fail(record, context) == after
        return
    device = EnrolledDevice(
        secret=promote(secret),
        confirmed_at=NOW,
        last_used_at=NOW,
        last_step=step,
        drift=max(-1, min(1, offset)) if policy.drift_bound else 0,
    )
    generation = max(record.generation + 1, int(NOW * 1000))
    enrolled = record._replace(device=device, pending=None, generation=generation)
    assert (after, outcome) == (succeed(enrolled, context), Accepted(step, offset))


@pytest.mark.proves("T37")
@given(records, anything, st.sampled_from([-5.0, 0.0, 5.0]), owners)
def test_confirm_refused(record: Record, code: str, left: float, owner: bytes) -> None:
    """A wait is checked first, then expiry and the owner; nothing is opened or written then."""
    record = with_pending(record, MINE, NOW + left)
    context = make_context(NOW)
    refused = refuse(record, context)
    if refused is None and record.pending is not None and left > 0 and owner == MINE:
        return
    after, outcome = confirm(record, code, owner, context, promote=promote)
    assert after is record
    assert outcome == (Rejected(Reason.EXPIRED) if refused is None else refused)


@given(confirmable, st.sampled_from(["", "12345", "123456789", "12345678\n", "\uff11" * 6]))
def test_confirm_malformed(record: Record, code: str) -> None:
    """A malformed code counts as a failure, as a wrong one does."""
    context = make_context(NOW, open_secret=open_secret)
    confirmed = confirm(record, code, MINE, context, promote=promote)
    assert confirmed == (fail(record, context), Rejected(Reason.MALFORMED))


@pytest.mark.parametrize(("digits", "algorithm", "period"), [*product((6, 7, 8), Algorithm, (30, 60, 15))])
def test_ignored_parameters(digits: int, algorithm: Algorithm, period: int) -> None:
    """The code of an app that ignores a parameter has its own reason; it counts and is never accepted."""
    secret = SealedSecret(
        sealed="", digits=digits, algorithm=algorithm, period=period, label="alice", issuer=""
    )
    record = Record(pending=PendingDevice(secret=secret, owner=MINE, expires_at=NOW + 1))
    context = make_context(NOW, open_secret=open_secret)
    failed = fail(record, context)
    right = {secret.totp(SECRET).at(NOW + offset * period) for offset in (-1, 0, 1)}
    variants = product({digits, 6}, {algorithm, Algorithm.SHA1}, {period, 30})
    apps = [TOTP(SECRET, digits=d, algorithm=a, period=p) for d, a, p in variants]
    for app, offset in product(apps, (-1, 0, 1, 5)):
        code = app.at(NOW + offset * app.period)
        after, outcome = confirm(record, code, MINE, context, promote=promote)
        if code in right:
            assert outcome
        elif offset == 5:
            reason = Reason.MISMATCH if app.digits == digits else Reason.MALFORMED
            assert (after, outcome) == (failed, Rejected(reason))
        else:
            assert (after, outcome) == (failed, Rejected(Reason.APP_IGNORED_PARAMETERS))


@given(records)
def test_cancel(record: Record) -> None:
    """Cancelling removes the pending secret only; a record without one is returned as it is."""
    after = cancel(record)
    assert record._replace(pending=None) == after
    assert (after is record) == (record.pending is None)


@pytest.mark.proves("T47")
@given(records, times)
def test_revoke(record: Record, now: float) -> None:
    """Revoking removes everything that lets someone in and raises the generation; failures stay."""
    emailed = None if record.emailed is None else record.emailed._replace(digest=b"")
    generation = max(record.generation + 1, int(now * 1000))
    expected = record._replace(
        device=None, pending=None, recovery_codes=None, emailed=emailed, generation=generation
    )
    assert expected == revoke(record, now)
