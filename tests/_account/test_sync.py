"""One logic, two colours."""

import asyncio
import functools
import gc
import threading
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any

import pytest

from totpkit import FlowError
from totpkit._account.sync import (
    AsyncRuntime,
    Pending,
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


class Chosen(Exception):  # noqa: N818 - raised to be recognized
    """What a callback raises."""


async def later(value: object = None) -> object:
    """Answer after a turn of the event loop."""
    await asyncio.sleep(0)
    return value


def fails(error: BaseException) -> Callable[[], Any]:
    """Return a callback that raises this error."""

    def fail() -> None:
        raise error

    return fail


class Awaitable_:  # noqa: N801 - not the protocol, one that has it
    """Something to await that is no coroutine."""

    def __await__(self) -> Generator[object, None, str]:
        return asyncio.sleep(0, "awaited").__await__()


ERRORS = [
    Chosen("x"),
    StopIteration("x"),
    StopAsyncIteration(),
    GeneratorExit(),
    KeyboardInterrupt(),
    RuntimeError(),
]


def test_drive() -> None:
    """A coroutine that never suspends is run to its end."""

    async def two() -> int:
        return 2

    async def four() -> int:
        return await two() + await two()

    assert run_sync(four()) == 4
    assert run_sync(no_result()) is None


async def no_result() -> None:
    """Return nothing."""


@pytest.mark.proves("T45")
def test_drive_suspended() -> None:
    """A coroutine that suspends is closed at once, and refused."""
    seen: list[str] = []

    async def suspends() -> str:
        try:
            await asyncio.sleep(0)
        finally:
            seen.append("closed")
        return "never"

    async def outer() -> str:
        return await suspends()

    coroutine = outer()
    with pytest.raises(FlowError, match=r"^an async part was given to a sync class: "):
        run_sync(coroutine)
    assert seen == ["closed"]
    with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
        coroutine.send(None)


@pytest.mark.proves("T45")
@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_carried_unchanged(error: BaseException) -> None:
    """What a callback raises reaches the caller as the same object, a StopIteration too."""

    async def inner() -> object:
        return shield_stop_iteration(fails(error))

    async def outer() -> object:
        return await inner()

    with pytest.raises(type(error)) as caught:
        run_sync(outer())
    assert caught.value is error


def test_carry() -> None:
    """What a callback returns is carried as it is; a StopIteration remembers itself as the cause."""
    assert shield_stop_iteration(lambda: "x") == "x"
    error = StopIteration("x")
    with pytest.raises(ShieldedStopIteration) as caught:
        shield_stop_iteration(fails(error))
    assert caught.value.error is caught.value.__cause__ is error


def test_stop_iteration_uncarried() -> None:
    """Without being carried a StopIteration would be changed, and a false end is not taken for a result."""

    async def stops() -> None:
        raise StopIteration("x")

    with pytest.raises(RuntimeError, match="coroutine raised StopIteration"):
        run_sync(stops())


def inline() -> tuple[Runtime, Callable[[Coroutine[Any, None, Any]], Any]]:
    """Return the sync colour, and how to run it."""
    return SyncRuntime(), run_sync


def suspending() -> tuple[Runtime, Callable[[Coroutine[Any, None, Any]], Any]]:
    """Return the async colour, and how to run it."""
    return AsyncRuntime(), asyncio.run


both = pytest.mark.parametrize("make", [inline, suspending])


@both
def test_offload(make: Callable[[], Any]) -> None:
    """Slow work gives its result, or its error."""
    colour, run = make()
    assert run(colour.offload(lambda: 5)) == 5
    with pytest.raises(Chosen):
        run(colour.offload(fails(Chosen())))


def test_offload_where() -> None:
    """The sync face works where it is called, the async one where it blocks nobody."""
    assert run_sync(SyncRuntime().offload(threading.get_ident)) == threading.get_ident()
    assert asyncio.run(AsyncRuntime().offload(threading.get_ident)) != threading.get_ident()


@both
def test_call(make: Callable[[], Any]) -> None:
    """A callback gives its answer, or its error."""
    colour, run = make()
    assert run(colour.call(lambda: "x")) == "x"
    with pytest.raises(Chosen):
        run(colour.call(fails(Chosen())))


@pytest.mark.proves("T45")
@pytest.mark.parametrize("make", [later, Awaitable_])
def test_inline_refuses_answers(make: Callable[[], object]) -> None:
    """The sync face takes nothing to await for an answer, and closes a coroutine."""
    with pytest.raises(FlowError):
        run_sync(SyncRuntime().call(make))
    gc.collect()  # a coroutine that was not closed would warn here, and the warning fail the test


def test_suspending_awaits_answers() -> None:
    """The async face awaits what can be awaited."""
    assert asyncio.run(AsyncRuntime().call(lambda: later("x"))) == "x"
    assert asyncio.run(AsyncRuntime().call(Awaitable_)) == "awaited"


class Callbacks:
    """Methods of both kinds."""

    def sync(self) -> None:
        """Do nothing."""

    async def later(self) -> None:
        """Do nothing."""

    async def __call__(self) -> None:
        """Do nothing."""


@pytest.mark.proves("T45")
@pytest.mark.parametrize(
    "part",
    [
        later,
        functools.partial(later, 1),
        Callbacks().later,
        Callbacks(),
        functools.partial(Callbacks().later),
    ],
)
def test_refuse_async(part: object) -> None:
    """Whatever can be seen to be async is refused at once."""
    with pytest.raises(FlowError):
        reject_async(None, part)
    with pytest.raises(FlowError):
        reject_async(part, None)


def test_refuse_async_passes() -> None:
    """Sync callbacks, and none at all, pass."""
    reject_async(None, Callbacks().sync, print, lambda: later, int, functools.partial(print))


@pytest.mark.proves("T45")
def test_stores_of_the_other_colour() -> None:
    """A store of the other colour is refused when it is given, not when somebody logs in."""
    sync, threaded = MemoryStore(), ThreadedStore(MemoryStore())
    with pytest.raises(FlowError, match=r"^an async part was given to a sync class: "):
        SyncStoreAdapter(threaded)  # type: ignore[arg-type]
    with pytest.raises(
        FlowError, match=r"^a sync store was given to an async class: wrap it in ThreadedStore$"
    ):
        require_async(sync)  # type: ignore[arg-type]
    assert require_async(threaded) is threaded


@pytest.mark.parametrize(
    "mixed", [(MemoryStore.load, ThreadedStore.swap), (ThreadedStore.load, MemoryStore.swap)]
)
def test_mixed_store(mixed: tuple[Any, Any]) -> None:
    """A store that is half async is refused by both."""
    store = type("Mixed", (), {"load": mixed[0], "swap": mixed[1]})()
    with pytest.raises(FlowError):
        SyncStoreAdapter(store)
    with pytest.raises(FlowError):
        require_async(store)


def test_inline_store() -> None:
    """A sync store behind the awaited port answers as it does."""
    store = SyncStoreAdapter(MemoryStore())
    assert run_sync(store.load("a")) is None
    assert run_sync(store.swap("a", None, b"1")) is True
    assert run_sync(store.swap("a", None, b"2")) is False
    assert run_sync(store.load("a")) == b"1"


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_inline_store_raises(error: BaseException) -> None:
    """What a store raises reaches the caller unchanged."""
    fail = fails(error)
    store: Any = type("Failing", (), {"load": lambda *_: fail(), "swap": lambda *_: fail()})()
    with pytest.raises(type(error)) as caught:
        run_sync(SyncStoreAdapter(store).load("a"))
    assert caught.value is error
    with pytest.raises(type(error)) as caught:
        run_sync(SyncStoreAdapter(store).swap("a", None, b"1"))
    assert caught.value is error


@pytest.mark.proves("T45")
def test_pending_has_no_truth() -> None:
    """What an async method returns has no truth value before it is awaited, whatever is asked of it."""
    pending = Pending(later("x"))
    questions: list[Callable[[], object]] = [
        lambda: bool(pending),
        lambda: not pending,
        lambda: pending and 1,
        lambda: 1 if pending else 2,
        lambda: any([pending]),
        lambda: [x for x in [pending] if x],
    ]
    for question in questions:
        with pytest.raises(FlowError, match=r"^await the method before you look at its answer$"):
            question()
    assert asyncio.run(pending) == "x"


def test_pending_is_awaited() -> None:
    """It can be awaited, run, made a task, gathered and waited for, as any coroutine."""

    async def run() -> list[object]:
        task = asyncio.create_task(Pending(later(2)))
        return [
            await Pending(later(1)),
            await task,
            *await asyncio.gather(Pending(later(3)), Pending(later(4))),
            await asyncio.wait_for(Pending(later(5)), 10),
        ]

    assert asyncio.run(run()) == [1, 2, 3, 4, 5]
    assert asyncio.run(Pending(later(6))) == 6
    pending = Pending(later())
    assert isinstance(pending, Awaitable)
    pending.close()


def test_pending_is_cancelled() -> None:
    """A task of it can be cancelled, and what it awaits learns of it."""
    seen: list[str] = []

    async def waits() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def run() -> None:
        task = asyncio.ensure_future(Pending(waits()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert seen == ["cancelled"]


@pytest.mark.parametrize("thrown", [(Chosen,), (Chosen("x"),)])
def test_pending_throw(thrown: tuple[Any]) -> None:
    """An error can be thrown into it, as a class or an instance."""
    pending = Pending(later())
    assert pending.send(None) is None
    with pytest.raises(Chosen):
        pending.throw(*thrown)


@pytest.mark.filterwarnings("ignore:the .type, exc, tb. signature:DeprecationWarning")
def test_pending_throw_in_parts() -> None:
    """An error can be thrown into it in three parts, as Python has deprecated."""
    pending = Pending(later())
    pending.send(None)
    with pytest.raises(Chosen, match="x"):
        pending.throw(Chosen, "x", None)


@pytest.mark.proves("T45")
def test_pending_forgotten() -> None:
    """One that nobody awaited warns as any coroutine does, and does nothing."""
    seen: list[str] = []

    async def acts() -> None:
        seen.append("acted")

    pending = [Pending(acts())]
    with pytest.warns(RuntimeWarning, match="was never awaited"):
        pending.clear()
    assert seen == []


def test_pending_in_a_printed_task() -> None:
    """A task of an async method can be printed, as event loops do by themselves; nobody else may ask."""

    async def main() -> str:
        task = asyncio.create_task(Pending(later("done")))
        shown = repr(task)
        await task
        return shown

    assert "Task" in asyncio.run(main())
    pending = Pending(later())
    assert eval("bool(pending)", {"__name__": "asyncio.base_tasks", "pending": pending}) is True  # noqa: S307
    with pytest.raises(FlowError):
        bool(pending)
    pending.close()


def test_worker_thread_that_stops() -> None:
    """A StopIteration in a worker thread is an error at once, and nothing that is waited for for ever."""

    def work() -> None:
        raise StopIteration

    async def run() -> None:
        await asyncio.wait_for(AsyncRuntime().offload(work), 5)

    with pytest.raises(RuntimeError, match="raised StopIteration") as caught:
        asyncio.run(run())
    assert isinstance(caught.value.__cause__, StopIteration)
