"""Passwords, codes, secrets and bindings do not appear in any error, event, log or ticket of a login."""

import base64
import copy
import dataclasses
import json
import logging
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests._account.test_authenticator_canaries import KEY, RAW, Driver, forms, pieces
from tests._otp.test_canaries import texts_of
from tests.support.authenticators import SYNC, WHO, both, wrong
from tests.support.fakes import Planted
from tests.support.flows import Person, Shop, in_runtime, lets_in
from totpkit import (
    Authenticated,
    Challenge,
    CodeAnswer,
    CustomAnswer,
    CustomPrompt,
    Denied,
    Email,
    EmailAnswer,
    EmailError,
    Federated,
    FederatedAnswer,
    FirstFactor,
    FlowError,
    InvalidParameterError,
    InvalidPayloadError,
    Password,
    PasswordAnswer,
    Reason,
    RecoveryAnswer,
    SecondFactor,
    SelfService,
    SendEmail,
    SkipAnswer,
    StoreError,
    TotpkitError,
    parse_answer,
)
from totpkit._login.auth_flow import login_of
from totpkit._login.callbacks import App
from totpkit._login.challenge import Request
from totpkit._login.signed import Signature, SigningKeys
from totpkit.stores.memory import MemoryStore
from totpkit.testing import SoftPhone
from totpkit.vault import PLAINTEXT

# Computed, so that no source line in a traceback contains them.
_NUMBER = 271828 * 31415
BINDING = f"session-{_NUMBER}"
PASSWORD = f"pass-{_NUMBER + 1}-word"
LOCAL_PART = f"nobody.{_NUMBER + 2}"
ADDRESS = f"{LOCAL_PART}@example.com"
ANSWER = f"answer-{_NUMBER + 3}"
QUESTION = f"question-{_NUMBER + 4}"
CONTEXT = f"request-{_NUMBER + 5}"


class Quiz(SecondFactor):
    """A custom second factor with a question and an answer to hide."""

    name = "quiz"

    def prompt(self, account_id: str) -> CustomPrompt:
        """Ask the question."""
        del account_id
        return CustomPrompt(self.name, {"question": QUESTION})

    def check(self, account_id: str, answer: CustomAnswer) -> bool:
        """Compare the answer."""
        del account_id
        return answer.data.get("answer") == ANSWER


class Link(FirstFactor):
    """A custom first factor with an answer to hide."""

    name = "link"

    def check(self, answer: CustomAnswer) -> str | None:
        """Compare the answer."""
        return WHO if answer.data.get("answer") == ANSWER else None


def every_factor(shop: Shop) -> tuple[SecondFactor, ...]:
    """Return one later step with every kind of factor."""
    return (shop.totp(required=False) | shop.recovery() | shop.email(digits=8) | Quiz(),)


class World:
    """Logins in several states, with all kinds of secrets, and the canaries computed from them."""

    def __init__(self, runtime: str = SYNC) -> None:
        self.driver = Driver(MemoryStore())
        self.shop = Shop(
            runtime,
            store=self.driver,
            vault=Planted(PLAINTEXT, RAW),
            first=lambda shop: shop.password() | Federated("google") | Link(),
            then=every_factor,
            keys=[KEY],
        )
        self.shop.passwords = {("alice", PASSWORD): WHO, ("bob", PASSWORD): "acct-2"}
        self.shop.addresses = {WHO: ADDRESS, "acct-2": ADDRESS}
        self.alice = Person(self.shop, PasswordAnswer("alice", PASSWORD), binding=BINDING)
        self.bob = Person(self.shop, PasswordAnswer("bob", PASSWORD), binding=BINDING)
        self.alice.enroll()
        self.recovery = self.shop.auth.issue_recovery_codes(WHO)
        self.proof = self.alice.log_in().proof
        self.pending = self.shop.self_service().begin_enrollment(self.proof)
        self.page = self.alice.begin()
        self.challenge = self.alice.enter_password()
        self.sent = self.alice.answer(self.challenge, SendEmail())
        self.enrolling = self.bob.enter_password()
        assert self.alice.phone is not None
        self.phone, self.new_phone = self.alice.phone, SoftPhone(self.pending.uri, clock=self.shop.clock)
        self.phones = [self.phone, self.new_phone, self.bob.scan(self.enrolling)]
        self.emailed = self.shop.emailed_code()
        self.pieces = list(self._pieces())

    def _pieces(self) -> Iterator[str]:
        shown = self.enrolling.prompts[0]
        raws = [RAW, self.pending.secret.to_bytes(), base64.b32decode(shown.secret.replace(" ", "")), KEY]
        for text in [text for raw in raws for text in forms(raw)]:
            yield from pieces(text)
        yield from pieces(shown.uri[shown.uri.index("secret=") :].partition("&")[0][7:])
        for text in (BINDING, PASSWORD, LOCAL_PART, ANSWER, QUESTION, CONTEXT):
            yield from (text[-12:], text[-18:-6])
        for code in self.recovery:
            yield from (code, code.replace("-", ""), code[:9])
        for phone in self.phones:
            yield from (phone.code(), phone.code(steps=1))
        yield self.emailed

    def leaks(self, *texts: str) -> list[str]:
        """Return the canaries that occur in the texts."""
        return [piece for piece in self.pieces for text in texts if piece in text]


Operation = Callable[[World], Any]


def answer(world: World, given: Any, **named: Any) -> Any:
    """Answer the challenge after the password."""
    return world.alice.answer(world.challenge, given, context=CONTEXT, **named)


def enroll(world: World, given: Any) -> Any:
    """Answer the challenge of a user who is enrolling."""
    return world.bob.answer(world.enrolling, given)


def own(world: World, **named: Any) -> Any:
    """Return self-service."""
    return world.shop.self_service(**named)


OPERATIONS: dict[str, Operation] = {
    "page": lambda world: world.alice.begin(),
    "password": lambda world: world.alice.answer(world.page, world.alice.credentials),
    "wrong password": lambda world: world.alice.answer(world.page, PasswordAnswer("al", PASSWORD)),
    "password as name": lambda world: world.alice.answer(world.page, PasswordAnswer(PASSWORD, "")),
    "federated": lambda world: world.alice.answer(world.page, FederatedAnswer("google", WHO)),
    "link": lambda world: world.alice.answer(world.page, CustomAnswer("link", {"answer": ANSWER})),
    "wrong link": lambda world: world.alice.answer(world.page, CustomAnswer("link", {"a": ANSWER})),
    "code too early": lambda world: world.alice.answer(world.page, world.alice.code()),
    "code": lambda world: answer(world, world.alice.code()),
    "code again": lambda world: (answer(world, world.alice.code()), answer(world, world.alice.code()))[1],
    "wrong code": lambda world: answer(world, CodeAnswer(wrong(world.phone))),
    "malformed code": lambda world: answer(world, CodeAnswer(PASSWORD)),
    "secret as code": lambda world: answer(world, CodeAnswer(world.pending.secret.to_base32())),
    "recovery": lambda world: answer(world, RecoveryAnswer(world.recovery[0])),
    "wrong recovery": lambda world: answer(world, RecoveryAnswer("0" * 16)),
    "password as recovery code": lambda world: answer(world, RecoveryAnswer(PASSWORD)),
    "send": lambda world: (world.shop.clock.advance(60), answer(world, SendEmail()))[1],
    "send too soon": lambda world: answer(world, SendEmail()),
    "emailed": lambda world: answer(world, EmailAnswer(world.emailed)),
    "wrong emailed": lambda world: answer(world, EmailAnswer("00000000")),
    "code of the phone as emailed": lambda world: answer(world, EmailAnswer(world.phone.code())),
    "quiz": lambda world: answer(world, CustomAnswer("quiz", {"answer": ANSWER})),
    "wrong quiz": lambda world: answer(world, CustomAnswer("quiz", {"answer": PASSWORD})),
    "unknown factor": lambda world: answer(world, CustomAnswer(PASSWORD, {"answer": ANSWER})),
    "skip": lambda world: answer(world, SkipAnswer()),
    "other browser": lambda world: answer(world, world.alice.code(), binding=BINDING + "x"),
    "reload": lambda world: world.alice.reload(world.challenge),
    "expired": lambda world: (world.shop.clock.advance(9e5), world.alice.reload(world.challenge))[1],
    "password as ticket": lambda world: world.alice.answer(PASSWORD, world.alice.code()),
    "throttled": lambda world: (world.shop.fail(5), answer(world, world.alice.code()))[1],
    "disabled": lambda world: (world.shop.rewrite(failures=100), answer(world, world.alice.code()))[1],
    "revoked": lambda world: (world.shop.auth.revoke(WHO), answer(world, world.alice.code()))[1],
    "enrolling": lambda world: world.bob.reload(world.enrolling),
    "enrolled": lambda world: enroll(world, world.bob.code()),
    "wrong first code": lambda world: enroll(world, CodeAnswer(wrong(world.phone))),
    "skipped": lambda world: enroll(world, SkipAnswer()),
    "step-up": lambda world: world.alice.step_up(world.proof),
    "password as proof": lambda world: world.alice.step_up(PASSWORD),
    "owner": lambda world: own(world).owner(world.proof),
    "provisioning": lambda world: own(world).provisioning(world.proof),
    "replacing": lambda world: own(world).begin_enrollment(world.proof),
    "replaced": lambda world: own(world).confirm_enrollment(world.proof, world.new_phone.code()),
    "wrong replacement": lambda world: own(world).confirm_enrollment(world.proof, world.phone.code()),
    "cancelled": lambda world: own(world).cancel_enrollment(world.proof),
    "recovery codes": lambda world: own(world).new_recovery_codes(world.proof),
    "switched off": lambda world: own(world).switch_off(world.proof),
    "not admitted": lambda world: own(world, allowed=lambda _: False).provisioning(world.proof),
    "proof too old": lambda world: (world.shop.clock.advance(999), own(world).provisioning(world.proof))[1],
    "ticket as proof": lambda world: own(world).provisioning(world.challenge.ticket),
}
each_operation = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)


def payload(text: str) -> list[str]:
    """Return a ticket or a proof, and what anyone who has it can read in it."""
    part = text.partition(".")[0]
    return [text, base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode("ascii")]


def texts_in(result: object) -> list[str]:
    """Return everything that could show a result by accident, and what its ticket or proof contains."""
    if isinstance(result, tuple):
        return []  # recovery codes are meant to be shown
    texts = [repr(result), str(result), f"{result}", repr([result])]
    if isinstance(result, Denied | Authenticated):
        texts += [pickle.dumps(result).decode("latin-1"), repr(dataclasses.asdict(result))]
        texts.append(repr(copy.copy(result)))
    if isinstance(result, Denied):
        texts.append(json.dumps(result.to_dict()))
    if isinstance(result, Challenge):
        texts += payload(result.ticket)
    proof = getattr(result, "proof", None)
    return texts + (payload(proof) if isinstance(proof, str) else [])


def changed(world: World, **callbacks: Any) -> World:
    """Return the world with other functions of the app, on the same store."""
    shop = world.shop
    later = {name: in_runtime(shop.runtime, function) for name, function in callbacks.items()}

    def first(other: Shop) -> FirstFactor:
        link = Link()
        link.check = later.get("link", link.check)  # type: ignore[method-assign]
        return (
            Password(later.get("check_password", other.password().check_password))
            | Federated("google")
            | link
        )

    def then(other: Shop) -> tuple[SecondFactor, ...]:
        quiz = Quiz()
        quiz.check = later.get("check", quiz.check)  # type: ignore[method-assign]
        quiz.prompt = later.get("prompt", quiz.prompt)  # type: ignore[method-assign]
        flags = {name: callbacks[name] for name in ("label_of", "enroll", "required") if name in callbacks}
        email = {name: later[name] for name in ("address_of", "mailer") if name in later}
        email.setdefault("address_of", in_runtime(shop.runtime, shop.addresses.get))
        return (
            other.totp(**{"required": False, **flags})
            | other.recovery()
            | other.email(digits=8, **email)
            | quiz,
        )

    handler = {name: callbacks[name] for name in ("on_event",) if name in callbacks}
    other = copy.copy(world)
    other.shop = shop.again(first=first, then=then, keys=[KEY], **handler)
    other.shop.passwords |= shop.passwords
    other.alice, other.bob = copy.copy(world.alice), copy.copy(world.bob)
    other.alice.shop = other.bob.shop = other.shop
    return other


@pytest.mark.proves("T22")
@both
@each_operation
def test_events_and_logs(runtime: str, operation: Operation, caplog: pytest.LogCaptureFixture) -> None:
    """No event, log, repr of a result, ticket or proof contains a secret, even if the handler raises."""
    caplog.set_level(logging.DEBUG)
    events: list[Any] = []

    def handler(event: object) -> None:
        events.append(event)
        raise ZeroDivisionError

    world = changed(World(runtime), on_event=handler)
    texts = texts_in(operation(world))
    for event in events:
        texts += [repr(event), repr(dataclasses.asdict(event)), pickle.dumps(event).decode("latin-1")]
    assert world.leaks(caplog.text, *texts) == []


@pytest.mark.proves("T22", "T34")
@both
@each_operation
def test_failing_driver(runtime: str, operation: Operation) -> None:
    """A StoreError does not contain what the driver quoted, and no other error is raised."""
    world = World(runtime)
    world.driver.failing = True
    world.shop.rewrite = lambda **_: None  # type: ignore[method-assign]
    try:
        texts = texts_in(operation(world))
    except StoreError as error:
        texts = list(texts_of(error))
    assert world.leaks(*texts) == []


@pytest.mark.proves("T34")
@pytest.mark.parametrize(
    "name",
    ["code", "recovery", "emailed", "quiz", "enrolled", "skipped", "send", "replaced", "password"],
)
def test_no_login_without_a_store(name: str) -> None:
    """While the store fails, no answer lets anybody in and no email is sent."""
    world = World()
    world.driver.failing = True
    emails = len(world.shop.mailbox)
    with pytest.raises(StoreError):
        OPERATIONS[name](world)
    assert len(world.shop.mailbox) == emails


# Functions of the app


class AppError(Exception):
    """An exception of the app, which contains nothing by itself."""


def new_user(world: World) -> Any:
    """Log in with an account that has to enroll."""
    return world.alice.answer(world.page, FederatedAnswer("google", "acct-3"))


def send_email(world: World) -> Any:
    """Request an email, after the cooldown."""
    world.shop.clock.advance(60)
    return answer(world, SendEmail())


CALLBACKS: dict[str, tuple[str, Operation]] = {
    "check_password": ("check_password", OPERATIONS["password"]),
    "link": ("link", OPERATIONS["link"]),
    "label_of": ("label_of", new_user),
    "required": ("required", OPERATIONS["skipped"]),
    "enroll": ("enroll", OPERATIONS["enrolled"]),
    "address_of": ("address_of", send_email),
    "address_of in a prompt": ("address_of", OPERATIONS["wrong code"]),
    "mailer": ("mailer", send_email),
    "check": ("check", OPERATIONS["quiz"]),
    "prompt": ("prompt", OPERATIONS["reload"]),
}
each_callback = pytest.mark.parametrize(("name", "operation"), CALLBACKS.values(), ids=CALLBACKS)


def check_error(world: World, operation: Operation, kind: type[Exception], log: str = "") -> None:
    """Look for secrets in the error that an operation must raise, in the log and in the events."""
    with pytest.raises(kind) as caught:
        operation(world)
    assert world.leaks(*texts_of(caught.value), log, *map(repr, world.shop.events)) == []


@pytest.mark.proves("T22")
@both
@each_callback
def test_functions_that_raise(
    runtime: str, name: str, operation: Operation, caplog: pytest.LogCaptureFixture
) -> None:
    """An exception of the app passes through without a note, a context or a log entry that has a secret."""
    caplog.set_level(logging.DEBUG)

    def function(*_: object, **__: object) -> Any:
        raise AppError

    check_error(changed(World(runtime), **{name: function}), operation, AppError, caplog.text)


NONSENSE: dict[str, Callable[..., Any]] = {
    "bytes": lambda *_, **__: (PASSWORD + ADDRESS).encode(),
    "list": lambda *_, **__: [PASSWORD, ADDRESS, RAW],
    "dict": lambda *_, **__: {PASSWORD: ADDRESS},
    "arguments": lambda *arguments, **named: (arguments, named),
    "email": lambda *_, **__: Email(to=ADDRESS, subject=PASSWORD, text=ANSWER),
}


@pytest.mark.proves("T22", "T45")
@both
@each_callback
@pytest.mark.parametrize("nonsense", NONSENSE.values(), ids=NONSENSE)
def test_functions_that_return_nonsense(
    runtime: str, name: str, operation: Operation, nonsense: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A return value of the wrong type is not quoted anywhere."""
    caplog.set_level(logging.DEBUG)
    world = changed(World(runtime), **{name: nonsense})
    if name == "mailer":  # its return value is ignored
        assert world.leaks(*texts_in(operation(world))) == []
    else:
        check_error(world, operation, FlowError, caplog.text)


INVALID_TEXTS: dict[str, tuple[str, str | None, Operation, type[Exception]]] = {
    "line break": ("check_password", PASSWORD + "\n", OPERATIONS["password"], FlowError),
    "too long": ("check_password", PASSWORD * 20, OPERATIONS["password"], FlowError),
    "surrogate": ("link", ANSWER + "\ud800", OPERATIONS["link"], FlowError),
    "colon": ("label_of", ADDRESS + ":" + PASSWORD, new_user, FlowError),
    "long label": ("label_of", ADDRESS * 200, new_user, TotpkitError),
    "surrogate in a label": ("label_of", ADDRESS + "\ud800", new_user, FlowError),
    "empty address": ("address_of", "", send_email, FlowError),
    "no address": ("address_of", None, send_email, EmailError),
}


@pytest.mark.proves("T22")
@both
@pytest.mark.parametrize(("name", "text", "operation", "kind"), INVALID_TEXTS.values(), ids=INVALID_TEXTS)
def test_functions_that_return_invalid_texts(
    runtime: str, name: str, text: str | None, operation: Operation, kind: type[Exception]
) -> None:
    """A text that cannot be used is not quoted anywhere either."""
    check_error(changed(World(runtime), **{name: lambda *_: text}), operation, kind)


# Mistakes of the app


def build(**named: Any) -> Operation:
    """Return an operation that builds a flow from the wrong parts."""
    return lambda world: world.shop.built(world.shop.first, **named).begin()


MISTAKES: dict[str, tuple[type[Exception], Operation]] = {
    "code as answer": (InvalidParameterError, lambda world: answer(world, world.phone.code())),
    "form as answer": (InvalidParameterError, lambda world: answer(world, {"password": PASSWORD})),
    "email as answer": (InvalidParameterError, lambda world: answer(world, world.shop.mailbox[-1])),
    "binding in bytes": (
        InvalidParameterError,
        lambda world: answer(world, SendEmail(), binding=BINDING.encode()),
    ),
    "binding with a surrogate": (
        InvalidParameterError,
        lambda world: answer(world, SendEmail(), binding=BINDING + "\ud800"),
    ),
    "number as code": (InvalidParameterError, lambda world: CodeAnswer(int(world.phone.code()))),  # type: ignore[arg-type]
    "bytes as password": (InvalidParameterError, lambda _: PasswordAnswer("a", PASSWORD.encode())),  # type: ignore[arg-type]
    "text as data": (InvalidParameterError, lambda _: CustomAnswer("quiz", ANSWER)),  # type: ignore[arg-type]
    "text as form": (InvalidPayloadError, lambda _: parse_answer(PASSWORD)),  # type: ignore[arg-type]
    "password as type": (InvalidPayloadError, lambda _: parse_answer({"type": PASSWORD})),
    "list as password": (
        InvalidPayloadError,
        lambda _: parse_answer({"type": "password", "username": PASSWORD, "password": [PASSWORD]}),
    ),
    "text as data in a form": (
        InvalidPayloadError,
        lambda _: parse_answer({"type": "custom", "factor": "quiz", "data": ANSWER}),
    ),
    "account of a provider": (
        InvalidParameterError,
        lambda world: world.alice.answer(world.page, FederatedAnswer("google", PASSWORD + "\n")),
    ),
    "number as code of a new phone": (
        InvalidParameterError,
        lambda world: own(world).confirm_enrollment(world.proof, int(world.new_phone.code())),
    ),
    "key as keys": (InvalidParameterError, build(keys=KEY)),
    "text as key": (InvalidParameterError, build(keys=[KEY.decode("latin-1")])),
    "short key": (InvalidParameterError, build(keys=[KEY[:31]])),
    "key as name": (InvalidParameterError, build(name=KEY.decode("latin-1"))),
    "password as time": (TotpkitError, build(clock=lambda: PASSWORD)),
    "proof as flow": (InvalidParameterError, lambda world: SelfService(world.shop.own, world.proof)),  # type: ignore[arg-type]
    "truth of a challenge": (FlowError, lambda world: bool(world.challenge)),
    **{
        f"pickled {name}": (TypeError, lambda world, part=part: pickle.dumps(part(world)))
        for name, part in {
            "flow": lambda world: world.shop.flow,
            "tickets": lambda world: login_of(world.shop.flow).tickets,
            "keys": lambda _: SigningKeys([KEY]),
            "signature": lambda _: Signature([KEY]),
            "challenge": lambda world: world.sent,
            "enrollment": lambda world: world.enrolling,
            "prompts": lambda world: world.enrolling.prompts,
            "answer": lambda world: world.alice.code(),
            "credentials": lambda world: [world.alice.credentials],
            "replacement": OPERATIONS["replaced"],
        }.items()
    },
    "state of keys": (TypeError, lambda _: SigningKeys([KEY]).__getstate__()),
    "state of a signature": (TypeError, lambda _: Signature([KEY]).__getstate__()),
}


@pytest.mark.proves("T22")
@pytest.mark.parametrize(("kind", "mistake"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(kind: type[Exception], mistake: Operation) -> None:
    """An error about a value that the app passed does not contain it, nor does a refused pickle."""
    check_error(World(), mistake, kind)


@pytest.mark.proves("T22")
def test_parts() -> None:
    """Nothing that a flow consists of or passes on shows a secret in its repr."""
    world = World()
    login, own_service, now = login_of(world.shop.flow), world.shop.self_service(), world.shop.clock()
    later, at = login.later, login.tickets.read(world.challenge.ticket, BINDING, now)
    assert later is not None
    assert not isinstance(at, Reason)
    app = App(later.service.runtime)
    parts = [
        *[
            world.shop.flow,
            vars(world.shop.flow),
            login,
            login.steps,
            login.tickets,
            login.proofs,
            login.first,
        ],
        *[
            later,
            later.challenge,
            later.other_factors,
            later.other_factors.keys,
            own_service,
            vars(own_service),
        ],
        *[at, Request(at, BINDING, app, 0.0, world.challenge.ticket), login.read_proof(world.proof)],
        *[*login.steps.second_factors(), world.shop.mailbox, world.alice.credentials, world.alice.code()],
        *[world.enrolling, world.sent],
    ]
    for part in parts:
        assert world.leaks(repr(part), str(part), f"{part}") == []


@pytest.mark.proves("T22")
@both
def test_stored(runtime: str) -> None:
    """The record contains no password, address, binding, emailed or recovery code, and no key."""
    world = World(runtime)
    for account_id in (WHO, "acct-2"):
        text = (world.driver.store.load(account_id) or b"").decode("utf-8")
        assert text != ""
        private = [PASSWORD, LOCAL_PART, BINDING, world.emailed, *world.recovery, ANSWER, QUESTION]
        assert [word for word in (*private, *forms(KEY)) if word in text] == []


def test_leaks_are_found() -> None:
    """Each canary is found where it does occur, and the operations that should succeed do."""
    world = World()
    for text in (world.enrolling.prompts[0].uri, json.dumps(world.enrolling.to_dict()), world.emailed):
        assert world.leaks(f"-{text}-") != []
    for text in (PASSWORD, BINDING, ADDRESS, ANSWER, QUESTION, CONTEXT, repr(KEY), world.phone.code()):
        assert world.leaks(f"-{text}-") != []
    assert world.leaks(world.recovery[0]) != []
    assert world.leaks(repr(dataclasses.asdict(world.shop.mailbox[0]))) != []
    assert world.leaks(*texts_of(AppError(PASSWORD))) != []
    for name in ("code", "recovery", "emailed", "quiz", "enrolled", "link", "password", "federated"):
        result = OPERATIONS[name](World())
        if isinstance(result, Challenge):
            assert result.problem is None
        else:
            lets_in(result)
