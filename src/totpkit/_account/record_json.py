"""Read and write records as versioned JSON. All data from the store is validated."""

import json
import sys
from typing import NoReturn, Self, TypeAlias

from totpkit._account.record import EmailedCode, EnrolledDevice, PendingDevice, Record, SealedSecret
from totpkit._account.recovery_codes import COSTS, HASH_BYTES, RecoveryCodeSet
from totpkit._otp.totp import LONGEST_PERIOD
from totpkit._otp.truncation import COUNTERS, DIGITS, Algorithm
from totpkit.errors import RecordError

VERSION = 1
"""The version of new records. Records in all earlier versions stay readable."""

_ALGORITHMS = {algorithm.value: algorithm for algorithm in Algorithm}

JSON: TypeAlias = "dict[str, JSON] | list[JSON] | str | float | bool | None"
"""What the decoder returns. An ``int`` counts as a ``float`` here."""

_SPACE = " \t\n\r"
"""The white space that may surround a JSON document (RFC 8259, section 2)."""

_LARGEST_FLOAT = sys.float_info.max


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(name)


_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False).encode
_decode = json.JSONDecoder(parse_constant=_reject_constant).raw_decode


def read_record(raw: bytes) -> Record:
    """Parse a stored record, or raise :class:`RecordError` if it is corrupted or its version is unknown."""
    fields = Fields.parse(raw)
    if fields.integer("v") != VERSION:
        raise RecordError(f"a stored record has another version than {VERSION}")
    device, pending = fields.nested("active"), fields.nested("pending")
    recovery_codes, emailed = fields.nested("recovery"), fields.optional_nested("mailed")
    return Record(
        revision=fields.integer("rev"),
        generation=fields.integer("gen"),
        device=None if device is None else _read_device(device),
        pending=None if pending is None else _read_pending(pending),
        failures=fields.integer("failures"),
        retry_at=fields.optional_time("retry_at"),
        recovery_codes=None if recovery_codes is None else _read_recovery_codes(recovery_codes),
        emailed=None if emailed is None else _read_emailed(emailed),
    )


def write_record(record: Record, *, revision: int) -> bytes:
    """Encode a record as JSON in the current version, with the given revision number.

    Raises :class:`RecordError` if a counter is too large to be read back. Normal use never reaches this
    limit, but someone with write access to the store could set a counter to any value.
    """
    if max(revision, record.generation) > COUNTERS:
        raise RecordError("record counters out of range")
    document: dict[str, object] = {
        "v": VERSION,
        "rev": revision,
        "gen": record.generation,
        "active": None if record.device is None else _write_device(record.device),
        "pending": None if record.pending is None else _write_pending(record.pending),
        "failures": record.failures,
        "retry_at": record.retry_at,
        "recovery": None if record.recovery_codes is None else _write_recovery_codes(record.recovery_codes),
    }
    if record.emailed is not None:
        document["mailed"] = _write_emailed(record.emailed)
    return _encode(document).encode("ascii")


class Fields:
    """Reads typed values from a JSON object, and raises :class:`RecordError` for unexpected values."""

    __slots__ = ("_fields",)

    def __init__(self, fields: JSON) -> None:
        if not isinstance(fields, dict):
            raise RecordError("a stored record has something else where a JSON object should be")
        self._fields = fields

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Parse a JSON document in UTF-8."""
        try:
            text = raw.decode("utf-8").strip(_SPACE)
            fields, end = _decode(text)
            if end == len(text):
                return cls(fields)
        except (ValueError, RecursionError):
            pass
        raise RecordError("a stored record is not JSON")  # raised here, so that no context quotes the record

    def nested(self, name: str) -> Self | None:
        """Return a nested object, or ``None`` if the field is null."""
        value = self._value(name)
        return None if value is None else type(self)(value)

    def optional_nested(self, name: str) -> Self | None:
        """Return a nested object, or ``None`` if the field is null or missing."""
        return self.nested(name) if name in self._fields else None

    def text(self, name: str) -> str:
        """Return a string field."""
        value = self._fields.get(name)
        if not isinstance(value, str):
            raise _error(name)
        return value

    def hex(self, name: str, multiple_of: int = 1) -> bytes:
        """Decode a field that contains bytes in hexadecimal."""
        text = self.text(name)
        try:
            raw = bytes.fromhex(text)
        except ValueError:
            raw = b""
        if raw.hex() != text or len(raw) % multiple_of:
            raise _error(name)
        return raw

    def integer(self, name: str, low: int = 0, high: int = COUNTERS) -> int:
        """Return an integer field, which must be between *low* and *high*."""
        value = self._fields.get(name)
        if type(value) is int and low <= value <= high:
            return value
        raise _error(name)

    def algorithm(self, name: str) -> Algorithm:
        """Return an algorithm field."""
        algorithm = _ALGORITHMS.get(self.text(name))
        if algorithm is None:
            raise _error(name)
        return algorithm

    def time(self, name: str) -> float:
        """Return a time field, which must be a finite number and not negative."""
        return _time(name, self._fields.get(name))

    def times(self, name: str) -> tuple[float, ...]:
        """Return a field that contains a list of times."""
        values = self._fields.get(name)
        if not isinstance(values, list):
            raise _error(name)
        return tuple([_time(name, value) for value in values])

    def optional_time(self, name: str) -> float | None:
        """Return a time field, or ``None`` if the field is null."""
        value = self._value(name)
        return None if value is None else _time(name, value)

    def _value(self, name: str) -> JSON:
        if name not in self._fields:
            raise _error(name)
        return self._fields[name]


def _time(name: str, value: JSON) -> float:
    if (type(value) is float or type(value) is int) and 0 <= value <= _LARGEST_FLOAT:
        return float(value)
    raise _error(name)


def _error(name: str) -> RecordError:
    return RecordError(f"a stored record's {name} is missing or has the wrong type")


def _write_secret(secret: SealedSecret) -> dict[str, object]:
    return {
        "sealed": secret.sealed,
        "digits": secret.digits,
        "algorithm": secret.algorithm.value,
        "period": secret.period,
        "label": secret.label,
        "issuer": secret.issuer,
    }


def _read_secret(fields: Fields) -> SealedSecret:
    return SealedSecret(
        sealed=fields.text("sealed"),
        digits=fields.integer("digits", DIGITS[0], DIGITS[-1]),
        algorithm=fields.algorithm("algorithm"),
        period=fields.integer("period", 1, LONGEST_PERIOD),
        label=fields.text("label"),
        issuer=fields.text("issuer"),
    )


def _write_device(device: EnrolledDevice) -> dict[str, object]:
    return _write_secret(device.secret) | {
        "confirmed_at": device.confirmed_at,
        "last_used_at": device.last_used_at,
        "last_step": device.last_step,
        "drift": device.drift,
    }


def _read_device(fields: Fields) -> EnrolledDevice:
    return EnrolledDevice(
        secret=_read_secret(fields),
        confirmed_at=fields.time("confirmed_at"),
        last_used_at=fields.time("last_used_at"),
        last_step=fields.integer("last_step"),
        drift=fields.integer("drift", -COUNTERS, COUNTERS),
    )


def _write_pending(pending: PendingDevice) -> dict[str, object]:
    return _write_secret(pending.secret) | {"owner": pending.owner.hex(), "expires_at": pending.expires_at}


def _read_pending(fields: Fields) -> PendingDevice:
    return PendingDevice(
        secret=_read_secret(fields), owner=fields.hex("owner"), expires_at=fields.time("expires_at")
    )


def _write_recovery_codes(codes: RecoveryCodeSet) -> dict[str, object]:
    return {
        "salt": codes.salt.hex(),
        "cost": codes.cost,
        "unspent": codes.unspent.hex(),
        "spent": codes.spent.hex(),
    }


def _read_recovery_codes(fields: Fields) -> RecoveryCodeSet:
    return RecoveryCodeSet(
        salt=fields.hex("salt"),
        cost=fields.integer("cost", *COSTS),
        unspent=fields.hex("unspent", HASH_BYTES),
        spent=fields.hex("spent", HASH_BYTES),
    )


def _write_emailed(emailed: EmailedCode) -> dict[str, object]:
    return {
        "digest": emailed.digest.hex(),
        "owner": emailed.owner.hex(),
        "expires_at": emailed.expires_at,
        "sent": emailed.sent,
    }


def _read_emailed(fields: Fields) -> EmailedCode:
    return EmailedCode(
        digest=fields.hex("digest", HASH_BYTES),
        owner=fields.hex("owner"),
        expires_at=fields.time("expires_at"),
        sent=fields.times("sent"),
    )
