"""A login that the visitor's session keeps, written once. Knows nothing of cookies, forms and frameworks.

The faces document what each method does.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from totpkit._account.records import time_by
from totpkit._login.answers import Answer, is_answer, parse_answer
from totpkit._login.callbacks import App
from totpkit._login.login import Login
from totpkit._login.my_account import Confirmed, NewRecoveryCodes
from totpkit._login.results import Authenticated, Challenge, Denied, Result
from totpkit._login.ticket import Position
from totpkit._otp.result import Reason
from totpkit.errors import InvalidParameterError, InvalidPayloadError

T = TypeVar("T")
R = TypeVar("R", bound=Result)

_VERBS = ("get", "__setitem__", "pop", "clear")


class Session(Protocol):
    """What a framework keeps of one browser, and only the app can write: any mutable mapping."""

    def get(self, key: str, /) -> object:
        """Return what is kept under *key*, or ``None``."""

    def __setitem__(self, key: str, text: str, /) -> None: ...

    def pop(self, key: str, default: None, /) -> object:
        """Keep nothing under *key*."""

    def clear(self) -> None:
        """Keep nothing."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The part of a session that a flow has; no other flow's, even if both are in one session."""

    session: Session = field(repr=False)
    name: str

    @property
    def ticket(self) -> str:
        """The ticket of the login under way, or nothing."""
        return self._text("ticket")

    @property
    def proof(self) -> str:
        """The proof of the login that is passed, or nothing."""
        return self._text("proof")

    def keep(self, **texts: str) -> None:
        """Keep these; what is empty goes.

        What stays the same is not written: by a signed cookie a late answer would undo a newer one.
        """
        for kind, text in texts.items():
            if text == self._text(kind):
                continue
            if text:
                self.session[self._key(kind)] = text
            else:
                self.session.pop(self._key(kind), None)

    def _text(self, kind: str) -> str:
        text = self.session.get(self._key(kind))
        return text if isinstance(text, str) else ""

    def _key(self, kind: str) -> str:
        return f"totpkit.{self.name}.{kind}"


@dataclass(frozen=True, slots=True)
class SessionKeeper:
    """Keeps tickets and proofs of one flow in sessions; a proof counts for *lifetime* seconds."""

    login: Login
    lifetime: float

    def account_id(self, session: Session) -> str | None:
        return self._account_id(self._of(session))

    async def ask(self, session: Session, app: App) -> Challenge | Denied | None:
        kept = self._of(session)
        somebody = self._account_id(kept) is not None
        if kept.ticket:
            shown = self._keep(kept, await self.login.resume(kept.ticket, "", app))
            if isinstance(shown, Challenge) or not somebody:
                return shown
        return None if somebody else self._keep(kept, await self.login.begin("", app))

    async def answer(self, session: Session, sent: Mapping[str, object], app: App) -> Result:
        if is_answer(sent):
            raise InvalidParameterError("sent", "must be what a visitor sent: submit takes an answer")
        try:
            answer = parse_answer(sent)
        except InvalidPayloadError:
            kept = self._of(session)
            return self._keep(kept, await self.login.unread(kept.ticket, "", app))
        return await self.submit(session, answer, app)

    async def submit(self, session: Session, answer: Answer, app: App) -> Result:
        kept = self._of(session)
        return self._keep(kept, await self.login.submit(kept.ticket, answer, "", app))

    async def act(
        self, session: Session, do: Callable[..., T | Awaitable[T]], app: App
    ) -> T | Challenge | Denied:
        kept = self._of(session)
        if not callable(do):
            raise InvalidParameterError("do", f"must be callable, not {type(do).__name__}")
        if self._account_id(kept) is None:
            kept.keep(proof="")
            return Denied(Reason.PROOF_INVALID)
        result = await app.ask(do, kept.proof)
        if isinstance(result, Denied):
            return await self._refused(kept, result, app)
        if isinstance(result, Confirmed | NewRecoveryCodes):
            kept.keep(proof=result.proof)
        return result

    async def _refused(self, kept: Kept, denied: Denied, app: App) -> Challenge | Denied:
        """Begin a step-up where a code would do, and end a login whose proof no code renews."""
        too_old = denied.reason is Reason.PROOF_EXPIRED
        step_up = await self._step_up(kept, app)
        if isinstance(step_up, Challenge):
            return self._keep(kept, step_up) if too_old else denied
        if step_up.reason is Reason.DISABLED:
            return step_up
        if too_old or step_up.reason is not Reason.NOT_ENROLLED:
            kept.keep(ticket="", proof="")
        return denied

    async def _step_up(self, kept: Kept, app: App) -> Challenge | Denied:
        """Go on with the step-up under way, whose mail may have been sent, or begin one."""
        at = self.login.doors.tickets.read(kept.ticket, "", time_by(self.login.clock))
        if isinstance(at, Position) and at.stepping_up and at.account_id == self._account_id(kept):
            shown = await self.login.resume(kept.ticket, "", app)
            if isinstance(shown, Challenge):
                return shown
        return await self.login.begin_step_up(kept.proof, "", app)

    def _keep(self, kept: Kept, result: R) -> R:
        if isinstance(result, Authenticated):
            if self._account_id(kept) != result.account_id:  # else it is their step-up
                kept.session.clear()
            kept.keep(proof=result.proof)
        kept.keep(ticket=result.ticket if isinstance(result, Challenge) else "")
        return result

    def _account_id(self, kept: Kept) -> str | None:
        proof = self.login.finish.proofs.read(kept.proof, time_by(self.login.clock), self.lifetime)
        return None if isinstance(proof, Reason) else proof.account_id

    def _of(self, session: Session) -> Kept:
        if not all(hasattr(session, verb) for verb in _VERBS):
            raise InvalidParameterError("session", f"must be a mutable mapping, not {type(session).__name__}")
        return Kept(session, self.login.plan.name)
