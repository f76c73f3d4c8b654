"""What an app may want to log, or tell its user. Knows nothing of who listens.

NIST SP 800-63B-4, section 4.1: enrollment, recovery, revocation, lock and unlock are to be
notified. No event holds a secret, a code or a binding.
"""

from dataclasses import dataclass

from totpkit._otp.result import Reason

__all__ = [
    "CodeAccepted",
    "CodeEmailed",
    "CodeRejected",
    "Disabled",
    "EnrollmentBegun",
    "EnrollmentConfirmed",
    "EnrollmentImported",
    "Event",
    "FactorAccepted",
    "Forgotten",
    "ProvisioningShown",
    "RecoveryCodeUsed",
    "RecoveryCodesIssued",
    "RecoveryCodesLow",
    "Resealed",
    "Resynchronized",
    "Revoked",
    "Throttled",
    "Unlocked",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to an account, at a time in Unix seconds."""

    account_id: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrollmentBegun(Event):
    """A new secret waits for its first code until ``expires_at``."""

    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrollmentConfirmed(Event):
    """A first code was right; ``replaced`` tells whether another phone stopped working."""

    replaced: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrollmentImported(Event):
    """A phone that another program enrolled was taken over; ``weak`` tells whether its secret is short."""

    weak: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeAccepted(Event):
    """A code was right and is spent."""

    step: int
    drift: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRejected(Event):
    """An answer was refused; ``failures`` have come since the last success.

    ``after`` names what the login had passed before: with ``("password",)`` in it, somebody
    knew the password and not the code (ASVS 5.0, 6.3.5).
    """

    reason: Reason
    failures: int
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttled(Event):
    """An attempt came during a wait; it was neither answered nor counted."""

    retry_after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Disabled(Event):
    """The credential answers no more until it is unlocked: the failures reached the cap."""

    failures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlocked(Event):
    """Failures and wait were forgotten at the app's word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resynchronized(Event):
    """Two consecutive codes told the drift of a clock."""

    drift: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisioningShown(Event):
    """The secret in use was shown again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryCodesIssued(Event):
    """New recovery codes replace all older ones."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryCodeUsed(Event):
    """A recovery code was right and is spent."""

    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryCodesLow(Event):
    """Few recovery codes are left: time to issue new ones."""

    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeEmailed(Event):
    """A code left by mail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorAccepted(Event):
    """A mailed code was right and is spent, or a factor of the app's own was passed."""

    factor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked(Event):
    """Secret, pending secret and recovery codes are gone, and older tickets and proofs; failures stay.

    It is told of each revocation, of an account that had nothing too: what its logins held has ended.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten(Event):
    """Nothing is stored of the account any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resealed(Event):
    """The secret was sealed anew, with the newest key."""
