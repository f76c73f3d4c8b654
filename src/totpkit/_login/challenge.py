"""Create the challenge for a login step, with its prompts, any wait and the last problem."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from totpkit._account.email_code import live_code
from totpkit._account.enrollment import Enrollment, hash_binding
from totpkit._account.record import Record
from totpkit._account.service import Service
from totpkit._login.callbacks import App, FlagOf
from totpkit._login.factors import (
    EmailCode,
    Federated,
    FirstFactor,
    Password,
    RecoveryCode,
    SecondFactor,
    TotpCode,
)
from totpkit._login.prompts import (
    CodePrompt,
    CustomPrompt,
    EmailPrompt,
    EnrollmentPrompt,
    FederatedPrompt,
    PasswordPrompt,
    Prompt,
    RecoveryPrompt,
)
from totpkit._login.results import Challenge, Denied
from totpkit._login.signed import Position, Tickets
from totpkit._login.steps import Steps, find_totp
from totpkit._login.transitions import Event, Stage, after
from totpkit._otp.result import Reason
from totpkit.errors import FlowError


class Request(NamedTuple):
    """A request during a login, with the current position, the application and the time.

    ``ticket`` is the ticket that the browser sent, or ``None`` after the login has moved to another step.
    """

    at: Position
    binding: str
    app: App
    now: float
    ticket: str | None = None

    def __repr__(self) -> str:
        return f"<Request at {self.at.stage}>"  # hides binding and ticket


def deny(stage: Stage, reason: Reason) -> Denied:
    """End a login."""
    after(stage, Event.END)
    return Denied(reason)


@dataclass(frozen=True, slots=True)
class FirstChallenge:
    """Creates challenges for the first step of a flow."""

    steps: Steps
    tickets: Tickets

    async def show(self, request: Request, problem: Reason | None = None) -> Challenge:
        """Return a challenge for the first step, with the problem in the last answer."""
        prompts = [await _first_prompt(factor, request.app) for factor in self.steps.first]
        return _challenge(self.tickets, request, tuple(prompts), problem, None)


@dataclass(frozen=True, slots=True)
class LaterChallenge:
    """Creates challenges for the later steps of a flow."""

    steps: Steps
    tickets: Tickets
    service: Service

    async def not_offered(self, request: Request) -> Challenge | Denied:
        """Return the challenge again, because the step does not accept this type of answer."""
        after(request.at.stage, Event.NOT_OFFERED)
        return await self.show(request, Reason.NOT_OFFERED)

    async def repeat(
        self,
        request: Request,
        event: Event,
        record: Record,
        problem: Reason | None = None,
        retry_after: float | None = None,
    ) -> Challenge | Denied:
        """Return the challenge again after an event that did not complete the step."""
        after(request.at.stage, event)
        return await self._show(request, record, problem, retry_after)

    async def show(self, request: Request, problem: Reason | None = None) -> Challenge | Denied:
        """Return a challenge for the current step."""
        at = request.at
        record = await self.service.read(at.account_id)
        if record.generation != at.generation:
            return deny(at.stage, Reason.TICKET_INVALID)
        return await self.show_for(request, record, problem)

    async def show_for(
        self, request: Request, record: Record, problem: Reason | None = None
    ) -> Challenge | Denied:
        """Return a challenge for the current step, based on a record that was already loaded."""
        refused = self.service.refuse(request.at.account_id, record)
        if refused is None:
            return await self._show(request, record, problem)
        if refused.reason is Reason.DISABLED:
            return deny(request.at.stage, Reason.DISABLED)
        return await self._show(request, record, problem or refused.reason, refused.retry_after)

    async def _show(
        self, request: Request, record: Record, problem: Reason | None, retry_after: float | None = None
    ) -> Challenge | Denied:
        at, app = request.at, request.app
        factors = self.steps.step(at.step)
        if at.stage is Stage.SECOND:
            prompts = await self._prompts(factors, at, record, app)
            return _challenge(self.tickets, request, prompts, problem, retry_after)
        shown = self.service.pending_enrollment(at.account_id, record, at.binding)
        if shown is None or record.pending is None:
            return deny(at.stage, Reason.EXPIRED)
        totp = find_totp(factors)
        optional = totp is not None and not await ask_flag("required", totp.required, at, app)
        prompt = enrollment_prompt(shown, record.pending.secret.digits, optional=optional)
        return _challenge(self.tickets, request, (prompt,), problem, retry_after)

    async def _prompts(
        self, factors: Iterable[SecondFactor], at: Position, record: Record, app: App
    ) -> tuple[Prompt, ...]:
        prompts = [await self._prompt(factor, at, record, app) for factor in factors]
        return tuple(prompt for prompt in prompts if prompt is not None)

    async def _prompt(self, factor: SecondFactor, at: Position, record: Record, app: App) -> Prompt | None:
        device = record.device
        match factor:
            case TotpCode():
                return None if device is None else CodePrompt(device.secret.digits)
            case RecoveryCode():
                return None if device is None else RecoveryPrompt()
            case EmailCode():
                address = await app.text("address_of", factor.address_of, at.account_id)
                sent = live_code(record, hash_binding(at.binding), self.service.now()) is not None
                return None if address is None else EmailPrompt(address_hint(address), sent)
            case _:
                if not await app.flag("offered", factor.offered, at.account_id):
                    return None
                return _checked_prompt(factor.name, await app.call(factor.prompt, at.account_id))


def enrollment_prompt(shown: Enrollment, digits: int, *, optional: bool) -> EnrollmentPrompt:
    """Create the prompt that shows a secret."""
    return EnrollmentPrompt(uri=shown.uri, secret=shown.secret.grouped(), digits=digits, optional=optional)


def address_hint(address: str) -> str:
    """Mask an email address, so that only its owner can recognize it."""
    name, at, domain = address.rpartition("@")
    return f"{name[:1]}***{at}{domain}" if at else f"{address[:1]}***"


async def ask_flag(name: str, flag: bool | FlagOf, at: Position, app: App) -> bool:  # noqa: FBT001 - the app's own setting
    """Return *flag* if it is a ``bool``, or call it with the account id if it is a function."""
    return flag if isinstance(flag, bool) else await app.flag(name, flag, at.account_id)


def _challenge(
    tickets: Tickets,
    request: Request,
    prompts: tuple[Prompt, ...],
    problem: Reason | None,
    retry_after: float | None,
) -> Challenge:
    """Create a challenge. The ticket stays the same unless the login has moved to another step."""
    return Challenge(
        ticket=request.ticket or tickets.write(request.at, request.binding),
        prompts=prompts,
        problem=problem,
        retry_after=retry_after,
        seconds_left=request.at.expires_at - request.now,
    )


async def _first_prompt(factor: FirstFactor, app: App) -> Prompt:
    match factor:
        case Password():
            return PasswordPrompt()
        case Federated():
            return FederatedPrompt(factor.provider)
        case _:
            return _checked_prompt(factor.name, await app.call(factor.prompt))


def _checked_prompt(name: str, prompt: object) -> CustomPrompt:
    if isinstance(prompt, CustomPrompt):
        return prompt
    raise FlowError(f"the factor {name} must return a CustomPrompt, not {type(prompt).__name__}")
