"""The sync session login. :mod:`totpkit._login.session` contains its logic."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from totpkit._account.sync import (
    SyncRuntime,
    reject_async,
    reject_awaitable,
    run_sync,
    shield_stop_iteration,
)
from totpkit._login.answers import Answer
from totpkit._login.auth_flow import AuthFlow, login_of
from totpkit._login.callbacks import App
from totpkit._login.results import Authenticated, Challenge, Denied
from totpkit._login.session import LIFETIME, Session, build_login_in_session, check_action
from totpkit._validation import check_type

T = TypeVar("T")


class SessionLogin:
    """Keeps a login in the user's session, so your app does not have to handle tickets and proofs.

    *session* is your framework's session object. Any mutable mapping works if only your app can write to
    it, whether it is stored on the server or in a signed cookie. The session takes the place of a
    ``binding``. It stores the ticket and the proof as two strings, and flows with different names use
    different keys. *lifetime* is the number of seconds for which a login lasts after the user's last
    code, even if the session is still active. The default *lifetime* is 43,200 seconds (twelve hours),
    and the maximum is 30 days.

    A new login clears the session, because it may contain data from an attacker. A step-up keeps the
    other data in the session. If the session has an id, change the id after each :class:`Challenge` and
    after :class:`Authenticated`. To log a user out, clear the session.

    All methods raise the same errors as :class:`AuthFlow`, and :class:`InvalidParameterError` if
    *session* or *action* has the wrong type.
    """

    def __init__(self, flow: AuthFlow, *, lifetime: float = LIFETIME) -> None:
        check_type("flow", flow, AuthFlow)
        self._runtime = SyncRuntime()
        self._login = build_login_in_session(login_of(flow), lifetime)

    def account_id(self, session: Session) -> str | None:
        """Return the account id of the logged-in user, or ``None`` if nobody is logged in.

        Call this before you show a page that requires a login. This method reads only the session, so it
        cannot notice that the second factor was switched off elsewhere. In contrast, :meth:`perform` does
        notice that.
        """
        return self._login.account_id(session)

    def challenge(self, session: Session, *, context: object = None) -> Challenge | Denied | None:
        """Return the current challenge, or ``None`` if a user is logged in.

        If the user reloads the page, goes back or opens a second tab, show this challenge again. A new
        login starts if none is in progress, or if the last one ended with :class:`Denied`. If a step-up
        has expired, the result is ``None``, because the user is still logged in.
        """
        return run_sync(self._login.challenge(session, App(self._runtime, context)))

    def answer(
        self, session: Session, form: Mapping[str, object], *, context: object = None
    ) -> Challenge | Authenticated | Denied:
        """Check a form or a JSON object from a visitor, and return the next challenge or the final result.

        If :func:`parse_answer` cannot read the data, the challenge is returned again with the problem
        NOT_OFFERED.
        """
        return run_sync(self._login.answer(session, form, App(self._runtime, context)))

    def submit(
        self, session: Session, answer: Answer, *, context: object = None
    ) -> Challenge | Authenticated | Denied:
        """Check an answer that your app has created, such as a :class:`FederatedAnswer`."""
        return run_sync(self._login.submit(session, answer, App(self._runtime, context)))

    def perform(
        self, session: Session, action: Callable[[str], T], *, context: object = None
    ) -> T | Challenge | Denied:
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
        reject_async(action)
        app = App(self._runtime, context)

        async def run(proof: str) -> T:
            result = shield_stop_iteration(app.bind(action, proof))
            reject_awaitable(result)
            return result

        return run_sync(self._login.perform(session, run, app))
