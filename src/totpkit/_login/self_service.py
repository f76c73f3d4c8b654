"""Sync self-service. :mod:`totpkit._login.my_account` contains its logic."""

from totpkit._account.authenticator import Authenticator, service_of
from totpkit._account.enrollment import Enrollment
from totpkit._account.sync import SyncRuntime, reject_async, run_sync
from totpkit._login.auth_flow import AuthFlow, login_of
from totpkit._login.callbacks import App, FlagOf
from totpkit._login.my_account import build_my_account
from totpkit._login.results import Confirmed, Denied, NewRecoveryCodes
from totpkit._otp.result import Rejected
from totpkit._validation import check_type


class SelfService:
    """Lets users manage their own second factor, for example on an account settings page.

    Each method requires the *proof* from an :class:`Authenticated` result. The proof must come from
    *flow*, and it must not be older than *max_age* seconds (300 by default; ASVS 5.0, 7.5.1). If the
    proof is too old, use a step-up to get a new proof. Confirming a device, switching off the second
    factor or creating recovery codes invalidates all earlier proofs. ``allowed(account_id)`` returns
    whether an account can use self-service. By default, all accounts can. The function can also take a
    ``context`` keyword argument.

    Every method can return :class:`Denied` instead of its usual result. PROOF_INVALID means that the
    proof comes from another flow, that the credentials have changed since the login, or that the user did
    not pass enough factors. PROOF_EXPIRED means that the proof is valid but too old. NOT_ADMITTED means
    that ``allowed`` rejected the account, and NOT_ENROLLED means that the account has no device. Raises
    :class:`InvalidParameterError` if a code is not a ``str``.
    """

    def __init__(
        self,
        auth: Authenticator,
        flow: AuthFlow,
        *,
        allowed: FlagOf | None = None,
        max_age: float = 300.0,
    ) -> None:
        check_type("auth", auth, Authenticator)
        check_type("flow", flow, AuthFlow)
        reject_async(allowed)
        self._runtime = SyncRuntime()
        self._my_account = build_my_account(service_of(auth), login_of(flow), allowed, max_age)

    def owner(self, proof: str, *, context: object = None) -> str | Denied:
        """Return the account id from a proof, before you perform a sensitive operation on the account.

        The login must include a second factor other than an emailed code.
        """
        return run_sync(self._my_account.owner(proof, App(self._runtime, context)))

    def provisioning(self, proof: str, *, context: object = None) -> Enrollment | Denied:
        """Return the enrolled secret exactly as it was first shown.

        Requires a login with a code from the device, so that someone with a stolen recovery code cannot
        read the secret.
        """
        return run_sync(self._my_account.provisioning(proof, App(self._runtime, context)))

    def begin_enrollment(self, proof: str, *, context: object = None) -> Enrollment | Denied:
        """Return a new secret for the user's first device or for a replacement device.

        An enrolled device keeps working until the new device is confirmed. Replacing a device requires a
        login with a second factor other than an emailed code. A recovery code is enough, because the user
        may have lost the device. A first device can be enrolled after any login. If the ``enroll``
        parameter of :class:`TotpCode` is a function and it rejects the account, the result is
        NOT_ADMITTED.
        """
        return run_sync(self._my_account.begin_enrollment(proof, App(self._runtime, context)))

    def confirm_enrollment(
        self, proof: str, code: str, *, context: object = None
    ) -> Confirmed | Rejected | Denied:
        """Enroll the new device if *code* is correct. The old device then stops working.

        The old proof is no longer valid, so use the new ``proof`` from the :class:`Confirmed` result. The
        new proof has the same age as the old one.
        """
        return run_sync(self._my_account.confirm_enrollment(proof, code, App(self._runtime, context)))

    def cancel_enrollment(self, proof: str, *, context: object = None) -> Denied | None:
        """Discard the new secret. An enrolled device keeps working."""
        return run_sync(self._my_account.cancel_enrollment(proof, App(self._runtime, context)))

    def new_recovery_codes(self, proof: str, *, context: object = None) -> NewRecoveryCodes | Denied:
        """Return a new set of recovery codes, which replaces any older set. Show the codes only once.

        The result is a ``tuple`` of strings. The old proof is no longer valid, so use the new ``proof``
        from the result. The new proof has the same age as the old one. A login with a recovery code is
        not enough, because someone with a single stolen code could then get a whole new set.
        """
        return run_sync(self._my_account.new_recovery_codes(proof, App(self._runtime, context)))

    def switch_off(self, proof: str, *, context: object = None) -> Denied | None:
        """Remove the device and the recovery codes.

        If the flow requires a device, the user must enroll a new one at the next login.
        """
        return run_sync(self._my_account.switch_off(proof, App(self._runtime, context)))
