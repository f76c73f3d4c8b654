"""The steps after the first: what an answer is worth, and what comes next. Knows no store, no face."""

from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from totpkit._account.record import Record
from totpkit._account.records import Change
from totpkit._account.scope import Scope
from totpkit._login.answers import (
    Answer,
    CodeAnswer,
    CustomAnswer,
    EmailAnswer,
    RecoveryAnswer,
    SendEmail,
    SkipAnswer,
)
from totpkit._login.asking import Asking, flag_of, totp_in
from totpkit._login.factors import EmailCode, RecoveryCode, SecondFactor, TotpCode
from totpkit._login.finish import Finish
from totpkit._login.other_factors import Checks
from totpkit._login.results import Challenge, Denied, Result
from totpkit._login.steps import Plan
from totpkit._login.ticket import Position
from totpkit._login.transitions import Event, Stage, after
from totpkit._login.visit import Visit, denied
from totpkit._otp.result import Accepted, Reason, Rejected

T = TypeVar("T")

_ENDS = frozenset({Reason.TICKET_INVALID, Reason.DISABLED})
"""Reasons after which no other answer to this ticket could pass."""


@dataclass(frozen=True, slots=True)
class Later:
    """The later steps of a flow's logins."""

    plan: Plan
    asking: Asking
    checks: Checks
    finish: Finish

    async def arrive(self, visit: Visit, passed: Position) -> Result:
        """Go on from the first step, for the account as it stands now."""
        record = await self.checks.accounts.read(passed.account_id)
        return await self.onward(visit, passed._replace(generation=record.generation), record)

    async def step_up(self, visit: Visit) -> Challenge | Denied:
        """Begin at the second step, unless the credential has changed since the proof."""
        at = visit.at
        record = await self.checks.accounts.read(at.account_id)
        if record.generation != at.generation:
            return denied(at.stage, Reason.PROOF_INVALID)
        arrived = await self.onward(visit, at, record)
        return arrived if isinstance(arrived, Challenge | Denied) else denied(at.stage, Reason.NOT_ENROLLED)

    async def submit(self, visit: Visit, answer: Answer) -> Result:
        """Check an answer."""
        factor = _factor_for(self.plan.step(visit.at.step), answer)
        if factor is None:
            return await self.asking.not_offered(visit)
        if isinstance(factor, TotpCode) and visit.at.stage is Stage.ENROLLING:
            return await self._enrolling(visit, factor, answer)
        if isinstance(factor, EmailCode) and isinstance(answer, SendEmail):
            return await self._send(visit, factor)
        if isinstance(answer, CustomAnswer) and not await self._offered(visit, factor):
            return await self.asking.not_offered(visit)
        return await self._judged(visit, factor, await self._checked(visit, factor, answer))

    async def _offered(self, visit: Visit, factor: SecondFactor) -> bool:
        return await visit.app.flag("offered", factor.offered, visit.at.account_id)

    async def _enrolling(self, visit: Visit, factor: TotpCode, answer: Answer) -> Result:
        at, app = visit.at, visit.app
        # Asked again, since an invitation may have been taken back.
        if not await flag_of("enroll", factor.enroll, at, app):
            return denied(at.stage, Reason.NOT_ENROLLED)
        if isinstance(answer, CodeAnswer):
            scope = self._scope(at)
            change = await self.checks.accounts.confirmation(at.account_id, answer.code, at.owner, scope)
            return await self._judged(visit, factor, change)
        if await flag_of("required", factor.required, at, app):
            return await self.asking.not_offered(visit)
        record = await self.checks.accounts.read(at.account_id)
        if record.generation != at.generation or record.active is not None:
            return denied(at.stage, Reason.TICKET_INVALID)
        if self.checks.accounts.refused(at.account_id, record) is not None:
            return await self.asking.standing(visit, record)
        return await self.onward(visit, at._replace(skipped=(*at.skipped, factor.name)), record)

    async def _send(self, visit: Visit, factor: EmailCode) -> Result:
        at = visit.at
        change = await self.checks.send(factor, at.account_id, at.owner, self._scope(at), visit.app)
        if change.outcome is not None:
            return await self._refused(visit, change, change.outcome)
        return await self.asking.again(visit, Event.SENT, change.after)

    async def _checked(
        self, visit: Visit, factor: SecondFactor, answer: Answer
    ) -> Change[Accepted | Rejected]:
        at, scope = visit.at, self._scope(visit.at)
        if isinstance(answer, CodeAnswer):
            return await self.checks.accounts.verification(at.account_id, answer.code, scope)
        if isinstance(answer, RecoveryAnswer):
            return await self.checks.accounts.redemption(at.account_id, answer.code, scope)
        if isinstance(answer, EmailAnswer) and isinstance(factor, EmailCode):
            return await self.checks.check_mailed(factor, at.account_id, answer.code, at.owner, scope)
        check = partial(visit.app.flag, "check", factor.check, at.account_id, answer)
        return await self.checks.check_custom(factor.name, at.account_id, check, scope)

    async def _judged(
        self, visit: Visit, factor: SecondFactor, change: Change[Accepted | Rejected]
    ) -> Result:
        if isinstance(change.outcome, Rejected):
            return await self._refused(visit, change, change.outcome)
        passed = visit.at.past(factor.name, change.after.generation)
        return await self.onward(visit, passed, change.after, change.before.failures)

    async def _refused(self, visit: Visit, change: Change[T], refused: Rejected) -> Result:
        reason, stage, record = refused.reason, visit.at.stage, change.after
        if reason in _ENDS or (reason is Reason.EXPIRED and stage is Stage.ENROLLING):
            return denied(stage, reason)
        if reason is Reason.NOT_ENROLLED:  # a recovery code, in a step that another factor keeps open
            return await self.asking.not_offered(visit)
        wait = self.checks.accounts.refused(visit.at.account_id, record)
        retry_after = refused.retry_after or (None if wait is None else wait.retry_after)
        event = Event.WAIT if reason is Reason.THROTTLED else Event.WRONG
        return await self.asking.again(visit, event, record, reason, retry_after)

    async def onward(
        self, visit: Visit, passed: Position, record: Record, failures: int | None = None
    ) -> Result:
        """Go on from a step that is passed: to the next one that asks for something."""
        if passed.step == len(self.plan.then):
            await self._forgive(passed, record)
            return self.finish.authenticated(visit, passed, record.failures if failures is None else failures)
        at = passed._replace(step=passed.step + 1)
        refused = self.checks.accounts.refused(passed.account_id, record)
        if refused is not None and refused.reason is Reason.DISABLED:
            return denied(passed.stage, Reason.DISABLED)
        totp = totp_in(self.plan.step(at.step))
        event = await self._asks(visit, at, record, totp)
        if event is Event.END:
            return denied(passed.stage, Reason.NOT_ENROLLED)
        if event is Event.COMPLETE:
            return await self.onward(
                visit, at._replace(skipped=(*at.skipped, TotpCode.name)), record, failures
            )
        arrived = visit._replace(at=at._replace(stage=after(passed.stage, event)), ticket=None)
        if totp is not None and event is Event.ENROLL:
            return await self._enroll(arrived, totp)
        return await self.asking.standing(arrived, record)

    async def _forgive(self, passed: Position, record: Record) -> None:
        """Forget the failures where the last step asked nothing, if a second factor was passed before it."""
        if record.failures and len(passed.passed) > 1:
            await self.checks.accounts.forgiveness(passed.account_id, self._scope(passed))

    async def _asks(self, visit: Visit, at: Position, record: Record, totp: TotpCode | None) -> Event:
        """Return what a step asks of the account: ASK, ENROLL, COMPLETE for nothing, or END."""
        if record.active is not None:
            return Event.ASK
        if totp is None:
            only_recovery = all(isinstance(factor, RecoveryCode) for factor in self.plan.step(at.step))
            return Event.END if only_recovery else Event.ASK
        if at.stepping_up:
            return Event.END
        if await flag_of("enroll", totp.enroll, at, visit.app):
            return Event.ENROLL
        return Event.END if await flag_of("required", totp.required, at, visit.app) else Event.COMPLETE

    async def _enroll(self, visit: Visit, totp: TotpCode) -> Result:
        """Show a new secret, or the one that this login has been shown."""
        at = visit.at
        label = await visit.app.label(totp.label_of, at.account_id)
        shown = await self.checks.accounts.enrollment(at.account_id, label, at.owner, self._scope(at))
        if isinstance(shown, Rejected):
            return denied(at.stage, shown.reason)
        return await self.asking.standing(visit, await self.checks.accounts.read(at.account_id))

    def _scope(self, at: Position) -> Scope:
        return Scope(at.generation, Reason.TICKET_INVALID, self.plan.completes(at.step), at.passed)


def _factor_for(factors: tuple[SecondFactor, ...], answer: Answer) -> SecondFactor | None:
    """Return the factor of a step that an answer is for."""
    match answer:
        case CodeAnswer() | SkipAnswer():
            return totp_in(factors)
        case RecoveryAnswer():
            return next((factor for factor in factors if isinstance(factor, RecoveryCode)), None)
        case SendEmail() | EmailAnswer():
            return next((factor for factor in factors if isinstance(factor, EmailCode)), None)
    own = [factor for factor in factors if not isinstance(factor, TotpCode | RecoveryCode | EmailCode)]
    named = answer.factor if isinstance(answer, CustomAnswer) else None
    return next((factor for factor in own if factor.name == named), None)
