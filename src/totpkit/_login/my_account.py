"""My account, written once: what somebody may do to their own second factor after a full login.

The faces document what each method does.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NoReturn, Self, TypeAlias

from totpkit._account.enrollment_views import Enrollment
from totpkit._account.record import Record
from totpkit._account.records import time_by
from totpkit._account.scope import Scope
from totpkit._account.service import Accounts
from totpkit._login.callbacks import AnswersFlag, App
from totpkit._login.factors import RecoveryCode, TotpCode
from totpkit._login.hidden import Hidden
from totpkit._login.login import Login
from totpkit._login.prompts import Shown
from totpkit._login.proof import LIFETIME, Proof
from totpkit._login.results import Denied
from totpkit._login.steps import Plan
from totpkit._otp.result import Accepted, Reason, Rejected
from totpkit._otp.truncation import checked_code
from totpkit.errors import FlowError


@dataclass(frozen=True, slots=True)
class Confirmed(Accepted, Hidden):
    """A new phone is in use; ``proof`` takes the place of the one that ended with the old credential."""

    proof: str = field(default="", repr=False)


class NewRecoveryCodes(tuple[str, ...]):  # noqa: SLOT001 - what has a length of its own can have none
    """New recovery codes; ``proof`` takes the place of the one that ended with the old ones."""

    proof: str

    @classmethod
    def of(cls, codes: Iterable[str], proof: str) -> Self:
        """Return the codes with a proof."""
        made = cls(codes)
        made.proof = proof
        return made

    def to_dict(self) -> Shown:
        """Return them for a JSON front end, which shows them once."""
        return {"type": "recovery_codes", "codes": list(self)}

    def __repr__(self) -> str:
        return f"<{len(self)} new recovery codes>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("new recovery codes cannot be pickled: show them, and keep none")


@dataclass(frozen=True, slots=True)
class Admitted:
    """Whose proof was accepted, and the record that it is of."""

    proof: Proof
    record: Record

    @property
    def account_id(self) -> str:
        """Whose account it is."""
        return self.proof.account_id

    @property
    def scope(self) -> Scope:
        """The scope of what is done: the credential that the proof is of, and no other."""
        return Scope(self.proof.generation, Reason.PROOF_INVALID, completes=True, after=self.proof.factors)


Needs: TypeAlias = Callable[[Plan, Proof], bool]
"""Whether a proof is enough for something."""


def any_login(plan: Plan, proof: Proof) -> bool:
    """Admit everybody who has logged in."""
    del plan, proof
    return True


def by_phone(plan: Plan, proof: Proof) -> bool:
    """Admit who has logged in with a code of the phone: to them its secret is no news."""
    del plan
    return TotpCode.name in proof.factors


def by_two(plan: Plan, proof: Proof) -> bool:
    """Admit who has logged in with a second factor, a recovery code too; a mailed code is none."""
    return any(factor.multi for factor in plan.seconds() if factor.name in proof.factors)


def by_two_kept(plan: Plan, proof: Proof) -> bool:
    """Admit who has logged in with a second factor that lasts: one stolen code must not make ten."""
    lasting = [factor for factor in plan.seconds() if not isinstance(factor, RecoveryCode)]
    return any(factor.multi for factor in lasting if factor.name in proof.factors)


@dataclass(frozen=True, slots=True)
class Desk:
    """Self-service for the accounts of one flow."""

    accounts: Accounts
    login: Login
    totp: TotpCode
    allowed: AnswersFlag
    max_age: float

    async def owner(self, proof: str, app: App) -> str | Denied:
        by = await self._admitted(proof, app, by_two)
        return by if isinstance(by, Denied) else by.account_id

    async def provisioning(self, proof: str, app: App) -> Enrollment | Denied:
        by = await self._admitted(proof, app, by_phone)
        return by if isinstance(by, Denied) else await self.accounts.provision(by.account_id, by.record)

    async def begin_replacement(self, proof: str, app: App) -> Enrollment | Denied:
        by = await self._admitted(proof, app, by_two)
        return by if isinstance(by, Denied) else await self._begun(by, app)

    async def enroll(self, proof: str, app: App) -> Enrollment | Denied:
        by = await self._may_enroll(proof, app)
        return by if isinstance(by, Denied) else await self._begun(by, app)

    async def confirm(self, proof: str, code: str, app: App) -> Confirmed | Rejected | Denied:
        checked_code(code)
        by = await self._may_enroll(proof, app)
        return by if isinstance(by, Denied) else await self._confirmed(by, code)

    async def confirm_replacement(self, proof: str, code: str, app: App) -> Confirmed | Rejected | Denied:
        checked_code(code)
        by = await self._admitted(proof, app, by_two)
        return by if isinstance(by, Denied) else await self._confirmed(by, code)

    async def cancel_replacement(self, proof: str, app: App) -> Denied | None:
        by = await self._admitted(proof, app, by_two)
        if isinstance(by, Denied):
            return by
        return _ended((await self.accounts.cancellation(by.account_id, by.scope)).outcome)

    async def new_recovery_codes(self, proof: str, app: App) -> NewRecoveryCodes | Denied:
        by = await self._admitted(proof, app, by_two_kept)
        if isinstance(by, Denied):
            return by
        codes, generation = await self.accounts.issuance(by.account_id, by.scope)
        if not codes:
            return Denied(Reason.PROOF_INVALID)
        return NewRecoveryCodes.of(codes, self._renewed(by.proof, generation))

    async def switch_off(self, proof: str, app: App) -> Denied | None:
        by = await self._admitted(proof, app, by_two)
        if isinstance(by, Denied):
            return by
        return _ended((await self.accounts.revocation(by.account_id, by.scope)).outcome)

    async def _may_enroll(self, proof: str, app: App) -> Admitted | Denied:
        by = await self._admitted(proof, app, any_login, enrolled=False)
        # A bool says what the login does by itself; a callable, whom the app lets enroll at all.
        enroll = self.totp.enroll
        if isinstance(by, Denied) or isinstance(enroll, bool):
            return by
        return by if await app.flag("enroll", enroll, by.account_id) else Denied(Reason.NOT_ADMITTED)

    async def _admitted(
        self, proof: str, app: App, needs: Needs, *, enrolled: bool = True
    ) -> Admitted | Denied:
        now = time_by(self.login.clock)
        read = self.login.finish.proofs.read(proof, now, LIFETIME)
        if isinstance(read, Reason):
            return Denied(read)
        record = await self.accounts.read(read.account_id)
        if record.generation != read.generation or not needs(self.login.plan, read):
            return Denied(Reason.PROOF_INVALID)
        if now - read.at > self.max_age:  # only now: it asks for a code, and no code mends what is above
            return Denied(Reason.PROOF_EXPIRED)
        if not await app.flag("allowed", self.allowed, read.account_id):
            return Denied(Reason.NOT_ADMITTED)
        reason = self._in_the_way(read.account_id, record, enrolled=enrolled)
        return Admitted(read, record) if reason is None else Denied(reason)

    def _in_the_way(self, account_id: str, record: Record, *, enrolled: bool) -> Reason | None:
        refused = self.accounts.refused(account_id, record)
        if refused is not None and refused.reason is Reason.DISABLED:
            return Reason.DISABLED
        if enrolled == (record.active is not None):
            return None
        return Reason.NOT_ENROLLED if enrolled else Reason.NOT_OFFERED

    async def _begun(self, by: Admitted, app: App) -> Enrollment | Denied:
        label = await app.label(self.totp.label_of, by.account_id)
        shown = await self.accounts.enrollment(by.account_id, label, by.proof.owner, by.scope)
        return Denied(shown.reason) if isinstance(shown, Rejected) else shown

    async def _confirmed(self, by: Admitted, code: str) -> Confirmed | Rejected | Denied:
        change = await self.accounts.confirmation(by.account_id, code, by.proof.owner, by.scope)
        outcome = change.outcome
        if isinstance(outcome, Rejected):
            return Denied(outcome.reason) if outcome.reason is Reason.PROOF_INVALID else outcome
        factors = tuple(dict.fromkeys((*by.proof.factors, TotpCode.name)))
        renewed = self._renewed(by.proof._replace(factors=factors), change.after.generation)
        return Confirmed(outcome.step, outcome.drift, renewed)

    def _renewed(self, proof: Proof, generation: int) -> str:
        """Return a proof of the same login for the credential as it is now, of the same age."""
        return self.login.finish.proofs.write(proof._replace(generation=generation))


def desk_of(accounts: Accounts, login: Login, allowed: AnswersFlag | None, max_age: float) -> Desk:
    """Put a desk together; :class:`FlowError` if the flow is not the authenticator's, or enrolls nobody."""
    totp = login.plan.totp()
    if totp is None or login.plan.accounts is not accounts:
        raise FlowError("self-service is for a flow with TotpCode, by the same authenticator")
    return Desk(accounts, login, totp, _everybody if allowed is None else allowed, max_age)


def _everybody(account_id: str) -> bool:
    del account_id
    return True


def _ended(outcome: Rejected | None) -> Denied | None:
    return None if outcome is None else Denied(outcome.reason)
