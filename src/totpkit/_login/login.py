"""The shared logic for sync and async logins: read the ticket, and check the first step.

The module :mod:`totpkit._login.later_steps` handles all other steps. Every transition is checked against
the table in :mod:`totpkit._login.transitions`. The methods are documented in :class:`AuthFlow`, under the
same names.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from totpkit._account.records import read_clock
from totpkit._login.answers import Answer, CustomAnswer, FederatedAnswer, PasswordAnswer, is_answer
from totpkit._login.callbacks import App
from totpkit._login.challenge import FirstChallenge, LaterChallenge, Request, deny
from totpkit._login.factors import Federated, FirstFactor, Password
from totpkit._login.later_steps import LaterSteps, authenticate
from totpkit._login.other_factors import OtherFactors
from totpkit._login.results import Challenge, Denied, Result
from totpkit._login.signed import (
    FIRST_STEP_LIFETIME,
    PROOF_LIFETIME,
    TICKET_LIFETIME,
    Position,
    Proof,
    Proofs,
    Signature,
    SigningKeys,
    Tickets,
)
from totpkit._login.steps import Steps
from totpkit._login.transitions import ANSWERS, Event, Stage, after
from totpkit._otp.result import Reason
from totpkit._validation import Clock, checked_account_id
from totpkit.errors import FlowError, InvalidParameterError


@dataclass(frozen=True, slots=True)
class Login:
    """Runs logins for one flow. ``later`` is ``None`` if the flow has only one step."""

    steps: Steps
    tickets: Tickets
    proofs: Proofs
    first: FirstChallenge
    later: LaterSteps | None
    clock: Clock

    async def begin(self, binding: str, app: App) -> Challenge:
        now = self.now()
        at = Position(stage=after(Stage.START, Event.BEGIN), expires_at=now + FIRST_STEP_LIFETIME)
        return await self.first.show(Request(at, binding, app, now))

    async def begin_step_up(self, proof: str, binding: str, app: App) -> Challenge | Denied:
        if self.later is None:
            raise FlowError("this flow has no second factor that a step-up could ask for")
        read = self.read_proof(proof)
        if isinstance(read, Reason):
            return deny(Stage.START, read)
        now = self.now()
        at = Position(
            stage=Stage.START,
            expires_at=now + TICKET_LIFETIME,
            account_id=read.account_id,
            generation=read.generation,
            login=_new_login(),
            passed=read.factors[:1],
            stepping_up=True,
        )
        return await self.later.step_up(Request(at, binding, app, now))

    async def resume(self, ticket: str, binding: str, app: App) -> Challenge | Denied:
        request = self._request(ticket, binding, app)
        if isinstance(request, Denied):
            return request
        if self.later is None or request.at.stage is Stage.FIRST:
            return await self.first.show(request)
        return await self.later.challenge.show(request)

    async def submit(self, ticket: str, answer: Answer, binding: str, app: App) -> Result:
        if not is_answer(answer):
            hint = "must be an answer, such as parse_answer returns"
            raise InvalidParameterError("answer", f"{hint}, not {type(answer).__name__}")
        request = self._request(ticket, binding, app)
        if isinstance(request, Denied):
            return request
        if type(answer) not in ANSWERS[request.at.stage]:
            return await self._not_offered(request)
        if self.later is None or request.at.stage is Stage.FIRST:
            return await self._submit_first(request, answer)
        return await self.later.submit(request, answer)

    async def submit_unreadable(self, ticket: str, binding: str, app: App) -> Challenge | Denied:
        """Show the step again if a visitor sent data that is not a valid answer."""
        request = self._request(ticket, binding, app)
        return request if isinstance(request, Denied) else await self._not_offered(request)

    def now(self) -> float:
        """Return the current time in Unix seconds."""
        return read_clock(self.clock)

    def read_proof(self, proof: object, lifetime: float = PROOF_LIFETIME) -> Proof | Reason:
        """Read a proof, and reject it if it is invalid or more than *lifetime* seconds old."""
        return self.proofs.read(proof, self.now(), lifetime)

    def is_step_up(self, ticket: str, account_id: str) -> bool:
        """Return whether the ticket belongs to a step-up for this account and has no binding."""
        at = self.tickets.read(ticket, "", self.now())
        return isinstance(at, Position) and at.stepping_up and at.account_id == account_id

    async def _not_offered(self, request: Request) -> Challenge | Denied:
        if self.later is None or request.at.stage is Stage.FIRST:
            after(request.at.stage, Event.NOT_OFFERED)
            return await self.first.show(request, Reason.NOT_OFFERED)
        return await self.later.challenge.not_offered(request)

    async def _submit_first(self, request: Request, answer: Answer) -> Result:
        factor = _factor_for(self.steps.first, answer)
        if factor is None:
            return await self._not_offered(request)
        account_id = await _identify(factor, answer, request.app)
        if account_id is None:
            after(request.at.stage, Event.WRONG)
            return await self.first.show(request, Reason.WRONG_CREDENTIALS)
        passed = Position(
            stage=request.at.stage,
            expires_at=request.now + TICKET_LIFETIME,
            account_id=account_id,
            login=_new_login(),
            passed=(factor.name,),
        )
        if self.later is None:
            return authenticate(self.steps, self.proofs, request, passed, failures=0)
        return await self.later.arrive(request, passed)

    def _request(self, ticket: str, binding: str, app: App) -> Request | Denied:
        if isinstance(ticket, Challenge):
            raise InvalidParameterError("ticket", "must be the challenge's ticket, not the challenge")
        now = self.now()
        at = self.tickets.read(ticket, binding, now)
        return Denied(at) if isinstance(at, Reason) else Request(at, binding, app, now, ticket)


def build_login(steps: Steps, keys: Sequence[bytes], clock: Clock) -> Login:
    """Create the login logic for a flow."""
    signing = SigningKeys(keys)
    flow = (steps.name.encode("utf-8"), steps.shape.encode("ascii"))
    tickets = Tickets(Signature(signing.derive(b"ticket", *flow)))
    proofs = Proofs(Signature(signing.derive(b"proof", *flow)))
    later = None
    if steps.service is not None:
        challenge = LaterChallenge(steps, tickets, steps.service)
        other_factors = OtherFactors(steps.service, signing)
        later = LaterSteps(steps, challenge, other_factors, proofs, steps.service)
    return Login(steps, tickets, proofs, FirstChallenge(steps, tickets), later, clock)


async def _identify(factor: FirstFactor, answer: Answer, app: App) -> str | None:
    """Check the answer to a first factor, and return the account id."""
    match factor, answer:
        case Password(), PasswordAnswer(username, password):
            return await app.account_id("check_password", factor.check_password, username, password)
        case Federated(), FederatedAnswer(_, account_id):
            return checked_account_id(account_id)
        case _:
            return await app.account_id("check", factor.check, answer)


def _factor_for(factors: tuple[FirstFactor, ...], answer: Answer) -> FirstFactor | None:
    for factor in factors:
        match factor, answer:
            case Password(), PasswordAnswer():
                return factor
            case Federated(provider=known), FederatedAnswer(provider=named) if known == named:
                return factor
            case ((Password() | Federated()), _):
                continue
            case FirstFactor(name=known), CustomAnswer(factor=named) if known == named:
                return factor
            case _:
                continue
    return None


def _new_login() -> str:
    return secrets.token_urlsafe(16)
