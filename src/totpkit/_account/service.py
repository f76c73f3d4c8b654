"""The shared logic for the sync and async authenticators, written once as coroutines.

Each method applies a pure rule to the account's record, stores the result, and emits events. The methods
are documented in :class:`Authenticator`, under the same names. Logins and self-service pass their own
:class:`Restrictions`.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeVar, overload

from totpkit import events
from totpkit._account import enrollment, redeem, verify
from totpkit._account.attempts import Answer, Context, Decision, Restrictions, Rule, refuse, unlock
from totpkit._account.enrollment import Enrollment, Status, hash_binding, live_pending
from totpkit._account.notify import Notifier, attempt_events, reseal_events
from totpkit._account.record import PendingDevice, Record
from totpkit._account.records import Records, Update
from totpkit._account.recovery_codes import RecoveryCodeSet, new_recovery_code, read_recovery_code
from totpkit._account.sealing import ENROLLED, PENDING, Sealing
from totpkit._account.sync import Runtime
from totpkit._otp.result import Accepted, Reason, Rejected
from totpkit._otp.secret import Secret
from totpkit._otp.totp import TOTP
from totpkit._otp.truncation import checked_code
from totpkit._otp.uri_syntax import checked_name
from totpkit._validation import checked_account_id
from totpkit.errors import InvalidParameterError

T = TypeVar("T")


class Service:
    """All operations on the second factors of accounts."""

    def __init__(self, records: Records, notifier: Notifier, runtime: Runtime, *, issuer: str) -> None:
        self.records = records
        self.runtime = runtime
        self.issuer = checked_name("issuer", issuer)
        if not issuer:
            raise InvalidParameterError("issuer", "must not be empty: authenticator apps show it")
        self._notifier = notifier
        self._decoy = TOTP(Secret.generate())

    @overload
    async def begin_enrollment(self, account_id: str, label: str, binding: str) -> Enrollment: ...

    @overload
    async def begin_enrollment(
        self, account_id: str, label: str, binding: str, restrictions: Restrictions
    ) -> Enrollment | Rejected: ...

    async def begin_enrollment(
        self, account_id: str, label: str, binding: str, restrictions: Restrictions = Restrictions.NONE
    ) -> Enrollment | Rejected:
        sealing, owner = self._sealing(account_id), hash_binding(binding)
        new_secret = partial(sealing.new, label, self.issuer, self.records.policy)

        def rule(record: Record, context: Context) -> tuple[Record, PendingDevice]:
            return enrollment.begin(record, owner, context, new_secret=new_secret)

        update = await self.records.update(account_id, rule, restrictions)
        pending = update.outcome
        if isinstance(pending, Rejected):
            return pending
        if update.after is not update.before:
            event = events.EnrollmentBegun(account_id=account_id, at=update.at, expires_at=pending.expires_at)
            await self._notifier.notify(event, *reseal_events(update))
        return sealing.show(pending.secret, PENDING, pending.expires_at)

    async def confirm_enrollment(
        self, account_id: str, code: str, binding: str, restrictions: Restrictions = Restrictions.NONE
    ) -> Update[Answer]:
        sealing, owner = self._sealing(account_id), hash_binding(binding)
        checked_code(code)

        def rule(record: Record, context: Context) -> Decision:
            return enrollment.confirm(record, code, owner, context, promote=sealing.promote)

        update = await self.records.update(account_id, rule, restrictions, pending=True)
        replaced = update.before.device is not None
        return await self.notify_attempt(
            update,
            restrictions,
            lambda _: events.EnrollmentConfirmed(account_id=account_id, at=update.at, replaced=replaced),
        )

    async def cancel_enrollment(
        self, account_id: str, restrictions: Restrictions = Restrictions.NONE
    ) -> Update[Rejected | None]:
        return await self._rewrite(account_id, enrollment.cancel, restrictions=restrictions)

    async def import_enrollment(
        self, account_id: str, label: str, totp: TOTP, *, last_step: int | None, drift: int
    ) -> bool:
        sealing = self._sealing(account_id)
        enrollment.check_import(totp, last_step, drift, self._context(sealing))
        secret = sealing.seal(totp, label, self.issuer, ENROLLED)
        rule = partial(enrollment.import_device, totp=totp, secret=secret, last_step=last_step, drift=drift)
        update = await self.records.update(account_id, rule)
        imported = update.outcome is True
        if imported:
            weak = totp.secret.weak
            await self._notifier.notify(
                events.EnrollmentImported(account_id=account_id, at=update.at, weak=weak)
            )
        return imported

    async def verify(
        self, account_id: str, code: str, restrictions: Restrictions = Restrictions.NONE
    ) -> Update[Answer]:
        checked_code(code)
        update = await self.records.update(
            checked_account_id(account_id),
            lambda record, context: verify.verify(record, code, context),
            restrictions,
        )
        if update.outcome == Rejected(Reason.NOT_ENROLLED):
            # Compute as many codes as for an enrolled account. The write can still be noticed.
            self._decoy.verify(code, at=update.at, window=self.records.policy.window)
        return await self.notify_attempt(
            update,
            restrictions,
            lambda accepted: events.CodeAccepted(
                account_id=account_id, at=update.at, step=accepted.step, drift=accepted.drift
            ),
        )

    async def resync(self, account_id: str, code1: str, code2: str) -> Update[Answer]:
        for code in (code1, code2):
            checked_code(code)
        update = await self.records.update(
            checked_account_id(account_id),
            lambda record, context: verify.resync(record, code1, code2, context),
        )
        return await self.notify_attempt(
            update,
            Restrictions.NONE,
            lambda accepted: events.Resynchronized(account_id=account_id, at=update.at, drift=accepted.drift),
        )

    async def issue_recovery_codes(
        self, account_id: str, restrictions: Restrictions = Restrictions.NONE
    ) -> tuple[tuple[str, ...], int]:
        """Return the new codes, if any, and the current generation of the account's record."""
        policy = self.records.policy
        before = await self.read(account_id)
        if before.device is None or restrictions.exclude(before):
            return (), before.generation
        codes = tuple(new_recovery_code() for _ in range(policy.recovery_codes))
        hashes = await self.runtime.offload(partial(RecoveryCodeSet.of, codes, cost=policy.recovery_cost))
        update = await self._rewrite(
            account_id, lambda record: redeem.issue(record, hashes, before.generation)
        )
        if update.after.recovery_codes is not hashes:
            return (), update.after.generation
        await self._notifier.notify(
            events.RecoveryCodesIssued(account_id=account_id, at=update.at, count=len(codes))
        )
        return codes, update.after.generation

    async def redeem_recovery_code(
        self, account_id: str, code: str, restrictions: Restrictions = Restrictions.NONE
    ) -> Update[Answer]:
        symbols = read_recovery_code(code)
        reservation = await self.records.update(
            checked_account_id(account_id),
            lambda record, context: redeem.begin(record, symbols, context),
            restrictions,
        )
        codes = reservation.outcome
        if isinstance(codes, Rejected) or symbols is None:
            rejected = codes if isinstance(codes, Rejected) else Rejected(Reason.MALFORMED)
            return await self._notify_redeemed(reservation.with_outcome(rejected), 0, restrictions)
        digest = await self.runtime.offload(partial(codes.hash, symbols))
        update = await self.records.update(
            account_id,
            lambda record, context: redeem.redeem(record, reservation.after, codes.salt, digest, context),
            restrictions,
        )
        left = 0 if update.after.recovery_codes is None else update.after.recovery_codes.left
        return await self._notify_redeemed(update.following(reservation), left, restrictions)

    async def status(self, account_id: str) -> Status:
        record = await self.read(account_id)
        now = self.records.now()
        refused, pending, device = self.refuse(account_id, record), record.pending, record.device
        return Status(
            enrolled=device is not None,
            pending=pending is not None and now < pending.expires_at,
            retry_after=None if refused is None else refused.retry_after,
            disabled=refused is not None and refused.reason is Reason.DISABLED,
            recovery_codes_left=0 if record.recovery_codes is None else record.recovery_codes.left,
            confirmed_at=None if device is None else device.confirmed_at,
            last_used_at=None if device is None else device.last_used_at,
            failures=record.failures,
        )

    async def provisioning(self, account_id: str, record: Record | None = None) -> Enrollment:
        device = (await self.read(account_id) if record is None else record).device
        if device is None:
            raise InvalidParameterError("account_id", "must be that of an enrolled account; see status()")
        shown = self._sealing(account_id).show(device.secret, ENROLLED, None)
        await self._notifier.notify(events.ProvisioningShown(account_id=account_id, at=self.records.now()))
        return shown

    async def reseal(self, account_id: str) -> bool:
        update = await self._rewrite(account_id, self._sealing(account_id).reseal, events.Resealed)
        return update.after is not update.before

    async def unlock(
        self, account_id: str, restrictions: Restrictions = Restrictions.NONE, *, notify: bool = True
    ) -> None:
        await self._rewrite(account_id, unlock, events.Unlocked if notify else None, restrictions)

    async def revoke(
        self, account_id: str, restrictions: Restrictions = Restrictions.NONE
    ) -> Update[Rejected | None]:
        rule = partial(enrollment.revoke, now=self.records.now())
        return await self._rewrite(account_id, rule, events.Revoked, restrictions)

    async def forget(self, account_id: str) -> None:
        if await self.records.erase(checked_account_id(account_id)):
            await self._notifier.notify(events.Forgotten(account_id=account_id, at=self.records.now()))

    async def read(self, account_id: str) -> Record:
        """Return an account's record."""
        return await self.records.read(checked_account_id(account_id))

    async def update(
        self, account_id: str, rule: Rule[T], restrictions: Restrictions
    ) -> Update[T | Rejected]:
        """Apply a rule for a second factor other than TOTP, such as an emailed code."""
        return await self.records.update(account_id, rule, restrictions)

    async def notify(self, *happened: events.Event) -> None:
        """Report events from another second factor."""
        await self._notifier.notify(*happened)

    def now(self) -> float:
        """Return the current time in Unix seconds."""
        return self.records.now()

    def refuse(self, account_id: str, record: Record) -> Rejected | None:
        """Return a rejection if the account is throttled or disabled, or ``None`` if attempts are allowed."""
        return refuse(record, self._context(self._sealing(account_id)))

    def pending_enrollment(self, account_id: str, record: Record, binding: str) -> Enrollment | None:
        """Return the enrollment that is pending for *binding*, or ``None`` if it has expired."""
        pending = live_pending(record, hash_binding(binding), self.records.now())
        if pending is None:
            return None
        return self._sealing(account_id).show(pending.secret, PENDING, pending.expires_at)

    async def notify_attempt(
        self,
        update: Update[Answer],
        restrictions: Restrictions,
        accepted: Callable[[Accepted], events.Event],
    ) -> Update[Answer]:
        """Report an attempt, and return the update."""
        if not self._notifier.has_listener:
            return update
        cap = self.records.policy.throttle.cap
        await self._notifier.notify(*attempt_events(update, cap, accepted, restrictions.after))
        return update

    def _sealing(self, account_id: str) -> Sealing:
        return Sealing(self.records.cipher, checked_account_id(account_id))

    def _context(self, sealing: Sealing) -> Context:
        return Context(self.records.policy, self.records.now(), sealing.open_enrolled)

    async def _rewrite(
        self,
        account_id: str,
        rule: Callable[[Record], Record],
        event: type[events.Event] | None = None,
        restrictions: Restrictions = Restrictions.NONE,
    ) -> Update[Rejected | None]:
        update = await self.records.update(
            checked_account_id(account_id), lambda record, _: (rule(record), None), restrictions
        )
        if event is not None and update.after is not update.before:
            await self._notifier.notify(event(account_id=account_id, at=update.at))
        await self._notifier.notify(*reseal_events(update))
        return update

    async def _notify_redeemed(
        self, update: Update[Answer], left: int, restrictions: Restrictions
    ) -> Update[Answer]:
        account_id, at = update.account_id, update.at
        await self.notify_attempt(
            update,
            restrictions,
            lambda _: events.RecoveryCodeUsed(account_id=account_id, at=at, left=left),
        )
        if update.outcome and left <= self.records.policy.recovery_low:
            await self._notifier.notify(events.RecoveryCodesLow(account_id=account_id, at=at, left=left))
        return update
