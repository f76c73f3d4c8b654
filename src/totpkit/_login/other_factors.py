"""Second factors that are no code of a phone: mailed codes, and an app's own. Counted like all others."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from totpkit import events
from totpkit._account.attempts import Terms, failed, refusal
from totpkit._account.email_code import mail_checked, sent, unsent
from totpkit._account.enrollment import owner_of
from totpkit._account.record import Record
from totpkit._account.records import Change
from totpkit._account.scope import Scope
from totpkit._account.service import Accounts
from totpkit._letter import Email
from totpkit._login.callbacks import App
from totpkit._login.factors import EmailCode
from totpkit._login.signed import Signing
from totpkit._otp.decimal import read_decimal
from totpkit._otp.result import Accepted, Reason, Rejected
from totpkit.errors import EmailError

T = TypeVar("T")

Answer = Accepted | Rejected


@dataclass(frozen=True, slots=True)
class Checks:
    """What is counted with the second factor of an account, besides its codes."""

    accounts: Accounts
    signing: Signing

    async def send(
        self, factor: EmailCode, account_id: str, binding: str, scope: Scope, app: App
    ) -> Change[Rejected | None]:
        """Send a new code, or say why not; :class:`EmailError` if it does not leave."""
        address = await app.text("address_of", factor.address_of, account_id)
        if address is None:
            raise EmailError("the account has no address to send a code to")
        code = _new_code(factor.digits)
        digest = self._digests(account_id, binding, code)[0]
        change = await self.accounts.ledger.change(
            account_id,
            scope.bound(lambda record, terms: sent(record, digest, owner_of(binding), factor.terms, terms)),
        )
        if change.outcome is None:
            minutes = int(factor.terms.lifetime // 60)
            mail = factor.template.mail(address, code=code, minutes=minutes, issuer=self.accounts.issuer)
            await self._deliver(factor, account_id, mail, digest, app)
        return change

    async def check_mailed(
        self, factor: EmailCode, account_id: str, typed: str, binding: str, scope: Scope
    ) -> Change[Answer]:
        """Answer a typed code."""
        number = read_decimal(typed, factor.digits)
        digests = None
        if number is not None:
            digests = self._digests(account_id, binding, f"{number:0{factor.digits}d}")
        change = await self.accounts.ledger.change(
            account_id,
            scope.guarded(lambda record, terms: mail_checked(record, digests, owner_of(binding), terms)),
        )
        return await self._told(change, factor.name, scope)

    async def check_custom(
        self, name: str, account_id: str, check: Callable[[], Awaitable[bool]], scope: Scope
    ) -> Change[Answer]:
        """Count the attempt, ask the factor, and settle: so parallel guesses gain nothing.

        If the factor raises, the attempt stays counted.
        """
        first = await self.accounts.ledger.change(account_id, scope.bound(_reserved))
        if first.outcome is not None:
            return await self._told(_with(first, first.outcome), name, scope)
        if not await check():
            return await self._told(_with(first, Rejected(Reason.MISMATCH)), name, scope)
        second = await self.accounts.ledger.change(
            account_id,
            scope.bound(lambda record, _: (scope.settled(record, first.after), Accepted(0))),
        )
        resealed = first.resealed or second.resealed
        told = Change(account_id, second.at, first.before, second.after, second.outcome, resealed=resealed)
        return await self._told(told, name, scope)

    async def _deliver(
        self, factor: EmailCode, account_id: str, mail: Email, digest: bytes, app: App
    ) -> None:
        try:
            answer = await app.colour.offload(partial(factor.mailer, mail))
            await app.colour.call(lambda: answer)  # an async mailer's is still to be awaited
        except Exception:  # of the mailer, and of no cancelled request: that letter may be on its way
            await self.accounts.ledger.change(
                account_id, lambda record, _: (unsent(record, digest, factor.terms), None)
            )
            raise
        await self.accounts.herald.tell(
            events.CodeEmailed(account_id=account_id, at=self.accounts.ledger.now())
        )

    async def _told(self, change: Change[Answer], factor: str, scope: Scope) -> Change[Answer]:
        who, at = change.account_id, change.at
        return await self.accounts.told(
            change, scope, lambda _: events.FactorAccepted(account_id=who, at=at, factor=factor)
        )

    def _digests(self, account_id: str, binding: str, code: str) -> list[bytes]:
        parts = (b"mail", account_id.encode("utf-8"), binding.encode("utf-8"), code.encode("ascii"))
        return self.signing.digests(*parts)


def _reserved(record: Record, terms: Terms) -> tuple[Record, Rejected | None]:
    refused = refusal(record, terms)
    return (record, refused) if refused is not None else (failed(record, terms), None)


def _with(change: Change[T], outcome: Answer) -> Change[Answer]:
    before, after = change.before, change.after
    return Change(change.account_id, change.at, before, after, outcome, resealed=change.resealed)


def _new_code(digits: int) -> str:
    return f"{secrets.randbelow(10**digits):0{digits}d}"
