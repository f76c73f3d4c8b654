"""Translate database errors into :class:`StoreError`, for all stores.

Database drivers may include the values of a statement in their error messages. The new error
therefore contains only the class name of the original exception, and has no cause or context.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from totpkit.errors import StoreError

T = TypeVar("T")


def translate_errors(work: Callable[[], T], *failures: type[Exception]) -> T:
    """Call *work* and return the result.

    Raises :class:`StoreError` if *work* raises one of the exceptions in *failures*.
    """
    try:
        return work()
    except failures as error:
        name = type(error).__name__
    # Raised outside the except block: inside it, the driver's exception would become the context.
    raise StoreError(f"the store did not answer: {name}")


async def translate_errors_async(work: Awaitable[T], *failures: type[Exception]) -> T:
    """Await *work* and return the result.

    Raises :class:`StoreError` if *work* raises one of the exceptions in *failures*.
    """
    try:
        return await work
    except failures as error:
        name = type(error).__name__
    raise StoreError(f"the store did not answer: {name}")
