"""The results of a login and of self-service."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar, Self, TypeAlias

from totpkit._login.prompts import JSONObject, Prompt
from totpkit._otp.result import Accepted, Reason
from totpkit._unpicklable import Unpicklable
from totpkit.errors import FlowError


class _NoTruthValue:
    """Raises an error when it is tested for truth, so that ``if result:`` never lets anyone in.

    The return type of ``__bool__`` is not ``NoReturn``, because type checkers would then treat the code
    after such a test as unreachable and would not check it.
    """

    __slots__ = ()

    def __bool__(self) -> bool:
        raise FlowError("a login result has no truth value; use match or isinstance()")


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge(_NoTruthValue, Unpicklable):
    """The login is not complete yet. Show the prompts, and submit the answer together with the ticket.

    ``problem`` is the reason why the last answer was rejected. It is meant for your logs, so show only
    its ``public`` form to visitors. ``retry_after`` is the number of seconds to wait before the next
    attempt, or ``None``. ``seconds_left`` is the number of seconds until the ticket expires.
    """

    ticket: str = field(repr=False)
    prompts: tuple[Prompt, ...]
    problem: Reason | None = None
    retry_after: float | None = None
    seconds_left: float

    def to_dict(self) -> JSONObject:
        """Return the challenge for a JSON client, with the public form of the problem."""
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
    """The user has passed every step. Log the user in, and start a new session id.

    ``factors`` names the factors that the user passed (``("password", "totp")``), and ``methods``
    contains the matching RFC 8176 values (``("pwd", "otp", "mfa")``). ``skipped`` names the factors that
    the login did not ask for. ``enrolled`` says whether this login confirmed a new device, in which case
    you should show recovery codes next. ``failures`` is the number of failed attempts since the last
    success. ``at`` is the time of the login in Unix seconds. ``proof`` is for :class:`SelfService` and
    step-ups, so keep it in the session and nowhere else.
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
        """Return a dictionary that tells a JSON client whether to show recovery codes next."""
        return {"type": "authenticated", "enrolled": self.enrolled}


@dataclass(frozen=True, slots=True)
class Denied(_NoTruthValue):
    """The login has ended, or an operation is not allowed. ``reason`` says why.

    ``retry_after`` is the number of seconds to wait, if it is known.
    """

    reason: Reason
    retry_after: float | None = None

    def to_dict(self) -> JSONObject:
        """Return the denial for a JSON client, with the public form of the reason."""
        return {"type": "denied", "problem": self.reason.public, "retry_after": self.retry_after}


Result: TypeAlias = Challenge | Authenticated | Denied


@dataclass(frozen=True, slots=True)
class Confirmed(Accepted, Unpicklable):
    """A new device is enrolled. ``proof`` replaces the old proof, which is no longer valid."""

    proof: str = field(default="", repr=False)


class NewRecoveryCodes(tuple[str, ...], Unpicklable):  # noqa: SLOT001 - a subclass of tuple can have no slots
    """New recovery codes. ``proof`` replaces the old proof, which is no longer valid."""

    _instead: ClassVar[str] = "show the codes and keep no copy"
    proof: str

    @classmethod
    def of(cls, codes: Iterable[str], proof: str) -> Self:
        """Return the codes with a proof."""
        new = cls(codes)
        new.proof = proof
        return new

    def to_dict(self) -> JSONObject:
        """Return the codes for a JSON client, which must show them only once."""
        return {"type": "recovery_codes", "codes": list(self)}

    def __repr__(self) -> str:
        return f"<{len(self)} new recovery codes>"
