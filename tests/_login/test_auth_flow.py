"""Logins in steps."""

import base64
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from tests.support.authenticators import ASYNC, POLICY, SYNC, WHO, both
from tests.support.fakes import Tape
from tests.support.flows import (
    FIRST,
    KEYS,
    OF_ALICE,
    SECOND,
    START,
    Person,
    Shop,
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
    FlowError,
    InvalidParameterError,
    PasswordAnswer,
    Reason,
    RecordError,
    RecoveryAnswer,
    RecoveryPrompt,
    SendEmail,
    SkipAnswer,
    Throttle,
    VaultError,
    events,
)
from totpkit.vault import Vault

INVALID, EXPIRED = Denied(Reason.TICKET_INVALID), Denied(Reason.TICKET_EXPIRED)
DISABLED, NOT_ENROLLED = Denied(Reason.DISABLED), Denied(Reason.NOT_ENROLLED)
NO_PROOF = Denied(Reason.PROOF_INVALID)
OF_FIRST = [OF_ALICE, FederatedAnswer("google", "google:1")]
OF_SECOND = [CodeAnswer("123456"), RecoveryAnswer("x"), SendEmail(), EmailAnswer("123456")]
OF_NONE = [SkipAnswer(), FederatedAnswer("other", "other:1"), CustomAnswer("link"), CustomAnswer("totp")]
CAP = replace(POLICY, throttle=Throttle(free=3, first_wait=0.0, cap=3))


# Steps


@pytest.mark.proves("FLOW-steps", "RFC4226-7.1", "RFC8176")
@both
def test_log_in(runtime: str) -> None:
    """A password leads to the second step, and the code completes the login."""
    shop, alice = ready(runtime)
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
    assert [type(event) for event in shop.take_events()] == [events.CodeAccepted]
    asks_again(alice.answer(challenge, alice.code()), alice.reload(challenge), Reason.REPLAYED)


@pytest.mark.proves("FLOW-steps", "RFC4226-7.1", "T16")
@both
def test_first_step(runtime: str) -> None:
    """Before the first factor no other answer is offered, and nothing reads or counts against an account."""
    shop, alice = ready(runtime, store=(tape := Tape()))
    tape.calls.clear()
    begun = alice.begin()
    for answer in [alice.code(), *OF_SECOND, *OF_NONE]:
        asks_again(alice.answer(begun, answer), begun, Reason.NOT_OFFERED)
    stranger = Person(shop, PasswordAnswer("alice", "guess"), binding="browser 2")
    page = stranger.begin()
    for _ in range(150):
        asks_again(stranger.answer(page, stranger.credentials), page, Reason.WRONG_CREDENTIALS)
    assert (tape.calls, shop.take_events()) == ([], [])
    assert alice.log_in().failures == 0


@pytest.mark.proves("FLOW-steps")
@both
@pytest.mark.parametrize("alternatives", [True, False])
def test_second_step(runtime: str, alternatives: bool) -> None:  # noqa: FBT001 - a parameter
    """An answer that the second step does not offer gives the same challenge again and changes nothing."""
    parts: dict[str, Any] = {} if alternatives else {"then": phone_only, "first": Shop.password}
    shop, alice = ready(runtime, store=(tape := Tape()), **parts)
    assert len(alice.begin().prompts) == 1 + alternatives
    challenge = alice.enter_password()
    tape.calls.clear()
    for answer in [*OF_FIRST, *OF_NONE, *([] if alternatives else OF_SECOND[1:])]:
        asks_again(alice.answer(challenge, answer), challenge, Reason.NOT_OFFERED)
    assert (set(tape.calls), shop.take_events()) == ({"load"}, [])


@both
@pytest.mark.parametrize("answer", [None, "123456", {"type": "code"}, CodeAnswer, CodePrompt(6), True])
def test_no_answer(runtime: str, answer: Any) -> None:
    """Submitting something that is not an answer raises."""
    _, alice = ready(runtime)
    for challenge in (alice.begin(), alice.enter_password()):
        with pytest.raises(InvalidParameterError, match="must be an answer"):
            alice.answer(challenge, answer)


@pytest.mark.proves("FLOW-steps", "FLOW-choice")
@both
def test_two_later_steps(runtime: str) -> None:
    """Each step accepts only its own answers, and every step must be passed in order."""
    shop = Shop(runtime, then=phone_then_email)
    alice = Person(shop)
    enrollment = asks(alice.enter_password(), EnrollmentPrompt)
    alice.scan(enrollment)
    last = asks(alice.answer(enrollment, alice.code()), EmailPrompt)
    assert alice.answer(enrollment, alice.code()) == INVALID
    asks_again(alice.answer(last, alice.code()), last, Reason.NOT_OFFERED)
    result = lets_in(alice.answer(last, alice.send_email(last)))
    assert (result.factors, result.methods) == (("password", "totp", "email"), ("pwd", "otp", "mfa"))
    assert result.enrolled
    shop.clock.advance(30)
    first = asks(alice.enter_password(), CodePrompt)
    for answer in (SendEmail(), EmailAnswer(shop.emailed_code())):
        asks_again(alice.answer(first, answer), first, Reason.NOT_OFFERED)
    last = asks(alice.answer(first, alice.code()), EmailPrompt)
    asks_again(alice.answer(first, alice.code()), first, Reason.REPLAYED)
    asks_again(alice.answer(last, CodeAnswer("12345678")), last, Reason.NOT_OFFERED)


@pytest.mark.proves("RFC8176")
@both
def test_one_factor_alone(runtime: str) -> None:
    """A flow may have a first factor alone, and claims no more than that."""
    alice = Person(Shop(runtime, then=lambda _: ()))
    begun = alice.begin()
    asks_again(alice.answer(begun, PasswordAnswer("alice", "x")), begun, Reason.WRONG_CREDENTIALS)
    asks_again(alice.answer(begun, CodeAnswer("123456")), begun, Reason.NOT_OFFERED)
    asks_again(alice.reload(begun), begun, None)
    result = lets_in(alice.answer(begun, OF_ALICE))
    assert (result.account_id, result.factors, result.methods) == (WHO, ("password",), ("pwd",))
    with pytest.raises(FlowError, match="no second factor"):
        alice.step_up(result.proof)


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
    """A login is for the account of its first factor, however logins interleave."""
    shop = Shop(then=phone(label_of=lambda _: "label"))
    people = [Person(shop, PasswordAnswer(f"user {place}", "pw")) for place in range(len(ids))]
    shop.passwords = {(f"user {place}", "pw"): account for place, account in enumerate(ids)}
    for person in people:
        person.enroll()
    challenges = [person.enter_password() for person in people]
    for place in data.draw(st.permutations(range(len(ids)))):
        challenge = challenges[place]
        for other in [person for person in people if person is not people[place]]:
            asks_again(other.answer(challenge, other.code()), challenge, Reason.MISMATCH)
        assert lets_in(people[place].answer(challenge, people[place].code())).account_id == ids[place]
        shop.clock.advance(30)


# Identity providers


@pytest.mark.proves("FLOW-federated", "FLOW-same-subject")
@both
def test_federated(runtime: str) -> None:
    """A provider is a first factor like a password, also for an account that is new to the app."""
    shop = Shop(runtime)
    user, answer = Person(shop), FederatedAnswer("google", "google:1234")
    enrollment = asks(user.answer(user.begin(), answer), EnrollmentPrompt)
    user.scan(enrollment)
    result = lets_in(user.answer(enrollment, user.code()))
    assert (result.account_id, result.enrolled) == ("google:1234", True)
    assert (result.factors, result.methods) == (("federated:google", "totp"), ("otp", "mfa"))
    shop.clock.advance(30)
    challenge = asks(user.answer(user.begin(), answer), CodePrompt, RecoveryPrompt)  # there is no address
    assert lets_in(user.answer(challenge, user.code())).account_id == "google:1234"
    assert not shop.auth.status(WHO).enrolled


@pytest.mark.proves("FLOW-federated")
@both
def test_providers(runtime: str) -> None:
    """A flow accepts only its own providers, and only valid account ids from them."""
    alice = Person(Shop(runtime, first=lambda _: Federated("google") | Federated("github")))
    begun = alice.begin()
    assert [prompt.provider for prompt in begun.prompts] == ["google", "github"]  # type: ignore[union-attr]
    for unknown in (FederatedAnswer("gitlab", WHO), FederatedAnswer("Google", WHO), OF_ALICE):
        asks_again(alice.answer(begun, unknown), begun, Reason.NOT_OFFERED)
    for account_id in ("", "a\nb", "x" * 256):
        with pytest.raises(InvalidParameterError, match="account_id"):
            alice.answer(begun, FederatedAnswer("google", account_id))
    enrollment = alice.answer(begun, FederatedAnswer("github", WHO))
    alice.scan(enrollment)
    assert lets_in(alice.answer(enrollment, alice.code())).factors == ("federated:github", "totp")


# Tickets


@pytest.mark.proves("FLOW-per-app", "T33")
@both
def test_other_flows(runtime: str) -> None:
    """A ticket or proof is rejected by a flow with another name, other steps or other keys."""
    shop, alice = ready(runtime)
    second = shop.totp() | shop.recovery() | shop.email()
    tickets = [alice.begin().ticket, alice.enter_password().ticket]
    proof = alice.log_in().proof
    others = [
        shop.built(shop.first, second, name="other"),
        shop.built(shop.first, second, name="shop "),
        shop.built(shop.first, second, keys=[b"K" * 32]),
        shop.built(shop.first, shop.totp()),
        shop.built(shop.first, shop.totp() | shop.recovery(), shop.email()),
        shop.built(shop.first, shop.recovery() | shop.totp() | shop.email()),
        shop.built(shop.password(), second),
    ]
    for flow in others:
        for ticket in tickets:
            for answer in (OF_ALICE, alice.code()):
                assert flow.submit(ticket, answer, binding=alice.binding) == INVALID
            assert flow.resume(ticket, binding=alice.binding) == INVALID
        assert flow.begin_step_up(proof, binding=alice.binding) == NO_PROOF


@pytest.mark.proves("FLOW-per-app", "T33", "ASVS-13.3")
@both
def test_same_flow_elsewhere(runtime: str) -> None:
    """A login continues in another process, in the other runtime, and after a key rotation."""
    shop, alice = ready(runtime)
    for other in (
        shop.again(),
        shop.again(keys=[b"n" * 32, *KEYS]),
        Shop(ASYNC if runtime == SYNC else SYNC, store=shop.store, clock=shop.clock),
    ):
        challenge = alice.enter_password()
        assert other.flow.resume(challenge.ticket, binding=alice.binding) == challenge
        lets_in(other.flow.submit(challenge.ticket, alice.code(), binding=alice.binding))
        other.clock.advance(30)
    retired = shop.again(keys=[b"n" * 32])
    assert retired.flow.resume(alice.enter_password().ticket, binding=alice.binding) == INVALID


@pytest.mark.proves("T44")
@both
def test_expiry(runtime: str) -> None:
    """A ticket is valid for a day, and for ten minutes once the first factor has passed."""
    shop, alice = ready(runtime, then=phone_then_email)
    begun = alice.begin()
    assert begun.seconds_left == 86_400
    shop.clock.advance(86_399.5)
    assert alice.reload(begun).seconds_left == 0.5
    challenge = alice.answer(begun, OF_ALICE)
    assert challenge.seconds_left == 600
    shop.clock.advance(0.5)
    assert alice.reload(begun) == alice.answer(begun, OF_ALICE) == EXPIRED
    shop.clock.advance(400)
    for again in (alice.reload(challenge), alice.answer(challenge, alice.wrong())):
        assert again.seconds_left == 199.5
    last = asks(alice.answer(challenge, alice.code()), EmailPrompt)
    assert (last.ticket == challenge.ticket, last.seconds_left) == (False, 199.5)
    code = alice.send_email(last)
    shop.clock.advance(199)
    assert alice.reload(last).seconds_left == 0.5
    shop.clock.advance(0.5)
    for ticket in (challenge, last):
        assert alice.reload(ticket) == alice.answer(ticket, code) == EXPIRED


@both
def test_ticket_contents(runtime: str) -> None:
    """A ticket is shorter than 400 characters and contains no secret, code, password, address or binding."""
    shop = Shop(runtime, then=lambda shop: (shop.totp(), shop.email(digits=8)))
    account_id = "google-oauth2:" + "a1b2c3d4-" * 7
    shop.passwords = {("alice", "correct horse"): account_id}
    shop.addresses[account_id] = "x@example.com"
    alice = Person(shop, PasswordAnswer("alice", "correct horse"))
    enrollment = alice.enter_password()
    phone = alice.scan(enrollment)
    last = alice.answer(enrollment, alice.code())
    emailed = alice.send_email(last)
    proof = lets_in(alice.answer(last, emailed)).proof
    private = ["correct horse", "alice", enrollment.prompts[0].secret.replace(" ", ""), "example.com"]
    private += [phone.code(), phone.code(steps=-1), emailed.code, alice.binding]
    for text in (enrollment.ticket, last.ticket, proof):
        assert len(text) < 400
        payload = text.split(".")[0]
        plain = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)).decode("ascii")
        assert [word for word in private if word in plain] == []


@both
def test_resume(runtime: str) -> None:
    """A page that is loaded again shows the same, without the problem, and changes nothing."""
    shop = Shop(runtime, store=(tape := Tape()))
    alice = Person(shop)
    begun = alice.begin()
    assert alice.reload(begun) == begun
    enrollment = alice.enter_password()
    alice.answer(enrollment, CodeAnswer("no code"))
    assert alice.reload(enrollment) == enrollment
    assert alice.reload(enrollment).prompts[0].qr().svg() == enrollment.prompts[0].qr().svg()
    lets_in(alice.pass_step(enrollment))
    assert alice.reload(enrollment) == INVALID
    shop.clock.advance(30)
    challenge = alice.enter_password()
    alice.answer(challenge, SendEmail())
    tape.calls.clear()
    shop.take_events()
    assert alice.reload(challenge).prompts == (*SECOND[:2], EmailPrompt("a***@example.com", sent=True))
    assert (set(tape.calls), shop.take_events()) == ({"load"}, [])


# Failures


@pytest.mark.proves("T09", "T10", "T13")
@both
def test_one_failure_count(runtime: str) -> None:
    """All logins share one failure count; during a wait no answer is checked, and nothing is written."""
    shop, alice = ready(runtime)
    proof = alice.log_in().proof
    for failures in range(1, 5):
        challenge = alice.enter_password()
        asks_again(alice.answer(challenge, alice.wrong()), challenge, Reason.MISMATCH)
        assert shop.auth.status(WHO).failures == failures
    asks_again(alice.answer(challenge, alice.wrong()), challenge, Reason.MISMATCH, 30)
    stored = shop.store.load(WHO)
    shop.clock.advance(10)
    waiting = alice.enter_password()
    assert (waiting.prompts, waiting.problem, waiting.retry_after) == (SECOND, Reason.THROTTLED, 20)
    for answer in (alice.code(), alice.wrong(), *OF_SECOND):
        asks_again(alice.answer(waiting, answer), waiting, Reason.THROTTLED, 20)
    for again in (alice.reload(challenge), alice.step_up(proof)):
        asks(again, *map(type, SECOND), problem=Reason.THROTTLED, retry_after=20)
    assert (shop.store.load(WHO), shop.mailbox) == (stored, [])
    shop.clock.advance(20)
    assert lets_in(alice.answer(waiting, alice.code())).failures == 5
    shop.clock.advance(30)
    assert alice.log_in().failures == shop.auth.status(WHO).failures == 0


@pytest.mark.proves("T09", "T38")
@both
@pytest.mark.parametrize("required", [True, False])
def test_disabled(runtime: str, required: bool) -> None:  # noqa: FBT001 - a parameter
    """After the attempt that reaches the cap there is no login, no enrollment and no skip until an unlock."""
    shop, alice = ready(runtime, then=lambda shop: (shop.totp(required=required) | shop.email(),), policy=CAP)
    challenge = alice.enter_password()
    assert [alice.answer(challenge, alice.wrong()).problem for _ in range(3)] == [Reason.MISMATCH] * 3
    for answer in (alice.code(), SendEmail(), EmailAnswer("123456")):
        assert alice.answer(challenge, answer) == DISABLED
    assert alice.reload(challenge) == alice.enter_password() == DISABLED
    shop.clock.advance(86_400 * 40)
    assert alice.enter_password() == DISABLED
    assert [event.failures for event in shop.take_events() if isinstance(event, events.Disabled)] == [3]
    shop.auth.unlock(WHO)
    assert alice.log_in().failures == 0


@pytest.mark.proves("T40", "T13")
@both
@pytest.mark.parametrize("then", [phone_then_email, email_then_phone])
def test_failures_before_the_last_step(runtime: str, then: Any) -> None:
    """Passing one second factor resets no failures and shortens no wait; completing the login resets them."""
    shop, alice = ready(runtime, then=then)

    def guess(challenge: Any) -> Any:
        if CodePrompt in map(type, challenge.prompts):
            return alice.answer(challenge, alice.wrong())
        alice.answer(challenge, SendEmail())
        return alice.answer(challenge, EmailAnswer("no"))

    for failures in range(5):
        shop.clock.advance(4000)
        last = alice.pass_step(alice.enter_password())
        assert shop.auth.status(WHO).failures == failures
        result = guess(last)
        assert shop.auth.status(WHO).failures == failures + 1
    assert result.retry_after == 30
    shop.clock.advance(4000)
    step = alice.enter_password()
    assert guess(step).retry_after == 60
    shop.clock.advance(60)
    last = alice.pass_step(step)
    assert (last.problem, shop.auth.status(WHO).failures) == (None, 6)
    assert guess(last).retry_after == 120
    shop.clock.advance(120)
    assert lets_in(alice.pass_step(last)).failures == 7
    assert shop.auth.status(WHO).failures == 0


@pytest.mark.proves("ASVS-6.3.5", "ASVS-6.3.8", "NIST-4.1")
@both
def test_reports_of_failures(runtime: str) -> None:
    """A visitor cannot tell wrong codes apart; events tell the app that the password was right."""
    shop, alice = ready(runtime)
    challenge = alice.enter_password()
    code = alice.code()
    lets_in(alice.answer(challenge, code))
    shop.take_events()
    results = [alice.answer(challenge, answer) for answer in (alice.wrong(), code, CodeAnswer("no"))]
    assert [result.problem for result in results] == [Reason.MISMATCH, Reason.REPLAYED, Reason.MALFORMED]
    shown = [result.to_dict() for result in results]
    assert shown == [{**shown[0], "problem": "wrong"}] * 3
    alice.answer(challenge, RecoveryAnswer("no"))
    shop.auth.verify(WHO, "no")
    rejected = [event for event in shop.take_events() if isinstance(event, events.CodeRejected)]
    assert [event.after for event in rejected] == [("password",)] * 4 + [()]
    assert {(event.account_id, event.at) for event in rejected} == {(WHO, shop.clock())}


# An account that cannot be verified now


@pytest.mark.proves("T38", "FLOW-no-skip")
@both
@pytest.mark.parametrize("state", ["throttled", "wrong vault key", "corrupted"])
def test_no_second_enrollment(runtime: str, state: str) -> None:
    """An enrolled account that cannot be verified now is offered neither an enrollment nor a skip."""
    then = phone(required=False)
    shop, alice = ready(runtime, then=then, vault=Vault({"old": bytes(32)}))
    challenge = alice.enter_password()
    if state == "corrupted":
        assert shop.store.swap(WHO, shop.store.load(WHO), b"{")
        for call in (alice.enter_password, lambda: alice.reload(challenge)):
            with pytest.raises(RecordError):
                call()
        for answer in (alice.code(), SkipAnswer()):
            with pytest.raises(RecordError):
                alice.answer(challenge, answer)
        return
    if state == "throttled":
        shop.fail(5)
        again = asks(alice.enter_password(), CodePrompt, problem=Reason.THROTTLED, retry_after=30.0)
        assert alice.answer(again, SkipAnswer()).problem is Reason.NOT_OFFERED
        return
    lost = Person(shop.again(vault=Vault({"new": b"n" * 32}), then=then))
    again = asks(lost.enter_password(), CodePrompt)
    asks_again(lost.answer(again, SkipAnswer()), again, Reason.NOT_OFFERED)
    with pytest.raises(VaultError):
        lost.answer(again, alice.code())


@pytest.mark.proves("T38")
@both
def test_lost_record(runtime: str) -> None:
    """An account that the app knows to be enrolled is denied if the store has lost its record."""
    known: set[str] = set()
    shop, alice = ready(runtime, then=phone(enroll=lambda account_id: account_id not in known))
    known.add(WHO)
    alice.log_in()
    challenge = alice.enter_password()
    shop.auth.forget(WHO)
    assert alice.enter_password() == NOT_ENROLLED
    for answer in (alice.code(), SkipAnswer()):
        assert alice.answer(challenge, answer) == INVALID


# Step-ups


@both
def test_step_up(runtime: str) -> None:
    """A step-up asks for the second factor alone, of the same account, and gives a new proof."""
    shop, alice = ready(runtime)
    recovery = RecoveryAnswer(shop.auth.issue_recovery_codes(WHO)[0])
    proof = alice.log_in().proof
    shop.clock.advance(86_400)
    challenge = alice.step_up(proof)
    assert (challenge.prompts, challenge.seconds_left) == (SECOND, 600)
    for answer in (OF_ALICE, SkipAnswer()):
        asks_again(alice.answer(challenge, answer), challenge, Reason.NOT_OFFERED)
    asks_again(alice.answer(challenge, alice.wrong()), challenge, Reason.MISMATCH)
    assert alice.answer(challenge, alice.code(), binding="browser 2") == INVALID
    assert alice.reload(challenge) == challenge
    result = lets_in(alice.answer(challenge, alice.code()))
    assert (result.account_id, result.factors, result.at) == (WHO, ("password", "totp"), shop.clock())
    assert (result.methods, result.failures) == (("pwd", "otp", "mfa"), 1)
    own = shop.self_service()
    assert own.provisioning(proof) == Denied(Reason.PROOF_EXPIRED)
    assert not isinstance(own.provisioning(result.proof), Denied)
    other = lets_in(alice.answer(alice.step_up(result.proof), recovery))
    assert (other.factors, other.methods) == (("password", "recovery"), ("pwd", "mfa"))


@both
def test_step_up_denied(runtime: str) -> None:
    """A proof begins no step-up if it is too old, or if its credential was changed or disabled."""
    shop, alice = ready(runtime, policy=CAP)
    proof = alice.log_in().proof
    shop.clock.advance(30 * 86_400 - 30)
    asks(alice.step_up(proof), *map(type, SECOND))
    shop.clock.advance(0.5)
    assert alice.step_up(proof) == Denied(Reason.PROOF_EXPIRED)
    proof = alice.log_in().proof
    shop.fail(3)
    assert alice.step_up(proof) == DISABLED
    shop.auth.unlock(WHO)
    shop.auth.issue_recovery_codes(WHO)
    assert alice.step_up(proof) == NO_PROOF


@both
def test_step_up_without_a_phone(runtime: str) -> None:
    """An account without a phone has nothing to step up with, even if the flow could enroll it."""
    alice = Person(Shop(runtime, then=lambda shop: (shop.totp(required=False) | shop.email(),)))
    assert alice.step_up(alice.skip().proof) == NOT_ENROLLED
    bob = Person(Shop(runtime, then=phone(required=False, enroll=False)))
    assert bob.step_up(lets_in(bob.enter_password()).proof) == NOT_ENROLLED
