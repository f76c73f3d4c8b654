"""A login in steps, in both colours."""

import base64
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from tests.support.authenticators import ASYNC, POLICY, SYNC, WHO, App, both
from tests.support.fakes import Tape
from tests.support.flows import (
    BOB,
    FIRST,
    KEYS,
    OF_ALICE,
    OF_BOB,
    SECOND,
    START,
    Person,
    Shop,
    asks,
    asks_again,
    lets_in,
    mail_then_phone,
    phone_only,
    phone_then_mail,
    ready,
)
from totpkit import (
    Authenticated,
    CodeAnswer,
    CodePrompt,
    CustomAnswer,
    Denied,
    EmailAnswer,
    EmailPrompt,
    EnrollmentPrompt,
    Federated,
    FederatedAnswer,
    FirstFactor,
    FirstFactorError,
    FlowError,
    InvalidParameterError,
    Password,
    PasswordAnswer,
    PasswordPrompt,
    Reason,
    RecordError,
    RecoveryAnswer,
    RecoveryPrompt,
    SecondFactor,
    SendEmail,
    SkipAnswer,
    Throttle,
    TotpCode,
    VaultError,
    events,
    parse_answer,
)
from totpkit.vault import Vault

INVALID, EXPIRED = Denied(Reason.TICKET_INVALID), Denied(Reason.TICKET_EXPIRED)
DISABLED, NOT_ENROLLED = Denied(Reason.DISABLED), Denied(Reason.NOT_ENROLLED)
OF_FIRST = [OF_ALICE, FederatedAnswer("google", "google:1")]
OF_SECOND = [CodeAnswer("123456"), RecoveryAnswer("x"), SendEmail(), EmailAnswer("123456")]
OF_NONE = [FederatedAnswer("other", "other:1"), CustomAnswer("link"), CustomAnswer("totp")]
CAP = replace(POLICY, throttle=Throttle(free=3, first_wait=0.0, cap=3))


# Steps


@pytest.mark.proves("FLOW-steps", "RFC4226-7.1", "RFC8176")
@both
def test_log_in(colour: str) -> None:
    """A password asks for the code, and the code completes the login; neither does alone."""
    shop, alice = ready(colour)
    begun = asks_again(alice.begin(), replace(alice.begin(), prompts=FIRST), None)
    challenge = alice.answer(begun, OF_ALICE)
    assert (challenge.prompts, challenge.problem) == (SECOND, None)
    result = lets_in(alice.answer(challenge, alice.code()))
    assert result == Authenticated(
        account_id=WHO,
        factors=("password", "totp"),
        methods=("pwd", "otp", "mfa"),
        at=START + 30,
        proof=result.proof,
    )
    assert [type(event) for event in shop.told()] == [events.CodeAccepted]


@pytest.mark.proves("RFC4226-7.1", "T16")
@both
def test_no_second_factor_first(colour: str) -> None:
    """Before a first factor has passed, no other answer is offered, and none reaches an account."""
    shop, alice = ready(colour, store=(tape := Tape()))
    tape.calls.clear()
    begun = alice.begin()
    for answer in [alice.code(), *OF_SECOND, SkipAnswer(), *OF_NONE]:
        asks_again(alice.answer(begun, answer), begun, Reason.NOT_OFFERED)
    assert (tape.calls, shop.told()) == ([], [])
    lets_in(alice.answer(alice.come_in(), alice.code()))


@pytest.mark.proves("T16")
@both
def test_stranger_locks_nobody_out(colour: str) -> None:
    """Wrong passwords, however many, neither count nor write: they keep nobody from their account."""
    shop, alice = ready(colour, store=(tape := Tape()))
    tape.calls.clear()
    stranger = Person(shop, PasswordAnswer("alice", "guess"), binding="browser 2")
    begun = stranger.begin()
    for _ in range(150):
        asks_again(stranger.answer(begun, stranger.credentials), begun, Reason.WRONG_CREDENTIALS)
    assert (tape.calls, shop.told()) == ([], [])
    assert alice.log_in().failures == 0


@pytest.mark.proves("FLOW-steps")
@both
@pytest.mark.parametrize(
    ("offered", "wrong"),
    [
        (OF_ALICE, [*OF_SECOND, SkipAnswer(), *OF_NONE]),
        (None, [*OF_FIRST, SkipAnswer(), *OF_NONE]),
    ],
    ids=["first", "second"],
)
def test_not_offered(colour: str, offered: Any, wrong: list[Any]) -> None:
    """An answer that a step does not offer gives the same challenge again, and changes nothing."""
    shop, alice = ready(colour, store=(tape := Tape()))
    challenge = alice.begin() if offered else alice.come_in()
    tape.calls.clear()
    for answer in wrong:
        asks_again(alice.answer(challenge, answer), challenge, Reason.NOT_OFFERED)
    assert set(tape.calls) <= {"load"}
    assert shop.told() == []


@both
@pytest.mark.parametrize("answer", [None, "123456", {"type": "code"}, CodeAnswer, CodePrompt(6), True])
def test_no_answer(colour: str, answer: Any) -> None:
    """What is no answer is the app's own mistake."""
    _, alice = ready(colour)
    for challenge in (alice.begin(), alice.come_in()):
        with pytest.raises(InvalidParameterError, match="must be an answer"):
            alice.answer(challenge, answer)


@pytest.mark.proves("FLOW-steps")
@both
def test_two_later_steps(colour: str) -> None:
    """Steps come in their order, each with its own answers, and all of them before anybody is let in."""
    shop = Shop(colour, then=phone_then_mail)
    alice = Person(shop)
    challenge = asks(alice.come_in(), EnrollmentPrompt)
    alice.scan(challenge)
    mail = asks(alice.answer(challenge, alice.code()), EmailPrompt)
    assert alice.answer(challenge, alice.code()) == INVALID  # of the credential before
    asks_again(alice.answer(mail, alice.code()), mail, Reason.NOT_OFFERED)
    asks(alice.answer(mail, SendEmail()), EmailPrompt)
    result = lets_in(alice.answer(mail, EmailAnswer(shop.mailed_code())))
    assert (result.factors, result.methods) == (("password", "totp", "email"), ("pwd", "otp", "mfa"))
    assert result.enrolled
    shop.clock.advance(30)
    phone = asks(alice.come_in(), CodePrompt)
    asks_again(alice.answer(phone, SendEmail()), phone, Reason.NOT_OFFERED)
    asks_again(alice.answer(phone, EmailAnswer("123456")), phone, Reason.NOT_OFFERED)
    asks(alice.answer(phone, alice.code()), EmailPrompt)
    asks_again(alice.answer(phone, alice.code()), phone, Reason.REPLAYED)


@both
def test_enrollment_in_the_last_step(colour: str) -> None:
    """A flow whose phone comes last enrolls there."""
    shop = Shop(colour, then=mail_then_phone)
    alice = Person(shop)
    mail = asks(alice.come_in(), EmailPrompt)
    alice.answer(mail, SendEmail())
    enrollment = asks(alice.answer(mail, EmailAnswer(shop.mailed_code())), EnrollmentPrompt)
    alice.scan(enrollment)
    result = lets_in(alice.answer(enrollment, alice.code()))
    assert (result.factors, result.enrolled) == (("password", "email", "totp"), True)


@pytest.mark.proves("RFC8176")
@both
def test_one_factor_alone(colour: str) -> None:
    """A flow may have a first factor alone: it lets in by it, and claims no more than that."""
    shop = Shop(colour, then=lambda _: ())
    alice = Person(shop)
    begun = alice.begin()
    asks_again(alice.answer(begun, PasswordAnswer("alice", "x")), begun, Reason.WRONG_CREDENTIALS)
    asks_again(alice.answer(begun, CodeAnswer("123456")), begun, Reason.NOT_OFFERED)
    asks_again(alice.reload(begun), begun, None)
    result = lets_in(alice.answer(begun, OF_ALICE))
    assert (result.account_id, result.factors, result.methods) == (WHO, ("password",), ("pwd",))
    with pytest.raises(FlowError, match="no second factor"):
        alice.step_up(result.proof)


class Named(SecondFactor):
    """A factor with a name and nothing else."""

    def __init__(self, name: Any, methods: Any = (), auth: Any = None) -> None:
        self.name = name
        self.methods = methods
        self.auth = auth


class Bare(FirstFactor):
    """A first factor of any name."""

    def __init__(self, name: Any = "bare", methods: Any = ()) -> None:
        self.name = name
        self.methods = methods


def nobody(*_: object) -> None:
    """Know nobody."""


FIRST_FACTOR = {
    "totp": lambda shop: [shop.totp()],
    "totp, then password": lambda shop: [shop.totp(), shop.password()],
    "recovery": lambda shop: [shop.recovery(), shop.totp()],
    "email": lambda shop: [shop.email()],
    "custom": lambda _: [Named("key")],
    "either": lambda shop: [shop.totp() | shop.recovery()],
    "none": lambda _: [None],
    "empty": lambda _: [()],
    "a class": lambda _: [Password],
    "password or totp": lambda shop: [shop.password() | shop.totp()],
    "federated or totp": lambda shop: [Federated("x") | shop.totp()],
    "totp or password": lambda shop: [shop.password(), shop.totp() | shop.password()],
}
MISWIRED = {
    "password again": lambda shop: [Password(nobody), shop.totp(), shop.password()],
    "empty step": lambda shop: [shop.password(), ()],
    "no step": lambda shop: [shop.password(), shop.totp(), None],
    "totp twice": lambda shop: [shop.password(), shop.totp(), shop.totp()],
    "totp or totp": lambda shop: [shop.password(), shop.totp() | shop.totp()],
    "password or password": lambda shop: [shop.password() | shop.password(), shop.totp()],
    "one provider twice": lambda shop: [Federated("x") | Federated("x"), shop.totp()],
    "one name twice": lambda shop: [Bare("totp"), shop.totp()],
    "no name": lambda shop: [FirstFactor(), shop.totp()],
    "a name of spaces": lambda shop: [shop.password(), shop.totp() | Named(" ")],
    "a long name": lambda shop: [shop.password(), shop.totp() | Named("k" * 65)],
    "a name in bytes": lambda shop: [shop.password(), shop.totp() | Named(b"key")],
    "a made-up method": lambda shop: [Bare("x", ("password",)), shop.totp()],
    "mfa by itself": lambda shop: [shop.password(), shop.totp() | Named("key", ("mfa",))],
    "nobody counts": lambda shop: [shop.password(), Named("key")],
    "two authenticators": lambda shop: [shop.password(), shop.totp(), Shop(shop.colour).recovery()],
    "other colour": lambda shop: [shop.password(), App(ASYNC if shop.colour == SYNC else SYNC)],
}


@pytest.mark.proves("FLOW-steps", "RFC4226-7.1")
@both
@pytest.mark.parametrize("steps", FIRST_FACTOR.values(), ids=FIRST_FACTOR)
def test_first_factor_error(colour: str, steps: Any) -> None:
    """A flow in which nothing verifies somebody first is never made; the error says what to do."""
    shop = Shop(colour)
    with pytest.raises(FirstFactorError, match=r"first factor.*(Password|Federated)"):
        shop.built(*steps(shop))


@pytest.mark.proves("FLOW-steps")
@both
@pytest.mark.parametrize("steps", MISWIRED.values(), ids=MISWIRED)
def test_flow_error(colour: str, steps: Any) -> None:
    """Steps that do not fit together make no flow."""
    shop = Shop(colour)
    with pytest.raises(FlowError):
        shop.built(*steps(shop))


@both
def test_other_colour(colour: str) -> None:
    """A flow takes an authenticator of its own colour alone, and the sync one no async part."""
    shop, other = Shop(colour), Shop(ASYNC if colour == SYNC else SYNC)
    with pytest.raises(FlowError, match="this flow takes an"):
        shop.built(Password(nobody), TotpCode(other.own))
    with pytest.raises(FlowError, match="async"):
        Shop(SYNC).built(Password(nobody), clock=other_clock)


async def other_clock() -> float:
    """Return the time, later."""
    return START


@both
@pytest.mark.parametrize("name", ["", None, 1, b"shop", "a\nb", "n" * 256, "\ud800"])
def test_bad_name(colour: str, name: Any) -> None:
    """A flow's name is a short text."""
    shop = Shop(colour)
    with pytest.raises(InvalidParameterError, match="name"):
        shop.built(shop.password(), name=name)


# What a login claims


def three(shop: Shop) -> Any:
    """Return a step of three second factors, and one of the app's own."""
    return (shop.totp() | shop.recovery() | shop.email() | Held("key") | Held("call", multi=False),)


class Held(SecondFactor):
    """Something that everybody holds."""

    methods = ("hwk",)

    def __init__(self, name: str, *, multi: bool = True) -> None:
        self.name = name
        self.multi = multi

    def check(self, account_id: str, answer: CustomAnswer) -> bool:
        """Let everybody through."""
        del account_id, answer
        return True


@pytest.mark.proves("RFC8176", "NIST-3.1.3", "NIST-4.2")
@both
@pytest.mark.parametrize("first", ["password", "federated:google"])
@pytest.mark.parametrize(
    ("second", "methods"),
    [
        ("totp", ("otp", "mfa")),
        ("recovery", ("mfa",)),
        ("email", ()),
        ("key", ("hwk", "mfa")),
        ("call", ("hwk",)),
    ],
)
def test_methods(colour: str, first: str, second: str, methods: tuple[str, ...]) -> None:
    """A login claims the registered methods of its factors, and mfa for two that count; email is none."""
    shop, alice = ready(colour, then=three)
    codes = shop.auth.issue_recovery_codes(WHO)
    given = OF_ALICE if first == "password" else FederatedAnswer("google", WHO)
    challenge = alice.answer(alice.begin(), given)
    alice.answer(challenge, SendEmail())
    answers = {
        "totp": alice.code(),
        "recovery": RecoveryAnswer(codes[0]),
        "email": EmailAnswer(shop.mailed_code()),
    }
    result = lets_in(alice.answer(challenge, answers.get(second, CustomAnswer(second))))
    assert result.factors == (first, second)
    assert result.methods == (("pwd",) if first == "password" else ()) + methods


@pytest.mark.proves("NIST-4.2")
@both
def test_recovery_replaces_one_factor(colour: str) -> None:
    """A recovery code stands in for the phone, once, and never for the password."""
    shop, alice = ready(colour)
    code = RecoveryAnswer(shop.auth.issue_recovery_codes(WHO)[0])
    begun = alice.begin()
    asks_again(alice.answer(begun, code), begun, Reason.NOT_OFFERED)
    challenge = alice.answer(begun, OF_ALICE)
    assert lets_in(alice.answer(challenge, code)).factors == ("password", "recovery")
    assert alice.answer(challenge, code).problem is Reason.REPLAYED
    assert alice.answer(alice.come_in(), code).problem is Reason.REPLAYED
    assert shop.auth.status(WHO).enrolled


@pytest.mark.proves("FLOW-same-subject")
@settings(max_examples=25)
@given(
    ids=st.lists(
        st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60),
        min_size=2,
        max_size=3,
        unique=True,
    ),
    data=st.data(),
)
def test_same_subject(ids: list[str], data: st.DataObject) -> None:
    """The account at the end is that of the first factor, unchanged, however logins interleave."""
    shop = Shop(then=lambda shop: (shop.totp(label_of=lambda _: "label"),))
    people = [Person(shop, PasswordAnswer(f"user {place}", "pw")) for place in range(len(ids))]
    shop.passwords = {(f"user {place}", "pw"): account for place, account in enumerate(ids)}
    for person in people:
        person.enroll()
    challenges = [person.come_in() for person in people]
    for place in data.draw(st.permutations(range(len(ids)))):
        for other in range(len(ids)):
            if other != place:  # somebody else's phone
                asks_again(
                    people[other].answer(challenges[place], people[other].code()),
                    challenges[place],
                    Reason.MISMATCH,
                )
        assert lets_in(people[place].answer(challenges[place], people[place].code())).account_id == ids[place]
        shop.clock.advance(30)


# Federated


@pytest.mark.proves("FLOW-federated", "FLOW-same-subject")
@both
def test_federated(colour: str) -> None:
    """A provider is a first factor as good as a password, also for an account new to the app."""
    shop = Shop(colour)
    newcomer = Person(shop)
    begun = newcomer.begin()
    enrollment = asks(newcomer.answer(begun, FederatedAnswer("google", "google:1234")), EnrollmentPrompt)
    newcomer.scan(enrollment)
    result = lets_in(newcomer.answer(enrollment, newcomer.code()))
    assert (result.account_id, result.enrolled) == ("google:1234", True)
    assert (result.factors, result.methods) == (("federated:google", "totp"), ("otp", "mfa"))
    shop.clock.advance(30)
    asked = newcomer.answer(newcomer.begin(), FederatedAnswer("google", "google:1234"))
    asks(asked, CodePrompt, RecoveryPrompt)  # the app knows of no address
    assert lets_in(newcomer.answer(asked, newcomer.code())).account_id == "google:1234"
    assert not shop.auth.status(WHO).enrolled


@pytest.mark.proves("FLOW-federated")
@both
def test_providers(colour: str) -> None:
    """Each provider speaks for itself: one that the flow does not have is not offered."""
    shop = Shop(colour, first=lambda _: Federated("google") | Federated("github"))
    alice = Person(shop)
    begun = alice.begin()
    assert [prompt.provider for prompt in begun.prompts] == ["google", "github"]  # type: ignore[union-attr]
    for unknown in (FederatedAnswer("gitlab", WHO), FederatedAnswer("Google", WHO), OF_ALICE):
        asks_again(alice.answer(begun, unknown), begun, Reason.NOT_OFFERED)
    alice.scan(alice.answer(begun, FederatedAnswer("github", WHO)))
    enrollment = alice.answer(begun, FederatedAnswer("github", WHO))
    alice.scan(enrollment)
    assert lets_in(alice.answer(enrollment, alice.code())).factors == ("federated:github", "totp")


@both
@pytest.mark.parametrize("account_id", ["", "a\nb", "x" * 256])
def test_bad_federated_account(colour: str, account_id: str) -> None:
    """An account id that is none is the app's own mistake."""
    alice = Person(Shop(colour))
    with pytest.raises(InvalidParameterError, match="account_id"):
        alice.answer(alice.begin(), FederatedAnswer("google", account_id))


@pytest.mark.parametrize("provider", ["", "g g", "ü", None, 1, "a/b", "x" * 60])
def test_bad_provider(provider: Any) -> None:
    """A provider's name is a short ASCII text."""
    with pytest.raises((InvalidParameterError, FlowError)):
        Shop(first=lambda _: Federated(provider))


@pytest.mark.proves("T41")
@pytest.mark.parametrize("kind", ["federated", "FederatedAnswer", "Federated", None, 1, ["federated"]])
def test_visitors_speak_for_no_provider(kind: Any) -> None:
    """What a visitor sends never becomes the app's own word about a provider."""
    sent = {"type": kind, "provider": "google", "account_id": WHO}
    with pytest.raises(ValueError, match="type of an answer"):
        parse_answer(sent)


# One flow, one app


@pytest.mark.proves("FLOW-per-app", "T33")
@both
def test_tickets_of_another_flow(colour: str) -> None:
    """A ticket, and a proof, of one flow is worth nothing in one of another name, other steps or keys."""
    shop, alice = ready(colour)
    steps = (shop.first, shop.totp() | shop.recovery() | shop.email())
    tickets = [alice.begin().ticket, alice.come_in().ticket]
    proof = alice.log_in().proof
    others = [
        shop.built(*steps, name="other"),
        shop.built(*steps, name="shop "),
        shop.built(*steps, keys=[b"K" * 32]),
        shop.built(shop.first, shop.totp()),
        shop.built(shop.first, shop.totp() | shop.recovery(), shop.email()),
        shop.built(shop.first, shop.totp(), shop.recovery() | shop.email()),
        shop.built(shop.first, shop.recovery() | shop.totp() | shop.email()),
        shop.built(shop.password(), steps[1]),
    ]
    for flow in others:
        for ticket in tickets:
            for answer in (OF_ALICE, alice.code()):
                assert flow.submit(ticket, answer, binding=alice.binding) == INVALID
            assert flow.resume(ticket, binding=alice.binding) == INVALID
        assert flow.begin_step_up(proof, binding=alice.binding) == Denied(Reason.PROOF_INVALID)


@pytest.mark.proves("FLOW-per-app", "T33", "ASVS-13.3")
@both
def test_same_flow_elsewhere(colour: str) -> None:
    """The same flow in another process, or in the other colour, goes on where this one was; keys rotate."""
    _, alice = ready(colour)
    for other in (
        alice.shop.again(),
        alice.shop.again(keys=[b"n" * 32, *KEYS]),
        Shop(ASYNC if colour == SYNC else SYNC, store=alice.shop.store, clock=alice.shop.clock),
    ):
        challenge = alice.come_in()
        assert other.flow.resume(challenge.ticket, binding=alice.binding) == challenge
        lets_in(other.flow.submit(challenge.ticket, alice.code(), binding=alice.binding))
        other.clock.advance(30)
    retired = alice.shop.again(keys=[b"n" * 32])
    assert retired.flow.resume(alice.come_in().ticket, binding=alice.binding) == INVALID


# Tickets


@pytest.mark.proves("T44")
@both
def test_lives(colour: str) -> None:
    """A ticket lives a day, and ten minutes from the passing of the first factor, however often reissued."""
    shop, alice = ready(colour, then=phone_then_mail)
    begun = alice.begin()
    assert begun.seconds_left == 86_400
    shop.clock.advance(86_399.5)
    assert alice.reload(begun).seconds_left == 0.5
    challenge = alice.answer(begun, OF_ALICE)
    assert challenge.seconds_left == 600
    shop.clock.advance(0.5)
    assert (alice.reload(begun), alice.answer(begun, OF_ALICE)) == (EXPIRED, EXPIRED)
    shop.clock.advance(400)
    assert alice.reload(challenge).seconds_left == 199.5
    assert alice.answer(challenge, alice.wrong()).seconds_left == 199.5
    mail = asks(alice.answer(challenge, alice.code()), EmailPrompt)
    assert mail.ticket != challenge.ticket
    assert mail.seconds_left == 199.5
    sent = alice.answer(mail, SendEmail())
    shop.clock.advance(199)
    assert alice.reload(sent).seconds_left == 0.5
    shop.clock.advance(0.5)
    for ticket in (challenge, mail, sent):
        assert alice.reload(ticket) == EXPIRED
        assert alice.answer(ticket, EmailAnswer(shop.mailed_code())) == EXPIRED


@pytest.mark.proves("T44")
@both
def test_another_browser(colour: str) -> None:
    """A ticket carried to another browser is worth nothing there; its own goes on."""
    shop, alice = ready(colour)
    for challenge, answer in ((alice.begin(), OF_ALICE), (alice.come_in(), alice.code())):
        for binding in ("browser 2", "", "browser", "browser 1 "):
            assert alice.answer(challenge, answer, binding=binding) == INVALID
            assert alice.reload(challenge, binding=binding) == INVALID
        assert shop.flow.submit(challenge.ticket, answer) == INVALID
    assert shop.auth.status(WHO).failures == 0
    lets_in(alice.answer(alice.come_in(), alice.code()))


@both
@pytest.mark.parametrize("binding", [None, 1, b"browser", "\ud800"])
def test_bad_binding(colour: str, binding: Any) -> None:
    """A binding is a text."""
    _, alice = ready(colour)
    challenge = alice.come_in()
    for call in (
        lambda: alice.shop.flow.begin(binding=binding),
        lambda: alice.reload(challenge, binding=binding),
        lambda: alice.answer(challenge, alice.code(), binding=binding),
    ):
        with pytest.raises(InvalidParameterError, match="binding"):
            call()


@pytest.mark.proves("T33", "T44")
@both
def test_no_ticket(colour: str) -> None:
    """What is no ticket is refused as one: other types, cut or lengthened ones, and proofs."""
    shop, alice = ready(colour)
    ticket, proof = alice.come_in().ticket, alice.log_in().proof
    for other in (
        None,
        1,
        b"",
        "",
        ".",
        "ü",
        "\ud800",
        ticket[:-1],
        ticket[1:],
        ticket + "A",
        proof,
        "A" * 5000,
    ):
        assert shop.flow.submit(other, alice.code(), binding=alice.binding) == INVALID
        assert shop.flow.resume(other, binding=alice.binding) == INVALID
    for other in (None, 1, b"", "", proof[:-1], proof + "A", ticket):
        assert alice.step_up(other) == Denied(Reason.PROOF_INVALID)  # type: ignore[arg-type]


@both
def test_ticket_holds_nothing_secret(colour: str) -> None:
    """A ticket is short, and whoever reads it learns no secret, code, password or address."""
    shop = Shop(colour, then=lambda shop: (shop.totp() | shop.email(digits=8),))
    alice = Person(shop)
    shop.passwords = {("alice", "correct horse"): WHO}
    alice.credentials = PasswordAnswer("alice", "correct horse")
    enrollment = alice.come_in()
    phone = alice.scan(enrollment)
    result = lets_in(alice.answer(enrollment, alice.code()))
    shop.clock.advance(30)
    challenge = alice.come_in()
    alice.answer(challenge, SendEmail())
    private = ["correct horse", "alice", enrollment.prompts[0].secret.replace(" ", ""), "example.com"]  # type: ignore[union-attr]
    private += [phone.code(), phone.code(-1), shop.mailed_code(), alice.binding]
    for text in (enrollment.ticket, challenge.ticket, result.proof):
        assert len(text) < 400
        payload = text.split(".")[0]
        plain = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).decode("ascii")
        assert [word for word in private if word in plain] == []


@both
def test_short_tickets(colour: str) -> None:
    """A ticket of an ordinary account id, a provider's prefix and a long subject, is under 400 characters."""
    shop = Shop(colour, then=phone_then_mail)
    person = Person(shop)
    account = "google-oauth2:" + "a1b2c3d4-" * 7
    enrollment = person.answer(person.begin(), FederatedAnswer("google", account))
    shop.addresses[account] = "x@example.com"
    person.scan(enrollment)
    mail = asks(person.answer(enrollment, person.code()), EmailPrompt)
    assert len(enrollment.ticket) <= len(mail.ticket) < 400


# Loading a page again


@both
def test_resume(colour: str) -> None:
    """A page loaded again shows the same, at every step, and changes nothing."""
    shop = Shop(colour, store=(tape := Tape()))
    alice = Person(shop)
    begun = alice.begin()
    assert alice.reload(begun) == begun
    enrollment = alice.come_in()
    tape.calls.clear()
    shop.told()
    assert alice.reload(enrollment) == enrollment
    assert alice.reload(enrollment).prompts[0].qr().svg() == enrollment.prompts[0].qr().svg()
    alice.answer(enrollment, CodeAnswer("no code"))
    assert shop.told() != []
    tape.calls.clear()
    assert alice.reload(enrollment) == enrollment  # its problem was told once
    alice.scan(enrollment)
    lets_in(alice.answer(enrollment, alice.code()))
    assert alice.reload(enrollment) == INVALID
    shop.clock.advance(30)
    challenge = alice.come_in()
    alice.answer(challenge, SendEmail())
    tape.calls.clear()
    shop.told()
    assert [prompt.sent for prompt in alice.reload(challenge).prompts if isinstance(prompt, EmailPrompt)] == [
        True
    ]
    assert (set(tape.calls), shop.told()) == ({"load"}, [])


@both
def test_back_button(colour: str) -> None:
    """After a login its tickets lead nowhere by a code already used; a new one begins like any login."""
    _, alice = ready(colour)
    challenge = alice.come_in()
    lets_in(alice.answer(challenge, alice.code()))
    assert alice.reload(challenge) == challenge
    asks_again(alice.answer(challenge, alice.code()), challenge, Reason.REPLAYED)


# One budget


@pytest.mark.proves("T09", "T10", "T13")
@both
def test_one_counter(colour: str) -> None:
    """Fresh logins share one counter: past the limit none is answered, with the right code neither."""
    shop, alice = ready(colour)
    for failures in range(1, 5):
        challenge = alice.come_in()
        asks_again(alice.answer(challenge, alice.wrong()), challenge, Reason.MISMATCH)
        assert shop.auth.status(WHO).failures == failures
    last = alice.answer(challenge, alice.wrong())
    assert (last.problem, last.retry_after) == (Reason.MISMATCH, 30)
    stored = shop.store.load(WHO)
    shop.clock.advance(10)
    waiting = alice.come_in()  # a right password forgives nothing
    assert (waiting.prompts, waiting.problem, waiting.retry_after) == (SECOND, Reason.THROTTLED, 20)
    for answer in (alice.code(), alice.wrong(), RecoveryAnswer("x"), EmailAnswer("123456"), SendEmail()):
        assert alice.answer(waiting, answer).problem is Reason.THROTTLED
        assert alice.answer(waiting, answer).retry_after == 20
    assert alice.reload(challenge).retry_after == 20
    assert shop.store.load(WHO) == stored
    assert shop.mailbox == []
    shop.clock.advance(20)
    assert lets_in(alice.answer(waiting, alice.code())).failures == 5
    assert shop.auth.status(WHO).failures == 0
    shop.clock.advance(30)
    assert alice.log_in().failures == 0


@pytest.mark.proves("T09", "T38")
@both
@pytest.mark.parametrize("required", [True, False])
def test_disabled(colour: str, required: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """The attempt that reaches the cap is wrong; after it there is no login, enrollment or skip."""
    shop, alice = ready(colour, then=lambda shop: (shop.totp(required=required) | shop.email(),), policy=CAP)
    challenge = alice.come_in()
    problems = [alice.answer(challenge, alice.wrong()).problem for _ in range(3)]
    assert problems == [Reason.MISMATCH] * 3
    for answer in (alice.code(), SendEmail(), EmailAnswer("123456")):
        assert alice.answer(challenge, answer) == DISABLED
    assert alice.reload(challenge) == DISABLED
    assert alice.come_in() == DISABLED
    shop.clock.advance(86_400 * 40)
    assert alice.come_in() == DISABLED
    assert [event.failures for event in shop.told() if isinstance(event, events.Disabled)] == [3]
    shop.auth.unlock(WHO)
    assert alice.log_in().failures == 0


@pytest.mark.proves("FLOW-choice", "T13")
@both
def test_alternatives_share_one_budget(colour: str) -> None:
    """Switching between alternatives gains no guesses, and takes nothing from one to another."""
    shop, alice = ready(colour)
    codes = shop.auth.issue_recovery_codes(WHO)
    challenge = alice.come_in()
    sent = alice.answer(challenge, SendEmail())
    tries = [alice.wrong(), RecoveryAnswer("AAAA-AAAA-AAAA-AAAA"), EmailAnswer("no"), RecoveryAnswer("no")]
    for failures, wrong in enumerate(tries, 1):
        assert alice.answer(challenge, wrong).prompts == sent.prompts
        assert shop.auth.status(WHO).failures == failures
    assert alice.answer(challenge, alice.wrong()).retry_after == 30
    right = [RecoveryAnswer(codes[0]), EmailAnswer(shop.mailed_code()), alice.code()]
    for answer in right:
        assert alice.answer(challenge, answer).problem is Reason.THROTTLED
    shop.clock.advance(30)
    # What waited is as good as before, whichever was tried in between.
    right[2] = alice.code()
    results = [lets_in(alice.answer(challenge, answer)) for answer in right]
    assert [result.factors[1] for result in results] == ["recovery", "email", "totp"]
    assert [result.failures for result in results] == [5, 0, 0]


@pytest.mark.proves("FLOW-choice")
@both
def test_nothing_leaks_to_the_next_step(colour: str) -> None:
    """What one step was answered with is no answer to another, and no later step is reached past one."""
    shop, alice = ready(colour, then=mail_then_phone)
    shop.clock.advance(60)
    first = asks(alice.come_in(), EmailPrompt)
    alice.answer(first, SendEmail())
    code = EmailAnswer(shop.mailed_code())
    phone = asks(alice.answer(first, code), CodePrompt)
    asks_again(alice.answer(phone, code), phone, Reason.NOT_OFFERED)
    asks_again(alice.answer(phone, CodeAnswer(shop.mailed_code())), phone, Reason.MALFORMED)
    asks(alice.reload(first), EmailPrompt)
    assert alice.answer(first, alice.code()).problem is Reason.NOT_OFFERED
    lets_in(alice.answer(phone, alice.code()))


@pytest.mark.proves("T40", "T13")
@both
@pytest.mark.parametrize("then", [phone_then_mail, mail_then_phone])
def test_one_factor_refills_nothing_for_the_next(colour: str, then: Any) -> None:
    """Passing one second factor on the way gives no guesses back; completing the login does."""
    shop, alice = ready(colour, then=then)
    for failures in range(5):
        shop.clock.advance(4000)
        last = alice.on_from(alice.come_in())
        assert shop.auth.status(WHO).failures == failures
        if then is phone_then_mail:
            alice.answer(last, SendEmail())
        wrong = alice.answer(last, EmailAnswer("no") if then is phone_then_mail else alice.wrong())
        assert wrong.problem in {Reason.MALFORMED, Reason.MISMATCH}
        assert shop.auth.status(WHO).failures == failures + 1
    assert wrong.retry_after == 30
    shop.clock.advance(60)
    assert lets_in(alice.on_from(last)).failures == 5
    assert shop.auth.status(WHO).failures == 0


@pytest.mark.proves("T40")
@both
@pytest.mark.parametrize("then", [phone_then_mail, mail_then_phone])
def test_wait_on_the_way(colour: str, then: Any) -> None:
    """After a wait, one factor on the way is passed, and the next wait is as long as it would have been."""
    shop, alice = ready(colour, then=then)
    shop.clock.advance(60)
    step = alice.come_in()
    alice.answer(step, SendEmail())
    wrong = alice.wrong() if then is phone_then_mail else EmailAnswer("no")
    for _ in range(5):
        waiting = alice.answer(step, wrong)
    assert waiting.retry_after == 30
    shop.clock.advance(90)
    last = alice.on_from(step)
    assert (last.problem, shop.auth.status(WHO).failures) == (None, 5)
    alice.answer(last, SendEmail())
    wrong = alice.wrong() if then is mail_then_phone else EmailAnswer("no")
    assert alice.answer(last, wrong).retry_after == 60


# Replay


@pytest.mark.proves("T01", "T20", "RFC6238-5.2-once")
@both
def test_same_code_again(colour: str) -> None:
    """A code, the first one too, is accepted once in all: here, in a new login, in another process."""
    shop = Shop(colour)
    alice = Person(shop)
    enrollment = alice.come_in()
    alice.scan(enrollment)
    code = alice.code()
    lets_in(alice.answer(enrollment, code))
    for _ in range(2):
        for other in (shop, shop.again()):
            challenge = Person(other).come_in()
            assert other.flow.submit(challenge.ticket, code, binding="browser 1").problem is Reason.REPLAYED
        shop.clock.advance(30)
        shop.auth.unlock(WHO)
        code = alice.code()
        lets_in(alice.answer(alice.come_in(), code))
    assert not shop.auth.verify(WHO, code.code)


# What a visitor and the app are told


@pytest.mark.proves("ASVS-6.3.8")
@both
def test_wrong_and_replayed_look_alike(colour: str) -> None:
    """A front end is told nothing that tells a wrong code from a replayed or a malformed one."""
    _, alice = ready(colour)
    challenge = alice.come_in()
    code = alice.code()
    lets_in(alice.answer(challenge, code))
    answers = [alice.answer(challenge, answer) for answer in (alice.wrong(), code, CodeAnswer("no"))]
    assert [answer.problem for answer in answers] == [Reason.MISMATCH, Reason.REPLAYED, Reason.MALFORMED]
    told = [answer.to_dict() for answer in answers]
    assert told[0] == told[1] == told[2]
    assert told[0]["problem"] == "wrong"


@pytest.mark.proves("ASVS-6.3.5", "NIST-4.1")
@both
def test_right_password_wrong_code(colour: str) -> None:
    """The app is told that somebody knew the password and not the code."""
    shop, alice = ready(colour)
    challenge = alice.come_in()
    alice.answer(challenge, alice.wrong())
    alice.answer(challenge, RecoveryAnswer("no"))
    alice.answer(challenge, EmailAnswer("1"))
    rejected = shop.told()
    assert [type(event) for event in rejected] == [events.CodeRejected] * 3
    assert [event.after for event in rejected] == [("password",)] * 3  # type: ignore[attr-defined]
    assert [event.account_id for event in rejected] == [WHO] * 3
    assert [event.at for event in rejected] == [shop.clock()] * 3
    shop.auth.verify(WHO, "no")
    assert [event.after for event in shop.told()] == [()]  # type: ignore[attr-defined]


@pytest.mark.proves("NIST-4.1")
@both
def test_told_of_a_first_login(colour: str) -> None:
    """A login that enrolls tells of what was begun and confirmed, with time and account."""
    shop = Shop(colour)
    alice = Person(shop)
    enrollment = alice.come_in()
    alice.reload(enrollment)
    alice.scan(enrollment)
    shop.clock.advance(5)
    alice.answer(enrollment, alice.code())
    assert shop.told() == [
        events.EnrollmentBegun(account_id=WHO, at=START, expires_at=START + 600),
        events.EnrollmentConfirmed(account_id=WHO, at=START + 5, replaced=False),
    ]


@pytest.mark.proves("T45")
@both
def test_no_truth(colour: str) -> None:
    """Neither a challenge nor a denial can be mistaken for a yes."""
    _, alice = ready(colour)
    for result in (alice.begin(), alice.come_in(), INVALID):
        with pytest.raises(FlowError, match="no yes or no"):
            bool(result)
    assert lets_in(alice.log_in())


# What must never be offered anew


@pytest.mark.proves("T38", "FLOW-no-skip")
@both
@pytest.mark.parametrize("spoiled", ["throttled", "wrong key", "corrupted"])
def test_never_offered_anew(colour: str, spoiled: str) -> None:
    """An account that cannot be verified just now is still enrolled: no enrollment, no skip."""
    keys = {"old": bytes(32)}
    shop, alice = ready(colour, then=lambda shop: (shop.totp(required=False),), vault=Vault(keys))
    challenge = alice.come_in()
    if spoiled == "throttled":
        for _ in range(5):
            alice.answer(challenge, alice.wrong())
        again = asks(alice.come_in(), CodePrompt, problem=Reason.THROTTLED, retry_after=30.0)
        assert alice.answer(again, SkipAnswer()).problem is Reason.NOT_OFFERED
        return
    if spoiled == "corrupted":
        assert shop.store.swap(WHO, shop.store.load(WHO), b"{")
        for call in (
            alice.come_in,
            lambda: alice.reload(challenge),
            lambda: alice.answer(challenge, alice.code()),
        ):
            with pytest.raises(RecordError):
                call()
        with pytest.raises(RecordError):
            alice.answer(challenge, SkipAnswer())
        return
    lost = Person(shop.again(vault=Vault({"new": b"n" * 32}), then=lambda shop: (shop.totp(required=False),)))
    lost.phone = alice.phone
    again = asks(lost.come_in(), CodePrompt)
    asks_again(lost.answer(again, SkipAnswer()), again, Reason.NOT_OFFERED)
    with pytest.raises(VaultError):
        lost.answer(again, lost.code())


@pytest.mark.proves("T38")
@both
def test_lost_by_the_store(colour: str) -> None:
    """An account that the app knows as enrolled, and the store has lost, is denied."""
    known: set[str] = set()
    shop = Shop(colour, then=lambda shop: (shop.totp(enroll=lambda who: who not in known),))
    alice = Person(shop)
    alice.enroll()
    known.add(WHO)
    alice.log_in()
    challenge = alice.come_in()
    shop.auth.forget(WHO)
    assert alice.come_in() == NOT_ENROLLED
    assert alice.answer(challenge, alice.code()) == INVALID
    assert alice.answer(challenge, SkipAnswer()) == Denied(Reason.TICKET_INVALID)


@pytest.mark.proves("T47")
@both
def test_revoked_meanwhile(colour: str) -> None:
    """After a revocation no ticket, mailed code or proof of before works, and the failures survive."""
    shop, alice = ready(colour)
    codes = shop.auth.issue_recovery_codes(WHO)
    proof = alice.log_in().proof
    challenge = alice.come_in()
    alice.answer(challenge, SendEmail())
    for _ in range(3):
        alice.answer(challenge, alice.wrong())
    shop.auth.revoke(WHO)
    for answer in (alice.code(), EmailAnswer(shop.mailed_code()), RecoveryAnswer(codes[0]), SendEmail()):
        assert alice.answer(challenge, answer) == INVALID
    assert alice.reload(challenge) == INVALID
    assert alice.step_up(proof) == Denied(Reason.PROOF_INVALID)
    assert shop.desk().provisioning(proof) == Denied(Reason.PROOF_INVALID)
    assert shop.auth.status(WHO).failures == 3
    alice.scan(asks(alice.come_in(), EnrollmentPrompt))
    assert len(shop.mailbox) == 1


# Step-up


@both
def test_step_up(colour: str) -> None:
    """From a proof the second factor is asked alone, of the same account, and gives a new proof."""
    shop, alice = ready(colour)
    proof = alice.log_in().proof
    shop.clock.advance(86_400)
    challenge = alice.step_up(proof)
    assert (challenge.prompts, challenge.seconds_left) == (SECOND, 600)
    asks_again(alice.answer(challenge, OF_ALICE), challenge, Reason.NOT_OFFERED)
    asks_again(alice.answer(challenge, SkipAnswer()), challenge, Reason.NOT_OFFERED)
    asks_again(alice.answer(challenge, alice.wrong()), challenge, Reason.MISMATCH)
    assert alice.answer(challenge, alice.code(), binding="browser 2") == INVALID
    assert alice.reload(challenge) == challenge
    result = lets_in(alice.answer(challenge, alice.code()))
    assert (result.account_id, result.factors, result.at) == (WHO, ("password", "totp"), shop.clock())
    assert (result.methods, result.failures) == (("pwd", "otp", "mfa"), 1)
    assert shop.desk().provisioning(proof) == Denied(Reason.PROOF_EXPIRED)
    assert not isinstance(shop.desk().provisioning(result.proof), Denied)


@both
def test_step_up_by_another_factor(colour: str) -> None:
    """A step-up claims what was given in it, and not the second factor of the login before."""
    shop, alice = ready(colour)
    code = RecoveryAnswer(shop.auth.issue_recovery_codes(WHO)[0])
    proof = alice.log_in().proof
    result = lets_in(alice.answer(alice.step_up(proof), code))
    assert (result.factors, result.methods) == (("password", "recovery"), ("pwd", "mfa"))


@both
def test_step_up_refused(colour: str) -> None:
    """A proof begins no step-up for too old, changed or disabled credentials, or for none at all."""
    shop, alice = ready(colour, policy=CAP)
    proof = alice.log_in().proof
    shop.clock.advance(30 * 86_400 - 30)
    asks(alice.step_up(proof), *map(type, SECOND))
    shop.clock.advance(0.5)
    assert alice.step_up(proof) == Denied(Reason.PROOF_EXPIRED)
    proof = alice.log_in().proof
    for _ in range(3):
        alice.answer(alice.come_in(), alice.wrong())
    assert alice.step_up(proof) == DISABLED
    shop.auth.unlock(WHO)
    shop.auth.issue_recovery_codes(WHO)
    assert alice.step_up(proof) == Denied(Reason.PROOF_INVALID)


@both
def test_step_up_without_a_phone(colour: str) -> None:
    """An account that skipped has nothing to step up by, whatever enrolls in a login."""
    shop = Shop(colour, then=lambda shop: (shop.totp(required=False) | shop.email(),))
    alice = Person(shop)
    proof = lets_in(alice.answer(alice.come_in(), SkipAnswer())).proof
    assert alice.step_up(proof) == NOT_ENROLLED
    passing = Shop(colour, then=lambda shop: (shop.totp(required=False, enroll=False),))
    bob = Person(passing)
    assert bob.step_up(lets_in(bob.come_in()).proof) == NOT_ENROLLED


@both
def test_step_up_under_a_wait(colour: str) -> None:
    """A step-up shares the one budget."""
    shop, alice = ready(colour)
    proof = alice.log_in().proof
    challenge = alice.step_up(proof)
    for _ in range(5):
        alice.answer(challenge, alice.wrong())
    again = alice.step_up(proof)
    assert (again.problem, again.retry_after) == (Reason.THROTTLED, 30)
    asks(alice.come_in(), *map(type, SECOND), problem=Reason.THROTTLED, retry_after=30.0)
    assert shop.auth.status(WHO).failures == 5


# Context


@both
def test_context(colour: str) -> None:
    """What the app hands in reaches its callables that take it, and no others."""
    seen: dict[str, object] = {}

    def check(username: str, password: str, *, context: object) -> str:
        del username, password
        seen["check_password"] = context
        return WHO

    def label_of(account_id: str, **named: object) -> str:
        del account_id
        seen["label_of"] = named["context"]
        return "label"

    def required(account_id: str, context: object = None) -> bool:
        del account_id
        seen["required"] = context
        return False

    def enroll(account_id: str) -> bool:
        return account_id == WHO

    shop = Shop(
        colour,
        first=lambda shop: Password(coloured_for(shop, check)),
        then=lambda shop: (shop.totp(label_of=label_of, required=required, enroll=enroll),),
    )
    alice = Person(shop)
    challenge = alice.answer(alice.begin(), OF_ALICE, context="request 1")
    assert seen == dict.fromkeys(["check_password", "label_of", "required"], "request 1")
    alice.reload(challenge, context="request 2")
    assert seen["required"] == "request 2"
    alice.answer(challenge, SkipAnswer(), context="request 3")
    assert seen["required"] == "request 3"
    alice.come_in()
    assert seen == dict.fromkeys(["check_password", "label_of", "required"])


def coloured_for(shop: Shop, function: Any) -> Any:
    """Return a callable of the app's for the colour of its flow."""
    return shop.totp(label_of=function).label_of


# Two at once


@both
def test_two_tabs(colour: str) -> None:
    """Two logins side by side, of one person or of two, do not disturb each other."""
    shop, alice = ready(colour)
    bob = Person(shop, OF_BOB)
    bob.enroll()
    tabs = [alice.come_in(), bob.come_in(), alice.come_in()]
    assert len({tab.ticket for tab in tabs}) == 3
    assert lets_in(alice.answer(tabs[2], alice.code())).account_id == WHO
    assert lets_in(bob.answer(tabs[1], bob.code())).account_id == BOB
    shop.clock.advance(30)
    assert lets_in(alice.answer(tabs[0], alice.code())).account_id == WHO


@both
def test_phone_only(colour: str) -> None:
    """A flow without alternatives offers the phone alone."""
    _, alice = ready(colour, then=phone_only, first=lambda shop: shop.password())
    assert [type(prompt) for prompt in alice.begin().prompts] == [PasswordPrompt]
    challenge = asks(alice.come_in(), CodePrompt)
    for answer in (RecoveryAnswer("x"), SendEmail(), EmailAnswer("1"), CustomAnswer("totp")):
        asks_again(alice.answer(challenge, answer), challenge, Reason.NOT_OFFERED)
