"""TOTP, the codes of RFC 6238 that change with the clock. Knows nothing of accounts."""

from dataclasses import dataclass, field
from typing import ClassVar

from totpkit._bounds import whole
from totpkit._otp.decimal import decimal_codes, decimal_parameters, read_decimal
from totpkit._otp.qr import QR, qr
from totpkit._otp.secret import Secret
from totpkit._otp.time_based import Timed
from totpkit._otp.truncation import COUNTERS, Algorithm, NumberAt, Write
from totpkit._otp.uri_syntax import build
from totpkit.errors import InvalidParameterError

PERIOD = 30
"""Seconds; the default of RFC 6238, section 5.2, and of key URIs."""

LONGEST_PERIOD = 3600
"""Seconds; a code that lives longer than an hour is a password."""


@dataclass(frozen=True, slots=True)
class TOTP(Timed):
    """Time-based codes (RFC 6238) of 6 to 8 digits.

    A step lasts ``period`` seconds (1 to 3600), and the first begins at ``t0``, Unix
    seconds. Raises :class:`InvalidParameterError` for parameters out of range.
    """

    kind: ClassVar[str] = "totp"

    secret: Secret
    digits: int = 6
    algorithm: Algorithm = Algorithm.SHA1
    period: int = PERIOD
    t0: int = 0
    _number_at: NumberAt = field(init=False, repr=False, compare=False)
    _write: Write = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        number_at, write = decimal_codes(self.secret, self.digits, self.algorithm)
        object.__setattr__(self, "_number_at", number_at)
        object.__setattr__(self, "_write", write)
        whole("period", self.period, 1, LONGEST_PERIOD)
        whole("t0", self.t0, 0, COUNTERS - 1)

    def uri_parameters(self) -> dict[str, str]:
        """Return what its key URI says besides the label, defaults omitted.

        Raises :class:`InvalidParameterError` if ``t0`` is not 0: a key URI cannot say so.
        """
        if self.t0:
            raise InvalidParameterError("t0", "must be 0 in a key URI: phones know no other")
        period = {} if self.period == PERIOD else {"period": str(self.period)}
        return decimal_parameters(self.secret, self.digits, self.algorithm) | period

    def uri(self, *, account: str, issuer: str = "") -> str:
        """Return the key URI for a phone to scan.

        Raises :class:`InvalidParameterError` as :class:`KeyURI` does.
        """
        return build(self.kind, account=account, issuer=issuer, parameters=self.uri_parameters())

    def qr(self, *, account: str, issuer: str = "") -> QR:
        """Return the picture of :meth:`uri`."""
        return qr(self.uri(account=account, issuer=issuer))

    def _read(self, code: object) -> int | None:
        return read_decimal(code, self.digits)
