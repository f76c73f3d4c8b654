"""Reading JSON that somebody may have tampered with. Knows nothing of what it says."""

import json
import sys
from enum import StrEnum
from typing import NoReturn, Self, TypeVar

from totpkit.errors import RecordError

_E = TypeVar("_E", bound=StrEnum)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


_decode = json.JSONDecoder(parse_constant=_refuse_constant).raw_decode
_SPACE = " \t\n\r"
"""What may stand around a document (RFC 8259, section 2)."""

_GREATEST = 2**64
"""Of whole numbers: a counter has 8 bytes (RFC 4226, section 5.1), and nothing counted goes so far."""

_FINITE = sys.float_info.max


class Document:
    """A JSON object whose fields are read by type; :class:`RecordError` for any other."""

    __slots__ = ("_fields",)

    def __init__(self, fields: object) -> None:
        if not isinstance(fields, dict):
            raise RecordError("a stored record is not a JSON object where one should be")
        self._fields: dict[object, object] = fields

    @classmethod
    def read(cls, raw: bytes) -> Self:
        """Read a whole document in UTF-8."""
        try:
            text = raw.decode("utf-8").strip(_SPACE)
            fields, end = _decode(text)
            if end == len(text):
                return cls(fields)
        except (ValueError, RecursionError):
            pass
        raise RecordError("a stored record is not JSON")  # outside: no context that remembers it

    def part(self, name: str) -> Self | None:
        """Return the object under *name*, or ``None`` for JSON's null."""
        value = self._field(name)
        return None if value is None else type(self)(value)

    def maybe_part(self, name: str) -> Self | None:
        """Return what :meth:`part` does, or ``None`` if nothing stands under *name*."""
        return self.part(name) if name in self._fields else None

    def text(self, name: str) -> str:
        """Return the string under *name*."""
        value = self._fields.get(name)
        if not isinstance(value, str):
            raise _refusal(name)
        return value

    def raw(self, name: str, size: int = 1) -> bytes:
        """Return the bytes under *name*, written in hexadecimal, a multiple of *size* in number."""
        text = self.text(name)
        try:
            raw = bytes.fromhex(text)
        except ValueError:
            raw = b""
        if raw.hex() != text or len(raw) % size:
            raise _refusal(name)
        return raw

    def whole(self, name: str, low: int = 0, high: int = _GREATEST) -> int:
        """Return the integer from *low* to *high* under *name*."""
        value = self._fields.get(name)
        if type(value) is int and low <= value <= high:
            return value
        raise _refusal(name)

    def choice(self, name: str, kind: type[_E]) -> _E:
        """Return the member of *kind* whose value stands under *name*."""
        value = self.text(name)
        try:
            return kind(value)
        except ValueError:
            pass
        raise _refusal(name)

    def time(self, name: str) -> float:
        """Return the finite number of 0 or more under *name*."""
        value = self._fields.get(name)
        if (type(value) is float or type(value) is int) and 0 <= value <= _FINITE:
            return float(value)
        raise _refusal(name)

    def times(self, name: str) -> tuple[float, ...]:
        """Return the list of finite numbers of 0 or more under *name*."""
        values = self._fields.get(name)
        if not isinstance(values, list):
            raise _refusal(name)
        return tuple(type(self)({name: value}).time(name) for value in values)

    def maybe_time(self, name: str) -> float | None:
        """Return what :meth:`time` does, or ``None`` for JSON's null."""
        return None if self._field(name) is None else self.time(name)

    def _field(self, name: str) -> object:
        if name not in self._fields:
            raise _refusal(name)
        return self._fields[name]


def _refusal(name: str) -> RecordError:
    return RecordError(f"a stored record's {name} is missing or of the wrong type")
