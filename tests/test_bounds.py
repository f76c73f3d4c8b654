"""Numbers within bounds."""

import math
from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from totpkit._validation import checked_int, checked_number, described
from totpkit.errors import InvalidParameterError


@given(st.integers(), st.integers(), st.integers())
def test_whole(value: int, low: int, high: int) -> None:
    """An int passes unchanged exactly if it lies within the bounds."""
    if low <= value <= high:
        assert checked_int("n", value, low, high) == value
    else:
        with pytest.raises(InvalidParameterError):
            checked_int("n", value, low, high)


@pytest.mark.parametrize("value", [True, False, 1.0, "1", b"1", None, Decimal(1), 1j])
def test_whole_type(value: object) -> None:
    """Nothing but an int is one, however it compares; True is no number."""
    with pytest.raises(InvalidParameterError) as caught:
        checked_int("n", value, 0, 9)
    shows = "1.0" if isinstance(value, float) else type(value).__name__
    assert str(caught.value) == f"n must be an int from 0 to 9, not {shows}"


def test_whole_open() -> None:
    """Without an upper bound the message names the lower one alone."""
    assert checked_int("n", 10**99, 3) == 10**99
    with pytest.raises(InvalidParameterError, match=r"^n must be an int of 3 or more, not 2$"):
        checked_int("n", 2, 3)


@pytest.mark.parametrize("value", [0, 0.5, 1, 1.0])
def test_within(value: float) -> None:
    """An int or a float within the bounds passes unchanged."""
    assert checked_number("n", value, 0, 1) == value


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan, math.inf, -math.inf, True, "1", None, Decimal(1)])
def test_within_refused(value: object) -> None:
    """Anything else is refused, NaN too, with the bounds in the message."""
    with pytest.raises(InvalidParameterError, match=r"^n must be a number from 0 to 1, not "):
        checked_number("n", value, 0, 1)


@pytest.mark.parametrize(("high", "text"), [(2_592_000.0, "2592000"), (0.5, "0.5"), (1e18, "1e+18")])
def test_bounds_as_written(high: float, text: str) -> None:
    """A bound is told as one would write it."""
    with pytest.raises(InvalidParameterError) as caught:
        checked_number("n", -1, 0.1, high)
    assert str(caught.value) == f"n must be a number from 0.1 to {text}, not -1"


@pytest.mark.parametrize(
    ("value", "text"),
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
def test_shown(value: object, text: str) -> None:
    """Numbers are described, huge ones cut short, and all else only by its type."""
    assert described(value) == text
