"""Emailed codes in a login."""

import asyncio
import hashlib
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.authenticators import ASYNC, SYNC, WHO, both
from tests.support.fakes import Raced
from tests.support.flows import (
    KEYS,
    SECOND,
    Person,
    Shop,
    asks,
    asks_again,
    email_only,
    email_then_phone,
    lets_in,
    ready,
)
from totpkit import (
    Challenge,
    CodePrompt,
    Denied,
    Email,
    EmailAnswer,
    EmailCode,
    EmailError,
    EmailPrompt,
    EmailTemplate,
    FederatedAnswer,
    FlowError,
    InvalidParameterError,
    Reason,
    RecoveryPrompt,
    SendEmail,
    events,
)

INVALID = Denied(Reason.TICKET_INVALID)


def begin(runtime: str = SYNC, *, issuer: str = "Acme", **parts: Any) -> tuple[Shop, Person, Challenge]:
    """Return an app that asks only for an emailed code, a user, and the challenge after their password."""
    shop = Shop(runtime, issuer=issuer, then=lambda shop: (shop.email(**parts),))
    alice = Person(shop)
    return shop, alice, alice.enter_password()


def begin_sent(runtime: str = SYNC, **parts: Any) -> tuple[Shop, Person, Challenge]:
    """Return the same after a code was sent."""
    shop, alice, challenge = begin(runtime, **parts)
    return shop, alice, alice.answer(challenge, SendEmail())


# Only on request


@pytest.mark.proves("MAIL-off")
@both
def test_on_request(runtime: str) -> None:
    """A code is sent when the user asks for it and not before, and the prompt says that it was sent."""
    shop, alice = ready(runtime)
    challenge = alice.enter_password()
    assert (challenge.prompts, shop.mailbox) == (SECOND, [])
    sent = alice.answer(challenge, SendEmail())
    assert (sent.ticket, sent.problem) == (challenge.ticket, None)
    assert sent.prompts == (*SECOND[:2], EmailPrompt("a***@example.com", sent=True))
    assert [email.to for email in shop.mailbox] == ["alice@example.com"]
    assert shop.take_events() == [events.CodeEmailed(account_id=WHO, at=shop.clock())]
    result = lets_in(alice.answer(sent, EmailAnswer(shop.emailed_code())))
    assert (result.factors, result.methods) == (("password", "email"), ("pwd",))
    assert shop.take_events() == [events.FactorAccepted(account_id=WHO, at=shop.clock(), factor="email")]


@pytest.mark.proves("MAIL-off")
@both
def test_no_address(runtime: str) -> None:
    """An account without an address is not offered an email, and requesting one raises."""
    shop, alice = ready(runtime)
    shop.addresses[WHO] = None
    challenge = asks(alice.enter_password(), CodePrompt, RecoveryPrompt)
    with pytest.raises(EmailError, match="no address"):
        alice.answer(challenge, SendEmail())
    assert (shop.mailbox, shop.record().emailed) == ([], None)
    lets_in(alice.answer(challenge, alice.code()))


# When a code is accepted


@pytest.mark.proves("NIST-3.1.3")
@both
def test_once(runtime: str) -> None:
    """An emailed code is accepted once, and needs no phone."""
    shop, alice, sent = begin_sent(runtime)
    answer = EmailAnswer(shop.emailed_code())
    assert lets_in(alice.answer(sent, answer)).methods == ("pwd",)
    again = alice.answer(sent, answer)
    assert (again.problem, again.prompts) == (Reason.EXPIRED, (EmailPrompt("a***@example.com"),))
    assert (shop.auth.status(WHO).failures, shop.auth.status(WHO).enrolled) == (0, False)


@pytest.mark.proves("NIST-3.1.3")
@both
@pytest.mark.parametrize("lifetime", [60.0, 120.5, 300.0])
def test_lifetime(runtime: str, lifetime: float) -> None:
    """An emailed code works for the time that the email says."""
    shop, alice, sent = begin_sent(runtime, lifetime=lifetime)
    assert f"for {int(lifetime // 60)} minutes" in shop.mailbox[0].text
    answer = EmailAnswer(shop.emailed_code())
    shop.clock.advance(lifetime - 0.5)
    assert alice.reload(sent).prompts[0].sent
    shop.clock.advance(0.5)
    assert not alice.reload(sent).prompts[0].sent
    assert alice.answer(sent, answer).problem is Reason.EXPIRED
    shop.clock.advance(-0.5)
    lets_in(alice.answer(sent, answer))


@pytest.mark.proves("ASVS-6.6.2")
@both
def test_bound_to_the_login(runtime: str) -> None:
    """An emailed code works only in the login that requested it, not in another one of the same browser."""
    shop, alice, sent = begin_sent(runtime)
    code, page = EmailAnswer(shop.emailed_code()), alice.begin()
    stranger = Person(shop, binding="browser 2")
    others = [(alice, alice.enter_password()), (stranger, stranger.enter_password())]
    others += [
        (alice, alice.answer(page, answer)) for answer in (alice.credentials, FederatedAnswer("google", WHO))
    ]
    for person, other in others:
        assert other.prompts == (EmailPrompt("a***@example.com"),)
        asks_again(person.answer(other, code), other, Reason.EXPIRED)
    assert shop.auth.status(WHO).failures == 0
    lets_in(alice.answer(sent, code))


@pytest.mark.proves("ASVS-6.6.2")
@both
def test_requested_by_another_login(runtime: str) -> None:
    """A code that another login requests replaces the first one, and the first login does not learn of it."""
    shop, alice, sent = begin_sent(runtime)
    first = EmailAnswer(shop.emailed_code())
    shop.clock.advance(60)
    other = alice.enter_password()
    second = alice.send_email(other)
    for code in (first, second):
        assert alice.answer(sent, code).problem is Reason.EXPIRED
    assert not alice.reload(sent).prompts[0].sent
    lets_in(alice.answer(other, second))


@both
def test_spellings(runtime: str) -> None:
    """A code may contain spaces and dashes, but no other characters and no digits of other scripts."""
    shop, alice, sent = begin_sent(runtime)
    code = shop.emailed_code()
    foreign = [code[:5] + "\u0660", "".join(chr(0xFF10 + int(digit)) for digit in code)]
    for other in ("", code[:5], code + "0", "+" + code[1:], code + "\n", *foreign):
        assert alice.answer(sent, EmailAnswer(other)).problem is Reason.MALFORMED
        shop.auth.unlock(WHO)
    lets_in(alice.answer(sent, EmailAnswer(f" {code[:3]}-{code[3:]} ")))


@both
@pytest.mark.parametrize("digits", [6, 7, 8])
def test_digits(runtime: str, digits: int) -> None:
    """Codes have the configured number of digits, with leading zeros, and differ."""
    codes = set()
    for _ in range(20):
        shop, alice, sent = begin_sent(runtime, digits=digits)
        codes.add(shop.emailed_code())
        lets_in(alice.answer(sent, EmailAnswer(shop.emailed_code())))
    assert {len(code) for code in codes} == {digits}
    assert len(codes) > 15


@both
def test_stored_as_a_keyed_hash(runtime: str) -> None:
    """The store contains neither the code nor the address, only a hash with the signing key."""
    shop, _, sent = begin_sent(runtime, digits=8)
    stored, code = shop.store.load(WHO), shop.emailed_code().encode()
    emailed = shop.record().emailed
    assert stored is not None
    assert emailed is not None
    assert [part for part in (code, b"example.com", b"alice") if part in stored] == []
    assert (len(emailed.digest), emailed.digest == hashlib.sha256(code).digest()) == (32, False)
    assert "alice" not in repr((sent, shop.mailbox[0]))


@pytest.mark.proves("ASVS-13.3")
@both
def test_key_rotation(runtime: str) -> None:
    """A code that was sent before the signing keys rotated works afterwards."""
    shop, _, sent = begin_sent(runtime)
    rotated = Person(shop.again(then=email_only, keys=[b"n" * 32, *KEYS]))
    lets_in(rotated.answer(sent, EmailAnswer(shop.emailed_code())))


# How many emails


@both
def test_cooldown(runtime: str) -> None:
    """The next code can be requested after a minute; an earlier request sends and writes nothing."""
    shop, alice, sent = begin_sent(runtime)
    shop.clock.advance(20)
    stored = shop.store.load(WHO)
    for challenge in (sent, alice.enter_password()):
        again = alice.answer(challenge, SendEmail())
        assert (again.problem, again.retry_after, again.ticket) == (Reason.THROTTLED, 40, challenge.ticket)
    assert (len(shop.mailbox), shop.store.load(WHO)) == (1, stored)
    shop.clock.advance(39.5)
    assert alice.answer(sent, SendEmail()).retry_after == 0.5
    shop.clock.advance(0.5)
    assert alice.answer(sent, SendEmail()).problem is None
    assert len(shop.mailbox) == 2


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("cooldown", [-1, 3601, None]),
        ("hourly", [0, 6, 1.0]),
        ("digits", [5, 9, "6"]),
        ("lifetime", [600.5, 59.5, float("nan"), None, "60"]),
        ("template", ["Your code is {code}", EmailTemplate]),
    ],
)
def test_invalid_parameters(name: str, values: list[Any]) -> None:
    """A parameter that is out of range or of the wrong type is rejected at construction."""
    for value in values:
        with pytest.raises(InvalidParameterError) as caught:
            Shop().email(**{name: value})
        assert caught.value.parameter == name


# Throttling


@pytest.mark.proves("NIST-3.1.3", "T40", "RFC4226-7.3")
@both
def test_requests_reset_nothing(runtime: str) -> None:
    """Wrong codes count together with those of other factors, and requesting a new code resets nothing."""
    shop, alice = ready(runtime)
    challenge = alice.enter_password()
    for failures in range(1, 5):
        shop.clock.advance(60)
        right = int(alice.send_email(challenge).code)
        wrong, problem = [
            (f"{(right + 1) % 10**6:06d}", Reason.MISMATCH),
            ("1", Reason.MALFORMED),
        ][failures % 2]
        assert alice.answer(challenge, EmailAnswer(wrong)).problem is problem
        assert shop.auth.status(WHO).failures == failures
        alice.answer(alice.enter_password(), SendEmail())
        assert shop.auth.status(WHO).failures == failures
    assert alice.answer(challenge, alice.wrong()).retry_after == 30
    emails = len(shop.mailbox)
    for answer in (SendEmail(), EmailAnswer(shop.emailed_code()), alice.code()):
        waiting = alice.answer(challenge, answer)
        assert (waiting.problem, waiting.retry_after) == (Reason.THROTTLED, 30)
    assert len(shop.mailbox) == emails


@both
def test_no_code_sent(runtime: str) -> None:
    """A code that is typed before any was sent does not count as a failure."""
    shop, alice, challenge = begin(runtime)
    for _ in range(20):
        asks_again(alice.answer(challenge, EmailAnswer("123456")), challenge, Reason.EXPIRED)
    assert shop.auth.status(WHO).failures == 0


@pytest.mark.proves("T40")
@both
def test_before_the_last_step(runtime: str) -> None:
    """A right emailed code before the last step is spent, and does not reset the failures."""
    shop, alice = ready(runtime, then=email_then_phone)
    shop.clock.advance(60)
    step = alice.enter_password()
    code = alice.send_email(step)
    alice.answer(step, EmailAnswer("no"))
    last = asks(alice.answer(step, code), CodePrompt)
    assert shop.auth.status(WHO).failures == 1
    assert alice.answer(step, code).problem is Reason.EXPIRED
    assert lets_in(alice.answer(last, alice.code())).failures == 1


# Mailers


class DownError(Exception):
    """A mailer's own exception."""


class SwitchedMailer:
    """A mailer that raises while it is down, before or after the email was delivered."""

    def __init__(self, error: BaseException | None = None, *, delivers: bool = False) -> None:
        self.error = error
        self.delivers = delivers
        self.delivered: list[Email] = []

    def __call__(self, email: Email) -> None:
        if self.error is None or self.delivers:
            self.delivered.append(email)
        if self.error is not None:
            raise self.error


@both
@pytest.mark.parametrize("error", [DownError("x"), EmailError("x")], ids=repr)
def test_failing_mailer(runtime: str, error: Exception) -> None:
    """An exception from the mailer reaches the app, no code works, and there is no cooldown."""
    shop, alice, challenge = begin(runtime, mailer=(mailer := SwitchedMailer(error)))
    for _ in range(4):
        with pytest.raises(type(error)) as caught:
            alice.answer(challenge, SendEmail())
        assert caught.value is error
    assert shop.take_events() == []
    assert not alice.reload(challenge).prompts[0].sent
    assert alice.answer(challenge, EmailAnswer("123456")).problem is Reason.EXPIRED
    mailer.error, shop.mailbox = None, mailer.delivered
    lets_in(alice.answer(challenge, alice.send_email(challenge)))


@both
def test_failures_count_towards_the_hourly_limit(runtime: str) -> None:
    """A mail server that delivers but reports failures cannot be made to send more than five per hour."""
    mailer = SwitchedMailer(DownError(), delivers=True)
    _, alice, challenge = begin(runtime, mailer=mailer)
    for _ in range(5):
        with pytest.raises(DownError):
            alice.answer(challenge, SendEmail())
    assert alice.answer(challenge, SendEmail()).problem is Reason.THROTTLED
    assert len(mailer.delivered) == 5


def test_interrupted_mailer() -> None:
    """If the request is interrupted, the email may be on its way: its code works, and the cooldown stays."""
    mailer = SwitchedMailer(KeyboardInterrupt(), delivers=True)
    shop, alice, challenge = begin(mailer=mailer)
    with pytest.raises(KeyboardInterrupt):
        alice.answer(challenge, SendEmail())
    assert alice.answer(challenge, SendEmail()).problem is Reason.THROTTLED
    shop.mailbox = mailer.delivered
    lets_in(alice.answer(challenge, EmailAnswer(shop.emailed_code())))


@both
def test_lost_races(runtime: str) -> None:
    """A request sends one email, however many races its write loses."""
    shop, _, challenge = begin(runtime)
    rival = Shop(store=shop.store, clock=shop.clock)

    def write(swap: int) -> None:
        if swap < 6:
            rival.auth.begin_enrollment(WHO, label="x", binding=f"login {swap}")

    raced = shop.again(store=Raced(shop.store, write), then=email_only)
    code = Person(raced).send_email(challenge)
    assert len(raced.mailbox) == 1
    lets_in(Person(raced).answer(challenge, code))


def test_parallel_requests() -> None:
    """Of two requests at the same time, one sends and the other has to wait."""
    shop, alice, challenge = begin()
    other, first = alice.enter_password(), []

    def request(swap: int) -> None:
        if swap == 0:
            first.append(alice.answer(other, SendEmail()))

    raced = shop.again(store=Raced(shop.store, request), then=email_only)
    late = Person(raced).answer(challenge, SendEmail())
    assert (first[0].problem, late.problem, late.retry_after) == (None, Reason.THROTTLED, 60)
    assert (len(shop.mailbox), len(raced.mailbox)) == (1, 0)


def test_sync_mailer_of_an_async_flow() -> None:
    """A sync mailer runs in a worker thread, where it does not block the event loop."""
    threads = []

    def mailer(email: Email) -> None:
        threads.append(threading.current_thread().name)
        shop.mailbox.append(email)

    shop = Shop(ASYNC, then=lambda shop: (EmailCode(shop.own, mailer=mailer, address_of=shop.addresses.get),))
    Person(shop).log_in()
    (thread,) = threads
    assert thread not in {threading.main_thread().name, "event loop"}


async def failing_mailer(email: Email) -> None:
    """Fail after a suspension."""
    await asyncio.sleep(0)
    raise DownError(email.to)


@pytest.mark.proves("T45")
@pytest.mark.parametrize(
    ("runtime", "mailer", "error"),
    [(ASYNC, failing_mailer, DownError), (SYNC, lambda email: failing_mailer(email), FlowError)],  # noqa: PLW0108 - hides the coroutine function
)
def test_async_mailer(runtime: str, mailer: Callable[..., Any], error: type[Exception]) -> None:
    """An async flow awaits its mailer, and a sync flow rejects a mailer that returns a coroutine."""
    _, alice, challenge = begin(runtime, mailer=mailer)
    for _ in range(2):
        with pytest.raises(error):
            alice.answer(challenge, SendEmail())
    assert not alice.reload(challenge).prompts[0].sent


# The email and the prompt


@pytest.mark.proves("MAIL-off")
@both
def test_template(runtime: str) -> None:
    """The app's own template is filled in and sent."""
    template = EmailTemplate(
        subject="{issuer}: {code}", text="{code} fuer {minutes} Minuten", html="<b>{code}</b> {issuer}"
    )
    shop, alice, challenge = begin(runtime, issuer="A & B", template=template, lifetime=120)
    code = alice.send_email(challenge).code
    assert shop.mailbox == [
        Email(
            to="alice@example.com",
            subject=f"A & B: {code}",
            text=f"{code} fuer 2 Minuten",
            html=f"<b>{code}</b> A &amp; B",
        )
    ]


@pytest.mark.parametrize(
    ("address", "hint"),
    [
        ("alice@example.com", "a***@example.com"),
        ("@example.com", "***@example.com"),
        ("a@b@example.com", "a***@example.com"),
        ("+49 170 123", "+***"),
    ],
)
def test_address_hint(address: str, hint: str) -> None:
    """The prompt shows enough of an address for its owner to recognize it."""
    shop, alice, _ = begin()
    shop.addresses[WHO] = address
    assert alice.enter_password().prompts == (EmailPrompt(hint),)
