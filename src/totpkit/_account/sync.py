"""One logic, two colours: the same coroutine driven to its end, or awaited.

Services are written once, as coroutines against awaited ports. This is what the sync face
needs to run them without an event loop, and the async face to make a forgotten ``await``
harmless. Knows nothing of what the services do.
"""

import inspect
import sys
from collections.abc import Awaitable, Callable, Coroutine, Generator
from types import TracebackType
from typing import Protocol, TypeVar

from totpkit._ports import AsyncStore, Store
from totpkit.errors import FlowError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_PRINTS_TASKS = "asyncio.base_tasks"
_WRONG_COLOUR = "an async part was given to a sync class: use the one whose name begins with Async"


class Colour(Protocol):
    """How a service waits: not at all, or in an event loop."""

    async def offload(self, work: Callable[[], T]) -> T:
        """Run slow work where it blocks nobody else."""

    async def call(self, callback: Callable[[], T | Awaitable[T]]) -> T:
        """Call the app, and await what it answers where that is possible."""


class Inline:
    """Never suspends: the colour of the sync face."""

    async def offload(self, work: Callable[[], T]) -> T:
        """Run it here and now."""
        return carry(work)

    async def call(self, callback: Callable[[], T | Awaitable[T]]) -> T:
        """Call the app; :class:`FlowError` if it answers with a coroutine."""
        answer = carry(callback)
        if isinstance(answer, Coroutine):
            answer.close()
        if isinstance(answer, Awaitable):
            raise FlowError(_WRONG_COLOUR)
        return answer


class Suspending:
    """Suspends: the colour of the async face."""

    async def offload(self, work: Callable[[], T]) -> T:
        """Run it in a worker thread."""
        import asyncio  # noqa: PLC0415 - the sync face does without

        try:
            return await asyncio.to_thread(carry, work)
        except Carried as carried:  # no future can hold a StopIteration: it would never be done
            error = carried.error
        raise RuntimeError("what was called in a worker thread raised StopIteration") from error

    async def call(self, callback: Callable[[], T | Awaitable[T]]) -> T:
        """Call the app, and await the answer if it can be awaited."""
        answer = callback()
        return await answer if isinstance(answer, Awaitable) else answer


class InlineStore:
    """A sync store behind the awaited port; its methods never suspend."""

    def __init__(self, store: Store) -> None:
        refuse_async(store.load, store.swap)
        self._store = store

    async def load(self, account_id: str) -> bytes | None:
        """Return the latest committed value, or ``None``."""
        return carry(lambda: self._store.load(account_id))

    async def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Write *new* if the value is still *old*; tell whether it was."""
        return carry(lambda: self._store.swap(account_id, old, new))


def refuse_async(*parts: object) -> None:
    """Raise :class:`FlowError` if a part for the sync face is a coroutine function."""
    for part in parts:
        if inspect.iscoroutinefunction(part) or inspect.iscoroutinefunction(getattr(part, "__call__", None)):  # noqa: B004 - an instance's
            raise FlowError(_WRONG_COLOUR)


def require_async(store: AsyncStore) -> AsyncStore:
    """Return *store* if it can be awaited; :class:`FlowError` otherwise."""
    if not (inspect.iscoroutinefunction(store.load) and inspect.iscoroutinefunction(store.swap)):
        raise FlowError("a sync store was given to an async class: wrap it in ThreadedStore")
    return store


class Carried(Exception):  # noqa: N818 - it is on its way, not an error of its own
    """A ``StopIteration`` of a callback on its way out of a driven coroutine, which would change it."""

    def __init__(self, error: StopIteration) -> None:
        super().__init__()
        self.error = error


def carry(work: Callable[[], T]) -> T:
    """Call *work* so that what it raises reaches the caller of :func:`drive` unchanged."""
    try:
        return work()
    except StopIteration as error:
        raise Carried(error) from error


def drive(coroutine: Coroutine[object, None, T]) -> T:
    """Run a coroutine that never suspends, and return its result.

    Raises :class:`FlowError` if it does suspend; it is closed then.
    """
    results: list[T] = []

    async def collect() -> None:
        results.append(await coroutine)

    runner = collect()
    try:
        runner.send(None)
    except StopIteration:
        return results[0]
    except Carried as carried:
        raise carried.error from None
    runner.close()
    raise FlowError(_WRONG_COLOUR)


class Pending(Coroutine[object, None, T_co]):
    """What an async method returns: to be awaited, and of no truth value before."""

    def __init__(self, coroutine: Coroutine[object, None, T_co]) -> None:
        self._coroutine = coroutine

    def __bool__(self) -> bool:
        # To print a task, asyncio asks whether it has a coroutine; nobody is let in by that.
        if sys._getframe(1).f_globals.get("__name__") == _PRINTS_TASKS:  # noqa: SLF001 - no other way to know
            return True
        raise FlowError("await the method before you look at its answer")

    def __await__(self) -> Generator[object, None, T_co]:
        return self._coroutine.__await__()

    def send(self, value: None, /) -> object:
        """Resume it, as an event loop does."""
        return self._coroutine.send(value)

    def throw(
        self,
        kind: type[BaseException] | BaseException,
        value: BaseException | object = None,
        traceback: TracebackType | None = None,
        /,
    ) -> object:
        """Raise in it, as an event loop does to cancel."""
        if isinstance(kind, BaseException):
            return self._coroutine.throw(kind)
        if value is None and traceback is None:  # three arguments are deprecated since Python 3.12
            return self._coroutine.throw(kind)
        return self._coroutine.throw(kind, value, traceback)

    def close(self) -> None:
        """End it."""
        self._coroutine.close()
