"""The sync login flow. :mod:`totpkit._login.login` contains its logic."""

import time
from collections.abc import Sequence
from functools import partial

from totpkit._account.authenticator import Authenticator
from totpkit._account.sync import SyncRuntime, reject_async, run_sync, shield_stop_iteration
from totpkit._login.answers import Answer
from totpkit._login.callbacks import App
from totpkit._login.factors import FirstFactor, SecondFactor
from totpkit._login.login import Login, build_login
from totpkit._login.results import Authenticated, Challenge, Denied
from totpkit._login.steps import build_steps, reject_async_factors
from totpkit._validation import Clock


class AuthFlow:
    """Runs a login: a first factor, followed by any number of second factors.

    *first* is a :class:`Password`, a :class:`Federated` login, or your own :class:`FirstFactor`. Each of
    the *later* steps is a :class:`TotpCode`, :class:`RecoveryCode`, :class:`EmailCode`, or your own
    :class:`SecondFactor`. To let the user choose between several factors in one step, join the factors
    with ``|``.

    *name* identifies the flow, and every flow rejects tickets from flows with other names. *keys* are
    used to sign tickets and proofs. Each key must have at least 32 bytes. The first key creates
    signatures, and all keys verify them. *clock* returns the time in Unix seconds.

    Every method takes a *binding*, which identifies the user's browser. Use a session id as the
    *binding*, or the value of a cookie that was set before the login. A ticket is rejected if it is used
    in another browser. *context* is passed to each of your functions that has a ``context`` parameter.

    The constructor raises :class:`FirstFactorError` if a second factor would come first,
    :class:`FlowError` if the steps do not fit together, and :class:`InvalidParameterError` if another
    value is invalid. Every method raises :class:`FlowError` if one of your functions returns an invalid
    value. Exceptions from your functions, from the :class:`Authenticator` and from the mailer are passed
    on to the caller.
    """

    def __init__(
        self,
        first: FirstFactor,
        *later: SecondFactor,
        name: str,
        keys: Sequence[bytes],
        clock: Clock = time.time,
    ) -> None:
        steps = build_steps(name, first, later, Authenticator)
        reject_async_factors(steps)
        reject_async(clock)
        self._runtime = SyncRuntime()
        self._login = build_login(steps, keys, partial(shield_stop_iteration, clock))

    def begin(self, *, binding: str = "", context: object = None) -> Challenge:
        """Start a login, and return its first challenge."""
        return run_sync(self._login.begin(binding, App(self._runtime, context)))

    def submit(
        self, ticket: str, answer: Answer, *, binding: str = "", context: object = None
    ) -> Challenge | Authenticated | Denied:
        """Check the answer to a challenge, and return the next challenge or the final result.

        If the answer is wrong, or if the user must wait before the next attempt, the result is a
        :class:`Challenge` with a ``problem``. If the ticket has expired or belongs to another flow or
        browser, or if the account is disabled, the result is :class:`Denied` and the login ends. Raises
        :class:`InvalidParameterError` if *answer* is not an answer object.
        """
        return run_sync(self._login.submit(ticket, answer, binding, App(self._runtime, context)))

    def resume(self, ticket: str, *, binding: str = "", context: object = None) -> Challenge | Denied:
        """Return the current challenge again, for example after the user reloads the page."""
        return run_sync(self._login.resume(ticket, binding, App(self._runtime, context)))

    def begin_step_up(self, proof: str, *, binding: str = "", context: object = None) -> Challenge | Denied:
        """Ask a user who is already logged in for the second factor again.

        Use this before a sensitive operation if the user logged in some time ago, and check that the
        result is for the same account. *proof* comes from an earlier login through this flow. A proof can
        start a step-up for 30 days, unless the user's credentials change in the meantime.
        """
        return run_sync(self._login.begin_step_up(proof, binding, App(self._runtime, context)))


def login_of(flow: AuthFlow) -> Login:
    """Return the flow's internal login object."""
    return flow._login  # noqa: SLF001 - private to users, not to the package
