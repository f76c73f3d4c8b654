"""Telling the app what happened, after it has happened. Cannot change an outcome."""

import logging
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from totpkit import events
from totpkit._account.records import Change
from totpkit._account.sync import Colour
from totpkit._otp.result import Accepted, Reason, Rejected
from totpkit.events import Event

T = TypeVar("T")

OnEvent = Callable[[Event], Awaitable[None] | None]
"""Is told each event; what it raises is logged and changes nothing."""

_log = logging.getLogger("totpkit")


@dataclass(frozen=True, slots=True)
class Herald:
    """Logs events under ``totpkit``, and calls the app's handler once for each."""

    colour: Colour
    on_event: OnEvent | None

    async def tell(self, *told: Event) -> None:
        """Tell events in their order; an exception of the handler is logged."""
        for event in told:
            try:
                _log.info("%s", event)
                if self.on_event is None:
                    continue
                await self.colour.call(partial(self.on_event, event))
            except Exception:  # noqa: BLE001 - whatever it is, the outcome stands
                _log.exception("on_event raised; the outcome stands")


def attempt_events(
    change: Change[Accepted | Rejected],
    cap: int,
    accepted: Callable[[Accepted], Event],
    after: tuple[str, ...] = (),
) -> Iterator[Event]:
    """Yield what an attempt amounts to, *after* what its login passed; *accepted* names its success."""
    who, at, outcome = change.account_id, change.at, change.outcome
    failures = change.after.failures
    if isinstance(outcome, Accepted):
        yield accepted(outcome)
    elif outcome.reason is Reason.THROTTLED:
        yield events.Throttled(account_id=who, at=at, retry_after=outcome.retry_after or 0.0)
    else:
        yield events.CodeRejected(
            account_id=who, at=at, reason=outcome.reason, failures=failures, after=after
        )
    if change.before.failures < cap <= failures:
        yield events.Disabled(account_id=who, at=at, failures=failures)
    yield from resealing_events(change)


def resealing_events(change: Change[T]) -> Iterator[Event]:
    """Yield that the secret was sealed anew, if it was."""
    if change.resealed:
        yield events.Resealed(account_id=change.account_id, at=change.at)
