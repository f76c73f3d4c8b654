"""HOTP, the codes of RFC 4226 that change with a counter. Knows nothing of time."""

from dataclasses import dataclass, field
from typing import ClassVar

from totpkit._bounds import whole
from totpkit._otp.decimal import decimal_codes, decimal_parameters, read_decimal
from totpkit._otp.qr import QR, qr
from totpkit._otp.result import Accepted, Reason, Rejected
from totpkit._otp.secret import Secret
from totpkit._otp.truncation import COUNTERS, Algorithm, NumberAt, Write
from totpkit._otp.uri_syntax import build
from totpkit._otp.window import spend

_FARTHEST = 100
"""RFC 4226, section 7.4: the look-ahead must be bounded, for each counter is a guess more."""


@dataclass(frozen=True, slots=True)
class HOTP:
    """Counter-based codes (RFC 4226) of 6 to 8 digits.

    Raises :class:`InvalidParameterError` for parameters out of range.
    """

    kind: ClassVar[str] = "hotp"

    secret: Secret
    digits: int = 6
    algorithm: Algorithm = Algorithm.SHA1
    _number_at: NumberAt = field(init=False, repr=False, compare=False)
    _write: Write = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        number_at, write = decimal_codes(self.secret, self.digits, self.algorithm)
        object.__setattr__(self, "_number_at", number_at)
        object.__setattr__(self, "_write", write)

    def at(self, counter: int) -> str:
        """Return the code of *counter*, an ``int`` from 0 to 2**64 - 1."""
        return self._write(self._number_at(whole("counter", counter, 0, COUNTERS - 1)))

    def verify(self, code: str, *, last_step: int | None = None, look_ahead: int = 0) -> Accepted | Rejected:
        """Answer whether *code* is right and unspent, its step being its counter.

        Searched are the counter after *last_step* (the step last accepted, ``None`` before
        the first) and *look_ahead* (0 to 100) more, for buttons pressed in vain (RFC 4226,
        section 7.4). Store the accepted step as TOTP's: only if the old one still stands.
        """
        low = (-1 if last_step is None else whole("last_step", last_step, 0)) + 1
        high = low + whole("look_ahead", look_ahead, 0, _FARTHEST)
        typed = read_decimal(code, self.digits)
        if typed is None:
            return Rejected(Reason.MALFORMED)
        found = spend(self._number_at, typed, low, high, last_step)
        return Rejected(found) if isinstance(found, Reason) else Accepted(found)

    def uri_parameters(self) -> dict[str, str]:
        """Return what its key URI says besides label and counter, defaults omitted."""
        return decimal_parameters(self.secret, self.digits, self.algorithm)

    def uri(self, *, account: str, issuer: str = "", counter: int = 0) -> str:
        """Return the key URI for a phone to scan, with the *counter* that it starts from.

        Raises :class:`InvalidParameterError` as :class:`KeyURI` does.
        """
        start = {"counter": str(whole("counter", counter, 0, COUNTERS - 1))}
        return build(self.kind, account=account, issuer=issuer, parameters=self.uri_parameters() | start)

    def qr(self, *, account: str, issuer: str = "", counter: int = 0) -> QR:
        """Return the picture of :meth:`uri`."""
        return qr(self.uri(account=account, issuer=issuer, counter=counter))
