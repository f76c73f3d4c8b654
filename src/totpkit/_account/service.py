"""The service behind both authenticators, written once. Knows neither store nor colour by name.

Each method decides by a pure rule, writes, and then tells. The faces document them.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

from totpkit import events
from totpkit._account.attempts import Terms, refusal, unlocked
from totpkit._account.enrollment import (
    begun,
    cancelled,
    check_import,
    confirmed,
    imported,
    live_pending,
    owner_of,
    revoked,
)
from totpkit._account.enrollment_views import Enrollment, Status
from totpkit._account.notify import Herald, attempt_events, resealing_events
from totpkit._account.record import Pending, Record
from totpkit._account.records import Change, Ledger
from totpkit._account.recovery_codes import RecoverySet, new_recovery_code, read_recovery_code
from totpkit._account.redeem import issued, reserved, settled
from totpkit._account.scope import Rule, Scope
from totpkit._account.sealing import IN_USE, PENDING, Sealing
from totpkit._account.sync import Colour
from totpkit._account.verify import resynced, verified
from totpkit._account_id import checked_account_id
from totpkit._otp.result import Accepted, Reason, Rejected
from totpkit._otp.secret import Secret
from totpkit._otp.totp import TOTP
from totpkit._otp.truncation import checked_code
from totpkit._otp.uri_syntax import checked_name
from totpkit.errors import InvalidParameterError

T = TypeVar("T")

Answer = Accepted | Rejected


class Accounts:
    """All that an app does with the second factor of its accounts; in a login, within its scope."""

    def __init__(self, ledger: Ledger, herald: Herald, colour: Colour, *, issuer: str) -> None:
        self.ledger = ledger
        self.herald = herald
        self.colour = colour
        self.issuer = checked_name("issuer", issuer)
        if not issuer:
            raise InvalidParameterError("issuer", "must not be empty: phones show it above the code")
        self._decoy = TOTP(Secret.generate())

    # What the faces call.

    async def begin_enrollment(self, account_id: str, label: str, binding: str) -> Enrollment:
        change = await self.ledger.change(account_id, self._begun(account_id, label, binding))
        return await self._shown(change, change.outcome)

    async def confirm_enrollment(self, account_id: str, code: str, binding: str) -> Answer:
        return (await self.confirmation(account_id, code, binding, Scope.OPEN)).outcome

    async def cancel_enrollment(self, account_id: str) -> None:
        await self.cancellation(account_id, Scope.OPEN)

    async def import_enrollment(
        self, account_id: str, label: str, totp: TOTP, *, last_step: int | None, drift: int
    ) -> bool:
        check_import(totp, last_step, drift, self._terms(account_id))
        provision = self._sealing(account_id).sealed(totp, label, self.issuer, IN_USE)
        rule = partial(imported, totp=totp, provision=provision, last_step=last_step, drift=drift)
        change = await self.ledger.change(account_id, rule)
        if change.outcome:
            event = events.EnrollmentImported(account_id=account_id, at=change.at, weak=totp.secret.weak)
            await self.herald.tell(event)
        return change.outcome

    async def verify(self, account_id: str, code: str) -> Answer:
        return (await self.verification(account_id, code, Scope.OPEN)).outcome

    async def redeem_recovery_code(self, account_id: str, code: str) -> Answer:
        return (await self.redemption(account_id, code, Scope.OPEN)).outcome

    async def revoke(self, account_id: str) -> None:
        await self.revocation(account_id, Scope.OPEN)

    async def resync(self, account_id: str, code1: str, code2: str) -> Answer:
        for code in (code1, code2):
            checked_code(code)
        change = await self.ledger.change(
            checked_account_id(account_id), lambda record, terms: resynced(record, code1, code2, terms)
        )
        await self.told(
            change,
            Scope.OPEN,
            lambda accepted: events.Resynchronized(account_id=account_id, at=change.at, drift=accepted.drift),
        )
        return change.outcome

    async def issue_recovery_codes(self, account_id: str) -> tuple[str, ...]:
        codes, _ = await self.issuance(account_id, Scope.OPEN)
        return codes

    async def status(self, account_id: str) -> Status:
        record = await self.read(account_id)
        terms = self._terms(account_id)
        refused, pending, active = refusal(record, terms), record.pending, record.active
        return Status(
            enrolled=active is not None,
            pending=pending is not None and terms.now < pending.expires_at,
            retry_after=None if refused is None else refused.retry_after,
            disabled=refused is not None and refused.reason is Reason.DISABLED,
            recovery_codes_left=0 if record.recovery is None else record.recovery.left,
            confirmed_at=None if active is None else active.confirmed_at,
            last_used_at=None if active is None else active.last_used_at,
            failures=record.failures,
        )

    async def provisioning(self, account_id: str) -> Enrollment:
        return await self.provision(account_id, await self.read(account_id))

    async def reseal(self, account_id: str) -> bool:
        change = await self._rewrite(account_id, self._sealing(account_id).renewed, events.Resealed)
        return change.after is not change.before

    async def unlock(self, account_id: str) -> None:
        await self._rewrite(account_id, unlocked, events.Unlocked)

    async def forget(self, account_id: str) -> None:
        if await self.ledger.erase(checked_account_id(account_id)):
            await self.herald.tell(events.Forgotten(account_id=account_id, at=self.ledger.now()))

    # What a login or a self-service calls, within its scope.

    async def enrollment(
        self, account_id: str, label: str, binding: str, scope: Scope
    ) -> Enrollment | Rejected:
        rule = scope.bound(self._begun(account_id, label, binding))
        change = await self.ledger.change(account_id, rule)
        if isinstance(change.outcome, Rejected):
            return change.outcome
        return await self._shown(change, change.outcome)

    async def confirmation(self, account_id: str, code: str, binding: str, scope: Scope) -> Change[Answer]:
        sealing, owner = self._sealing(account_id), owner_of(binding)
        checked_code(code)
        change = await self.ledger.change(
            account_id,
            scope.guarded(
                lambda record, terms: confirmed(record, code, owner, terms, promote=sealing.promoted)
            ),
            purpose=PENDING,
        )
        replaced = change.before.active is not None
        return await self.told(
            change,
            scope,
            lambda _: events.EnrollmentConfirmed(account_id=account_id, at=change.at, replaced=replaced),
        )

    async def cancellation(self, account_id: str, scope: Scope) -> Change[Rejected | None]:
        return await self._rewrite(account_id, cancelled, scope=scope)

    async def forgiveness(self, account_id: str, scope: Scope) -> Change[Rejected | None]:
        return await self._rewrite(account_id, unlocked, scope=scope)

    async def revocation(self, account_id: str, scope: Scope) -> Change[Rejected | None]:
        rule = partial(revoked, now=self.ledger.now())
        return await self._rewrite(account_id, rule, events.Revoked, scope)

    async def verification(self, account_id: str, code: str, scope: Scope) -> Change[Answer]:
        checked_code(code)
        change = await self.ledger.change(
            checked_account_id(account_id), scope.guarded(lambda record, terms: verified(record, code, terms))
        )
        if change.outcome == Rejected(Reason.NOT_ENROLLED):
            self._decoy.verify(code, at=change.at, window=self.ledger.policy.window)  # computes as much
        return await self.told(
            change,
            scope,
            lambda accepted: events.CodeAccepted(
                account_id=account_id, at=change.at, step=accepted.step, drift=accepted.drift
            ),
        )

    async def issuance(self, account_id: str, scope: Scope) -> tuple[tuple[str, ...], int]:
        policy = self.ledger.policy
        read = await self.read(account_id)
        if read.active is None or scope.generation not in {None, read.generation}:
            return (), read.generation
        codes = tuple(new_recovery_code() for _ in range(policy.recovery_codes))
        hashes = await self.colour.offload(partial(RecoverySet.of, codes, cost=policy.recovery_cost))
        change = await self._rewrite(account_id, lambda record: issued(record, hashes, read.generation))
        if change.after.recovery is not hashes:
            return (), change.after.generation
        event = events.RecoveryCodesIssued(account_id=account_id, at=change.at, count=len(codes))
        await self.herald.tell(event)
        return codes, change.after.generation

    async def redemption(self, account_id: str, code: str, scope: Scope) -> Change[Answer]:
        symbols = read_recovery_code(code)
        first = await self.ledger.change(
            checked_account_id(account_id),
            scope.bound(lambda record, terms: reserved(record, symbols, terms)),
        )
        codes = first.outcome
        if isinstance(codes, Rejected) or symbols is None:
            refused = codes if isinstance(codes, Rejected) else Rejected(Reason.MALFORMED)
            told: Change[Answer] = Change(
                account_id, first.at, first.before, first.after, refused, resealed=first.resealed
            )
            return await self._redeemed(told, 0, scope)
        digest = await self.colour.offload(partial(codes.hash, symbols))
        forgive = partial(scope.settled, reserved=first.after)
        second = await self.ledger.change(
            account_id, scope.bound(lambda record, _: settled(record, codes.salt, digest, forgive))
        )
        left = 0 if second.after.recovery is None else second.after.recovery.left
        after = second.after if second.outcome else first.after  # others' failures are theirs to tell
        resealed = first.resealed or second.resealed
        told = replace(second, before=first.before, after=after, resealed=resealed)
        return await self._redeemed(told, left, scope)

    def _sealing(self, account_id: str) -> Sealing:
        return Sealing(self.ledger.cipher, checked_account_id(account_id))

    def _terms(self, account_id: str) -> Terms:
        return Terms(self.ledger.policy, self.ledger.now(), self._sealing(account_id).in_use)

    def _begun(self, account_id: str, label: str, binding: str) -> Rule[Pending]:
        sealing, owner = self._sealing(account_id), owner_of(binding)
        make = partial(sealing.new, label, self.issuer, self.ledger.policy)
        return lambda record, terms: begun(record, owner, terms, make=make)

    async def _shown(self, change: Change[T], pending: Pending) -> Enrollment:
        account_id, expires_at = change.account_id, pending.expires_at
        if change.after is not change.before:
            event = events.EnrollmentBegun(account_id=account_id, at=change.at, expires_at=expires_at)
            await self.herald.tell(event, *resealing_events(change))
        return self._sealing(account_id).shown(pending.provision, PENDING, expires_at)

    async def read(self, account_id: str) -> Record:
        return await self.ledger.read(checked_account_id(account_id))

    async def _rewrite(
        self,
        account_id: str,
        rule: Callable[[Record], Record],
        event: type[events.Event] | None = None,
        scope: Scope = Scope.OPEN,
    ) -> Change[Rejected | None]:
        change = await self.ledger.change(
            checked_account_id(account_id), scope.bound(lambda record, _: (rule(record), None))
        )
        if event is not None and change.after is not change.before:
            await self.herald.tell(event(account_id=account_id, at=change.at))
        await self.herald.tell(*resealing_events(change))
        return change

    async def provision(self, account_id: str, record: Record) -> Enrollment:
        if record.active is None:
            raise InvalidParameterError("account_id", "must be of an enrolled account: ask status() first")
        shown = self._sealing(account_id).shown(record.active.provision, IN_USE, None)
        await self.herald.tell(events.ProvisioningShown(account_id=account_id, at=self.ledger.now()))
        return shown

    def refused(self, account_id: str, record: Record) -> Rejected | None:
        return refusal(record, self._terms(account_id))

    def waiting(self, account_id: str, record: Record, binding: str) -> Enrollment | None:
        pending = live_pending(record, owner_of(binding), self.ledger.now())
        if pending is None:
            return None
        return self._sealing(account_id).shown(pending.provision, PENDING, pending.expires_at)

    async def told(
        self, change: Change[Answer], scope: Scope, accepted: Callable[[Accepted], events.Event]
    ) -> Change[Answer]:
        cap = self.ledger.policy.throttle.cap
        await self.herald.tell(*attempt_events(change, cap, accepted, scope.after))
        return change

    async def _redeemed(self, change: Change[Answer], left: int, scope: Scope) -> Change[Answer]:
        who, at = change.account_id, change.at
        await self.told(change, scope, lambda _: events.RecoveryCodeUsed(account_id=who, at=at, left=left))
        if change.outcome and left <= self.ledger.policy.recovery_low:
            await self.herald.tell(events.RecoveryCodesLow(account_id=who, at=at, left=left))
        return change
