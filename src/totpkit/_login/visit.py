"""One request of a login, and how it ends. Knows nothing of factors."""

from dataclasses import dataclass
from typing import NamedTuple

from totpkit._login.callbacks import App
from totpkit._login.prompts import Prompt
from totpkit._login.results import Challenge, Denied
from totpkit._login.ticket import Position, Tickets
from totpkit._login.transitions import Event, Stage, after
from totpkit._otp.result import Reason


class Visit(NamedTuple):
    """Where a login stands, for whom it is answered, and when; ``ticket`` unless it has just moved."""

    at: Position
    binding: str
    app: App
    now: float
    ticket: str | None = None

    def __repr__(self) -> str:
        return f"<Visit at {self.at.stage}>"  # shows neither binding nor ticket


@dataclass(frozen=True, slots=True)
class Doors:
    """Hands out challenges, each with its ticket."""

    tickets: Tickets

    def challenge(
        self,
        visit: Visit,
        prompts: tuple[Prompt, ...],
        problem: Reason | None = None,
        retry_after: float | None = None,
    ) -> Challenge:
        """Return the challenge of a position; of one that has not moved, with the same ticket."""
        at = visit.at
        return Challenge(
            ticket=visit.ticket or self.tickets.write(at, visit.binding),
            prompts=prompts,
            problem=problem,
            retry_after=retry_after,
            seconds_left=at.expires_at - visit.now,
        )


def denied(stage: Stage, reason: Reason) -> Denied:
    """End a login."""
    after(stage, Event.END)
    return Denied(reason)
