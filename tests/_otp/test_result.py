"""What a verification answers."""

import dataclasses

import pytest

from totpkit import Accepted, Reason, Rejected

WAIT = {Reason.THROTTLED, Reason.DISABLED}
RESTART = {
    Reason.EXPIRED,
    Reason.WRONG_ACCOUNT,
    Reason.TICKET_EXPIRED,
    Reason.TICKET_INVALID,
    Reason.PROOF_EXPIRED,
    Reason.PROOF_INVALID,
}


@pytest.mark.parametrize("answer", [Accepted(0), Accepted(0, -3), Accepted(5)])
def test_accepted(answer: Accepted) -> None:
    """An acceptance is true, also at step 0."""
    assert bool(answer) is True


@pytest.mark.parametrize("reason", Reason)
def test_rejected(reason: Reason) -> None:
    """A rejection is false for every reason, with or without a wait."""
    assert bool(Rejected(reason)) is False
    assert bool(Rejected(reason, 3.5)) is False


@pytest.mark.parametrize("answer", [Accepted(7), Rejected(Reason.MISMATCH)])
def test_frozen(answer: Accepted | Rejected) -> None:
    """Answers cannot be changed."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(answer, dataclasses.fields(answer)[0].name, None)


@pytest.mark.proves("ASVS-6.3.8")
def test_wrong_and_replayed() -> None:
    """A visitor is told the same of a wrong, a replayed and a malformed code."""
    told = {reason.public for reason in (Reason.MISMATCH, Reason.REPLAYED, Reason.MALFORMED)}
    assert told == {"wrong"}


@pytest.mark.parametrize("reason", Reason)
def test_public(reason: Reason) -> None:
    """Each reason tells a visitor one of three things."""
    assert ("wait" if reason in WAIT else "restart" if reason in RESTART else "wrong") == reason.public


@pytest.mark.parametrize("reason", Reason)
def test_reason_text(reason: Reason) -> None:
    """A reason is a str, for logs and columns: its name in lower case."""
    assert reason == reason.name.lower()


@pytest.mark.proves("ASVS-6.3.8")
@pytest.mark.parametrize("reason", Reason)
def test_as_json(reason: Reason) -> None:
    """A JSON front end learns that a code was right, or of the reason what a visitor may be told."""
    assert Accepted(7, drift=1).to_dict() == {"type": "accepted"}
    assert Rejected(reason, 2.5).to_dict() == {
        "type": "rejected",
        "problem": reason.public,
        "retry_after": 2.5,
    }
