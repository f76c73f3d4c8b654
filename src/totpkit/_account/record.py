"""The record that is stored for an account.

A record contains no plain secret, binding or recovery code: only what a cipher has sealed, and
hashes. :mod:`totpkit._account.record_json` reads and writes it.

The classes are named tuples, because creating frozen dataclasses would take a third of the time of
a verification.
"""

from typing import NamedTuple

from totpkit._account.recovery_codes import RecoveryCodeSet
from totpkit._otp.secret import Secret
from totpkit._otp.totp import TOTP
from totpkit._otp.truncation import Algorithm


class SealedSecret(NamedTuple):
    """A sealed secret, with the parameters and names in its QR code. It never changes."""

    sealed: str
    digits: int
    algorithm: Algorithm
    period: int
    label: str
    issuer: str

    def totp(self, secret: Secret) -> TOTP:
        """Return the TOTP of the opened secret, with the parameters that are stored with it."""
        return TOTP(secret, digits=self.digits, algorithm=self.algorithm, period=self.period)

    def __repr__(self) -> str:
        return f"<SealedSecret for {self.label!r}>"  # hides the secret, which may not be encrypted


class EnrolledDevice(NamedTuple):
    """A confirmed device. ``last_step`` is the step of the last accepted code."""

    secret: SealedSecret
    confirmed_at: float
    last_used_at: float
    last_step: int
    drift: int = 0


class PendingDevice(NamedTuple):
    """A secret that was shown and not confirmed yet. ``owner`` is the hash of a binding."""

    secret: SealedSecret
    owner: bytes
    expires_at: float


class EmailedCode(NamedTuple):
    """The last emailed code, and when the codes of the past hour were sent.

    ``digest`` is a keyed hash of the code, empty once the code is spent. ``owner`` is the hash of
    the binding that requested it.
    """

    digest: bytes
    owner: bytes
    expires_at: float
    sent: tuple[float, ...]

    def __repr__(self) -> str:
        return f"<EmailedCode that expires at {self.expires_at}>"  # hides the digest


class Record(NamedTuple):
    """The state of an account.

    ``revision`` rises with every write, and ``generation`` with everything that ends older logins.
    """

    revision: int = 0
    generation: int = 0
    device: EnrolledDevice | None = None
    pending: PendingDevice | None = None
    failures: int = 0
    retry_at: float | None = None
    recovery_codes: RecoveryCodeSet | None = None
    emailed: EmailedCode | None = None


EMPTY_RECORD = Record()
"""The record of an account for which nothing is stored."""
