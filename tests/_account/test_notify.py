"""Telling the app what happened, after it has happened."""

import asyncio
import logging
import subprocess
import sys
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from totpkit import Accepted, Reason, Rejected, events
from totpkit._account.notify import Notifier, attempt_events, reseal_events
from totpkit._account.record import Record
from totpkit._account.records import Update
from totpkit._account.sync import AsyncRuntime, Runtime, SyncRuntime, run_sync
from totpkit.events import Event

REVOKED, UNLOCKED = (kind(account_id="acct-1", at=5.0) for kind in (events.Revoked, events.Unlocked))
COLOURS: dict[str, tuple[Runtime, Callable[[Coroutine[Any, None, Any]], Any]]] = {
    "sync": (SyncRuntime(), run_sync),
    "async": (AsyncRuntime(), asyncio.run),
}
both = pytest.mark.parametrize(("colour", "run"), COLOURS.values(), ids=COLOURS)


@both
def test_told_in_order(colour: Runtime, run: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Each event is told once, in order, and logged under totpkit."""
    caplog.set_level("INFO")
    told: list[Event] = []
    run(Notifier(colour, told.append).tell(REVOKED, UNLOCKED))
    assert told == [REVOKED, UNLOCKED]
    assert [(log.name, log.levelname, log.getMessage()) for log in caplog.records] == [
        ("totpkit", "INFO", "Revoked(account_id='acct-1', at=5.0)"),
        ("totpkit", "INFO", "Unlocked(account_id='acct-1', at=5.0)"),
    ]


@both
def test_nobody_listens(colour: Runtime, run: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Without a handler events are logged all the same; nothing told is nothing logged."""
    caplog.set_level("INFO")
    run(Notifier(colour, None).tell())
    assert caplog.records == []
    run(Notifier(colour, None).tell(REVOKED))
    assert len(caplog.records) == 1


@both
@pytest.mark.parametrize("error", [ValueError("mine"), StopIteration("mine"), RuntimeError("mine")], ids=repr)
def test_handler_raises(
    colour: Runtime, run: Any, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """What a handler raises is logged with its traceback, and changes nothing: the next event is told too."""
    told: list[Event] = []

    def handler(event: Event) -> None:
        told.append(event)
        raise error

    run(Notifier(colour, handler).tell(REVOKED, UNLOCKED))
    assert told == [REVOKED, UNLOCKED]
    problems = [log for log in caplog.records if log.levelname == "ERROR"]
    assert [log.getMessage() for log in problems] == ["on_event raised; the outcome stands"] * 2
    assert f"{type(error).__name__}: mine" in caplog.text


@both
def test_handler_stops_the_process(colour: Runtime, run: Any) -> None:
    """What is meant to end the process is not held up."""

    def handler(_: Event) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(Notifier(colour, handler).tell(REVOKED))


@pytest.mark.proves("T45")
def test_async_handler_on_sync_face(caplog: pytest.LogCaptureFixture) -> None:
    """A handler that answers a sync face with a coroutine is logged as miswired, and the coroutine closed."""

    async def handler(_: Event) -> None:
        raise AssertionError

    run_sync(Notifier(SyncRuntime(), lambda event: handler(event)).tell(REVOKED))  # noqa: PLW0108 - hides what it is
    assert "FlowError: an async part was given to a sync class" in caplog.text


def test_async_handler() -> None:
    """An async handler is awaited, and what it raises is logged as that of any."""
    told: list[Event] = []

    async def handler(event: Event) -> None:
        await asyncio.sleep(0)
        told.append(event)
        raise ValueError

    asyncio.run(Notifier(AsyncRuntime(), handler).tell(REVOKED, UNLOCKED))
    assert told == [REVOKED, UNLOCKED]


@pytest.mark.parametrize(("handler", "last"), [("None", ""), ("lambda _: 1 / 0", "division by zero")])
def test_no_logging_set_up(handler: str, last: str) -> None:
    """Where the app has set up no logging, events are silent, and what goes wrong is on standard error."""
    code = (
        "import logging; from totpkit._account.notify import Notifier; from totpkit._account.sync import SyncRuntime, run_sync;"
        f"from totpkit import events; run_sync(Notifier(SyncRuntime(), {handler})"
        ".tell(events.Revoked(account_id='a', at=0.0))); print(logging.getLogger('totpkit').handlers)"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    assert done.stderr.startswith("on_event raised; the outcome stands\n" if last else "")
    assert done.stderr.endswith(f"{last}\n" if last else "")
    assert bool(done.stderr) == bool(last)
    assert logging.getLogger("totpkit").level == logging.NOTSET


CHANGE: Update[Accepted | Rejected] = Update(
    "acct-1", 5.0, Record(failures=2), Record(failures=3), Rejected(Reason.MISMATCH)
)


def found(change: Update[Accepted | Rejected], cap: int = 4) -> list[Event]:
    """Return the events of an attempt whose success would tell that codes were revoked."""
    return list(attempt_events(change, cap, lambda _: REVOKED))


def test_accepted() -> None:
    """A success is told as what it is."""
    assert found(replace(CHANGE, after=Record(), outcome=Accepted(1))) == [REVOKED]


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.THROTTLED])
def test_rejected(reason: Reason) -> None:
    """A refuse is told with its reason and the failures up to it."""
    expected = events.CodeRejected(account_id="acct-1", at=5.0, reason=reason, failures=3)
    assert found(replace(CHANGE, outcome=Rejected(reason))) == [expected]


def test_throttled() -> None:
    """An attempt during a wait is told with the seconds that are left."""
    waits = replace(CHANGE, after=CHANGE.before, outcome=Rejected(Reason.THROTTLED, retry_after=7.5))
    assert found(waits) == [events.Throttled(account_id="acct-1", at=5.0, retry_after=7.5)]


@pytest.mark.proves("NIST-4.1")
@pytest.mark.parametrize(
    ("before", "after", "cap", "disabled"),
    [(2, 3, 4, False), (2, 3, 3, True), (3, 4, 3, False), (3, 3, 3, False)],
)
def test_disabled(before: int, after: int, cap: int, *, disabled: bool) -> None:
    """The failure that reaches the cap is told as the end, once."""
    change = replace(CHANGE, before=Record(failures=before), after=Record(failures=after))
    kinds = [type(event) for event in found(change, cap)]
    assert kinds == [events.CodeRejected, *([events.Disabled] if disabled else [])]


@pytest.mark.proves("ASVS-13.3")
def test_resealed() -> None:
    """That a secret was sealed anew is told, after all else."""
    resealed = events.Resealed(account_id="acct-1", at=5.0)
    assert list(reseal_events(CHANGE)) == []
    assert list(reseal_events(replace(CHANGE, resealed=True))) == [resealed]
    assert found(replace(CHANGE, resealed=True))[1:] == [resealed]
