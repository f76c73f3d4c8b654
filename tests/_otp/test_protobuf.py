"""The wire format of protocol buffers."""

import pytest
from hypothesis import given, strategies as st

from totpkit import InvalidPayloadError
from totpkit._otp.protobuf import read_fields, write_field

numbers = st.integers(1, 2**29 - 1)
values = st.integers(0, 2**64 - 1) | st.binary(max_size=300)


@given(st.lists(st.tuples(numbers, values)))
def test_round_trip(fields: list[tuple[int, int | bytes]]) -> None:
    """Fields are read back as they were written, in order, including repeated ones."""
    message = b"".join(write_field(number, value) for number, value in fields)
    assert fields == list(read_fields(message))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        *[
            (0, "0800"),
            (127, "087f"),
            (128, "088001"),
            (150, "089601"),
            (2**64 - 1, "08ffffffffffffffffff01"),
        ],
        *[(-1, "08ffffffffffffffffff01"), (-(2**63), "0880808080808080808001")],
    ],
)
def test_shortest(value: int, message: str) -> None:
    """A number is written in as few bytes as possible, and a negative one as its 64-bit complement."""
    assert bytes.fromhex(message) == write_field(1, value)
    assert [(1, value % 2**64)] == list(read_fields(bytes.fromhex(message)))


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        # The examples of https://protobuf.dev/programming-guides/encoding/
        ("089601", [(1, 150)]),
        ("120774657374696e67", [(2, b"testing")]),
        ("1a03089601", [(3, b"\x08\x96\x01")]),
        ("08feffffffffffffffff01", [(1, 2**64 - 2)]),
        ("2205 68656c6c6f 280128022803", [(4, b"hello"), (5, 1), (5, 2), (5, 3)]),
        # Fields of fixed size.
        ("0d01020304", [(1, b"\1\2\3\4")]),
        ("090102030405060708", [(1, b"\1\2\3\4\5\6\7\10")]),
        ("08 8080808080808080 8001", [(1, 2**63)]),
        ("08 ffffffffffffffff ff7f", [(1, 2**64 - 1)]),
        ("", []),
    ],
)
def test_examples(message: str, fields: list[tuple[int, int | bytes]]) -> None:
    """Messages are read as the specification says."""
    assert fields == list(read_fields(bytes.fromhex(message)))


@pytest.mark.parametrize(
    ("problem", "messages"),
    [
        ("is truncated", ["08", "0896", "1207746573", "12ffffffffffffffffff01", "0d010203", "09010203"]),
        ("contains a number of more than 64 bits", ["08 8080808080808080808001"]),
        ("contains a field of unknown type", ["0b", "0c", "0e", "0f"]),
    ],
)
def test_rejected(problem: str, messages: list[str]) -> None:
    """A truncated or malformed message is rejected, and the error says what is wrong."""
    for message in messages:
        with pytest.raises(InvalidPayloadError, match=f"^a migration payload {problem}$"):
            list(read_fields(bytes.fromhex(message)))


@pytest.mark.proves("T32")
@given(st.binary(max_size=200))
def test_any_bytes(message: bytes) -> None:
    """Any bytes are fields, which can be written and read again, or raise the one error."""
    try:
        fields = list(read_fields(message))
    except InvalidPayloadError:
        return
    assert all((isinstance(value, int) and value < 2**64) or isinstance(value, bytes) for _, value in fields)
    assert fields == list(read_fields(b"".join(write_field(number, value) for number, value in fields)))
