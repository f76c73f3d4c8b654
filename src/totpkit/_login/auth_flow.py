"""The two faces of one login: a flow to call, and one to await. They hold no logic."""

import time
from collections.abc import Sequence
from functools import partial

from totpkit._account.authenticator import AsyncAuthenticator, Authenticator
from totpkit._account.sync import Inline, Pending, Suspending, carry, drive, refuse_async
from totpkit._clock import Clock
from totpkit._login.answers import Answer
from totpkit._login.asking import Asking
from totpkit._login.callbacks import App
from totpkit._login.factors import FirstFactor, SecondFactor
from totpkit._login.finish import Finish
from totpkit._login.later_steps import Later
from totpkit._login.login import Login
from totpkit._login.other_factors import Checks
from totpkit._login.proof import Proofs
from totpkit._login.results import Authenticated, Challenge, Denied
from totpkit._login.signed import Signature, Signing
from totpkit._login.steps import Plan, plan_of, refuse_async_factors
from totpkit._login.ticket import Tickets
from totpkit._login.visit import Doors


class AuthFlow:
    """A login: a first factor, and those that may only follow it.

    *first* is one of :class:`Password`, :class:`Federated` or your own
    :class:`FirstFactor`, or several joined by ``|``; each of *then* is a step of
    :class:`TotpCode`, :class:`RecoveryCode`, :class:`EmailCode` or your own
    :class:`SecondFactor`, alike. *name* is the app's; a ticket of one flow is worth nothing
    in another. *keys* sign tickets and proofs: bytes of 32 or more, the first signs, all
    verify. *clock* returns Unix seconds.

    *binding* names the browser, by a session's id or a cookie set before the login: a ticket
    carried to another browser is worth nothing there. *context* is handed to the app's
    callables that take it.

    Raises :class:`FirstFactorError` if a second factor comes first, :class:`FlowError` for
    steps that don't fit together, and :class:`InvalidParameterError` for other values.
    Every method raises :class:`FlowError` if a callable of the app's answers with what it
    must not, what that callable raises, and what :class:`Authenticator` and a mailer do.
    """

    def __init__(
        self,
        first: FirstFactor,
        *then: SecondFactor,
        name: str,
        keys: Sequence[bytes],
        clock: Clock = time.time,
    ) -> None:
        plan = plan_of(name, first, then, Authenticator)
        refuse_async_factors(plan)
        refuse_async(clock)
        self._colour = Inline()
        self._login = _login(plan, keys, partial(carry, clock))

    def begin(self, *, binding: str = "", context: object = None) -> Challenge:
        """Begin a login."""
        return drive(self._login.begin(binding, App(self._colour, context)))

    def submit(
        self, ticket: str, answer: Answer, *, binding: str = "", context: object = None
    ) -> Challenge | Authenticated | Denied:
        """Check an answer to the challenge with this ticket, and say what comes next.

        A wrong answer is a :class:`Challenge` with its ``problem``, and so is one during a
        wait. :class:`Denied` ends the login: the ticket is not of this flow and browser, it
        has expired, or the account is disabled. Raises :class:`InvalidParameterError` for
        what is no answer.
        """
        return drive(self._login.submit(ticket, answer, binding, App(self._colour, context)))

    def resume(self, ticket: str, *, binding: str = "", context: object = None) -> Challenge | Denied:
        """Show again what a ticket asks for: after a reload or the back button. It changes nothing."""
        return drive(self._login.resume(ticket, binding, App(self._colour, context)))

    def begin_step_up(self, proof: str, *, binding: str = "", context: object = None) -> Challenge | Denied:
        """Ask for the second factor alone, of the account that a proof of this flow names.

        For a sensitive act in a session that has lasted a while: match the account of the
        result. A proof is good for that for 30 days, if the credential has not changed since.
        """
        return drive(self._login.begin_step_up(proof, binding, App(self._colour, context)))


class AsyncAuthFlow:
    """:class:`AuthFlow`, awaited; it takes an async authenticator and either kind of callable.

    What a method returns has no truth value before it is awaited. A sync mailer runs in a
    worker thread; other sync callables run in the event loop.
    """

    def __init__(
        self,
        first: FirstFactor,
        *then: SecondFactor,
        name: str,
        keys: Sequence[bytes],
        clock: Clock = time.time,
    ) -> None:
        plan = plan_of(name, first, then, AsyncAuthenticator)
        refuse_async(clock)
        self._colour = Suspending()
        self._login = _login(plan, keys, clock)

    def begin(self, *, binding: str = "", context: object = None) -> Pending[Challenge]:
        """See :meth:`AuthFlow.begin`."""
        return Pending(self._login.begin(binding, App(self._colour, context)))

    def submit(
        self, ticket: str, answer: Answer, *, binding: str = "", context: object = None
    ) -> Pending[Challenge | Authenticated | Denied]:
        """See :meth:`AuthFlow.submit`."""
        return Pending(self._login.submit(ticket, answer, binding, App(self._colour, context)))

    def resume(
        self, ticket: str, *, binding: str = "", context: object = None
    ) -> Pending[Challenge | Denied]:
        """See :meth:`AuthFlow.resume`."""
        return Pending(self._login.resume(ticket, binding, App(self._colour, context)))

    def begin_step_up(
        self, proof: str, *, binding: str = "", context: object = None
    ) -> Pending[Challenge | Denied]:
        """See :meth:`AuthFlow.begin_step_up`."""
        return Pending(self._login.begin_step_up(proof, binding, App(self._colour, context)))


def login_of(flow: AuthFlow | AsyncAuthFlow) -> Login:
    """Return the service behind a flow, for those built on it."""
    return flow._login  # noqa: SLF001 - hidden from users, not from the package


def _login(plan: Plan, keys: Sequence[bytes], clock: Clock) -> Login:
    signing = Signing(keys)
    flow = (plan.name.encode("utf-8"), plan.shape.encode("ascii"))
    doors = Doors(Tickets(Signature(signing.keys_for(b"ticket", *flow))))
    finish = Finish(plan, Proofs(Signature(signing.keys_for(b"proof", *flow))))
    later = None
    if plan.accounts is not None:
        asking = Asking(plan, doors, plan.accounts)
        later = Later(plan, asking, Checks(plan.accounts, signing), finish)
    return Login(plan, doors, finish, later, clock)
