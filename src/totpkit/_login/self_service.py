"""The two faces of one desk: self-service to call, and to await. They hold no logic."""

from totpkit._account.authenticator import AsyncAuthenticator, Authenticator, service_of
from totpkit._account.enrollment_views import Enrollment
from totpkit._account.sync import Inline, Pending, Suspending, drive, refuse_async
from totpkit._bounds import within
from totpkit._login.auth_flow import AsyncAuthFlow, AuthFlow, login_of
from totpkit._login.callbacks import AnswersFlag, App
from totpkit._login.my_account import Confirmed, Desk, NewRecoveryCodes, desk_of
from totpkit._login.proof import LIFETIME
from totpkit._login.results import Denied
from totpkit._otp.result import Rejected
from totpkit.errors import InvalidParameterError


class SelfService:
    """My account: what its owner may do to a second factor, by the proof of a full login.

    A *proof* is that of :class:`Authenticated`, of *flow*, and no older than *max_age*
    seconds (300; ASVS 5.0, 7.5.1): if it is, begin a step-up for a new one. Confirming,
    replacing, switching off and new recovery codes end the proofs from before.
    ``allowed(account_id)`` admits the accounts that may; without it all may. It may take
    ``context=``.

    Every method answers :class:`Denied` instead: PROOF_INVALID for a proof that is not of
    this flow, of the credential as it is now, or not by factors that are enough;
    PROOF_EXPIRED for one that is, but too old; NOT_ADMITTED; NOT_ENROLLED for an account without a phone.
    A code that is no ``str`` raises :class:`InvalidParameterError`, whoever asks.
    """

    def __init__(
        self,
        auth: Authenticator,
        flow: AuthFlow,
        *,
        allowed: AnswersFlag | None = None,
        max_age: float = 300.0,
    ) -> None:
        _check(auth, Authenticator, flow, AuthFlow, allowed)
        refuse_async(allowed)
        self._colour = Inline()
        self._desk = _desk(auth, flow, allowed, max_age)

    def owner(self, proof: str, *, context: object = None) -> str | Denied:
        """Return the account id of a proof, for a sensitive act of your own: do it to that account.

        A login by a recovery code is enough, a mailed code is not.
        """
        return drive(self._desk.owner(proof, App(self._colour, context)))

    def provisioning(self, proof: str, *, context: object = None) -> Enrollment | Denied:
        """Return the secret in use as it was first shown, byte for byte.

        Only for a login by a code of the phone: to nobody else is it no news.
        """
        return drive(self._desk.provisioning(proof, App(self._colour, context)))

    def begin_replacement(self, proof: str, *, context: object = None) -> Enrollment | Denied:
        """Return a new secret for a new phone; the old one works until its first code confirms it.

        A login by a recovery code is enough, as the phone may be lost; a mailed code is not.
        """
        return drive(self._desk.begin_replacement(proof, App(self._colour, context)))

    def confirm_replacement(
        self, proof: str, code: str, *, context: object = None
    ) -> Confirmed | Rejected | Denied:
        """Take the new phone into use if *code* is its code; the old one ends.

        What is accepted has a ``proof`` in place of *proof*, of the same age.
        """
        return drive(self._desk.confirm_replacement(proof, code, App(self._colour, context)))

    def cancel_replacement(self, proof: str, *, context: object = None) -> Denied | None:
        """Drop the new secret; the old phone goes on working."""
        return drive(self._desk.cancel_replacement(proof, App(self._colour, context)))

    def enroll(self, proof: str, *, context: object = None) -> Enrollment | Denied:
        """Return a secret for the first phone of an account that logged in without one.

        NOT_OFFERED for an account that has one; NOT_ADMITTED where ``enroll`` of
        :class:`TotpCode` is a callable that refuses the account.
        """
        return drive(self._desk.enroll(proof, App(self._colour, context)))

    def confirm(self, proof: str, code: str, *, context: object = None) -> Confirmed | Rejected | Denied:
        """Take the first phone into use if *code* is its code; what is accepted has a new ``proof`` too."""
        return drive(self._desk.confirm(proof, code, App(self._colour, context)))

    def new_recovery_codes(self, proof: str, *, context: object = None) -> NewRecoveryCodes | Denied:
        """Return new recovery codes, to be shown once; older ones end.

        They are a ``tuple`` of ``str``, with a ``proof`` in place of *proof*, of the same age. A
        login by a recovery code is not enough: a single stolen one would make ten.
        """
        return drive(self._desk.new_recovery_codes(proof, App(self._colour, context)))

    def switch_off(self, proof: str, *, context: object = None) -> Denied | None:
        """Drop the phone and the recovery codes; the next login enrolls again where that is required."""
        return drive(self._desk.switch_off(proof, App(self._colour, context)))


class AsyncSelfService:
    """:class:`SelfService`, awaited, of an async flow; ``allowed`` may be of either kind."""

    def __init__(
        self,
        auth: AsyncAuthenticator,
        flow: AsyncAuthFlow,
        *,
        allowed: AnswersFlag | None = None,
        max_age: float = 300.0,
    ) -> None:
        _check(auth, AsyncAuthenticator, flow, AsyncAuthFlow, allowed)
        self._colour = Suspending()
        self._desk = _desk(auth, flow, allowed, max_age)

    def owner(self, proof: str, *, context: object = None) -> Pending[str | Denied]:
        """See :meth:`SelfService.owner`."""
        return Pending(self._desk.owner(proof, App(self._colour, context)))

    def provisioning(self, proof: str, *, context: object = None) -> Pending[Enrollment | Denied]:
        """See :meth:`SelfService.provisioning`."""
        return Pending(self._desk.provisioning(proof, App(self._colour, context)))

    def begin_replacement(self, proof: str, *, context: object = None) -> Pending[Enrollment | Denied]:
        """See :meth:`SelfService.begin_replacement`."""
        return Pending(self._desk.begin_replacement(proof, App(self._colour, context)))

    def confirm_replacement(
        self, proof: str, code: str, *, context: object = None
    ) -> Pending[Confirmed | Rejected | Denied]:
        """See :meth:`SelfService.confirm_replacement`."""
        return Pending(self._desk.confirm_replacement(proof, code, App(self._colour, context)))

    def cancel_replacement(self, proof: str, *, context: object = None) -> Pending[Denied | None]:
        """See :meth:`SelfService.cancel_replacement`."""
        return Pending(self._desk.cancel_replacement(proof, App(self._colour, context)))

    def enroll(self, proof: str, *, context: object = None) -> Pending[Enrollment | Denied]:
        """See :meth:`SelfService.enroll`."""
        return Pending(self._desk.enroll(proof, App(self._colour, context)))

    def confirm(
        self, proof: str, code: str, *, context: object = None
    ) -> Pending[Confirmed | Rejected | Denied]:
        """See :meth:`SelfService.confirm`."""
        return Pending(self._desk.confirm(proof, code, App(self._colour, context)))

    def new_recovery_codes(self, proof: str, *, context: object = None) -> Pending[NewRecoveryCodes | Denied]:
        """See :meth:`SelfService.new_recovery_codes`."""
        return Pending(self._desk.new_recovery_codes(proof, App(self._colour, context)))

    def switch_off(self, proof: str, *, context: object = None) -> Pending[Denied | None]:
        """See :meth:`SelfService.switch_off`."""
        return Pending(self._desk.switch_off(proof, App(self._colour, context)))


def _check(auth: object, face: type, flow: object, flow_face: type, allowed: object) -> None:
    if not isinstance(auth, face):
        raise InvalidParameterError("auth", f"must be an {face.__name__}, not {type(auth).__name__}")
    if not isinstance(flow, flow_face):
        raise InvalidParameterError("flow", f"must be an {flow_face.__name__}, not {type(flow).__name__}")
    if allowed is not None and not callable(allowed):
        raise InvalidParameterError("allowed", f"must be callable or None, not {type(allowed).__name__}")


def _desk(
    auth: Authenticator | AsyncAuthenticator,
    flow: AuthFlow | AsyncAuthFlow,
    allowed: AnswersFlag | None,
    max_age: float,
) -> Desk:
    age = within("max_age", max_age, 1.0, LIFETIME)
    return desk_of(service_of(auth), login_of(flow), allowed, age)
