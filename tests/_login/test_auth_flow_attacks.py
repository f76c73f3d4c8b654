"""Attacks that worked on others, tried on a whole login, one test for each, named for it."""

import ast
import inspect
import string
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import totpkit
from tests._account.test_authenticator_attacks import at_once, crowds, frequent_switches  # noqa: F401 - a fixture
from tests.support.authenticators import ASYNC, SYNC, WHO, both, wrong
from tests.support.fakes import Gate, Tape
from tests.support.flows import (
    ADDRESS,
    BOB,
    EIGHT,
    FIRST,
    KEYS,
    OF_ALICE,
    Person,
    Shop,
    asks,
    asks_again,
    lets_in,
    mail_then_phone,
    phone_then_mail,
    ready,
)
from totpkit import (
    AsyncAuthFlow,
    AsyncSelfService,
    Authenticated,
    AuthFlow,
    Challenge,
    CodeAnswer,
    CustomAnswer,
    Denied,
    EmailAnswer,
    EmailPrompt,
    Enrollment,
    EnrollmentPrompt,
    FederatedAnswer,
    PasswordAnswer,
    Reason,
    RecoveryAnswer,
    Rejected,
    SecondFactor,
    SelfService,
    SendEmail,
    SkipAnswer,
    Throttle,
    Window,
    events,
)
from totpkit.stores.threaded import ThreadedStore
from totpkit.testing import SoftPhone

NO_LIMIT = replace(EIGHT, throttle=Throttle(free=100, first_wait=0.0))
INVALID, NO_PROOF = Denied(Reason.TICKET_INVALID), Denied(Reason.PROOF_INVALID)
EXPIRED, DISABLED = Denied(Reason.TICKET_EXPIRED), Denied(Reason.DISABLED)
SIGNED = string.ascii_letters + string.digits + "-_."

Desk = Callable[[Any, str], Any]
DESK: dict[str, Desk] = {
    "owner": lambda desk, proof: desk.owner(proof),
    "provisioning": lambda desk, proof: desk.provisioning(proof),
    "begin_replacement": lambda desk, proof: desk.begin_enrollment(proof),
    "confirm_replacement": lambda desk, proof: desk.confirm_enrollment(proof, "12345678"),
    "cancel_replacement": lambda desk, proof: desk.cancel_enrollment(proof),
    "enroll": lambda desk, proof: desk.begin_enrollment(proof),
    "confirm": lambda desk, proof: desk.confirm_enrollment(proof, "12345678"),
    "new_recovery_codes": lambda desk, proof: desk.new_recovery_codes(proof),
    "switch_off": lambda desk, proof: desk.switch_off(proof),
}


def test_no_method_is_left_out() -> None:
    """All that self-service can do is tried below."""
    for face in (SelfService, AsyncSelfService):
        assert set(DESK) == set(methods(face))


def methods(face: type) -> dict[str, list[str]]:
    """Return the public methods of a face with the names of their parameters."""
    found = {name: value for name, value in vars(face).items() if inspect.isfunction(value)}
    return {
        name: list(inspect.signature(value).parameters)[1:]
        for name, value in found.items()
        if not name.startswith("_")
    }


class Pin(SecondFactor):
    """A second factor of the app's own, a word that never changes."""

    name = "pin"
    RIGHT = CustomAnswer("pin", {"pin": "open sesame"})
    WRONG = CustomAnswer("pin", {"pin": "open barley"})

    def __init__(self) -> None:
        self.asked = 0

    def check(self, account_id: str, answer: CustomAnswer) -> bool:
        """Return whether it is the word."""
        del account_id
        self.asked += 1
        return answer == self.RIGHT


def everything(shop: Shop) -> tuple[SecondFactor, ...]:
    """Return one later step with every factor that there is."""
    return (shop.totp(required=False) | shop.recovery() | shop.email() | Pin(),)


def problem_of(result: Any) -> Reason | None:
    """Return why somebody is not in yet."""
    assert isinstance(result, Challenge | Denied), result
    return result.problem if isinstance(result, Challenge) else result.reason


# One code, once


@pytest.mark.proves("T01", "RFC6238-5.2-once")
@both
@pytest.mark.parametrize("window", [Window.ASVS, Window.DEFAULT, Window(2, 3)], ids=repr)
def test_same_code_again(colour: str, window: Window) -> None:
    """T01: a code that let somebody in is refused everywhere else, at every offset in the window."""
    shop, alice = ready(colour, policy=replace(NO_LIMIT, window=window, drift_bound=0))
    shop.clock.advance(600)
    for arrived in range(-window.future, window.past + 1):
        shop.clock.advance(30 * 40)
        now, code = shop.clock(), alice.code(-arrived)
        older = alice.come_in()
        spent = alice.come_in()
        proof = lets_in(alice.answer(spent, code)).proof
        for again in range(-window.future - arrived - 1, window.past - arrived + 2):
            shop.clock.time = now + 30 * again
            shop.auth.unlock(WHO)
            for place in (shop, shop.again(policy=shop.policy)):
                visitor = Person(place)
                for challenge in (spent, older, visitor.come_in()):
                    assert problem_of(visitor.answer(challenge, code)) in {
                        Reason.REPLAYED,
                        Reason.MISMATCH,
                        Reason.TICKET_EXPIRED,
                    }
                for challenge in (visitor.come_in(), visitor.step_up(proof)):
                    if isinstance(challenge, Challenge):
                        assert problem_of(visitor.answer(challenge, code)) is not None
                        assert problem_of(visitor.answer(challenge, RecoveryAnswer(code.code))) is not None
                        assert problem_of(visitor.answer(challenge, EmailAnswer(code.code))) is not None
                assert not isinstance(place.desk().confirm_enrollment(proof, code.code), totpkit.Accepted)
                assert not place.auth.verify(WHO, code.code)
        shop.clock.time = now


@pytest.mark.proves("RFC6238-5.2-once")
@both
def test_code_between_flows(colour: str) -> None:
    """A code that one application of an authenticator took is spent in all of them."""
    shop, alice = ready(colour)
    other = shop.built(shop.password(), shop.totp(), name="other")
    code = alice.code()
    lets_in(alice.answer(alice.come_in(), code))
    begun = other.begin(binding="b")
    challenge = other.submit(begun.ticket, OF_ALICE, binding="b")
    assert problem_of(other.submit(challenge.ticket, code, binding="b")) is Reason.REPLAYED


@pytest.mark.proves("T20")
@both
def test_confirmation_code(colour: str) -> None:
    """T20: the code that confirmed a phone does not work as the first login code, nor anywhere else."""
    shop = Shop(colour)
    alice = Person(shop)
    enrollment = alice.come_in()
    alice.scan(enrollment)
    code = alice.code()
    proof = lets_in(alice.answer(enrollment, code)).proof
    assert problem_of(alice.answer(alice.come_in(), code)) is Reason.REPLAYED
    assert problem_of(alice.answer(alice.step_up(proof), code)) is Reason.REPLAYED
    assert shop.auth.verify(WHO, code.code) == Rejected(Reason.REPLAYED)
    new = SoftPhone(shop.desk().begin_enrollment(proof).uri, clock=shop.clock)
    confirmed = shop.desk().confirm_enrollment(proof, new.code())
    assert problem_of(alice.answer(alice.come_in(), CodeAnswer(new.code()))) is Reason.REPLAYED
    assert problem_of(alice.answer(alice.step_up(confirmed.proof), CodeAnswer(new.code()))) is not None


# Guessing


@pytest.mark.proves("T09", "ASVS-6.3.8")
@both
@pytest.mark.parametrize("cap", [100, 5], ids=["wait", "disabled"])
def test_right_code_past_the_limit(colour: str, cap: int) -> None:
    """T09: past the limit a right answer of any kind gets what a wrong one gets, to the letter."""
    shop, alice = ready(colour, then=everything, policy=replace(EIGHT, throttle=Throttle(cap=cap)))
    recovery = shop.auth.issue_recovery_codes(WHO)[0]
    challenge = alice.come_in()
    alice.answer(challenge, SendEmail())
    challenge = alice.reload(challenge)
    for _ in range(5):
        alice.answer(challenge, alice.wrong())
    answers = [alice.wrong(), alice.code(), RecoveryAnswer("0" * 16), RecoveryAnswer(recovery)]
    answers += [EmailAnswer("x"), EmailAnswer(shop.mailed_code()), Pin.WRONG, Pin.RIGHT]
    results = [alice.answer(challenge, answer) for answer in answers]
    assert {problem_of(result) for result in results} == {Reason.THROTTLED if cap > 5 else Reason.DISABLED}
    shown = [result.to_dict() for result in results]
    assert shown == [shown[0]] * len(answers)


@pytest.mark.proves("T10", "RFC4226-7.3")
@both
def test_fresh_logins(colour: str) -> None:
    """T10: many logins with one try each, by any factor at any machine, get the tries of one."""
    shop, alice = ready(colour, then=everything)
    shop.auth.issue_recovery_codes(WHO)
    waiting = alice.come_in()
    alice.answer(waiting, SendEmail())
    tries: list[Callable[[Any], Any]] = [
        lambda person: person.answer(person.come_in(), alice.wrong()),
        lambda person: person.answer(person.come_in(), RecoveryAnswer("0" * 16)),
        lambda person: person.answer(waiting, EmailAnswer("x")),
        lambda person: person.answer(person.come_in(), Pin.WRONG),
    ]
    problems = []
    for number in range(40):
        person = Person(shop.again(then=everything))
        problems.append(problem_of(tries[number % len(tries)](person)))
    assert Reason.THROTTLED not in problems[:5]
    assert set(problems[5:]) == {Reason.THROTTLED}
    assert shop.auth.status(WHO).failures == 5


@pytest.mark.proves("T13")
@both
def test_right_password_forgives_nothing(colour: str) -> None:
    """T13: neither a right password, nor loading pages, nor asking for mail forgets a failure."""
    shop, alice = ready(colour, then=everything)
    proof = alice.log_in().proof
    challenge = alice.come_in()
    for _ in range(4):
        alice.answer(challenge, alice.wrong())
    for _ in range(3):
        again = alice.come_in()
        alice.reload(again)
        alice.answer(again, SendEmail())
        alice.answer(again, SkipAnswer())
        alice.step_up(proof)
        alice.answer(alice.begin(), FederatedAnswer("google", WHO))
        shop.desk().begin_enrollment(proof)
        shop.desk().cancel_enrollment(proof)
        shop.clock.advance(60)
        assert shop.auth.status(WHO).failures == 4
    assert problem_of(alice.answer(alice.come_in(), alice.wrong())) is Reason.MISMATCH
    asks_again(alice.answer(again := alice.come_in(), alice.code()), replace(again), Reason.THROTTLED, 30.0)


@pytest.mark.proves("T40")
@both
@pytest.mark.parametrize("then", [phone_then_mail, mail_then_phone])
def test_one_factor_buys_no_guesses_at_another(colour: str, then: Any) -> None:
    """T40: whoever holds one second factor can pass it as often as they like, and gains no guess more."""
    shop, alice = ready(colour, then=then)
    guesses = 0
    for _ in range(40):
        challenge = alice.come_in()
        mail_first = isinstance(challenge.prompts[0], EmailPrompt)
        reached = alice.on_from(challenge)
        if problem_of(reached) is None:
            guess = alice.wrong() if mail_first else EmailAnswer("000000")
            if not mail_first:
                alice.answer(reached, SendEmail())
            result = alice.answer(reached, guess)
            guesses += problem_of(result) is Reason.MISMATCH
        shop.clock.advance(0 if shop.auth.status(WHO).retry_after else 120)
    assert guesses == 5
    assert shop.auth.status(WHO).failures == 5


# The one gate


@pytest.mark.proves("T15")
def test_every_path_is_known() -> None:
    """T15: a code or an answer is taken by these methods alone; both colours have the same."""
    for flow, desk in ((AuthFlow, SelfService), (AsyncAuthFlow, AsyncSelfService)):
        assert {name for name, takes in methods(flow).items() if {"code", "answer"} & set(takes)} == {
            "submit"
        }
        assert {name for name, takes in methods(desk).items() if {"code", "answer"} & set(takes)} == {
            "confirm",
            "confirm_replacement",
        }
    given = {name for face in (AuthFlow, SelfService) for takes in methods(face).values() for name in takes}
    assert given == {"ticket", "answer", "binding", "context", "proof", "code"}


@pytest.mark.proves("T15", "T43")
@both
def test_one_gate(colour: str) -> None:
    """T15: every right answer at every public method is refused during a wait; nothing is written."""
    shop, alice = ready(colour, then=everything, store=(tape := Tape()))
    recovery = shop.auth.issue_recovery_codes(WHO)[0]
    proof = alice.log_in().proof
    replacing = SoftPhone(shop.desk().begin_enrollment(proof).uri, clock=shop.clock)
    challenge = alice.come_in()
    stepping = alice.step_up(proof)
    alice.answer(challenge, SendEmail())
    shop.fail(5)
    wait = Rejected(Reason.THROTTLED, retry_after=30.0)
    answers = [alice.code(), RecoveryAnswer(recovery), EmailAnswer(shop.mailed_code()), Pin.RIGHT]
    tape.calls.clear()
    for at in (challenge, stepping):
        for answer in (*answers, SendEmail()):
            result = alice.answer(at, answer)
            assert (problem_of(result), result.retry_after) == (wait.reason, wait.retry_after)
    assert shop.desk().confirm_enrollment(proof, replacing.code()) == wait
    assert set(tape.calls) == {"load"}
    shop.clock.advance(30)
    assert shop.desk().confirm_enrollment(proof, replacing.code())


@pytest.mark.proves("T15", "T43", "T38")
@both
def test_one_gate_while_enrolling(colour: str) -> None:
    """T15: so are the right first code of a new phone, and the wish to skip it."""
    shop = Shop(colour, then=everything, store=(tape := Tape()))
    alice = Person(shop)
    enrollment = alice.come_in()
    skipped = lets_in(alice.answer(alice.come_in(), SkipAnswer())).proof
    at_desk = SoftPhone(shop.desk().enroll(skipped).uri, clock=shop.clock)
    enrollment = alice.come_in()
    phone = alice.scan(enrollment)
    for _ in range(5):
        alice.answer(enrollment, CodeAnswer("no"))
    tape.calls.clear()
    for answer in (CodeAnswer(phone.code()), SkipAnswer()):
        assert problem_of(alice.answer(enrollment, answer)) is Reason.THROTTLED
    result = shop.desk().confirm(skipped, at_desk.code())
    assert result == Rejected(Reason.THROTTLED, retry_after=30.0)
    assert set(tape.calls) == {"load"}
    shop.clock.advance(30)
    lets_in(alice.answer(enrollment, CodeAnswer(phone.code())))


@pytest.mark.proves("T15")
def test_gate_in_the_source() -> None:
    """T15: in the whole package codes are compared by these functions, which ask the gate first, alone."""
    home = Path(totpkit.__file__).parent
    callers: dict[str, set[str]] = {}
    for path in home.rglob("*.py"):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            called = {ast.unparse(node.func) for node in ast.walk(function) if isinstance(node, ast.Call)}
            passed = {ast.unparse(node) for node in ast.walk(function) if isinstance(node, ast.Attribute)}
            if {"mail_checked", "check", "_reserved"} & called or "factor.check" in passed:
                callers.setdefault(path.stem, set()).add(function.name)
    assert callers == {
        "_checks": {"check_mailed", "check_custom"},
        "_later": {"_checked"},  # hands it on to check_custom
        "_login": {"_identified"},  # a first factor, which names somebody
    }
    source = inspect.getsource(totpkit._login.other_factors.Checks.check_custom)
    assert source.index("scope.bound(_reserved)") < source.index("await check()")
    gates = {
        totpkit._account.email_code.mail_checked: "compare_digest(mailed.digest",
        totpkit._account.email_code.sent: "Mailed(",
        totpkit._login.other_factors._reserved: "failed(record",
    }
    for function, act in gates.items():
        lines = inspect.getsource(function)
        assert lines.index("refusal(record, terms)") < lines.index(act)


@pytest.mark.proves("T16")
@both
def test_stranger_locks_nobody_out(colour: str) -> None:
    """T16: without the first factor nothing that a stranger sends is counted, looked up or written."""
    shop, alice = ready(colour, then=everything, store=(tape := Tape()))
    ticket = alice.come_in().ticket
    stranger = Person(shop, binding="browser of a stranger")
    tape.calls.clear()
    for _ in range(30):
        page = stranger.begin()
        for answer in (
            PasswordAnswer("alice", "guess"),
            PasswordAnswer(WHO, ""),
            CodeAnswer("00000000"),
            RecoveryAnswer("0" * 16),
            SendEmail(),
            EmailAnswer("000000"),
            SkipAnswer(),
            Pin.WRONG,
            CustomAnswer("password", {"account_id": WHO}),
            FederatedAnswer("other", WHO),
        ):
            again = asks(
                stranger.answer(page, answer),
                *map(type, FIRST),
                problem=problem_of(stranger.answer(page, answer)),
            )
            assert again.ticket == page.ticket
            assert stranger.answer(ticket, answer) == INVALID
        for forged in (page.ticket.replace(".", WHO + "."), page.ticket[:-1], WHO, ""):
            assert stranger.answer(forged, CodeAnswer("00000000")) == INVALID
            assert stranger.step_up(forged) == NO_PROOF
            assert all(method(shop.desk(), forged) == NO_PROOF for method in DESK.values())
    assert (tape.calls, shop.mailbox) == ([], [])
    lets_in(alice.answer(alice.come_in(), alice.code()))


# My account


@pytest.mark.proves("T18")
@both
@pytest.mark.parametrize("method", DESK.values(), ids=DESK)
def test_first_factor_alone(colour: str, method: Desk) -> None:
    """T18: no ticket of whatever stage, and no proof of the first factor alone, opens anything."""
    shop, alice = ready(colour, then=phone_then_mail)
    page, second = alice.begin(), alice.come_in()
    third = alice.answer(second, alice.code())
    shop.clock.advance(30)
    alone = lets_in(Person(shop.again(then=lambda _: ())).come_in())
    stored = shop.store.load(WHO)
    for no_proof in (page.ticket, second.ticket, third.ticket, alone.proof):
        assert method(shop.desk(), no_proof) == NO_PROOF
    assert shop.store.load(WHO) == stored


@pytest.mark.proves("T18", "NIST-3.1.3")
@both
@pytest.mark.parametrize("method", DESK.values(), ids=DESK)
def test_mailed_code_alone(colour: str, method: Desk) -> None:
    """T18: a login by a mailed code neither sees nor changes the phone."""
    shop, alice = ready(colour)
    challenge = alice.come_in()
    alice.answer(challenge, SendEmail())
    proof = lets_in(alice.answer(challenge, EmailAnswer(shop.mailed_code()))).proof
    stored = shop.store.load(WHO)
    assert isinstance(method(shop.desk(), proof), Denied)
    assert shop.store.load(WHO) == stored


@pytest.mark.proves("T39")
@both
def test_proof_of_a_recovery_code(colour: str) -> None:
    """T39: a recovery code begins a new phone, and shows nothing of the old one."""
    shop, alice = ready(colour)
    codes = shop.auth.issue_recovery_codes(WHO)
    proof = lets_in(alice.answer(alice.come_in(), RecoveryAnswer(codes[0]))).proof
    assert shop.desk().provisioning(proof) == NO_PROOF
    assert shop.desk().new_recovery_codes(proof) == NO_PROOF
    shown = shop.desk().begin_enrollment(proof)
    assert isinstance(shown, Enrollment)
    assert shown.secret != shop.auth.provisioning(WHO).secret
    new = SoftPhone(shown.uri, clock=shop.clock)
    confirmed = shop.desk().confirm_enrollment(proof, new.code())
    assert shop.desk().provisioning(proof) == NO_PROOF
    assert shop.desk().provisioning(confirmed.proof).uri == shown.uri  # a phone of their own by now


@pytest.mark.proves("T39")
@both
def test_proof_from_before(colour: str) -> None:
    """T39: a proof from before any change of the credential, or of another flow, shows no secret."""
    changes: list[Callable[[Shop, str], object]] = [
        lambda shop, _: shop.auth.issue_recovery_codes(WHO),
        lambda shop, _: shop.enroll(),
        lambda shop, _: (shop.auth.revoke(WHO), shop.enroll()),
        lambda shop, proof: shop.desk().switch_off(proof),
        lambda shop, proof: shop.desk().new_recovery_codes(proof),
    ]
    for change in changes:
        shop, alice = ready(colour)
        proof = alice.log_in().proof
        assert isinstance(shop.desk().provisioning(proof), Enrollment)
        for other in (shop.built(shop.either(), shop.totp()), shop.built(*shop_steps(shop), name="other")):
            assert shop.desk(other).provisioning(proof) == NO_PROOF
        change(shop, proof)
        assert shop.desk().provisioning(proof) == NO_PROOF
        assert alice.step_up(proof) == NO_PROOF


def shop_steps(shop: Shop) -> list[Any]:
    """Return the usual steps once more."""
    return [shop.either(), shop.totp() | shop.recovery() | shop.email()]


@pytest.mark.proves("T21")
@both
def test_off_and_on_again(colour: str) -> None:
    """T21: switched off and on again, the phone gets a new secret, and the old one opens nothing."""
    shop = Shop(colour)
    alice = Person(shop)
    secrets, phones = [], []
    for _ in range(4):
        enrollment = asks(alice.come_in(), EnrollmentPrompt)
        secrets.append(enrollment.prompts[0].secret)  # type: ignore[union-attr]
        phones.append(alice.scan(enrollment))
        lets_in(alice.answer(enrollment, alice.code()))
        shop.clock.advance(30)
        for old in phones[:-1]:
            assert problem_of(alice.answer(alice.come_in(), CodeAnswer(old.code()))) is Reason.MISMATCH
        proof = alice.log_in().proof
        assert shop.desk().switch_off(proof) is None
        assert not shop.auth.status(WHO).enrolled
    assert len(set(secrets)) == 4


@pytest.mark.proves("T37")
@both
def test_shown_to_another_login(colour: str) -> None:
    """T37: a secret shown to one login is never the one that another login, or self-service, confirms."""
    shop = Shop(colour, then=everything, policy=NO_LIMIT)
    page = Person(shop).begin()
    alice, mallory = Person(shop), Person(shop)  # one browser, even one page
    skipped = lets_in(alice.answer(alice.come_in(), SkipAnswer())).proof
    hers = alice.answer(page, OF_ALICE)
    alice.scan(hers)
    his = mallory.answer(page, OF_ALICE)
    mallory.scan(his)
    assert hers.ticket != his.ticket
    at_desk = SoftPhone(shop.desk().enroll(skipped).uri, clock=shop.clock)
    phones = [alice.phone, mallory.phone, at_desk]
    assert len({phone.code() for phone in phones if phone is not None}) == 3
    for phone in phones:
        assert phone is not None
        code = CodeAnswer(phone.code())
        for challenge in (hers, his):
            if phone is not at_desk:
                assert not isinstance(alice.answer(challenge, code), Authenticated)
        if phone is not at_desk:
            assert shop.desk().confirm(skipped, code.code) == Rejected(Reason.MISMATCH)
    assert not shop.auth.status(WHO).enrolled
    for challenge in (hers, his):
        assert alice.answer(challenge, CodeAnswer(at_desk.code())) == Denied(Reason.EXPIRED)
    assert shop.desk().confirm(skipped, at_desk.code())


# Tickets


@pytest.mark.proves("T33")
@both
def test_tampered(colour: str) -> None:
    """T33: a ticket or proof changed at any character, or cut anywhere, is refused, and nothing counted."""
    shop, alice = ready(colour, store=(tape := Tape()))
    proof = alice.log_in().proof
    page, challenge = alice.begin(), alice.come_in()
    texts = {page.ticket: OF_ALICE, challenge.ticket: alice.code(), proof: None}
    tape.calls.clear()
    for text, answer in texts.items():
        for place in range(len(text)):
            other = SIGNED[(SIGNED.index(text[place]) + 1) % len(SIGNED)]
            for forged in (text[:place] + other + text[place + 1 :], text[:place], text[place + 1 :]):
                if answer is None:
                    assert alice.step_up(forged) == NO_PROOF
                    assert shop.desk().provisioning(forged) == NO_PROOF
                elif place % 4 == 0 or place > len(text) - 8:
                    assert alice.answer(forged, answer) == alice.reload(forged) == INVALID  # type: ignore[arg-type]
    assert tape.calls == []
    lets_in(alice.answer(challenge, alice.code()))


@pytest.mark.proves("T33", "ASVS-13.3")
@both
def test_keys_rotate(colour: str) -> None:
    """T33: an old key goes on verifying while it is kept; another or a retired one never does."""
    shop, alice = ready(colour)
    proof = alice.log_in().proof
    challenge = alice.come_in()
    for keys, welcome in (
        ([b"n" * 32, *KEYS], True),
        ([*KEYS, b"n" * 32], True),
        ([b"n" * 32], False),
        ([KEYS[0] + b"k"], False),
    ):
        other = shop.again(keys=keys)
        resumed = other.flow.resume(challenge.ticket, binding=alice.binding)
        stepped = other.flow.begin_step_up(proof, binding=alice.binding)
        assert isinstance(resumed, Challenge) == isinstance(stepped, Challenge) == welcome
        if welcome:
            passed = other.flow.submit(challenge.ticket, alice.code(), binding=alice.binding)
            assert shop.desk().provisioning(lets_in(passed).proof) != NO_PROOF or keys[0] != KEYS[0]
            shop.clock.advance(30)


@pytest.mark.proves("T33", "T44")
@both
def test_expired(colour: str) -> None:
    """T44: however often a ticket is issued anew, it ends ten minutes after the first factor passed."""
    shop, alice = ready(colour, then=phone_then_mail)
    challenge = alice.come_in()
    for _ in range(9):
        shop.clock.advance(60)
        alice.reload(challenge)
        alice.answer(challenge, CodeAnswer("x") if shop.auth.status(WHO).failures < 4 else SkipAnswer())
    mail = asks(alice.answer(challenge, alice.code()), EmailPrompt)
    assert (mail.ticket != challenge.ticket, mail.seconds_left) == (True, 60)
    sent = alice.answer(mail, SendEmail())
    shop.clock.advance(60)
    for ticket in (challenge, mail, sent):
        assert alice.answer(ticket, EmailAnswer(shop.mailed_code())) == EXPIRED
        assert alice.answer(ticket, alice.code()) == alice.reload(ticket) == EXPIRED


@pytest.mark.proves("T44")
@both
def test_step_up_extends_nothing(colour: str) -> None:
    """T44: step-ups made from step-ups each say when they were, and none makes an old proof young."""
    shop, alice = ready(colour)
    first = alice.log_in().proof
    shop.clock.advance(300)
    assert shop.desk().provisioning(first) == Denied(Reason.PROOF_EXPIRED)
    for _ in range(3):
        stepped = lets_in(alice.answer(alice.step_up(first), alice.code()))
        assert stepped.at == shop.clock()
        assert isinstance(shop.desk().provisioning(stepped.proof), Enrollment)
        assert shop.desk().provisioning(first) == Denied(Reason.PROOF_EXPIRED)
        shop.clock.advance(30 * 86_400 / 4)
    shop.clock.advance(30 * 86_400 / 4)
    assert alice.step_up(first) == Denied(Reason.PROOF_EXPIRED)


@pytest.mark.proves("T44")
@both
def test_ticket_in_another_browser(colour: str) -> None:
    """T44: a ticket of any stage is worth nothing under another binding, or under none."""
    shop, alice = ready(colour, then=phone_then_mail)
    page, second = alice.begin(), alice.come_in()
    third = alice.answer(second, alice.code())
    alice.answer(third, SendEmail())
    newcomer = Person(shop, PasswordAnswer("bob", "pw of bob"), binding="browser 3")
    enrolling = newcomer.come_in()
    newcomer.scan(enrolling)
    right = [(page, OF_ALICE), (third, EmailAnswer(shop.mailed_code())), (enrolling, newcomer.code())]
    before = shop.store.load(WHO), shop.store.load(BOB)
    for challenge, answer in right:
        for binding in ("", "browser", "browser 2", "browser 1\0", "BROWSER 1"):
            assert alice.answer(challenge, answer, binding=binding) == INVALID
            assert alice.reload(challenge, binding=binding) == INVALID
    assert (shop.store.load(WHO), shop.store.load(BOB)) == before
    asks(newcomer.answer(enrolling, newcomer.code()), EmailPrompt)


@pytest.mark.proves("T44")
@both
def test_no_ticket_is_a_proof(colour: str) -> None:
    """T44: a ticket of any stage passes nowhere as a proof, and a proof nowhere as a ticket."""
    shop, alice = ready(colour, then=phone_then_mail)
    shop.clock.advance(60)  # after which the next mail can be asked for
    proof = alice.log_in().proof
    page, second = alice.begin(), alice.come_in()
    third = alice.answer(second, alice.code())
    for challenge in (page, second, third):
        assert alice.step_up(challenge.ticket) == NO_PROOF
        assert [method(shop.desk(), challenge.ticket) for method in DESK.values()] == [NO_PROOF] * len(DESK)
    for binding in ("", alice.binding):
        assert alice.reload(proof, binding=binding) == INVALID
        assert alice.answer(proof, alice.code(), binding=binding) == INVALID


@pytest.mark.proves("T47")
@both
def test_after_revoke(colour: str) -> None:
    """T47: after revoke no old recovery code, ticket, mailed code or proof works; failures survive."""
    shop, alice = ready(colour)
    codes = shop.auth.issue_recovery_codes(WHO)
    proof = alice.log_in().proof
    challenge = alice.come_in()
    alice.answer(challenge, SendEmail())
    mailed = EmailAnswer(shop.mailed_code())
    for _ in range(3):
        alice.answer(challenge, alice.wrong())
    stepping = alice.step_up(proof)
    shop.auth.revoke(WHO)
    for at in (challenge, stepping):
        for answer in (alice.code(), RecoveryAnswer(codes[0]), mailed, SendEmail()):
            assert alice.answer(at, answer) == INVALID
        assert alice.reload(at) == INVALID
    assert alice.step_up(proof) == NO_PROOF
    assert [method(shop.desk(), proof) for method in DESK.values()] == [NO_PROOF] * len(DESK)
    assert shop.auth.status(WHO).failures == 3
    enrollment = asks(alice.come_in(), EnrollmentPrompt)
    for old in (alice.code(), mailed, RecoveryAnswer(codes[0])):
        assert problem_of(alice.answer(enrollment, old)) in {Reason.MISMATCH, Reason.NOT_OFFERED}
    assert shop.auth.status(WHO).failures == 4
    alice.scan(enrollment)
    lets_in(alice.answer(enrollment, alice.code()))
    shop.clock.advance(30)
    assert problem_of(alice.answer(alice.come_in(), RecoveryAnswer(codes[1]))) is Reason.MISMATCH
    assert alice.step_up(proof) == NO_PROOF


# Races


def browsers(shop: Shop, number: int, *, gated: bool, **parts: Any) -> list[Person]:
    """Return people at machines of their own; behind a gate all of them load before any of them swaps."""
    store = Gate(shop.store, number) if gated else shop.store
    return [
        Person(shop.again(store=store, async_store=ThreadedStore, **parts), binding=f"browser {place}")
        for place in range(number)
    ]


@pytest.mark.usefixtures("frequent_switches")
@pytest.mark.proves("T07", "T01", "RFC6238-5.2-once")
@crowds
def test_two_browsers_with_one_code(colour: str, *, gated: bool) -> None:
    """T07: of logins that send one code at one moment, each in its browser, exactly one gets in."""
    for crowd in (2, 12):
        shop, alice = ready(colour, policy=NO_LIMIT)
        people = browsers(shop, crowd, gated=gated, policy=NO_LIMIT)
        tickets = [Person(shop, binding=person.binding).come_in().ticket for person in people]
        code = alice.code()
        works = [partial(person.answer, ticket, code) for person, ticket in zip(people, tickets, strict=True)]
        results = at_once(works)
        assert sum(isinstance(result, Authenticated) for result in results) == 1
        others = [result for result in results if not isinstance(result, Authenticated)]
        assert {problem_of(result) for result in others} == {Reason.REPLAYED}


@pytest.mark.usefixtures("frequent_switches")
@pytest.mark.proves("T11", "RFC4226-7.3")
@crowds
def test_parallel_guesses(colour: str, *, gated: bool) -> None:
    """T11: of many guesses at once, each in a login of its own, no more are answered than are free."""
    shop, alice = ready(colour)
    guess = alice.wrong()
    people = browsers(shop, 16, gated=gated)
    tickets = [Person(shop, binding=person.binding).come_in().ticket for person in people]
    results = at_once(
        [partial(person.answer, ticket, guess) for person, ticket in zip(people, tickets, strict=True)]
    )
    problems = [problem_of(result) for result in results]
    assert problems.count(Reason.MISMATCH) == shop.policy.throttle.allowance == 5
    assert problems.count(Reason.THROTTLED) == 11
    assert shop.auth.status(WHO).failures == 5


@pytest.mark.usefixtures("frequent_switches")
@pytest.mark.proves("T11", "RFC4226-7.3", "T28")
@crowds
def test_parallel_guesses_at_all_factors(colour: str, *, gated: bool) -> None:
    """T11: nor if they are spread over the phone, recovery codes, mailed codes and the app's own factor."""
    shop, alice = ready(colour, then=everything)
    shop.auth.issue_recovery_codes(WHO)
    people = browsers(shop, 16, gated=gated, then=everything)
    page = alice.come_in()
    alice.answer(page, SendEmail())
    guesses = [alice.wrong(), RecoveryAnswer("0" * 16), EmailAnswer("x"), Pin.WRONG]
    works = [
        partial(person.answer, page, guesses[place % 4], binding=alice.binding)
        for place, person in enumerate(people)
    ]
    problems = [problem_of(result) for result in at_once(works)]
    assert sum(problem in {Reason.MISMATCH, Reason.MALFORMED} for problem in problems) == 5
    assert problems.count(Reason.THROTTLED) == 11
    assert shop.auth.status(WHO).failures == 5


@pytest.mark.usefixtures("frequent_switches")
@pytest.mark.proves("T11")
@crowds
def test_parallel_guesses_at_the_apps_factor(colour: str, *, gated: bool) -> None:
    """T11: a factor of the app's own is asked no more often at once than guesses are free."""
    shop, alice = ready(colour, then=everything)
    pins: list[Pin] = []

    def with_pin(shop: Shop) -> tuple[SecondFactor, ...]:
        pins.append(Pin())
        return (shop.totp(required=False) | shop.recovery() | shop.email() | pins[-1],)

    people = browsers(shop, 16, gated=gated, then=with_pin)
    page = alice.come_in()
    results = at_once([partial(person.answer, page, Pin.WRONG, binding=alice.binding) for person in people])
    problems = [problem_of(result) for result in results]
    assert problems.count(Reason.MISMATCH) == sum(pin.asked for pin in pins) == 5
    assert problems.count(Reason.THROTTLED) == 11


@pytest.mark.usefixtures("frequent_switches")
@pytest.mark.proves("T19", "T37", "FLOW-enroll-once")
@crowds
def test_parallel_enrollments(colour: str, *, gated: bool) -> None:
    """T19: of logins that enroll one account at once, the one whose phone then works has won."""
    shop = Shop(colour, policy=NO_LIMIT)
    people = browsers(shop, 8, gated=gated, policy=NO_LIMIT)

    def enroll(person: Person) -> Any:
        enrollment = person.come_in()
        if not isinstance(enrollment, Challenge) or not isinstance(enrollment.prompts[0], EnrollmentPrompt):
            return enrollment
        person.scan(enrollment)
        return person.answer(enrollment, person.code())

    results = at_once([partial(enroll, person) for person in people])
    winners = [
        person for person, result in zip(people, results, strict=True) if isinstance(result, Authenticated)
    ]
    told = [event for person in people for event in person.shop.told()]
    assert sum(isinstance(event, events.EnrollmentConfirmed) for event in told) == len(winners)
    assert len(winners) == 1
    assert shop.auth.status(WHO).enrolled
    shop.clock.advance(30)
    lets_in(Person(shop).answer(Person(shop).come_in(), winners[0].code()))


@pytest.mark.usefixtures("frequent_switches")
@pytest.mark.proves("T19")
@crowds
def test_parallel_confirmations(colour: str, *, gated: bool) -> None:
    """T19: of tabs that confirm one enrollment at once exactly one gets in."""
    shop = Shop(colour, policy=NO_LIMIT)
    alice = Person(shop)
    enrollment = alice.come_in()
    alice.scan(enrollment)
    people = browsers(shop, 8, gated=gated, policy=NO_LIMIT)
    code = alice.code()
    results = at_once([partial(person.answer, enrollment, code, binding=alice.binding) for person in people])
    assert sum(isinstance(result, Authenticated) for result in results) == 1
    assert {problem_of(result) for result in results if not isinstance(result, Authenticated)} == {
        Reason.TICKET_INVALID
    }


def test_wrong_answers_are_wrong() -> None:
    """What is sent as wrong above is wrong, and what is sent as right is right."""
    shop, alice = ready(SYNC, then=everything)
    assert isinstance(alice.answer(alice.come_in(), Pin.RIGHT), Authenticated)
    assert problem_of(alice.answer(alice.come_in(), Pin.WRONG)) is Reason.MISMATCH
    assert alice.phone is not None
    assert alice.wrong().code == wrong(alice.phone) != alice.phone.code()
    assert shop.addresses[WHO] == ADDRESS
    assert ASYNC != SYNC
