"""Read and write migration payloads, the format in which Google Authenticator exports accounts.

A migration payload is an ``otpauth-migration://offline?data=...`` URI that contains a protocol
buffer in base64. Google has not published the schema. The field numbers here match the app's own
exports and open-source importers such as Aegis. A large export is split into several payloads.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Self, TypeVar
from urllib.parse import quote, unquote

from totpkit._otp.hotp import HOTP
from totpkit._otp.key_uri import KeyURI
from totpkit._otp.protobuf import read_fields, write_field
from totpkit._otp.qr import QR, qr
from totpkit._otp.secret import Secret
from totpkit._otp.totp import PERIOD, TOTP
from totpkit._otp.truncation import Algorithm
from totpkit._otp.uri_syntax import LONGEST
from totpkit._validation import checked_int
from totpkit.errors import InvalidParameterError, InvalidPayloadError, InvalidSecretError, InvalidURIError

__all__ = ["MigrationPayload"]

_T = TypeVar("_T")

_PREFIX = "otpauth-migration://offline?"
_ENTRY, _VERSION, _BATCH_SIZE, _BATCH_INDEX, _BATCH_ID = 1, 2, 3, 4, 5
_SECRET, _NAME, _ISSUER, _ALGORITHM, _DIGITS, _KIND, _COUNTER = 1, 2, 3, 4, 5, 6, 7
_ALGORITHMS = {1: Algorithm.SHA1, 2: Algorithm.SHA256, 3: Algorithm.SHA512}
_DIGIT_COUNTS = {1: 6, 2: 8}
_KINDS = {1: HOTP.kind, 2: TOTP.kind}


@dataclass(frozen=True, slots=True)
class MigrationPayload:
    """The accounts from one QR code in a Google Authenticator export.

    A large export consists of ``batch_size`` payloads with the same ``batch_id``. They are numbered
    from 0 by ``batch_index``. Use ``str`` to get the URI. The ``repr`` does not show the secrets.
    Raises :class:`InvalidParameterError` for accounts that the format does not support: Steam Guard
    codes, codes with 7 digits, and periods other than 30 seconds.
    """

    entries: tuple[KeyURI, ...]
    _: KW_ONLY
    batch_size: int = 1
    batch_index: int = 0
    batch_id: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.entries, tuple) or not all(isinstance(uri, KeyURI) for uri in self.entries):
            raise InvalidParameterError("entries", "must be a tuple of KeyURI")
        checked_int("batch_size", self.batch_size, 1, 2**31 - 1)
        checked_int("batch_index", self.batch_index, 0, self.batch_size - 1)
        checked_int("batch_id", self.batch_id, -(2**31), 2**31 - 1)
        if len(str(self)) > LONGEST:
            raise InvalidParameterError(
                "entries", f"must fit into {LONGEST} characters; use several payloads with one batch_id"
            )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse the text of a migration QR code.

        Raises :class:`InvalidPayloadError` if the text is not a migration payload, or if it
        contains an account that would produce wrong codes. The error message does not quote the
        text.
        """
        entries: list[KeyURI] = []
        numbers = {_BATCH_SIZE: 1, _BATCH_INDEX: 0, _BATCH_ID: 0}
        for number, value in read_fields(_message(text)):
            if number == _ENTRY and isinstance(value, bytes):
                entries.append(_read_entry(value))
            elif isinstance(value, int):
                numbers[number] = value - (value >> 63 << 64)
        size, index, batch_id = (numbers[number] for number in (_BATCH_SIZE, _BATCH_INDEX, _BATCH_ID))
        try:
            return cls(tuple(entries), batch_size=size, batch_index=index, batch_id=batch_id)
        except InvalidParameterError as error:
            problem = str(error)
        raise InvalidPayloadError(f"a migration payload is inconsistent: {problem}")

    def __str__(self) -> str:
        message = b"".join(write_field(_ENTRY, _write_entry(uri)) for uri in self.entries)
        numbers = {_VERSION: 1, _BATCH_SIZE: self.batch_size, _BATCH_INDEX: self.batch_index}
        for number, value in (numbers | {_BATCH_ID: self.batch_id}).items():
            message += write_field(number, value)
        return f"{_PREFIX}data={quote(base64.b64encode(message), safe='')}"

    def qr(self) -> QR:
        """Return a QR code that the app can scan to import the accounts."""
        return qr(str(self))


def _message(text: object) -> bytes:
    if not isinstance(text, str) or len(text) > LONGEST or not text.startswith(_PREFIX):
        wanted = f"must be a str of at most {LONGEST} characters that begins with {_PREFIX}"
        raise InvalidPayloadError(f"a migration payload {wanted}")
    pairs = [pair.partition("=") for pair in text.removeprefix(_PREFIX).split("&")]
    data = [unquote(value, errors="replace") for name, _, value in pairs if name == "data"]
    if len(data) != 1:
        raise InvalidPayloadError("a migration payload must have one data parameter")
    symbols = data[0].replace(" ", "+").rstrip("=")  # some QR scanners turn "+" into a space
    try:
        return base64.b64decode(symbols + "=" * (-len(symbols) % 4), validate=True)
    except (binascii.Error, ValueError):
        pass  # raise outside, so that no __context__ quotes the text
    raise InvalidPayloadError("data in a migration payload must be base64")


def _read_entry(message: bytes) -> KeyURI:
    fields = dict(read_fields(message))
    parameters = {"algorithm": _choice(fields, _ALGORITHM, _ALGORITHMS).value}
    parameters["digits"] = str(_choice(fields, _DIGITS, _DIGIT_COUNTS))
    kind = _choice(fields, _KIND, _KINDS, default=2)
    if kind == HOTP.kind:
        parameters["counter"] = str(_integer(fields, _COUNTER))
    try:
        parameters["secret"] = Secret.from_bytes(_bytes(fields, _SECRET)).to_base32()
        if issuer := _bytes(fields, _ISSUER):
            parameters["issuer"] = quote(issuer, safe="")
        pairs = "&".join(f"{name}={value}" for name, value in parameters.items())
        return KeyURI.parse(f"otpauth://{kind}/{quote(_bytes(fields, _NAME), safe='')}?{pairs}")
    except (InvalidSecretError, InvalidURIError) as error:
        problem = str(error)
    raise InvalidPayloadError(f"a migration payload contains an account that cannot be read: {problem}")


def _write_entry(uri: KeyURI) -> bytes:
    otp = uri.otp
    if not isinstance(otp, TOTP | HOTP) or otp.digits not in _DIGIT_COUNTS.values():
        raise InvalidParameterError("entries", "must be TOTP or HOTP with 6 or 8 digits")
    if isinstance(otp, TOTP) and otp.period != PERIOD:
        raise InvalidParameterError("entries", f"must have a period of {PERIOD} seconds")
    prefix = f"{uri.issuer}:" if uri.issuer or ":" in uri.account else ""
    fields: dict[int, int | bytes] = {
        _SECRET: otp.secret.to_bytes(),
        _NAME: f"{prefix}{uri.account}".encode(),
        _ISSUER: uri.issuer.encode(),
        _ALGORITHM: _number(_ALGORITHMS, otp.algorithm),
        _DIGITS: _number(_DIGIT_COUNTS, otp.digits),
        _KIND: _number(_KINDS, otp.kind),
        _COUNTER: uri.counter or 0,
    }
    return b"".join(write_field(number, value) for number, value in fields.items())


def _bytes(fields: Mapping[int, int | bytes], number: int) -> bytes:
    value = fields.get(number, b"")
    return value if isinstance(value, bytes) else b""


def _integer(fields: Mapping[int, int | bytes], number: int) -> int:
    value = fields.get(number, 0)
    if isinstance(value, bytes):
        raise InvalidPayloadError("a migration payload contains bytes where a number is expected")
    return value


def _choice(fields: Mapping[int, int | bytes], number: int, table: Mapping[int, _T], default: int = 1) -> _T:
    value = fields.get(number, 0) or default  # 0 is "unspecified" in all three enumerations
    if isinstance(value, bytes) or value not in table:
        raise InvalidPayloadError("a migration payload contains an unknown algorithm, code length or type")
    return table[value]


def _number(table: Mapping[int, _T], meaning: _T) -> int:
    return next(number for number, known in table.items() if known == meaning)
