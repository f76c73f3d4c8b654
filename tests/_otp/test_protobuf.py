"""The wire format of protocol buffers."""

import pytest
from hypothesis import given, strategies as st

from totpkit import InvalidPayloadError
from totpkit._otp.protobuf import read_fields, write_field

numbers = st.integers(1, 2**29 - 1)
values = st.integers(0, 2**64 - 1) | st.binary(max_size=300)


@given(st.lists(st.tuples(numbers, values)))
def test_round_trip(fields: list[tuple[int, int | bytes]]) -> None:
    """What is written reads back, in its order, repeated fields too."""
    message = b"".join(write_field(number, value) for number, value in fields)
    assert fields == list(read_fields(message))


@pytest.mark.parametrize(
    ("value", "message"),
    [(0, "0800"), (127, "087f"), (128, "088001"), (150, "089601"), (2**64 - 1, "08ffffffffffffffffff01")],
)
def test_shortest(value: int, message: str) -> None:
    """A number is written in as few bytes as the specification does."""
    assert bytes.fromhex(message) == write_field(1, value)


@given(st.integers(-(2**63), -1))
def test_negative(value: int) -> None:
    """A negative integer is written as its 64-bit complement, in ten bytes."""
    message = write_field(1, value)
    assert len(message) == 11
    assert [(1, value + 2**64)] == list(read_fields(message))


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        # The examples of https://protobuf.dev/programming-guides/encoding/
        ("089601", [(1, 150)]),
        ("120774657374696e67", [(2, b"testing")]),
        ("1a03089601", [(3, b"\x08\x96\x01")]),
        ("08feffffffffffffffff01", [(1, 2**64 - 2)]),
        ("2205 68656c6c6f 280128022803", [(4, b"hello"), (5, 1), (5, 2), (5, 3)]),
        # Fixed widths are passed over by readers that don't know the field.
        ("0d01020304", [(1, b"\1\2\3\4")]),
        ("090102030405060708", [(1, b"\1\2\3\4\5\6\7\10")]),
        ("08 8080808080808080 8001", [(1, 2**63)]),
        ("08 ffffffffffffffff ff7f", [(1, 2**64 - 1)]),
        ("", []),
    ],
)
def test_examples(message: str, fields: list[tuple[int, int | bytes]]) -> None:
    """Messages from the specification read as it says."""
    assert fields == list(read_fields(bytes.fromhex(message)))


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ("08", "breaks off"),
        ("0896", "breaks off"),
        ("1207746573", "breaks off"),
        ("12ffffffffffffffffff01", "breaks off"),
        ("0d010203", "breaks off"),
        ("09010203", "breaks off"),
        ("08 8080808080808080808001", "has a number of more than 64 bits"),
        ("0b", "has a field of unknown kind"),
        ("0c", "has a field of unknown kind"),
        ("0e", "has a field of unknown kind"),
        ("0f", "has a field of unknown kind"),
    ],
)
def test_refused(message: str, problem: str) -> None:
    """A message that breaks off or is malformed is refused with what is wrong."""
    with pytest.raises(InvalidPayloadError, match=f"^a migration payload {problem}$"):
        list(read_fields(bytes.fromhex(message)))


@pytest.mark.proves("T32")
@given(st.binary(max_size=200))
def test_any_bytes(message: bytes) -> None:
    """Any bytes are fields, which written again read the same, or refused by the one error."""
    try:
        fields = list(read_fields(message))
    except InvalidPayloadError:
        return
    assert all((isinstance(value, int) and value < 2**64) or isinstance(value, bytes) for _, value in fields)
    assert fields == list(read_fields(b"".join(write_field(number, value) for number, value in fields)))
