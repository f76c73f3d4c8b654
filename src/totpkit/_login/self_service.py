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
    """Lets users manage their own second factor ("my account") with the proof of a full login.

    A *proof* comes from :class:`Authenticated`, must belong to *flow*, and must be at most *max_age*
    seconds old (300 by default; ASVS 5.0, 7.5.1). If it is older, a step-up gets a new one. Confirming
    a device, switching off and new recovery codes end all earlier proofs. ``allowed(account_id)`` says
    which accounts may use self-service, by default all. It may take ``context=``.

    Every method may return :class:`Denied` instead. PROOF_INVALID means that the proof is not from this
    flow, not for the current credential, or not from enough factors. PROOF_EXPIRED means that it would
    be enough but is too old. NOT_ADMITTED comes from ``allowed``, and NOT_ENROLLED means that the
    account has no device. A code that is not a ``str`` raises :class:`InvalidParameterError`.
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
        """Return the account id of a proof, for a sensitive operation of your own on that account.

        A login with a recovery code is enough; one with an emailed code is not.
        """
        return run_sync(self._my_account.owner(proof, App(self._runtime, context)))

    def provisioning(self, proof: str, *, context: object = None) -> Enrollment | Denied:
        """Return the enrolled secret as it was first shown, byte for byte.

        Requires a TOTP login; otherwise this would reveal the secret.
        """
        return run_sync(self._my_account.provisioning(proof, App(self._runtime, context)))

    def begin_enrollment(self, proof: str, *, context: object = None) -> Enrollment | Denied:
        """Return a new secret: for the first device, or for one that replaces the enrolled device.

        The enrolled device works until the new one is confirmed. To replace it, the login needs a
        second factor. A recovery code is enough, because the device may be lost; an emailed code is
        not. For a first device any login is enough, unless ``enroll`` of :class:`TotpCode` is a
        function that rejects the account (NOT_ADMITTED).
        """
        return run_sync(self._my_account.begin_enrollment(proof, App(self._runtime, context)))

    def confirm_enrollment(
        self, proof: str, code: str, *, context: object = None
    ) -> Confirmed | Rejected | Denied:
        """Enroll the new device if *code* is its code. A replaced device stops working.

        :class:`Confirmed` has a ``proof`` that replaces *proof* and has the same age.
        """
        return run_sync(self._my_account.confirm_enrollment(proof, code, App(self._runtime, context)))

    def cancel_enrollment(self, proof: str, *, context: object = None) -> Denied | None:
        """Discard the new secret. An enrolled device keeps working."""
        return run_sync(self._my_account.cancel_enrollment(proof, App(self._runtime, context)))

    def new_recovery_codes(self, proof: str, *, context: object = None) -> NewRecoveryCodes | Denied:
        """Return new recovery codes, which replace all older ones. Show them once.

        They are a ``tuple`` of ``str``, with a ``proof`` that replaces *proof* and has the same age. A
        login with a recovery code is not enough, because one stolen code could become ten.
        """
        return run_sync(self._my_account.new_recovery_codes(proof, App(self._runtime, context)))

    def switch_off(self, proof: str, *, context: object = None) -> Denied | None:
        """Remove the device and the recovery codes. The next login enrolls again where that is required."""
        return run_sync(self._my_account.switch_off(proof, App(self._runtime, context)))
