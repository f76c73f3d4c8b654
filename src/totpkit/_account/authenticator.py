"""The two faces of one service: an authenticator to call, and one to await.

They hold no logic: each method hands its coroutine to be driven or awaited.
"""

import time
from collections.abc import Awaitable, Callable
from functools import partial

from totpkit._account.enrollment_views import Enrollment, Status
from totpkit._account.notify import Herald
from totpkit._account.parts import check_parts
from totpkit._account.policy import Policy
from totpkit._account.records import Ledger
from totpkit._account.service import Accounts
from totpkit._account.sync import (
    Inline,
    InlineStore,
    Pending,
    Suspending,
    carry,
    drive,
    refuse_async,
    require_async,
)
from totpkit._clock import Clock
from totpkit._otp.result import Accepted, Rejected
from totpkit._otp.totp import TOTP
from totpkit._ports import AsyncStore, Cipher, Store
from totpkit.events import Event


class Authenticator:
    """Answers "is this code right for this account, and never again", and keeps what that needs.

    *store* holds one record an account; *vault* seals the secrets in it
    (:class:`totpkit.vault.Vault`, or ``PLAINTEXT`` by name). *issuer* is what phones show.
    *clock* returns Unix seconds, and *on_event* is told each :mod:`event <totpkit.events>`
    after it has happened; what it raises is logged and changes nothing.

    An ``account_id`` is the app's opaque, stable id: a ``str`` of 1 to 255 UTF-8 bytes
    without control characters, unique across providers, tenants and apps, and never what
    somebody typed. Anything else raises :class:`InvalidParameterError`.

    Every method raises :class:`StoreError` if the store fails, :class:`RecordError` if the
    record is corrupted and :class:`VaultError` if its secret does not open; then nothing was
    accepted. After the last two nothing was counted either; after a :class:`StoreError` an
    attempt reserved, or one whose answer was lost, may have been. What cannot be a part
    raises :class:`InvalidParameterError` here, and an async one :class:`FlowError`.
    """

    def __init__(
        self,
        store: Store,
        *,
        issuer: str,
        vault: Cipher,
        policy: Policy = Policy.DEFAULT,
        clock: Clock = time.time,
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        check_parts(store=store, vault=vault, policy=policy, clock=clock, on_event=on_event)
        refuse_async(clock, on_event)
        colour = Inline()
        ledger = Ledger(InlineStore(store), vault, policy, partial(carry, clock))
        self._accounts = Accounts(ledger, Herald(colour, on_event), colour, issuer=issuer)

    def begin_enrollment(self, account_id: str, label: str, binding: str = "") -> Enrollment:
        """Make a secret and keep it pending: show it, then confirm it by its first code.

        The credential in use, if there is one, goes on working. The same *binding* (a
        session's id, say) gets the same secret again until it expires, 10 minutes by
        default; another gets a new one in its place, so that a secret shown to one login is
        never the one that another confirms. *label* is what the phone shows.
        """
        return drive(self._accounts.begin_enrollment(account_id, label, binding))

    def confirm_enrollment(self, account_id: str, code: str, binding: str = "") -> Accepted | Rejected:
        """Take the pending secret into use if *code* is its code, and spend that code.

        Under another *binding*, or too late: EXPIRED, not counted. A wrong code leaves the
        secret pending; APP_IGNORED_PARAMETERS says that the phone ignored the algorithm,
        the digits or the period of the QR picture.
        """
        return drive(self._accounts.confirm_enrollment(account_id, code, binding))

    def cancel_enrollment(self, account_id: str) -> None:
        """Drop the pending secret, whoever began it."""
        drive(self._accounts.cancel_enrollment(account_id))

    def import_enrollment(
        self, account_id: str, label: str, totp: TOTP, *, last_step: int | None = None, drift: int = 0
    ) -> bool:
        """Take over a phone that another program enrolled; its secret is in use from then on.

        *totp* has the secret and the parameters, which stay as they are. *last_step* is the
        step of the last code that the other program accepted. If it remembers none, each step
        that the window admits now counts as spent, so that no code is good at both; one
        ahead of the clock lets no code pass until the clock has gone by. *drift* is
        by how many steps the phone's clock is known to be off.

        ``False``, and nothing is changed, if the account has or had a phone here, or was
        revoked: an import that is run once more brings back no phone that was lost. Only
        :meth:`forget` makes way for it. Else a pending secret is dropped, and failures stay:
        a wait goes on, and a disabled account stays disabled.

        Raises :class:`InvalidParameterError` for anything but a :class:`TOTP` with a ``t0``
        of 0, for a *label* that no phone shows, for a *last_step* that is negative or more
        than a day ahead of the clock, as a time in seconds is, and for a secret shorter or a
        period longer than the policy's ``shortest_secret`` and ``longest_period``.
        """
        return drive(
            self._accounts.import_enrollment(account_id, label, totp, last_step=last_step, drift=drift)
        )

    def verify(self, account_id: str, code: str) -> Accepted | Rejected:
        """Answer whether *code* is right for the account, unspent and in time; spend it if so.

        MISMATCH, MALFORMED and REPLAYED count as failures; THROTTLED, DISABLED and
        NOT_ENROLLED do not. A success forgets all failures.
        """
        return drive(self._accounts.verify(account_id, code))

    def resync(self, account_id: str, code1: str, code2: str) -> Accepted | Rejected:
        """Adopt the drift of a clock that is far off, from two consecutive codes; both are spent.

        Source: RFC 4226, section 7.4. Searched are the pairs that end up to the policy's
        ``drift_bound`` steps (10 by default) before and after now, both codes above the last
        step. With a bound of 0, which the RFC and ASVS presets have, that is the pair of the
        step before and the current one: a clock that is off is not found. Failures count as
        those of :meth:`verify` do. It authenticates nobody: ask for a code afterwards.
        """
        return drive(self._accounts.resync(account_id, code1, code2))

    def issue_recovery_codes(self, account_id: str) -> tuple[str, ...]:
        """Return new recovery codes, to be shown once; older ones end.

        The tuple is empty if the account is not enrolled, and if its credential or its
        recovery codes were changed by somebody else meanwhile; then older ones stay.
        """
        return drive(self._accounts.issue_recovery_codes(account_id))

    def redeem_recovery_code(self, account_id: str, code: str) -> Accepted | Rejected:
        """Answer whether *code* is an unspent recovery code, and spend it.

        It shares the failures and waits of :meth:`verify`; each attempt costs one scrypt, and
        no more attempts are hashed than are answered. ``step`` of the answer is the last step
        of the credential, which a recovery code does not move.
        """
        return drive(self._accounts.redeem_recovery_code(account_id, code))

    def status(self, account_id: str) -> Status:
        """Return what an app may show of the account."""
        return drive(self._accounts.status(account_id))

    def provisioning(self, account_id: str) -> Enrollment:
        """Return the secret in use as it was first shown, byte for byte; an event tells of it.

        Only for somebody who has just logged in with it. Raises
        :class:`InvalidParameterError` for an account that is not enrolled.
        """
        return drive(self._accounts.provisioning(account_id))

    def reseal(self, account_id: str) -> bool:
        """Seal the account's secret with the newest key; tell whether an older one had sealed it.

        Every write does so by the way; this is for accounts that nobody uses, before a key is
        dropped. It works during a wait and when disabled, and counts nothing. ``False`` says
        that there was nothing to do, for an account without a credential too. A pending
        secret stays as it is: it expires. What the newest key has sealed is not opened.

        Raises :class:`VaultError` if the secret does not open. Other writes leave it alone
        then and say nothing, since a recovery code must work without the key; but whoever
        rotates keys must learn that this one is still needed.
        """
        return drive(self._accounts.reseal(account_id))

    def unlock(self, account_id: str) -> None:
        """Forget failures and wait; spent codes stay spent."""
        drive(self._accounts.unlock(account_id))

    def revoke(self, account_id: str) -> None:
        """Drop secret, pending secret, recovery codes and mailed code; failures stay.

        All tickets and proofs from before end, of an account without a phone too; so it is
        written and told each time. A wait goes on, and a disabled account stays disabled
        until :meth:`unlock`: a new phone cannot be confirmed before.
        """
        drive(self._accounts.revoke(account_id))

    def forget(self, account_id: str) -> None:
        """Drop everything stored of the account, a corrupted record too."""
        drive(self._accounts.forget(account_id))


class AsyncAuthenticator:
    """:class:`Authenticator`, awaited; it takes an async store and either kind of *on_event*.

    What a method returns has no truth value before it is awaited: a forgotten ``await``
    lets nobody in. Recovery codes are hashed in a worker thread.
    """

    def __init__(
        self,
        store: AsyncStore,
        *,
        issuer: str,
        vault: Cipher,
        policy: Policy = Policy.DEFAULT,
        clock: Clock = time.time,
        on_event: Callable[[Event], Awaitable[None] | None] | None = None,
    ) -> None:
        check_parts(store=store, vault=vault, policy=policy, clock=clock, on_event=on_event)
        refuse_async(clock)
        colour = Suspending()
        ledger = Ledger(require_async(store), vault, policy, clock)
        self._accounts = Accounts(ledger, Herald(colour, on_event), colour, issuer=issuer)

    def begin_enrollment(self, account_id: str, label: str, binding: str = "") -> Pending[Enrollment]:
        """See :meth:`Authenticator.begin_enrollment`."""
        return Pending(self._accounts.begin_enrollment(account_id, label, binding))

    def confirm_enrollment(
        self, account_id: str, code: str, binding: str = ""
    ) -> Pending[Accepted | Rejected]:
        """See :meth:`Authenticator.confirm_enrollment`."""
        return Pending(self._accounts.confirm_enrollment(account_id, code, binding))

    def cancel_enrollment(self, account_id: str) -> Pending[None]:
        """See :meth:`Authenticator.cancel_enrollment`."""
        return Pending(self._accounts.cancel_enrollment(account_id))

    def import_enrollment(
        self, account_id: str, label: str, totp: TOTP, *, last_step: int | None = None, drift: int = 0
    ) -> Pending[bool]:
        """See :meth:`Authenticator.import_enrollment`."""
        return Pending(
            self._accounts.import_enrollment(account_id, label, totp, last_step=last_step, drift=drift)
        )

    def verify(self, account_id: str, code: str) -> Pending[Accepted | Rejected]:
        """See :meth:`Authenticator.verify`."""
        return Pending(self._accounts.verify(account_id, code))

    def resync(self, account_id: str, code1: str, code2: str) -> Pending[Accepted | Rejected]:
        """See :meth:`Authenticator.resync`."""
        return Pending(self._accounts.resync(account_id, code1, code2))

    def issue_recovery_codes(self, account_id: str) -> Pending[tuple[str, ...]]:
        """See :meth:`Authenticator.issue_recovery_codes`."""
        return Pending(self._accounts.issue_recovery_codes(account_id))

    def redeem_recovery_code(self, account_id: str, code: str) -> Pending[Accepted | Rejected]:
        """See :meth:`Authenticator.redeem_recovery_code`."""
        return Pending(self._accounts.redeem_recovery_code(account_id, code))

    def status(self, account_id: str) -> Pending[Status]:
        """See :meth:`Authenticator.status`."""
        return Pending(self._accounts.status(account_id))

    def provisioning(self, account_id: str) -> Pending[Enrollment]:
        """See :meth:`Authenticator.provisioning`."""
        return Pending(self._accounts.provisioning(account_id))

    def reseal(self, account_id: str) -> Pending[bool]:
        """See :meth:`Authenticator.reseal`."""
        return Pending(self._accounts.reseal(account_id))

    def unlock(self, account_id: str) -> Pending[None]:
        """See :meth:`Authenticator.unlock`."""
        return Pending(self._accounts.unlock(account_id))

    def revoke(self, account_id: str) -> Pending[None]:
        """See :meth:`Authenticator.revoke`."""
        return Pending(self._accounts.revoke(account_id))

    def forget(self, account_id: str) -> Pending[None]:
        """See :meth:`Authenticator.forget`."""
        return Pending(self._accounts.forget(account_id))


def service_of(auth: Authenticator | AsyncAuthenticator) -> Accounts:
    """Return the service behind an authenticator, for those built on it."""
    return auth._accounts  # noqa: SLF001 - hidden from users, not from the package
