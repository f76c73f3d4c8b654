"""Canaries: what people type, scan and are sent, driven through every way a login can fail or speak."""

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
from tests._otp.test_canaries import told
from tests.support.authenticators import SYNC, WHO, both, wrong
from tests.support.fakes import Planted
from tests.support.flows import Person, Shop, coloured, lets_in
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
    SendEmail,
    SkipAnswer,
    StoreError,
    TotpkitError,
    parse_answer,
)
from totpkit._login.auth_flow import login_of
from totpkit._login.callbacks import App as Called
from totpkit._login.challenge import Visit
from totpkit._login.self_service import SelfService
from totpkit._login.signed import SigningKeys
from totpkit.stores.memory import MemoryStore
from totpkit.testing import SoftPhone
from totpkit.vault import PLAINTEXT

# Made here, so that no line of source that a traceback quotes holds them.
_NUMBER = 271828 * 31415
BINDING = f"session-{_NUMBER}"
PASSWORD = f"pass-{_NUMBER + 1}-word"
MAILBOX = f"nobody.{_NUMBER + 2}"
ADDRESS = f"{MAILBOX}@example.com"
ANSWER = f"answer-{_NUMBER + 3}"
QUESTION = f"question-{_NUMBER + 4}"
CONTEXT = f"request-{_NUMBER + 5}"


class Quiz(SecondFactor):
    """A second factor of the app's own, with a question and an answer to hide."""

    name = "quiz"

    def prompt(self, account_id: str) -> CustomPrompt:
        """Ask."""
        del account_id
        return CustomPrompt(self.name, {"question": QUESTION})

    def check(self, account_id: str, answer: CustomAnswer) -> bool:
        """Compare."""
        del account_id
        return answer.data.get("answer") == ANSWER


class Link(FirstFactor):
    """A first factor of the app's own, with an answer to hide."""

    name = "link"

    def check(self, answer: CustomAnswer) -> str | None:
        """Compare."""
        return WHO if answer.data.get("answer") == ANSWER else None


def steps(shop: Shop) -> tuple[SecondFactor, ...]:
    """Return one later step with every factor that there is."""
    return (shop.totp(required=False) | shop.recovery() | shop.email(digits=8) | Quiz(),)


class World:
    """A login with all the secrets that there are, and the canaries made from them."""

    def __init__(self, colour: str = SYNC) -> None:
        self.driver = Driver(MemoryStore())
        self.shop = Shop(
            colour,
            store=self.driver,
            vault=Planted(PLAINTEXT, RAW),
            first=lambda shop: shop.password() | Federated("google") | Link(),
            then=steps,
            keys=[KEY],
        )
        self.shop.passwords = {("alice", PASSWORD): WHO, ("bob", PASSWORD): "acct-2"}
        self.shop.addresses = {WHO: ADDRESS, "acct-2": ADDRESS}
        self.alice = Person(self.shop, PasswordAnswer("alice", PASSWORD), binding=BINDING)
        self.bob = Person(self.shop, PasswordAnswer("bob", PASSWORD), binding=BINDING)
        self.alice.enroll()
        self.recovery = self.shop.auth.issue_recovery_codes(WHO)
        self.proof = self.alice.log_in().proof
        self.pending = self.shop.desk().begin_enrollment(self.proof)
        self.page = self.alice.begin()
        self.challenge = self.alice.come_in()
        self.sent = self.alice.answer(self.challenge, SendEmail())
        self.enrolling = self.bob.come_in()
        self.bob.scan(self.enrolling)
        assert self.alice.phone is not None
        assert self.bob.phone is not None
        self.phone, self.newer = self.alice.phone, SoftPhone(self.pending.uri, clock=self.shop.clock)
        self.emailed = self.shop.mailed_code()
        self.pieces = list(self._pieces())

    def _pieces(self) -> Iterator[str]:
        shown = self.enrolling.prompts[0]
        raws = [RAW, self.pending.secret.to_bytes(), base64.b32decode(shown.secret.replace(" ", "")), KEY]
        for text in [text for raw in raws for text in forms(raw)]:
            yield from pieces(text)
        yield from pieces(shown.uri[shown.uri.index("secret=") :].partition("&")[0][7:])
        for text in (BINDING, PASSWORD, MAILBOX, ANSWER, QUESTION, CONTEXT):
            yield from (text[-12:], text[-18:-6])
        for code in self.recovery:
            yield from (code, code.replace("-", ""), code[:9])
        for phone in (self.phone, self.newer, self.bob.phone):
            assert phone is not None
            yield from (phone.code(), phone.code(1))
        yield self.emailed

    def leaks(self, text: str) -> list[str]:
        """Return which canaries stand in the text."""
        return [piece for piece in self.pieces if piece in text]


def on(world: World, answer: Any, **named: Any) -> Any:
    """Answer the challenge after the password."""
    return world.alice.answer(world.challenge, answer, context=CONTEXT, **named)


def enrolling(world: World, answer: Any) -> Any:
    """Answer the challenge of somebody who is enrolling."""
    return world.bob.answer(world.enrolling, answer)


def desk(world: World, **named: Any) -> Any:
    """Return self-service."""
    return world.shop.desk(**named)


OPERATIONS: dict[str, Callable[[World], Any]] = {
    "page": lambda world: world.alice.begin(),
    "password": lambda world: world.alice.answer(world.page, world.alice.credentials),
    "wrong password": lambda world: world.alice.answer(world.page, PasswordAnswer("al", PASSWORD)),
    "password as name": lambda world: world.alice.answer(world.page, PasswordAnswer(PASSWORD, "")),
    "federated": lambda world: world.alice.answer(world.page, FederatedAnswer("google", WHO)),
    "link": lambda world: world.alice.answer(world.page, CustomAnswer("link", {"answer": ANSWER})),
    "wrong link": lambda world: world.alice.answer(world.page, CustomAnswer("link", {"a": ANSWER})),
    "code too early": lambda world: world.alice.answer(world.page, world.alice.code()),
    "code": lambda world: on(world, world.alice.code()),
    "code again": lambda world: (on(world, world.alice.code()), on(world, world.alice.code()))[1],
    "wrong code": lambda world: on(world, CodeAnswer(wrong(world.phone))),
    "malformed code": lambda world: on(world, CodeAnswer(PASSWORD)),
    "secret as code": lambda world: on(world, CodeAnswer(world.pending.secret.to_base32())),
    "recovery": lambda world: on(world, RecoveryAnswer(world.recovery[0])),
    "wrong recovery": lambda world: on(world, RecoveryAnswer("0" * 16)),
    "password as recovery code": lambda world: on(world, RecoveryAnswer(PASSWORD)),
    "send": lambda world: (world.shop.clock.advance(60), on(world, SendEmail()))[1],
    "send too soon": lambda world: on(world, SendEmail()),
    "mailed": lambda world: on(world, EmailAnswer(world.emailed)),
    "wrong mailed": lambda world: on(world, EmailAnswer("00000000")),
    "phone's code as mailed": lambda world: on(world, EmailAnswer(world.phone.code())),
    "quiz": lambda world: on(world, CustomAnswer("quiz", {"answer": ANSWER})),
    "wrong quiz": lambda world: on(world, CustomAnswer("quiz", {"answer": PASSWORD})),
    "nobody's factor": lambda world: on(world, CustomAnswer(PASSWORD, {"answer": ANSWER})),
    "skip": lambda world: on(world, SkipAnswer()),
    "other browser": lambda world: on(world, world.alice.code(), binding=BINDING + "x"),
    "reload": lambda world: world.alice.reload(world.challenge),
    "expired": lambda world: (world.shop.clock.advance(9e5), world.alice.reload(world.challenge))[1],
    "password as ticket": lambda world: world.alice.answer(PASSWORD, world.alice.code()),
    "throttled": lambda world: (world.shop.fail(5), on(world, world.alice.code()))[1],
    "disabled": lambda world: (world.shop.rewrite(failures=100), on(world, world.alice.code()))[1],
    "revoked": lambda world: (world.shop.auth.revoke(WHO), on(world, world.alice.code()))[1],
    "enrolling": lambda world: world.bob.reload(world.enrolling),
    "enrolled": lambda world: enrolling(world, world.bob.code()),
    "wrong first code": lambda world: enrolling(world, CodeAnswer(wrong(world.phone))),
    "skipped": lambda world: enrolling(world, SkipAnswer()),
    "step-up": lambda world: world.alice.step_up(world.proof),
    "password as proof": lambda world: world.alice.step_up(PASSWORD),
    "owner": lambda world: desk(world).owner(world.proof),
    "provisioning": lambda world: desk(world).provisioning(world.proof),
    "replacing": lambda world: desk(world).begin_enrollment(world.proof),
    "replaced": lambda world: desk(world).confirm_enrollment(world.proof, world.newer.code()),
    "wrong replacement": lambda world: desk(world).confirm_enrollment(world.proof, world.phone.code()),
    "cancelled": lambda world: desk(world).cancel_enrollment(world.proof),
    "not to enroll": lambda world: desk(world).enroll(world.proof),
    "not to confirm": lambda world: desk(world).confirm(world.proof, world.phone.code()),
    "recovery codes": lambda world: desk(world).new_recovery_codes(world.proof),
    "switched off": lambda world: desk(world).switch_off(world.proof),
    "not admitted": lambda world: desk(
        world, allowed=coloured(world.shop.colour, lambda _: False)
    ).provisioning(world.proof),
    "proof too old": lambda world: (world.shop.clock.advance(999), desk(world).provisioning(world.proof))[1],
    "proof of no use": lambda world: desk(world).provisioning(world.challenge.ticket),
}
each_operation = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)


def opened(text: str) -> list[str]:
    """Return a ticket or a proof as whoever holds it can read it."""
    payload = text.partition(".")[0]
    return [text, base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).decode("ascii")]


def said(result: object) -> list[str]:
    """Return all that a result can be made to say by accident, and what its ticket or proof tells."""
    if isinstance(result, tuple):
        return []  # recovery codes are what they are
    texts = [repr(result), str(result), f"{result}", repr([result])]
    if isinstance(result, Denied | Authenticated):
        texts += [pickle.dumps(result).decode("latin-1"), repr(dataclasses.asdict(result))]
        texts.append(repr(copy.copy(result)))
    if isinstance(result, Denied):
        texts.append(json.dumps(result.to_dict()))
    if isinstance(result, Challenge):
        texts += opened(result.ticket)
    proof = getattr(result, "proof", None)
    return texts + (opened(proof) if isinstance(proof, str) else [])


@pytest.mark.proves("T22")
@both
@each_operation
def test_told_and_logged(
    colour: str, operation: Callable[[World], Any], caplog: pytest.LogCaptureFixture
) -> None:
    """No event, no log, no repr of a result, no ticket and no proof tells one, whatever the answer was."""
    caplog.set_level(logging.DEBUG)
    world = World(colour)

    def handler(event: object) -> None:
        world.shop.events.append(event)  # type: ignore[arg-type]
        raise ZeroDivisionError

    accounts = login_of(getattr(world.shop.flow, "auth", world.shop.flow)).plan.accounts
    assert accounts is not None
    object.__setattr__(accounts.herald, "on_event", handler)
    texts = said(operation(world))
    texts.append(caplog.text)
    for event in world.shop.events:
        texts += [repr(event), str(event), repr(dataclasses.asdict(event))]
        texts.append(pickle.dumps(event).decode("latin-1"))
    for text in texts:
        assert world.leaks(text) == []


@pytest.mark.proves("T22", "T34")
@both
@each_operation
def test_failing_driver(colour: str, operation: Callable[[World], Any]) -> None:
    """No StoreError of a login tells what a driver quoted, and nothing else is raised."""
    world = World(colour)
    world.driver.failing = True
    world.shop.rewrite = lambda **_: None  # type: ignore[method-assign]
    try:
        texts = said(operation(world))
    except StoreError as error:
        texts = list(told(error))  # what needs no store answers as ever
    for text in texts:
        assert world.leaks(text) == []


@pytest.mark.proves("T34")
def test_what_needs_a_store() -> None:
    """With a failing store no answer after the first factor lets anybody in, and no mail is sent."""
    world = World()
    world.driver.failing = True
    for name in ("code", "recovery", "mailed", "quiz", "enrolled", "skipped", "send", "replaced", "password"):
        mails = len(world.shop.mailbox)
        with pytest.raises(StoreError):
            OPERATIONS[name](world)
        assert len(world.shop.mailbox) == mails


class Refused(Exception):  # noqa: N818 - a word of the app's
    """What an app raises, which tells nothing by itself."""


def refusing(*_: object, **__: object) -> Any:
    """Raise what the app raises."""
    raise Refused


def rewired(world: World, **changed: Any) -> World:
    """Return the world with other callables of the app's."""
    later = {name: coloured(world.shop.colour, function) for name, function in changed.items()}
    shop = world.shop

    def first(_: Shop) -> FirstFactor:
        own = Link()
        own.check = later.get("link", own.check)  # type: ignore[method-assign]
        check = coloured(shop.colour, lambda username, password: shop.passwords.get((username, password)))
        return Password(later.get("check_password", check)) | Federated("google") | own

    def then(other: Shop) -> tuple[SecondFactor, ...]:
        quiz = Quiz()
        quiz.check = later.get("check", quiz.check)  # type: ignore[method-assign]
        quiz.prompt = later.get("prompt", quiz.prompt)  # type: ignore[method-assign]
        flags = {name: changed[name] for name in ("label_of", "enroll") if name in changed}
        required = changed.get("required", False)
        address_of = later.get("address_of", coloured(shop.colour, shop.addresses.get))
        mailer = later.get("mailer", coloured(shop.colour, shop.mailbox.append))
        mailed = other.email(digits=8, mailer=mailer, address_of=address_of)
        return (other.totp(required=required, **flags) | other.recovery() | mailed | quiz,)

    changed_world = copy.copy(world)
    changed_world.shop = shop.again(first=first, then=then, keys=[KEY])
    changed_world.alice, changed_world.bob = copy.copy(world.alice), copy.copy(world.bob)
    changed_world.alice.shop = changed_world.bob.shop = changed_world.shop
    shop.clock.advance(60)
    return changed_world


def new_person(world: World) -> Any:
    """Let somebody in who is to enroll."""
    return world.alice.answer(world.page, FederatedAnswer("google", "acct-3"))


CALLED: dict[str, tuple[str, Callable[[World], Any]]] = {
    "check_password": ("check_password", OPERATIONS["password"]),
    "link": ("link", OPERATIONS["link"]),
    "label_of": ("label_of", new_person),
    "required": ("required", OPERATIONS["skipped"]),
    "enroll": ("enroll", OPERATIONS["enrolled"]),
    "address_of": ("address_of", OPERATIONS["send"]),
    "address_of in a prompt": ("address_of", OPERATIONS["wrong code"]),
    "mailer": ("mailer", OPERATIONS["send"]),
    "check": ("check", OPERATIONS["quiz"]),
    "prompt": ("prompt", OPERATIONS["reload"]),
}
each_callable = pytest.mark.parametrize(("name", "operation"), CALLED.values(), ids=CALLED)


def check_told(world: World, error: BaseException, log: str) -> None:
    """Look for canaries in what an error, the log and the events say."""
    for text in (*told(error), log, *map(repr, world.shop.events)):
        assert world.leaks(text) == []


@pytest.mark.proves("T22")
@both
@each_callable
def test_callables_that_raise(
    colour: str, name: str, operation: Callable[[World], Any], caplog: pytest.LogCaptureFixture
) -> None:
    """What an app's callable raises passes, and gathers nothing on its way: no note, no context, no log."""
    caplog.set_level(logging.DEBUG)
    world = rewired(World(colour), **{name: refusing})
    with pytest.raises(Refused) as caught:
        operation(world)
    check_told(world, caught.value, caplog.text)


NONSENSE: dict[str, Callable[..., Any]] = {
    "the bytes": lambda *_, **__: (PASSWORD + ADDRESS).encode(),
    "a list": lambda *_, **__: [PASSWORD, ADDRESS, RAW],
    "a dict": lambda *_, **__: {PASSWORD: ADDRESS},
    "what it was given": lambda *given, **named: (given, named),
    "a class of that name": lambda *_, **__: Email(to=ADDRESS, subject=PASSWORD, text=ANSWER),
}


@pytest.mark.proves("T22", "T45")
@both
@each_callable
@pytest.mark.parametrize("nonsense", NONSENSE.values(), ids=NONSENSE)
def test_callables_that_answer_nonsense(
    colour: str, name: str, operation: Callable[[World], Any], nonsense: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """What an app's callable answers in place of what it must is quoted nowhere."""
    caplog.set_level(logging.DEBUG)
    world = rewired(World(colour), **{name: nonsense})
    if name == "mailer":
        assert world.leaks("".join(said(operation(world)))) == []  # what a mailer returns, nobody looks at
        return
    with pytest.raises(FlowError) as caught:
        operation(world)
    check_told(world, caught.value, caplog.text)


@pytest.mark.proves("T22")
@both
@pytest.mark.parametrize(
    ("name", "answer", "operation", "kind"),
    [
        ("check_password", PASSWORD + "\n", OPERATIONS["password"], FlowError),
        ("check_password", PASSWORD * 20, OPERATIONS["password"], FlowError),
        ("link", ANSWER + "\ud800", OPERATIONS["link"], FlowError),
        ("label_of", ADDRESS + ":" + PASSWORD, new_person, FlowError),
        ("label_of", ADDRESS * 200, new_person, TotpkitError),
        ("label_of", ADDRESS + "\ud800", new_person, FlowError),
        ("address_of", "", OPERATIONS["send"], FlowError),
        ("address_of", None, OPERATIONS["send"], EmailError),
    ],
    ids=[
        "line end",
        "too long",
        "surrogate",
        "colon",
        "long label",
        "label's surrogate",
        "empty address",
        "no address",
    ],
)
def test_texts_of_no_use(
    colour: str,
    name: str,
    answer: str | None,
    operation: Callable[[World], Any],
    kind: type[Exception],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A text of an app's callable that does not serve is quoted nowhere either."""
    caplog.set_level(logging.DEBUG)
    world = rewired(World(colour), **{name: lambda *_: answer})
    with pytest.raises(kind) as caught:
        operation(world)
    check_told(world, caught.value, caplog.text)


MISTAKES: dict[str, tuple[type[Exception], Callable[[World], Any]]] = {
    "answer that is a code": (InvalidParameterError, lambda world: on(world, world.phone.code())),
    "answer that is a password": (InvalidParameterError, lambda world: on(world, {"password": PASSWORD})),
    "answer that is a Email": (InvalidParameterError, lambda world: on(world, world.shop.mailbox[-1])),
    "binding in bytes": (
        InvalidParameterError,
        lambda world: on(world, SendEmail(), binding=BINDING.encode()),
    ),
    "binding with a surrogate": (
        InvalidParameterError,
        lambda world: on(world, SendEmail(), binding=BINDING + "\ud800"),
    ),
    "number as a code": (InvalidParameterError, lambda world: CodeAnswer(int(world.phone.code()))),  # type: ignore[arg-type]
    "bytes as a password": (InvalidParameterError, lambda _: PasswordAnswer("a", PASSWORD.encode())),  # type: ignore[arg-type]
    "data that is an answer": (InvalidParameterError, lambda _: CustomAnswer("quiz", ANSWER)),  # type: ignore[arg-type]
    "sent text": (InvalidPayloadError, lambda _: parse_answer(PASSWORD)),  # type: ignore[arg-type]
    "sent type": (InvalidPayloadError, lambda _: parse_answer({"type": PASSWORD})),
    "sent password": (
        InvalidPayloadError,
        lambda _: parse_answer({"type": "password", "username": PASSWORD, "password": [PASSWORD]}),
    ),
    "sent data": (
        InvalidPayloadError,
        lambda _: parse_answer({"type": "custom", "factor": "quiz", "data": ANSWER}),
    ),
    "account of a provider": (
        InvalidParameterError,
        lambda world: world.alice.answer(world.page, FederatedAnswer("google", PASSWORD + "\n")),
    ),
    "code of another type": (
        InvalidParameterError,
        lambda world: desk(world).confirm_enrollment(world.proof, int(world.newer.code())),
    ),
    "keys that are a key": (
        InvalidParameterError,
        lambda world: world.shop.built(world.shop.first, keys=KEY),
    ),
    "keys of text": (
        InvalidParameterError,
        lambda world: world.shop.built(world.shop.first, keys=[KEY.decode("latin-1")]),
    ),
    "short key": (InvalidParameterError, lambda world: world.shop.built(world.shop.first, keys=[KEY[:31]])),
    "name that is a key": (
        InvalidParameterError,
        lambda world: world.shop.built(world.shop.first, name=KEY.decode("latin-1")),
    ),
    "flow that is a proof": (InvalidParameterError, lambda world: SelfService(world.shop.own, world.proof)),  # type: ignore[arg-type]
    "truth of a challenge": (FlowError, lambda world: bool(world.challenge)),
    "clock that shows a password": (
        TotpkitError,
        lambda world: world.shop.built(world.shop.first, clock=lambda: PASSWORD).begin(),
    ),
    "pickled flow": (TypeError, lambda world: pickle.dumps(login_of(world.shop.flow).doors)),
    "pickled keys": (TypeError, lambda _: pickle.dumps(SigningKeys([KEY]))),
    "state of keys": (TypeError, lambda _: SigningKeys([KEY]).__getstate__()),
    "pickled challenge": (TypeError, lambda world: pickle.dumps(world.sent)),
    "pickled enrollment": (TypeError, lambda world: pickle.dumps(world.enrolling)),
    "pickled prompt": (TypeError, lambda world: pickle.dumps(world.enrolling.prompts)),
    "pickled answer": (TypeError, lambda world: pickle.dumps(world.alice.code())),
    "pickled credentials": (TypeError, lambda world: pickle.dumps([world.alice.credentials])),
    "pickled replacement": (TypeError, lambda world: pickle.dumps(OPERATIONS["replaced"](world))),
}


@pytest.mark.proves("T22")
@pytest.mark.parametrize(("kind", "mistake"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(kind: type[Exception], mistake: Callable[[World], Any]) -> None:
    """No error about what an app passed tells it, nor does a pickle that is refused."""
    world = World()
    with pytest.raises(kind) as caught:
        mistake(world)
    for text in told(caught.value):
        assert world.leaks(text) == []


@pytest.mark.proves("T22")
def test_parts() -> None:
    """Nothing that a flow is made of, or hands from floor to floor, shows one in print."""
    world = World()
    flow = world.shop.flow
    login = login_of(flow)
    assert login.later is not None
    at = login.doors.tickets.read(world.challenge.ticket, BINDING, world.shop.clock())
    assert not isinstance(at, Reason)
    app = Called(login.later.checks.accounts.colour)
    parts = [
        *[flow, vars(flow), login, login.plan, login.doors, login.doors.tickets, login.finish, login.later],
        *[login.later.checks, login.later.checks.signing, login.doors.tickets.signature, login.finish.proofs],
        *[
            world.shop.desk(),
            vars(world.shop.desk()),
            at,
            Visit(at, BINDING, app, 0.0, world.challenge.ticket),
        ],
        *[login.finish.proofs.read(world.proof, world.shop.clock(), 300.0), *login.plan.seconds()],
        *[world.shop.mailbox, world.alice.credentials, world.alice.code(), world.enrolling, world.sent],
    ]
    for part in parts:
        for text in (repr(part), str(part), f"{part}"):
            assert world.leaks(text) == []


@pytest.mark.proves("T22")
@both
def test_stored(colour: str) -> None:
    """The record keeps no password, address, binding, mailed or recovery code, and no key."""
    world = World(colour)
    for account_id in (WHO, "acct-2"):
        stored = world.driver.store.load(account_id)
        assert stored is not None
        text = stored.decode("utf-8")
        for private in (PASSWORD, MAILBOX, BINDING, world.emailed, *world.recovery, ANSWER, QUESTION):
            assert private not in text
        assert not any(form in text for form in forms(KEY))


def test_canaries_sing() -> None:
    """The canaries are found where they are: what did tell one would be seen."""
    world = World()
    shown = world.enrolling.prompts[0]
    for text in (shown.uri, json.dumps(world.enrolling.to_dict()), world.emailed, world.recovery[0]):
        assert world.leaks(f"-{text}-") != []
    for text in (PASSWORD, BINDING, ADDRESS, ANSWER, QUESTION, CONTEXT, repr(KEY), world.phone.code()):
        assert world.leaks(f"-{text}-") != []
    assert world.leaks(repr(dataclasses.asdict(world.shop.mailbox[0]))) != []
    assert world.leaks(repr(vars(Refused(PASSWORD)))) == []
    assert any(world.leaks(text) for text in told(Refused(PASSWORD)))
    for name in ("code", "recovery", "mailed", "quiz", "enrolled", "link", "password", "federated"):
        world = World()
        result = OPERATIONS[name](world)
        if isinstance(result, Challenge):
            assert result.problem is None
        else:
            lets_in(result)
