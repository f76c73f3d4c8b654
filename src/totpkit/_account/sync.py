"""Run the same code for sync and async callers.

The service is written once, as coroutines that call an async store. The sync classes wrap their
components in adapters that never suspend, and run each coroutine with :func:`run_sync`. The async classes
return an :class:`AsyncResult`, which raises an error if you use it without ``await``.
"""

import inspect
import sys
from collections.abc import Awaitable, Callable, Coroutine, Generator
from types import TracebackType
from typing import Protocol, TypeGuard, TypeVar

from totpkit._ports import AsyncStore, Store
from totpkit.errors import FlowError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_PRINTS_TASKS = "asyncio.base_tasks"
_ASYNC_IN_SYNC = "an async component was given to a sync class: use the class whose name begins with Async"


class Runtime(Protocol):
    """Runs slow work and callbacks, either directly or in an event loop."""

    async def offload(self, work: Callable[[], T]) -> T:
        """Run slow work without blocking other callers."""
        ...

    async def call(self, callback: Callable[[], object]) -> object:
        """Call a function from the application, and await the result if it is awaitable."""
        ...


class SyncRuntime:
    """The runtime of the sync classes. It never suspends."""

    async def offload(self, work: Callable[[], T]) -> T:
        """Run *work* directly."""
        return shield_stop_iteration(work)

    async def call(self, callback: Callable[[], object]) -> object:
        """Call a function from the application, or raise :class:`FlowError` if it returns an awaitable."""
        result = shield_stop_iteration(callback)
        reject_awaitable(result)
        return result


class AsyncRuntime:
    """The runtime of the async classes."""

    async def offload(self, work: Callable[[], T]) -> T:
        """Run *work* in a worker thread."""
        import asyncio  # noqa: PLC0415 - slow to import, and the sync classes do not need it

        try:
            return await asyncio.to_thread(shield_stop_iteration, work)
        except ShieldedStopIteration as shielded:  # a future that is given a StopIteration never finishes
            error = shielded.error
        raise RuntimeError("a function that ran in a worker thread raised StopIteration") from error

    async def call(self, callback: Callable[[], object]) -> object:
        """Call a function from the application, and await the result if it is awaitable."""
        result = callback()
        return await result if _is_awaitable(result) else result


class SyncStoreAdapter:
    """Wraps a sync store as an :class:`AsyncStore` that never suspends."""

    def __init__(self, store: Store) -> None:
        reject_async(store.load, store.swap)
        self._store = store

    async def load(self, account_id: str) -> bytes | None:
        """Return the latest committed value, or ``None``."""
        try:
            return self._store.load(account_id)
        except StopIteration as error:
            raise ShieldedStopIteration(error) from error

    async def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Replace *old* with *new*. Return ``False`` if the stored value is not *old*."""
        try:
            return self._store.swap(account_id, old, new)
        except StopIteration as error:
            raise ShieldedStopIteration(error) from error


def reject_async(*components: object) -> None:
    """Raise :class:`FlowError` if a coroutine function was passed to a sync class."""
    for component in components:
        call = getattr(component, "__call__", None)  # noqa: B004 - to look at it, not to ask whether it exists
        if inspect.iscoroutinefunction(component) or inspect.iscoroutinefunction(call):
            raise FlowError(_ASYNC_IN_SYNC)


def require_async(store: AsyncStore) -> AsyncStore:
    """Return *store* if its methods are coroutine functions, or raise :class:`FlowError`."""
    if not (inspect.iscoroutinefunction(store.load) and inspect.iscoroutinefunction(store.swap)):
        raise FlowError("a sync store was given to an async class: wrap it in ThreadedStore")
    return store


def _is_awaitable(result: object) -> TypeGuard[Awaitable[object]]:
    return isinstance(result, Awaitable)


def reject_awaitable(result: object) -> None:
    """Raise :class:`FlowError` if a callback returned an awaitable to a sync class."""
    if isinstance(result, Coroutine):
        result.close()
    if isinstance(result, Awaitable):
        raise FlowError(_ASYNC_IN_SYNC)


class ShieldedStopIteration(Exception):  # noqa: N818 - a wrapper in transit, never seen by callers
    """Wraps a callback's ``StopIteration``, which would otherwise become a ``RuntimeError`` (PEP 479)."""

    def __init__(self, error: StopIteration) -> None:
        super().__init__()
        self.error = error


def shield_stop_iteration(work: Callable[[], T]) -> T:
    """Call *work*, and let any exception reach the caller of :func:`run_sync` unchanged."""
    try:
        return work()
    except StopIteration as error:
        raise ShieldedStopIteration(error) from error


def run_sync(coroutine: Coroutine[object, None, T]) -> T:
    """Run a coroutine that never suspends, and return its result.

    If the coroutine does suspend, it is closed and :class:`FlowError` is raised.
    """
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    except ShieldedStopIteration as shielded:
        raise shielded.error from None
    coroutine.close()
    raise FlowError(_ASYNC_IN_SYNC)


class AsyncResult(Coroutine[object, None, T_co]):
    """The return value of an async method, which must be awaited before it is used."""

    def __init__(self, coroutine: Coroutine[object, None, T_co]) -> None:
        self._coroutine = coroutine

    def __bool__(self) -> bool:
        # asyncio tests a task's coroutine for truth when it prints the task. That lets nobody in.
        if sys._getframe(1).f_globals.get("__name__") == _PRINTS_TASKS:  # noqa: SLF001 - there is no other way to tell
            return True
        raise FlowError("await the method before you use its result")

    def __await__(self) -> Generator[object, None, T_co]:
        return self._coroutine.__await__()

    def send(self, value: None, /) -> object:
        """Resume the coroutine, as an event loop does."""
        return self._coroutine.send(value)

    def throw(
        self,
        kind: type[BaseException] | BaseException,
        value: BaseException | object = None,
        traceback: TracebackType | None = None,
        /,
    ) -> object:
        """Raise an exception inside the coroutine, as an event loop does to cancel a task."""
        if isinstance(kind, BaseException):
            return self._coroutine.throw(kind)
        if value is None and traceback is None:  # three arguments are deprecated since Python 3.12
            return self._coroutine.throw(kind)
        return self._coroutine.throw(kind, value, traceback)

    def close(self) -> None:
        """Close the coroutine."""
        self._coroutine.close()
