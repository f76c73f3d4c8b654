"""What a verification answers. Knows nothing of how it was decided."""

import enum
from dataclasses import dataclass
from typing import Literal


class Reason(enum.StrEnum):
    """Why something was refused; for the app's logs, not for the visitor."""

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
        """What a visitor may be told: try again, come back later, or begin anew.

        A wrong code and a replayed one read the same (ASVS 5.0, 6.3.8).
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
    """The code is right and unspent. Truthy, also at step 0.

    ``step`` is what it was accepted for: store it and pass it back as ``last_step``.
    ``drift`` is how many steps the prover's clock is ahead of ours; 0 for a counter.
    """

    step: int
    drift: int = 0

    def __bool__(self) -> Literal[True]:
        return True

    def to_dict(self) -> dict[str, object]:
        """Return it for a JSON front end, which learns no more than that the code was right."""
        return {"type": "accepted"}


@dataclass(frozen=True, slots=True)
class Rejected:
    """The code is refused. Falsy.

    ``retry_after`` is the seconds to wait before another try can count, if there is a wait.
    """

    reason: Reason
    retry_after: float | None = None

    def __bool__(self) -> Literal[False]:
        return False

    def to_dict(self) -> dict[str, object]:
        """Return it for a JSON front end; it says only what a visitor may be told."""
        return {"type": "rejected", "problem": self.reason.public, "retry_after": self.retry_after}
