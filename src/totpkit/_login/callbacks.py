"""Call the app's functions, and check everything that they return."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Never, Protocol, TypeAlias, TypeVar

from totpkit._account.sync import Runtime
from totpkit._otp.uri_syntax import checked_account
from totpkit._validation import checked_account_id, takes_context
from totpkit.errors import FlowError, InvalidParameterError

T = TypeVar("T")
R_co = TypeVar("R_co", covariant=True)


class OneWithContext(Protocol[R_co]):
    """A function of one text and the keyword argument ``context``, of whatever type the app has there."""

    def __call__(self, argument: str, /, *, context: Never) -> R_co: ...


class TwoWithContext(Protocol[R_co]):
    """A function of two texts and the keyword argument ``context``."""

    def __call__(self, first: str, second: str, /, *, context: Never) -> R_co: ...


MaybeText: TypeAlias = str | Awaitable[str | None] | None
Text: TypeAlias = str | Awaitable[str]
Flag: TypeAlias = bool | Awaitable[bool]

CheckPassword: TypeAlias = Callable[[str, str], MaybeText] | TwoWithContext[MaybeText]
"""``(username, password)`` to the account id, or ``None``."""
AddressOf: TypeAlias = Callable[[str], MaybeText] | OneWithContext[MaybeText]
"""``(account_id)`` to the email address, or ``None``."""
LabelOf: TypeAlias = Callable[[str], Text] | OneWithContext[Text]
"""``(account_id)`` to the name that the authenticator app shows."""
FlagOf: TypeAlias = Callable[[str], Flag] | OneWithContext[Flag]
"""``(account_id)`` to yes or no."""

Callback: TypeAlias = Callable[..., object]


@dataclass(frozen=True, slots=True)
class App:
    """Calls the app's functions in one runtime, with ``context=`` if they take it."""

    runtime: Runtime
    context: object = None

    async def account_id(self, name: str, function: Callback, *arguments: object) -> str | None:
        """Return the account id that the app returns, or ``None``; :class:`FlowError` for anything else."""
        returned = await self.text(name, function, *arguments)
        try:
            return None if returned is None else checked_account_id(returned)
        except InvalidParameterError as error:
            problem = error.problem
        raise FlowError(f"{name} returned an invalid account id: it {problem}")

    async def text(self, name: str, function: Callback, *arguments: object) -> str | None:
        """Return the text that the app returns, or ``None``; :class:`FlowError` for anything else."""
        returned = await self.call(function, *arguments)
        if returned is None or (type(returned) is str and returned):
            return returned
        kind = "an empty one" if returned == "" else type(returned).__name__
        raise FlowError(f"{name} must return a str or None, not {kind}")

    async def label(self, function: Callback, account_id: str) -> str:
        """Return what the authenticator app shows; :class:`FlowError` if it is not a valid label."""
        label = await self.text("label_of", function, account_id)
        try:
            return checked_account("label_of", label)
        except InvalidParameterError as error:
            problem = error.problem
        raise FlowError(f"label_of returned an invalid label: it {problem}")

    async def flag(self, name: str, function: Callback, *arguments: object) -> bool:
        """Return the app's yes or no; :class:`FlowError` for anything but ``True`` or ``False``."""
        returned = await self.call(function, *arguments)
        if returned is True or returned is False:
            return returned
        raise FlowError(f"{name} must return True or False, not {type(returned).__name__}")

    async def call(self, function: Callback, *arguments: object) -> object:
        """Call the app, and await what it returns if that is possible."""
        return await self.runtime.call(self.bind(function, *arguments))

    def bind(self, function: Callable[..., T], *arguments: object) -> Callable[[], T]:
        """Return a function of the app with its arguments, and with ``context=`` if it takes that."""
        if takes_context(function):
            return partial(function, *arguments, context=self.context)
        return partial(function, *arguments)
