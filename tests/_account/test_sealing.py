"""Tests of totpkit._account.sealing."""

from typing import Any

import pytest
from hypothesis import given

from tests.support.account_strategies import policy_numbers, records
from tests.support.fakes import Watched
from totpkit import InvalidParameterError, KeyURI, Policy, RecordError, VaultError
from totpkit._account.record import EnrolledDevice, Record
from totpkit._account.sealing import ENROLLED, PENDING, Sealing
from totpkit.vault import PLAINTEXT, Vault

OLD_KEY, NEW_KEY = bytes(32), bytes(range(32))
OLD = Sealing(Vault({"old": OLD_KEY}), "acct-1")
ROTATED = Sealing(Vault({"new": NEW_KEY, "old": OLD_KEY}), "acct-1")
KEY_LOST = Sealing(Vault({"new": NEW_KEY}), "acct-1")
OTHER_ACCOUNT = Sealing(Vault({"old": OLD_KEY}), "acct-2")
PENDING_SECRET = OLD.new("alice", "Acme", Policy.DEFAULT)
SECRET = OLD.promote(PENDING_SECRET)
DEVICE = EnrolledDevice(secret=SECRET, confirmed_at=0.0, last_used_at=0.0, last_step=0)
RECORD = Record(device=DEVICE)


@pytest.mark.proves("RFC4226-7.5")
@given(policy_numbers)
def test_new(numbers: dict[str, Any]) -> None:
    """A new secret has the policy's size and parameters, is stored sealed only, and does not repeat."""
    policy = Policy(**numbers)
    one, other = (OLD.new("alice", "Acme", policy) for _ in range(2))
    assert one.sealed.startswith("aesgcm:old:")
    totp = OLD.open_pending(one)
    assert len(totp.secret) == policy.secret_bytes
    assert (totp.digits, totp.algorithm, totp.period) == (policy.digits, policy.algorithm, policy.period)
    assert totp.secret.to_base32() not in one.sealed
    assert totp.secret != OLD.open_pending(other).secret


@pytest.mark.parametrize("label", ["", "a:b", " a", "a\n", "\ud800", 1, None, "a" * 5000])
def test_invalid_label(label: str) -> None:
    """A label that apps cannot show is rejected before anything is sealed."""
    watched = Watched(PLAINTEXT)
    with pytest.raises(InvalidParameterError) as caught:
        Sealing(watched, "acct-1").new(label, "Acme", Policy.DEFAULT)
    assert caught.value.parameter == ("uri" if label and len(str(label)) > 4096 else "label")
    assert watched.done == []


@pytest.mark.proves("T36", "T37")
def test_bound_to_account_and_purpose() -> None:
    """A sealed secret opens only for its own account and purpose."""
    assert OLD.open_enrolled(SECRET) == OLD.open(PENDING_SECRET, PENDING)
    assert SECRET._replace(sealed="") == PENDING_SECRET._replace(sealed="")
    for wrong in (
        lambda: OLD.open_enrolled(PENDING_SECRET),
        lambda: OLD.open_pending(SECRET),
        lambda: OLD.promote(SECRET),
        lambda: OTHER_ACCOUNT.open_enrolled(SECRET),
        lambda: OTHER_ACCOUNT.open_pending(PENDING_SECRET),
        lambda: OTHER_ACCOUNT.promote(PENDING_SECRET),
    ):
        with pytest.raises(VaultError):
            wrong()


@pytest.mark.proves("ASVS-13.3")
@pytest.mark.parametrize("method", [Sealing.reseal, Sealing.try_reseal])
def test_reseal(method: Any) -> None:
    """A secret sealed with an older key is sealed with the newest one; a current one is left alone."""
    assert method(OLD, RECORD) is RECORD
    resealed = method(ROTATED, RECORD)
    sealed = resealed.device.secret.sealed
    assert sealed.startswith("aesgcm:new:")
    assert resealed == Record(device=DEVICE._replace(secret=SECRET._replace(sealed=sealed)))
    assert ROTATED.open_enrolled(resealed.device.secret) == OLD.open_enrolled(SECRET)
    assert method(ROTATED, resealed) is resealed


def test_lost_key() -> None:
    """Without the key ``try_reseal`` changes nothing, and ``reseal`` raises."""
    assert KEY_LOST.try_reseal(RECORD) is RECORD
    with pytest.raises(VaultError):
        KEY_LOST.reseal(RECORD)


@given(records)
def test_nothing_to_reseal(record: Record) -> None:
    """A record without a device is left alone."""
    record = record._replace(device=None)
    assert ROTATED.try_reseal(record) is ROTATED.reseal(record) is record


@pytest.mark.proves("T32")
@pytest.mark.parametrize("names", [{"label": "a:b"}, {"label": ""}, {"issuer": "\n"}, {"label": "\ud800"}])
def test_corrupted_names(names: dict[str, Any]) -> None:
    """Stored names that no app can show mean that the record is corrupted."""
    with pytest.raises(
        RecordError, match=r"^a stored record contains names that no app can show: "
    ) as caught:
        OLD.show(PENDING_SECRET._replace(**names), PENDING, None)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(("purpose", "expires_at"), [(PENDING, 600.0), (ENROLLED, None)])
def test_show(purpose: str, expires_at: float | None) -> None:
    """A secret is always shown with the names and parameters with which it was created."""
    secret = OLD.new("alice", "Acme", Policy(digits=8, period=60))
    if purpose == ENROLLED:
        secret = OLD.promote(secret)
    shown = OLD.show(secret, purpose, expires_at)
    uri = KeyURI.parse(shown.uri)
    assert (uri.account, uri.issuer, uri.otp) == ("alice", "Acme", OLD.open(secret, purpose))
    assert (shown.label, shown.issuer, shown.expires_at) == ("alice", "Acme", expires_at)
    assert shown == OLD.show(secret, purpose, expires_at)
