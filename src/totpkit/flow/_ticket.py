"""Where a login stands, as a ticket to carry. Knows nothing of factors or accounts."""

from dataclasses import dataclass

from totpkit._enrolling import owner_of
from totpkit._outcome import Reason
from totpkit.flow._signing import Signing
from totpkit.flow._transitions import Stage

LIFETIME = 600.0
"""Seconds from the passing of the first factor, however often the ticket is issued anew."""

FIRST_LIFETIME = 86_400.0
"""Seconds before that: a login page may stay open for a day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """How far one login has come; after the first factor, for one account and credential.

    ``login`` is random, and new each time that a first factor passes: a secret shown to
    one login, and a code mailed to it, belong to it alone.
    """

    stage: Stage
    expires_at: float
    step: int = 0
    account_id: str = ""
    generation: int = 0
    login: str = ""
    passed: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    enrolled: bool = False
    stepping_up: bool = False

    @property
    def owner(self) -> str:
        """The binding of what belongs to this login alone."""
        return f"login {self.login}"


@dataclass(frozen=True, slots=True)
class Tickets:
    """Writes and reads the tickets of one flow, by its name and shape."""

    signing: Signing
    scope: bytes

    def write(self, at: Position, binding: str) -> str:
        """Return the ticket of a position, for one binding."""
        flags = at.enrolled + 2 * at.stepping_up
        passed: list[object] = [at.account_id, at.generation, at.login, at.passed, at.skipped, flags]
        payload = [at.stage.value, at.expires_at, at.step, *(passed if at.step else [])]
        return self.signing.sign(payload, b"ticket", self.scope, owner_of(binding))

    def read(self, ticket: object, binding: str, now: float) -> Position | Reason:
        """Return the position, or why there is none."""
        match self.signing.read(ticket, b"ticket", self.scope, owner_of(binding)):
            case [str(stage), float(expires_at), int(step), *rest]:
                position = _position(Stage(stage), expires_at, step, rest)
            case _:
                return Reason.TICKET_INVALID
        return position if now < position.expires_at else Reason.TICKET_EXPIRED


def _position(stage: Stage, expires_at: float, step: int, rest: list[object]) -> Position:
    match rest:
        case [str(account_id), int(generation), str(login), list(passed), list(skipped), int(flags)]:
            return Position(
                stage=stage,
                expires_at=expires_at,
                step=step,
                account_id=account_id,
                generation=generation,
                login=login,
                passed=tuple(passed),
                skipped=tuple(skipped),
                enrolled=bool(flags & 1),
                stepping_up=bool(flags & 2),
            )
    return Position(stage=stage, expires_at=expires_at)
