"""What is stored of an account."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from tests.support.account_strategies import json_values, provisions, records
from tests.support.strategies import RFC_SECRET
from totpkit import (
    TOTP,
    Accepted,
    Algorithm,
    Authenticator,
    KeyURI,
    Policy,
    Reason,
    RecordError,
    Rejected,
    Window,
)
from totpkit._account.record import EnrolledDevice, EmailedCode, Pending, SealedSecret, Record
from totpkit._account.recovery_codes import RecoveryCodeSet
from totpkit.stores.memory import MemoryStore
from totpkit.testing import SettableClock, SoftPhone
from totpkit.vault import Vault

FIXTURE = Path(__file__).parent / "fixtures" / "record-v1.json"
RAW = FIXTURE.read_bytes()
LABEL, ISSUER = "\u82b1\u5b50@example.com", "Ac\u00ebm & S\u00f6hne"
# What its owner was shown, in use and pending, and the codes on the sheet.
URI = (
    "otpauth://totp/Ac%C3%ABm%20%26%20S%C3%B6hne:%E8%8A%B1%E5%AD%90%40example.com"
    "?secret={}&issuer=Ac%C3%ABm%20%26%20S%C3%B6hne&algorithm=SHA256&digits=8&period=60"
)
ENROLLED = URI.format("7E7LXIQGULSEMNJFAFOPV75FLZ6YRJHHYZWXZ4LYCNZIFGYXZSQQ")
SHOWN = URI.format("SMFSFIQCAWWQKCKJJVGKUOTPNKEB4JPVGTSXAUHW52V7SYTPLMKQ")
SPENT, UNSPENT = "SQ2M-GDFQ-2K8C-A6Q9", ["QZY5-AM83-C4NV-SB3M", "29TW-A6P9-4F63-58P0"]
NOW = 1_700_000_310.25


@pytest.fixture
def clock() -> SettableClock:
    """Return a clock that shows when the record was written."""
    return SettableClock(NOW)


@pytest.fixture
def auth(clock: SettableClock) -> Authenticator:
    """Return an authenticator over the record of version 1, with the key of then."""
    store = MemoryStore()
    store.swap("acct-1", None, RAW)
    key = hashlib.sha256(b"totpkit record v1").digest()
    policy = Policy(window=Window(2, 2))
    return Authenticator(store, issuer="Other", vault=Vault({"2026-11": key}), policy=policy, clock=clock)


def test_version_1() -> None:
    """A record of version 1 is read for ever: every field of it."""
    read = read_record(RAW)
    assert read.device is not None
    assert read.pending is not None
    assert read.recovery is not None
    provision = SealedSecret(
        sealed="aesgcm:2026-11:9FvxKq3OxFtganjXRGnvVCdmVF1Rc+1kOTrR5CWN1xMl4emlk03Swy/qsZ5JoKqIb2uJp5HIIYZBgA99",
        digits=8,
        algorithm=Algorithm.SHA256,
        period=60,
        label=LABEL,
        issuer=ISSUER,
    )
    pending = replace(
        provision,
        sealed="aesgcm:2026-11:XoL2rZPFRlLj5RW7Mgdy7LK2wVsUyUNf6x/VkK1G6kABNIwRR1c88NVMMUcfjr5iJXXhpBGWffKU7/L0",
    )
    expected = Record(
        revision=14,
        generation=2,
        device=EnrolledDevice(
            secret=provision,
            confirmed_at=1_700_000_000.0,
            last_used_at=1_700_000_180.0,
            last_step=28_333_334,
            drift=-2,
        ),
        pending=Pending(
            secret=pending, owner=hashlib.sha256(b"session-2").digest(), expires_at=1_700_000_880.25
        ),
        failures=6,
        retry_at=1_700_000_370.25,
        recovery_codes=RecoveryCodeSet(
            bytes.fromhex("61ec47a5b760d3e9b4e6b429e30a90ac"),
            14,
            unspent=bytes.fromhex(
                "88d17cee62ebf88bfe2dd80a22f166d4a645e1dc1995338fe3b3ee4cbf668b14"
                "7c000ff6bcc1d586b0ce76e5c882b216a332b9fc0a41abfec0041326cf02fb9e"
            ),
            spent=bytes.fromhex("580299131b3212178fb2566d06b5783a7fe38b32cda49a6bbe68e0f509e40039"),
        ),
    )
    assert expected == read


def test_version_1_is_written() -> None:
    """Today's version is 1: what is read is written back byte by byte, but for the revision."""
    assert read_record(RAW).to_bytes(revision=14) == RAW


def test_version_1_waits(auth: Authenticator, clock: SettableClock) -> None:
    """Failures and wait of a record of version 1 still count."""
    assert auth.verify("acct-1", "00000000") == Rejected(Reason.THROTTLED, retry_after=60.0)
    clock.advance(60)
    assert auth.verify("acct-1", "00000000") == Rejected(Reason.MISMATCH)
    assert auth.status("acct-1").failures == 7
    assert auth.status("acct-1").retry_after == 120.0


def test_version_1_verifies(auth: Authenticator, clock: SettableClock) -> None:
    """The phone of a record of version 1 still works, by its parameters and drift; spent codes are spent."""
    assert auth.provisioning("acct-1").uri == ENROLLED
    clock.advance(60)
    phone = SoftPhone(ENROLLED, clock=clock, slow=180)
    codes = KeyURI.parse(ENROLLED).otp
    assert isinstance(codes, TOTP)
    spent = codes.at(60 * 28_333_334)
    assert auth.verify("acct-1", spent) == Rejected(Reason.REPLAYED)
    clock.advance(120)
    assert auth.verify("acct-1", phone.code()) == Accepted(28_333_338, drift=-3)


def test_version_1_recovers(auth: Authenticator, clock: SettableClock) -> None:
    """The recovery codes of a record of version 1 still work, once each."""
    clock.advance(60)
    assert auth.redeem_recovery_code("acct-1", SPENT) == Rejected(Reason.REPLAYED)
    clock.advance(120)
    for code in UNSPENT:
        assert auth.redeem_recovery_code("acct-1", code) == Accepted(28_333_334)
        assert auth.redeem_recovery_code("acct-1", code) == Rejected(Reason.REPLAYED)


def test_version_1_confirms(auth: Authenticator, clock: SettableClock) -> None:
    """The pending secret of a record of version 1 is still shown, and confirmed by whoever began it."""
    assert auth.begin_enrollment("acct-1", label="other", binding="session-2").uri == SHOWN
    clock.advance(60)
    code = SoftPhone(SHOWN, clock=clock).code()
    assert auth.confirm_enrollment("acct-1", code, binding="session-1") == Rejected(Reason.EXPIRED)
    assert auth.confirm_enrollment("acct-1", code, binding="session-2")
    assert auth.provisioning("acct-1").uri == SHOWN


@given(records, st.integers(0, 2**63))
def test_write_then_read(record: Record, revision: int) -> None:
    """Whatever a record holds comes back, under its revision."""
    assert replace(record, revision=revision) == read_record(record.to_bytes(revision=revision))


@given(records)
def test_small_and_plain(record: Record) -> None:
    """A record is one line of ASCII in JSON, which says its version first."""
    raw = record.to_bytes(revision=1)
    assert raw.isascii()
    assert raw.startswith(b'{"v":1,"rev":1,')
    assert b"\n" not in raw


@pytest.mark.proves("T32")
@settings(max_examples=200)
@given(st.data(), json_values)
def test_any_field(data: st.DataObject, value: object) -> None:
    """However a record is spoiled, it is read, or it is a RecordError; then no context remembers it."""
    fields: dict[str, Any] = json.loads(RAW)
    part = data.draw(st.sampled_from([fields, fields["active"], fields["pending"], fields["recovery"]]))
    name = data.draw(st.sampled_from(sorted(part)))
    if data.draw(st.booleans()):
        part[name] = value
    else:
        del part[name]
    read_or_refused(json.dumps(fields).encode())


@pytest.mark.proves("T32", "T36")
@given(st.integers(0, len(RAW) - 1), st.integers(1, 255), st.integers(0, 30))
def test_any_byte(place: int, flip: int, cut: int) -> None:
    """However the bytes of a record are flipped or cut out, it is read, or it is a RecordError."""
    flipped = RAW[:place] + bytes([RAW[place] ^ flip]) + RAW[place + 1 + cut :]
    read_or_refused(flipped)


@pytest.mark.proves("T32")
@given(st.binary(max_size=200))
def test_any_bytes(raw: bytes) -> None:
    """No bytes at random are a record."""
    with pytest.raises(RecordError):
        read_record(raw)


def read_or_refused(raw: bytes) -> None:
    """Read bytes that may be a record; what is read can be written, and be refused by arithmetic."""
    try:
        record = read_record(raw)
    except RecordError as error:
        assert (error.__cause__, error.__context__) == (None, None)  # noqa: PT017 - raising is not required
        return
    assert read_record(record.to_bytes(revision=record.revision)) == record


@pytest.mark.proves("T32")
@pytest.mark.parametrize("version", [0, 2, 10**9, -1, 1.0, "1", True, None])
def test_unknown_version(version: object) -> None:
    """A record of a version that is not known is refused, not guessed at."""
    raw = json.dumps(json.loads(RAW) | {"v": version}).encode()
    with pytest.raises(RecordError):
        read_record(raw)


def test_unknown_version_says_so() -> None:
    """The error for another version tells which one is known."""
    with pytest.raises(RecordError, match=r"^a stored record is of another version than 1$"):
        read_record(RAW.replace(b'"v":1', b'"v":2'))


def test_more_fields() -> None:
    """Fields that are not known are ignored."""
    assert read_record(RAW.replace(b'"v":1', b'"v":1,"new":[]')) == read_record(RAW)


@given(provisions)
def test_codes(provision: SealedSecret) -> None:
    """A provision makes codes by its own parameters."""
    expected = TOTP(RFC_SECRET, provision.digits, provision.algorithm, provision.period)
    assert expected == provision.codes(RFC_SECRET)


@pytest.mark.proves("T22")
@given(records)
def test_repr(record: Record) -> None:
    """The repr of a record shows no sealed secret, which may be sealed by nothing."""
    assert "sealed=" not in repr(record)
    for part in (record.device, record.pending):
        if part is not None:
            assert repr(part.secret) == repr(replace(part.secret, sealed=""))


def test_empty() -> None:
    """An account that is not stored has nothing."""
    assert Record() == Record.EMPTY
    assert Record.EMPTY.device is None


def test_mailed_sample() -> None:
    """A record of today with codes that were mailed can be read for ever, and one without them too."""
    raw = (FIXTURE.parent / "record-v1-mailed.json").read_bytes()
    mailed = EmailedCode(
        digest=bytes(range(32)),
        owner=bytes(range(32, 64)),
        expires_at=1_700_000_900.5,
        sent=(1_700_000_000.0, 1_700_000_300.5),
    )
    assert read_record(raw).emailed == mailed
    assert read_record(raw).to_bytes(revision=15) == raw
    assert read_record(RAW) == replace(read_record(raw), revision=14, emailed=None)
