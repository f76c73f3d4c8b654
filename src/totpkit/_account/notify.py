"""Report events to the application after they have happened.

If the event handler raises an exception, the operation still returns its normal result.
"""

import logging
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from totpkit import events
from totpkit._account.attempts import Answer
from totpkit._account.records import Update
from totpkit._account.sync import Runtime
from totpkit._otp.result import Accepted, Reason
from totpkit.events import Event

T = TypeVar("T")

OnEvent = Callable[[Event], Awaitable[None] | None]
"""The app's event handler. Exceptions are logged, and the outcome stays the same."""

_log = logging.getLogger("totpkit")


@dataclass(frozen=True, slots=True)
class Notifier:
    """Logs events to the ``totpkit`` logger, and calls the application's event handler for each of them."""

    runtime: Runtime
    on_event: OnEvent | None

    @property
    def has_listener(self) -> bool:
        """Whether events are logged or passed to an event handler."""
        return self.on_event is not None or _log.isEnabledFor(logging.INFO)

    async def notify(self, *happened: Event) -> None:
        """Report events in order. An exception raised by the handler is logged."""
        for event in happened:
            try:
                _log.info("%s", event)
                if self.on_event is not None:
                    await self.runtime.call(partial(self.on_event, event))
            except Exception:  # noqa: BLE001 - the outcome is stored already and must be returned
                _log.exception("on_event raised an exception; the outcome is unchanged")


def attempt_events(
    update: Update[Answer],
    cap: int,
    accepted: Callable[[Accepted], Event],
    after: tuple[str, ...] = (),
) -> Iterator[Event]:
    """Yield the events for an attempt. *accepted* is a function that creates the event for a success.

    *after* names the factors that the login had already passed.
    """
    account_id, at, outcome = update.account_id, update.at, update.outcome
    failures = update.after.failures
    if isinstance(outcome, Accepted):
        yield accepted(outcome)
    elif outcome.reason is Reason.THROTTLED:
        yield events.Throttled(account_id=account_id, at=at, retry_after=outcome.retry_after or 0.0)
    else:
        yield events.CodeRejected(
            account_id=account_id, at=at, reason=outcome.reason, failures=failures, after=after
        )
    if update.before.failures < cap <= failures:
        yield events.Disabled(account_id=account_id, at=at, failures=failures)
    yield from reseal_events(update)


def reseal_events(update: Update[T]) -> Iterator[Event]:
    """Yield an event if the secret was encrypted again."""
    if update.resealed:
        yield events.Resealed(account_id=update.account_id, at=update.at)
