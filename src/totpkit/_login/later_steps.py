"""Handle the later steps of a login: check answers, and decide what comes next."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from totpkit._account.attempts import Answer as Outcome, Restrictions
from totpkit._account.record import Record
from totpkit._account.records import Update
from totpkit._account.service import Service
from totpkit._login.answers import (
    Answer,
    CodeAnswer,
    CustomAnswer,
    EmailAnswer,
    RecoveryAnswer,
    SendEmail,
    SkipAnswer,
)
from totpkit._login.challenge import LaterChallenge, Request, ask_flag, deny
from totpkit._login.factors import EmailCode, RecoveryCode, SecondFactor, TotpCode
from totpkit._login.other_factors import OtherFactors
from totpkit._login.results import Authenticated, Challenge, Denied, Result
from totpkit._login.signed import Position, Proof, Proofs
from totpkit._login.steps import Steps, find_totp
from totpkit._login.transitions import Event, Stage, after
from totpkit._otp.result import Reason, Rejected

T = TypeVar("T")

FACTORS: Mapping[type[Answer], type[SecondFactor]] = {
    CodeAnswer: TotpCode,
    SkipAnswer: TotpCode,
    RecoveryAnswer: RecoveryCode,
    SendEmail: EmailCode,
    EmailAnswer: EmailCode,
}
"""The factor that each answer of a later step is for, except :class:`CustomAnswer`."""

_FINAL = frozenset({Reason.TICKET_INVALID, Reason.DISABLED})
"""Reasons after which no answer to the same ticket can succeed."""


def authenticate(
    steps: Steps, proofs: Proofs, request: Request, passed: Position, failures: int
) -> Authenticated:
    """Create the result of a completed login, including a signed proof."""
    after(passed.stage, Event.COMPLETE)
    proof = Proof(passed.account_id, passed.passed, request.now, passed.generation, passed.login)
    return Authenticated(
        account_id=passed.account_id,
        factors=passed.passed,
        methods=steps.methods(passed.passed),
        enrolled=passed.enrolled,
        skipped=passed.skipped,
        failures=failures,
        at=request.now,
        proof=proofs.write(proof),
    )


@dataclass(frozen=True, slots=True)
class LaterSteps:
    """The later steps of a flow."""

    steps: Steps
    challenge: LaterChallenge
    other_factors: OtherFactors
    proofs: Proofs
    service: Service

    async def arrive(self, request: Request, passed: Position) -> Result:
        """Continue after the first step, based on the account's current record."""
        record = await self.service.read(passed.account_id)
        return await self.advance(request, passed._replace(generation=record.generation), record)

    async def step_up(self, request: Request) -> Challenge | Denied:
        """Start at the second step, unless the credentials have changed since the proof was created."""
        at = request.at
        record = await self.service.read(at.account_id)
        if record.generation != at.generation:
            return deny(at.stage, Reason.PROOF_INVALID)
        result = await self.advance(request, at, record)
        return result if isinstance(result, Challenge | Denied) else deny(at.stage, Reason.NOT_ENROLLED)

    async def submit(self, request: Request, answer: Answer) -> Result:
        """Check an answer."""
        factor = _factor_for(self.steps.step(request.at.step), answer)
        if factor is None:
            return await self.challenge.not_offered(request)
        if isinstance(factor, TotpCode) and request.at.stage is Stage.ENROLLING:
            return await self._submit_enrollment(request, factor, answer)
        if isinstance(factor, EmailCode) and isinstance(answer, SendEmail):
            return await self._send(request, factor)
        if isinstance(answer, CustomAnswer) and not await self._is_offered(request, factor):
            return await self.challenge.not_offered(request)
        return await self._decide(request, factor, await self._verify(request, factor, answer))

    async def advance(
        self, request: Request, passed: Position, record: Record, failures: int | None = None
    ) -> Result:
        """Continue with the next step that needs an answer, or complete the login."""
        if self.steps.is_last(passed.step):
            await self._forgive(passed, record)
            failed = record.failures if failures is None else failures
            return authenticate(self.steps, self.proofs, request, passed, failed)
        at = passed._replace(step=passed.step + 1)
        refused = self.service.refuse(passed.account_id, record)
        if refused is not None and refused.reason is Reason.DISABLED:
            return deny(passed.stage, Reason.DISABLED)
        totp = find_totp(self.steps.step(at.step))
        event = await self._next_event(request, at, record, totp)
        if event is Event.END:
            return deny(passed.stage, Reason.NOT_ENROLLED)
        if event is Event.COMPLETE:
            skipped = at._replace(skipped=(*at.skipped, TotpCode.name))
            return await self.advance(request, skipped, record, failures)
        moved = request._replace(at=at._replace(stage=after(passed.stage, event)), ticket=None)
        if totp is not None and event is Event.ENROLL:
            return await self._begin_enrollment(moved, totp)
        return await self.challenge.show_for(moved, record)

    async def _is_offered(self, request: Request, factor: SecondFactor) -> bool:
        return await request.app.flag("offered", factor.offered, request.at.account_id)

    async def _submit_enrollment(self, request: Request, factor: TotpCode, answer: Answer) -> Result:
        at, app = request.at, request.app
        # Ask again, because the app may have withdrawn an invitation.
        if not await ask_flag("enroll", factor.enroll, at, app):
            return deny(at.stage, Reason.NOT_ENROLLED)
        if isinstance(answer, CodeAnswer):
            update = await self.service.confirm_enrollment(
                at.account_id, answer.code, at.binding, self._restrictions(at)
            )
            return await self._decide(request, factor, update)
        if await ask_flag("required", factor.required, at, app):
            return await self.challenge.not_offered(request)
        record = await self.service.read(at.account_id)
        if record.generation != at.generation or record.device is not None:
            return deny(at.stage, Reason.TICKET_INVALID)
        if self.service.refuse(at.account_id, record) is not None:
            return await self.challenge.show_for(request, record)
        return await self.advance(request, at._replace(skipped=(*at.skipped, factor.name)), record)

    async def _send(self, request: Request, factor: EmailCode) -> Result:
        at = request.at
        update = await self.other_factors.send(factor, at, self._restrictions(at), request.app)
        if update.outcome is not None:
            return await self._reject(request, update, update.outcome)
        return await self.challenge.repeat(request, Event.SENT, update.after)

    async def _verify(self, request: Request, factor: SecondFactor, answer: Answer) -> Update[Outcome]:
        at, restrictions = request.at, self._restrictions(request.at)
        if isinstance(answer, CodeAnswer):
            return await self.service.verify(at.account_id, answer.code, restrictions)
        if isinstance(answer, RecoveryAnswer):
            return await self.service.redeem_recovery_code(at.account_id, answer.code, restrictions)
        if isinstance(answer, EmailAnswer) and isinstance(factor, EmailCode):
            return await self.other_factors.verify_emailed(factor, at, answer.code, restrictions)
        check = partial(request.app.flag, "check", factor.check, at.account_id, answer)
        return await self.other_factors.verify_custom(factor.name, at.account_id, check, restrictions)

    async def _decide(self, request: Request, factor: SecondFactor, update: Update[Outcome]) -> Result:
        if isinstance(update.outcome, Rejected):
            return await self._reject(request, update, update.outcome)
        passed = request.at.after_factor(factor.name, update.after.generation)
        return await self.advance(request, passed, update.after, update.before.failures)

    async def _reject(self, request: Request, update: Update[T], rejected: Rejected) -> Result:
        reason, stage, record = rejected.reason, request.at.stage, update.after
        if reason in _FINAL or (reason is Reason.EXPIRED and stage is Stage.ENROLLING):
            return deny(stage, reason)
        if reason is Reason.NOT_ENROLLED:  # a recovery code, in a step that offers another factor too
            return await self.challenge.not_offered(request)
        wait = self.service.refuse(request.at.account_id, record)
        retry_after = rejected.retry_after or (None if wait is None else wait.retry_after)
        event = Event.WAIT if reason is Reason.THROTTLED else Event.WRONG
        return await self.challenge.repeat(request, event, record, reason, retry_after)

    async def _forgive(self, passed: Position, record: Record) -> None:
        """Reset the failures if the user passed a second factor and the last step was skipped."""
        if record.failures and len(passed.passed) > 1:
            await self.service.unlock(passed.account_id, self._restrictions(passed), notify=False)

    async def _next_event(
        self, request: Request, at: Position, record: Record, totp: TotpCode | None
    ) -> Event:
        """Return the event that follows from the account's state: ASK, ENROLL, COMPLETE or END."""
        if record.device is not None:
            return Event.ASK
        if totp is None:
            only_recovery = all(isinstance(factor, RecoveryCode) for factor in self.steps.step(at.step))
            return Event.END if only_recovery else Event.ASK
        if at.stepping_up:
            return Event.END
        if await ask_flag("enroll", totp.enroll, at, request.app):
            return Event.ENROLL
        return Event.END if await ask_flag("required", totp.required, at, request.app) else Event.COMPLETE

    async def _begin_enrollment(self, request: Request, totp: TotpCode) -> Result:
        """Show a new secret, or show the pending secret again if the login already has one."""
        at = request.at
        label = await request.app.label(totp.label_of, at.account_id)
        shown = await self.service.begin_enrollment(at.account_id, label, at.binding, self._restrictions(at))
        if isinstance(shown, Rejected):
            return deny(at.stage, shown.reason)
        return await self.challenge.show_for(request, await self.service.read(at.account_id))

    def _restrictions(self, at: Position) -> Restrictions:
        return Restrictions(at.generation, Reason.TICKET_INVALID, self.steps.is_last(at.step), at.passed)


def _factor_for(factors: tuple[SecondFactor, ...], answer: Answer) -> SecondFactor | None:
    if isinstance(answer, CustomAnswer):
        own = [factor for factor in factors if not isinstance(factor, tuple(FACTORS.values()))]
        return next((factor for factor in own if factor.name == answer.factor), None)
    return next((factor for factor in factors if isinstance(factor, FACTORS[type(answer)])), None)
