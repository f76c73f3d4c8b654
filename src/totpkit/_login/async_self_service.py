"""Async self-service. :mod:`totpkit._login.my_account` contains its logic."""

from totpkit._account.async_authenticator import AsyncAuthenticator, async_service_of
from totpkit._account.enrollment import Enrollment
from totpkit._account.sync import AsyncResult, AsyncRuntime
from totpkit._login.async_auth_flow import AsyncAuthFlow, async_login_of
from totpkit._login.callbacks import App, FlagOf
from totpkit._login.my_account import build_my_account
from totpkit._login.results import Confirmed, Denied, NewRecoveryCodes
from totpkit._otp.result import Rejected
from totpkit._validation import check_type


class AsyncSelfService:
    """The async form of :class:`SelfService`, for an :class:`AsyncAuthFlow`, with the same methods to await.

    ``allowed`` may be a function or a coroutine function. Proofs, *max_age* and denials are as for
    :class:`SelfService`.
    """

    def __init__(
        self,
        auth: AsyncAuthenticator,
        flow: AsyncAuthFlow,
        *,
        allowed: FlagOf | None = None,
        max_age: float = 300.0,
    ) -> None:
        check_type("auth", auth, AsyncAuthenticator)
        check_type("flow", flow, AsyncAuthFlow)
        self._runtime = AsyncRuntime()
        self._my_account = build_my_account(async_service_of(auth), async_login_of(flow), allowed, max_age)

    def owner(self, proof: str, *, context: object = None) -> AsyncResult[str | Denied]:
        """Return the account id of a proof, for a sensitive operation of your own on that account.

        A login with a recovery code is enough; one with an emailed code is not.
        """
        return AsyncResult(self._my_account.owner(proof, App(self._runtime, context)))

    def provisioning(self, proof: str, *, context: object = None) -> AsyncResult[Enrollment | Denied]:
        """Return the enrolled secret as it was first shown, byte for byte.

        Requires a TOTP login; otherwise this would reveal the secret.
        """
        return AsyncResult(self._my_account.provisioning(proof, App(self._runtime, context)))

    def begin_enrollment(self, proof: str, *, context: object = None) -> AsyncResult[Enrollment | Denied]:
        """Return a new secret: for the first device, or for one that replaces the enrolled device.

        The enrolled device works until the new one is confirmed. To replace it, the login needs a
        second factor. A recovery code is enough, because the device may be lost; an emailed code is
        not. For a first device any login is enough, unless ``enroll`` of :class:`TotpCode` is a
        function that rejects the account (NOT_ADMITTED).
        """
        return AsyncResult(self._my_account.begin_enrollment(proof, App(self._runtime, context)))

    def confirm_enrollment(
        self, proof: str, code: str, *, context: object = None
    ) -> AsyncResult[Confirmed | Rejected | Denied]:
        """Enroll the new device if *code* is its code. A replaced device stops working.

        :class:`Confirmed` has a ``proof`` that replaces *proof* and has the same age.
        """
        return AsyncResult(self._my_account.confirm_enrollment(proof, code, App(self._runtime, context)))

    def cancel_enrollment(self, proof: str, *, context: object = None) -> AsyncResult[Denied | None]:
        """Discard the new secret. An enrolled device keeps working."""
        return AsyncResult(self._my_account.cancel_enrollment(proof, App(self._runtime, context)))

    def new_recovery_codes(
        self, proof: str, *, context: object = None
    ) -> AsyncResult[NewRecoveryCodes | Denied]:
        """Return new recovery codes, which replace all older ones. Show them once.

        They are a ``tuple`` of ``str``, with a ``proof`` that replaces *proof* and has the same age. A
        login with a recovery code is not enough, because one stolen code could become ten.
        """
        return AsyncResult(self._my_account.new_recovery_codes(proof, App(self._runtime, context)))

    def switch_off(self, proof: str, *, context: object = None) -> AsyncResult[Denied | None]:
        """Remove the device and the recovery codes. The next login enrolls again where that is required."""
        return AsyncResult(self._my_account.switch_off(proof, App(self._runtime, context)))
