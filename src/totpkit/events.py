"""The events that an authenticator passes to ``on_event``, for logs and for notices to the user.

NIST SP 800-63B-4, section 4.1, asks for notices of enrollment, recovery, revocation, locking and
unlocking. No event contains a secret, a code or a binding.
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
    """Something that happened to an account. ``at`` is in Unix seconds."""

    account_id: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrollmentBegun(Event):
    """An enrollment began. Its first code is accepted until ``expires_at``, in Unix seconds."""

    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrollmentConfirmed(Event):
    """The first code was correct. ``replaced`` says whether another phone stopped working."""

    replaced: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrollmentImported(Event):
    """A phone from another program was imported. ``weak`` says whether its secret is below 128 bits."""

    weak: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeAccepted(Event):
    """A code was correct and is now spent."""

    step: int
    drift: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRejected(Event):
    """An answer was rejected. ``failures`` is their number since the last success.

    ``after`` contains the factors that the login had already passed. If it contains ``"password"``,
    someone knew the password but not the code (ASVS 5.0, 6.3.5).
    """

    reason: Reason
    failures: int
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttled(Event):
    """An attempt during a wait was neither checked nor counted. ``retry_after`` is in seconds."""

    retry_after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Disabled(Event):
    """The failures reached the cap. Verification is disabled until the app calls ``unlock``."""

    failures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlocked(Event):
    """The app called ``unlock``, which reset the failures and ended the wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resynchronized(Event):
    """Two consecutive codes showed how many steps the phone's clock is off."""

    drift: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisioningShown(Event):
    """The secret in use was shown again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryCodesIssued(Event):
    """New recovery codes replaced all older ones."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryCodeUsed(Event):
    """A recovery code was correct and is now spent."""

    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryCodesLow(Event):
    """Few recovery codes are left. Ask the user to create new ones."""

    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeEmailed(Event):
    """A code was sent by email."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorAccepted(Event):
    """A code sent by email was correct and is now spent, or a custom factor was passed."""

    factor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked(Event):
    """The secrets and recovery codes were deleted, and older tickets and proofs ended. Failures stay.

    Every revocation sends this event, even if the account had no phone, because it ends the
    account's logins.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten(Event):
    """Everything that was stored for the account was deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resealed(Event):
    """The secret was sealed again with the newest key."""
