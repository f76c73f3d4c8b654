"""The events."""

import dataclasses
import inspect

import pytest

from totpkit import Reason, events
from totpkit.events import Event

KINDS = [kind for name in events.__all__ if (kind := getattr(events, name)) is not Event]
SAMPLES = {
    "expires_at": 600.0,
    "replaced": True,
    "weak": True,
    "step": 1,
    "drift": -1,
    "reason": Reason.MISMATCH,
    "failures": 3,
    "retry_after": 30.0,
    "count": 10,
    "left": 9,
    "after": ("password",),
    "factor": "email",
}
each = pytest.mark.parametrize("kind", KINDS)


def test_all() -> None:
    """The module exports every event, in alphabetical order."""
    defined = [
        name for name, kind in vars(events).items() if inspect.isclass(kind) and issubclass(kind, Event)
    ]
    assert sorted(defined) == events.__all__


@pytest.mark.proves("NIST-4.1")
@each
def test_who_and_when(kind: type[Event]) -> None:
    """Every event contains the account and the time, cannot be changed, and equals no other event."""
    more = {field.name: SAMPLES[field.name] for field in dataclasses.fields(kind)[2:]}
    event = kind(account_id="acct-1", at=5.0, **more)
    assert [field.name for field in dataclasses.fields(kind)[:2]] == ["account_id", "at"]
    assert (event.account_id, event.at) == ("acct-1", 5.0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.at = 6.0  # type: ignore[misc]
    assert event == kind(account_id="acct-1", at=5.0, **more)
    assert event != Event(account_id="acct-1", at=5.0)
    with pytest.raises(TypeError):
        kind("acct-1", 5.0, *more.values())  # type: ignore[call-arg]


@pytest.mark.proves("T22")
@each
def test_nothing_secret(kind: type[Event]) -> None:
    """No event has a field for a secret or a code, only account, reason, factors and numbers."""
    kinds = {field.name: field.type for field in dataclasses.fields(kind)}
    assert kinds.pop("account_id") is str
    assert kinds.pop("after", tuple[str, ...]) == tuple[str, ...]
    assert kinds.pop("factor", str) is str
    assert set(kinds.values()) <= {float, int, bool, Reason}
