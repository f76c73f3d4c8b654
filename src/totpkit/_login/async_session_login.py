"""The async session login. :mod:`totpkit._login.session` contains its logic."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from totpkit._account.sync import AsyncResult, AsyncRuntime
from totpkit._login.answers import Answer
from totpkit._login.async_auth_flow import AsyncAuthFlow, async_login_of
from totpkit._login.callbacks import App
from totpkit._login.results import Authenticated, Challenge, Denied
from totpkit._login.session import LIFETIME, Session, build_login_in_session, check_action
from totpkit._validation import check_type

T = TypeVar("T")


class AsyncSessionLogin:
    """The async form of :class:`SessionLogin`, for an :class:`AsyncAuthFlow`.

    All methods except :meth:`account_id` must be awaited. Sessions, *lifetime* and errors are as for
    :class:`SessionLogin`.
    """

    def __init__(self, flow: AsyncAuthFlow, *, lifetime: float = LIFETIME) -> None:
        check_type("flow", flow, AsyncAuthFlow)
        self._runtime = AsyncRuntime()
        self._login = build_login_in_session(async_login_of(flow), lifetime)

    def account_id(self, session: Session) -> str | None:
        """Return the id of the account that has passed the whole login, or ``None``.

        Call it before you show any page. It reads only the session and cannot know that the second
        factor was switched off elsewhere; :meth:`perform` notices that.
        """
        return self._login.account_id(session)

    def challenge(
        self, session: Session, *, context: object = None
    ) -> AsyncResult[Challenge | Denied | None]:
        """Return what the login asks for now, or ``None`` if a user is logged in.

        Show the same after a reload, after the back button and in a second tab. After a
        :class:`Denied`, or if no login is in progress, a new one begins. A step-up that has expired
        asks for nothing: its user is still logged in.
        """
        return AsyncResult(self._login.challenge(session, App(self._runtime, context)))

    def answer(
        self, session: Session, form: Mapping[str, object], *, context: object = None
    ) -> AsyncResult[Challenge | Authenticated | Denied]:
        """Check what a visitor sent, a form or a JSON object, and return what comes next.

        The problem is NOT_OFFERED if :func:`parse_answer` cannot read it.
        """
        return AsyncResult(self._login.answer(session, form, App(self._runtime, context)))

    def submit(
        self, session: Session, answer: Answer, *, context: object = None
    ) -> AsyncResult[Challenge | Authenticated | Denied]:
        """Check an answer that the app has made, such as a :class:`FederatedAnswer`."""
        return AsyncResult(self._login.submit(session, answer, App(self._runtime, context)))

    def perform(
        self, session: Session, action: Callable[[str], Awaitable[T]], *, context: object = None
    ) -> AsyncResult[T | Challenge | Denied]:
        """Call ``action(proof)`` with the proof in the session; return its result and keep its new proof.

        *action* is a method of :class:`SelfService`, or a function of your own that calls
        :meth:`SelfService.owner` first and passes on its :class:`Denied`. If it takes ``context``, it
        gets *context*.

        If the proof is too old, a :class:`Challenge` is returned, which :meth:`challenge` shows too. Once
        it is answered, the user can repeat the operation. If nobody is logged in, *action* is not
        called and the result is :class:`Denied`. That is also the result if the proof was ended
        elsewhere or no code can renew it; the user is then logged out. After
        :meth:`SelfService.switch_off`, clear the session.
        """
        check_action(action)
        app = App(self._runtime, context)

        async def run(proof: str) -> T:
            return await app.bind(action, proof)()

        return AsyncResult(self._login.perform(session, run, app))
