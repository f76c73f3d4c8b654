"""A step of a login beside the verification in it, both in memory and unsealed.

That codes are accepted is asserted; how fast they were is printed and not asserted.
"""

import os
from collections.abc import Callable
from itertools import count

from tests.benchmarks.race import Row, race
from totpkit import (
    TOTP,
    Authenticated,
    Authenticator,
    AuthFlow,
    Challenge,
    CodeAnswer,
    EnrollmentPrompt,
    Password,
    PasswordAnswer,
    RecoveryCode,
    TotpCode,
)
from totpkit.stores.memory import MemoryStore
from totpkit.testing import SettableClock, SoftPhone
from totpkit.vault import PLAINTEXT

START = 1_700_000_010
TURNS = 20_000
APART = 300
WHO = "0f0e0d0c-1111-2222-3333-444455556666"
SESSION = "a session's id of as many characters as usual"

Call = Callable[[], object]


def world() -> tuple[SettableClock, Authenticator, AuthFlow, TOTP, list[str]]:
    """Return an enrolled account, and a ticket after the password for each turn."""
    clock = SettableClock(START - APART)
    auth = Authenticator(MemoryStore(), issuer="Acme", vault=PLAINTEXT, clock=clock)
    check = Password(lambda _name, _password: WHO)
    flow = AuthFlow(
        check, TotpCode(auth) | RecoveryCode(auth), name="shop", keys=[os.urandom(32)], clock=clock
    )
    first = passed(flow)
    (prompt,) = first.prompts
    assert isinstance(prompt, EnrollmentPrompt)
    phone = SoftPhone(prompt.uri, clock=clock)
    assert isinstance(flow.submit(first.ticket, CodeAnswer(phone.code()), binding=SESSION), Authenticated)
    tickets = []
    for turn in range(TURNS):
        clock.time = START + turn * APART
        tickets.append(passed(flow).ticket)
    return clock, auth, flow, TOTP(auth.provisioning(WHO).secret), tickets


def passed(flow: AuthFlow) -> Challenge:
    """Return the challenge after a right password."""
    begun = flow.begin(binding=SESSION)
    challenge = flow.submit(begun.ticket, PasswordAnswer("alice", "right"), binding=SESSION)
    assert isinstance(challenge, Challenge)
    return challenge


def logins() -> Call:
    """Return a call that answers with the next code, and is logged in by it."""
    clock, _, flow, codes, tickets = world()
    answers = [CodeAnswer(codes.at(START + turn * APART)) for turn in range(TURNS)]
    turns = count()

    def login() -> None:
        turn = next(turns)
        clock.time = START + turn * APART
        assert isinstance(flow.submit(tickets[turn], answers[turn], binding=SESSION), Authenticated)

    return login


def verifications() -> Call:
    """Return a call that verifies the next code."""
    clock, auth, _, codes, _ = world()
    typed = [codes.at(START + turn * APART) for turn in range(TURNS)]
    turns = count()

    def verify() -> None:
        turn = next(turns)
        clock.time = START + turn * APART
        assert auth.verify(WHO, typed[turn])

    return verify


def test_submit(rows: list[Row], notes: list[str]) -> None:
    """A right code in a login costs at most twice its verification."""
    runners: dict[str, object] = {"login": logins(), "verify": verifications()}
    found = race({name: f"{name}()" for name in runners}, runners)
    rows.append(Row("submit a right code, memory", found["login"], "verify", found["verify"], "0.5"))
    tickets = world()[4]
    notes.append(f"ticket: {max(map(len, tickets))} characters; proof: about as many")
