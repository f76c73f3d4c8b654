"""Reading JSON that somebody may have tampered with."""

import json
import math
import sys
from collections.abc import Callable
from enum import StrEnum

import pytest
from hypothesis import given, strategies as st

from tests.support.account_strategies import json_values
from totpkit import Algorithm, RecordError
from totpkit._account.record_json import Fields

READERS: dict[str, Callable[[Fields], object]] = {
    "part": lambda document: document.part("x"),
    "text": lambda document: document.text("x"),
    "raw": lambda document: document.raw("x"),
    "whole": lambda document: document.whole("x"),
    "choice": lambda document: document.choice("x", Algorithm),
    "time": lambda document: document.time("x"),
    "maybe_time": lambda document: document.maybe_time("x"),
    "times": lambda document: document.times("x"),
}


@pytest.mark.proves("T32")
@given(st.binary(max_size=60) | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes(raw: bytes) -> None:
    """Any bytes are an object in JSON, or a RecordError."""
    try:
        document = Fields.read(raw)
    except RecordError as error:
        assert str(error).startswith("a stored record is not ")  # noqa: PT017 - raising is not required
        assert error.__context__ is None  # noqa: PT017
    else:
        assert isinstance(json.loads(raw), dict)
        assert isinstance(document, Fields)


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
    """What is no JSON object is refused, however deep or long it is."""
    with pytest.raises(RecordError, match=r"^a stored record is not ") as caught:
        Fields.read(raw)
    assert caught.value.__context__ is None


@given(st.text(" \t\n\r"), st.text(" \t\n\r"))
def test_space_around(before: str, after: str) -> None:
    """What JSON calls white space may stand around a document."""
    assert Fields.read(f'{before}{{"x": 7}}{after}'.encode()).whole("x") == 7


@pytest.mark.proves("T32")
@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
@given(value=json_values)
def test_any_value(read: Callable[[Fields], object], value: object) -> None:
    """Whatever stands in a field is read by its type, or is a RecordError that quotes nothing."""
    try:
        read(Fields({"x": value}))
    except RecordError as error:
        assert str(error) in {  # noqa: PT017 - raising is not required
            "a stored record's x is missing or of the wrong type",
            "a stored record is not a JSON object where one should be",
        }


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_missing(read: Callable[[Fields], object]) -> None:
    """A field that is missing is told by its name."""
    with pytest.raises(RecordError, match=r"^a stored record's x is missing or of the wrong type$"):
        read(Fields({"y": 1}))


class Colours(StrEnum):
    """Something to choose from."""

    RED = "r"
    BLUE = "b"


GOOD: dict[str, tuple[object, Callable[[Fields], object], object]] = {
    "text": ("é", lambda document: document.text("x"), "é"),
    "empty text": ("", lambda document: document.text("x"), ""),
    "bytes": ("00ff", lambda document: document.raw("x"), b"\0\xff"),
    "no bytes": ("", lambda document: document.raw("x", 32), b""),
    "bytes in rows": ("00ff00ff", lambda document: document.raw("x", 2), b"\0\xff\0\xff"),
    "whole": (7, lambda document: document.whole("x"), 7),
    "greatest": (2**64, lambda document: document.whole("x"), 2**64),
    "least": (-3, lambda document: document.whole("x", -3, 5), -3),
    "most": (5, lambda document: document.whole("x", -3, 5), 5),
    "choice": ("b", lambda document: document.choice("x", Colours), Colours.BLUE),
    "time": (1.5, lambda document: document.time("x"), 1.5),
    "whole time": (10**300, lambda document: document.time("x"), 1e300),
    "no time": (None, lambda document: document.maybe_time("x"), None),
    "a time": (0, lambda document: document.maybe_time("x"), 0.0),
    "times": ([1, 1.5], lambda document: document.times("x"), (1.0, 1.5)),
    "no times": ([], lambda document: document.times("x"), ()),
    "no part": (None, lambda document: document.part("x"), None),
}
BAD: dict[str, tuple[object, Callable[[Fields], object]]] = {
    "text that is a number": (1, lambda document: document.text("x")),
    "no text": (None, lambda document: document.text("x")),
    "bytes in capitals": ("00FF", lambda document: document.raw("x")),
    "bytes with spaces": ("00 ff", lambda document: document.raw("x")),
    "half a byte": ("00f", lambda document: document.raw("x")),
    "bytes of other digits": ("\u0660\u0660", lambda document: document.raw("x")),
    "bytes that fill no row": ("00ff00", lambda document: document.raw("x", 2)),
    "whole that is true": (True, lambda document: document.whole("x")),
    "whole with a point": (1.0, lambda document: document.whole("x")),
    "negative": (-1, lambda document: document.whole("x")),
    "too great": (2**64 + 1, lambda document: document.whole("x")),
    "below": (-4, lambda document: document.whole("x", -3, 5)),
    "above": (6, lambda document: document.whole("x", -3, 5)),
    "another choice": ("RED", lambda document: document.choice("x", Colours)),
    "choice of another type": (1, lambda document: document.choice("x", Colours)),
    "negative time": (-0.5, lambda document: document.time("x")),
    "time as text": ("1", lambda document: document.time("x")),
    "time that is true": (True, lambda document: document.time("x")),
    "times of another kind": ([1.5, "1"], lambda document: document.times("x")),
    "times that are one": (1.5, lambda document: document.times("x")),
    "endless time": (math.inf, lambda document: document.time("x")),
    "time that is no number": (math.nan, lambda document: document.time("x")),
    "time greater than floats": (int(sys.float_info.max) * 2, lambda document: document.time("x")),
    "maybe a time as text": ("1", lambda document: document.maybe_time("x")),
    "part that is a list": ([], lambda document: document.part("x")),
}


@pytest.mark.parametrize(("value", "read", "expected"), GOOD.values(), ids=GOOD)
def test_good(value: object, read: Callable[[Fields], object], expected: object) -> None:
    """A value of the right type comes back, a time always as a float."""
    found = read(Fields({"x": value}))
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(("value", "read"), BAD.values(), ids=BAD)
def test_bad(value: object, read: Callable[[Fields], object]) -> None:
    """A value of another type, or out of range, is refused."""
    with pytest.raises(RecordError):
        read(Fields({"x": value}))


def test_part() -> None:
    """An object in an object is read as one."""
    part = Fields.read(b'{"x": {"y": "z"}}').part("x")
    assert part is not None
    assert part.text("y") == "z"
