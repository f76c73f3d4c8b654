"""Tests of totpkit._validation."""

import datetime as dt
import math
import unicodedata
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.support.account_strategies import ids
from tests.support.strategies import anything
from totpkit import InvalidParameterError, Policy
from totpkit._validation import (
    check_methods,
    check_type,
    checked_account_id,
    checked_callback,
    checked_int,
    checked_number,
    described,
    has_controls,
    is_unicode,
    takes_context,
    whole_seconds,
)

NOT_INTS = [True, False, "1", b"1", None, Decimal(1), 1j]


@given(st.integers(), st.integers(), st.integers())
def test_int(value: int, low: int, high: int) -> None:
    """An int within the bounds is returned; any other raises."""
    if low <= value <= high:
        assert checked_int("n", value, low, high) == value
    else:
        with pytest.raises(InvalidParameterError):
            checked_int("n", value, low, high)


@pytest.mark.parametrize(
    ("value", "shown"), [(1.0, "1.0"), *((value, type(value).__name__) for value in NOT_INTS)]
)
def test_not_an_int(value: object, shown: str) -> None:
    """A value of another type is not an int, however it compares, and neither is a bool."""
    with pytest.raises(InvalidParameterError) as caught:
        checked_int("n", value, 0, 9)
    assert str(caught.value) == f"n must be an int from 0 to 9, not {shown}"


def test_int_without_upper_bound() -> None:
    """Without an upper bound the message names the lower one only."""
    assert checked_int("n", 10**99, 3) == 10**99
    with pytest.raises(InvalidParameterError, match=r"^n must be an int of 3 or more, not 2$"):
        checked_int("n", 2, 3)


@pytest.mark.parametrize("value", [0, 0.5, 1, 1.0])
def test_number(value: float) -> None:
    """An int or a float within the bounds is returned."""
    assert checked_number("n", value, 0, 1) is value


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan, math.inf, -math.inf, *NOT_INTS])
def test_not_a_number(value: object) -> None:
    """Anything else raises, also NaN, and the message contains the bounds."""
    with pytest.raises(InvalidParameterError, match=r"^n must be a number from 0 to 1, not "):
        checked_number("n", value, 0, 1)


@pytest.mark.parametrize(("high", "shown"), [(2_592_000.0, "2592000"), (0.5, "0.5"), (1e18, "1e+18")])
def test_bounds_in_messages(high: float, shown: str) -> None:
    """A bound is written without needless digits."""
    with pytest.raises(InvalidParameterError) as caught:
        checked_number("n", -1, 0.1, high)
    assert str(caught.value) == f"n must be a number from 0.1 to {shown}, not -1"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (-7, "-7"),
        (10**30 - 1, str(10**30 - 1)),
        (10**30, "a number of over 30 digits"),
        (-(10**4000), "a number of over 30 digits"),
        (1e300, "1e+300"),
        (math.inf, "inf"),
        (math.nan, "nan"),
        (True, "bool"),
        ("JBSWY3DPEHPK3PXP", "str"),
        (b"JBSWY3DPEHPK3PXP", "bytes"),
        (None, "NoneType"),
    ],
)
def test_described(value: object, shown: str) -> None:
    """Numbers are shown, unless they are very long; of anything else only the type is."""
    assert described(value) == shown


@given(st.integers(0) | st.floats(0, allow_infinity=False))
def test_whole_seconds(time: float) -> None:
    """A time is rounded down to a whole second."""
    second = whole_seconds(time)
    assert 0 <= Fraction(time) - second < 1
    assert type(second) is int


@pytest.mark.parametrize(
    ("time", "shown"),
    [
        (-1, "-1"),
        (-1e-9, "-1e-09"),
        (math.nan, "nan"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (True, "bool"),
        (None, "NoneType"),
        ("1700000000", "str"),
        (Decimal(1), "Decimal"),
        (dt.datetime(2026, 1, 1, tzinfo=dt.UTC), "datetime; pass its .timestamp()"),
        (dt.datetime(2026, 1, 1), "datetime; pass its .timestamp()"),  # noqa: DTZ001 - naive on purpose
        (dt.date(2026, 1, 1), "date"),
        (dt.timedelta(1), "timedelta"),
    ],
)
def test_not_a_time(time: object, shown: str) -> None:
    """Anything but Unix seconds raises, with a hint for a datetime."""
    with pytest.raises(InvalidParameterError) as caught:
        whole_seconds(time)
    expected = "time must be Unix seconds, an int or a finite float of 0 or more, not"
    assert str(caught.value) == f"{expected} {shown}"
    assert caught.value.parameter == "time"


def test_every_character() -> None:
    """Control characters are those of category Cc, and only surrogates (Cs) cannot be encoded."""
    for character in map(chr, range(0x110000)):
        category = unicodedata.category(character)
        assert (category == "Cc", category != "Cs") == (has_controls(character), is_unicode(character))


@given(anything)
def test_any_text(text: str) -> None:
    """One character is enough to make a text contain controls, or impossible to encode."""
    assert has_controls(text) == any(map(has_controls, text))
    assert is_unicode(text) == all(map(is_unicode, text))


@pytest.mark.proves("T14")
@given(ids | anything)
def test_account_id(text: str) -> None:
    """A text of 1 to 255 bytes in UTF-8 without control characters is an account id; no other text is."""
    if is_unicode(text) and 1 <= len(text.encode()) <= 255 and not has_controls(text):
        assert checked_account_id(text) is text
    else:
        wanted = r"^account_id must be a str of 1 to 255 bytes in UTF-8"
        with pytest.raises(InvalidParameterError, match=wanted) as caught:
            checked_account_id(text)
        assert caught.value.parameter == "account_id"


@pytest.mark.parametrize(
    "account_id", ["a", "a" * 255, "\u00e9" * 127, "\N{SNOWMAN}" * 85, " a ", "a:b", "google|1"]
)
def test_valid_account_id(account_id: str) -> None:
    """The length of an account id is measured in bytes."""
    assert checked_account_id(account_id) == account_id


@pytest.mark.parametrize(
    ("account_id", "problem"),
    [
        ("", ""),
        ("a" * 256, ""),
        ("\u00e9" * 128, ""),
        ("\N{SNOWMAN}" * 86, ""),
        ("\ud800", ""),
        ("a\0", ", without control characters"),
        ("a\n", ", without control characters"),
        ("\x85", ", without control characters"),
    ],
)
def test_invalid_account_id(account_id: str, problem: str) -> None:
    """An empty or long id, control characters and lone surrogates are rejected, and not quoted."""
    with pytest.raises(InvalidParameterError) as caught:
        checked_account_id(account_id)
    assert str(caught.value) == f"account_id must be a str of 1 to 255 bytes in UTF-8{problem}"


@pytest.mark.proves("T45", "T14")
@pytest.mark.parametrize("account_id", [None, True, 1, 1.0, b"alice", ["alice"], object()])
def test_account_id_of_another_type(account_id: object) -> None:
    """An account id is a ``str``, never a number."""
    with pytest.raises(InvalidParameterError) as caught:
        checked_account_id(account_id)
    kind = type(account_id).__name__
    assert str(caught.value) == f"account_id must be a str of 1 to 255 bytes in UTF-8, not {kind}"


class Door:
    """A component with methods."""

    handle = None

    def open(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


def test_methods() -> None:
    """A component must be an instance that has all the methods."""
    check_methods("door", Door(), "open", "close")
    for component, kind in ((Door, "type"), (None, "NoneType"), (object(), "object")):
        with pytest.raises(InvalidParameterError) as caught:
            check_methods("door", component, "open", "close")
        expected = f"door must be an object with the methods open and close, not {kind}"
        assert str(caught.value) == expected
    with pytest.raises(InvalidParameterError, match="the methods open, close and handle, not Door"):
        check_methods("door", Door(), "open", "close", "handle")


def test_type() -> None:
    """A value must be an instance of the wanted type."""
    check_type("policy", Policy.DEFAULT, Policy)
    with pytest.raises(InvalidParameterError, match=r"^policy must be a Policy, not NoneType$"):
        check_type("policy", None, Policy)
    with pytest.raises(InvalidParameterError, match=r"^error must be an Exception, not type$"):
        check_type("error", Exception, Exception)


CALLBACKS: dict[str, tuple[Callable[..., Any], bool, bool]] = {
    "two": (lambda name, code: (name, code), True, False),
    "optional third": (lambda name, code, more=0: (name, code, more), True, False),
    "any": (lambda *arguments: arguments, True, False),
    "context": (lambda name, code, context: (name, code, context), True, True),
    "keyword context": (lambda name, code, *, context=None: (name, code, context), True, True),
    "any keywords": (lambda name, code, **more: (name, code, more), True, True),
    "partial": (partial(lambda first, name, code: (first, name, code), 1), True, False),
    "built-in": (max, True, False),
    "one": (lambda name: name, False, False),
    "three": (lambda name, code, more: (name, code, more), False, False),
    "keywords only": (lambda *, name, code: (name, code), False, False),
    "needed keyword": (lambda name, code, *, more: (name, code, more), False, False),
    "context by position": (lambda name, code, context, /: (name, code, context), False, False),
    "context first": (lambda context, code: (context, code), False, True),
}


@pytest.mark.parametrize(("callback", "accepted", "context"), CALLBACKS.values(), ids=CALLBACKS)
def test_callback(callback: Callable[..., Any], *, accepted: bool, context: bool) -> None:
    """A callback must accept the positional arguments, and may have a keyword parameter ``context``."""
    assert takes_context(callback) is context
    if accepted:
        assert checked_callback("verify", callback, "name", "code") is callback
    else:
        with pytest.raises(InvalidParameterError) as caught:
            checked_callback("verify", callback, "name", "code")
        expected = "must accept the arguments (name, code), and may accept a keyword argument context"
        assert str(caught.value) == f"verify {expected}"


def test_callback_not_callable() -> None:
    """A value that cannot be called is rejected."""
    with pytest.raises(InvalidParameterError, match=r"^verify must be callable, not str$"):
        checked_callback("verify", "code", "name", "code")
