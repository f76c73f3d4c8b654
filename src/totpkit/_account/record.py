"""The record that is stored for an account.

A record contains encrypted secrets, but only hashes of bindings and recovery codes. The module
:mod:`totpkit._account.record_json` reads and writes records.

The classes are named tuples, because creating frozen dataclasses would account for a third of the time
that a verification takes.
"""

from typing import NamedTuple

from totpkit._account.recovery_codes import RecoveryCodeSet
from totpkit._otp.secret import Secret
from totpkit._otp.totp import TOTP
from totpkit._otp.truncation import Algorithm


class SealedSecret(NamedTuple):
    """An encrypted secret, together with the parameters and names from its QR code."""

    sealed: str
    digits: int
    algorithm: Algorithm
    period: int
    label: str
    issuer: str

    def totp(self, secret: Secret) -> TOTP:
        """Combine the decrypted secret with its stored parameters."""
        return TOTP(secret, digits=self.digits, algorithm=self.algorithm, period=self.period)

    def __repr__(self) -> str:
        return f"<SealedSecret for {self.label!r}>"  # hides the secret, which may not be encrypted


class EnrolledDevice(NamedTuple):
    """A confirmed device. ``last_step`` is the time step of the last accepted code."""

    secret: SealedSecret
    confirmed_at: float
    last_used_at: float
    last_step: int
    drift: int = 0


class PendingDevice(NamedTuple):
    """A secret that the user has not confirmed yet. ``owner`` is the hash of a binding."""

    secret: SealedSecret
    owner: bytes
    expires_at: float


class EmailedCode(NamedTuple):
    """The last emailed code, and the times at which codes were sent in the past hour.

    ``digest`` is a keyed hash of the code, or empty if the code has already been used. ``owner`` is the
    hash of the binding that requested the code.
    """

    digest: bytes
    owner: bytes
    expires_at: float
    sent: tuple[float, ...]

    def __repr__(self) -> str:
        return f"<EmailedCode that expires at {self.expires_at}>"  # hides the digest


class Record(NamedTuple):
    """The state of an account.

    ``revision`` increases with every write. ``generation`` increases whenever older logins become
    invalid.
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
"""The record for an account without stored data."""
