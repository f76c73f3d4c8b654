"""The async authenticator. :mod:`totpkit._account.service` contains its logic."""

import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from totpkit._account.enrollment import Enrollment, Status
from totpkit._account.notify import Notifier
from totpkit._account.policy import Policy
from totpkit._account.records import Records, Update, check_components
from totpkit._account.service import Service
from totpkit._account.sync import AsyncResult, AsyncRuntime, reject_async, require_async
from totpkit._otp.result import Accepted, Rejected
from totpkit._otp.totp import TOTP
from totpkit._ports import AsyncStore, Cipher
from totpkit._validation import Clock
from totpkit.events import Event

T = TypeVar("T")


class AsyncAuthenticator:
    """The async form of :class:`Authenticator`, with the same methods to await.

    *store* is an :class:`AsyncStore`, such as ``ThreadedStore(SQLiteStore(...))``. *on_event* may be
    a function or a coroutine function. Recovery codes are hashed in a worker thread.

    A method's result has no truth value before it is awaited, so a forgotten ``await`` lets nobody
    in. Errors and account ids are as for :class:`Authenticator`. Raises :class:`FlowError` for a
    sync store.
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
        check_components(store=store, vault=vault, policy=policy, clock=clock, on_event=on_event)
        reject_async(clock)
        runtime = AsyncRuntime()
        records = Records(require_async(store), vault, policy, clock)
        self._service = Service(records, Notifier(runtime, on_event), runtime, issuer=issuer)

    def begin_enrollment(self, account_id: str, *, label: str, binding: str = "") -> AsyncResult[Enrollment]:
        """Generate a secret and keep it pending. Show it to the user, then confirm it with its first code.

        An enrolled device keeps working until then. The same *binding* (a session id, say) gets the
        same secret until it expires, after 10 minutes by default. Any other binding replaces it with a
        new one, so that a secret that was shown to one login is never confirmed by another.
        *label* is what the authenticator app shows for the account.

        Raises :class:`InvalidParameterError` for a *label* that apps cannot show.
        """
        return AsyncResult(self._service.begin_enrollment(account_id, label, binding))

    def confirm_enrollment(
        self, account_id: str, code: str, *, binding: str = ""
    ) -> AsyncResult[Accepted | Rejected]:
        """Enroll the pending secret if *code* is its code, and spend the code.

        A wrong code counts as a failure and leaves the secret pending. EXPIRED, which does not count,
        means that the secret has expired or belongs to another *binding*. APP_IGNORED_PARAMETERS
        means that the app ignored the algorithm, the number of digits or the period of the QR code.
        """
        return AsyncResult(_outcome(partial(self._service.confirm_enrollment, account_id, code, binding)))

    def cancel_enrollment(self, account_id: str) -> AsyncResult[None]:
        """Discard the pending secret, whichever binding it belongs to."""
        return AsyncResult(_nothing(partial(self._service.cancel_enrollment, account_id)))

    def import_enrollment(
        self, account_id: str, *, label: str, totp: TOTP, last_step: int | None = None, drift: int = 0
    ) -> AsyncResult[bool]:
        """Enroll a device that was set up with another program; return whether it was enrolled.

        *totp* has the secret and its parameters, which stay as they are. *last_step* is the step of
        the last code that the other program accepted. Without it, every step that the window admits
        now counts as spent, so that no code works in both programs. A step ahead of the clock
        rejects every code until the clock has passed it. *drift* is how many steps the device's
        clock is known to be ahead.

        Returns ``False`` and changes nothing if the account has or had a device here, or was
        revoked: running an import twice must not bring back a lost device. Only :meth:`forget`
        removes that obstacle. Otherwise a pending secret is discarded. Failures stay, so a wait
        continues and a disabled account stays disabled.

        Raises :class:`InvalidParameterError` for anything but a :class:`TOTP` with a ``t0`` of 0, for
        a *label* that apps cannot show, for a *last_step* that is negative or more than a day ahead
        of the clock (which catches a time in seconds), and for a secret or a period that the
        policy's ``shortest_secret`` and ``longest_period`` do not allow.
        """
        return AsyncResult(
            self._service.import_enrollment(account_id, label, totp, last_step=last_step, drift=drift)
        )

    def verify(self, account_id: str, code: str) -> AsyncResult[Accepted | Rejected]:
        """Return whether *code* is right for the account and unspent, and spend it if so.

        MISMATCH, MALFORMED and REPLAYED count as failures. THROTTLED, DISABLED and NOT_ENROLLED do
        not. A success resets the failure count (RFC 6238, section 5.2; RFC 4226, section 7.3).
        """
        return AsyncResult(_outcome(partial(self._service.verify, account_id, code)))

    def resync(self, account_id: str, code1: str, code2: str) -> AsyncResult[Accepted | Rejected]:
        """Find the drift of a clock that is far off, from two consecutive codes, and spend both.

        RFC 4226, section 7.4. The search covers the pairs that end up to the policy's ``drift_bound``
        steps (10 by default) before or after now, with both codes above the last step. With a bound
        of 0, as in the RFC and ASVS presets, only the pair of the previous and the current step is
        searched, which finds no clock that is off. Failures count as in :meth:`verify`. A
        resynchronization does not authenticate anyone: ask for a code afterwards.
        """
        return AsyncResult(_outcome(partial(self._service.resync, account_id, code1, code2)))

    def issue_recovery_codes(self, account_id: str) -> AsyncResult[tuple[str, ...]]:
        """Return new recovery codes, which replace all older ones. Show them once.

        The tuple is empty if the account is not enrolled, or if its device or its recovery codes
        were changed in the meantime; older codes then stay valid.
        """
        return AsyncResult(_codes(partial(self._service.issue_recovery_codes, account_id)))

    def redeem_recovery_code(self, account_id: str, code: str) -> AsyncResult[Accepted | Rejected]:
        """Return whether *code* is an unspent recovery code, and spend it if so.

        It shares failures and waits with :meth:`verify`. Each attempt costs one scrypt, and no more
        attempts are hashed than the throttle allows. ``step`` of the result is the last step of the
        device, which a recovery code does not change (NIST SP 800-63B-4, section 3.1.2).
        """
        return AsyncResult(_outcome(partial(self._service.redeem_recovery_code, account_id, code)))

    def status(self, account_id: str) -> AsyncResult[Status]:
        """Return what an app may show about the account."""
        return AsyncResult(self._service.status(account_id))

    def provisioning(self, account_id: str) -> AsyncResult[Enrollment]:
        """Return the enrolled secret as it was first shown, byte for byte. An event reports it.

        Use it only for a user who has just logged in with the device. Raises
        :class:`InvalidParameterError` if the account is not enrolled.
        """
        return AsyncResult(self._service.provisioning(account_id))

    def reseal(self, account_id: str) -> AsyncResult[bool]:
        """Seal the account's secret with the newest key; return whether an older key had sealed it.

        Every write does this along the way. Use it for accounts that nobody has used, before you drop
        a key. It works during a wait and for a disabled account, and counts nothing. ``False`` means
        that there was nothing to do. A pending secret is left to expire.

        Raises :class:`VaultError` if the secret cannot be opened. Other writes ignore that, because a
        recovery code must work without the key. When you rotate keys, you need to know that one is
        still in use.
        """
        return AsyncResult(self._service.reseal(account_id))

    def unlock(self, account_id: str) -> AsyncResult[None]:
        """Reset the failure count and end the wait. Spent codes stay spent."""
        return AsyncResult(self._service.unlock(account_id))

    def revoke(self, account_id: str) -> AsyncResult[None]:
        """Remove the device, the pending secret, the recovery codes and the emailed code. Failures stay.

        All earlier tickets and proofs end, even for an account without a device, so each call writes
        and emits an event. A wait continues, and a disabled account stays disabled until
        :meth:`unlock`: no new device can be confirmed before then.
        """
        return AsyncResult(_nothing(partial(self._service.revoke, account_id)))

    def forget(self, account_id: str) -> AsyncResult[None]:
        """Delete everything that is stored about the account, even a corrupted record."""
        return AsyncResult(self._service.forget(account_id))


def async_service_of(auth: AsyncAuthenticator) -> Service:
    """Return the service behind an authenticator, for the login that is built on it."""
    return auth._service  # noqa: SLF001 - private to users, not to the package


# These take functions and not coroutines: if an AsyncResult is closed or cancelled before it starts,
# Python would warn about an inner coroutine that was never awaited.


async def _outcome(operation: Callable[[], Awaitable[Update[T]]]) -> T:
    return (await operation()).outcome


async def _nothing(operation: Callable[[], Awaitable[object]]) -> None:
    await operation()


async def _codes(operation: Callable[[], Awaitable[tuple[T, int]]]) -> T:
    codes, _ = await operation()
    return codes
