"""Whole numbers within bounds. Knows nothing of what they count."""

import math

from totpkit.errors import InvalidParameterError

_LONG = 10**30


def whole(name: str, value: object, low: int, high: float = math.inf) -> int:
    """Return *value* if it is an ``int`` from *low* to *high*, both included.

    Raises :class:`InvalidParameterError` otherwise; ``True`` is not a number here.
    """
    if isinstance(value, int) and low <= value <= high and not isinstance(value, bool):
        return value
    limits = f"of {low} or more" if high == math.inf else f"from {low} to {high}"
    raise InvalidParameterError(name, f"must be an int {limits}, not {shown(value)}")


def within(name: str, value: object, low: float, high: float) -> float:
    """Return *value* if it is a finite number from *low* to *high*, both included.

    Raises :class:`InvalidParameterError` otherwise; ``True`` is not a number here.
    """
    if isinstance(value, int | float) and low <= value <= high and not isinstance(value, bool):
        return value
    raise InvalidParameterError(name, f"must be a number from {low:.15g} to {high:.15g}, not {shown(value)}")


def shown(value: object) -> str:
    """Write *value* for a message: numbers as they are, of all else only the type.

    What should have been a number may be a secret put in the wrong place.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return type(value).__name__
    return repr(value) if abs(value) < _LONG or isinstance(value, float) else "a number of over 30 digits"
