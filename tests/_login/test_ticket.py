"""Tickets: where a login stands, written down."""

import re
import string
from typing import Any

import pytest
from hypothesis import assume, example, given, settings, strategies as st

from tests.support.strategies import anything
from totpkit import InvalidParameterError, Reason
from totpkit._login.signed import LONGEST, Position, Signature, SigningKeys, Tickets
from totpkit._login.transitions import Stage

KEY = b"k" * 32
NOW = 1_700_000_000.0
URL_SAFE = set(string.ascii_letters + string.digits + "-_.")

names = st.text(string.ascii_letters + string.digits + ":._-", min_size=1, max_size=20)
account_ids = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=255)
positions = st.builds(
    Position,
    stage=st.sampled_from(Stage),
    expires_at=st.floats(NOW, 2**40, exclude_min=True),
    step=st.integers(0, 20),
    account_id=account_ids,
    generation=st.integers(0, 2**40),
    login=st.text(string.ascii_letters + string.digits + "-_", min_size=22, max_size=22),
    passed=st.lists(names, max_size=4).map(tuple),
    skipped=st.lists(names, max_size=4).map(tuple),
    enrolled=st.booleans(),
    stepping_up=st.booleans(),
)
bindings = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


def tickets(*keys: bytes, flow: bytes = b"shop") -> Tickets:
    """Return what writes and reads the tickets of one flow."""
    return Tickets(Signature(SigningKeys(keys or (KEY,)).keys_for(b"ticket", flow)))


def at(**changes: Any) -> Position:
    """Return an ordinary position."""
    usual = Position(
        stage=Stage.SECOND,
        expires_at=NOW + 600.0,
        step=3,
        account_id="8c8d9f0e-8f0c-4f5e-9c51-0f6c1c6f0a11",
        generation=12,
        login="A" * 22,
        passed=("federated:google", "totp", "recovery"),
    )
    return usual._replace(**changes)


@given(positions, bindings)
@example(at(enrolled=True, stepping_up=False), "")
@example(at(enrolled=False, stepping_up=True), "")
def test_round_trip(position: Position, binding: str) -> None:
    """A position is read back as it was written, by its binding; all of it, and in its types."""
    ticket = tickets().write(position, binding)
    assert set(ticket) <= URL_SAFE
    assume(len(ticket) <= LONGEST)
    read = tickets().read(ticket, binding, NOW)
    assert read == position
    assert isinstance(read, Position)
    assert [type(value) for value in read] == [type(value) for value in position]


@pytest.mark.proves("T44")
@given(positions, bindings, bindings)
def test_binding(position: Position, binding: str, other: str) -> None:
    """A ticket is read by its own binding and no other, and does not tell which that is."""
    assume(binding != other)
    ticket = tickets().write(position, binding)
    assume(len(ticket) <= LONGEST)
    assert tickets().read(ticket, other, NOW) is Reason.TICKET_INVALID


@pytest.mark.parametrize("binding", [None, 1, b"browser", "\ud800"])
def test_bad_binding(binding: Any) -> None:
    """A binding is a text; anything else is the caller's mistake, whatever the ticket."""
    for call in (lambda: tickets().write(at(), binding), lambda: tickets().read("x", binding, NOW)):
        with pytest.raises(InvalidParameterError, match="binding"):
            call()


@pytest.mark.proves("T44")
def test_expiry() -> None:
    """A ticket lives up to its end and no moment longer; another browser is not told that it has expired."""
    ticket = tickets().write(at(), "b")
    assert tickets().read(ticket, "b", NOW + 599.999) == at()
    assert tickets().read(ticket, "b", NOW + 600.0) is Reason.TICKET_EXPIRED
    assert tickets().read(ticket, "b", NOW + 1e9) is Reason.TICKET_EXPIRED
    assert tickets().read(ticket, "other", NOW + 600.0) is Reason.TICKET_INVALID


@pytest.mark.proves("T44")
@given(positions, names, st.integers(0, 2**40))
def test_going_on(position: Position, factor: str, generation: int) -> None:
    """Passing a factor adds it and prolongs nothing; an enrollment that has passed is remembered."""
    past = position.past(factor, generation)
    assert past.expires_at == position.expires_at
    assert past.passed == (*position.passed, factor)
    assert past.generation == generation
    assert past.enrolled == (position.enrolled or position.stage is Stage.ENROLLING)
    same = past._replace(passed=position.passed, generation=position.generation, enrolled=position.enrolled)
    assert same == position


@pytest.mark.proves("T32", "T33")
@given(anything | st.text("AZaz09-_.", max_size=80) | st.none() | st.binary() | st.integers())
def test_any_text(text: object) -> None:
    """Any text that is no ticket is TICKET_INVALID, and raises nothing."""
    assert tickets().read(text, "", NOW) is Reason.TICKET_INVALID


@pytest.mark.proves("T33")
def test_tampered() -> None:
    """A ticket changed at any character, cut anywhere, or of other keys, is TICKET_INVALID."""
    ticket = tickets().write(at(), "b")
    changed = []
    for place, letter in enumerate(ticket):
        others = URL_SAFE - {letter}
        changed += [ticket[:place] + other + ticket[place + 1 :] for other in sorted(others)]
        changed += [ticket[:place], ticket[:place] + ticket[place + 1 :], ticket[place + 1 :]]
    assert {tickets().read(text, "b", NOW) for text in changed} == {Reason.TICKET_INVALID}
    for other in (tickets(b"o" * 32), tickets(flow=b"other"), tickets(flow=b"")):
        assert other.read(ticket, "b", NOW) is Reason.TICKET_INVALID


@pytest.mark.proves("T33", "ASVS-13.3")
def test_rotation() -> None:
    """A ticket of an older key is read as long as the key is kept."""
    new = b"n" * 32
    ticket = tickets(KEY).write(at(), "b")
    assert tickets(new, KEY).read(ticket, "b", NOW) == at()
    assert tickets(new).read(ticket, "b", NOW) is Reason.TICKET_INVALID
    assert tickets(KEY).read(tickets(new, KEY).write(at(), "b"), "b", NOW) is Reason.TICKET_INVALID


@settings(max_examples=30)
@given(st.uuids().map(str), st.integers(0, 999), bindings)
def test_length(account_id: str, generation: int, binding: str) -> None:
    """A ticket of an ordinary account is under 400 characters, however long its binding."""
    position = at(account_id=account_id, generation=generation, expires_at=NOW + 600.123456)
    assert len(tickets().write(position, binding * 50)) < 400


def test_longest() -> None:
    """The longest account id that there is fits a ticket that is looked at."""
    longest = at(account_id="é" * 127, passed=("f" * 64,) * 4, skipped=("g" * 64,) * 4)
    assert tickets().read(tickets().write(longest, ""), "", NOW) == longest


@pytest.mark.proves("T37")
def test_owner() -> None:
    """What belongs to a login is owned by its random id, however far it has come."""
    assert at().owner == at(step=4, stage=Stage.ENROLLING, generation=0).past("totp", 5).owner
    assert at().owner != at(login="B" * 22).owner
    assert re.fullmatch(r"login A{22}", at().owner)
