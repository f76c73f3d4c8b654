"""Check second factors other than TOTP and recovery codes: emailed codes and custom factors."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from totpkit import events
from totpkit._account import email_code
from totpkit._account.attempts import Answer, Context, Decision, Restrictions, reserve, settle
from totpkit._account.enrollment import hash_binding
from totpkit._account.record import Record
from totpkit._account.records import Update
from totpkit._account.service import Service
from totpkit._login.callbacks import App
from totpkit._login.factors import EmailCode
from totpkit._login.signed import Position, SigningKeys
from totpkit._otp.result import Accepted, Reason, Rejected
from totpkit._otp.truncation import read_decimal
from totpkit.email import Email
from totpkit.errors import EmailError


@dataclass(frozen=True, slots=True)
class OtherFactors:
    """Sends emailed codes, and checks emailed codes and custom factors.

    Failed attempts count towards the same limit as wrong codes from the account's device.
    """

    service: Service
    keys: SigningKeys

    async def send(
        self, factor: EmailCode, at: Position, restrictions: Restrictions, app: App
    ) -> Update[Rejected | None]:
        """Send a new code by email, or return the reason why it may not be sent.

        Raises :class:`EmailError` if the email could not be sent.
        """
        address = await app.text("address_of", factor.address_of, at.account_id)
        if address is None:
            raise EmailError("the account has no address to send a code to")
        code = f"{secrets.randbelow(10**factor.digits):0{factor.digits}d}"
        digest = self._digests(at, code)[0]
        owner = hash_binding(at.binding)

        def rule(record: Record, context: Context) -> tuple[Record, Rejected | None]:
            return email_code.send(record, digest, owner, factor.limits, context)

        update = await self.service.update(at.account_id, rule, restrictions)
        if update.outcome is None:
            minutes = int(factor.limits.lifetime // 60)
            email = factor.template.render(to=address, code=code, minutes=minutes, issuer=self.service.issuer)
            await self._deliver(factor, at.account_id, email, digest, app)
        return update

    async def verify_emailed(
        self, factor: EmailCode, at: Position, typed: str, restrictions: Restrictions
    ) -> Update[Answer]:
        """Check an emailed code that a visitor typed."""
        number = read_decimal(typed, factor.digits)
        digests = None if number is None else self._digests(at, f"{number:0{factor.digits}d}")
        owner = hash_binding(at.binding)

        def rule(record: Record, context: Context) -> Decision:
            return email_code.verify(record, digests, owner, context)

        update = await self.service.update(at.account_id, rule, restrictions)
        return await self._notify(update, factor.name, restrictions)

    async def verify_custom(
        self, name: str, account_id: str, check: Callable[[], Awaitable[bool]], restrictions: Restrictions
    ) -> Update[Answer]:
        """Check an answer to a custom factor.

        The attempt is counted before the factor checks the answer, so that parallel requests gain no
        extra guesses. If the factor raises an exception, the attempt stays counted.
        """
        reservation = await self.service.update(account_id, reserve, restrictions)
        if reservation.outcome is not None:
            return await self._notify(reservation.with_outcome(reservation.outcome), name, restrictions)
        if not await check():
            return await self._notify(reservation.with_outcome(Rejected(Reason.MISMATCH)), name, restrictions)

        def rule(record: Record, context: Context) -> Decision:
            return settle(record, reservation.after, context), Accepted(0)

        settled = await self.service.update(account_id, rule, restrictions)
        return await self._notify(settled.following(reservation), name, restrictions)

    async def _deliver(
        self, factor: EmailCode, account_id: str, email: Email, digest: bytes, app: App
    ) -> None:
        try:
            returned = await app.runtime.offload(app.bind(factor.mailer, email))
            await app.runtime.call(lambda: returned)  # awaits what an async mailer has returned
        except Exception:  # not BaseException: after a cancelled request the email may be on its way
            await self.service.update(
                account_id,
                lambda record, _: (email_code.unsend(record, digest, factor.limits), None),
                Restrictions.NONE,
            )
            raise
        await self.service.notify(events.CodeEmailed(account_id=account_id, at=self.service.now()))

    async def _notify(
        self, update: Update[Answer], factor: str, restrictions: Restrictions
    ) -> Update[Answer]:
        account_id, at = update.account_id, update.at
        return await self.service.notify_attempt(
            update,
            restrictions,
            lambda _: events.FactorAccepted(account_id=account_id, at=at, factor=factor),
        )

    def _digests(self, at: Position, code: str) -> list[bytes]:
        parts = (b"mail", at.account_id.encode("utf-8"), at.binding.encode("utf-8"), code.encode("ascii"))
        return self.keys.digests(*parts)
