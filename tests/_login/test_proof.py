"""Proofs: who has logged in, when, and by what, written down."""

import string

import pytest
from hypothesis import assume, example, given, strategies as st

from tests.support.strategies import anything
from totpkit import Reason
from totpkit._login.signed import (
    LEEWAY,
    LIFETIME,
    LONGEST,
    Position,
    Proof,
    Proofs,
    Signature,
    SigningKeys,
    Tickets,
)
from totpkit._login.transitions import Stage

KEY = b"k" * 32
NOW = 1_700_000_000.0
URL_SAFE = set(string.ascii_letters + string.digits + "-_.")

names = st.text(string.ascii_letters + string.digits + ":._-", min_size=1, max_size=20)
account_ids = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=255)
stored = st.builds(
    Proof,
    account_id=account_ids,
    factors=st.lists(names, min_size=1, max_size=4).map(tuple),
    at=st.floats(NOW - LIFETIME, NOW),
    generation=st.integers(0, 2**40),
    login=st.text(string.ascii_letters + string.digits + "-_", min_size=22, max_size=22),
)
PROOF = Proof("acct-1", ("password", "totp"), NOW, 3, "A" * 22)


def proofs(*keys: bytes, flow: bytes = b"shop") -> Proofs:
    """Return what writes and reads the proofs of one flow."""
    return Proofs(Signature(SigningKeys(keys or (KEY,)).keys_for(b"proof", flow)))


@given(stored)
def test_round_trip(proof: Proof) -> None:
    """A proof is read back as it was written, all of it, and in its types."""
    text = proofs().write(proof)
    assert set(text) <= URL_SAFE
    assume(len(text) <= LONGEST)
    read = proofs().read(text, NOW, LIFETIME)
    assert read == proof
    assert isinstance(read, Proof)
    assert [type(value) for value in read] == [type(value) for value in proof]


@pytest.mark.proves("ASVS-7.5.1")
@pytest.mark.parametrize("lifetime", [1.0, 300.0, LIFETIME])
def test_age(lifetime: float) -> None:
    """A proof serves as long as it may and no moment longer; clocks may differ by a minute, not by more."""
    text = proofs().write(PROOF)
    for age in (lifetime, lifetime / 2, 0.0, -LEEWAY):
        assert proofs().read(text, NOW + age, lifetime) == PROOF
    for age in (lifetime + 0.001, lifetime + 1e9, -LEEWAY - 0.001, -1e9):
        assert proofs().read(text, NOW + age, lifetime) is Reason.PROOF_EXPIRED


@pytest.mark.proves("T32", "T33")
@given(anything | st.text("AZaz09-_.", max_size=80) | st.none() | st.binary() | st.integers())
def test_any_text(text: object) -> None:
    """Any text that is no proof is PROOF_INVALID, and raises nothing."""
    assert proofs().read(text, NOW, LIFETIME) is Reason.PROOF_INVALID


@pytest.mark.proves("T33", "T44")
def test_tampered() -> None:
    """A proof changed at any character, cut anywhere, of other keys or another flow, is PROOF_INVALID."""
    text = proofs().write(PROOF)
    changed = []
    for place, letter in enumerate(text):
        others = URL_SAFE - {letter}
        changed += [text[:place] + other + text[place + 1 :] for other in sorted(others)]
        changed += [text[:place], text[:place] + text[place + 1 :], text[place + 1 :]]
    assert {proofs().read(other, NOW, LIFETIME) for other in changed} == {Reason.PROOF_INVALID}
    for reader in (proofs(b"o" * 32), proofs(flow=b"other"), proofs(flow=b"")):
        assert reader.read(text, NOW, LIFETIME) is Reason.PROOF_INVALID


@pytest.mark.proves("T33", "ASVS-13.3")
def test_rotation() -> None:
    """A proof of an older key is read as long as the key is kept."""
    new = b"n" * 32
    text = proofs(KEY).write(PROOF)
    assert proofs(new, KEY).read(text, NOW, LIFETIME) == PROOF
    assert proofs(new).read(text, NOW, LIFETIME) is Reason.PROOF_INVALID
    assert proofs(KEY).read(proofs(new, KEY).write(PROOF), NOW, LIFETIME) is Reason.PROOF_INVALID


@pytest.mark.proves("T44")
@given(stored)
@example(PROOF)
def test_no_ticket(proof: Proof) -> None:
    """No proof passes as a ticket, nor a ticket as a proof, of one flow and by one key."""
    tickets = Tickets(Signature(SigningKeys([KEY]).keys_for(b"ticket", b"shop")))
    assert tickets.read(proofs().write(proof), "", NOW) is Reason.TICKET_INVALID
    at = Position(Stage.SECOND, NOW + 600.0, 1, proof.account_id, 1, proof.login, proof.factors)
    ticket = tickets.write(at, "")
    assert tickets.read(ticket, "", NOW) == at
    assert proofs().read(ticket, NOW, LIFETIME) is Reason.PROOF_INVALID


@pytest.mark.proves("T37", "T44")
def test_owner() -> None:
    """What a login's self-service begins is not what the login itself began."""
    at = Position(Stage.SECOND, NOW + 600.0, login=PROOF.login)
    assert PROOF.owner != at.owner
    assert PROOF.owner != PROOF._replace(login="B" * 22).owner
