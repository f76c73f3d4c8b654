"""The service behind both authenticators, written once. Knows neither store nor colour by name.

Each method decides by a pure rule, writes, and then tells. The faces document them.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from totpkit import events
from totpkit._account_id import checked_account_id
from totpkit._attempt import Terms, refusal, unlocked
from totpkit._colour import Colour
from totpkit._enrolling import begun, cancelled, confirmed, owner_of, revoked
from totpkit._enrollment import Enrollment, Status
from totpkit._herald import Herald, attempt_events, resealing_events
from totpkit._ledger import Change, Ledger
from totpkit._otpauth import checked_name
from totpkit._outcome import Accepted, Reason, Rejected
from totpkit._record import Record
from totpkit._recovering import issued, reserved, settled
from totpkit._recovery import RecoverySet, new_recovery_code, read_recovery_code
from totpkit._sealing import IN_USE, PENDING, Sealing
from totpkit._secret import Secret
from totpkit._totp import TOTP
from totpkit._verification import resynced, verified
from totpkit.errors import InvalidParameterError

Answer = Accepted | Rejected


class Accounts:
    """All that an app does with the second factor of its accounts."""

    def __init__(self, ledger: Ledger, herald: Herald, colour: Colour, *, issuer: str) -> None:
        self._ledger = ledger
        self._herald = herald
        self._colour = colour
        self._issuer = checked_name("issuer", issuer)
        self._decoy = TOTP(Secret.generate())

    async def begin_enrollment(self, account_id: str, label: str, binding: str) -> Enrollment:
        sealing, owner = self._sealing(account_id), owner_of(binding)
        make = partial(sealing.new, label, self._issuer, self._ledger.policy)
        change = await self._ledger.change(
            account_id, lambda record, terms: begun(record, owner, terms, make=make)
        )
        expires_at = change.outcome.expires_at
        if change.after is not change.before:
            event = events.EnrollmentBegun(account_id=account_id, at=change.at, expires_at=expires_at)
            await self._herald.tell(event, *resealing_events(change))
        return sealing.shown(change.outcome.provision, PENDING, expires_at)

    async def confirm_enrollment(self, account_id: str, code: str, binding: str) -> Answer:
        sealing, owner = self._sealing(account_id), owner_of(binding)
        change = await self._ledger.change(
            account_id,
            lambda record, terms: confirmed(record, code, owner, terms, promote=sealing.promoted),
            purpose=PENDING,
        )
        replaced = change.before.active is not None
        return await self._answer(
            change,
            lambda _: events.EnrollmentConfirmed(account_id=account_id, at=change.at, replaced=replaced),
        )

    async def cancel_enrollment(self, account_id: str) -> None:
        await self._rewrite(account_id, cancelled)

    async def verify(self, account_id: str, code: str) -> Answer:
        change = await self._ledger.change(
            checked_account_id(account_id), lambda record, terms: verified(record, code, terms)
        )
        if change.outcome == Rejected(Reason.NOT_ENROLLED):
            self._decoy.verify(code, at=change.at, window=self._ledger.policy.window)  # computes as much
        return await self._answer(
            change,
            lambda accepted: events.CodeAccepted(
                account_id=account_id, at=change.at, step=accepted.step, drift=accepted.drift
            ),
        )

    async def resync(self, account_id: str, code1: str, code2: str) -> Answer:
        change = await self._ledger.change(
            checked_account_id(account_id), lambda record, terms: resynced(record, code1, code2, terms)
        )
        return await self._answer(
            change,
            lambda accepted: events.Resynchronized(account_id=account_id, at=change.at, drift=accepted.drift),
        )

    async def issue_recovery_codes(self, account_id: str) -> tuple[str, ...]:
        policy = self._ledger.policy
        read = await self._read(account_id)
        if read.active is None:
            return ()
        codes = tuple(new_recovery_code() for _ in range(policy.recovery_codes))
        hashes = await self._colour.offload(partial(RecoverySet.of, codes, cost=policy.recovery_cost))
        change = await self._rewrite(account_id, lambda record: issued(record, hashes, read.generation))
        if change.after.recovery is not hashes:
            return ()
        event = events.RecoveryCodesIssued(account_id=account_id, at=change.at, count=len(codes))
        await self._herald.tell(event)
        return codes

    async def redeem_recovery_code(self, account_id: str, code: str) -> Answer:
        symbols = read_recovery_code(code)
        first = await self._ledger.change(
            checked_account_id(account_id), lambda record, terms: reserved(record, symbols, terms)
        )
        codes = first.outcome
        if isinstance(codes, Rejected) or symbols is None:
            refused = codes if isinstance(codes, Rejected) else Rejected(Reason.MALFORMED)
            told: Change[Answer] = Change(
                account_id, first.at, first.before, first.after, refused, resealed=first.resealed
            )
            return await self._redeemed(told, 0)
        digest = await self._colour.offload(partial(codes.hash, symbols))
        second = await self._ledger.change(account_id, lambda record, _: settled(record, codes.salt, digest))
        left = 0 if second.after.recovery is None else second.after.recovery.left
        after = second.after if second.outcome else first.after  # others' failures are theirs to tell
        resealed = first.resealed or second.resealed
        told = replace(second, before=first.before, after=after, resealed=resealed)
        return await self._redeemed(told, left)

    async def status(self, account_id: str) -> Status:
        record = await self._read(account_id)
        terms = Terms(self._ledger.policy, self._ledger.now(), self._sealing(account_id).in_use)
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
        active = (await self._read(account_id)).active
        if active is None:
            raise InvalidParameterError("account_id", "must be of an enrolled account: ask status() first")
        shown = self._sealing(account_id).shown(active.provision, IN_USE, None)
        await self._herald.tell(events.ProvisioningShown(account_id=account_id, at=self._ledger.now()))
        return shown

    async def unlock(self, account_id: str) -> None:
        await self._rewrite(account_id, unlocked, events.Unlocked)

    async def revoke(self, account_id: str) -> None:
        await self._rewrite(account_id, revoked, events.Revoked)

    async def forget(self, account_id: str) -> None:
        if await self._ledger.erase(checked_account_id(account_id)):
            await self._herald.tell(events.Forgotten(account_id=account_id, at=self._ledger.now()))

    def _sealing(self, account_id: str) -> Sealing:
        return Sealing(self._ledger.cipher, checked_account_id(account_id))

    async def _read(self, account_id: str) -> Record:
        return await self._ledger.read(checked_account_id(account_id))

    async def _rewrite(
        self, account_id: str, rule: Callable[[Record], Record], event: type[events.Event] | None = None
    ) -> Change[None]:
        change = await self._ledger.change(
            checked_account_id(account_id), lambda record, _: (rule(record), None)
        )
        if event is not None and change.after is not change.before:
            await self._herald.tell(event(account_id=account_id, at=change.at))
        await self._herald.tell(*resealing_events(change))
        return change

    async def _answer(self, change: Change[Answer], accepted: Callable[[Accepted], events.Event]) -> Answer:
        await self._herald.tell(*attempt_events(change, self._ledger.policy.throttle.cap, accepted))
        return change.outcome

    async def _redeemed(self, change: Change[Answer], left: int) -> Answer:
        who, at = change.account_id, change.at
        answer = await self._answer(
            change, lambda _: events.RecoveryCodeUsed(account_id=who, at=at, left=left)
        )
        if answer and left <= self._ledger.policy.recovery_low:
            await self._herald.tell(events.RecoveryCodesLow(account_id=who, at=at, left=left))
        return answer
