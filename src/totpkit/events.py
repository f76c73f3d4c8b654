"""The events that an authenticator passes to ``on_event``, for logging and for notifying users.

NIST SP 800-63B-4, section 4.1, asks you to notify users about enrollment, recovery, revocation, locking
and unlocking. Events never contain secrets, codes or bindings.
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
    """The base class for all events. ``at`` is the time of the event in Unix seconds."""

    account_id: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrollmentBegun(Event):
    """An enrollment has started, and it must be confirmed before ``expires_at`` (in Unix seconds)."""

    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrollmentConfirmed(Event):
    """A new device was confirmed. ``replaced`` says whether an older device stopped working."""

    replaced: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrollmentImported(Event):
    """A device from another program was imported. ``weak`` means that its secret has fewer than 128 bits."""

    weak: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeAccepted(Event):
    """A code was accepted and cannot be used again."""

    step: int
    drift: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRejected(Event):
    """An answer was rejected. ``failures`` is the number of failed attempts since the last success.

    ``after`` names the factors that the login had already passed. If ``after`` contains ``"password"``,
    someone knew the password but not the code (ASVS 5.0, 6.3.5).
    """

    reason: Reason
    failures: int
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttled(Event):
    """An attempt during a wait was rejected without being checked or counted.

    ``retry_after`` is the number of seconds until the next attempt is allowed.
    """

    retry_after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Disabled(Event):
    """Too many attempts failed. Verification is disabled until the app calls ``unlock``."""

    failures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlocked(Event):
    """The app called ``unlock``, which reset the failure count and ended any wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resynchronized(Event):
    """Two consecutive codes showed how far the device's clock is off.

    ``drift`` is the difference in time steps.
    """

    drift: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisioningShown(Event):
    """The enrolled secret was shown again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryCodesIssued(Event):
    """New recovery codes replaced all older ones."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryCodeUsed(Event):
    """A recovery code was accepted and cannot be used again."""

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
    """An emailed code or an answer to a custom factor was correct."""

    factor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked(Event):
    """The device and the recovery codes were removed, and all earlier tickets and proofs became invalid.

    The failure count is kept. This event is emitted even if the account had no device, because older
    logins become invalid in any case.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten(Event):
    """All stored data for the account was deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resealed(Event):
    """The account's secret was encrypted again with the newest key."""
