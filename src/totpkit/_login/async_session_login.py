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
    """The async version of :class:`SessionLogin`, for an :class:`AsyncAuthFlow`.

    All methods except :meth:`account_id` must be awaited. Sessions, *lifetime* and errors work as in
    :class:`SessionLogin`.
    """

    def __init__(self, flow: AsyncAuthFlow, *, lifetime: float = LIFETIME) -> None:
        check_type("flow", flow, AsyncAuthFlow)
        self._runtime = AsyncRuntime()
        self._login = build_login_in_session(async_login_of(flow), lifetime)

    def account_id(self, session: Session) -> str | None:
        """Return the account id of the logged-in user, or ``None`` if nobody is logged in.

        Call this before you show a page that requires a login. This method reads only the session, so it
        cannot notice that the second factor was switched off elsewhere. In contrast, :meth:`perform` does
        notice that.
        """
        return self._login.account_id(session)

    def challenge(
        self, session: Session, *, context: object = None
    ) -> AsyncResult[Challenge | Denied | None]:
        """Return the current challenge, or ``None`` if a user is logged in.

        If the user reloads the page, goes back or opens a second tab, show this challenge again. A new
        login starts if none is in progress, or if the last one ended with :class:`Denied`. If a step-up
        has expired, the result is ``None``, because the user is still logged in.
        """
        return AsyncResult(self._login.challenge(session, App(self._runtime, context)))

    def answer(
        self, session: Session, form: Mapping[str, object], *, context: object = None
    ) -> AsyncResult[Challenge | Authenticated | Denied]:
        """Check a form or a JSON object from a visitor, and return the next challenge or the final result.

        If :func:`parse_answer` cannot read the data, the challenge is returned again with the problem
        NOT_OFFERED.
        """
        return AsyncResult(self._login.answer(session, form, App(self._runtime, context)))

    def submit(
        self, session: Session, answer: Answer, *, context: object = None
    ) -> AsyncResult[Challenge | Authenticated | Denied]:
        """Check an answer that your app has created, such as a :class:`FederatedAnswer`."""
        return AsyncResult(self._login.submit(session, answer, App(self._runtime, context)))

    def perform(
        self, session: Session, action: Callable[[str], Awaitable[T]], *, context: object = None
    ) -> AsyncResult[T | Challenge | Denied]:
        """Call *action* with the proof from the session, and return its result.

        *action* is a method of :class:`SelfService`, or your own function that first calls
        :meth:`SelfService.owner` and returns any :class:`Denied` result. If *action* has a ``context``
        parameter, *context* is passed to it. If the result contains a new proof, the proof is stored in
        the session.

        If the proof is too old, the result is a :class:`Challenge` for a step-up, and :meth:`challenge`
        returns it too. The user can repeat the operation after answering the challenge. If nobody is
        logged in, *action* is not called, and the result is :class:`Denied`. If the proof was invalidated
        elsewhere or cannot be renewed with a code, the result is also :class:`Denied`, and the user is
        logged out. After :meth:`SelfService.switch_off`, clear the session.
        """
        check_action(action)
        app = App(self._runtime, context)

        async def run(proof: str) -> T:
            return await app.bind(action, proof)()

        return AsyncResult(self._login.perform(session, run, app))
