"""Factors of the app's own, a few lines each: a link by mail as a first, a hardware key as a second one."""

import hmac
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from tests.support.authenticators import POLICY, WHO, both
from tests.support.fakes import Gate, Tape
from tests.support.flows import KEYS, Person, Shop, asks, asks_again, coloured, lets_in, ready
from totpkit import (
    Authenticated,
    Challenge,
    CodePrompt,
    CustomAnswer,
    CustomPrompt,
    Denied,
    EnrollmentPrompt,
    FirstFactor,
    FlowError,
    Reason,
    SecondFactor,
    Throttle,
    events,
    parse_answer,
)


class MagicLink(FirstFactor):
    """A link that is sent by mail, and works once."""

    name = "link"

    def __init__(self) -> None:
        self.links: dict[str, str] = {}

    def send(self, account_id: str) -> str:
        """Return the secret part of a new link."""
        link = secrets.token_urlsafe(16)
        self.links[link] = account_id
        return link

    def check(self, answer: CustomAnswer) -> str | None:
        """Return whose link it is, and forget it."""
        return self.links.pop(str(answer.data.get("link")), None)


class HardwareKey(SecondFactor):
    """A stub of a key in hardware: it answers a question by a keyed hash, each question once."""

    name = "key"
    methods = ("hwk",)

    def __init__(self, auth: Any = None) -> None:
        self.auth = auth
        self.questions: dict[str, str] = {}
        self.checks = 0

    def prompt(self, account_id: str) -> CustomPrompt:
        """Ask a new question."""
        question = self.questions[account_id] = secrets.token_hex(16)
        return CustomPrompt(self.name, {"question": question})

    def check(self, account_id: str, answer: CustomAnswer) -> bool:
        """Return whether the last question was answered."""
        self.checks += 1
        question = self.questions.pop(account_id, "")
        return bool(question) and hmac.compare_digest(str(answer.data.get("signed")), signed(question))


def signed(question: str) -> str:
    """Answer a question, as the hardware does."""
    return hmac.digest(b"the hardware's", question.encode(), "sha256").hex()


def touched(challenge: Challenge) -> CustomAnswer:
    """Touch the key that a challenge asks for."""
    (asked,) = [prompt for prompt in challenge.prompts if isinstance(prompt, CustomPrompt)]
    return CustomAnswer("key", {"signed": signed(str(asked.data["question"]))})


def with_key(shop: Shop) -> tuple[SecondFactor, ...]:
    """Return a step of the phone or the key."""
    return (shop.totp() | HardwareKey(),)


WRONG = CustomAnswer("key", {"signed": "no"})


@pytest.mark.proves("FLOW-steps")
@both
def test_magic_link(colour: str) -> None:
    """A link is a first factor as good as a password: once, and the phone is asked for after it."""
    link = MagicLink()
    shop = Shop(colour, first=lambda shop: shop.password() | link)
    alice = Person(shop)
    begun = alice.begin()
    assert begun.prompts[1] == CustomPrompt("link")
    answer = CustomAnswer("link", {"link": link.send(WHO)})
    asks_again(alice.answer(begun, CustomAnswer("link", {"link": "guess"})), begun, Reason.WRONG_CREDENTIALS)
    asks_again(alice.answer(begun, CustomAnswer("other", answer.data)), begun, Reason.NOT_OFFERED)
    enrollment = asks(alice.answer(begun, answer), EnrollmentPrompt)
    asks_again(alice.answer(begun, answer), begun, Reason.WRONG_CREDENTIALS)
    alice.scan(enrollment)
    result = lets_in(alice.answer(enrollment, alice.code()))
    assert (result.account_id, result.factors, result.methods) == (WHO, ("link", "totp"), ("otp", "mfa"))


@both
def test_hardware_key(colour: str) -> None:
    """A key is a second factor beside the phone, by an answer that works once."""
    shop, alice = ready(colour, then=with_key)
    challenge = alice.come_in()
    assert [type(prompt) for prompt in challenge.prompts] == [CodePrompt, CustomPrompt]
    answer = touched(challenge)
    assert parse_answer({"type": "custom", "factor": "key", "data": answer.data}) == answer
    result = lets_in(alice.answer(challenge, answer))
    assert (result.factors, result.methods) == (("password", "key"), ("pwd", "hwk", "mfa"))
    assert [type(event) for event in shop.told()] == [events.FactorAccepted]
    assert alice.answer(challenge, answer).problem is Reason.MISMATCH
    lets_in(alice.answer(challenge, alice.code()))


@both
def test_async_factors(colour: str) -> None:
    """The methods of a factor may be coroutines, where the flow is awaited."""

    class Slow(HardwareKey):
        """A key that takes its time."""

        def __init__(self, colour: str) -> None:
            super().__init__()
            self.prompt = coloured(colour, super().prompt)  # type: ignore[method-assign]
            self.check = coloured(colour, super().check)  # type: ignore[method-assign]

    _, alice = ready(colour, then=lambda shop: (shop.totp() | Slow(shop.colour),))
    challenge = alice.come_in()
    lets_in(alice.answer(challenge, touched(challenge)))


@both
def test_context(colour: str) -> None:
    """What the app hands in reaches the methods of a factor that take it."""

    class Named(SecondFactor):
        """A factor that knows its request."""

        name = "named"

        def prompt(self, account_id: str, *, context: object = None) -> CustomPrompt:  # type: ignore[override]
            """Show the request."""
            return CustomPrompt(self.name, {"for": account_id, "request": context})

        def check(self, account_id: str, answer: CustomAnswer, *, context: object = None) -> bool:  # type: ignore[override]
            """Ask for the request's own answer."""
            del account_id
            return answer.data["of"] == context

    shop, alice = ready(colour, then=lambda shop: (shop.totp() | Named(),))
    challenge = alice.answer(alice.begin(), alice.credentials, context="request 1")
    assert challenge.prompts[1].data == {"for": WHO, "request": "request 1"}
    wrong = alice.answer(challenge, CustomAnswer("named", {"of": "request 1"}), context="request 2")
    assert (wrong.problem, wrong.prompts[1].data["request"]) == (Reason.MISMATCH, "request 2")
    lets_in(alice.answer(challenge, CustomAnswer("named", {"of": "request 3"}), context="request 3"))
    assert shop.auth.status(WHO).failures == 0


# Counted like all others


@pytest.mark.proves("FLOW-choice", "T15", "RFC4226-7.3")
@both
def test_counted(colour: str) -> None:
    """The flow counts failures of a factor of the app's own in the one budget; it is not asked in a wait."""
    key = HardwareKey()
    shop, alice = ready(colour, then=lambda shop: (shop.totp() | key,))
    challenge = alice.come_in()
    for failures in range(1, 5):
        again = alice.answer(challenge, WRONG if failures % 2 else alice.wrong())
        assert (again.problem, again.ticket) == (Reason.MISMATCH, challenge.ticket)
        assert shop.auth.status(WHO).failures == failures
    last = alice.answer(challenge, WRONG)
    assert (last.problem, last.retry_after, key.checks) == (Reason.MISMATCH, 30, 3)
    stored = shop.store.load(WHO)
    waiting = alice.answer(challenge, touched(last))
    assert (waiting.problem, waiting.retry_after) == (Reason.THROTTLED, 30)
    assert (key.checks, shop.store.load(WHO)) == (3, stored)
    shop.clock.advance(30)
    assert lets_in(alice.answer(challenge, touched(waiting))).failures == 5
    assert shop.auth.status(WHO).failures == 0
    assert [type(event) for event in shop.told()] == [
        *[events.CodeRejected] * 5,
        events.Throttled,
        events.FactorAccepted,
    ]


@both
def test_disabled(colour: str) -> None:
    """Guesses at a key disable like all others, and tell so once."""
    key = HardwareKey()
    policy = replace(POLICY, throttle=Throttle(free=3, first_wait=0.0, cap=3))
    shop, alice = ready(colour, then=lambda shop: (shop.totp() | key,), policy=policy)
    challenge = alice.come_in()
    assert [alice.answer(challenge, WRONG).problem for _ in range(3)] == [Reason.MISMATCH] * 3
    assert alice.answer(challenge, WRONG) == Denied(Reason.DISABLED)
    assert key.checks == 3
    assert [event.failures for event in shop.told() if isinstance(event, events.Disabled)] == [3]


@both
def test_factor_that_raises(colour: str) -> None:
    """An attempt at which the factor raised stays counted, and lets nobody in."""

    class Broken(HardwareKey):
        """A key that is broken."""

        def check(self, account_id: str, answer: CustomAnswer) -> bool:
            """Fail."""
            raise OSError(account_id, answer.factor)

    shop, alice = ready(colour, then=lambda shop: (shop.totp() | Broken(),))
    challenge = alice.come_in()
    for failures in range(1, 6):
        with pytest.raises(OSError, match=WHO):
            alice.answer(challenge, WRONG)
        assert shop.auth.status(WHO).failures == failures
    assert alice.answer(challenge, WRONG).problem is Reason.THROTTLED


@pytest.mark.proves("T11")
def test_parallel_guesses() -> None:
    """Of many guesses at once, each with a ticket of its own, the factor is asked no more than allowed."""
    threads = 16
    key = HardwareKey()
    counted = threading.Lock()
    shop, alice = ready(colour="sync", then=lambda shop: (shop.totp() | key,))
    tickets = [alice.come_in().ticket for _ in range(threads)]
    rivals = shop.again(store=Gate(shop.store, threads), then=lambda shop: (shop.totp() | key,))
    key.checks, inner = 0, HardwareKey.check

    def check(account_id: str, answer: CustomAnswer) -> bool:
        with counted:
            return inner(key, account_id, answer)

    key.check = check  # type: ignore[method-assign]
    with ThreadPoolExecutor(threads) as pool:
        answers = list(pool.map(lambda ticket: Person(rivals).answer(ticket, WRONG), tickets))
    problems = [answer.problem for answer in answers]
    assert problems.count(Reason.MISMATCH) == key.checks == 5
    assert problems.count(Reason.THROTTLED) == threads - 5
    assert shop.auth.status(WHO).failures == 5


@pytest.mark.proves("T11")
def test_parallel_right_answers() -> None:
    """A right answer among guesses at once forgives its own attempt only, unless it was the last word."""
    threads = 5
    key = HardwareKey()
    shop, alice = ready(colour="sync", then=lambda shop: (shop.totp() | key, shop.email()))
    challenge = alice.come_in()
    right = touched(challenge)
    key.check = lambda _, answer: answer == right  # type: ignore[method-assign]
    rivals = Person(
        shop.again(store=Gate(shop.store, threads), then=lambda shop: (shop.totp() | key, shop.email()))
    )
    with ThreadPoolExecutor(threads) as pool:
        answers = list(pool.map(lambda a: rivals.answer(challenge, a), [right, *[WRONG] * (threads - 1)]))
    passed = [answer for answer in answers if answer.problem is None]
    assert len(passed) == 1
    assert shop.auth.status(WHO).failures == threads - 1


@both
def test_success_on_the_way(colour: str) -> None:
    """On the way through a login a right answer gives its own attempt back, and no other."""
    key = HardwareKey()
    shop, alice = ready(colour, then=lambda shop: (shop.totp() | key, shop.email()))
    shop.clock.advance(60)
    challenge = alice.come_in()
    for failures in range(1, 4):
        challenge = alice.answer(challenge, WRONG)
        assert shop.auth.status(WHO).failures == failures
    mail = alice.answer(challenge, touched(challenge))
    assert shop.auth.status(WHO).failures == 3
    assert shop.auth.status(WHO).retry_after is None
    assert lets_in(alice.on_from(mail)).failures == 3
    assert shop.auth.status(WHO).failures == 0


@both
def test_changed_while_it_was_asked(colour: str) -> None:
    """An answer that was right is worth nothing once the credential has changed."""
    key = HardwareKey()
    shop, alice = ready(colour, then=lambda shop: (shop.totp() | key,))
    challenge = alice.come_in()
    right = touched(challenge)

    def revoking(account_id: str, answer: CustomAnswer) -> bool:
        record = shop.record()
        shop.rewrite(generation=record.generation + 1, device=None, recovery_codes=None)
        return HardwareKey.check(key, account_id, answer)

    key.check = revoking  # type: ignore[method-assign]
    assert alice.answer(challenge, right) == Denied(Reason.TICKET_INVALID)
    assert shop.auth.status(WHO).failures == 1


# Without the library's own


@both
def test_key_alone(colour: str) -> None:
    """A key may be the only second factor: it names the authenticator that counts its failures."""
    shop = Shop(colour, store=(tape := Tape()), then=lambda shop: (HardwareKey(shop.own),))
    alice = Person(shop)
    challenge = asks(alice.come_in(), CustomPrompt)
    again = asks(alice.answer(challenge, WRONG), CustomPrompt, problem=Reason.MISMATCH)
    assert shop.auth.status(WHO).failures == 1
    assert set(tape.calls) == {"load", "swap"}
    result = lets_in(alice.answer(again, touched(again)))
    assert (result.methods, result.failures) == (("pwd", "hwk", "mfa"), 1)
    asks(alice.step_up(result.proof), CustomPrompt)
    with pytest.raises(FlowError, match="self-service is for a flow with TotpCode"):
        shop.desk()
    with pytest.raises(FlowError, match="counted in an authenticator"):
        shop.built(shop.password(), HardwareKey(), keys=KEYS)


@both
def test_base_classes_pass_nobody(colour: str) -> None:
    """A subclass that forgets its check lets nobody in."""

    class Empty(FirstFactor):
        """A first factor without a check."""

        name = "empty"

    class Empty2(SecondFactor):
        """A second factor without a check."""

        name = "empty2"

    shop, alice = ready(
        colour, first=lambda shop: shop.password() | Empty(), then=lambda shop: (shop.totp() | Empty2(),)
    )
    begun = alice.begin()
    asks_again(alice.answer(begun, CustomAnswer("empty")), begun, Reason.WRONG_CREDENTIALS)
    challenge = alice.come_in()
    assert alice.answer(challenge, CustomAnswer("empty2")).problem is Reason.MISMATCH
    assert not isinstance(alice.answer(challenge, CustomAnswer("empty")), Authenticated)
    assert shop.auth.status(WHO).failures == 1


@both
def test_not_offered_to_everybody(colour: str) -> None:
    """A factor that is not offered to an account is neither shown to it nor checked or counted for it."""

    class Rare(HardwareKey):
        def offered(self, account_id: str) -> bool:
            return account_id != WHO

    key = Rare()
    shop, alice = ready(colour, then=lambda shop: (shop.totp() | key,))
    challenge = asks(alice.come_in(), CodePrompt)
    asks_again(alice.answer(challenge, CustomAnswer("key", {})), challenge, Reason.NOT_OFFERED)
    assert (key.checks, shop.auth.status(WHO).failures) == (0, 0)
