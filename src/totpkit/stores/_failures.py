"""Translate a driver's exceptions into :class:`StoreError`. Every store uses it.

Drivers put bound values into their messages. The error therefore keeps only the name of the
exception's class: no message, no cause and no context.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from totpkit.errors import StoreError

T = TypeVar("T")


def translate_errors(work: Callable[[], T], *failures: type[Exception]) -> T:
    """Return the result of *work*. Raise :class:`StoreError` if it raises one of *failures*."""
    try:
        return work()
    except failures as error:
        name = type(error).__name__
    # Raised outside the except block: inside it, the driver's exception would become the context.
    raise StoreError(f"the store did not answer: {name}")


async def translate_errors_async(work: Awaitable[T], *failures: type[Exception]) -> T:
    """Return the result of awaiting *work*. Raise :class:`StoreError` if it raises one of *failures*."""
    try:
        return await work
    except failures as error:
        name = type(error).__name__
    raise StoreError(f"the store did not answer: {name}")
