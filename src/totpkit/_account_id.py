"""What may name an account. Knows nothing of what is stored under it."""

from totpkit._text import has_controls, is_unicode
from totpkit.errors import InvalidParameterError

LONGEST = 255
"""Bytes in UTF-8: what every database admits in an indexed column."""


def checked_account_id(value: object) -> str:
    """Return *value* if it is a ``str`` of 1 to 255 UTF-8 bytes without control characters.

    It is the app's opaque, stable id, never what somebody typed: a typed name has many
    spellings. Raises :class:`InvalidParameterError` for anything else.
    """
    wanted = f"must be a str of 1 to {LONGEST} bytes in UTF-8"
    if not isinstance(value, str):
        raise InvalidParameterError("account_id", f"{wanted}, not {type(value).__name__}")
    if not is_unicode(value) or not 0 < len(value.encode("utf-8")) <= LONGEST:
        raise InvalidParameterError("account_id", wanted)
    if has_controls(value):
        raise InvalidParameterError("account_id", f"{wanted}, without control characters")
    return value
