"""Custom factors: a link by email as a first factor, and a hardware key as a second one."""

import hmac
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.authenticators import SYNC, WHO, both
from tests.support.fakes import Gate, Tape
from tests.support.flows import Person, Shop, asks, asks_again, in_runtime, lets_in, ready
from totpkit import (
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
    events,
    parse_answer,
)
from totpkit.vault import Vault


class MagicLink(FirstFactor):
    """A link that is sent by email and works once."""

    name = "link"

    def __init__(self) -> None:
        self.links: dict[str, str] = {}

    def send(self, account_id: str) -> str:
        """Return the secret part of a new link."""
        link = secrets.token_urlsafe(16)
        self.links[link] = account_id
        return link

    def check(self, answer: CustomAnswer) -> str | None:
        """Return the account of a link, and forget it."""
        return self.links.pop(str(answer.data.get("link")), None)


class HardwareKey(SecondFactor):
    """A hardware key that answers each question once, with a keyed hash."""

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
    """Return the answer of the hardware."""
    return hmac.digest(b"the hardware's", question.encode(), "sha256").hex()


def touch(challenge: Challenge) -> CustomAnswer:
    """Return the right answer to the question of a challenge."""
    (prompt,) = [prompt for prompt in challenge.prompts if isinstance(prompt, CustomPrompt)]
    return CustomAnswer("key", {"signed": signed(str(prompt.data["question"]))})


WRONG = CustomAnswer("key", {"signed": "no"})


def ready_with(runtime: str, key: SecondFactor, *later: str, **parts: Any) -> tuple[Shop, Person]:
    """Return an app whose second step is a phone or *key*, and a user with a phone."""

    def then(shop: Shop) -> tuple[SecondFactor, ...]:
        return (shop.totp() | key, *(shop.email() for _ in later))

    return ready(runtime, then=then, **parts)


@pytest.mark.proves("FLOW-steps")
@both
def test_magic_link(runtime: str) -> None:
    """A custom first factor replaces a password, and the second step still follows."""
    link = MagicLink()
    alice = Person(Shop(runtime, first=lambda shop: shop.password() | link))
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
def test_hardware_key(runtime: str) -> None:
    """A custom second factor is an alternative to the phone, and its methods may be coroutine functions."""
    key = HardwareKey()
    key.prompt = in_runtime(runtime, key.prompt)  # type: ignore[method-assign]
    key.check = in_runtime(runtime, key.check)  # type: ignore[method-assign]
    key.offered = in_runtime(runtime, key.offered)  # type: ignore[method-assign]
    shop, alice = ready_with(runtime, key)
    challenge = asks(alice.enter_password(), CodePrompt, CustomPrompt)
    answer = touch(challenge)
    assert parse_answer({"type": "custom", "factor": "key", "data": answer.data}) == answer
    result = lets_in(alice.answer(challenge, answer))
    assert (result.factors, result.methods) == (("password", "key"), ("pwd", "hwk", "mfa"))
    assert [type(event) for event in shop.take_events()] == [events.FactorAccepted]
    assert alice.answer(challenge, answer).problem is Reason.MISMATCH
    lets_in(alice.answer(challenge, alice.code()))


# Failures


@pytest.mark.proves("FLOW-choice", "T15", "RFC4226-7.3")
@both
def test_failures(runtime: str) -> None:
    """Wrong answers count together with those of the phone, and the factor is not asked during a wait."""
    key = HardwareKey()
    shop, alice = ready_with(runtime, key)
    challenge = alice.enter_password()
    for failures in range(1, 5):
        again = alice.answer(challenge, WRONG if failures % 2 else alice.wrong())
        assert (again.problem, again.ticket) == (Reason.MISMATCH, challenge.ticket)
        assert shop.auth.status(WHO).failures == failures
    last = alice.answer(challenge, WRONG)
    assert (last.problem, last.retry_after, key.checks) == (Reason.MISMATCH, 30, 3)
    stored = shop.store.load(WHO)
    waiting = alice.answer(challenge, touch(last))
    assert (waiting.problem, waiting.retry_after) == (Reason.THROTTLED, 30)
    assert (key.checks, shop.store.load(WHO)) == (3, stored)
    shop.clock.advance(30)
    assert lets_in(alice.answer(challenge, touch(waiting))).failures == 5
    assert shop.auth.status(WHO).failures == 0
    kinds = [type(event) for event in shop.take_events()]
    assert kinds == [*[events.CodeRejected] * 5, events.Throttled, events.FactorAccepted]


@both
@pytest.mark.parametrize("right", [True, False])
def test_resealed_once(runtime: str, right: bool) -> None:  # noqa: FBT001 - a parameter
    """After a key rotation, an attempt reseals the secret, and exactly one event reports it."""
    old, key = {"old": bytes(32)}, HardwareKey()
    shop, _ = ready_with(runtime, key, vault=Vault(old))
    rotated = shop.again(vault=Vault({"new": b"n" * 32, **old}), then=lambda shop: (shop.totp() | key,))
    user = Person(rotated)
    challenge = user.enter_password()
    user.answer(challenge, touch(challenge) if right else WRONG)
    happened = [type(event) for event in rotated.take_events()]
    assert sorted(kind.__name__ for kind in happened) == [
        "FactorAccepted" if right else "CodeRejected",
        "Resealed",
    ]
    user.answer(user.enter_password(), WRONG)
    assert [type(event) for event in rotated.take_events()] == [events.CodeRejected]
    rotated.auth.reseal(WHO)
    assert rotated.take_events() == []


@pytest.mark.proves("T11")
@pytest.mark.parametrize(("right", "threads"), [(False, 16), (True, 5)])
def test_parallel_answers(right: bool, threads: int) -> None:  # noqa: FBT001 - a parameter
    """Parallel guesses reach the factor only as often as is allowed; a right one takes back only itself."""
    key, lock = HardwareKey(), threading.Lock()
    shop, alice = ready_with(SYNC, key, "email")
    challenge = alice.enter_password()
    answers = [touch(challenge) if right else WRONG, *[WRONG] * (threads - 1)]
    checked = []

    def check(account_id: str, answer: CustomAnswer) -> bool:
        del account_id
        with lock:
            checked.append(answer)
        return answer is not WRONG

    key.check = check  # type: ignore[method-assign]
    gated = Person(
        shop.again(store=Gate(shop.store, threads), then=lambda shop: (shop.totp() | key, shop.email()))
    )
    with ThreadPoolExecutor(threads) as pool:
        results = list(pool.map(lambda answer: gated.answer(challenge, answer), answers))
    problems = [result.problem for result in results]
    assert problems.count(None) == right
    assert len(checked) == problems.count(None) + problems.count(Reason.MISMATCH) == 5
    assert problems.count(Reason.THROTTLED) == threads - 5
    assert shop.auth.status(WHO).failures == 5 - right


@both
def test_success_before_the_last_step(runtime: str) -> None:
    """Before the last step, a right answer takes back only its own attempt."""
    shop, alice = ready_with(runtime, HardwareKey(), "email")
    shop.clock.advance(60)
    challenge = alice.enter_password()
    for failures in range(1, 4):
        challenge = alice.answer(challenge, WRONG)
        assert shop.auth.status(WHO).failures == failures
    last = alice.answer(challenge, touch(challenge))
    assert (shop.auth.status(WHO).failures, shop.auth.status(WHO).retry_after) == (3, None)
    assert lets_in(alice.pass_step(last)).failures == 3
    assert shop.auth.status(WHO).failures == 0


@both
def test_change_during_the_check(runtime: str) -> None:
    """A right answer is worth nothing if the credential changes while it is checked."""
    key = HardwareKey()
    shop, alice = ready_with(runtime, key)
    challenge = alice.enter_password()

    def check(account_id: str, answer: CustomAnswer) -> bool:
        shop.rewrite(generation=shop.record().generation + 1, device=None, recovery_codes=None)
        return HardwareKey.check(key, account_id, answer)

    key.check = check  # type: ignore[method-assign]
    assert alice.answer(challenge, touch(challenge)) == Denied(Reason.TICKET_INVALID)
    assert shop.auth.status(WHO).failures == 1


# Without a phone, without a check, and not for every account


@both
def test_key_alone(runtime: str) -> None:
    """A custom factor may be the only second factor if it has an authenticator."""
    shop = Shop(runtime, store=(tape := Tape()), then=lambda shop: (HardwareKey(shop.own),))
    alice = Person(shop)
    challenge = asks(alice.enter_password(), CustomPrompt)
    again = asks(alice.answer(challenge, WRONG), CustomPrompt, problem=Reason.MISMATCH)
    assert shop.auth.status(WHO).failures == 1
    assert set(tape.calls) == {"load", "swap"}
    result = lets_in(alice.answer(again, touch(again)))
    assert (result.methods, result.failures) == (("pwd", "hwk", "mfa"), 1)
    asks(alice.step_up(result.proof), CustomPrompt)
    with pytest.raises(FlowError, match="self-service needs a flow with TotpCode"):
        shop.self_service()


@both
def test_no_check(runtime: str) -> None:
    """A custom factor that does not define ``check`` lets nobody in."""

    class Empty(FirstFactor):
        name = "empty"

    class Empty2(SecondFactor):
        name = "empty2"

    shop, alice = ready(
        runtime, first=lambda shop: shop.password() | Empty(), then=lambda shop: (shop.totp() | Empty2(),)
    )
    begun = alice.begin()
    asks_again(alice.answer(begun, CustomAnswer("empty")), begun, Reason.WRONG_CREDENTIALS)
    challenge = alice.enter_password()
    asks_again(alice.answer(challenge, CustomAnswer("empty2")), challenge, Reason.MISMATCH)
    asks_again(alice.answer(challenge, CustomAnswer("empty")), challenge, Reason.NOT_OFFERED)
    assert shop.auth.status(WHO).failures == 1


@both
def test_not_offered(runtime: str) -> None:
    """A factor that is not offered to an account is neither shown to it, nor checked, nor counted."""

    class Rare(HardwareKey):
        def offered(self, account_id: str) -> bool:
            return account_id != WHO

    key = Rare()
    shop, alice = ready_with(runtime, key)
    challenge = asks(alice.enter_password(), CodePrompt)
    asks_again(alice.answer(challenge, WRONG), challenge, Reason.NOT_OFFERED)
    assert (key.checks, shop.auth.status(WHO).failures) == (0, 0)
