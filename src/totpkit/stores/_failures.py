"""Turning a driver's exceptions into ours. Knows nothing of which driver.

Drivers print the values that were bound, so nothing of theirs is kept but the name of the
class: no message, no cause, no context.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from totpkit.errors import StoreError

T = TypeVar("T")


def answered(work: Callable[[], T], *failures: type[Exception]) -> T:
    """Return what *work* does; :class:`StoreError` in place of the *failures*."""
    try:
        return work()
    except failures as error:
        name = type(error).__name__
    raise StoreError(f"the store did not answer: {name}")


async def answered_later(work: Awaitable[T], *failures: type[Exception]) -> T:
    """Await *work*; :class:`StoreError` in place of the *failures*."""
    try:
        return await work
    except failures as error:
        name = type(error).__name__
    raise StoreError(f"the store did not answer: {name}")
