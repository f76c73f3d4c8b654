"""What a flow answers. Knows nothing of how it was decided."""

from dataclasses import dataclass, field
from typing import NoReturn, TypeAlias

from totpkit._login.hidden import Hidden
from totpkit._login.prompts import Prompt, Shown
from totpkit._otp.result import Reason
from totpkit.errors import FlowError


class _NoTruth:
    """Has no truth value, so that ``if result:`` lets nobody in."""

    __slots__ = ()

    def __bool__(self) -> NoReturn:
        raise FlowError("a result is no yes or no: match it, or ask isinstance(result, ...)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge(_NoTruth, Hidden):
    """Nobody is logged in yet: show the prompts, and submit the answer with the ticket.

    ``problem`` is what was wrong with the last answer, for the app's logs; a visitor may be
    told its ``public`` form. ``retry_after`` is the seconds to wait before the next try, if
    there is a wait; ``seconds_left`` is how long the ticket still lives.
    """

    ticket: str = field(repr=False)
    prompts: tuple[Prompt, ...]
    problem: Reason | None = None
    retry_after: float | None = None
    seconds_left: float

    def to_dict(self) -> Shown:
        """Return it for a JSON front end; it says of the problem only what a visitor may be told."""
        return {
            "type": "challenge",
            "ticket": self.ticket,
            "prompts": [prompt.to_dict() for prompt in self.prompts],
            "problem": None if self.problem is None else self.problem.public,
            "retry_after": self.retry_after,
            "seconds_left": self.seconds_left,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Authenticated:
    """Somebody has passed every step: log them in, under a new session id.

    ``factors`` names what was passed (``("password", "totp")``), ``methods`` the same by
    RFC 8176 (``("pwd", "otp", "mfa")``), ``skipped`` what was not asked. ``enrolled`` tells
    that this login confirmed a new phone: show recovery codes next. ``failures`` were
    counted since the last success, ``at`` is in Unix seconds. ``proof`` is for
    :class:`SelfService` and for a step-up: keep it in the session, nowhere else.
    """

    account_id: str
    factors: tuple[str, ...]
    methods: tuple[str, ...]
    enrolled: bool = False
    skipped: tuple[str, ...] = ()
    failures: int = 0
    at: float
    proof: str = field(repr=False)

    def to_dict(self) -> Shown:
        """Return it for a JSON front end: whether to show recovery codes next. The rest is the app's."""
        return {"type": "authenticated", "enrolled": self.enrolled}


@dataclass(frozen=True, slots=True)
class Denied(_NoTruth):
    """The login has ended; ``reason`` says why, and ``retry_after`` how many seconds to wait, if known."""

    reason: Reason
    retry_after: float | None = None

    def to_dict(self) -> Shown:
        """Return it for a JSON front end; it says only what a visitor may be told."""
        return {"type": "denied", "problem": self.reason.public, "retry_after": self.retry_after}


Result: TypeAlias = Challenge | Authenticated | Denied
