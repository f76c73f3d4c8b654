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
    """A login: a first factor, and the steps that may only come after it.

    *first* is :class:`Password`, :class:`Federated`, a :class:`FirstFactor` of your own, or several of
    them joined with ``|``. Each of *later* is a step of :class:`TotpCode`, :class:`RecoveryCode`,
    :class:`EmailCode` or a :class:`SecondFactor` of your own, joined in the same way. *name* identifies
    the app's flow: a ticket from one flow is rejected by another. *keys* sign tickets and proofs. Each
    has at least 32 bytes; the first one signs, and all of them verify. *clock* returns Unix seconds.

    *binding* identifies the browser, for example by a session id or by a cookie that was set before the
    login. A ticket that is used in another browser is rejected. *context* is passed to those functions
    of the app that take it.

    Raises :class:`FirstFactorError` if a second factor would come first, :class:`FlowError` for steps
    that do not fit together, and :class:`InvalidParameterError` for other invalid values. Every method
    raises :class:`FlowError` if a function of the app returns something it must not. It also raises
    whatever that function, the :class:`Authenticator` or a mailer raises.
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
        """Begin a login, and return its first challenge."""
        return run_sync(self._login.begin(binding, App(self._runtime, context)))

    def submit(
        self, ticket: str, answer: Answer, *, binding: str = "", context: object = None
    ) -> Challenge | Authenticated | Denied:
        """Check an answer to the challenge that has this ticket, and return what comes next.

        A wrong answer returns a :class:`Challenge` with its ``problem``, and so does an answer during a
        wait. :class:`Denied` ends the login: the ticket belongs to another flow or browser or has
        expired, or the account is disabled. Raises :class:`InvalidParameterError` if *answer* is not
        an answer.
        """
        return run_sync(self._login.submit(ticket, answer, binding, App(self._runtime, context)))

    def resume(self, ticket: str, *, binding: str = "", context: object = None) -> Challenge | Denied:
        """Show a challenge again, after a reload or the back button. This changes nothing."""
        return run_sync(self._login.resume(ticket, binding, App(self._runtime, context)))

    def begin_step_up(self, proof: str, *, binding: str = "", context: object = None) -> Challenge | Denied:
        """Ask only for the second factor, of the account that a proof of this flow names.

        Use it before a sensitive operation in a session that has lasted a while, and check that the
        result is for the same account. A proof can begin a step-up for 30 days, unless the credential
        has changed since.
        """
        return run_sync(self._login.begin_step_up(proof, binding, App(self._runtime, context)))


def login_of(flow: AuthFlow) -> Login:
    """Return the login behind a flow, for the classes that are built on it."""
    return flow._login  # noqa: SLF001 - private to users, not to the package
