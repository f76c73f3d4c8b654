"""Validate parameters, and raise errors that say what a valid value would be."""

import inspect
import math
from collections.abc import Callable
from typing import TypeVar

from totpkit.errors import InvalidParameterError

F = TypeVar("F")

Clock = Callable[[], float]
"""Returns the time in Unix seconds, as :func:`time.time` does."""

LONGEST_ACCOUNT_ID = 255
"""Bytes in UTF-8: every database can index a column of this length."""

_ACCOUNT_ID = f"must be a str of 1 to {LONGEST_ACCOUNT_ID} bytes in UTF-8"
_CONTROLS = frozenset(map(chr, (*range(0x20), *range(0x7F, 0xA0))))
_LARGEST_SHOWN = 10**30


def checked_int(name: str, value: object, low: int, high: float = math.inf) -> int:
    """Return *value* if it is an ``int`` between *low* and *high* (inclusive).

    Raises :class:`InvalidParameterError` otherwise. A ``bool`` does not count as a number.
    """
    if isinstance(value, int) and low <= value <= high and not isinstance(value, bool):
        return value
    limits = f"of {low} or more" if high == math.inf else f"from {low} to {high}"
    raise InvalidParameterError(name, f"must be an int {limits}, not {described(value)}")


def checked_number(name: str, value: object, low: float, high: float) -> float:
    """Return *value* if it is a finite ``int`` or ``float`` between *low* and *high* (inclusive).

    Raises :class:`InvalidParameterError` otherwise. A ``bool`` does not count as a number.
    """
    if isinstance(value, int | float) and low <= value <= high and not isinstance(value, bool):
        return value
    raise InvalidParameterError(
        name, f"must be a number from {low:.15g} to {high:.15g}, not {described(value)}"
    )


def described(value: object) -> str:
    """Describe *value* for an error message: a number as it is, and any other value by its type.

    A value that is not a number could be a secret that was passed as the wrong parameter.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return type(value).__name__
    too_large = isinstance(value, int) and abs(value) >= _LARGEST_SHOWN
    return "a number of over 30 digits" if too_large else repr(value)


def has_controls(text: str) -> bool:
    """Return whether *text* contains a control character (Unicode category Cc)."""
    return not _CONTROLS.isdisjoint(text)


def is_unicode(text: str) -> bool:
    """Return whether *text* can be encoded as UTF-8, which fails if it contains a lone surrogate."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def whole_seconds(time: object) -> int:
    """Round *time* down to whole seconds.

    Raises :class:`InvalidParameterError` unless *time* is a finite ``int`` or ``float`` of at least 0. A
    ``datetime`` is rejected, because it is ambiguous without a time zone.
    """
    wanted = "must be Unix seconds, an int or a finite float of 0 or more"
    if isinstance(time, bool) or not isinstance(time, int | float):
        hint = "; pass its .timestamp()" if hasattr(time, "timestamp") else ""
        raise InvalidParameterError("time", f"{wanted}, not {described(time)}{hint}")
    if not 0 <= time < math.inf:
        raise InvalidParameterError("time", f"{wanted}, not {described(time)}")
    return math.floor(time)


def checked_account_id(value: object) -> str:
    """Return *value* if it is a ``str`` of 1 to 255 UTF-8 bytes without control characters.

    An account id should be an opaque, stable id from the application. Names that users type are not
    suitable, because the same name can be typed in different ways. Raises :class:`InvalidParameterError`
    for an invalid account id.
    """
    if not isinstance(value, str):
        raise InvalidParameterError("account_id", f"{_ACCOUNT_ID}, not {type(value).__name__}")
    try:
        size = len(value.encode("utf-8"))
    except UnicodeEncodeError:
        size = 0
    if not 0 < size <= LONGEST_ACCOUNT_ID:
        raise InvalidParameterError("account_id", _ACCOUNT_ID)
    if has_controls(value):
        raise InvalidParameterError("account_id", f"{_ACCOUNT_ID}, without control characters")
    return value


def check_methods(name: str, component: object, *methods: str) -> None:
    """Raise :class:`InvalidParameterError` unless *component* is an instance with these methods."""
    if isinstance(component, type) or not all(
        callable(getattr(component, method, None)) for method in methods
    ):
        listed = f"{', '.join(methods[:-1])} and {methods[-1]}"
        problem = f"must be an object with the methods {listed}, not {type(component).__name__}"
        raise InvalidParameterError(name, problem)


def checked_callback(name: str, value: F, *arguments: str) -> F:
    """Return *value* if it can be called with these positional arguments.

    The function can also have a ``context`` keyword parameter. Raises :class:`InvalidParameterError` if
    *value* cannot be called with these arguments. Some built-in functions have no signature that Python
    can inspect, so they are not checked.
    """
    if not callable(value):
        raise InvalidParameterError(name, f"must be callable, not {type(value).__name__}")
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return value
    try:
        signature.bind(*arguments, **({"context": None} if takes_context(value) else {}))
    except TypeError:
        pass
    else:
        return value
    wanted = f"must accept the arguments ({', '.join(arguments)})" if arguments else "must need no arguments"
    raise InvalidParameterError(name, f"{wanted}, and may accept a keyword argument context")


def takes_context(function: Callable[..., object]) -> bool:
    """Return whether a function has a keyword parameter named ``context``."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False
    keyword = {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}
    return any(
        parameter.kind is inspect.Parameter.VAR_KEYWORD
        or (parameter.name == "context" and parameter.kind in keyword)
        for parameter in parameters.values()
    )


def check_type(name: str, value: object, kind: type) -> None:
    """Raise :class:`InvalidParameterError` unless *value* is an instance of *kind*."""
    if not isinstance(value, kind):
        article = "an" if kind.__name__[0] in "AEIOU" else "a"
        raise InvalidParameterError(name, f"must be {article} {kind.__name__}, not {type(value).__name__}")
