"""Call functions that the application provides, and validate their return values."""

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
    """A function that takes one string and a ``context`` keyword argument of any type."""

    def __call__(self, argument: str, /, *, context: Never) -> R_co: ...


class TwoWithContext(Protocol[R_co]):
    """A function that takes two strings and a ``context`` keyword argument of any type."""

    def __call__(self, first: str, second: str, /, *, context: Never) -> R_co: ...


MaybeText: TypeAlias = str | Awaitable[str | None] | None
Text: TypeAlias = str | Awaitable[str]
Flag: TypeAlias = bool | Awaitable[bool]

CheckPassword: TypeAlias = Callable[[str, str], MaybeText] | TwoWithContext[MaybeText]
"""Takes ``(username, password)``, and returns the account id or ``None``."""
AddressOf: TypeAlias = Callable[[str], MaybeText] | OneWithContext[MaybeText]
"""Takes ``(account_id)``, and returns the email address or ``None``."""
LabelOf: TypeAlias = Callable[[str], Text] | OneWithContext[Text]
"""Takes ``(account_id)``, and returns the name that the authenticator app shows."""
FlagOf: TypeAlias = Callable[[str], Flag] | OneWithContext[Flag]
"""Takes ``(account_id)``, and returns ``True`` or ``False``."""

Callback: TypeAlias = Callable[..., object]


@dataclass(frozen=True, slots=True)
class App:
    """Calls the application's functions, and passes ``context`` to functions that accept it."""

    runtime: Runtime
    context: object = None

    async def account_id(self, name: str, function: Callback, *arguments: object) -> str | None:
        """Call a function that must return an account id or ``None``, and validate the result."""
        returned = await self.text(name, function, *arguments)
        try:
            return None if returned is None else checked_account_id(returned)
        except InvalidParameterError as error:
            problem = error.problem
        raise FlowError(f"{name} returned an invalid account id: it {problem}")

    async def text(self, name: str, function: Callback, *arguments: object) -> str | None:
        """Call a function that must return a non-empty string or ``None``, and validate the result."""
        returned = await self.call(function, *arguments)
        if returned is None or (type(returned) is str and returned):
            return returned
        kind = "an empty one" if returned == "" else type(returned).__name__
        raise FlowError(f"{name} must return a str or None, not {kind}")

    async def label(self, function: Callback, account_id: str) -> str:
        """Call the ``label_of`` function, and check that authenticator apps can show the label."""
        label = await self.text("label_of", function, account_id)
        try:
            return checked_account("label_of", label)
        except InvalidParameterError as error:
            problem = error.problem
        raise FlowError(f"label_of returned an invalid label: it {problem}")

    async def flag(self, name: str, function: Callback, *arguments: object) -> bool:
        """Call a function that must return ``True`` or ``False``, and validate the result."""
        returned = await self.call(function, *arguments)
        if returned is True or returned is False:
            return returned
        raise FlowError(f"{name} must return True or False, not {type(returned).__name__}")

    async def call(self, function: Callback, *arguments: object) -> object:
        """Call a function from the application, and await the result if it is awaitable."""
        return await self.runtime.call(self.bind(function, *arguments))

    def bind(self, function: Callable[..., T], *arguments: object) -> Callable[[], T]:
        """Bind arguments to a function, including ``context`` if the function accepts it."""
        if takes_context(function):
            return partial(function, *arguments, context=self.context)
        return partial(function, *arguments)
