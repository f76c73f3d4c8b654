"""What counts as a time."""

import datetime as dt
import math
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

from totpkit._validation import whole_seconds
from totpkit.errors import InvalidParameterError

WANTED = "time must be Unix seconds, an int or a finite float of 0 or more, not"


@given(st.integers(0) | st.floats(0, allow_infinity=False))
def test_floor(time: float) -> None:
    """A time is floored to the second that it lies in."""
    second = whole_seconds(time)
    assert 0 <= Fraction(time) - second < 1
    assert type(second) is int


@pytest.mark.parametrize(
    ("time", "shows"),
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
def test_refused(time: object, shows: str) -> None:
    """Anything else is refused with what would be right; a datetime is told how."""
    with pytest.raises(InvalidParameterError) as caught:
        whole_seconds(time)
    assert str(caught.value) == f"{WANTED} {shows}"
    assert caught.value.parameter == "time"
