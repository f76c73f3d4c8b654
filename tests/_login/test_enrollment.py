"""The first login with a phone, and who may go without one, in both colours."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import zxingcpp
from PIL import Image

from tests.support.authenticators import POLICY, SYNC, WHO, both, wrong
from tests.support.fakes import Interrupted, Tape
from tests.support.flows import (
    OF_ALICE,
    START,
    Person,
    Shop,
    asks,
    asks_again,
    lets_in,
    mail_then_phone,
    phone_only,
    phone_then_mail,
)
from totpkit import (
    Algorithm,
    CodeAnswer,
    CodePrompt,
    CustomAnswer,
    Denied,
    EmailAnswer,
    EmailPrompt,
    EnrollmentPrompt,
    FederatedAnswer,
    InvalidParameterError,
    KeyURI,
    PasswordAnswer,
    Reason,
    RecoveryAnswer,
    SendEmail,
    SkipAnswer,
    events,
)
from totpkit.stores.memory import MemoryStore
from totpkit.testing import SoftPhone

INVALID, EXPIRED = Denied(Reason.TICKET_INVALID), Denied(Reason.EXPIRED)
DISABLED, NOT_ENROLLED = Denied(Reason.DISABLED), Denied(Reason.NOT_ENROLLED)
FLAGS = [(required, enroll) for required in (True, False) for enroll in (True, False)]


def phone(**flags: Any) -> Callable[[Shop], Any]:
    """Return one later step, the phone alone, with these flags."""
    return lambda shop: (shop.totp(**flags),)


@pytest.mark.proves("FLOW-enroll-once")
@both
def test_first_login(colour: str) -> None:
    """The picture is shown until its first code, which completes the login; after that never again."""
    shop = Shop(colour)
    alice = Person(shop)
    enrollment = asks(alice.come_in(), EnrollmentPrompt)
    alice.scan(enrollment)
    assert not shop.auth.status(WHO).enrolled
    result = lets_in(alice.answer(enrollment, alice.code()))
    assert (result.account_id, result.factors, result.enrolled) == (WHO, ("password", "totp"), True)
    assert shop.auth.status(WHO).enrolled
    assert alice.answer(enrollment, alice.code()) == INVALID
    assert alice.reload(enrollment) == INVALID
    for _ in range(3):
        shop.clock.advance(86_400)
        again = alice.come_in()
        assert EnrollmentPrompt not in map(type, again.prompts)
        result = lets_in(alice.answer(again, alice.code()))
        assert not result.enrolled


@both
def test_prompt(colour: str, tmp_path: Any) -> None:
    """The prompt holds all that a page needs: a picture, its text, the key by hand, a code's length."""
    shop = Shop(colour, policy=replace(POLICY, digits=8, algorithm=Algorithm.SHA256, period=60))
    prompt = Person(shop).come_in().prompts[0]
    uri = KeyURI.parse(prompt.uri)
    assert (uri.issuer, uri.account) == ("Acme", "alice@example.com")
    assert prompt.secret == uri.otp.secret.grouped()
    assert (prompt.digits, prompt.optional) == (8, False)
    prompt.qr().save(tmp_path / "qr.png")
    (read,) = zxingcpp.read_barcodes(Image.open(tmp_path / "qr.png"))
    assert read.text == prompt.uri
    assert prompt.to_dict() == {
        "type": "enrollment",
        "uri": prompt.uri,
        "secret": prompt.secret,
        "qr": prompt.qr().data_uri(),
        "digits": 8,
        "optional": False,
    }


@pytest.mark.proves("FLOW-enroll-once")
@both
def test_wrong_code(colour: str) -> None:
    """A wrong code leaves the account not enrolled, and shows the same picture again."""
    shop = Shop(colour)
    alice = Person(shop)
    enrollment = alice.come_in()
    alice.scan(enrollment)
    for answer, problem in [(alice.wrong(), Reason.MISMATCH), (CodeAnswer("no"), Reason.MALFORMED)]:
        again = asks_again(alice.answer(enrollment, answer), enrollment, problem)
        assert again.prompts[0].qr().svg() == enrollment.prompts[0].qr().svg()  # type: ignore[union-attr]
    assert not shop.auth.status(WHO).enrolled
    assert lets_in(alice.answer(enrollment, alice.code())).failures == 2


@pytest.mark.proves("FLOW-enroll-once", "T37")
@both
def test_abandoned(colour: str) -> None:
    """Who abandons it is not enrolled; a new login shows a new secret, and the old one is worth nothing."""
    shop = Shop(colour)
    alice = Person(shop)
    abandoned = alice.come_in()
    old = alice.scan(abandoned)
    enrollment = alice.come_in()
    assert enrollment.prompts != abandoned.prompts
    assert not shop.auth.status(WHO).enrolled
    for answer in (CodeAnswer(old.code()), SkipAnswer()):
        assert alice.answer(abandoned, answer) == EXPIRED
    assert alice.reload(abandoned) == EXPIRED
    asks_again(alice.answer(enrollment, CodeAnswer(old.code())), enrollment, Reason.MISMATCH)
    alice.scan(enrollment)
    lets_in(alice.answer(enrollment, alice.code()))


@pytest.mark.proves("T37")
@both
def test_shown_to_another(colour: str) -> None:
    """A secret shown to one login, by the same page even, is never the one that another confirms."""
    shop = Shop(colour)
    mallory, alice = Person(shop), Person(shop)
    page = mallory.begin()
    seen = mallory.scan(mallory.answer(page, OF_ALICE))
    enrollment = alice.answer(page, OF_ALICE)  # the page was left open: one ticket, one browser
    mine = alice.scan(enrollment)
    assert seen.code() != mine.code()
    asks_again(alice.answer(enrollment, CodeAnswer(seen.code())), enrollment, Reason.MISMATCH)
    lets_in(alice.answer(enrollment, CodeAnswer(mine.code())))
    shop.clock.advance(30)
    challenge = mallory.come_in()
    assert mallory.answer(challenge, CodeAnswer(seen.code())).problem is Reason.MISMATCH


@pytest.mark.proves("FLOW-enroll-once")
@both
def test_two_tabs_of_one_login(colour: str) -> None:
    """Of two pages of one login the first confirms; to the other the account has changed."""
    shop = Shop(colour)
    alice = Person(shop)
    enrollment = alice.come_in()
    same = alice.reload(enrollment)
    alice.scan(enrollment)
    lets_in(alice.answer(enrollment, alice.code()))
    shop.clock.advance(30)
    assert alice.answer(same, alice.code()) == INVALID


@pytest.mark.proves("FLOW-choice", "MAIL-off")
@both
def test_nothing_else(colour: str) -> None:
    """An account without a phone is offered its enrollment alone: no mail, no recovery code, no skip."""
    shop = Shop(colour)
    alice = Person(shop)
    enrollment = asks(alice.come_in(), EnrollmentPrompt)
    others = [RecoveryAnswer("x"), SendEmail(), EmailAnswer("123456"), SkipAnswer(), OF_ALICE]
    for answer in (*others, CustomAnswer("totp"), FederatedAnswer("google", WHO)):
        asks_again(alice.answer(enrollment, answer), enrollment, Reason.NOT_OFFERED)
    assert (shop.mailbox, shop.auth.status(WHO).failures) == ([], 0)


@both
def test_phone_that_ignores_parameters(colour: str) -> None:
    """A phone that ignores the parameters is told apart, and is not taken."""
    shop = Shop(colour, policy=replace(POLICY, digits=8))
    alice = Person(shop)
    enrollment = alice.come_in()
    phone = SoftPhone(enrollment.prompts[0].uri, clock=shop.clock, ignores_parameters=True)
    again = alice.answer(enrollment, CodeAnswer(phone.code()))
    assert (again.problem, again.to_dict()["problem"]) == (Reason.APP_IGNORED_PARAMETERS, "wrong")
    assert not shop.auth.status(WHO).enrolled


@both
def test_shown_no_longer(colour: str) -> None:
    """A picture that the policy lets expire before the ticket ends the login; a new one shows another."""
    shop = Shop(colour, policy=replace(POLICY, enrollment_lifetime=60.0))
    alice = Person(shop)
    enrollment = alice.come_in()
    old = alice.scan(enrollment)
    shop.clock.advance(59.5)
    asks_again(alice.reload(enrollment), enrollment, None)
    shop.clock.advance(0.5)
    assert alice.answer(enrollment, alice.code()) == EXPIRED
    assert alice.reload(enrollment) == EXPIRED
    assert shop.auth.status(WHO).failures == 0
    assert alice.scan(alice.come_in()).code() != old.code()


@both
def test_longest_first_login(colour: str) -> None:
    """A picture works as long as its ticket, ten minutes."""
    shop = Shop(colour)
    early, late = Person(shop), Person(shop, binding="browser 2")
    enrollment = early.come_in()
    early.scan(enrollment)
    shop.clock.advance(599.5)
    lets_in(early.answer(enrollment, early.code()))
    shop.auth.revoke(WHO)
    enrollment = late.come_in()
    late.scan(enrollment)
    shop.clock.advance(600)
    assert late.answer(enrollment, late.code()) == Denied(Reason.TICKET_EXPIRED)


@pytest.mark.proves("T09", "T38")
@both
def test_throttled(colour: str) -> None:
    """Wrong first codes are counted like all others: there is a wait in this login and the next."""
    shop = Shop(colour, then=phone(required=False))
    alice = Person(shop)
    enrollment = alice.come_in()
    alice.scan(enrollment)
    for _ in range(5):
        last = alice.answer(enrollment, alice.wrong())
    assert last.retry_after == 30
    asks_again(alice.answer(enrollment, alice.code()), enrollment, Reason.THROTTLED, 30)
    asks_again(alice.answer(enrollment, SkipAnswer()), enrollment, Reason.THROTTLED, 30)
    asks_again(alice.reload(enrollment), enrollment, Reason.THROTTLED, 30)
    asks(alice.come_in(), EnrollmentPrompt, problem=Reason.THROTTLED, retry_after=30.0)
    assert shop.auth.status(WHO).failures == 5


# With or without a phone


@pytest.mark.proves("FLOW-no-skip")
@both
@pytest.mark.parametrize(("required", "enroll"), FLAGS)
@pytest.mark.parametrize("callables", [False, True])
def test_without_a_phone(colour: str, required: bool, enroll: bool, callables: bool) -> None:  # noqa: FBT001 - parameters
    """Who has no phone enrolls, may skip, passes or is denied, as the app says; the result tells."""
    asked: list[str] = []

    def flag(value: bool) -> Any:  # noqa: FBT001 - it is one
        return (lambda who: asked.append(who) or value) if callables else value

    shop = Shop(colour, then=phone(required=flag(required), enroll=flag(enroll)))
    alice = Person(shop)
    result = alice.come_in()
    if not enroll:
        if required:
            assert result == NOT_ENROLLED
            return
        result = lets_in(result)
        assert (result.factors, result.methods, result.skipped) == (("password",), ("pwd",), ("totp",))
        assert not shop.auth.status(WHO).enrolled
        return
    challenge = asks(result, EnrollmentPrompt)
    assert challenge.prompts[0].optional is not required  # type: ignore[union-attr]
    skipped = alice.answer(challenge, SkipAnswer())
    if required:
        asks_again(skipped, challenge, Reason.NOT_OFFERED)
    else:
        skipped = lets_in(skipped)
        assert (skipped.factors, skipped.methods, skipped.skipped) == (("password",), ("pwd",), ("totp",))
    alice.scan(challenge)
    result = lets_in(alice.answer(challenge, alice.code()))
    assert (result.factors, result.skipped) == (("password", "totp"), ())
    assert set(asked) == ({WHO} if callables else set())


@pytest.mark.proves("FLOW-no-skip")
@both
@pytest.mark.parametrize(("required", "enroll"), FLAGS)
def test_with_a_phone(colour: str, required: bool, enroll: bool) -> None:  # noqa: FBT001 - parameters
    """Who has a phone is asked for its code, whatever the app says; there is no skip."""
    store, alice = enrolled(colour)
    shop = alice.shop.again(store=store, then=phone(required=required, enroll=enroll))
    person = Person(shop)
    person.phone = alice.phone
    challenge = asks(person.come_in(), CodePrompt)
    asks_again(person.answer(challenge, SkipAnswer()), challenge, Reason.NOT_OFFERED)
    result = lets_in(person.answer(challenge, person.code()))
    assert (result.skipped, result.enrolled) == ((), False)


def enrolled(colour: str) -> tuple[Any, Person]:
    """Return a store, and somebody who has enrolled in it."""
    shop = Shop(colour, then=phone_only)
    alice = Person(shop)
    alice.enroll()
    return shop.store, alice


@pytest.mark.proves("FLOW-no-skip")
@both
def test_enrolled_meanwhile(colour: str) -> None:
    """A login that might have skipped ends when another one enrolls."""
    shop = Shop(colour, then=phone(required=False))
    slow, quick = Person(shop), Person(shop, binding="browser 2")
    optional = slow.come_in()
    quick.enroll()
    assert slow.answer(optional, SkipAnswer()) == INVALID
    assert slow.reload(optional) == INVALID


@pytest.mark.proves("FLOW-no-skip")
def test_enrolled_while_skipping() -> None:
    """A skip is judged by the record as it is then."""
    shop = Shop(then=phone(required=False))
    alice = Person(shop)
    optional = alice.come_in()
    seen = alice.scan(optional)
    rival = shop.again(then=phone(required=False))
    store = Interrupted(
        shop.store,
        call=0,
        intruder=lambda: rival.flow.submit(optional.ticket, CodeAnswer(seen.code()), binding="browser 1"),
    )
    late = Person(shop.again(store=store, then=phone(required=False)))
    assert late.answer(optional, SkipAnswer()) == INVALID


@pytest.mark.proves("FLOW-no-skip", "T13")
@both
def test_skip_forgives_nothing(colour: str) -> None:
    """A skip resets no failures, though it completes the login."""
    shop = Shop(colour, then=phone(required=False))
    alice = Person(shop)
    enrollment = alice.come_in()
    alice.scan(enrollment)
    for _ in range(3):
        alice.answer(enrollment, alice.wrong())
    assert lets_in(alice.answer(enrollment, SkipAnswer())).failures == 3
    assert shop.auth.status(WHO).failures == 3
    passing = Person(shop.again(then=phone(required=False, enroll=False)))
    assert lets_in(passing.come_in()).failures == 3


@pytest.mark.proves("FLOW-no-skip", "T38")
@both
def test_disabled_without_a_phone(colour: str) -> None:
    """Nobody passes without a phone where the credential has been disabled by guessing at it."""
    shop = Shop(colour, then=phone(required=False, enroll=False))
    shop.fail(1)
    shop.rewrite(failures=100)
    assert Person(shop).come_in() == DISABLED
    assert Person(shop.again(then=phone(required=False))).come_in() == DISABLED


@both
def test_flags_asked_again(colour: str) -> None:
    """The app is asked again when an optional enrollment is answered: it may have changed its mind."""
    flags = {"required": False, "enroll": True}
    shop = Shop(colour, then=phone(required=lambda _: flags["required"], enroll=lambda _: flags["enroll"]))
    alice = Person(shop)
    challenge = alice.come_in()
    alice.scan(challenge)
    flags["required"] = True
    again = alice.answer(challenge, SkipAnswer())
    assert (again.problem, again.prompts[0].optional) == (Reason.NOT_OFFERED, False)
    flags["enroll"] = False  # an invitation taken back
    for answer in (alice.code(), SkipAnswer()):
        assert alice.answer(challenge, answer) == NOT_ENROLLED
    assert not shop.auth.status(WHO).enrolled
    flags["enroll"] = True
    assert lets_in(alice.answer(challenge, alice.code())).enrolled


@pytest.mark.proves("FLOW-no-skip")
@both
def test_skip_on_the_way(colour: str) -> None:
    """What was skipped is told at the end, and the steps that follow are asked all the same."""
    shop = Shop(colour, then=lambda shop: (shop.totp(required=False), shop.email()))
    alice = Person(shop)
    mail = asks(alice.answer(alice.come_in(), SkipAnswer()), EmailPrompt)
    asks_again(alice.answer(mail, SkipAnswer()), mail, Reason.NOT_OFFERED)
    alice.answer(mail, SendEmail())
    result = lets_in(alice.answer(mail, EmailAnswer(shop.mailed_code())))
    assert (result.factors, result.skipped) == (("password", "email"), ("totp",))
    assert (result.methods, result.enrolled) == (("pwd",), False)


@both
def test_pass_on_the_way(colour: str) -> None:
    """A step that asks nothing of an account is passed over, first or last, and told."""
    for then in (
        lambda shop: (shop.totp(required=False, enroll=False), shop.email()),
        lambda shop: (shop.email(), shop.totp(required=False, enroll=False)),
    ):
        shop = Shop(colour, then=then)
        result = Person(shop).log_in()
        assert (result.factors, result.skipped) == (("password", "email"), ("totp",))


@both
def test_denied_on_the_way(colour: str) -> None:
    """A step that refuses accounts without a phone does so wherever it stands."""
    shop = Shop(colour, then=lambda shop: (shop.email(), shop.totp(enroll=False)))
    alice = Person(shop)
    assert alice.on_from(alice.come_in()) == NOT_ENROLLED


@both
def test_recovery_codes_alone(colour: str) -> None:
    """A step of recovery codes alone is for accounts that have a phone; others are denied."""
    assert Person(Shop(colour, then=lambda shop: (shop.recovery(),))).come_in() == NOT_ENROLLED


@pytest.mark.proves("T40")
@both
@pytest.mark.parametrize("then", [phone_then_mail, mail_then_phone])
def test_failures_of_an_enrollment(colour: str, then: Any) -> None:
    """A first code forgives failures only where it completes the login."""
    shop = Shop(colour, then=then)
    alice = Person(shop)
    challenge = alice.come_in() if then is phone_then_mail else alice.on_from(alice.come_in())
    alice.scan(challenge)
    for _ in range(2):
        alice.answer(challenge, alice.wrong())
    result = alice.answer(challenge, alice.code())
    if then is mail_then_phone:
        assert (lets_in(result).failures, shop.auth.status(WHO).failures) == (2, 0)
    else:
        asks(result, EmailPrompt)
        assert shop.auth.status(WHO).failures == 2
        assert lets_in(alice.on_from(result)).failures == 2
        assert shop.auth.status(WHO).failures == 0


@pytest.mark.proves("T47", "T21")
@both
def test_revoked_while_enrolling(colour: str) -> None:
    """A revocation ends a login that was shown a secret; the next is shown another."""
    shop = Shop(colour)
    alice = Person(shop)
    challenge = alice.come_in()
    old = alice.scan(challenge)
    shop.auth.revoke(WHO)
    assert alice.answer(challenge, alice.code()) == INVALID
    assert alice.reload(challenge) == INVALID
    assert alice.scan(alice.come_in()).code() != old.code()


@pytest.mark.proves("T47")
@both
def test_revoked_without_a_phone(colour: str) -> None:
    """A revocation ends the logins of an account that has nothing, wherever they stand."""
    shop = Shop(colour, then=lambda shop: (shop.totp(required=False), shop.email()))
    alice = Person(shop)
    enrolling = alice.come_in()
    mailing = alice.answer(enrolling, SkipAnswer())
    alice.answer(mailing, SendEmail())
    mailed = EmailAnswer(shop.mailed_code())
    shop.auth.cancel_enrollment(WHO)
    shop.auth.revoke(WHO)
    for challenge in (enrolling, mailing):
        for answer in (SkipAnswer(), CodeAnswer("12345678"), SendEmail(), mailed):
            assert alice.answer(challenge, answer) == INVALID
        assert alice.reload(challenge) == INVALID
    assert len(shop.mailbox) == 1


@both
def test_cancelled_while_enrolling(colour: str) -> None:
    """What the app cancels behind a login's back ends it."""
    shop = Shop(colour)
    alice = Person(shop)
    challenge = alice.come_in()
    alice.scan(challenge)
    shop.auth.cancel_enrollment(WHO)
    assert alice.answer(challenge, alice.code()) == EXPIRED
    assert alice.reload(challenge) == EXPIRED


def test_revoked_as_it_begins() -> None:
    """A login whose account changes between its two looks at it is denied, and shows no secret."""
    shop = Shop()
    shop.enroll()
    shop.auth.revoke(WHO)
    shop.told()

    def enroll_elsewhere() -> None:
        other = shop.other()
        seen = other.auth.begin_enrollment(WHO, label="x")
        assert other.auth.confirm_enrollment(WHO, SoftPhone(seen.uri, clock=shop.clock).code())

    for call in (1, 2):
        late = Person(shop.again(store=Interrupted(shop.store, call=call, intruder=enroll_elsewhere)))
        assert late.come_in() == INVALID
        shop.auth.revoke(WHO)


@both
def test_writes(colour: str) -> None:
    """A first login writes twice in all: to show the secret, and to take it."""
    shop = Shop(colour, store=(tape := Tape(MemoryStore())))
    Person(shop).log_in()
    assert tape.calls.count("swap") == 2
    assert tape.calls.count("lost") == 0


@both
def test_told_of_a_skip(colour: str) -> None:
    """What a skip tells the app is nothing, since nothing changed."""
    shop = Shop(colour, then=phone(required=False))
    alice = Person(shop)
    challenge = alice.come_in()
    assert shop.told() == [events.EnrollmentBegun(account_id=WHO, at=START, expires_at=START + 600)]
    alice.answer(challenge, SkipAnswer())
    assert shop.told() == []


@both
def test_wrong_password_shows_nothing(colour: str) -> None:
    """Before the password is right, no secret is made."""
    shop = Shop(colour, store=(tape := Tape()))
    stranger = Person(shop, PasswordAnswer("alice", "guess"))
    assert stranger.come_in().problem is Reason.WRONG_CREDENTIALS
    assert (tape.calls, shop.told()) == ([], [])


def test_wrong_codes_of_the_tests_are_wrong() -> None:
    """The code that these tests call wrong is one that the phone does not show near now."""
    alice = Person(Shop(SYNC))
    phone = alice.scan(alice.come_in())
    assert wrong(phone) not in {phone.code(steps) for steps in range(-10, 11)}


@pytest.mark.proves("T40")
@both
@pytest.mark.parametrize("enroll", [True, False])
def test_failures_are_forgiven_where_the_login_ends(colour: str, enroll: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """A login that ends by a step that asks nothing, or is skipped, forgets failures if a code was right."""
    shop = Shop(colour, then=lambda shop: (shop.email(), shop.totp(required=False, enroll=enroll)))
    alice = Person(shop)
    challenge = alice.come_in()
    alice.answer(challenge, SendEmail())
    assert alice.answer(challenge, EmailAnswer("wrong")).problem is Reason.MALFORMED
    result = alice.answer(challenge, EmailAnswer(shop.mailed_code()))
    if enroll:
        assert shop.auth.status(WHO).failures == 1
        result = alice.answer(result, SkipAnswer())
    assert (lets_in(result).failures, shop.auth.status(WHO).failures) == (1, 0)


@both
def test_recovery_without_a_phone(colour: str) -> None:
    """A recovery code of an account without a phone is not offered where another factor is."""
    shop = Shop(colour, then=lambda shop: (shop.email() | shop.recovery(),))
    alice = Person(shop)
    challenge = alice.come_in()
    asks_again(alice.answer(challenge, RecoveryAnswer("x")), challenge, Reason.NOT_OFFERED)
    assert shop.auth.status(WHO).failures == 0


@both
def test_challenge_for_its_ticket(colour: str) -> None:
    """Whoever passes a challenge in place of its ticket is told so."""
    shop = Shop(colour)
    challenge = shop.flow.begin(binding="b")
    with pytest.raises(InvalidParameterError, match="not the challenge"):
        shop.flow.submit(challenge, CodeAnswer("123456"), binding="b")
