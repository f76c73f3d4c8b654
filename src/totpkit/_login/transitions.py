"""A table with all legal transitions in a login. Any other transition raises an error."""

from collections.abc import Mapping
from enum import StrEnum

from totpkit._login.answers import (
    CodeAnswer,
    CustomAnswer,
    EmailAnswer,
    FederatedAnswer,
    PasswordAnswer,
    RecoveryAnswer,
    SendEmail,
    SkipAnswer,
)
from totpkit.errors import FlowError


class Stage(StrEnum):
    """The stage that a login has reached."""

    START = "start"
    FIRST = "first"
    """The visitor is not identified yet."""
    SECOND = "second"
    """The user has passed a first factor and must pass another one."""
    ENROLLING = "enrolling"
    """The user has passed a first factor and is enrolling a device."""
    AUTHENTICATED = "authenticated"
    DENIED = "denied"


class Event(StrEnum):
    """Something that can happen during a login."""

    BEGIN = "begin"
    NOT_OFFERED = "not offered"
    WRONG = "wrong"
    WAIT = "wait"
    SENT = "email sent"
    ASK = "passed, more to ask"
    ENROLL = "passed, no phone yet"
    COMPLETE = "passed the last step"
    END = "ended"


TRANSITIONS: Mapping[tuple[Stage, Event], Stage] = {
    (Stage.START, Event.BEGIN): Stage.FIRST,
    (Stage.START, Event.ASK): Stage.SECOND,  # a step-up, from a proof
    (Stage.START, Event.END): Stage.DENIED,
    (Stage.FIRST, Event.NOT_OFFERED): Stage.FIRST,
    (Stage.FIRST, Event.WRONG): Stage.FIRST,
    (Stage.FIRST, Event.ASK): Stage.SECOND,
    (Stage.FIRST, Event.ENROLL): Stage.ENROLLING,
    (Stage.FIRST, Event.COMPLETE): Stage.AUTHENTICATED,
    (Stage.FIRST, Event.END): Stage.DENIED,
    (Stage.SECOND, Event.NOT_OFFERED): Stage.SECOND,
    (Stage.SECOND, Event.WRONG): Stage.SECOND,
    (Stage.SECOND, Event.WAIT): Stage.SECOND,
    (Stage.SECOND, Event.SENT): Stage.SECOND,
    (Stage.SECOND, Event.ASK): Stage.SECOND,
    (Stage.SECOND, Event.ENROLL): Stage.ENROLLING,
    (Stage.SECOND, Event.COMPLETE): Stage.AUTHENTICATED,
    (Stage.SECOND, Event.END): Stage.DENIED,
    (Stage.ENROLLING, Event.NOT_OFFERED): Stage.ENROLLING,
    (Stage.ENROLLING, Event.WRONG): Stage.ENROLLING,
    (Stage.ENROLLING, Event.WAIT): Stage.ENROLLING,
    (Stage.ENROLLING, Event.ASK): Stage.SECOND,
    (Stage.ENROLLING, Event.COMPLETE): Stage.AUTHENTICATED,
    (Stage.ENROLLING, Event.END): Stage.DENIED,
}

ANSWERS: Mapping[Stage, frozenset[type]] = {
    Stage.FIRST: frozenset({PasswordAnswer, FederatedAnswer, CustomAnswer}),
    Stage.SECOND: frozenset({CodeAnswer, RecoveryAnswer, SendEmail, EmailAnswer, CustomAnswer}),
    Stage.ENROLLING: frozenset({CodeAnswer, SkipAnswer}),
}
"""The answers that each stage accepts, if the flow has the factor."""


def after(stage: Stage, event: Event) -> Stage:
    """Return the next stage, or raise :class:`FlowError` if the transition is not in the table."""
    try:
        return TRANSITIONS[stage, event]
    except KeyError:
        pass
    raise FlowError(f"illegal transition: stage {stage.value!r}, event {event.value!r}")
