"""The shared logic for sync and async session logins.

The methods are documented in :class:`SessionLogin`, under the same names.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from totpkit._login.answers import Answer, is_answer, parse_answer
from totpkit._login.callbacks import App
from totpkit._login.login import Login
from totpkit._login.results import Authenticated, Challenge, Confirmed, Denied, NewRecoveryCodes, Result
from totpkit._login.signed import PROOF_LIFETIME
from totpkit._otp.result import Reason
from totpkit._validation import checked_number
from totpkit.errors import InvalidParameterError, InvalidPayloadError

T = TypeVar("T")
R = TypeVar("R", bound=Result)

LIFETIME = 12 * 3600.0
"""NIST SP 800-63B (2017), section 4.2.3: at AAL2, reauthenticate at least every 12 hours, active or not."""


class Session(Protocol):
    """A web framework's session: a mutable mapping that only the app can write to."""

    def get(self, key: str, /) -> object:
        """Return the value for *key*, or ``None``."""

    def __setitem__(self, key: str, value: str, /) -> None: ...

    def pop(self, key: str, default: None, /) -> object:
        """Remove *key* if it is present."""

    def clear(self) -> None:
        """Remove everything."""


_METHODS = ("get", "__setitem__", "pop", "clear")


@dataclass(frozen=True, slots=True)
class FlowSession:
    """The part of a session that belongs to one flow."""

    session: Session = field(repr=False)
    name: str

    @property
    def ticket(self) -> str:
        """The ticket for the login in progress, or an empty string."""
        return self._get("ticket")

    @property
    def proof(self) -> str:
        """The proof from the completed login, or an empty string."""
        return self._get("proof")

    def keep(self, **values: str) -> None:
        """Store a ticket or a proof in the session, or remove it if the value is empty.

        Unchanged values are not written, because a late response could otherwise overwrite a newer
        session in a signed cookie.
        """
        for kind, value in values.items():
            if value == self._get(kind):
                continue
            if value:
                self.session[self._key(kind)] = value
            else:
                self.session.pop(self._key(kind), None)

    def _get(self, kind: str) -> str:
        value = self.session.get(self._key(kind))
        return value if isinstance(value, str) else ""

    def _key(self, kind: str) -> str:
        return f"totpkit.{self.name}.{kind}"


@dataclass(frozen=True, slots=True)
class LoginInSession:
    """Keeps the tickets and proofs for one flow in web sessions.

    A proof is valid for *lifetime* seconds.
    """

    login: Login
    lifetime: float

    def account_id(self, session: Session) -> str | None:
        return self._account_id(self._of(session))

    async def challenge(self, session: Session, app: App) -> Challenge | Denied | None:
        kept = self._of(session)
        is_logged_in = self._account_id(kept) is not None
        if kept.ticket:
            shown = self._keep(kept, await self.login.resume(kept.ticket, "", app))
            if isinstance(shown, Challenge) or not is_logged_in:
                return shown
        return None if is_logged_in else self._keep(kept, await self.login.begin("", app))

    async def answer(self, session: Session, form: Mapping[str, object], app: App) -> Result:
        if is_answer(form):
            raise InvalidParameterError("form", "must be what a visitor sent; pass answers to submit")
        try:
            answer = parse_answer(form)
        except InvalidPayloadError:
            kept = self._of(session)
            return self._keep(kept, await self.login.submit_unreadable(kept.ticket, "", app))
        return await self.submit(session, answer, app)

    async def submit(self, session: Session, answer: Answer, app: App) -> Result:
        kept = self._of(session)
        return self._keep(kept, await self.login.submit(kept.ticket, answer, "", app))

    async def perform(
        self, session: Session, action: Callable[[str], Awaitable[T]], app: App
    ) -> T | Challenge | Denied:
        kept = self._of(session)
        if self._account_id(kept) is None:
            kept.keep(proof="")
            return Denied(Reason.PROOF_INVALID)
        result = await action(kept.proof)
        if isinstance(result, Denied):
            return await self._denied(kept, result, app)
        if isinstance(result, Confirmed | NewRecoveryCodes):
            kept.keep(proof=result.proof)
        return result

    async def _denied(self, kept: FlowSession, denied: Denied, app: App) -> Challenge | Denied:
        """Start a step-up if the proof is too old, and log the user out if it cannot be renewed."""
        is_too_old = denied.reason is Reason.PROOF_EXPIRED
        step_up = await self._step_up(kept, app)
        if isinstance(step_up, Challenge):
            return self._keep(kept, step_up) if is_too_old else denied
        if step_up.reason is Reason.DISABLED:
            return step_up
        if is_too_old or step_up.reason is not Reason.NOT_ENROLLED:
            kept.keep(ticket="", proof="")
        return denied

    async def _step_up(self, kept: FlowSession, app: App) -> Challenge | Denied:
        """Continue the step-up in progress, or start a new one if there is none.

        An email may already have been sent for a step-up in progress.
        """
        account_id = self._account_id(kept)
        if account_id is not None and self.login.is_step_up(kept.ticket, account_id):
            shown = await self.login.resume(kept.ticket, "", app)
            if isinstance(shown, Challenge):
                return shown
        return await self.login.begin_step_up(kept.proof, "", app)

    def _keep(self, kept: FlowSession, result: R) -> R:
        if isinstance(result, Authenticated):
            if self._account_id(kept) != result.account_id:  # otherwise it is a step-up of the same login
                kept.session.clear()
            kept.keep(proof=result.proof)
        kept.keep(ticket=result.ticket if isinstance(result, Challenge) else "")
        return result

    def _account_id(self, kept: FlowSession) -> str | None:
        proof = self.login.read_proof(kept.proof, self.lifetime)
        return None if isinstance(proof, Reason) else proof.account_id

    def _of(self, session: Session) -> FlowSession:
        if not all(hasattr(session, method) for method in _METHODS):
            raise InvalidParameterError("session", f"must be a mutable mapping, not {type(session).__name__}")
        return FlowSession(session, self.login.steps.name)


def build_login_in_session(login: Login, lifetime: float) -> LoginInSession:
    """Create the session login for a flow. Raises :class:`InvalidParameterError` if *lifetime* is invalid."""
    return LoginInSession(login, checked_number("lifetime", lifetime, 1.0, PROOF_LIFETIME))


def check_action(action: object) -> None:
    """Raise :class:`InvalidParameterError` if *action* cannot be called."""
    if not callable(action):
        raise InvalidParameterError("action", f"must be callable, not {type(action).__name__}")
