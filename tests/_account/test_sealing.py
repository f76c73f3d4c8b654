"""Secrets on their way into a record and out of it."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from tests.support.account_strategies import policy_numbers, records
from tests.support.fakes import Watched
from totpkit import InvalidParameterError, KeyURI, Policy, RecordError, VaultError
from totpkit._account.record import EnrolledDevice, Record, SealedSecret
from totpkit._account.sealing import ENROLLED, PENDING, Sealing
from totpkit.vault import PLAINTEXT, Vault

OLD, NEW = bytes(32), bytes(range(32))
BEFORE, AFTER = Vault({"old": OLD}), Vault({"new": NEW, "old": OLD})


def sealing(cipher: Vault | Watched, account_id: str = "acct-1") -> Sealing:
    """Return the sealing of an account."""
    return Sealing(cipher, account_id)


def enrolled(provision: SealedSecret) -> Record:
    """Return a record with a credential."""
    return Record(device=EnrolledDevice(secret=provision, confirmed_at=0.0, last_used_at=0.0, last_step=0))


@pytest.mark.proves("RFC4226-7.5")
@given(policy_numbers)
def test_new(numbers: dict[str, Any]) -> None:
    """A new secret has the policy's size and parameters, and stands in the record only sealed."""
    policy = Policy(**numbers)
    one, other = (sealing(BEFORE).new("alice", "Acme", policy) for _ in range(2))
    assert one.sealed.startswith("aesgcm:old:")
    codes = sealing(BEFORE).codes(one, PENDING)
    assert len(codes.secret) == policy.secret_bytes
    assert (codes.digits, codes.algorithm, codes.period) == (policy.digits, policy.algorithm, policy.period)
    assert codes.secret.to_base32() not in one.sealed
    assert codes.secret != sealing(BEFORE).codes(other, PENDING).secret


@pytest.mark.parametrize("label", ["", "a:b", " a", "a\n", "\ud800", 1, None, "a" * 5000])
def test_bad_label(label: str) -> None:
    """A label that a phone could not show is refused before anything is sealed."""
    watched = Watched(PLAINTEXT)
    with pytest.raises(InvalidParameterError) as caught:
        sealing(watched).new(label, "Acme", Policy.DEFAULT)
    assert caught.value.parameter == ("uri" if label and len(str(label)) > 4096 else "label")
    assert watched.done == []


@pytest.mark.proves("T36", "T37")
def test_purposes_apart() -> None:
    """A pending secret is not one in use, nor the reverse, nor another account's."""
    mine, yours = sealing(BEFORE), sealing(BEFORE, "acct-2")
    pending = mine.new("alice", "Acme", Policy.DEFAULT)
    promoted = mine.promoted(pending)
    assert mine.in_use(promoted) == mine.codes(pending, PENDING)
    assert replace(promoted, sealed="") == replace(pending, sealed="")
    for opened in (
        lambda: mine.in_use(pending),
        lambda: mine.codes(promoted, PENDING),
        lambda: yours.in_use(promoted),
        lambda: yours.codes(pending, PENDING),
        lambda: yours.promoted(pending),
        lambda: mine.promoted(promoted),
    ):
        with pytest.raises(VaultError):
            opened()


@pytest.mark.proves("ASVS-13.3")
def test_resealed() -> None:
    """A secret sealed with an older key is sealed with the newest, and one that is current is not touched."""
    mine = sealing(BEFORE)
    record = enrolled(mine.promoted(mine.new("alice", "Acme", Policy.DEFAULT)))
    assert mine.resealed(record) is record
    assert record.device is not None
    rotated = sealing(AFTER).resealed(record)
    assert rotated.device is not None
    assert rotated.device.secret.sealed.startswith("aesgcm:new:")
    assert sealing(AFTER).in_use(rotated.device.secret) == mine.in_use(record.device.secret)
    sealed = rotated.device.secret.sealed
    assert rotated == replace(
        record, device=replace(record.device, secret=replace(record.device.secret, sealed=sealed))
    )
    assert sealing(AFTER).resealed(rotated) is sealing(AFTER).renewed(rotated) is rotated
    renewed = sealing(AFTER).renewed(record)
    assert renewed.device is not None
    assert sealing(AFTER).in_use(renewed.device.secret) == mine.in_use(record.device.secret)


def test_lost_key() -> None:
    """A secret whose key is lost stays as it is; whoever asked for the seal alone is told why."""
    mine = sealing(BEFORE)
    record = enrolled(mine.promoted(mine.new("alice", "Acme", Policy.DEFAULT)))
    assert sealing(Vault({"new": NEW})).resealed(record) is record
    with pytest.raises(VaultError, match=r"^a stored secret is sealed with a key that is not at hand$"):
        sealing(Vault({"new": NEW})).renewed(record)


@pytest.mark.proves("T32")
@pytest.mark.parametrize("names", [{"label": "a:b"}, {"label": ""}, {"issuer": "\n"}, {"label": "\ud800"}])
def test_corrupted_names(names: dict[str, str]) -> None:
    """Names in a record that no phone is shown are a corrupted record."""
    mine = sealing(BEFORE)
    provision = replace(mine.new("alice", "Acme", Policy.DEFAULT), **names)  # type: ignore[arg-type]
    with pytest.raises(RecordError, match=r"^a stored record holds names that no phone is shown: ") as caught:
        mine.shown(provision, PENDING, None)
    assert caught.value.__context__ is None


@given(records)
def test_nothing_to_reseal(record: Record) -> None:
    """A record without a credential is not touched."""
    bare = replace(record, device=None)
    assert sealing(AFTER).resealed(bare) is sealing(AFTER).renewed(bare) is bare


@pytest.mark.parametrize(("purpose", "expires_at"), [(PENDING, 600.0), (ENROLLED, None)])
def test_shown(purpose: str, expires_at: float | None) -> None:
    """A secret is shown with the name and the parameters it was made with, always the same."""
    mine = sealing(BEFORE)
    provision = mine.new("alice", "Acme", Policy(digits=8, period=60))
    if purpose == ENROLLED:
        provision = mine.promoted(provision)
    shown = mine.shown(provision, purpose, expires_at)
    uri = KeyURI.parse(shown.uri)
    assert (uri.account, uri.issuer, uri.otp) == ("alice", "Acme", mine.codes(provision, purpose))
    assert (shown.label, shown.issuer, shown.expires_at) == ("alice", "Acme", expires_at)
    assert shown == mine.shown(provision, purpose, expires_at)
