"""Showing a step as it stands: its prompts, the wait, what was wrong. Knows nothing of answers."""

from collections.abc import Iterable
from dataclasses import dataclass

from totpkit._account.record import Record
from totpkit._account.service import Accounts
from totpkit._login.callbacks import AnswersFlag, App
from totpkit._login.factors import SecondFactor, TotpCode
from totpkit._login.prompting import enrollment_prompt, second_prompts
from totpkit._login.results import Challenge, Denied
from totpkit._login.steps import Plan
from totpkit._login.ticket import Position
from totpkit._login.transitions import Event, Stage, after
from totpkit._login.visit import Doors, Visit, denied
from totpkit._otp.result import Reason


@dataclass(frozen=True, slots=True)
class Asking:
    """Asks for the later steps of a flow."""

    plan: Plan
    doors: Doors
    accounts: Accounts

    async def not_offered(self, visit: Visit) -> Challenge | Denied:
        """Show a step again, after an answer that it does not offer."""
        after(visit.at.stage, Event.NOT_OFFERED)
        return await self.shown(visit, Reason.NOT_OFFERED)

    async def again(
        self,
        visit: Visit,
        event: Event,
        record: Record,
        problem: Reason | None = None,
        retry_after: float | None = None,
    ) -> Challenge | Denied:
        """Show a step again, after an event that changed nothing but the record."""
        after(visit.at.stage, event)
        return await self._ask(visit, record, problem, retry_after)

    async def shown(self, visit: Visit, problem: Reason | None = None) -> Challenge | Denied:
        """Show a step as it stands now."""
        at = visit.at
        record = await self.accounts.read(at.account_id)
        if record.generation != at.generation:
            return denied(at.stage, Reason.TICKET_INVALID)
        return await self.standing(visit, record, problem)

    async def standing(
        self, visit: Visit, record: Record, problem: Reason | None = None
    ) -> Challenge | Denied:
        """Show a step, with the wait that the account stands under."""
        refused = self.accounts.refused(visit.at.account_id, record)
        if refused is None:
            return await self._ask(visit, record, problem)
        if refused.reason is Reason.DISABLED:
            return denied(visit.at.stage, Reason.DISABLED)
        return await self._ask(visit, record, problem or refused.reason, refused.retry_after)

    async def _ask(
        self, visit: Visit, record: Record, problem: Reason | None = None, retry_after: float | None = None
    ) -> Challenge | Denied:
        at, app = visit.at, visit.app
        if at.stage is Stage.SECOND:
            prompts = await second_prompts(self.plan.step(at.step), at, record, self.accounts, app)
            return self.doors.challenge(visit, prompts, problem, retry_after)
        shown = self.accounts.waiting(at.account_id, record, at.owner)
        if shown is None or record.pending is None:
            return denied(at.stage, Reason.EXPIRED)
        totp = totp_in(self.plan.step(at.step))
        optional = totp is not None and not await flag_of("required", totp.required, at, app)
        prompt = enrollment_prompt(shown, record.pending.provision.digits, optional=optional)
        return self.doors.challenge(visit, (prompt,), problem, retry_after)


def totp_in(factors: Iterable[SecondFactor]) -> TotpCode | None:
    """Return the factor that enrolls, if it is among these."""
    return next((factor for factor in factors if isinstance(factor, TotpCode)), None)


async def flag_of(name: str, flag: AnswersFlag | bool, at: Position, app: App) -> bool:  # noqa: FBT001 - it is the app's
    """Return a flag of the app's for the account, or ask the app for it."""
    return flag if isinstance(flag, bool) else await app.flag(name, flag, at.account_id)
