"""HOTP, the counter-based one-time passwords from RFC 4226."""

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
"""RFC 4226 (section 7.4) requires a limit, because each additional counter is another code to guess."""


@dataclass(frozen=True, slots=True)
class HOTP:
    """Generates and verifies counter-based codes with 6 to 8 digits (RFC 4226).

    Raises :class:`InvalidParameterError` if a parameter is out of range.
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
        """Return the code for *counter*, including any leading zeros.

        The counter must be between 0 and 2**64 - 1.
        """
        number = self._number_at(checked_int("counter", counter, 0, COUNTERS - 1))
        return str(number).zfill(self.digits)

    def verify(self, code: str, *, last_step: int | None = None, look_ahead: int = 0) -> Accepted | Rejected:
        """Verify *code*. If it is accepted, ``step`` in the result is the counter that matched.

        *last_step* is the last counter that was accepted, or ``None`` if there is none yet. The
        search starts at the next counter and covers *look_ahead* (0 to 100) more counters, because
        a device may have generated codes that were never sent (RFC 4226, section 7.4).

        Store the accepted counter, but only if the stored value has not changed since you read it.
        Raises :class:`InvalidParameterError` if an argument has the wrong type or is out of range.
        A wrong code does not raise an exception.
        """
        low = (-1 if last_step is None else checked_int("last_step", last_step, 0)) + 1
        high = low + checked_int("look_ahead", look_ahead, 0, _FARTHEST)
        number = read_decimal(code, self.digits)
        if number is None:
            return Rejected(Reason.MALFORMED)
        found = spend(self._number_at, number, low, high, last_step)
        return Rejected(found) if isinstance(found, Reason) else Accepted(found)

    def uri_parameters(self) -> dict[str, str]:
        """Return the key URI parameters, leaving out the counter and all default values."""
        return decimal_parameters(self.secret, self.digits, self.algorithm)

    def uri(self, *, account: str, issuer: str = "", counter: int = 0) -> str:
        """Return a key URI for an authenticator app, which will start at *counter*.

        Raises :class:`InvalidParameterError` for the same values as :class:`KeyURI`.
        """
        start = {"counter": str(checked_int("counter", counter, 0, COUNTERS - 1))}
        return build(self.kind, account=account, issuer=issuer, parameters=self.uri_parameters() | start)

    def qr(self, *, account: str, issuer: str = "", counter: int = 0) -> QR:
        """Return the key URI as a QR code. The arguments are the same as for :meth:`uri`."""
        return qr(self.uri(account=account, issuer=issuer, counter=counter))
