"""Attacks on a login and on self-service. Those on every facade are in tests/test_attacks.py."""

import ast
import inspect
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import totpkit
from tests.support.answers import throttled
from tests.support.authenticators import WHO, both
from tests.support.facades import WRONG_PIN, Pin
from tests.support.fakes import Tape
from tests.support.flows import OF_ALICE, Person, Shop, email_then_phone, lets_in, phone_then_email, ready
from totpkit import (
    CodeAnswer,
    Denied,
    EmailAnswer,
    EmailPrompt,
    Enrollment,
    Reason,
    RecoveryAnswer,
    SendEmail,
)
from totpkit.testing import SoftPhone

INVALID, NO_PROOF = Denied(Reason.TICKET_INVALID), Denied(Reason.PROOF_INVALID)
SIGNED = string.ascii_letters + string.digits + "-_."

Method = Callable[[Any, str], Any]
METHODS: dict[str, Method] = {
    "owner": lambda own, proof: own.owner(proof),
    "provisioning": lambda own, proof: own.provisioning(proof),
    "begin_enrollment": lambda own, proof: own.begin_enrollment(proof),
    "confirm_enrollment": lambda own, proof: own.confirm_enrollment(proof, "12345678"),
    "cancel_enrollment": lambda own, proof: own.cancel_enrollment(proof),
    "new_recovery_codes": lambda own, proof: own.new_recovery_codes(proof),
    "switch_off": lambda own, proof: own.switch_off(proof),
}


def every_factor(shop: Shop) -> tuple[totpkit.SecondFactor, ...]:
    """Return one later step with every factor that there is."""
    return (shop.totp(required=False) | shop.recovery() | shop.email() | Pin(),)


# One gate


@pytest.mark.proves("T15")
@pytest.mark.parametrize("kind", ["", "Async"])
def test_every_path_is_known(kind: str) -> None:
    """T15: only two methods take an answer or a code, and the tests call all methods of self-service."""
    taken: dict[str, set[str]] = {}
    for facade in (getattr(totpkit, kind + "AuthFlow"), getattr(totpkit, kind + "SelfService")):
        for name, method in inspect.getmembers(facade, inspect.isfunction):
            if not name.startswith("_"):
                taken[name] = set(inspect.signature(method).parameters) - {"self"}
    assert {name for name in taken if taken[name] & {"answer", "code"}} == {"submit", "confirm_enrollment"}
    assert set().union(*taken.values()) == {"ticket", "answer", "binding", "context", "proof", "code"}
    assert {name for name in taken if "proof" in taken[name]} == {*METHODS, "begin_step_up"}


@pytest.mark.proves("T15")
def test_gate_in_the_source() -> None:
    """T15: in a login, codes are compared only by rules that ask first whether an attempt is answered."""
    callers: dict[str, set[str]] = {}
    for path in (Path(totpkit.__file__).parent / "_login").glob("*.py"):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                used = {ast.unparse(node) for node in ast.walk(function) if isinstance(node, ast.Attribute)}
                if used & {"email_code.verify", "factor.check", "compare_digest", "service.verify"}:
                    callers.setdefault(path.stem, set()).add(function.name)
    assert callers == {
        "login": {"_identify"},  # a first factor
        "later_steps": {"_verify"},  # passes it to verify_custom
        "other_factors": {"verify_emailed", "rule"},
    }
    gates: dict[Any, tuple[str, str]] = {
        totpkit._login.other_factors.OtherFactors.verify_custom: ("reserve", "await check()"),
        totpkit._account.email_code.verify: ("refuse(record, context)", "compare_digest(emailed.digest"),
        totpkit._account.email_code.send: ("refuse(record, context)", "EmailedCode("),
        totpkit._account.attempts.reserve: ("refuse(record, context)", "fail(record, context)"),
    }
    for function, (gate, act) in gates.items():
        source = inspect.getsource(function)
        assert source.index(gate) < source.index(act)


@pytest.mark.proves("T15", "T43", "T38")
@both
@pytest.mark.parametrize("enrolled", [False, True])
def test_new_phone_during_a_wait(runtime: str, *, enrolled: bool) -> None:
    """T15: during a wait no new phone is confirmed or skipped, in a login or in self-service."""
    shop = Shop(runtime, then=every_factor, store=(tape := Tape()))
    alice = Person(shop)
    proof = (alice.log_in() if enrolled else alice.skip()).proof
    shown = SoftPhone(shop.self_service().begin_enrollment(proof).uri, clock=shop.clock)
    challenge = alice.enter_password()
    if not enrolled:
        alice.scan(challenge)
    for _ in range(5):
        alice.answer(challenge, CodeAnswer("no"))
    tape.calls.clear()
    for answer in (alice.code(), SendEmail() if enrolled else totpkit.SkipAnswer()):
        result = alice.answer(challenge, answer)
        assert (result.problem, result.retry_after) == (Reason.THROTTLED, 30.0)
    assert shop.self_service().confirm_enrollment(proof, shown.code()) == throttled(30.0)
    assert set(tape.calls) == {"load"}
    shop.clock.advance(30)
    lets_in(alice.answer(challenge, alice.code()))


@pytest.mark.proves("T16")
@both
def test_stranger_locks_nobody_out(runtime: str) -> None:
    """T16: without the first factor, nothing that a stranger sends is counted, looked up or written."""
    shop, alice = ready(runtime, then=every_factor, store=(tape := Tape()))
    ticket = alice.enter_password().ticket
    stranger = Person(shop, binding="browser of a stranger")
    passwords = [totpkit.PasswordAnswer("alice", "guess"), totpkit.PasswordAnswer(WHO, "")]
    codes = [CodeAnswer("00000000"), RecoveryAnswer("0" * 16), EmailAnswer("000000")]
    others = [SendEmail(), totpkit.SkipAnswer(), WRONG_PIN, totpkit.FederatedAnswer("other", WHO)]
    answers = [*passwords, *codes, *others, totpkit.CustomAnswer("password", {"account_id": WHO})]
    tape.calls.clear()
    for _ in range(10):
        page = stranger.begin()
        for answer in answers:
            again = stranger.answer(page, answer)
            assert (again.ticket, again.prompts) == (page.ticket, page.prompts)
            assert again.problem in {Reason.WRONG_CREDENTIALS, Reason.NOT_OFFERED}
            assert stranger.answer(ticket, answer) == INVALID
        for forged in (page.ticket.replace(".", WHO + "."), page.ticket[:-1], WHO, ""):
            assert stranger.answer(forged, CodeAnswer("00000000")) == INVALID
            assert stranger.step_up(forged) == NO_PROOF
            assert all(method(shop.self_service(), forged) == NO_PROOF for method in METHODS.values())
    assert (tape.calls, shop.mailbox) == ([], [])
    lets_in(alice.answer(alice.enter_password(), alice.code()))


@pytest.mark.proves("T40")
@both
@pytest.mark.parametrize("then", [phone_then_email, email_then_phone])
def test_one_factor_buys_no_guesses_at_another(runtime: str, then: Any) -> None:
    """T40: passing one second factor again and again buys no more guesses at the other."""
    shop, alice = ready(runtime, then=then)
    guesses = 0
    for _ in range(40):
        reached = alice.pass_step(alice.enter_password())
        if reached.problem is None:
            by_email = isinstance(reached.prompts[0], EmailPrompt)
            if by_email:
                alice.send_email(reached)
            result = alice.answer(reached, EmailAnswer("000000") if by_email else alice.wrong())
            guesses += result.problem is Reason.MISMATCH
        shop.clock.advance(0 if shop.auth.status(WHO).retry_after else 120)
    assert guesses == shop.auth.status(WHO).failures == 5


# Proofs


@pytest.mark.proves("T18", "T39", "T44", "NIST-3.1.3")
@both
@pytest.mark.parametrize("name", METHODS)
def test_weak_proofs(runtime: str, name: str) -> None:
    """T18: tickets, and proofs from the first factor or an emailed code alone, open nothing.

    A proof from a recovery code (T39) shows no secret and issues no codes.
    """
    shop, alice = ready(runtime, then=phone_then_email)
    codes = shop.auth.issue_recovery_codes(WHO)
    shop.clock.advance(60)
    page, second = alice.begin(), alice.enter_password()
    third = alice.answer(second, alice.code())
    alone = lets_in(Person(shop.again(then=lambda _: ())).enter_password()).proof
    weak = [(shop, text) for text in (page.ticket, second.ticket, third.ticket, alone)]
    other = Person(shop.again())
    emailed = lets_in(other.answer(challenge := other.enter_password(), other.send_email(challenge))).proof
    weak.append((other.shop, emailed))
    if name in {"provisioning", "new_recovery_codes"}:
        recovered = other.answer(other.enter_password(), RecoveryAnswer(codes[0]))
        weak.append((other.shop, lets_in(recovered).proof))
    stored = shop.store.load(WHO)
    for place, proof in weak:
        assert METHODS[name](place.self_service(), proof) == NO_PROOF
    assert shop.store.load(WHO) == stored


@pytest.mark.proves("T39", "T20")
@both
def test_proof_of_a_recovery_code(runtime: str) -> None:
    """T39: a recovery code enrolls a new phone and shows nothing of the old one."""
    shop, alice = ready(runtime)
    codes = shop.auth.issue_recovery_codes(WHO)
    proof = lets_in(alice.answer(alice.enter_password(), RecoveryAnswer(codes[0]))).proof
    shown = shop.self_service().begin_enrollment(proof)
    assert isinstance(shown, Enrollment)
    assert shown.secret != shop.auth.provisioning(WHO).secret
    new = SoftPhone(shown.uri, clock=shop.clock)
    confirmed = shop.self_service().confirm_enrollment(proof, new.code())
    assert shop.self_service().provisioning(proof) == NO_PROOF
    assert shop.self_service().provisioning(confirmed.proof).uri == shown.uri
    for challenge in (alice.enter_password(), alice.step_up(confirmed.proof)):
        assert alice.answer(challenge, CodeAnswer(new.code())).problem is Reason.REPLAYED


@pytest.mark.proves("T44")
@both
def test_step_up_extends_nothing(runtime: str) -> None:
    """T44: a step-up gives a new proof, and makes no old one younger."""
    shop, alice = ready(runtime)
    first = alice.log_in().proof
    shop.clock.advance(300)
    for _ in range(4):
        assert shop.self_service().provisioning(first) == Denied(Reason.PROOF_EXPIRED)
        stepped = lets_in(alice.answer(alice.step_up(first), alice.code()))
        assert stepped.at == shop.clock()
        assert isinstance(shop.self_service().provisioning(stepped.proof), Enrollment)
        shop.clock.advance(30 * 86_400 / 4)
    assert alice.step_up(first) == Denied(Reason.PROOF_EXPIRED)


# Tickets


@pytest.mark.proves("T33", "T44", "ASVS-13.3")
@both
def test_tampered(runtime: str) -> None:
    """T33: a ticket or proof that is changed at any character or cut anywhere is rejected and not counted."""
    shop, alice = ready(runtime, store=(tape := Tape()))
    proof = alice.log_in().proof
    page, challenge = alice.begin(), alice.enter_password()
    tape.calls.clear()
    for text, answer in {page.ticket: OF_ALICE, challenge.ticket: alice.code(), proof: None}.items():
        for place in range(len(text)):
            other = SIGNED[(SIGNED.index(text[place]) + 1) % len(SIGNED)]
            for forged in (text[:place] + other + text[place + 1 :], text[:place], text[place + 1 :]):
                if answer is None:
                    assert alice.step_up(forged) == shop.self_service().provisioning(forged) == NO_PROOF
                elif place % 4 == 0 or place > len(text) - 8:
                    assert alice.answer(forged, answer) == alice.reload(forged) == INVALID
    assert alice.reload(proof) == alice.answer(proof, alice.code()) == INVALID  # a proof is not a ticket
    stranger = Person(shop.again(keys=[b"K" * 32]))
    assert stranger.reload(challenge) == INVALID
    assert tape.calls == []
    lets_in(alice.answer(challenge, alice.code()))
