"""The steps of a login flow, which are validated when the flow is created."""

import logging
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from totpkit._account.async_authenticator import async_service_of
from totpkit._account.authenticator import Authenticator, service_of
from totpkit._account.service import Service
from totpkit._account.sync import reject_async
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
from totpkit._validation import checked_account_id, checked_callback
from totpkit.errors import FirstFactorError, FlowError, InvalidParameterError

_log = logging.getLogger("totpkit")

_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9:._-]{0,63}")

_BUILT_IN = (Password, Federated, TotpCode, RecoveryCode, EmailCode)
_RESERVED_NAMES = frozenset({Password.name, TotpCode.name, RecoveryCode.name, EmailCode.name})

METHODS = frozenset(
    [
        *["face", "fpt", "geo", "hwk", "iris", "kba", "mca", "otp", "pin", "pop", "pwd", "rba"],
        *["retina", "sc", "sms", "swk", "tel", "user", "vbm", "wia"],
    ]
)
"""The methods that a factor may claim: the values of RFC 8176, section 2, except ``mfa``, which no
single factor can be."""


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps of a login flow. The user must pass one of the factors in each step.

    ``service`` counts failed attempts for second factors, and is ``None`` if the flow has no second
    factors.
    """

    name: str
    first: tuple[FirstFactor, ...]
    later: tuple[tuple[SecondFactor, ...], ...]
    service: Service | None

    @property
    def shape(self) -> str:
        """The names of all factors in each step. Tickets are valid only in flows with the same shape."""
        steps: list[Iterable[FirstFactor | SecondFactor]] = [self.first, *self.later]
        return ";".join("|".join(factor.name for factor in step) for step in steps)

    def step(self, number: int) -> tuple[SecondFactor, ...]:
        """Return the factors in a later step. The first later step is number 1."""
        return self.later[number - 1]

    def is_last(self, number: int) -> bool:
        """Return whether this step is the last one."""
        return number == len(self.later)

    def second_factors(self) -> list[SecondFactor]:
        """Return the factors of all later steps."""
        return [factor for step in self.later for factor in step]

    def totp(self) -> TotpCode | None:
        """Return the flow's :class:`TotpCode` factor, if it has one."""
        return find_totp(self.second_factors())

    def methods(self, passed: Collection[str]) -> tuple[str, ...]:
        """Return the RFC 8176 methods for a login that passed these factors."""
        methods: dict[str, None] = {}
        for factor in self.first:
            if factor.name in passed:
                methods |= dict.fromkeys(factor.methods)
        multi = False
        for second in self.second_factors():
            if second.name in passed:
                methods |= dict.fromkeys(second.methods)
                multi |= second.multi
        return (*methods, "mfa") if multi else tuple(methods)


def find_totp(factors: Iterable[SecondFactor]) -> TotpCode | None:
    """Return the :class:`TotpCode` factor from a step, if it has one."""
    return next((factor for factor in factors if isinstance(factor, TotpCode)), None)


def build_steps(
    name: object, first: object, later: Iterable[object], authenticator: type[AnyAuthenticator]
) -> Steps:
    """Validate the steps of a flow, and return them.

    All factors must use the given *authenticator* class. Raises :class:`FirstFactorError` if a second
    factor would come first, and :class:`FlowError` or :class:`InvalidParameterError` for any other
    mistake. Logs a warning if the flow will lock users out.
    """
    if not isinstance(first, FirstFactor):
        raise FirstFactorError(
            f"a login must begin with a first factor, such as Password(...), not with {_describe(first)}"
        )
    steps = [_checked_second(step).alternatives for step in later]
    auth = _single_authenticator([factor for step in steps for factor in step], authenticator)
    if steps and auth is None:
        raise FlowError("an authenticator must count the failures of second factors: set auth on the factor")
    service = _service_of(auth)
    found = Steps(_checked_name(name), first.alternatives, tuple(steps), service)
    _check_factors([*found.first, *found.second_factors()])
    _warn_about_recovery_alone(found)
    return found


def reject_async_factors(steps: Steps) -> None:
    """Raise :class:`FlowError` if a factor in a sync flow calls a coroutine function."""
    factors: list[FirstFactor | SecondFactor] = [*steps.first, *steps.second_factors()]
    for factor in factors:
        reject_async(*[callback.function for callback in factor.callbacks()])


def _checked_second(step: object) -> SecondFactor:
    if isinstance(step, SecondFactor):
        return step
    raise FlowError(f"later steps must be second factors, such as TotpCode(...), not {_describe(step)}")


def _describe(step: object) -> str:
    """Describe an invalid factor for an error message, and suggest what to use instead."""
    name = type(step).__name__
    if isinstance(step, SecondFactor):
        return f"{name}: a second factor alone must not let anyone in"
    if isinstance(step, list | tuple | set | frozenset):
        return f"{name}: join the alternatives of one step with |"
    if isinstance(step, type):
        return f"the class {step.__name__}: create an instance of it"
    return name


def _warn_about_recovery_alone(steps: Steps) -> None:
    alone = any(all(isinstance(factor, RecoveryCode) for factor in step) for step in steps.later)
    if alone and steps.totp() is not None:
        # Not rejected, because an app may mean it. Usually it is a comma instead of |.
        _log.warning(
            "a step of the flow %s asks every user for a recovery code at every login, until all codes "
            "are used up. If the recovery code should replace the code from the device, join the two "
            "factors with |, as in TotpCode(auth) | RecoveryCode(auth)",
            steps.shape,
        )


def _single_authenticator(
    factors: Iterable[SecondFactor], expected: type[AnyAuthenticator]
) -> AnyAuthenticator | None:
    found = {id(factor.auth): factor.auth for factor in factors if factor.auth is not None}
    if len(found) > 1:
        raise FlowError("a flow must use one authenticator: two would count failures separately")
    auth = next(iter(found.values()), None)
    if auth is not None and not isinstance(auth, expected):
        raise FlowError(f"this flow needs an {expected.__name__}, not an {type(auth).__name__}")
    return auth


def _service_of(auth: AnyAuthenticator | None) -> Service | None:
    if isinstance(auth, Authenticator):
        return service_of(auth)
    return None if auth is None else async_service_of(auth)


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
            raise FlowError(f"{kind} must have a name of ASCII letters, digits and :._-")
        if not isinstance(factor, _BUILT_IN) and factor.name in _RESERVED_NAMES:
            raise FlowError(f"the name {factor.name} is reserved: give {kind} another one")
        if factor.name in known:
            raise FlowError(f"a flow must not contain the factor {factor.name} twice")
        if not METHODS.issuperset(factor.methods):
            raise FlowError(f"the methods of {kind} must be values of RFC 8176, section 2, except mfa")
        for callback in factor.callbacks():
            checked_callback(f"{kind}.{callback.name}", callback.function, *callback.arguments)
        known.add(factor.name)
