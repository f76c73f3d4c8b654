"""The results of a login and of self-service."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar, Self, TypeAlias

from totpkit._login.prompts import JSONObject, Prompt
from totpkit._otp.result import Accepted, Reason
from totpkit._unpicklable import Unpicklable
from totpkit.errors import FlowError


class _NoTruthValue:
    """Raises when it is tested for truth, so that ``if result:`` lets nobody in.

    ``__bool__`` is annotated as returning ``bool``: with ``NoReturn``, type checkers would treat the
    code after the test as unreachable and not check it.
    """

    __slots__ = ()

    def __bool__(self) -> bool:
        raise FlowError("a login result has no truth value; use match or isinstance()")


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge(_NoTruthValue, Unpicklable):
    """Nobody is logged in yet. Show the prompts, and submit the answer together with the ticket.

    ``problem`` is what was wrong with the last answer. It is meant for the app's logs; show visitors
    its ``public`` form. ``retry_after`` is how many seconds to wait before the next attempt, or
    ``None``. ``seconds_left`` is how long the ticket remains valid.
    """

    ticket: str = field(repr=False)
    prompts: tuple[Prompt, ...]
    problem: Reason | None = None
    retry_after: float | None = None
    seconds_left: float

    def to_dict(self) -> JSONObject:
        """Return the challenge for a JSON client, with the problem in its public form."""
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
    """The user has passed every step. Log them in, under a new session id.

    ``factors`` names what was passed (``("password", "totp")``), ``methods`` says the same in RFC 8176
    terms (``("pwd", "otp", "mfa")``), and ``skipped`` names what was not asked for. ``enrolled`` means
    that this login confirmed a new device: show recovery codes next. ``failures`` is how many attempts
    had failed since the last success. ``at`` is in Unix seconds. ``proof`` is for
    :class:`SelfService` and step-ups: keep it in the session and nowhere else.
    """

    account_id: str
    factors: tuple[str, ...]
    methods: tuple[str, ...]
    enrolled: bool = False
    skipped: tuple[str, ...] = ()
    failures: int = 0
    at: float
    proof: str = field(repr=False)

    def to_dict(self) -> JSONObject:
        """Return what a JSON client needs: whether to show recovery codes next."""
        return {"type": "authenticated", "enrolled": self.enrolled}


@dataclass(frozen=True, slots=True)
class Denied(_NoTruthValue):
    """The login has ended, for this ``reason``. ``retry_after`` is how many seconds to wait, if known."""

    reason: Reason
    retry_after: float | None = None

    def to_dict(self) -> JSONObject:
        """Return the denial for a JSON client, with the reason in its public form."""
        return {"type": "denied", "problem": self.reason.public, "retry_after": self.retry_after}


Result: TypeAlias = Challenge | Authenticated | Denied


@dataclass(frozen=True, slots=True)
class Confirmed(Accepted, Unpicklable):
    """A new device is enrolled. ``proof`` replaces the one that ended with the old device."""

    proof: str = field(default="", repr=False)


class NewRecoveryCodes(tuple[str, ...], Unpicklable):  # noqa: SLOT001 - a subclass of tuple can have no slots
    """New recovery codes. ``proof`` replaces the one that ended with the old codes."""

    _instead: ClassVar[str] = "show the codes and keep no copy"
    proof: str

    @classmethod
    def of(cls, codes: Iterable[str], proof: str) -> Self:
        """Return the codes with a proof."""
        new = cls(codes)
        new.proof = proof
        return new

    def to_dict(self) -> JSONObject:
        """Return the codes for a JSON client, which must show them once."""
        return {"type": "recovery_codes", "codes": list(self)}

    def __repr__(self) -> str:
        return f"<{len(self)} new recovery codes>"
