"""HOTP, the counter-based codes of RFC 4226."""

from dataclasses import KW_ONLY, dataclass, field
from typing import ClassVar

from totpkit._otp.qr import QR, qr
from totpkit._otp.replay import spend
from totpkit._otp.result import Accepted, Reason, Rejected
from totpkit._otp.secret import Secret
from totpkit._otp.truncation import (
    COUNTERS,
    Algorithm,
    NumberAt,
    decimal_parameters,
    decimal_truncation,
    read_decimal,
)
from totpkit._otp.uri_syntax import build
from totpkit._validation import checked_int

_FARTHEST = 100
"""Counters; RFC 4226, section 7.4 requires a bound, because each one is another code to guess."""


@dataclass(frozen=True, slots=True)
class HOTP:
    """Generates and verifies counter-based codes (RFC 4226) of 6 to 8 digits.

    Raises :class:`InvalidParameterError` for parameters out of range.
    """

    kind: ClassVar[str] = "hotp"

    secret: Secret
    _: KW_ONLY
    digits: int = 6
    algorithm: Algorithm = Algorithm.SHA1
    _number_at: NumberAt = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_number_at", decimal_truncation(self.secret, self.digits, self.algorithm))

    def at(self, counter: int) -> str:
        """Return the code of *counter*, an ``int`` from 0 to 2**64 - 1, with leading zeros."""
        number = self._number_at(checked_int("counter", counter, 0, COUNTERS - 1))
        return str(number).zfill(self.digits)

    def verify(self, code: str, *, last_step: int | None = None, look_ahead: int = 0) -> Accepted | Rejected:
        """Verify *code* and return the counter that it was accepted for as ``step``.

        *last_step* is the counter last accepted, or ``None`` before the first. The counter after it
        is searched, and *look_ahead* (0 to 100) more, for codes that were generated but never sent
        (RFC 4226, section 7.4). Store the accepted step as for TOTP: only if the stored value is
        still the one that you read. Raises :class:`InvalidParameterError` for anything but a wrong
        code.
        """
        low = (-1 if last_step is None else checked_int("last_step", last_step, 0)) + 1
        high = low + checked_int("look_ahead", look_ahead, 0, _FARTHEST)
        number = read_decimal(code, self.digits)
        if number is None:
            return Rejected(Reason.MALFORMED)
        found = spend(self._number_at, number, low, high, last_step)
        return Rejected(found) if isinstance(found, Reason) else Accepted(found)

    def uri_parameters(self) -> dict[str, str]:
        """Return the parameters of the key URI except the counter, without those at their default."""
        return decimal_parameters(self.secret, self.digits, self.algorithm)

    def uri(self, *, account: str, issuer: str = "", counter: int = 0) -> str:
        """Return the key URI for an authenticator app to scan; the app starts at *counter*.

        Raises :class:`InvalidParameterError` as :class:`KeyURI` does.
        """
        start = {"counter": str(checked_int("counter", counter, 0, COUNTERS - 1))}
        return build(self.kind, account=account, issuer=issuer, parameters=self.uri_parameters() | start)

    def qr(self, *, account: str, issuer: str = "", counter: int = 0) -> QR:
        """Return the QR code of :meth:`uri`."""
        return qr(self.uri(account=account, issuer=issuer, counter=counter))
