"""Tests of totpkit._account.record_json, which must withstand any stored bytes."""

import hashlib
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from tests.support.account_strategies import json_values, records
from totpkit import Algorithm, RecordError
from totpkit._account.record import EmailedCode, EnrolledDevice, PendingDevice, Record, SealedSecret
from totpkit._account.record_json import Fields, read_record, write_record
from totpkit._account.recovery_codes import RecoveryCodeSet
from totpkit._otp.truncation import COUNTERS

SAMPLES = Path(__file__).parent / "fixtures"
RAW = (SAMPLES / "record-v1.json").read_bytes()
RAW_EMAILED = (SAMPLES / "record-v1-emailed.json").read_bytes()
SEALED = "aesgcm:2026-11:"
SECRET = SealedSecret(
    sealed=f"{SEALED}9FvxKq3OxFtganjXRGnvVCdmVF1Rc+1kOTrR5CWN1xMl4emlk03Swy/qsZ5JoKqIb2uJp5HIIYZBgA99",
    digits=8,
    algorithm=Algorithm.SHA256,
    period=60,
    label="\u82b1\u5b50@example.com",
    issuer="Ac\u00ebm & S\u00f6hne",
)
PENDING_SECRET = SECRET._replace(
    sealed=f"{SEALED}XoL2rZPFRlLj5RW7Mgdy7LK2wVsUyUNf6x/VkK1G6kABNIwRR1c88NVMMUcfjr5iJXXhpBGWffKU7/L0",
)
RECORD = Record(
    revision=14,
    generation=2,
    device=EnrolledDevice(
        secret=SECRET,
        confirmed_at=1_700_000_000.0,
        last_used_at=1_700_000_180.0,
        last_step=28_333_334,
        drift=-2,
    ),
    pending=PendingDevice(
        secret=PENDING_SECRET, owner=hashlib.sha256(b"session-2").digest(), expires_at=1_700_000_880.25
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
EMAILED = EmailedCode(
    digest=bytes(range(32)),
    owner=bytes(range(32, 64)),
    expires_at=1_700_000_900.5,
    sent=(1_700_000_000.0, 1_700_000_300.5),
)


@pytest.mark.parametrize(
    ("raw", "record"),
    [(RAW, RECORD), (RAW_EMAILED, RECORD._replace(revision=15, emailed=EMAILED))],
    ids=["plain", "emailed"],
)
def test_version_1(raw: bytes, record: Record) -> None:
    """Version 1 stays readable, every field of it, and is what is written, byte for byte."""
    assert read_record(raw) == record
    assert write_record(record, revision=record.revision) == raw


@given(records, st.integers(0, COUNTERS))
def test_round_trip(record: Record, revision: int) -> None:
    """A record is written as one line of ASCII that begins with the version, and is read as it was."""
    raw = write_record(record, revision=revision)
    assert read_record(raw) == record._replace(revision=revision)
    assert raw.isascii()
    assert raw.startswith(f'{{"v":1,"rev":{revision},'.encode())
    assert b"\n" not in raw


@pytest.mark.parametrize(("revision", "generation"), [(COUNTERS, 0), (0, COUNTERS)])
def test_largest_counters(revision: int, generation: int) -> None:
    """A counter of 2**64 is written and read; a larger one is a RecordError in both directions."""
    raw = write_record(Record(generation=generation), revision=revision)
    assert read_record(raw) == Record(revision=revision, generation=generation)
    too_large = raw.replace(b"18446744073709551616", b"18446744073709551617")
    with pytest.raises(RecordError, match=r"^a stored record's (rev|gen) is missing or has the wrong type$"):
        read_record(too_large)
    revision, generation = revision and revision + 1, generation and generation + 1
    with pytest.raises(RecordError, match=r"^record counters out of range$"):
        write_record(Record(generation=generation), revision=revision)


def read_or_raise(raw: bytes) -> None:
    """Read bytes that may be a record: they can be written again, or raise without quoting the record."""
    try:
        record = read_record(raw)
    except RecordError as error:
        assert (error.__cause__, error.__context__) == (None, None)  # noqa: PT017 - raising is not required
        return
    assert read_record(write_record(record, revision=record.revision)) == record


@pytest.mark.proves("T32")
@settings(max_examples=200)
@given(st.data(), json_values)
def test_changed_field(data: st.DataObject, value: Any) -> None:
    """A record with a changed or missing field is read, or raises RecordError."""
    fields: dict[str, Any] = json.loads(RAW_EMAILED)
    part = data.draw(
        st.sampled_from([fields, *(fields[name] for name in ("active", "pending", "recovery", "mailed"))])
    )
    name = data.draw(st.sampled_from(sorted(part)))
    if data.draw(st.booleans()):
        part[name] = value
    else:
        del part[name]
    read_or_raise(json.dumps(fields).encode())


@pytest.mark.proves("T32", "T36")
@given(st.integers(0, len(RAW) - 1), st.integers(1, 255), st.integers(0, 30))
def test_changed_bytes(place: int, flip: int, cut: int) -> None:
    """A record with changed and missing bytes is read, or raises RecordError."""
    read_or_raise(RAW[:place] + bytes([RAW[place] ^ flip]) + RAW[place + 1 + cut :])


@pytest.mark.proves("T32")
@pytest.mark.parametrize("version", [0, 2, 10**9, -1, 1.0, "1", True, None])
def test_unknown_version(version: object) -> None:
    """A record of an unknown version is rejected."""
    message = r"^a stored record('s v is missing or has the wrong type| has another version than 1)$"
    with pytest.raises(RecordError, match=message):
        read_record(json.dumps(json.loads(RAW) | {"v": version}).encode())


def test_unknown_fields() -> None:
    """Unknown fields are ignored."""
    assert read_record(RAW.replace(b'"v":1', b'"v":1,"new":[]')) == RECORD


@pytest.mark.proves("T32")
@given(st.binary(max_size=60) | json_values.map(lambda value: json.dumps(value).encode()))
def test_parse_any_bytes(raw: bytes) -> None:
    """Any bytes are parsed as a JSON object, or raise RecordError."""
    try:
        Fields.parse(raw)
    except RecordError as error:
        assert error.__context__ is None  # noqa: PT017 - raising is not required
    else:
        assert isinstance(json.loads(raw), dict)


@pytest.mark.proves("T32")
@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"{",
        b'{"x": NaN}',
        b'{"x": Infinity}',
        b'{"x": -Infinity}',
        b'{"x": "\xff"}',
        b"\xef\xbb\xbf{}",
        b"{} {}",
        b"{}\0",
        b"\xc2\xa0{}",
        b"{}\x0b",
        b" \n",
        b"[" * 200_000,
        b'{"x": ' * 200_000,
        b'{"x": 1' + b"0" * 5000 + b"}",
        '{"x": 1}'.encode("utf-16"),
    ],
    ids=lambda raw: raw[:12],
)
def test_not_json(raw: bytes) -> None:
    """Anything but a JSON object raises RecordError, however deep or long it is."""
    message = r"^a stored record (is not JSON|has something else where a JSON object should be)$"
    with pytest.raises(RecordError, match=message) as caught:
        Fields.parse(raw)
    assert caught.value.__context__ is None


@given(st.text(" \t\n\r"), st.text(" \t\n\r"))
def test_white_space(before: str, after: str) -> None:
    """The white space of JSON may surround a document."""
    assert Fields.parse(f'{before}{{"x": 7}}{after}'.encode()).integer("x") == 7


Read = Callable[[Fields], object]
READERS: dict[str, Read] = {
    "nested": lambda fields: fields.nested("x"),
    "text": lambda fields: fields.text("x"),
    "hex": lambda fields: fields.hex("x"),
    "hex rows": lambda fields: fields.hex("x", 2),
    "integer": lambda fields: fields.integer("x"),
    "small integer": lambda fields: fields.integer("x", -3, 5),
    "algorithm": lambda fields: fields.algorithm("x"),
    "time": lambda fields: fields.time("x"),
    "optional time": lambda fields: fields.optional_time("x"),
    "times": lambda fields: fields.times("x"),
}
each_reader = pytest.mark.parametrize("read", READERS.values(), ids=READERS)


@pytest.mark.proves("T32")
@each_reader
@given(value=json_values)
def test_any_value(read: Read, value: Any) -> None:
    """Any value of a field is read by its type, or raises a RecordError that does not quote it."""
    try:
        read(Fields({"x": value}))
    except RecordError as error:
        assert str(error) in {  # noqa: PT017 - raising is not required
            "a stored record's x is missing or has the wrong type",
            "a stored record has something else where a JSON object should be",
        }


@each_reader
def test_missing_field(read: Read) -> None:
    """A missing field is named in the error."""
    with pytest.raises(RecordError, match=r"^a stored record's x is missing or has the wrong type$"):
        read(Fields({"y": 1}))


GOOD = [
    ("text", "\u00e9", "\u00e9"),
    ("text", "", ""),
    ("hex", "00ff", b"\0\xff"),
    ("hex rows", "", b""),
    ("hex rows", "00ff00ff", b"\0\xff\0\xff"),
    ("integer", 0, 0),
    ("integer", COUNTERS, COUNTERS),
    ("small integer", -3, -3),
    ("small integer", 5, 5),
    ("algorithm", "SHA512", Algorithm.SHA512),
    ("time", 1.5, 1.5),
    ("time", 10**300, 1e300),
    ("optional time", None, None),
    ("optional time", 0, 0.0),
    ("times", [1, 1.5], (1.0, 1.5)),
    ("times", [], ()),
    ("nested", None, None),
]
BAD = [
    ("text", 1),
    ("text", None),
    ("hex", "00FF"),
    ("hex", "00 ff"),
    ("hex", "00f"),
    ("hex", "\u0660\u0660"),
    ("hex rows", "00ff00"),
    ("integer", True),
    ("integer", 1.0),
    ("integer", -1),
    ("integer", COUNTERS + 1),
    ("small integer", -4),
    ("small integer", 6),
    ("algorithm", "sha1"),
    ("algorithm", 1),
    ("time", -0.5),
    ("time", "1"),
    ("time", True),
    ("time", math.inf),
    ("time", math.nan),
    ("time", int(sys.float_info.max) * 2),
    ("optional time", "1"),
    ("times", [1.5, "1"]),
    ("times", 1.5),
    ("nested", []),
]


@pytest.mark.parametrize(("reader", "value", "expected"), GOOD)
def test_good_value(reader: str, value: Any, expected: object) -> None:
    """A value of the right type is returned, and a time always as a float."""
    found = READERS[reader](Fields({"x": value}))
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(("reader", "value"), BAD)
def test_bad_value(reader: str, value: Any) -> None:
    """A value of another type or out of range raises RecordError."""
    with pytest.raises(RecordError):
        READERS[reader](Fields({"x": value}))


def test_nested() -> None:
    """An object in an object is read as fields."""
    nested = Fields.parse(b'{"x": {"y": "z"}}').nested("x")
    assert nested is not None
    assert nested.text("y") == "z"
