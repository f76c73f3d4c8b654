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
    """The async version of :class:`SelfService`, for an :class:`AsyncAuthFlow`. Every method must be awaited.

    ``allowed`` can be a regular function or a coroutine function. Proofs, *max_age* and denials work as
    in :class:`SelfService`.
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
        """Return the account id from a proof, before you perform a sensitive operation on the account.

        The login must include a second factor other than an emailed code.
        """
        return AsyncResult(self._my_account.owner(proof, App(self._runtime, context)))

    def provisioning(self, proof: str, *, context: object = None) -> AsyncResult[Enrollment | Denied]:
        """Return the enrolled secret exactly as it was first shown.

        Requires a login with a code from the device, so that someone with a stolen recovery code cannot
        read the secret.
        """
        return AsyncResult(self._my_account.provisioning(proof, App(self._runtime, context)))

    def begin_enrollment(self, proof: str, *, context: object = None) -> AsyncResult[Enrollment | Denied]:
        """Return a new secret for the user's first device or for a replacement device.

        An enrolled device keeps working until the new device is confirmed. Replacing a device requires a
        login with a second factor other than an emailed code. A recovery code is enough, because the user
        may have lost the device. A first device can be enrolled after any login. If the ``enroll``
        parameter of :class:`TotpCode` is a function and it rejects the account, the result is
        NOT_ADMITTED.
        """
        return AsyncResult(self._my_account.begin_enrollment(proof, App(self._runtime, context)))

    def confirm_enrollment(
        self, proof: str, code: str, *, context: object = None
    ) -> AsyncResult[Confirmed | Rejected | Denied]:
        """Enroll the new device if *code* is correct. The old device then stops working.

        The old proof is no longer valid, so use the new ``proof`` from the :class:`Confirmed` result. The
        new proof has the same age as the old one.
        """
        return AsyncResult(self._my_account.confirm_enrollment(proof, code, App(self._runtime, context)))

    def cancel_enrollment(self, proof: str, *, context: object = None) -> AsyncResult[Denied | None]:
        """Discard the new secret. An enrolled device keeps working."""
        return AsyncResult(self._my_account.cancel_enrollment(proof, App(self._runtime, context)))

    def new_recovery_codes(
        self, proof: str, *, context: object = None
    ) -> AsyncResult[NewRecoveryCodes | Denied]:
        """Return a new set of recovery codes, which replaces any older set. Show the codes only once.

        The result is a ``tuple`` of strings. The old proof is no longer valid, so use the new ``proof``
        from the result. The new proof has the same age as the old one. A login with a recovery code is
        not enough, because someone with a single stolen code could then get a whole new set.
        """
        return AsyncResult(self._my_account.new_recovery_codes(proof, App(self._runtime, context)))

    def switch_off(self, proof: str, *, context: object = None) -> AsyncResult[Denied | None]:
        """Remove the device and the recovery codes.

        If the flow requires a device, the user must enroll a new one at the next login.
        """
        return AsyncResult(self._my_account.switch_off(proof, App(self._runtime, context)))
