"""The shared logic for sync and async self-service.

The methods are documented in :class:`SelfService`, under the same names.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from totpkit._account.attempts import Restrictions
from totpkit._account.enrollment import Enrollment
from totpkit._account.record import Record
from totpkit._account.service import Service
from totpkit._login.callbacks import App, FlagOf
from totpkit._login.factors import RecoveryCode, TotpCode
from totpkit._login.login import Login
from totpkit._login.results import Confirmed, Denied, NewRecoveryCodes
from totpkit._login.signed import PROOF_LIFETIME, Proof
from totpkit._login.steps import Steps
from totpkit._otp.result import Reason, Rejected
from totpkit._otp.truncation import checked_code
from totpkit._validation import checked_callback, checked_number
from totpkit.errors import FlowError, InvalidParameterError

Requirement: TypeAlias = Callable[[Steps, Proof], bool]
"""Whether the factors of a proof are enough for an operation."""


def device_code(steps: Steps, proof: Proof) -> bool:
    """Require a code from the device, because the operation reveals the device's secret."""
    del steps
    return TotpCode.name in proof.factors


def second_factor(steps: Steps, proof: Proof) -> bool:
    """Require a second factor. A recovery code is accepted, but an emailed code is not."""
    return any(factor.multi for factor in steps.second_factors() if factor.name in proof.factors)


def lasting_factor(steps: Steps, proof: Proof) -> bool:
    """Require a second factor other than a recovery code.

    Someone with a single stolen recovery code must not be able to create a whole new set.
    """
    lasting = [factor for factor in steps.second_factors() if not isinstance(factor, RecoveryCode)]
    return any(factor.multi for factor in lasting if factor.name in proof.factors)


@dataclass(frozen=True, slots=True)
class Admitted:
    """An accepted proof, together with the account's record."""

    proof: Proof
    record: Record

    @property
    def account_id(self) -> str:
        """The account id."""
        return self.proof.account_id

    @property
    def restrictions(self) -> Restrictions:
        """Limit an operation to the credentials that the proof was created for."""
        return Restrictions(self.proof.generation, Reason.PROOF_INVALID, after=self.proof.factors)


@dataclass(frozen=True, slots=True)
class MyAccount:
    """Self-service for accounts in one flow."""

    service: Service
    login: Login
    totp: TotpCode
    allowed: FlagOf
    max_age: float

    async def owner(self, proof: str, app: App) -> str | Denied:
        admitted = await self._admit(proof, app, second_factor)
        return admitted if isinstance(admitted, Denied) else admitted.account_id

    async def provisioning(self, proof: str, app: App) -> Enrollment | Denied:
        admitted = await self._admit(proof, app, device_code)
        if isinstance(admitted, Denied):
            return admitted
        return await self.service.provisioning(admitted.account_id, admitted.record)

    async def begin_enrollment(self, proof: str, app: App) -> Enrollment | Denied:
        admitted = await self._admit_enrollment(proof, app)
        if isinstance(admitted, Denied):
            return admitted
        label = await app.label(self.totp.label_of, admitted.account_id)
        shown = await self.service.begin_enrollment(
            admitted.account_id, label, admitted.proof.binding, admitted.restrictions
        )
        return Denied(shown.reason) if isinstance(shown, Rejected) else shown

    async def confirm_enrollment(self, proof: str, code: str, app: App) -> Confirmed | Rejected | Denied:
        checked_code(code)
        admitted = await self._admit_enrollment(proof, app)
        if isinstance(admitted, Denied):
            return admitted
        update = await self.service.confirm_enrollment(
            admitted.account_id, code, admitted.proof.binding, admitted.restrictions
        )
        outcome = update.outcome
        if isinstance(outcome, Rejected):
            return Denied(outcome.reason) if outcome.reason is Reason.PROOF_INVALID else outcome
        factors = tuple(dict.fromkeys((*admitted.proof.factors, TotpCode.name)))
        renewed = self._renew(admitted.proof._replace(factors=factors), update.after.generation)
        return Confirmed(outcome.step, outcome.drift, renewed)

    async def cancel_enrollment(self, proof: str, app: App) -> Denied | None:
        admitted = await self._admit_enrollment(proof, app)
        if isinstance(admitted, Denied):
            return admitted
        update = await self.service.cancel_enrollment(admitted.account_id, admitted.restrictions)
        return _denied(update.outcome)

    async def new_recovery_codes(self, proof: str, app: App) -> NewRecoveryCodes | Denied:
        admitted = await self._admit(proof, app, lasting_factor)
        if isinstance(admitted, Denied):
            return admitted
        codes, generation = await self.service.issue_recovery_codes(
            admitted.account_id, admitted.restrictions
        )
        if not codes:
            return Denied(Reason.PROOF_INVALID)
        return NewRecoveryCodes.of(codes, self._renew(admitted.proof, generation))

    async def switch_off(self, proof: str, app: App) -> Denied | None:
        admitted = await self._admit(proof, app, second_factor)
        if isinstance(admitted, Denied):
            return admitted
        return _denied((await self.service.revoke(admitted.account_id, admitted.restrictions)).outcome)

    async def _admit_enrollment(self, proof: str, app: App) -> Admitted | Denied:
        admitted = await self._admit(proof, app, second_factor, first_device=True)
        if isinstance(admitted, Denied) or admitted.record.device is not None:
            return admitted
        # A bool says what the login does on its own. A function says who may enroll at all.
        enroll = self.totp.enroll
        if isinstance(enroll, bool) or await app.flag("enroll", enroll, admitted.account_id):
            return admitted
        return Denied(Reason.NOT_ADMITTED)

    async def _admit(
        self, proof: str, app: App, requirement: Requirement, *, first_device: bool = False
    ) -> Admitted | Denied:
        """Check a proof. With *first_device*, an account without a device does not need a second factor."""
        read = self.login.read_proof(proof)
        if isinstance(read, Reason):
            return Denied(read)
        record = await self.service.read(read.account_id)
        enrolls = first_device and record.device is None
        if record.generation != read.generation or not (enrolls or requirement(self.login.steps, read)):
            return Denied(Reason.PROOF_INVALID)
        # Check the age last: PROOF_EXPIRED starts a step-up, which cannot fix the failures above.
        if self.login.now() - read.at > self.max_age:
            return Denied(Reason.PROOF_EXPIRED)
        reason = await self._forbids(read.account_id, record, app, first_device=first_device)
        return Admitted(read, record) if reason is None else Denied(reason)

    async def _forbids(
        self, account_id: str, record: Record, app: App, *, first_device: bool
    ) -> Reason | None:
        if not await app.flag("allowed", self.allowed, account_id):
            return Reason.NOT_ADMITTED
        refused = self.service.refuse(account_id, record)
        if refused is not None and refused.reason is Reason.DISABLED:
            return Reason.DISABLED
        return Reason.NOT_ENROLLED if record.device is None and not first_device else None

    def _renew(self, proof: Proof, generation: int) -> str:
        """Return a proof for the current credentials, with the same login and age as the old proof."""
        return self.login.proofs.write(proof._replace(generation=generation))


def build_my_account(service: Service, login: Login, allowed: FlagOf | None, max_age: float) -> MyAccount:
    """Create the self-service logic for a flow.

    Raises :class:`FlowError` if the flow uses another authenticator or cannot enroll devices, and
    :class:`InvalidParameterError` if *allowed* or *max_age* is invalid.
    """
    if allowed is not None and not callable(allowed):
        raise InvalidParameterError("allowed", f"must be callable or None, not {type(allowed).__name__}")
    totp = login.steps.totp()
    if totp is None or login.steps.service is not service:
        raise FlowError("self-service needs a flow with TotpCode that uses the same authenticator")
    admits = checked_callback("allowed", _everyone if allowed is None else allowed, "account_id")
    return MyAccount(service, login, totp, admits, checked_number("max_age", max_age, 1.0, PROOF_LIFETIME))


def _everyone(account_id: str) -> bool:
    del account_id
    return True


def _denied(outcome: Rejected | None) -> Denied | None:
    return None if outcome is None else Denied(outcome.reason)
