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
    """The async version of :class:`AuthFlow`. Every method must be awaited.

    All factors must use an :class:`AsyncAuthenticator`. Your functions can be regular functions or
    coroutine functions. A sync mailer runs in a worker thread, and other sync functions run in the event
    loop. Testing a result for truth before you await it raises :class:`FlowError`. Parameters and errors
    are the same as for :class:`AuthFlow`.
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
        """Start a login, and return its first challenge."""
        return AsyncResult(self._login.begin(binding, App(self._runtime, context)))

    def submit(
        self, ticket: str, answer: Answer, *, binding: str = "", context: object = None
    ) -> AsyncResult[Challenge | Authenticated | Denied]:
        """Check the answer to a challenge, and return the next challenge or the final result.

        If the answer is wrong, or if the user must wait before the next attempt, the result is a
        :class:`Challenge` with a ``problem``. If the ticket has expired or belongs to another flow or
        browser, or if the account is disabled, the result is :class:`Denied` and the login ends. Raises
        :class:`InvalidParameterError` if *answer* is not an answer object.
        """
        return AsyncResult(self._login.submit(ticket, answer, binding, App(self._runtime, context)))

    def resume(
        self, ticket: str, *, binding: str = "", context: object = None
    ) -> AsyncResult[Challenge | Denied]:
        """Return the current challenge again, for example after the user reloads the page."""
        return AsyncResult(self._login.resume(ticket, binding, App(self._runtime, context)))

    def begin_step_up(
        self, proof: str, *, binding: str = "", context: object = None
    ) -> AsyncResult[Challenge | Denied]:
        """Ask a user who is already logged in for the second factor again.

        Use this before a sensitive operation if the user logged in some time ago, and check that the
        result is for the same account. *proof* comes from an earlier login through this flow. A proof can
        start a step-up for 30 days, unless the user's credentials change in the meantime.
        """
        return AsyncResult(self._login.begin_step_up(proof, binding, App(self._runtime, context)))


def async_login_of(flow: AsyncAuthFlow) -> Login:
    """Return the flow's internal login object."""
    return flow._login  # noqa: SLF001 - private to users, not to the package
