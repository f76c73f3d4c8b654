"""The login, written once: reads a ticket, checks the first step, and hands on to the later ones.

Every move goes through the table in :mod:`totpkit._login.transitions`. The faces document
what each method does.
"""

import secrets
from dataclasses import dataclass

from totpkit._account.records import time_by
from totpkit._account_id import checked_account_id
from totpkit._clock import Clock
from totpkit._login.answers import Answer, CustomAnswer, FederatedAnswer, PasswordAnswer, is_answer
from totpkit._login.callbacks import App
from totpkit._login.factors import Federated, FirstFactor, Password
from totpkit._login.finish import Finish
from totpkit._login.later_steps import Later
from totpkit._login.prompting import first_prompts
from totpkit._login.proof import LIFETIME as PROOF_LIFETIME
from totpkit._login.results import Challenge, Denied, Result
from totpkit._login.steps import Plan
from totpkit._login.ticket import FIRST_LIFETIME, LIFETIME, Position
from totpkit._login.transitions import ANSWERS, Event, Stage, after
from totpkit._login.visit import Doors, Visit, denied
from totpkit._otp.result import Reason
from totpkit.errors import FlowError, InvalidParameterError


@dataclass(frozen=True, slots=True)
class Login:
    """The logins of one flow; ``later`` is there if it has more than one step."""

    plan: Plan
    doors: Doors
    finish: Finish
    later: Later | None
    clock: Clock

    async def begin(self, binding: str, app: App) -> Challenge:
        now = time_by(self.clock)
        at = Position(stage=after(Stage.START, Event.BEGIN), expires_at=now + FIRST_LIFETIME)
        return await self._ask(Visit(at, binding, app, now))

    async def begin_step_up(self, proof: str, binding: str, app: App) -> Challenge | Denied:
        if self.later is None:
            raise FlowError("this flow has no second factor to step up by")
        now = time_by(self.clock)
        read = self.finish.proofs.read(proof, now, PROOF_LIFETIME)
        if isinstance(read, Reason):
            return denied(Stage.START, read)
        at = Position(
            stage=Stage.START,
            expires_at=now + LIFETIME,
            account_id=read.account_id,
            generation=read.generation,
            login=_new_login(),
            passed=read.factors[:1],
            stepping_up=True,
        )
        return await self.later.step_up(Visit(at, binding, app, now))

    async def resume(self, ticket: str, binding: str, app: App) -> Challenge | Denied:
        visit = self._visit(ticket, binding, app)
        if isinstance(visit, Denied):
            return visit
        if self.later is None or visit.at.stage is Stage.FIRST:
            return await self._ask(visit)
        return await self.later.asking.shown(visit)

    async def submit(self, ticket: str, answer: Answer, binding: str, app: App) -> Result:
        if not is_answer(answer):
            hint = "must be an answer, which parse_answer makes of what was sent"
            raise InvalidParameterError("answer", f"{hint}, not {type(answer).__name__}")
        visit = self._visit(ticket, binding, app)
        if isinstance(visit, Denied):
            return visit
        if type(answer) not in ANSWERS[visit.at.stage]:
            return await self._not_offered(visit)
        if self.later is None or visit.at.stage is Stage.FIRST:
            return await self._first(visit, answer)
        return await self.later.submit(visit, answer)

    async def unread(self, ticket: str, binding: str, app: App) -> Challenge | Denied:
        """Show a step again, after what is no answer at all."""
        visit = self._visit(ticket, binding, app)
        return visit if isinstance(visit, Denied) else await self._not_offered(visit)

    async def _not_offered(self, visit: Visit) -> Challenge | Denied:
        if self.later is None or visit.at.stage is Stage.FIRST:
            after(visit.at.stage, Event.NOT_OFFERED)
            return await self._ask(visit, Reason.NOT_OFFERED)
        return await self.later.asking.not_offered(visit)

    async def _first(self, visit: Visit, answer: Answer) -> Result:
        factor = _factor_for(self.plan.first, answer)
        if factor is None:
            return await self._not_offered(visit)
        account_id = await _identified(factor, answer, visit.app)
        if account_id is None:
            after(visit.at.stage, Event.WRONG)
            return await self._ask(visit, Reason.WRONG_CREDENTIALS)
        passed = Position(
            stage=visit.at.stage,
            expires_at=visit.now + LIFETIME,
            account_id=account_id,
            login=_new_login(),
            passed=(factor.name,),
        )
        if self.later is None:
            return self.finish.authenticated(visit, passed, failures=0)
        return await self.later.arrive(visit, passed)

    async def _ask(self, visit: Visit, problem: Reason | None = None) -> Challenge:
        return self.doors.challenge(visit, await first_prompts(self.plan.first, visit.app), problem)

    def _visit(self, ticket: str, binding: str, app: App) -> Visit | Denied:
        if isinstance(ticket, Challenge):
            raise InvalidParameterError("ticket", "must be the challenge's ticket, not the challenge")
        now = time_by(self.clock)
        at = self.doors.tickets.read(ticket, binding, now)
        return Denied(at) if isinstance(at, Reason) else Visit(at, binding, app, now, ticket)


async def _identified(factor: FirstFactor, answer: Answer, app: App) -> str | None:
    match factor, answer:
        case Password(), PasswordAnswer(username, password):
            return await app.account_id("check_password", factor.check_password, username, password)
        case Federated(), FederatedAnswer(_, account_id):
            return checked_account_id(account_id)
    return await app.account_id("check", factor.check, answer)


def _factor_for(factors: tuple[FirstFactor, ...], answer: Answer) -> FirstFactor | None:
    """Return the factor of the step that an answer is for."""
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
    return None


def _new_login() -> str:
    return secrets.token_urlsafe(16)
