"""Where a login stands, as a ticket to carry. Knows nothing of factors or accounts."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from totpkit._account.enrollment import owner_of
from totpkit._login.signed import Signature
from totpkit._login.transitions import Stage
from totpkit._otp.result import Reason

_log = logging.getLogger("totpkit")

LIFETIME = 600.0
"""Seconds from the passing of the first factor, however often the ticket is issued anew."""

FIRST_LIFETIME = 86_400.0
"""Seconds before that: a login page may stay open for a day."""


class Position(NamedTuple):
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

    def past(self, factor: str, generation: int) -> "Position":
        """Return the position after one more factor, of a credential that may be new since."""
        stage, expires_at, step, account_id, _, login, passed, skipped, enrolled, stepping_up = self
        enrolled = enrolled or stage is Stage.ENROLLING
        whose = (account_id, generation, login, (*passed, factor), skipped)
        return Position(stage, expires_at, step, *whose, enrolled, stepping_up)

    @property
    def owner(self) -> str:
        """The binding of what belongs to this login alone."""
        return f"login {self.login}"


Written: TypeAlias = tuple[str, str, float, int, str, int, str, Sequence[str], Sequence[str], int]
"""A position as it stands in a ticket, the hash of a binding before it and the flags at the end."""


@dataclass(frozen=True, slots=True)
class Tickets:
    """Writes and reads the tickets of one flow."""

    signature: Signature[Written]

    def write(self, at: Position, binding: str) -> str:
        """Return the ticket of a position, for one binding."""
        stage, expires_at, step, account_id, generation, login, passed, skipped, enrolled, stepping_up = at
        whose = (account_id, generation, login, passed, skipped, enrolled + 2 * stepping_up)
        return self.signature.sign((_hashed(binding), stage.value, expires_at, step, *whose))

    def read(self, ticket: object, binding: str, now: float) -> Position | Reason:
        """Return the position, or why there is none."""
        bound_to = _hashed(binding)
        written = self.signature.read(ticket)
        if written is None:
            return Reason.TICKET_INVALID
        if written[0] != bound_to:
            # A ticket that was carried off, or a mistake of the app's, which nothing else tells of.
            _log.info(
                "a ticket was refused: it was issued for another binding; "
                "give the same to begin, resume and submit"
            )
            return Reason.TICKET_INVALID
        _, stage, expires_at, step, account_id, generation, login, passed, skipped, flags = written
        if now >= expires_at:
            return Reason.TICKET_EXPIRED
        whose = (account_id, generation, login, tuple(passed), tuple(skipped))
        return Position(Stage(stage), expires_at, step, *whose, bool(flags & 1), bool(flags & 2))


def _hashed(binding: str) -> str:
    # Half of it is enough: nobody gains by two bindings of their own that collide.
    return owner_of(binding)[:16].hex()
