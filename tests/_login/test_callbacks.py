"""What the app's callables answer, taken on trust in nothing; in both colours."""

import asyncio
import inspect
import re
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.support.authenticators import ASYNC, SYNC, WHO, both
from tests.support.flows import KEYS, OF_ALICE, Person, Shop, lets_in, phone_only, ready
from tests.support.strategies import shown
from totpkit import (
    AsyncAuthFlow,
    AsyncSelfService,
    Authenticated,
    CodeAnswer,
    CustomAnswer,
    CustomPrompt,
    EmailCode,
    FederatedAnswer,
    FirstFactor,
    FlowError,
    InvalidParameterError,
    KeyURI,
    Password,
    Reason,
    RecoveryCode,
    SecondFactor,
    SelfService,
    SendEmail,
    SkipAnswer,
    TotpCode,
)
from totpkit._account.sync import Pending
from totpkit.testing import SoftPhone


class Text(str):
    """A text of another class, which may compare as it likes."""

    __slots__ = ()


async def later(answer: Any) -> Any:
    """Answer after a turn of the event loop."""
    await asyncio.sleep(0)
    return answer


def coroutine(answer: Any, colour: str) -> Callable[..., Coroutine[Any, Any, Any]]:
    """Return a callable that hides a coroutine: one too many, where it is awaited."""
    if colour == SYNC:
        return lambda *_, **__: later(answer)
    return lambda *_, **__: later(Unawaited(answer))


class Unawaited:
    """What somebody forgot to await; true, like all that says nothing of it."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer


def says(answer: Any, colour: str) -> Callable[..., Any]:
    """Return a callable that answers so, awaited where the colour lets it be."""
    if answer is coroutine:
        return coroutine(WHO, colour)
    if colour == SYNC:
        return lambda *_, **__: answer
    return lambda *_, **__: later(answer)


def miswired(what: str) -> Any:
    """Expect the error that names a callable, or its colour."""
    return pytest.raises(FlowError, match=f"({re.escape(what)}|async part)")


NO_ACCOUNT = [True, "", 1, 0, False, b"acct-1", Text("acct-1"), [WHO], "a\nb", "\ud800", "x" * 256, coroutine]
NO_FLAG = [None, "", 1, 0, "yes", b"", [], 1.0, coroutine]
NO_TEXT = [True, 1, b"a@example.com", Text("a@example.com"), ["a@example.com"], coroutine]
ORDINARY = (KeyError, RuntimeError, GeneratorExit)
NO_PROMPT = [None, True, "", 1, {"factor": "own"}, coroutine]


class Own(FirstFactor):
    """A first factor of the app's own."""

    name = "own"

    def __init__(self, check: Any = None, prompt: Any = None) -> None:
        self.check = check or self.check  # type: ignore[method-assign]
        self.prompt = prompt or self.prompt  # type: ignore[method-assign]


class OwnSecond(SecondFactor):
    """A second factor of the app's own."""

    name = "own2"

    def __init__(self, check: Any = None, prompt: Any = None) -> None:
        self.check = check or self.check  # type: ignore[method-assign]
        self.prompt = prompt or self.prompt  # type: ignore[method-assign]


@pytest.mark.proves("T45")
@both
@pytest.mark.parametrize("answer", NO_ACCOUNT, ids=shown)
@pytest.mark.parametrize("then", [phone_only, lambda _: ()], ids=["two steps", "one step"])
def test_check_password(colour: str, answer: Any, then: Any) -> None:
    """What is neither an account id nor None lets nobody in, and nobody further."""
    shop = Shop(colour, first=lambda _: Password(says(answer, colour)), then=then)
    with miswired("check_password"):
        Person(shop).come_in()
    assert shop.store.load(WHO) is None


@pytest.mark.proves("T45")
@both
@pytest.mark.parametrize("answer", NO_ACCOUNT, ids=shown)
def test_own_first_check(colour: str, answer: Any) -> None:
    """A first factor of the app's own is believed no more than its passwords."""
    shop = Shop(colour, first=lambda _: Own(check=says(answer, colour)), then=lambda _: ())
    alice = Person(shop)
    with miswired("check "):
        alice.answer(alice.begin(), CustomAnswer("own"))


@pytest.mark.proves("T45")
@both
def test_none_is_nobody(colour: str) -> None:
    """None is the one answer that means nobody."""
    for first, answer in (
        (Password(says(None, colour)), OF_ALICE),
        (Own(says(None, colour)), CustomAnswer("own")),
    ):
        alice = Person(Shop(colour, first=lambda _, first=first: first))
        assert alice.answer(alice.begin(), answer).problem is Reason.WRONG_CREDENTIALS


@pytest.mark.proves("T45")
@both
@pytest.mark.parametrize("flag", ["required", "enroll"])
@pytest.mark.parametrize("answer", NO_FLAG, ids=shown)
def test_flags(colour: str, flag: str, answer: Any) -> None:
    """A flag that is neither True nor False lets nobody pass without a phone, or enroll one."""
    flags = {"required": False, "enroll": False, flag: says(answer, colour)}
    if flag == "required":
        flags["enroll"] = True
    shop = Shop(colour, then=lambda shop: (TotpCode(shop.own, **flags),))
    with miswired(f"{flag} must return True or False"):
        Person(shop).come_in()
    asked = Shop(colour, then=lambda shop: (shop.totp(required=False),))
    challenge = Person(asked).come_in()
    phone = SoftPhone(challenge.prompts[0].uri, clock=asked.clock)
    flags = {"required": False, "enroll": True, flag: says(answer, colour)}
    spoiled = Person(asked.again(then=lambda shop: (TotpCode(shop.own, **flags),)))
    with miswired(f"{flag} must return True or False"):
        spoiled.answer(challenge, SkipAnswer())
    if flag == "enroll":
        with pytest.raises(FlowError):
            spoiled.answer(challenge, CodeAnswer(phone.code()))
    assert not asked.auth.status(WHO).enrolled


@pytest.mark.proves("T45")
@both
@pytest.mark.parametrize("answer", [None, True, 1, b"alice", Text("alice"), coroutine], ids=shown)
def test_label_of(colour: str, answer: Any) -> None:
    """A label that is no text shows nobody a secret."""
    shop = Shop(colour, then=lambda shop: (TotpCode(shop.own, label_of=says(answer, colour)),))
    with miswired("label_of "):
        Person(shop).come_in()
    assert shop.store.load(WHO) is None


@pytest.mark.proves("T45")
@both
@pytest.mark.parametrize("answer", ["", "a:b", "a\nb", "\ud800"], ids=shown)
def test_bad_label(colour: str, answer: str) -> None:
    """A label that phones would not read back shows nobody a secret."""
    shop = Shop(colour, then=lambda shop: (TotpCode(shop.own, label_of=says(answer, colour)),))
    with pytest.raises(FlowError, match="label"):
        Person(shop).come_in()
    assert shop.store.load(WHO) is None


@pytest.mark.proves("T45")
@both
@pytest.mark.parametrize("answer", NO_TEXT, ids=shown)
def test_address_of(colour: str, answer: Any) -> None:
    """An address that is no text gets no mail, and no prompt."""
    shop, alice = ready(colour)
    challenge = alice.come_in()

    def spoil(shop: Shop) -> Any:
        mailed = EmailCode(shop.own, mailer=shop.mailbox.append, address_of=says(answer, colour))
        return (shop.totp() | shop.recovery() | mailed,)

    spoiled = Person(shop.again(then=spoil))
    for call in (spoiled.come_in, lambda: spoiled.answer(challenge, SendEmail())):
        with miswired("address_of must return a str or None"):
            call()
    assert spoiled.shop.mailbox == []
    assert shop.record().emailed is None


@pytest.mark.proves("T45")
@both
@pytest.mark.parametrize("answer", NO_FLAG, ids=shown)
def test_own_second_check(colour: str, answer: Any) -> None:
    """A second factor of the app's own passes by True alone; the attempt that raised stays counted."""
    shop, alice = ready(colour, then=lambda shop: (shop.totp() | OwnSecond(check=says(answer, colour)),))
    challenge = alice.come_in()
    with miswired("check must return True or False"):
        alice.answer(challenge, CustomAnswer("own2"))
    assert shop.auth.status(WHO).failures == 1
    lets_in(alice.answer(challenge, alice.code()))


@pytest.mark.proves("T45")
@both
@pytest.mark.parametrize("answer", NO_PROMPT, ids=shown)
def test_own_prompts(colour: str, answer: Any) -> None:
    """A prompt of the app's own is a CustomPrompt or a mistake."""
    shop, alice = ready(colour)
    with miswired("must prompt with a CustomPrompt"):
        shop.built(Own(prompt=says(answer, colour))).begin()
    spoiled = shop.again(then=lambda shop: (shop.totp() | OwnSecond(prompt=says(answer, colour)),))
    with miswired("must prompt with a CustomPrompt"):
        Person(spoiled).come_in()
    assert alice.log_in()


@pytest.mark.proves("T45", "SELF-conditions")
@both
@pytest.mark.parametrize("answer", NO_FLAG, ids=shown)
def test_allowed(colour: str, answer: Any) -> None:
    """Self-service is open to whom the app admits by True, and to nobody else."""
    shop, alice = ready(colour)
    proof = alice.log_in().proof
    stored = shop.store.load(WHO)
    desk = shop.desk(allowed=says(answer, colour))
    for name, *rest in METHODS:
        with miswired("allowed must return True or False"):
            getattr(desk, name)(proof, *rest)
    assert shop.store.load(WHO) == stored


METHODS = [
    ("owner",),
    ("provisioning",),
    ("begin_replacement",),
    ("confirm_replacement", "123456"),
    ("cancel_replacement",),
    ("enroll",),
    ("confirm", "123456"),
    ("new_recovery_codes",),
    ("switch_off",),
]


@pytest.mark.parametrize(
    ("colour", "error"),
    [
        (SYNC, StopIteration("x")),  # none leaves a coroutine as it is
        *(
            (colour, error("x"))
            for colour in (SYNC, ASYNC)
            for error in (KeyError, RuntimeError, GeneratorExit)
        ),
    ],
    ids=shown,
)
def test_errors_pass_unchanged(colour: str, error: BaseException) -> None:
    """What a callable raises reaches the caller as it is, and lets nobody in."""

    def fail(*_: object, **__: object) -> Any:
        raise error

    for first, then in (
        (lambda _: Password(fail), phone_only),
        (None, lambda shop: (shop.totp(label_of=fail),)),
        (None, lambda shop: (shop.totp(enroll=fail),)),
        (None, lambda shop: (shop.totp(required=fail),)),
        (None, lambda shop: (shop.email(address_of=fail),)),
    ):
        with pytest.raises(type(error)) as caught:
            Person(Shop(colour, first=first, then=then)).come_in()
        assert caught.value is error


@pytest.mark.proves("T45")
def test_async_parts_on_the_sync_face() -> None:
    """A flow to call refuses coroutine functions when it is made, in every place for one."""
    shop = Shop()

    async def callback(*_: object) -> Any:
        """Do nothing."""

    class Callable_:  # noqa: N801 - not the protocol
        async def __call__(self, *_: object) -> Any:
            """Do nothing."""

    for part in (callback, Callable_()):
        for steps in (
            [Password(part)],
            [Own(check=part)],
            [Own(prompt=part)],
            [shop.either(), shop.totp(label_of=part)],
            [shop.either(), shop.totp(required=part)],
            [shop.either(), shop.totp(enroll=part)],
            [shop.either(), shop.email(mailer=part)],
            [shop.either(), shop.email(address_of=part)],
            [shop.either(), shop.totp() | OwnSecond(check=part)],
            [shop.either(), shop.totp() | OwnSecond(prompt=part)],
        ):
            with pytest.raises(FlowError, match="async part"):
                shop.built(*steps)
        with pytest.raises(FlowError, match="async part"):
            shop.desk(allowed=part)
        with pytest.raises(FlowError, match="async part"):
            shop.built(shop.either(), clock=part)


@pytest.mark.proves("T45")
def test_sync_parts_on_the_async_face() -> None:
    """A flow to await takes callables of either kind."""
    shop = Shop(
        ASYNC,
        first=lambda _: Password(lambda *_: WHO),
        then=lambda shop: (
            shop.totp(label_of=lambda _: "label", required=lambda _: False, enroll=lambda _: True),
            shop.email(mailer=shop.mailbox.append, address_of=lambda _: "a@example.com"),
        ),
    )
    result = Person(shop).log_in()
    assert result.factors == ("password", "totp", "email")
    desk = shop.desk(allowed=lambda _: True)
    assert len(desk.new_recovery_codes(result.proof)) == 10


@both
@pytest.mark.parametrize("value", [None, "x", 1, True])
def test_not_callable(colour: str, value: Any) -> None:
    """What cannot be called is refused where it is given."""
    shop = Shop(colour)
    with pytest.raises(InvalidParameterError, match="check_password"):
        Password(value)
    places = {"label_of": shop.totp, "mailer": shop.email, "address_of": shop.email}
    places |= {} if value is True else {"required": shop.totp, "enroll": shop.totp}
    for name, make in places.items():
        if (name, value) != ("label_of", None):
            wanted = "a bool or callable" if name in {"required", "enroll"} else "callable"
            with pytest.raises(InvalidParameterError, match=f"^{name} must be {wanted}, not "):
                make(**{name: value})
    if value is not None:
        with pytest.raises(InvalidParameterError, match="allowed"):
            shop.desk(allowed=value)


# A forgotten await


FLOW_CALLS: dict[str, tuple[Any, ...]] = {
    "begin": (),
    "submit": ("ticket", OF_ALICE),
    "resume": ("ticket",),
    "begin_step_up": ("proof",),
}


def public(face: type) -> set[str]:
    """Return the methods that an app calls."""
    return {name for name, _ in inspect.getmembers(face, inspect.isfunction) if not name.startswith("_")}


@pytest.mark.proves("T45")
def test_forgotten_await() -> None:
    """What any async method returns has no truth before it is awaited, and is no result."""
    shop = Shop(ASYNC)
    desk_calls = {name: ("proof", *rest) for name, *rest in METHODS}
    assert public(AsyncAuthFlow) == set(FLOW_CALLS)
    assert public(AsyncSelfService) == public(SelfService) == set(desk_calls)
    flow, desk = shop.flow.auth, shop.desk().auth
    for owner, calls in ((flow, FLOW_CALLS), (desk, desk_calls)):
        for name, arguments in calls.items():
            pending = getattr(owner, name)(*arguments)
            assert isinstance(pending, Pending)
            assert not isinstance(pending, Authenticated | tuple | str)
            with pytest.raises(FlowError, match="await"):
                bool(pending)
            with pytest.raises(FlowError, match="await"):
                assert not pending
            pending.close()


@pytest.mark.proves("T45")
def test_forgotten_await_does_nothing() -> None:
    """A login that nobody awaited has not happened: no failure, no secret, no mail, no spent code."""
    shop, alice = ready(ASYNC)
    challenge = alice.come_in()
    stored = shop.store.load(WHO)
    for answer in (alice.code(), alice.wrong(), SendEmail()):
        shop.flow.auth.submit(challenge.ticket, answer, binding=alice.binding).close()
    assert (shop.store.load(WHO), shop.mailbox) == (stored, [])
    lets_in(alice.answer(challenge, alice.code()))


def test_async_clock() -> None:
    """A clock that must be awaited tells no time: no ticket lives for ever by it."""

    async def clock() -> float:
        """Return the time, later."""
        return 0.0

    with pytest.raises(FlowError):
        AsyncAuthFlow(Password(lambda *_: WHO), name="shop", keys=KEYS, clock=clock)  # type: ignore[arg-type]


def test_prompt_is_shown() -> None:
    """A prompt of the app's own reaches the page as it is."""
    shop = Shop(first=lambda _: Own(prompt=lambda: CustomPrompt("own", {"hint": 1})))
    (prompt,) = shop.flow.begin().prompts
    assert prompt.to_dict() == {"type": "custom", "factor": "own", "data": {"hint": 1}}


@both
def test_callables_that_tell_no_signature(colour: str) -> None:
    """A builtin that does not tell what it takes is called without the context."""
    with pytest.raises((TypeError, ValueError)):
        inspect.signature(str)
    shop = Shop(colour, then=lambda shop: (TotpCode(shop.own, label_of=str),))
    alice = Person(shop)
    challenge = alice.answer(alice.begin(), OF_ALICE, context="request")
    assert KeyURI.parse(challenge.prompts[0].uri).account == WHO


@pytest.mark.parametrize("auth", [None, "auth", Shop])
def test_no_authenticator(auth: Any) -> None:
    """A factor is given an authenticator, or refuses to be made."""
    for make in (TotpCode, RecoveryCode, lambda auth: EmailCode(auth, mailer=print, address_of=str)):
        with pytest.raises(InvalidParameterError, match="auth must be an authenticator"):
            make(auth)


@both
def test_label_without_a_callable(colour: str) -> None:
    """Without a label of the app's the phone shows the account's id, a provider's colon replaced."""
    shop = Shop(colour, then=lambda shop: (TotpCode(shop.own),))
    person = Person(shop)
    challenge = person.answer(person.begin(), FederatedAnswer("google", "google:1"))
    assert KeyURI.parse(challenge.prompts[0].uri).account == "google/1"
