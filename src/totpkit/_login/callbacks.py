"""Calling the app, and taking nothing of it on trust. Knows nothing of what is asked."""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias, TypeVar

from totpkit._account.sync import Colour
from totpkit._account_id import checked_account_id
from totpkit._otp.uri_syntax import checked_account
from totpkit.errors import FlowError, InvalidParameterError

T = TypeVar("T")

Callback: TypeAlias = Callable[..., object]
AnswersAccount: TypeAlias = Callable[..., str | Awaitable[str | None] | None]
AnswersText: TypeAlias = Callable[..., str | Awaitable[str]]
AnswersFlag: TypeAlias = Callable[..., bool | Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class App:
    """The app's callables, as one colour calls them, each with ``context=`` if it takes that."""

    colour: Colour
    context: object = None

    async def account_id(self, name: str, function: Callback, *subject: object) -> str | None:
        """Return the account that the app names, or ``None``; :class:`FlowError` for anything else."""
        answer = await self.text(name, function, *subject)
        try:
            return None if answer is None else checked_account_id(answer)
        except InvalidParameterError as error:
            problem = error.problem
        raise FlowError(f"{name} returned no account id: that {problem}")

    async def text(self, name: str, function: Callback, *subject: object) -> str | None:
        """Return the text that the app answers, or ``None``; :class:`FlowError` for anything else."""
        answer = await self.ask(function, *subject)
        if answer is None or (type(answer) is str and answer):
            return answer
        kind = "an empty one" if answer == "" else type(answer).__name__
        raise FlowError(f"{name} must return a str or None, not {kind}")

    async def label(self, function: Callback, account_id: str) -> str:
        """Return what the phone shall show; :class:`FlowError` for anything but a ``str``."""
        label = await self.text("label_of", function, account_id)
        try:
            return checked_account("label_of", label)
        except InvalidParameterError as error:
            problem = error.problem
        raise FlowError(f"label_of returned no label: that {problem}")

    async def flag(self, name: str, function: Callback, *subject: object) -> bool:
        """Return the app's yes or no; :class:`FlowError` for anything else, however true."""
        answer = await self.ask(function, *subject)
        if answer is True or answer is False:
            return answer
        raise FlowError(f"{name} must return True or False, not {type(answer).__name__}")

    async def ask(self, function: Callable[..., T | Awaitable[T]], *subject: object) -> T:
        """Call the app, and await what it answers where that is possible."""
        if _takes_context(function):
            return await self.colour.call(partial(function, *subject, context=self.context))
        return await self.colour.call(partial(function, *subject))


def _takes_context(function: Callback) -> bool:
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # some builtins tell nothing
        return False
    kinds = {parameter.kind for parameter in parameters.values()}
    return "context" in parameters or inspect.Parameter.VAR_KEYWORD in kinds
