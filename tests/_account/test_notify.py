"""Tests of totpkit._account.notify."""

import asyncio
import subprocess
import sys
from typing import Any

import pytest

from tests.support.runtimes import Run, each_runtime, run_async
from totpkit import Accepted, Reason, Rejected, events
from totpkit._account.notify import Notifier, attempt_events, reseal_events
from totpkit._account.record import Record
from totpkit._account.records import Update
from totpkit._account.sync import AsyncRuntime, Runtime, SyncRuntime, run_sync
from totpkit.events import Event

REVOKED, UNLOCKED = (kind(account_id="acct-1", at=5.0) for kind in (events.Revoked, events.Unlocked))
FAILED = "on_event raised an exception; the outcome is unchanged"


@each_runtime
@pytest.mark.parametrize("listens", [True, False])
def test_in_order(runtime: Runtime, run: Run, listens: bool, caplog: pytest.LogCaptureFixture) -> None:  # noqa: FBT001 - a parameter
    """Each event is logged once and in order under ``totpkit``, and passed to the handler if there is one."""
    caplog.set_level("INFO")
    received: list[Event] = []
    notifier = Notifier(runtime, received.append if listens else None)
    run(notifier.notify())
    assert caplog.records == []
    run(notifier.notify(REVOKED, UNLOCKED))
    assert received == ([REVOKED, UNLOCKED] if listens else [])
    assert [(log.name, log.levelname, log.getMessage()) for log in caplog.records] == [
        ("totpkit", "INFO", "Revoked(account_id='acct-1', at=5.0)"),
        ("totpkit", "INFO", "Unlocked(account_id='acct-1', at=5.0)"),
    ]


@pytest.mark.parametrize(
    ("level", "handler", "expected"),
    [("INFO", None, True), ("WARNING", None, False), ("WARNING", print, True)],
)
def test_has_listener(level: str, handler: Any, caplog: pytest.LogCaptureFixture, *, expected: bool) -> None:
    """Events need not be created if they are neither logged nor handled."""
    caplog.set_level(level, "totpkit")
    assert Notifier(SyncRuntime(), handler).has_listener is expected


@each_runtime
@pytest.mark.parametrize("error", [ValueError("mine"), StopIteration("mine"), RuntimeError("mine")], ids=repr)
def test_handler_raises(
    runtime: Runtime, run: Run, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """An error in the handler is logged with its traceback, and the next event is still reported."""
    received: list[Event] = []

    def on_event(event: Event) -> None:
        received.append(event)
        raise error

    run(Notifier(runtime, on_event).notify(REVOKED, UNLOCKED))
    assert received == [REVOKED, UNLOCKED]
    errors = [log.getMessage() for log in caplog.records if log.levelname == "ERROR"]
    assert errors == [FAILED] * 2
    assert f"{type(error).__name__}: mine" in caplog.text


@each_runtime
def test_handler_interrupted(runtime: Runtime, run: Run) -> None:
    """A KeyboardInterrupt in the handler is not suppressed."""

    def on_event(_: Event) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(Notifier(runtime, on_event).notify(REVOKED))


@pytest.mark.proves("T45")
def test_hidden_async_handler(caplog: pytest.LogCaptureFixture) -> None:
    """If a handler of a sync class returns a coroutine, it is closed and a FlowError is logged."""

    async def on_event(_: Event) -> None:
        raise AssertionError

    run_sync(Notifier(SyncRuntime(), lambda event: on_event(event)).notify(REVOKED))  # noqa: PLW0108 - hides it
    assert "FlowError: an async component was given to a sync class" in caplog.text


def test_async_handler(caplog: pytest.LogCaptureFixture) -> None:
    """An async handler is awaited, and an error in it is logged."""
    received: list[Event] = []

    async def on_event(event: Event) -> None:
        await asyncio.sleep(0)
        received.append(event)
        raise ValueError

    run_async(Notifier(AsyncRuntime(), on_event).notify(REVOKED, UNLOCKED))
    assert received == [REVOKED, UNLOCKED]
    assert [log.getMessage() for log in caplog.records if log.levelname == "ERROR"] == [FAILED] * 2


@pytest.mark.parametrize(
    ("handler", "first", "last"), [("None", "", ""), ("lambda _: 1 / 0", FAILED, "division by zero")]
)
def test_logging_not_configured(handler: str, first: str, last: str) -> None:
    """If the app has not configured logging, events are silent and errors appear on standard error."""
    code = (
        "import logging; from totpkit import events; from totpkit._account.notify import Notifier;"
        "from totpkit._account.sync import SyncRuntime, run_sync;"
        f"run_sync(Notifier(SyncRuntime(), {handler}).notify(events.Revoked(account_id='a', at=0.0)));"
        "print(logging.getLogger('totpkit').handlers, logging.getLogger('totpkit').level)"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    lines = done.stderr.splitlines() or ["", ""]
    assert done.stdout == "[] 0\n"
    assert lines[0] == first
    assert lines[-1].endswith(last)
    assert bool(done.stderr) == bool(last)


UPDATE: Update[Accepted | Rejected] = Update(
    "acct-1", 5.0, Record(failures=2), Record(failures=3), Rejected(Reason.MISMATCH)
)


def events_of(update: Update[Accepted | Rejected], cap: int = 4) -> list[Event]:
    """Return the events of an attempt whose success would be reported as a revocation."""
    return list(attempt_events(update, cap, lambda _: REVOKED))


def test_accepted() -> None:
    """A success is reported as the event of its operation."""
    assert events_of(UPDATE._replace(after=Record(), outcome=Accepted(1))) == [REVOKED]


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.THROTTLED])
def test_rejected(reason: Reason) -> None:
    """A rejection is reported with its reason, the failures so far, and the factors passed before."""
    update = UPDATE._replace(outcome=Rejected(reason))
    expected = events.CodeRejected(
        account_id="acct-1", at=5.0, reason=reason, failures=3, after=("password",)
    )
    assert list(attempt_events(update, 4, lambda _: REVOKED, ("password",))) == [expected]


def test_throttled() -> None:
    """An attempt during a wait is reported with the seconds that remain."""
    update = UPDATE._replace(after=UPDATE.before, outcome=Rejected(Reason.THROTTLED, retry_after=7.5))
    assert events_of(update) == [events.Throttled(account_id="acct-1", at=5.0, retry_after=7.5)]


@pytest.mark.proves("NIST-4.1")
@pytest.mark.parametrize(
    ("before", "after", "cap", "disabled"),
    [(2, 3, 4, False), (2, 3, 3, True), (3, 4, 3, False), (3, 3, 3, False)],
)
def test_disabled(before: int, after: int, cap: int, *, disabled: bool) -> None:
    """Only the failure that reaches the cap is reported as disabling the account."""
    update = UPDATE._replace(before=Record(failures=before), after=Record(failures=after))
    expected = events.Disabled(account_id="acct-1", at=5.0, failures=after)
    assert events_of(update, cap)[1:] == [expected] * disabled


@pytest.mark.proves("ASVS-13.3")
def test_resealed() -> None:
    """A reseal is reported after everything else."""
    resealed = events.Resealed(account_id="acct-1", at=5.0)
    assert list(reseal_events(UPDATE)) == []
    assert list(reseal_events(UPDATE._replace(resealed=True))) == [resealed]
    assert events_of(UPDATE._replace(resealed=True))[1:] == [resealed]
