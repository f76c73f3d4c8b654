"""Tests of totpkit._account.record, and of a record of version 1 behind an authenticator."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given

from tests.support.account_strategies import records, sealed_secrets
from tests.support.strategies import RFC_SECRET
from totpkit import TOTP, Accepted, Authenticator, KeyURI, Policy, Reason, Rejected, Window
from totpkit._account.record import EMPTY_RECORD, Record, SealedSecret
from totpkit.stores.memory import MemoryStore
from totpkit.testing import SettableClock, SoftPhone
from totpkit.vault import Vault

SAMPLE = Path(__file__).parent / "fixtures" / "record-v1.json"
URI = (
    "otpauth://totp/Ac%C3%ABm%20%26%20S%C3%B6hne:%E8%8A%B1%E5%AD%90%40example.com"
    "?secret={}&issuer=Ac%C3%ABm%20%26%20S%C3%B6hne&algorithm=SHA256&digits=8&period=60"
)
ENROLLED_URI = URI.format("7E7LXIQGULSEMNJFAFOPV75FLZ6YRJHHYZWXZ4LYCNZIFGYXZSQQ")
PENDING_URI = URI.format("SMFSFIQCAWWQKCKJJVGKUOTPNKEB4JPVGTSXAUHW52V7SYTPLMKQ")
SPENT_CODE, UNSPENT_CODES = "SQ2M-GDFQ-2K8C-A6Q9", ["QZY5-AM83-C4NV-SB3M", "29TW-A6P9-4F63-58P0"]
ACCOUNT = "acct-1"


@pytest.fixture
def clock() -> SettableClock:
    """Return a clock that shows when the sample was written."""
    return SettableClock(1_700_000_310.25)


@pytest.fixture
def auth(clock: SettableClock) -> Authenticator:
    """Return an authenticator whose store contains the sample, with the key that sealed it."""
    store = MemoryStore()
    store.swap(ACCOUNT, None, SAMPLE.read_bytes())
    key = hashlib.sha256(b"totpkit record v1").digest()
    policy = Policy(window=Window(2, 2))
    return Authenticator(store, issuer="Other", vault=Vault({"2026-11": key}), policy=policy, clock=clock)


def test_sample_throttles(auth: Authenticator, clock: SettableClock) -> None:
    """The failures and the wait of a stored record count."""
    assert auth.verify(ACCOUNT, "00000000") == Rejected(Reason.THROTTLED, retry_after=60.0)
    clock.advance(60)
    assert auth.verify(ACCOUNT, "00000000") == Rejected(Reason.MISMATCH)
    assert (auth.status(ACCOUNT).failures, auth.status(ACCOUNT).retry_after) == (7, 120.0)


def test_sample_verifies(auth: Authenticator, clock: SettableClock) -> None:
    """The device of a stored record works with its own parameters and drift, and spent codes stay spent."""
    assert auth.provisioning(ACCOUNT).uri == ENROLLED_URI
    clock.advance(60)
    totp = KeyURI.parse(ENROLLED_URI).otp
    assert isinstance(totp, TOTP)
    assert auth.verify(ACCOUNT, totp.at(60 * 28_333_334)) == Rejected(Reason.REPLAYED)
    clock.advance(120)
    phone = SoftPhone(ENROLLED_URI, clock=clock, slow=180)
    assert auth.verify(ACCOUNT, phone.code()) == Accepted(28_333_338, drift=-3)


def test_sample_recovers(auth: Authenticator, clock: SettableClock) -> None:
    """The recovery codes of a stored record work once each."""
    clock.advance(60)
    assert auth.redeem_recovery_code(ACCOUNT, SPENT_CODE) == Rejected(Reason.REPLAYED)
    clock.advance(120)
    for code in UNSPENT_CODES:
        assert auth.redeem_recovery_code(ACCOUNT, code) == Accepted(28_333_334)
        assert auth.redeem_recovery_code(ACCOUNT, code) == Rejected(Reason.REPLAYED)


def test_sample_confirms(auth: Authenticator, clock: SettableClock) -> None:
    """The pending secret of a stored record is shown to its binding only, which can confirm it."""
    assert auth.begin_enrollment(ACCOUNT, label="other", binding="session-2").uri == PENDING_URI
    clock.advance(60)
    code = SoftPhone(PENDING_URI, clock=clock).code()
    assert auth.confirm_enrollment(ACCOUNT, code, binding="session-1") == Rejected(Reason.EXPIRED)
    assert auth.confirm_enrollment(ACCOUNT, code, binding="session-2")
    assert auth.provisioning(ACCOUNT).uri == PENDING_URI


@given(sealed_secrets)
def test_totp(secret: SealedSecret) -> None:
    """A sealed secret computes codes with its own parameters."""
    expected = TOTP(RFC_SECRET, digits=secret.digits, algorithm=secret.algorithm, period=secret.period)
    assert expected == secret.totp(RFC_SECRET)


@pytest.mark.proves("T22")
@given(records)
def test_repr(record: Record) -> None:
    """The repr of a record contains neither a sealed secret, which may be plain text, nor a digest."""
    for part in (record.device, record.pending):
        if part is not None:
            assert repr(part.secret) == str(part.secret) == repr(part.secret._replace(sealed="canary"))
    if record.emailed is not None:
        assert repr(record.emailed) == str(record.emailed) == repr(record.emailed._replace(digest=b"canary"))


def test_empty() -> None:
    """An account that is not stored has the default record."""
    assert Record() == EMPTY_RECORD
    assert EMPTY_RECORD.device is None
