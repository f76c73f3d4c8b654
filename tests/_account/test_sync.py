"""Tests of totpkit._account.sync: the same logic for sync and async callers."""

import asyncio
import functools
import gc
import threading
from collections.abc import Awaitable, Callable, Generator
from typing import Any

import pytest

from tests.support.runtimes import Run, each_runtime, run_async
from totpkit import FlowError
from totpkit._account.sync import (
    AsyncResult,
    AsyncRuntime,
    Runtime,
    ShieldedStopIteration,
    SyncRuntime,
    SyncStoreAdapter,
    reject_async,
    require_async,
    run_sync,
    shield_stop_iteration,
)
from totpkit.stores.memory import MemoryStore
from totpkit.stores.threaded import ThreadedStore

ASYNC_IN_SYNC = r"^an async component was given to a sync class: use the class whose name begins with Async$"
SYNC_IN_ASYNC = r"^a sync store was given to an async class: wrap it in ThreadedStore$"


class ChosenError(Exception):
    """An error that nothing else raises."""


ERRORS = [
    ChosenError("x"),
    StopIteration("x"),
    StopAsyncIteration(),
    GeneratorExit(),
    KeyboardInterrupt(),
    RuntimeError(),
]
each_error = pytest.mark.parametrize("error", ERRORS, ids=repr)


async def suspend(value: object = None) -> object:
    """Return the value after a turn of the event loop."""
    await asyncio.sleep(0)
    return value


class CustomAwaitable:
    """Something to await that is not a coroutine."""

    def __await__(self) -> Generator[object, None, str]:
        return asyncio.sleep(0, "awaited").__await__()


def raising(error: BaseException) -> Callable[..., Any]:
    """Return a function that raises this error."""

    def fail(*_: object) -> None:
        raise error

    return fail


def test_run_sync() -> None:
    """A coroutine that never suspends is run to its end."""

    async def two() -> int:
        return 2

    async def four() -> int:
        return await two() + await two()

    async def nothing() -> None:
        pass

    assert run_sync(four()) == 4
    run_sync(nothing())


@pytest.mark.proves("T45")
def test_run_sync_suspended() -> None:
    """A coroutine that suspends is closed at once, and FlowError is raised."""
    closed: list[str] = []

    async def inner() -> None:
        try:
            await asyncio.sleep(0)
        finally:
            closed.append("closed")

    async def outer() -> None:
        await inner()

    coroutine = outer()
    with pytest.raises(FlowError, match=ASYNC_IN_SYNC):
        run_sync(coroutine)
    assert closed == ["closed"]
    with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
        coroutine.send(None)


@pytest.mark.proves("T45")
@each_error
def test_error_unchanged(error: BaseException) -> None:
    """An error that a callback raises reaches the caller as the same object, also a StopIteration."""

    async def inner() -> object:
        return shield_stop_iteration(raising(error))

    async def outer() -> object:
        return await inner()

    with pytest.raises(type(error)) as caught:
        run_sync(outer())
    assert caught.value is error


def test_shield_stop_iteration() -> None:
    """A result passes through the shield, and a StopIteration is the cause of the shielded error."""
    assert shield_stop_iteration(lambda: "x") == "x"
    error = StopIteration("x")
    with pytest.raises(ShieldedStopIteration) as caught:
        shield_stop_iteration(raising(error))
    assert caught.value.error is caught.value.__cause__ is error


@each_runtime
@pytest.mark.parametrize("method", ["offload", "call"])
def test_runtime(runtime: Runtime, run: Run, method: str) -> None:
    """Slow work and callbacks return their result, or raise their error."""
    execute = getattr(runtime, method)
    assert run(execute(lambda: 5)) == 5
    with pytest.raises(ChosenError):
        run(execute(raising(ChosenError())))


def test_offload_thread() -> None:
    """The sync runtime runs slow work in the caller's thread, and the async runtime in another one."""

    async def run() -> tuple[int, int]:
        return threading.get_ident(), await AsyncRuntime().offload(threading.get_ident)

    assert run_sync(SyncRuntime().offload(threading.get_ident)) == threading.get_ident()
    loop, worker = run_async(run())
    assert loop != worker


def test_stop_iteration_in_a_thread() -> None:
    """A StopIteration in a worker thread raises at once; otherwise its future would never finish."""
    offloaded = AsyncRuntime().offload(raising(StopIteration()))
    with pytest.raises(RuntimeError, match="raised StopIteration") as caught:
        run_async(asyncio.wait_for(offloaded, 5))
    assert isinstance(caught.value.__cause__, StopIteration)


@pytest.mark.proves("T45")
@pytest.mark.parametrize("callback", [suspend, CustomAwaitable])
def test_sync_runtime_rejects_awaitables(callback: Callable[[], object]) -> None:
    """The sync runtime rejects an awaitable result, and closes a coroutine."""
    with pytest.raises(FlowError, match=ASYNC_IN_SYNC):
        run_sync(SyncRuntime().call(callback))
    gc.collect()  # a coroutine that was not closed would warn here, and the warning would fail the test


@pytest.mark.parametrize("callback", [lambda: suspend("awaited"), CustomAwaitable])
def test_async_runtime_awaits(callback: Callable[[], Any]) -> None:
    """The async runtime awaits an awaitable result."""
    assert run_async(AsyncRuntime().call(callback)) == "awaited"


class Callbacks:
    """Methods of both kinds."""

    def sync(self) -> None:
        """Do nothing."""

    async def coroutine(self) -> None:
        """Do nothing."""

    async def __call__(self) -> None:
        """Do nothing."""


@pytest.mark.proves("T45")
@pytest.mark.parametrize(
    "component",
    [
        suspend,
        functools.partial(suspend, 1),
        Callbacks().coroutine,
        Callbacks(),
        functools.partial(Callbacks().coroutine),
    ],
)
def test_reject_async(component: object) -> None:
    """Everything that is recognizably async is rejected; sync callbacks and None are not."""
    for components in ((None, component), (component, None)):
        with pytest.raises(FlowError, match=ASYNC_IN_SYNC):
            reject_async(*components)
    reject_async(None, Callbacks().sync, print, lambda: suspend, int, functools.partial(print))


@pytest.mark.proves("T45")
@pytest.mark.parametrize(
    ("load", "swap"),
    [
        (MemoryStore.load, MemoryStore.swap),
        (ThreadedStore.load, ThreadedStore.swap),
        (MemoryStore.load, ThreadedStore.swap),
        (ThreadedStore.load, MemoryStore.swap),
    ],
)
def test_store_of_the_wrong_kind(load: Callable[..., object], swap: Callable[..., object]) -> None:
    """At construction a store is rejected by sync classes if a method is async, and by async ones if not."""
    store: Any = type("AnyStore", (), {"load": load, "swap": swap})()
    if ThreadedStore.load is load or ThreadedStore.swap is swap:
        with pytest.raises(FlowError, match=ASYNC_IN_SYNC):
            SyncStoreAdapter(store)
    if MemoryStore.load is load or MemoryStore.swap is swap:
        with pytest.raises(FlowError, match=SYNC_IN_ASYNC):
            require_async(store)
    else:
        assert require_async(store) is store


def test_sync_store_adapter() -> None:
    """An adapted sync store returns what the store does."""
    store = SyncStoreAdapter(MemoryStore())
    assert run_sync(store.load("a")) is None
    assert run_sync(store.swap("a", None, b"1")) is True
    assert run_sync(store.swap("a", None, b"2")) is False
    assert run_sync(store.load("a")) == b"1"


@each_error
def test_sync_store_adapter_raises(error: BaseException) -> None:
    """An error that a store raises reaches the caller unchanged."""
    store: Any = type("Failing", (), {"load": raising(error), "swap": raising(error)})()
    adapter = SyncStoreAdapter(store)
    for call in (adapter.load("a"), adapter.swap("a", None, b"1")):
        with pytest.raises(type(error)) as caught:
            run_sync(call)
        assert caught.value is error


@pytest.mark.proves("T45")
@pytest.mark.parametrize(
    "check",
    [
        bool,
        lambda result: not result,
        lambda result: result and 1,
        lambda result: 1 if result else 2,
        lambda result: any([result]),
    ],
)
def test_no_truth_value(check: Callable[[object], object]) -> None:
    """The result of an async method has no truth value before it is awaited."""
    result = AsyncResult(suspend("x"))
    with pytest.raises(FlowError, match=r"^await the method before you use its result$"):
        check(result)
    assert run_async(result) == "x"


def test_awaited() -> None:
    """An async result can be awaited, gathered, waited for and made a task, as any coroutine."""

    async def run() -> list[object]:
        task = asyncio.create_task(AsyncResult(suspend(2)))
        return [
            await AsyncResult(suspend(1)),
            await task,
            *await asyncio.gather(AsyncResult(suspend(3)), AsyncResult(suspend(4))),
            await asyncio.wait_for(AsyncResult(suspend(5)), 10),
        ]

    assert run_async(run()) == [1, 2, 3, 4, 5]
    assert asyncio.run(AsyncResult(suspend(6))) == 6
    result = AsyncResult(suspend())
    assert isinstance(result, Awaitable)
    result.close()


def test_cancelled() -> None:
    """Cancelling the task of an async result cancels what it awaits."""
    cancelled: list[str] = []

    async def wait() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append("cancelled")
            raise

    async def run() -> None:
        task = asyncio.ensure_future(AsyncResult(wait()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run_async(run())
    assert cancelled == ["cancelled"]


@pytest.mark.filterwarnings("ignore:the .type, exc, tb. signature:DeprecationWarning")
@pytest.mark.parametrize("error", [(ChosenError,), (ChosenError("x"),), (ChosenError, "x", None)])
def test_throw(error: tuple[Any, ...]) -> None:
    """An error can be thrown into an async result: a class, an instance, or the deprecated three parts."""
    result = AsyncResult(suspend())
    assert result.send(None) is None
    with pytest.raises(ChosenError) as caught:
        result.throw(*error)
    assert str(caught.value) == ("" if error == (ChosenError,) else "x")


@pytest.mark.proves("T45")
def test_never_awaited() -> None:
    """An async result that nobody awaits does nothing, and warns as a coroutine does."""
    calls: list[str] = []

    async def act() -> None:
        calls.append("called")

    results = [AsyncResult(act())]
    with pytest.warns(RuntimeWarning, match="was never awaited"):
        results.clear()
    assert calls == []


def test_printed_task() -> None:
    """An event loop can print the task of an async result; no other caller may ask for a truth value."""

    async def run() -> str:
        task = asyncio.create_task(AsyncResult(suspend()))
        printed = repr(task)
        await task
        return printed

    assert "Task" in run_async(run())
    result = AsyncResult(suspend())
    assert eval("bool(result)", {"__name__": "asyncio.base_tasks", "result": result}) is True  # noqa: S307
    with pytest.raises(FlowError):
        bool(result)
    result.close()
