"""The first login with a phone, and logins without one."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import zxingcpp
from PIL import Image

from tests.support.authenticators import POLICY, WHO, both
from tests.support.fakes import Interrupted, Tape
from tests.support.flows import (
    OF_ALICE,
    START,
    Person,
    Shop,
    Steps,
    all_factors,
    asks,
    asks_again,
    email_then_phone,
    lets_in,
    phone,
    phone_only,
    phone_then_email,
    ready,
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
from totpkit.testing import SoftPhone

INVALID, EXPIRED = Denied(Reason.TICKET_INVALID), Denied(Reason.EXPIRED)
DISABLED, NOT_ENROLLED = Denied(Reason.DISABLED), Denied(Reason.NOT_ENROLLED)
FLAGS = [(required, enroll) for required in (True, False) for enroll in (True, False)]
OPTIONAL = phone(required=False)


def begin(runtime: str = "sync", then: Steps = all_factors, **parts: Any) -> tuple[Shop, Person, Any]:
    """Return an app, a user who has scanned a QR code there, and the challenge that showed it."""
    shop = Shop(runtime, then=then, **parts)
    alice = Person(shop)
    enrollment = asks(alice.enter_password(), EnrollmentPrompt)
    alice.scan(enrollment)
    return shop, alice, enrollment


def optional_then_email(shop: Shop) -> Any:
    """Return two later steps, an optional phone and then an emailed code."""
    return (shop.totp(required=False), shop.email())


# The first login


@pytest.mark.proves("FLOW-enroll-once", "T20")
@both
def test_first_login(runtime: str) -> None:
    """The first code enrolls the phone and completes the login, and the QR code is never shown again."""
    shop, alice, enrollment = begin(runtime, store=(tape := Tape()))
    assert alice.reload(enrollment) == enrollment
    assert not shop.auth.status(WHO).enrolled
    shop.clock.advance(5)
    result = lets_in(alice.answer(enrollment, alice.code()))
    assert (result.account_id, result.factors, result.enrolled) == (WHO, ("password", "totp"), True)
    assert shop.auth.status(WHO).enrolled
    assert (tape.calls.count("swap"), tape.calls.count("lost")) == (2, 0)
    assert shop.take_events() == [
        events.EnrollmentBegun(account_id=WHO, at=START, expires_at=START + 600),
        events.EnrollmentConfirmed(account_id=WHO, at=START + 5, replaced=False),
    ]
    assert alice.answer(enrollment, alice.code()) == alice.reload(enrollment) == INVALID
    assert alice.answer(alice.enter_password(), alice.code()).problem is Reason.REPLAYED
    for _ in range(3):
        shop.clock.advance(86_400)
        again = alice.enter_password()
        assert EnrollmentPrompt not in map(type, again.prompts)
        assert not lets_in(alice.answer(again, alice.code())).enrolled


@both
def test_prompt(runtime: str, tmp_path: Any) -> None:
    """The prompt has everything that a page needs: the QR code, the secret to type, and the code length."""
    policy = replace(POLICY, digits=8, algorithm=Algorithm.SHA256, period=60)
    _, _, enrollment = begin(runtime, policy=policy)
    (prompt,) = enrollment.prompts
    uri = KeyURI.parse(prompt.uri)
    assert (uri.issuer, uri.account) == ("Acme", "alice@example.com")
    assert prompt.secret == uri.otp.secret.grouped()
    assert (prompt.digits, prompt.optional) == (8, False)
    prompt.qr().save(tmp_path / "qr.png")
    (read,) = zxingcpp.read_barcodes(Image.open(tmp_path / "qr.png"))
    assert read.text == prompt.uri


@pytest.mark.proves("FLOW-enroll-once")
@both
def test_wrong_code(runtime: str) -> None:
    """A wrong first code enrolls nothing and shows the same QR code again."""
    shop, alice, enrollment = begin(runtime)
    for answer, problem in [(alice.wrong(), Reason.MISMATCH), (CodeAnswer("no"), Reason.MALFORMED)]:
        again = asks_again(alice.answer(enrollment, answer), enrollment, problem)
        assert again.prompts[0].qr().svg() == enrollment.prompts[0].qr().svg()  # type: ignore[union-attr]
    assert not shop.auth.status(WHO).enrolled
    assert lets_in(alice.answer(enrollment, alice.code())).failures == 2


@pytest.mark.proves("FLOW-enroll-once", "T37")
@both
def test_abandoned(runtime: str) -> None:
    """After an abandoned enrollment a new login shows a new secret, and the old one is worth nothing."""
    shop, alice, abandoned = begin(runtime)
    old = alice.code()
    enrollment = asks(alice.enter_password(), EnrollmentPrompt)
    assert enrollment.prompts != abandoned.prompts
    assert not shop.auth.status(WHO).enrolled
    for answer in (old, SkipAnswer()):
        assert alice.answer(abandoned, answer) == EXPIRED
    assert alice.reload(abandoned) == EXPIRED
    asks_again(alice.answer(enrollment, old), enrollment, Reason.MISMATCH)
    alice.scan(enrollment)
    lets_in(alice.answer(enrollment, alice.code()))


@pytest.mark.proves("FLOW-choice", "MAIL-off")
@both
def test_nothing_else_offered(runtime: str) -> None:
    """An account without a phone is offered its enrollment alone, unless it is optional."""
    shop, alice, enrollment = begin(runtime)
    others = [RecoveryAnswer("x"), SendEmail(), EmailAnswer("123456"), SkipAnswer(), OF_ALICE]
    for answer in (*others, CustomAnswer("totp"), FederatedAnswer("google", WHO)):
        asks_again(alice.answer(enrollment, answer), enrollment, Reason.NOT_OFFERED)
    assert (shop.mailbox, shop.auth.status(WHO).failures) == ([], 0)


@both
def test_app_that_ignores_parameters(runtime: str) -> None:
    """The code of an app that ignores the parameters is rejected for its own reason."""
    shop, alice, enrollment = begin(runtime, policy=replace(POLICY, digits=8))
    app = SoftPhone(enrollment.prompts[0].uri, clock=shop.clock, ignores_parameters=True)
    again = alice.answer(enrollment, CodeAnswer(app.code()))
    assert (again.problem, again.to_dict()["problem"]) == (Reason.APP_IGNORED_PARAMETERS, "wrong")
    assert not shop.auth.status(WHO).enrolled


@both
def test_expired_enrollment(runtime: str) -> None:
    """If the secret expires before the ticket, the login ends, and the next one shows another secret."""
    shop, alice, enrollment = begin(runtime, policy=replace(POLICY, enrollment_lifetime=60.0))
    shop.clock.advance(59.5)
    asks_again(alice.reload(enrollment), enrollment, None)
    shop.clock.advance(0.5)
    old = alice.code()
    assert alice.answer(enrollment, old) == alice.reload(enrollment) == EXPIRED
    assert shop.auth.status(WHO).failures == 0
    alice.scan(alice.enter_password())
    assert alice.code() != old


@pytest.mark.proves("T40")
@both
@pytest.mark.parametrize("then", [phone_then_email, email_then_phone])
def test_failures(runtime: str, then: Any) -> None:
    """A right first code resets the failures only if it completes the login."""
    shop = Shop(runtime, then=then)
    alice = Person(shop)
    challenge = alice.enter_password()
    challenge = challenge if then is phone_then_email else alice.pass_step(challenge)
    alice.scan(challenge)
    for _ in range(2):
        alice.answer(challenge, alice.wrong())
    result = alice.answer(challenge, alice.code())
    if then is phone_then_email:
        assert shop.auth.status(WHO).failures == 2
        result = alice.pass_step(asks(result, EmailPrompt))
    assert (lets_in(result).failures, shop.auth.status(WHO).failures) == (2, 0)


@both
def test_wrong_password(runtime: str) -> None:
    """No secret is generated before the password is right."""
    shop = Shop(runtime, store=(tape := Tape()))
    stranger = Person(shop, PasswordAnswer("alice", "guess"))
    assert stranger.enter_password().problem is Reason.WRONG_CREDENTIALS
    assert (tape.calls, shop.take_events()) == ([], [])


# Changes during an enrollment


@pytest.mark.proves("T47", "T21", "FLOW-enroll-once")
@both
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda alice, challenge: alice.answer(challenge, alice.code()), Reason.TICKET_INVALID),
        (lambda alice, _: alice.shop.auth.revoke(WHO), Reason.TICKET_INVALID),
        (lambda alice, _: alice.shop.auth.cancel_enrollment(WHO), Reason.EXPIRED),
    ],
    ids=["enrolled in another tab", "revoked", "cancelled"],
)
def test_ended_by_a_change(runtime: str, change: Callable[..., object], reason: Reason) -> None:
    """An enrollment ends when another tab confirms it, and when the app revokes or cancels it."""
    shop, alice, enrollment = begin(runtime)
    change(alice, enrollment)
    shop.clock.advance(30)
    assert alice.answer(enrollment, alice.code()) == alice.reload(enrollment) == Denied(reason)


@pytest.mark.parametrize("call", [1, 2])
def test_enrolled_as_a_login_begins(call: int) -> None:
    """A login is denied if the account changes between its two reads, and shows no secret."""
    shop = Shop()
    shop.enroll()
    shop.auth.revoke(WHO)
    store = Interrupted(shop.store, call=call, intruder=lambda: shop.other().enroll())
    assert Person(shop.again(store=store)).enter_password() == INVALID


@pytest.mark.proves("FLOW-no-skip")
@both
def test_enrolled_before_a_skip(runtime: str) -> None:
    """A login that could have skipped ends when another one enrolls, even while it skips."""
    shop, alice, enrollment = begin(runtime, OPTIONAL)
    other = Person(Shop(store=shop.store, clock=shop.clock, then=OPTIONAL))
    store = Interrupted(shop.store, call=0, intruder=lambda: other.answer(enrollment, alice.code()))
    late = Person(shop.again(store=store, then=OPTIONAL))
    assert late.answer(enrollment, SkipAnswer()) == INVALID
    assert alice.answer(enrollment, SkipAnswer()) == alice.reload(enrollment) == INVALID


# With or without a phone


@pytest.mark.proves("FLOW-no-skip")
@both
@pytest.mark.parametrize(("required", "enroll"), FLAGS)
@pytest.mark.parametrize("callables", [False, True])
def test_without_a_phone(runtime: str, required: bool, enroll: bool, callables: bool) -> None:  # noqa: FBT001 - parameters
    """An account without a phone enrolls, may skip, passes or is denied, as the flags say."""
    accounts: list[str] = []

    def flag(value: bool) -> Any:  # noqa: FBT001 - it is a flag
        return (lambda account_id: accounts.append(account_id) or value) if callables else value

    shop = Shop(runtime, then=phone(required=flag(required), enroll=flag(enroll)))
    alice = Person(shop)
    result = alice.enter_password()
    if required and not enroll:
        assert result == NOT_ENROLLED
        return
    if enroll:
        challenge = asks(result, EnrollmentPrompt)
        shop.take_events()
        assert challenge.prompts[0].optional is not required  # type: ignore[union-attr]
        result = alice.answer(challenge, SkipAnswer())
    if required:
        asks_again(result, challenge, Reason.NOT_OFFERED)
    else:
        result = lets_in(result)
        assert (result.factors, result.methods, result.skipped) == (("password",), ("pwd",), ("totp",))
    assert shop.take_events() == []
    assert not shop.auth.status(WHO).enrolled
    if enroll:
        result = lets_in(alice.pass_step(challenge))
        assert (result.factors, result.skipped) == (("password", "totp"), ())
    assert set(accounts) == ({WHO} if callables else set())


@pytest.mark.proves("FLOW-no-skip")
@both
@pytest.mark.parametrize(("required", "enroll"), FLAGS)
def test_with_a_phone(runtime: str, required: bool, enroll: bool) -> None:  # noqa: FBT001 - parameters
    """An account with a phone is asked for its code and cannot skip it, whatever the flags say."""
    shop, alice = ready(runtime, then=phone_only)
    user = Person(shop.again(then=phone(required=required, enroll=enroll)))
    challenge = asks(user.enter_password(), CodePrompt)
    asks_again(user.answer(challenge, SkipAnswer()), challenge, Reason.NOT_OFFERED)
    result = lets_in(user.answer(challenge, alice.code()))
    assert (result.skipped, result.enrolled) == ((), False)


@both
def test_flags_are_asked_again(runtime: str) -> None:
    """The flags are asked again at each answer, because the app may have changed them."""
    flags = {"required": False, "enroll": True}
    then = phone(required=lambda _: flags["required"], enroll=lambda _: flags["enroll"])
    shop, alice, challenge = begin(runtime, then)
    flags["required"] = True
    again = alice.answer(challenge, SkipAnswer())
    assert (again.problem, again.prompts[0].optional) == (Reason.NOT_OFFERED, False)
    flags["enroll"] = False
    for answer in (alice.code(), SkipAnswer()):
        assert alice.answer(challenge, answer) == NOT_ENROLLED
    assert not shop.auth.status(WHO).enrolled
    flags["enroll"] = True
    assert lets_in(alice.answer(challenge, alice.code())).enrolled


@pytest.mark.proves("FLOW-no-skip", "T13")
@both
def test_skip_resets_nothing(runtime: str) -> None:
    """A skipped step resets no failures, although it completes the login."""
    shop, alice, enrollment = begin(runtime, OPTIONAL)
    for _ in range(3):
        alice.answer(enrollment, alice.wrong())
    assert lets_in(alice.answer(enrollment, SkipAnswer())).failures == 3
    passing = Person(shop.again(then=phone(required=False, enroll=False)))
    assert lets_in(passing.enter_password()).failures == shop.auth.status(WHO).failures == 3


@pytest.mark.proves("T40")
@both
@pytest.mark.parametrize("enroll", [True, False])
def test_failures_of_a_skipped_last_step(runtime: str, enroll: bool) -> None:  # noqa: FBT001 - a parameter
    """A login that ends with a skipped step resets the failures if it passed a second factor."""
    shop = Shop(runtime, then=lambda shop: (shop.email(), shop.totp(required=False, enroll=enroll)))
    alice = Person(shop)
    challenge = alice.enter_password()
    code = alice.send_email(challenge)
    assert alice.answer(challenge, EmailAnswer("wrong")).problem is Reason.MALFORMED
    result = alice.answer(challenge, code)
    if enroll:
        assert shop.auth.status(WHO).failures == 1
        result = alice.answer(result, SkipAnswer())
    assert (lets_in(result).failures, shop.auth.status(WHO).failures) == (1, 0)


@pytest.mark.proves("FLOW-no-skip", "T38")
@both
@pytest.mark.parametrize("enroll", [True, False])
def test_disabled_without_a_phone(runtime: str, enroll: bool) -> None:  # noqa: FBT001 - a parameter
    """An account that guesses have disabled cannot pass without a phone."""
    shop = Shop(runtime, then=phone(required=False, enroll=enroll))
    shop.fail(1)
    shop.rewrite(failures=100)
    assert Person(shop).enter_password() == DISABLED


@pytest.mark.proves("FLOW-no-skip")
@both
def test_skip_before_another_step(runtime: str) -> None:
    """After a skipped step the next one is asked for, and the result names what was skipped."""
    shop = Shop(runtime, then=optional_then_email)
    alice = Person(shop)
    last = asks(alice.answer(alice.enter_password(), SkipAnswer()), EmailPrompt)
    asks_again(alice.answer(last, SkipAnswer()), last, Reason.NOT_OFFERED)
    result = lets_in(alice.pass_step(last))
    assert (result.factors, result.skipped) == (("password", "email"), ("totp",))
    assert (result.methods, result.enrolled) == (("pwd",), False)


@both
@pytest.mark.parametrize(
    "then",
    [
        lambda shop: (shop.totp(required=False, enroll=False), shop.email()),
        lambda shop: (shop.email(), shop.totp(required=False, enroll=False)),
    ],
    ids=["first", "last"],
)
def test_step_that_asks_for_nothing(runtime: str, then: Steps) -> None:
    """A step that asks an account for nothing is skipped wherever it stands, and the result names it."""
    result = Person(Shop(runtime, then=then)).log_in()
    assert (result.factors, result.skipped) == (("password", "email"), ("totp",))


@both
def test_steps_that_deny(runtime: str) -> None:
    """A step that an account without a phone cannot pass denies the login, wherever it stands."""
    alice = Person(Shop(runtime, then=lambda shop: (shop.email(), shop.totp(enroll=False))))
    assert alice.pass_step(alice.enter_password()) == NOT_ENROLLED
    assert Person(Shop(runtime, then=lambda shop: (shop.recovery(),))).enter_password() == NOT_ENROLLED


@both
def test_recovery_without_a_phone(runtime: str) -> None:
    """An account without a phone is not offered a recovery code where it has another factor."""
    shop = Shop(runtime, then=lambda shop: (shop.email() | shop.recovery(),))
    alice = Person(shop)
    challenge = asks(alice.enter_password(), EmailPrompt)
    asks_again(alice.answer(challenge, RecoveryAnswer("x")), challenge, Reason.NOT_OFFERED)
    assert shop.auth.status(WHO).failures == 0


@both
def test_challenge_as_ticket(runtime: str) -> None:
    """An app that passes a challenge instead of its ticket gets an error that says so."""
    shop = Shop(runtime)
    challenge = shop.flow.begin(binding="b")
    with pytest.raises(InvalidParameterError, match="must be the challenge's ticket, not the challenge"):
        shop.flow.submit(challenge, CodeAnswer("123456"), binding="b")
