"""The steps of a login, checked when it is put together. Knows nothing of who logs in."""

import logging
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from totpkit._account.authenticator import service_of
from totpkit._account.service import Accounts
from totpkit._account.sync import refuse_async
from totpkit._account_id import checked_account_id
from totpkit._login.factors import (
    AnyAuthenticator,
    EmailCode,
    Federated,
    FirstFactor,
    Password,
    RecoveryCode,
    SecondFactor,
    TotpCode,
)
from totpkit.errors import FirstFactorError, FlowError, InvalidParameterError

_log = logging.getLogger("totpkit")

_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9:._-]{0,63}")

_BUILT_IN = (Password, Federated, TotpCode, RecoveryCode, EmailCode)
_TAKEN = frozenset({Password.name, TotpCode.name, RecoveryCode.name, EmailCode.name})
_JOIN = "join the alternatives of one step by |"

METHODS = frozenset(
    [
        *["face", "fpt", "geo", "hwk", "iris", "kba", "mca", "otp", "pin", "pop", "pwd", "rba"],
        *["retina", "sc", "sms", "swk", "tel", "user", "vbm", "wia"],
    ]
)
"""What a factor may call its method: the values of RFC 8176, section 2, but for ``mfa``, which no
factor is by itself."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A first step and those that follow, each with the factors of which one is enough."""

    name: str
    first: tuple[FirstFactor, ...]
    then: tuple[tuple[SecondFactor, ...], ...]
    accounts: Accounts | None

    @property
    def shape(self) -> str:
        """The steps by the names of their factors; a ticket of another shape is worthless."""
        steps: list[Iterable[FirstFactor | SecondFactor]] = [self.first, *self.then]
        return ";".join("|".join(factor.name for factor in step) for step in steps)

    def step(self, number: int) -> tuple[SecondFactor, ...]:
        """Return the alternatives of a step, counted from 1 after the first."""
        return self.then[number - 1]

    def completes(self, number: int) -> bool:
        """Return whether a step is the last."""
        return number == len(self.then)

    def seconds(self) -> list[SecondFactor]:
        """Return the factors of all later steps."""
        return [factor for step in self.then for factor in step]

    def totp(self) -> TotpCode | None:
        """Return the factor that enrolls, if the flow has it."""
        return next((factor for factor in self.seconds() if isinstance(factor, TotpCode)), None)

    def methods(self, passed: Collection[str]) -> tuple[str, ...]:
        """Return what RFC 8176 calls a login by these factors."""
        methods = [method for factor in self.first if factor.name in passed for method in factor.methods]
        several = False
        for step in self.then:
            for factor in step:
                if factor.name in passed:
                    methods += factor.methods
                    several |= factor.multi
        return tuple(dict.fromkeys([*methods, "mfa"] if several else methods))


def plan_of(name: object, first: object, then: Iterable[object], face: type[AnyAuthenticator]) -> Plan:
    """Put a flow together for the face whose authenticator is *face*.

    Raises :class:`FirstFactorError` if a second factor would come first, and
    :class:`FlowError` or :class:`InvalidParameterError` for what else does not fit. Warns, in
    the log, of a flow that locks people out.
    """
    if not isinstance(first, FirstFactor):
        raise FirstFactorError(
            f"a login must begin with a first factor, such as Password(...), not with {_told(first)}"
        )
    steps = [_second(step).alternatives for step in then]
    auth = _one_authenticator([factor for step in steps for factor in step], face)
    accounts = None if auth is None else service_of(auth)
    if steps and accounts is None:
        raise FlowError("the failures of second factors are counted in an authenticator: give the factor one")
    plan = Plan(_checked_name(name), first.alternatives, tuple(steps), accounts)
    _check_factors([*plan.first, *plan.seconds()])
    _warn_of_recovery_alone(plan)
    return plan


def refuse_async_factors(plan: Plan) -> None:
    """Raise :class:`FlowError` if a factor calls the app by a coroutine function: the sync face can't."""
    for first in plan.first:
        refuse_async(*first.calls())
    for factor in plan.seconds():
        refuse_async(*factor.calls())


def _second(step: object) -> SecondFactor:
    if isinstance(step, SecondFactor):
        return step
    raise FlowError(f"after the first step come second factors, such as TotpCode(...), not {_told(step)}")


def _told(step: object) -> str:
    """Name what is no factor that may stand here, with what was probably meant."""
    name = type(step).__name__
    if isinstance(step, SecondFactor):
        return f"{name}: nobody may come in by a second factor alone"
    if isinstance(step, list | tuple | set | frozenset):
        return f"{name}: {_JOIN}"
    if isinstance(step, type):
        return f"the class {step.__name__}: make a factor of it"
    return name


def _warn_of_recovery_alone(plan: Plan) -> None:
    alone = any(all(isinstance(factor, RecoveryCode) for factor in step) for step in plan.then)
    if alone and plan.totp() is not None:
        # Not refused: an app may mean it. As a rule it is a comma where | was meant.
        _log.warning(
            "one step of the flow %s asks everybody for a recovery code at every login, until all are used "
            "up: if it is meant in place of the phone, join the two by |, as in TotpCode(auth) | "
            "RecoveryCode(auth)",
            plan.shape,
        )


def _one_authenticator(
    factors: Iterable[SecondFactor], face: type[AnyAuthenticator]
) -> AnyAuthenticator | None:
    found = {id(factor.auth): factor.auth for factor in factors if factor.auth is not None}
    if len(found) > 1:
        raise FlowError("a flow has one authenticator: two would count failures apart")
    auth = next(iter(found.values()), None)
    if auth is not None and not isinstance(auth, face):
        raise FlowError(f"this flow takes an {face.__name__}, not an {type(auth).__name__}")
    return auth


def _checked_name(name: object) -> str:
    try:
        return checked_account_id(name)
    except InvalidParameterError as error:
        problem = error.problem
    raise InvalidParameterError("name", problem)


def _check_factors(factors: Iterable[FirstFactor | SecondFactor]) -> None:
    known: set[str] = set()
    for factor in factors:
        kind = type(factor).__name__
        if not isinstance(factor.name, str) or not _NAME.fullmatch(factor.name):
            raise FlowError(f"{kind} needs a name of ASCII letters, digits and :._-")
        own = not isinstance(factor, _BUILT_IN)
        if own and factor.name in _TAKEN:
            raise FlowError(f"the name {factor.name} is taken: give {kind} another")
        if factor.name in known:
            raise FlowError(f"a flow holds the factor {factor.name} twice")
        if not METHODS.issuperset(factor.methods):
            raise FlowError(f"the methods of {kind} must be values of RFC 8176, section 2, and not mfa")
        known.add(factor.name)
