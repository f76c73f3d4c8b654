"""The results of a verification."""

import dataclasses

import pytest

from totpkit import Accepted, Reason, Rejected
from totpkit._otp.result import REJECTED

WAIT = {Reason.THROTTLED, Reason.DISABLED}
RESTART = {
    Reason.EXPIRED,
    Reason.WRONG_ACCOUNT,
    Reason.TICKET_EXPIRED,
    Reason.TICKET_INVALID,
    Reason.PROOF_EXPIRED,
    Reason.PROOF_INVALID,
}


@pytest.mark.parametrize("result", [Accepted(0), Accepted(0, -3), Accepted(5)])
def test_accepted(result: Accepted) -> None:
    """An acceptance is truthy, also at step 0."""
    assert bool(result) is True


@pytest.mark.parametrize("reason", Reason)
def test_rejected(reason: Reason) -> None:
    """A rejection is falsy for every reason, with or without a wait, and its reason is a lower-case str."""
    assert bool(Rejected(reason)) is bool(Rejected(reason, 3.5)) is False
    assert REJECTED[reason] == Rejected(reason)
    assert reason == reason.name.lower()


@pytest.mark.parametrize("result", [Accepted(7), Rejected(Reason.MISMATCH)])
def test_immutable(result: Accepted | Rejected) -> None:
    """Results cannot be changed."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(result, dataclasses.fields(result)[0].name, None)


@pytest.mark.proves("ASVS-6.3.8")
def test_wrong_and_replayed() -> None:
    """The public part of a wrong, a replayed and a malformed code is the same."""
    public = {reason.public for reason in (Reason.MISMATCH, Reason.REPLAYED, Reason.MALFORMED)}
    assert public == {"wrong"}


@pytest.mark.proves("ASVS-6.3.8")
@pytest.mark.parametrize("reason", Reason)
def test_to_dict(reason: Reason) -> None:
    """A JSON front end learns only the public part of a reason, which is one of three."""
    public = "wait" if reason in WAIT else "restart" if reason in RESTART else "wrong"
    assert public == reason.public
    assert Accepted(7, drift=1).to_dict() == {"type": "accepted"}
    assert Rejected(reason, 2.5).to_dict() == {"type": "rejected", "problem": public, "retry_after": 2.5}
