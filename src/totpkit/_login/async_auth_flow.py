"""The async login flow. :mod:`totpkit._login.login` contains its logic."""

import time
from collections.abc import Sequence

from totpkit._account.async_authenticator import AsyncAuthenticator
from totpkit._account.sync import AsyncResult, AsyncRuntime, reject_async
from totpkit._login.answers import Answer
from totpkit._login.callbacks import App
from totpkit._login.factors import FirstFactor, SecondFactor
from totpkit._login.login import Login, build_login
from totpkit._login.results import Authenticated, Challenge, Denied
from totpkit._login.steps import build_steps
from totpkit._validation import Clock


class AsyncAuthFlow:
    """The async form of :class:`AuthFlow`, with the same methods to await.

    It needs an :class:`AsyncAuthenticator`. The app's functions may be functions or coroutine functions.
    A sync mailer runs in a worker thread; other sync functions run in the event loop. A method's result
    has no truth value before it is awaited. Parameters and errors are as for :class:`AuthFlow`.
    """

    def __init__(
        self,
        first: FirstFactor,
        *later: SecondFactor,
        name: str,
        keys: Sequence[bytes],
        clock: Clock = time.time,
    ) -> None:
        steps = build_steps(name, first, later, AsyncAuthenticator)
        reject_async(clock)
        self._runtime = AsyncRuntime()
        self._login = build_login(steps, keys, clock)

    def begin(self, *, binding: str = "", context: object = None) -> AsyncResult[Challenge]:
        """Begin a login, and return its first challenge."""
        return AsyncResult(self._login.begin(binding, App(self._runtime, context)))

    def submit(
        self, ticket: str, answer: Answer, *, binding: str = "", context: object = None
    ) -> AsyncResult[Challenge | Authenticated | Denied]:
        """Check an answer to the challenge that has this ticket, and return what comes next.

        A wrong answer returns a :class:`Challenge` with its ``problem``, and so does an answer during a
        wait. :class:`Denied` ends the login: the ticket belongs to another flow or browser or has
        expired, or the account is disabled. Raises :class:`InvalidParameterError` if *answer* is not
        an answer.
        """
        return AsyncResult(self._login.submit(ticket, answer, binding, App(self._runtime, context)))

    def resume(
        self, ticket: str, *, binding: str = "", context: object = None
    ) -> AsyncResult[Challenge | Denied]:
        """Show a challenge again, after a reload or the back button. This changes nothing."""
        return AsyncResult(self._login.resume(ticket, binding, App(self._runtime, context)))

    def begin_step_up(
        self, proof: str, *, binding: str = "", context: object = None
    ) -> AsyncResult[Challenge | Denied]:
        """Ask only for the second factor, of the account that a proof of this flow names.

        Use it before a sensitive operation in a session that has lasted a while, and check that the
        result is for the same account. A proof can begin a step-up for 30 days, unless the credential
        has changed since.
        """
        return AsyncResult(self._login.begin_step_up(proof, binding, App(self._runtime, context)))


def async_login_of(flow: AsyncAuthFlow) -> Login:
    """Return the login behind a flow, for the classes that are built on it."""
    return flow._login  # noqa: SLF001 - private to users, not to the package
