"""Codes by mail, in both colours."""

import asyncio
import hashlib
import threading
from itertools import pairwise
from typing import Any

import pytest

from tests.support.authenticators import ASYNC, SYNC, WHO, both
from tests.support.fakes import Raced
from tests.support.flows import (
    KEYS,
    OF_BOB,
    SECOND,
    Person,
    Shop,
    asks,
    asks_again,
    lets_in,
    mail_then_phone,
    ready,
)
from totpkit import (
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


def mail_only(shop: Shop) -> Any:
    """Return one later step, a mailed code alone."""
    return (shop.email(),)


def asked(colour: str, **parts: Any) -> tuple[Shop, Person, Any]:
    """Return an app, somebody there who has no phone, and the challenge at which a code was sent to them."""
    shop = Shop(colour, **{"then": mail_only, **parts})
    alice = Person(shop)
    return shop, alice, alice.answer(alice.come_in(), SendEmail())


# Off unless asked for


@pytest.mark.proves("MAIL-off")
@both
def test_off(colour: str) -> None:
    """A flow without mailed codes prompts for none, sends none and takes none."""
    shop, alice = ready(colour, then=lambda shop: (shop.totp() | shop.recovery(),))
    challenge = asks(alice.come_in(), CodePrompt, RecoveryPrompt)
    for answer in (SendEmail(), EmailAnswer("123456")):
        asks_again(alice.answer(challenge, answer), challenge, Reason.NOT_OFFERED)
    assert (shop.mailbox, shop.auth.status(WHO).failures) == ([], 0)


@pytest.mark.proves("MAIL-off")
@both
def test_on_request(colour: str) -> None:
    """A code is sent when it is asked for and not before, and the prompt says that it is on its way."""
    shop, alice = ready(colour)
    challenge = alice.come_in()
    assert (challenge.prompts, shop.mailbox) == (SECOND, [])
    sent = alice.answer(challenge, SendEmail())
    assert (sent.ticket, sent.problem) == (challenge.ticket, None)
    assert sent.prompts == (*SECOND[:2], EmailPrompt("a***@example.com", sent=True))
    assert [mail.to for mail in shop.mailbox] == ["alice@example.com"]
    assert shop.told() == [events.CodeEmailed(account_id=WHO, at=shop.clock())]
    result = lets_in(alice.answer(sent, EmailAnswer(shop.mailed_code())))
    assert (result.factors, result.methods) == (("password", "email"), ("pwd",))
    assert shop.told() == [events.FactorAccepted(account_id=WHO, at=shop.clock(), factor="email")]


@both
def test_without_a_phone(colour: str) -> None:
    """A mailed code needs no phone, where the flow asks for none."""
    shop, alice, sent = asked(colour)
    assert lets_in(alice.answer(sent, EmailAnswer(shop.mailed_code()))).methods == ("pwd",)
    assert not shop.auth.status(WHO).enrolled


@pytest.mark.proves("MAIL-off")
@both
def test_no_address(colour: str) -> None:
    """An account without an address is offered no mail, and asking for one is a typed error."""
    shop, alice = ready(colour)
    shop.addresses[WHO] = None
    challenge = asks(alice.come_in(), CodePrompt, RecoveryPrompt)
    with pytest.raises(EmailError, match="no address"):
        alice.answer(challenge, SendEmail())
    assert (shop.mailbox, shop.record().emailed) == ([], None)
    lets_in(alice.answer(challenge, alice.code()))


# What a code is worth


@pytest.mark.proves("NIST-3.1.3")
@both
def test_once(colour: str) -> None:
    """A mailed code is accepted once."""
    shop, alice, sent = asked(colour)
    answer = EmailAnswer(shop.mailed_code())
    lets_in(alice.answer(sent, answer))
    again = alice.answer(sent, answer)
    assert again.problem is Reason.EXPIRED
    assert again.prompts == (EmailPrompt("a***@example.com"),)
    assert shop.auth.status(WHO).failures == 0


@pytest.mark.proves("NIST-3.1.3")
@both
@pytest.mark.parametrize("lifetime", [60.0, 120.5, 300.0])
def test_lifetime(colour: str, lifetime: float) -> None:
    """A mailed code works as long as the app says, at most ten minutes, and the letter says it."""
    shop, alice, sent = asked(colour, then=lambda shop: (shop.email(lifetime=lifetime),))
    assert f"for {int(lifetime // 60)} minutes" in shop.mailbox[0].text
    shop.clock.advance(lifetime - 0.5)
    assert alice.reload(sent).prompts[0].sent
    shop.clock.advance(0.5)
    assert not alice.reload(sent).prompts[0].sent
    assert alice.answer(sent, EmailAnswer(shop.mailed_code())).problem is Reason.EXPIRED
    shop.clock.advance(-0.5)
    lets_in(alice.answer(sent, EmailAnswer(shop.mailed_code())))


@pytest.mark.proves("NIST-3.1.3")
@both
def test_longest_lifetime(colour: str) -> None:
    """No setting makes a mailed code live for more than ten minutes."""
    shop, alice = Shop(colour, then=mail_only), None
    alice = Person(shop)
    challenge = alice.come_in()
    shop.clock.advance(500)
    alice.answer(challenge, SendEmail())
    shop.clock.advance(599.5)
    assert alice.answer(challenge, EmailAnswer(shop.mailed_code())) == Denied(Reason.TICKET_EXPIRED)
    assert shop.record().emailed.expires_at == shop.clock() + 0.5  # type: ignore[union-attr]
    for lifetime in (600.5, 59.5, float("nan"), None, "60"):
        with pytest.raises(InvalidParameterError, match="lifetime"):
            shop.email(lifetime=lifetime)


@pytest.mark.proves("ASVS-6.6.2")
@both
def test_bound_to_the_login(colour: str) -> None:
    """A mailed code is of the login that asked for it: in another, of the same browser even, it is none."""
    shop, alice, sent = asked(colour)
    code = EmailAnswer(shop.mailed_code())
    page = alice.begin()
    others = [alice.come_in(), Person(shop, binding="browser 2").come_in()]
    others += [alice.answer(page, alice.credentials), alice.answer(page, FederatedAnswer("google", WHO))]
    for other in others:
        binding = "browser 2" if other is others[1] else alice.binding
        assert other.prompts == (EmailPrompt("a***@example.com"),)
        again = alice.answer(other, code, binding=binding)
        assert (again.problem, again.ticket) == (Reason.EXPIRED, other.ticket)
    assert shop.auth.status(WHO).failures == 0
    lets_in(alice.answer(sent, code))


@pytest.mark.proves("ASVS-6.6.2")
@both
def test_asked_by_another_login(colour: str) -> None:
    """Whoever asks last has the one code: that of the login before ends, and gives no hint of the new one."""
    shop, alice, sent = asked(colour)
    first = EmailAnswer(shop.mailed_code())
    shop.clock.advance(60)
    other = alice.answer(alice.come_in(), SendEmail())
    assert alice.answer(sent, first).problem is Reason.EXPIRED
    assert alice.answer(sent, EmailAnswer(shop.mailed_code())).problem is Reason.EXPIRED
    assert not alice.reload(sent).prompts[0].sent
    lets_in(alice.answer(other, EmailAnswer(shop.mailed_code())))


@both
def test_of_one_account(colour: str) -> None:
    """A code mailed to one account is none for another."""
    shop, alice, sent = asked(colour)
    bob = Person(shop, OF_BOB)
    theirs = bob.answer(bob.come_in(), SendEmail())
    assert [mail.to for mail in shop.mailbox] == ["alice@example.com", "bob@example.com"]
    codes = [EmailAnswer(shop.mailed_code(place)) for place in (0, 1)]
    if codes[0] != codes[1]:
        assert bob.answer(theirs, codes[0]).problem is Reason.MISMATCH
        assert alice.answer(sent, codes[1]).problem is Reason.MISMATCH
    lets_in(alice.answer(sent, codes[0]))
    lets_in(bob.answer(theirs, codes[1]))


@both
def test_resent(colour: str) -> None:
    """A second code in one login takes the place of the first."""
    shop, alice, sent = asked(colour)
    shop.clock.advance(60)
    alice.answer(sent, SendEmail())
    old, new = (EmailAnswer(shop.mailed_code(place)) for place in (0, 1))
    if old != new:
        assert alice.answer(sent, old).problem is Reason.MISMATCH
    lets_in(alice.answer(sent, new))


@both
def test_spellings(colour: str) -> None:
    """A code is read with the spaces and dashes that people type, and no other digits."""
    shop, alice, sent = asked(colour)
    code = shop.mailed_code()
    foreign = [code[:5] + "\u0660", "".join(chr(0xFF10 + int(digit)) for digit in code)]
    for other in ("", code[:5], code + "0", "+" + code[1:], code + "\n", *foreign):
        assert alice.answer(sent, EmailAnswer(other)).problem is Reason.MALFORMED
        shop.auth.unlock(WHO)
    lets_in(alice.answer(sent, EmailAnswer(f" {code[:3]}-{code[3:]} ")))


@both
@pytest.mark.parametrize("digits", [6, 7, 8])
def test_digits(colour: str, digits: int) -> None:
    """Codes have as many digits as the app says, leading zeros kept, and are drawn anew each time."""
    codes = set()
    for _ in range(20):
        shop, alice, sent = asked(colour, then=lambda shop: (shop.email(digits=digits),))
        code = shop.mailed_code()
        assert len(code) == digits
        codes.add(code)
        lets_in(alice.answer(sent, EmailAnswer(code)))
    assert len(codes) > 15


@both
def test_stored_as_a_keyed_hash(colour: str) -> None:
    """The store holds neither code nor address, but a hash by the signing key."""
    shop, _, sent = asked(colour, then=lambda shop: (shop.email(digits=8),))
    stored, code = shop.store.load(WHO), shop.mailed_code().encode()
    assert stored is not None
    assert [part for part in (code, b"example.com", b"alice") if part in stored] == []
    assert shop.record().emailed.digest != hashlib.sha256(code).digest()  # type: ignore[union-attr]
    assert len(shop.record().emailed.digest) == 32  # type: ignore[union-attr]
    assert "alice" not in repr((sent, shop.mailbox[0]))


@pytest.mark.proves("ASVS-13.3")
@both
def test_key_rotation(colour: str) -> None:
    """A code mailed before the keys rotated works after."""
    shop, _, sent = asked(colour)
    rotated = Person(shop.again(then=mail_only, keys=[b"n" * 32, *KEYS]))
    lets_in(rotated.answer(sent, EmailAnswer(shop.mailed_code())))


# How many


@both
def test_cooldown(colour: str) -> None:
    """The next code can be asked for after a minute, by whichever login; a wait sends and changes nothing."""
    shop, alice, sent = asked(colour)
    shop.clock.advance(20)
    stored = shop.store.load(WHO)
    for challenge in (sent, alice.come_in()):
        again = alice.answer(challenge, SendEmail())
        assert (again.problem, again.retry_after) == (Reason.THROTTLED, 40)
        assert again.ticket == challenge.ticket
    assert (len(shop.mailbox), shop.store.load(WHO)) == (1, stored)
    shop.clock.advance(39.5)
    assert alice.answer(sent, SendEmail()).retry_after == 0.5
    shop.clock.advance(0.5)
    assert alice.answer(sent, SendEmail()).problem is None
    assert len(shop.mailbox) == 2


@both
def test_hourly(colour: str) -> None:
    """An account gets at most five mails in any hour, whoever asks."""
    shop = Shop(colour, then=mail_only)
    alice = Person(shop)
    times = []
    for _ in range(4 * 60 * 6):  # four hours and more, asked every half minute
        if alice.answer(alice.come_in(), SendEmail()).problem is None:
            times.append(shop.clock())
        shop.clock.advance(30)
        if len(times) == 12:
            break
    assert len(times) == len(shop.mailbox) == 12
    for early, late in zip(times, times[5:], strict=False):
        assert late - early >= 3600
    for early, late in pairwise(times):
        assert late - early >= 60
    assert len(shop.record().emailed.sent) <= 5  # type: ignore[union-attr]


@both
@pytest.mark.parametrize(
    "terms",
    [
        {"cooldown": -1},
        {"cooldown": 3601},
        {"cooldown": None},
        {"hourly": 0},
        {"hourly": 6},
        {"hourly": 1.0},
        {"digits": 5},
        {"digits": 9},
        {"digits": "6"},
        {"template": "Your code is {code}"},
        {"template": EmailTemplate},
    ],
    ids=repr,
)
def test_terms(colour: str, terms: dict[str, Any]) -> None:
    """Numbers out of range are refused where they are given."""
    shop = Shop(colour)
    with pytest.raises(InvalidParameterError, match=next(iter(terms))):
        shop.email(**terms)


# Throttled with the rest


@pytest.mark.proves("NIST-3.1.3", "T40", "RFC4226-7.3")
@both
def test_asking_forgives_nothing(colour: str) -> None:
    """Asking for another code does not reset the failures; they are those of all second factors."""
    shop, alice = ready(colour)
    challenge = alice.come_in()
    for failures in range(1, 5):
        shop.clock.advance(60)
        alice.answer(challenge, SendEmail())
        wrong = EmailAnswer("1" if failures % 2 else f"{(int(shop.mailed_code()) + 1) % 10**6:06d}")
        again = alice.answer(challenge, wrong)
        assert again.problem is (Reason.MALFORMED if failures % 2 else Reason.MISMATCH)
        assert shop.auth.status(WHO).failures == failures
        alice.answer(alice.come_in(), SendEmail())
        assert shop.auth.status(WHO).failures == failures
    last = alice.answer(challenge, alice.wrong())
    assert last.retry_after == 30
    asked = len(shop.mailbox)
    for answer in (SendEmail(), EmailAnswer(shop.mailed_code()), alice.code()):
        waiting = alice.answer(challenge, answer)
        assert (waiting.problem, waiting.retry_after) == (Reason.THROTTLED, 30)
    assert len(shop.mailbox) == asked


@both
def test_no_live_code_counts_nothing(colour: str) -> None:
    """A code typed before any was sent is no guess: it is not counted."""
    shop = Shop(colour, then=mail_only)
    alice = Person(shop)
    challenge = alice.come_in()
    for _ in range(20):
        asks_again(alice.answer(challenge, EmailAnswer("123456")), challenge, Reason.EXPIRED)
    assert shop.auth.status(WHO).failures == 0


@pytest.mark.proves("RFC4226-7.3", "T10")
@both
def test_guesses_over_many_logins(colour: str) -> None:
    """A guesser gets as many answers as the throttle allows, however many codes and logins they ask for."""
    shop = Shop(colour, then=mail_only)
    guesser = Person(shop)
    answered = 0
    for _ in range(200):
        challenge = guesser.come_in()
        if isinstance(challenge, Denied):
            break
        guesser.answer(challenge, SendEmail())
        answered += getattr(guesser.answer(challenge, EmailAnswer("no")), "problem", None) is Reason.MALFORMED
        shop.clock.advance(120)
    assert answered == shop.auth.status(WHO).failures <= shop.policy.throttle.answers(200 * 120)


# When the credential changes


@pytest.mark.proves("T47")
@both
def test_changed_meanwhile(colour: str) -> None:
    """A mailed code ends with the credential that its login was begun for."""
    shop, alice = ready(colour)
    challenge = alice.come_in()
    alice.answer(challenge, SendEmail())
    code = EmailAnswer(shop.mailed_code())
    shop.auth.issue_recovery_codes(WHO)
    assert alice.answer(challenge, code) == INVALID
    assert alice.answer(challenge, SendEmail()) == INVALID
    assert alice.answer(alice.come_in(), code).problem is Reason.EXPIRED
    assert len(shop.mailbox) == 1


# Mailers


class DownError(Exception):
    """What a mailer raises."""


@both
@pytest.mark.parametrize("error", [DownError("x"), EmailError("x")], ids=repr)
def test_mail_that_does_not_leave(colour: str, error: Exception) -> None:
    """What a mailer raises reaches the app, no code works, and the cooldown is not spent."""
    down = True
    box: list[Email] = []

    def mailer(mail: Email) -> None:
        if down:
            raise error
        box.append(mail)

    shop = Shop(colour, then=lambda shop: (shop.email(mailer=mailer),))
    alice = Person(shop)
    challenge = alice.come_in()
    for _ in range(4):
        with pytest.raises(type(error)) as caught:
            alice.answer(challenge, SendEmail())
        assert caught.value is error
    assert shop.told() == []
    assert not alice.reload(challenge).prompts[0].sent
    assert alice.answer(challenge, EmailAnswer("123456")).problem is Reason.EXPIRED
    down = False
    shop.mailbox = box
    alice.answer(challenge, SendEmail())
    lets_in(alice.answer(challenge, EmailAnswer(shop.mailed_code())))


@both
def test_mails_that_do_not_leave_count_for_the_hour(colour: str) -> None:
    """A server that takes letters and loses its answers cannot be made to take more than five an hour."""
    box: list[Email] = []

    def mailer(mail: Email) -> None:
        box.append(mail)
        raise DownError

    shop = Shop(colour, then=lambda shop: (shop.email(mailer=mailer),))
    alice = Person(shop)
    challenge = alice.come_in()
    for _ in range(5):
        with pytest.raises(DownError):
            alice.answer(challenge, SendEmail())
    assert alice.answer(challenge, SendEmail()).problem is Reason.THROTTLED
    assert len(box) == 5


def test_interrupted() -> None:
    """Whoever gives up waiting gets no second mail at once, and the letter's code works."""
    box: list[Email] = []

    def mailer(mail: Email) -> None:
        box.append(mail)
        raise KeyboardInterrupt

    shop = Shop(SYNC, then=lambda shop: (shop.email(mailer=mailer),))
    alice = Person(shop)
    challenge = alice.come_in()
    with pytest.raises(KeyboardInterrupt):
        alice.answer(challenge, SendEmail())
    assert alice.answer(challenge, SendEmail()).problem is Reason.THROTTLED
    shop.mailbox = box
    lets_in(alice.answer(challenge, EmailAnswer(shop.mailed_code())))


def test_cooldown_of_older_mails_stays() -> None:
    """A mail that does not leave gives back its own cooldown, and not that of the one before."""
    down = False

    def mailer(_: Email) -> None:
        if down:
            raise DownError

    shop = Shop(then=lambda shop: (shop.email(mailer=mailer),))
    alice = Person(shop)
    challenge = alice.come_in()
    alice.answer(challenge, SendEmail())
    shop.clock.advance(60)
    down = True
    with pytest.raises(DownError):
        alice.answer(challenge, SendEmail())
    down = False
    shop.clock.advance(-30)
    assert alice.answer(challenge, SendEmail()).retry_after == 30


@both
def test_once_for_each_request(colour: str) -> None:
    """A mail is sent once, outside of the races that its record loses."""
    shop = Shop(colour, then=mail_only)
    alice = Person(shop)
    challenge = alice.come_in()
    rival = Shop(SYNC, store=shop.store, clock=shop.clock)

    def lose(swap: int) -> None:
        if swap < 6:
            rival.auth.begin_enrollment(WHO, label="x", binding=f"login {swap}")

    raced = shop.again(store=Raced(shop.store, lose), then=mail_only)
    Person(raced).answer(challenge, SendEmail())
    assert len(raced.mailbox) == 1
    raced.clock.advance(1)
    lets_in(Person(raced).answer(challenge, EmailAnswer(raced.mailed_code())))


def test_of_two_at_once_one_is_sent() -> None:
    """Of two requests at once one sends, and the other is told to wait: it sends nothing."""
    shop = Shop(then=mail_only)
    alice = Person(shop)
    challenge = alice.come_in()
    other = alice.come_in()
    first: list[Any] = []

    def intrude(swap: int) -> None:
        if swap == 0:
            first.append(alice.answer(other, SendEmail()))

    raced = shop.again(store=Raced(shop.store, intrude), then=mail_only)
    late = Person(raced).answer(challenge, SendEmail())
    assert (first[0].problem, late.problem, late.retry_after) == (None, Reason.THROTTLED, 60)
    assert (len(shop.mailbox), len(raced.mailbox)) == (1, 0)


def test_sync_mailer_of_an_async_flow() -> None:
    """A mailer that blocks does so in a thread of its own."""
    threads: list[str] = []

    def mailer(mail: Email) -> None:
        threads.append(threading.current_thread().name)
        shop.mailbox.append(mail)

    def blocking(shop: Shop) -> Any:
        return (EmailCode(shop.own, mailer=mailer, address_of=shop.addresses.get),)

    shop = Shop(ASYNC, then=blocking)
    Person(shop).log_in()
    assert threads != [threading.main_thread().name]
    assert len(threads) == 1


def test_async_mailer() -> None:
    """A mailer that is awaited is waited for, and may fail later than it was called."""

    async def mailer(mail: Email) -> None:
        await asyncio.sleep(0)
        raise DownError(mail.to)

    shop = Shop(ASYNC, then=lambda shop: (shop.email(mailer=mailer),))
    alice = Person(shop)
    challenge = alice.come_in()
    for _ in range(2):
        with pytest.raises(DownError):
            alice.answer(challenge, SendEmail())


@pytest.mark.proves("T45")
def test_late_mailer_of_a_sync_flow() -> None:
    """A mailer that answers a sync flow with a coroutine has sent nothing: an error, and no cooldown."""

    async def later() -> None:
        """Never run."""

    shop = Shop(then=lambda shop: (shop.email(mailer=lambda _: later()),))
    alice = Person(shop)
    challenge = alice.come_in()
    for _ in range(2):
        with pytest.raises(FlowError, match="async part"):
            alice.answer(challenge, SendEmail())
    assert not alice.reload(challenge).prompts[0].sent


# Letters


@pytest.mark.proves("MAIL-off")
@both
def test_template(colour: str) -> None:
    """The app's own template is what is sent, with the names of a whole letter filled in."""
    template = EmailTemplate(
        subject="{issuer}: {code}", text="{code} fuer {minutes} Minuten", html="<b>{code}</b> {issuer}"
    )
    shop = Shop(colour, issuer="A & B", then=lambda shop: (shop.email(template=template, lifetime=120),))
    alice = Person(shop)
    challenge = alice.come_in()
    alice.answer(challenge, SendEmail())
    code = shop.mailed_code()
    assert shop.mailbox == [
        Email(
            to="alice@example.com",
            subject=f"A & B: {code}",
            text=f"{code} fuer 2 Minuten",
            html=f"<b>{code}</b> A &amp; B",
        )
    ]


@both
@pytest.mark.parametrize(
    ("address", "hint"),
    [
        ("alice@example.com", "a***@example.com"),
        ("a@example.com", "a***@example.com"),
        ("@example.com", "***@example.com"),
        ("a@b@example.com", "a***@example.com"),
        ("+49 170 123", "+***"),
    ],
)
def test_hint(colour: str, address: str, hint: str) -> None:
    """The prompt shows as much of an address as its owner needs to recognise it."""
    shop = Shop(colour, then=mail_only)
    shop.addresses[WHO] = address
    assert Person(shop).come_in().prompts == (EmailPrompt(hint),)


# On the way


@pytest.mark.proves("T40")
@both
def test_on_the_way(colour: str) -> None:
    """A mailed code in the middle of a login is spent there, and forgives nothing."""
    shop, alice = ready(colour, then=mail_then_phone)
    shop.clock.advance(60)
    step = alice.come_in()
    alice.answer(step, SendEmail())
    alice.answer(step, EmailAnswer("no"))
    code = EmailAnswer(shop.mailed_code())
    phone = asks(alice.answer(step, code), CodePrompt)
    assert shop.auth.status(WHO).failures == 1
    assert alice.answer(step, code).problem is Reason.EXPIRED
    assert lets_in(alice.answer(phone, alice.code())).failures == 1
