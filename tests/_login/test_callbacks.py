"""The app's functions: their signatures, what they get, and everything that they can return."""

import asyncio
import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.support.authenticators import ASYNC, SYNC, WHO, both
from tests.support.flows import (
    KEYS,
    OF_ALICE,
    Person,
    Shop,
    asks,
    in_runtime,
    lets_in,
    phone,
    phone_only,
    ready,
)
from tests.support.strategies import shown
from totpkit import (
    AsyncAuthFlow,
    AsyncSelfService,
    AuthFlow,
    CodeAnswer,
    CodePrompt,
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
    SecondFactor,
    SelfService,
    SendEmail,
    SkipAnswer,
    TotpCode,
)
from totpkit._account.sync import AsyncResult
from totpkit.testing import SoftPhone


class Own(FirstFactor):
    """A custom first factor with the given methods."""

    name = "own"

    def __init__(self, **methods: Any) -> None:
        vars(self).update(methods)


class OwnSecond(SecondFactor):
    """A custom second factor with the given methods."""

    name = "own2"

    def __init__(self, **methods: Any) -> None:
        vars(self).update(methods)


PIN, LINK = CustomAnswer("own2"), CustomAnswer("own")
METHODS: dict[str, tuple[str, ...]] = {
    "owner": (),
    "provisioning": (),
    "begin_enrollment": (),
    "confirm_enrollment": ("123456",),
    "cancel_enrollment": (),
    "new_recovery_codes": (),
    "switch_off": (),
}
"""The methods of self-service, with the arguments after the proof."""


# Signatures


Place = Callable[[Shop, Any], object]


def second_factor(name: str) -> Place:
    """Return what builds a flow with a custom second factor that has a function as this method."""
    return lambda shop, function: shop.built(shop.first, shop.totp() | OwnSecond(**{name: function}))


PLACES: dict[str, tuple[str, Place]] = {
    "check_password": ("username, password", lambda _, function: Password(function)),
    "label_of": ("account_id", lambda shop, function: TotpCode(shop.own, label_of=function)),
    "required": ("account_id", lambda shop, function: TotpCode(shop.own, required=function)),
    "enroll": ("account_id", lambda shop, function: TotpCode(shop.own, enroll=function)),
    "address_of": ("account_id", lambda shop, function: shop.email(address_of=function)),
    "mailer": ("email", lambda shop, function: shop.email(mailer=function)),
    "allowed": ("account_id", lambda shop, function: shop.self_service(allowed=function)),
    "Own.check": ("answer", lambda shop, function: shop.built(Own(check=function))),
    "Own.prompt": ("", lambda shop, function: shop.built(Own(prompt=function))),
    "OwnSecond.check": ("account_id, answer", second_factor("check")),
    "OwnSecond.prompt": ("account_id", second_factor("prompt")),
    "OwnSecond.offered": ("account_id", second_factor("offered")),
}
every_place = pytest.mark.parametrize(
    ("name", "arguments", "place"), [(name, *PLACES[name]) for name in PLACES], ids=PLACES
)
WRONG_SIGNATURES = [
    "lambda request{comma}{names}: None",
    "lambda request{comma}{names}{comma}context: None",
    "lambda {names}{comma}*, context, request: None",
    "lambda *, other: None",
]
RIGHT_SIGNATURES = [
    "lambda {names}: None",
    "lambda {names}{comma}*, context: None",
    "lambda {names}{comma}context: None",
    "lambda {names}{comma}request=None, **more: None",
    "partial(lambda request{comma}{names}: None, 'request')",
]


def functions(templates: list[str], arguments: str) -> list[Any]:
    """Return functions with these arguments, and with others."""
    comma = ", " if arguments else ""
    sources = [template.format(names=arguments, comma=comma) for template in templates]
    return [eval(source, {"partial": partial}) for source in sources]  # noqa: S307 - the templates above


@both
@every_place
def test_wrong_signatures(runtime: str, name: str, arguments: str, place: Place) -> None:
    """A function that cannot be called with its arguments is rejected where the app passes it."""
    needed = f"accept the arguments ({arguments})" if arguments else "need no arguments"
    wanted = f"{name} must {needed}, and may accept a keyword argument context"
    for function in functions(WRONG_SIGNATURES, arguments):
        with pytest.raises(InvalidParameterError) as caught:
            place(Shop(runtime), function)
        assert str(caught.value) == wanted
    for value in ("x", 1):
        with pytest.raises(
            InvalidParameterError, match=f"^{name} must be (a bool or )?callable( or None)?, not "
        ):
            place(Shop(runtime), value)


@both
@every_place
def test_right_signatures(runtime: str, name: str, arguments: str, place: Place) -> None:
    """A function may have a parameter named context, and other parameters if they are optional."""
    del name
    for function in functions(RIGHT_SIGNATURES, arguments):
        place(Shop(runtime), in_runtime(runtime, function))


@pytest.mark.proves("T45")
@every_place
def test_async_functions_in_a_sync_flow(name: str, arguments: str, place: Place) -> None:
    """A sync flow rejects coroutine functions, and objects with an async ``__call__``, at construction."""
    del name, arguments
    shop = Shop()

    async def function(*_: object) -> None:
        """Do nothing."""

    class CallableObject:
        async def __call__(self, *_: object) -> None:
            """Do nothing."""

    def build(callback: Any) -> None:
        factor = place(shop, callback)
        shop.built(*([factor] if isinstance(factor, FirstFactor) else [shop.first, factor]))

    for callback in (function, CallableObject()):
        with pytest.raises(FlowError, match="async component"):
            build(callback)


@pytest.mark.proves("T45")
def test_sync_functions_in_an_async_flow() -> None:
    """An async flow accepts functions of either kind."""
    shop = Shop(
        ASYNC,
        first=lambda _: Password(lambda *_: WHO),
        then=lambda shop: (
            TotpCode(shop.own, label_of=lambda _: "a", required=lambda _: False, enroll=lambda _: True),
            EmailCode(shop.own, mailer=shop.mailbox.append, address_of=lambda _: "a@example.com"),
        ),
    )
    result = Person(shop).log_in()
    assert result.factors == ("password", "totp", "email")
    assert len(shop.self_service(allowed=lambda _: True).new_recovery_codes(result.proof)) == 10


@pytest.mark.parametrize("flow", [AuthFlow, AsyncAuthFlow])
def test_async_clock(flow: Any) -> None:
    """A clock that is a coroutine function is rejected, because no ticket would expire."""

    async def clock() -> float:
        """Return a time."""
        return 0.0

    with pytest.raises(FlowError, match="async component"):
        flow(Password(lambda *_: WHO), name="shop", keys=KEYS, clock=clock)


# Context


@both
def test_context(runtime: str) -> None:
    """Every function that takes a context gets the one of its call, and others are called without."""
    seen: set[tuple[str, object]] = set()

    def reporting(name: str, value: Any) -> Any:
        def function(*_: object, context: object) -> Any:
            seen.add((name, context))
            return value

        return in_runtime(runtime, function)

    methods = {"offered": True, "prompt": CustomPrompt("own2"), "check": True}
    own = OwnSecond(**{name: reporting(name, value) for name, value in methods.items()})
    email = {"mailer": reporting("mailer", None), "address_of": reporting("address_of", "a@example.com")}
    flags = {"label_of": "label", "required": False, "enroll": True}
    shop = Shop(
        runtime,
        first=lambda _: Password(reporting("check_password", WHO)),
        then=lambda shop: (
            TotpCode(shop.own, **{name: reporting(name, value) for name, value in flags.items()})
            | EmailCode(shop.own, **email)
            | own,
        ),
    )
    alice = Person(shop)
    enrollment = alice.answer(alice.begin(), OF_ALICE, context="request")
    alice.scan(alice.reload(enrollment, context="request"))
    lets_in(alice.answer(enrollment, alice.code(), context="request"))
    challenge = alice.answer(alice.begin(), OF_ALICE, context="request")
    alice.answer(challenge, SendEmail(), context="request")
    proof = lets_in(alice.answer(challenge, PIN, context="request")).proof
    shop.self_service(allowed=reporting("allowed", value=True)).owner(proof, context="request")
    names = {"check_password", "allowed", *methods, *email, *flags}
    assert seen == {(name, "request") for name in names}
    plain = Person(shop.again(then=phone(required=lambda account_id: account_id != WHO)))
    asks(plain.answer(plain.begin(), OF_ALICE, context="request"), CodePrompt)


# Return values


class Text(str):
    """A subclass of str, which may compare as it likes."""

    __slots__ = ()


class Unawaited:
    """What an app forgot to await: a truthy value that says nothing."""


async def returning(value: Any) -> Any:
    """Return a value from a coroutine."""
    await asyncio.sleep(0)
    return value


COROUTINE = returning
"""Stands for a function that returns a coroutine where it must not."""


def returns(value: Any, runtime: str) -> Callable[..., Any]:
    """Return a function that returns a value, with the async runtime from a coroutine."""
    if value is COROUTINE:
        return lambda *_, **__: returning(WHO if runtime == SYNC else Unawaited())
    return (lambda *_, **__: value) if runtime == SYNC else (lambda *_, **__: returning(value))


NO_ACCOUNT = [True, "", 1, 0, False, b"acct-1", Text("acct-1"), [WHO], "a\nb", "\ud800", "x" * 256, COROUTINE]
NO_FLAG = [None, "", 1, 0, "yes", b"", [], 1.0, COROUTINE]
NO_TEXT = [True, 1, b"a@example.com", Text("a@example.com"), ["a@example.com"], COROUTINE]
NO_LABEL = [None, True, 1, b"alice", Text("alice"), "", "a:b", "a\nb", "\ud800", COROUTINE]
NO_PROMPT = [None, True, "", 1, {"factor": "own"}, COROUTINE]

Setup = Callable[[str, Any], tuple[Shop, Callable[[], object]]]
"""Returns an app with a function in a certain place, and an operation that calls it."""


def first_step(build: Callable[[Any], FirstFactor], answer: Any, then: Any = phone_only) -> Setup:
    """Set up a function of a first factor."""

    def setup(runtime: str, function: Any) -> tuple[Shop, Callable[[], object]]:
        alice = Person(Shop(runtime, first=lambda _: build(function), then=then))
        return alice.shop, lambda: alice.answer(alice.begin(), answer)

    return setup


def enrolling(answer: Any, **flags: Any) -> Setup:
    """Set up a flag or a label for an account without a phone. The function is where a flag is ``...``."""

    def setup(runtime: str, function: Any) -> tuple[Shop, Callable[[], object]]:
        shop = Shop(runtime, then=phone(required=False))
        challenge = Person(shop).enter_password() if answer is not None else None
        given = {name: function if flag is ... else flag for name, flag in flags.items()}
        alice = Person(shop.again(then=lambda shop: (TotpCode(shop.own, **given),)))
        if challenge is None:
            return alice.shop, alice.enter_password
        code = CodeAnswer(SoftPhone(challenge.prompts[0].uri, clock=shop.clock).code())
        return alice.shop, lambda: alice.answer(challenge, code if answer is CodeAnswer else answer)

    return setup


def enrolled(build: Callable[[Shop, Any], SecondFactor], answer: Any = None) -> Setup:
    """Set up a function of another second factor, for an account with a phone."""

    def setup(runtime: str, function: Any) -> tuple[Shop, Callable[[], object]]:
        shop, alice = ready(runtime, then=lambda shop: (shop.totp() | shop.email() | OwnSecond(),))
        challenge = alice.enter_password()
        other = Person(shop.again(then=lambda shop: (_join(shop, build(shop, function)),)))
        return other.shop, other.enter_password if answer is None else lambda: other.answer(challenge, answer)

    return setup


def _join(shop: Shop, factor: SecondFactor) -> SecondFactor:
    if isinstance(factor, EmailCode):
        return shop.totp() | factor | OwnSecond()
    return shop.totp() | shop.email() | factor


def my_account(method: str) -> Setup:
    """Set up ``allowed``, for a method of self-service."""

    def setup(runtime: str, function: Any) -> tuple[Shop, Callable[[], object]]:
        shop, alice = ready(runtime)
        proof, own = alice.log_in().proof, shop.self_service(allowed=function)
        return shop, lambda: getattr(own, method)(proof, *METHODS[method])

    return setup


RETURNED: dict[str, tuple[list[Any], Setup]] = {
    "check_password": (NO_ACCOUNT, first_step(Password, OF_ALICE)),
    "check_password, one step": (NO_ACCOUNT, first_step(Password, OF_ALICE, lambda _: ())),
    "check, first": (NO_ACCOUNT, first_step(lambda f: Own(check=f), LINK, lambda _: ())),
    "prompt, first": (NO_PROMPT, first_step(lambda f: Own(prompt=f), LINK)),
    "label_of": (NO_LABEL, enrolling(None, label_of=...)),
    "required": (NO_FLAG, enrolling(None, required=...)),
    "required, no enrollment": (NO_FLAG, enrolling(None, required=..., enroll=False)),
    "required, skip": (NO_FLAG, enrolling(SkipAnswer(), required=...)),
    "enroll": (NO_FLAG, enrolling(None, required=False, enroll=...)),
    "enroll, skip": (NO_FLAG, enrolling(SkipAnswer(), required=False, enroll=...)),
    "enroll, code": (NO_FLAG, enrolling(CodeAnswer, required=False, enroll=...)),
    "address_of": (NO_TEXT, enrolled(lambda shop, f: shop.email(address_of=f))),
    "address_of, send": (NO_TEXT, enrolled(lambda shop, f: shop.email(address_of=f), SendEmail())),
    "check": (NO_FLAG, enrolled(lambda _, f: OwnSecond(check=f), PIN)),
    "prompt": (NO_PROMPT, enrolled(lambda _, f: OwnSecond(prompt=f))),
    "offered": (NO_FLAG, enrolled(lambda _, f: OwnSecond(offered=f))),
    "offered, check": (NO_FLAG, enrolled(lambda _, f: OwnSecond(offered=f), PIN)),
    **{f"allowed, {method}": (NO_FLAG, my_account(method)) for method in METHODS},
}
"""Wrong return values of each function, in each place where it is called."""


@pytest.mark.proves("T45", "SELF-conditions")
@both
@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, (values, _) in RETURNED.items() for value in values],
    ids=shown,
)
def test_invalid_return_values(runtime: str, name: str, value: Any) -> None:
    """A return value of the wrong type raises, lets nobody in, and changes nothing but the failure count."""
    shop, operation = RETURNED[name][1](runtime, returns(value, runtime))
    before, function = shop.record(), name.partition(",")[0]
    problem = rf"^({function}|the factor own2?) (must return|returned) |^an async component "
    with pytest.raises(FlowError, match=problem):
        operation()
    after = shop.record()
    assert (after.device, after.emailed, after.generation) == (
        before.device,
        before.emailed,
        before.generation,
    )
    assert (after.pending is before.pending) or name == "required" or after.pending == before.pending
    assert after.failures == (name == "check")
    assert shop.mailbox == []


@pytest.mark.proves("T45")
@both
def test_none_is_nobody(runtime: str) -> None:
    """A first factor returns ``None`` for wrong credentials."""
    for first, answer in (
        (Password(returns(None, runtime)), OF_ALICE),
        (Own(check=returns(None, runtime)), CustomAnswer("own")),
    ):
        alice = Person(Shop(runtime, first=lambda _, first=first: first))
        assert alice.answer(alice.begin(), answer).problem is Reason.WRONG_CREDENTIALS


@pytest.mark.parametrize("name", RETURNED)
@pytest.mark.parametrize(
    ("runtime", "error"),
    [
        (SYNC, StopIteration("x")),  # which a coroutine would replace (PEP 479)
        *(
            (runtime, error("x"))
            for runtime in (SYNC, ASYNC)
            for error in (KeyError, RuntimeError, GeneratorExit)
        ),
    ],
    ids=shown,
)
def test_exceptions(runtime: str, error: BaseException, name: str) -> None:
    """An exception of the app reaches the caller unchanged, and an attempt that raised stays counted."""

    def function(*_: object, **__: object) -> Any:
        raise error

    shop, operation = RETURNED[name][1](runtime, function)
    with pytest.raises(type(error)) as caught:
        operation()
    assert caught.value is error
    assert shop.auth.status(WHO).failures == (name == "check")


# A forgotten await


FLOW_CALLS: dict[str, tuple[Any, ...]] = {
    "begin": (),
    "submit": ("ticket", OF_ALICE),
    "resume": ("ticket",),
    "begin_step_up": ("proof",),
}


def public(facade: type) -> set[str]:
    """Return the names of the public methods of a class."""
    return {name for name, _ in inspect.getmembers(facade, inspect.isfunction) if not name.startswith("_")}


@pytest.mark.proves("T45")
def test_forgotten_await() -> None:
    """What an async method returns has no truth value before it is awaited, and is not a result."""
    shop = Shop(ASYNC)
    own_calls = {name: ("proof", *arguments) for name, arguments in METHODS.items()}
    assert public(AsyncAuthFlow) == set(FLOW_CALLS)
    assert public(AsyncSelfService) == public(SelfService) == set(own_calls)
    for component, calls in ((shop.flow.auth, FLOW_CALLS), (shop.self_service().auth, own_calls)):
        for name, arguments in calls.items():
            pending = getattr(component, name)(*arguments)
            assert type(pending) is AsyncResult
            with pytest.raises(FlowError, match="await"):
                bool(pending)
            pending.close()


@pytest.mark.proves("T45")
def test_forgotten_await_does_nothing() -> None:
    """A call that is never awaited counts no failure, sends no email and spends no code."""
    shop, alice = ready(ASYNC)
    challenge = alice.enter_password()
    stored = shop.store.load(WHO)
    for answer in (alice.code(), alice.wrong(), SendEmail()):
        shop.flow.auth.submit(challenge.ticket, answer, binding=alice.binding).close()
    assert (shop.store.load(WHO), shop.mailbox) == (stored, [])
    lets_in(alice.answer(challenge, alice.code()))


# Labels


@both
@pytest.mark.parametrize(
    ("flags", "account_id", "label"), [({}, "google:1", "google/1"), ({"label_of": str}, "g", "g")]
)
def test_labels(runtime: str, flags: dict[str, Any], account_id: str, label: str) -> None:
    """The default label is the account id without colons; a built-in function without a signature works."""
    with pytest.raises(ValueError, match="signature"):
        inspect.signature(str)
    shop = Shop(runtime, then=lambda shop: (TotpCode(shop.own, **flags),))
    person = Person(shop)
    challenge = person.answer(person.begin(), FederatedAnswer("google", account_id), context="request")
    assert KeyURI.parse(challenge.prompts[0].uri).account == label
