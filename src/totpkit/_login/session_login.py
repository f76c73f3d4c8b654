"""The two faces of one keeper: a login in a session to call, and to await. They hold no logic."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from totpkit._account.sync import Inline, Pending, Suspending, drive, refuse_async
from totpkit._bounds import within
from totpkit._login.answers import Answer
from totpkit._login.auth_flow import AsyncAuthFlow, AuthFlow, login_of
from totpkit._login.callbacks import App
from totpkit._login.proof import LIFETIME
from totpkit._login.results import Authenticated, Challenge, Denied
from totpkit._login.session import Session, SessionKeeper
from totpkit.errors import InvalidParameterError

T = TypeVar("T")

_LIFETIME = 12 * 3600.0
"""NIST SP 800-63B (2017), section 4.2.3: at AAL2 reauthentication at least every 12 hours, however active."""


class SessionLogin:
    """A login that the visitor's session keeps, so that no ticket or proof is the app's to carry.

    A *session* is what the framework keeps of one browser: any mutable mapping that only the
    app can write, be it on the server or in a signed cookie. It is the browser's, so it takes
    the place of a ``binding``. *flow*'s ticket and proof are kept in it as two texts, apart
    from those of flows with other names. *lifetime* is how many seconds a login lasts from
    its last code (43,200, twelve hours; up to 30 days), however often the session is used.

    Whoever logs in gets an empty session: what a stranger has left in it goes. A step-up
    leaves the rest as it is. Change the session's id too, where it has one, at every
    :class:`Challenge` and at :class:`Authenticated`. To sign somebody out, clear the session.

    Methods raise what those of :class:`AuthFlow` do, and :class:`InvalidParameterError` for
    what is no session, or cannot be called.
    """

    def __init__(self, flow: AuthFlow, *, lifetime: float = _LIFETIME) -> None:
        self._colour = Inline()
        self._keeper = _keeper(flow, AuthFlow, lifetime)

    def account_id(self, session: Session) -> str | None:
        """Return who has passed the whole login, if somebody has; ask it before every page.

        It reads the session alone: that a phone was switched off elsewhere, :meth:`act` notices.
        """
        return self._keeper.account_id(session)

    def ask(self, session: Session, *, context: object = None) -> Challenge | Denied | None:
        """Return what the login asks for now; ``None`` if somebody is logged in, and nothing is asked.

        Show the same after a reload, the back button, in a second tab. After a
        :class:`Denied`, or if there is none under way, a login begins. A step-up that has
        ended asks nothing: its owner is still logged in.
        """
        return drive(self._keeper.ask(session, App(self._colour, context)))

    def answer(
        self, session: Session, sent: Mapping[str, object], *, context: object = None
    ) -> Challenge | Authenticated | Denied:
        """Take what a visitor sent, a form or a JSON object, and say what comes next.

        What :func:`parse_answer` cannot read is NOT_OFFERED.
        """
        return drive(self._keeper.answer(session, sent, App(self._colour, context)))

    def submit(
        self, session: Session, answer: Answer, *, context: object = None
    ) -> Challenge | Authenticated | Denied:
        """Take an answer of the app's making, such as a :class:`FederatedAnswer`."""
        return drive(self._keeper.submit(session, answer, App(self._colour, context)))

    def act(
        self, session: Session, do: Callable[[str], T], *, context: object = None
    ) -> T | Challenge | Denied:
        """Return what ``do(proof)`` does, by the proof in the session, and keep the proof that it returns.

        *do* is a method of :class:`SelfService`, or a function of the app's that begins with
        :meth:`SelfService.owner` and hands on its :class:`Denied`; its ``context``, if it has
        one, is *context*.
        If the proof is too old for it a :class:`Challenge` is returned: :meth:`ask` shows it,
        and once it is answered the act can be begun again. If nobody is logged in, nothing is
        done: :class:`Denied`. That is also the answer if the proof was ended elsewhere or no
        code can renew it, and then nobody is logged in any longer. After
        :meth:`SelfService.switch_off` clear the session.
        """
        refuse_async(do)
        return drive(self._keeper.act(session, do, App(self._colour, context)))


class AsyncSessionLogin:
    """:class:`SessionLogin`, awaited, of an async flow; :meth:`SessionLogin.account_id` is not."""

    def __init__(self, flow: AsyncAuthFlow, *, lifetime: float = _LIFETIME) -> None:
        self._colour = Suspending()
        self._keeper = _keeper(flow, AsyncAuthFlow, lifetime)

    def account_id(self, session: Session) -> str | None:
        """See :meth:`SessionLogin.account_id`."""
        return self._keeper.account_id(session)

    def ask(self, session: Session, *, context: object = None) -> Pending[Challenge | Denied | None]:
        """See :meth:`SessionLogin.ask`."""
        return Pending(self._keeper.ask(session, App(self._colour, context)))

    def answer(
        self, session: Session, sent: Mapping[str, object], *, context: object = None
    ) -> Pending[Challenge | Authenticated | Denied]:
        """See :meth:`SessionLogin.answer`."""
        return Pending(self._keeper.answer(session, sent, App(self._colour, context)))

    def submit(
        self, session: Session, answer: Answer, *, context: object = None
    ) -> Pending[Challenge | Authenticated | Denied]:
        """See :meth:`SessionLogin.submit`."""
        return Pending(self._keeper.submit(session, answer, App(self._colour, context)))

    def act(
        self, session: Session, do: Callable[[str], Awaitable[T]], *, context: object = None
    ) -> Pending[T | Challenge | Denied]:
        """See :meth:`SessionLogin.act`."""
        return Pending(self._keeper.act(session, do, App(self._colour, context)))


def _keeper(flow: AuthFlow | AsyncAuthFlow, face: type, lifetime: float) -> SessionKeeper:
    if not isinstance(flow, face):
        raise InvalidParameterError("flow", f"must be an {face.__name__}, not {type(flow).__name__}")
    return SessionKeeper(login_of(flow), within("lifetime", lifetime, 1.0, LIFETIME))
