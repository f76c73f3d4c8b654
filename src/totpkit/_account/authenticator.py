"""The sync authenticator. :mod:`totpkit._account.service` contains its logic."""

import time
from collections.abc import Callable
from functools import partial

from totpkit._account.enrollment import Enrollment, Status
from totpkit._account.notify import Notifier
from totpkit._account.policy import Policy
from totpkit._account.records import Records, check_components
from totpkit._account.service import Service
from totpkit._account.sync import (
    SyncRuntime,
    SyncStoreAdapter,
    reject_async,
    run_sync,
    shield_stop_iteration,
)
from totpkit._otp.result import Accepted, Rejected
from totpkit._otp.totp import TOTP
from totpkit._ports import Cipher, Store
from totpkit._validation import Clock
from totpkit.events import Event


class Authenticator:
    """Verifies one-time codes, and makes sure that each code works only once.

    *store* keeps one record per account. *vault* encrypts the secrets before they are stored. Use a
    :class:`totpkit.vault.Vault`, or ``PLAINTEXT`` for no encryption. *issuer* is the name that
    authenticator apps show for your service. *clock* returns the time in Unix seconds. *on_event* is
    called with each :mod:`event <totpkit.events>` after it has happened. If *on_event* raises an
    exception, the exception is logged and the result of the operation stays the same.

    An ``account_id`` is an opaque, stable id from your application, never something that a user typed.
    Account ids must be unique across providers, tenants and apps. An id that is not a ``str`` of 1 to 255
    UTF-8 bytes without control characters raises :class:`InvalidParameterError`.

    Every method raises :class:`StoreError` if the store fails, :class:`RecordError` if the account's
    record is corrupted, and :class:`VaultError` if the account's secret cannot be decrypted. In all three
    cases, no code was accepted. After a :class:`StoreError`, the attempt may have been counted as a
    failure. After the other two errors, nothing was counted.

    The constructor raises :class:`InvalidParameterError` if a component has the wrong type, and
    :class:`FlowError` if a component is async.
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
        check_components(store=store, vault=vault, policy=policy, clock=clock, on_event=on_event)
        reject_async(clock, on_event)
        runtime = SyncRuntime()
        records = Records(SyncStoreAdapter(store), vault, policy, partial(shield_stop_iteration, clock))
        self._service = Service(records, Notifier(runtime, on_event), runtime, issuer=issuer)

    def begin_enrollment(self, account_id: str, *, label: str, binding: str = "") -> Enrollment:
        """Generate a new secret for an authenticator app. It is pending until the user confirms it.

        Show the secret to the user, and call :meth:`confirm_enrollment` with the first code from the app.
        An enrolled device keeps working until the new secret is confirmed.

        *label* is the account name that the authenticator app shows. *binding* identifies the user's
        session, for example by its session id. Calls with the same *binding* return the same secret until
        it expires, by default after 10 minutes. A call with a different *binding* replaces the pending
        secret with a new one, so nobody can confirm a secret that was shown in another session.

        Raises :class:`InvalidParameterError` if authenticator apps cannot show *label*.
        """
        return run_sync(self._service.begin_enrollment(account_id, label, binding))

    def confirm_enrollment(self, account_id: str, code: str, *, binding: str = "") -> Accepted | Rejected:
        """Enroll the pending secret if *code* is correct. The code cannot be used again.

        A wrong code counts as a failed attempt, and the secret stays pending. The reason EXPIRED means
        that the secret has expired or belongs to another *binding*, and it does not count as a failed
        attempt. APP_IGNORED_PARAMETERS means that the authenticator app ignored the algorithm, the number
        of digits or the period in the QR code.
        """
        return run_sync(self._service.confirm_enrollment(account_id, code, binding)).outcome

    def cancel_enrollment(self, account_id: str) -> None:
        """Discard the pending secret, regardless of which session requested it."""
        run_sync(self._service.cancel_enrollment(account_id))

    def import_enrollment(
        self, account_id: str, *, label: str, totp: TOTP, last_step: int | None = None, drift: int = 0
    ) -> bool:
        """Enroll a device that was set up with another program. Return whether it was enrolled.

        *totp* contains the secret and its parameters, which are kept unchanged. *last_step* is the time
        step of the last code that the other program accepted. If you omit *last_step*, all codes that are
        valid at the moment count as used, so no code can be accepted by both programs. If *last_step* is
        in the future, every code is rejected until the clock has passed that step. *drift* is the number
        of time steps by which the device's clock is known to be ahead.

        Returns ``False`` and changes nothing if a device was ever enrolled for the account, or if the
        account was revoked. Running an import twice therefore cannot bring back a lost device. If you
        still want to import a device for the account, call :meth:`forget` first. A successful import
        discards any pending secret but keeps the failure count, so a wait continues and a disabled
        account stays disabled.

        Raises :class:`InvalidParameterError` if *totp* is not a :class:`TOTP` with a ``t0`` of 0, if
        authenticator apps cannot show *label*, or if the policy's ``shortest_secret`` or
        ``longest_period`` does not allow *totp*. *last_step* must not be negative or more than a day in
        the future. This check catches Unix times that are passed by mistake.
        """
        return run_sync(
            self._service.import_enrollment(account_id, label, totp, last_step=last_step, drift=drift)
        )

    def verify(self, account_id: str, code: str) -> Accepted | Rejected:
        """Check a code from the user's device, and mark it as used if it is correct.

        The rejections MISMATCH, MALFORMED and REPLAYED count as failures, but THROTTLED, DISABLED and
        NOT_ENROLLED do not. A correct code resets the failure count (RFC 6238, section 5.2; RFC 4226,
        section 7.3).
        """
        return run_sync(self._service.verify(account_id, code)).outcome

    def resync(self, account_id: str, code1: str, code2: str) -> Accepted | Rejected:
        """Find out how far the device's clock is off, based on two consecutive codes.

        This method implements resynchronization as described in RFC 4226, section 7.4. If it succeeds,
        both codes count as used. The second code can be up to the policy's ``drift_bound`` time steps (10
        by default) away from the current time, and both codes must be newer than the last accepted code.
        With a ``drift_bound`` of 0, as in the RFC and ASVS presets, only the codes for the previous and
        the current time step are accepted, so a wrong clock cannot be corrected.

        Failures count as in :meth:`verify`. A resynchronization does not authenticate the user, so ask
        for another code afterwards.
        """
        return run_sync(self._service.resync(account_id, code1, code2)).outcome

    def issue_recovery_codes(self, account_id: str) -> tuple[str, ...]:
        """Return a new set of recovery codes, which replaces any older set. Show the codes only once.

        Returns an empty tuple if the account has no device, or if another request changes the device or
        the recovery codes at the same time. In that case, older recovery codes stay valid.
        """
        codes, _ = run_sync(self._service.issue_recovery_codes(account_id))
        return codes

    def redeem_recovery_code(self, account_id: str, code: str) -> Accepted | Rejected:
        """Check a recovery code, and mark it as used if it is correct.

        Recovery codes share their failure count and waits with :meth:`verify`. Each attempt computes one
        scrypt hash, unless the account is throttled or disabled. In the result, ``step`` is the time step
        of the last code from the device, which a recovery code does not change (NIST SP 800-63B-4,
        section 3.1.2).
        """
        return run_sync(self._service.redeem_recovery_code(account_id, code)).outcome

    def status(self, account_id: str) -> Status:
        """Return the status of the account's second factor, which contains nothing secret."""
        return run_sync(self._service.status(account_id))

    def provisioning(self, account_id: str) -> Enrollment:
        """Return the enrolled secret exactly as it was first shown, and emit an event.

        Call this only for a user who has just logged in with a code from the device. Raises
        :class:`InvalidParameterError` if the account is not enrolled.
        """
        return run_sync(self._service.provisioning(account_id))

    def reseal(self, account_id: str) -> bool:
        """Encrypt the account's secret with the newest key. Return whether an older key was replaced.

        The secret is also encrypted with the newest key whenever another method writes the record. Before
        you remove an old key, call ``reseal`` for accounts that have not been used recently. The method
        works even if the account is throttled or disabled, and it does not count as an attempt. A pending
        secret is not encrypted again, because it expires soon anyway.

        Raises :class:`VaultError` if the secret cannot be decrypted, which means that an old key is still
        needed. Methods that do not need the secret, such as :meth:`redeem_recovery_code`, do not raise
        this error, because recovery codes must work even if the key is lost.
        """
        return run_sync(self._service.reseal(account_id))

    def unlock(self, account_id: str) -> None:
        """Reset the failure count and end any wait. Used codes stay invalid."""
        run_sync(self._service.unlock(account_id))

    def revoke(self, account_id: str) -> None:
        """Remove the device, any pending secret, the recovery codes and any emailed code.

        Earlier tickets and proofs become invalid even if the account has no device, so every call writes
        to the store and emits an event. The failure count is kept, so a wait continues and a disabled
        account stays disabled. No new device can be confirmed for a disabled account until you call
        :meth:`unlock`.
        """
        run_sync(self._service.revoke(account_id))

    def forget(self, account_id: str) -> None:
        """Delete all stored data for the account, even if its record is corrupted."""
        run_sync(self._service.forget(account_id))


def service_of(auth: Authenticator) -> Service:
    """Return the authenticator's internal service object."""
    return auth._service  # noqa: SLF001 - private to users, not to the package
