"""Logins that are kept in a web session."""

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.support.authenticators import ASYNC, SYNC, WHO, Blocking, both
from tests.support.flows import BOB, OF_ALICE, OF_BOB, Person, Shop, asks, lets_in, ready
from totpkit import (
    AsyncSessionLogin,
    Authenticated,
    CodePrompt,
    Confirmed,
    Denied,
    EmailPrompt,
    Enrollment,
    EnrollmentPrompt,
    FederatedAnswer,
    FederatedPrompt,
    FlowError,
    InvalidParameterError,
    NewRecoveryCodes,
    PasswordPrompt,
    Reason,
    RecoveryPrompt,
    SessionLogin,
    SkipAnswer,
)
from totpkit.testing import SoftPhone

PASSWORD = {"type": "password", "username": "alice", "password": "pw"}
HALF_A_DAY = 12 * 3600.0
FIRST = (PasswordPrompt, FederatedPrompt)
SECOND = (CodePrompt, RecoveryPrompt, EmailPrompt)
TICKET, PROOF = "totpkit.shop.ticket", "totpkit.shop.proof"
INVALID = Denied(Reason.PROOF_INVALID)

Session = dict[str, Any]


class BlockingLogin(Blocking):
    """The async session login with methods that block. ``account_id`` is not async."""

    def account_id(self, session: Session) -> str | None:
        """Return the account that is logged in."""
        account_id: str | None = self.auth.account_id(session)
        return account_id


def session_login(shop: Shop, **parts: Any) -> Any:
    """Return the session login of an app, with methods that block."""
    if shop.runtime == SYNC:
        return SessionLogin(shop.flow, **parts)
    return BlockingLogin(AsyncSessionLogin(shop.flow.auth, **parts))


def self_service(shop: Shop, **parts: Any) -> Any:
    """Return self-service of an app, whose methods are actions for its session login."""
    own = shop.self_service(**parts)
    return own if shop.runtime == SYNC else own.auth


def code(person: Person) -> dict[str, str]:
    """Return a form with the code of a phone."""
    return {"type": "code", "code": person.code().code}


def log_in(alice: Person, session: Session, **parts: Any) -> Authenticated:
    """Log in with the phone, and return the result one step later."""
    login = session_login(alice.shop, **parts)
    asks(login.challenge(session), *FIRST)
    asks(login.answer(session, PASSWORD), *SECOND)
    result = lets_in(login.answer(session, code(alice)))
    alice.shop.clock.advance(30)
    return result


def logged_in(runtime: str, *, age: float = 0) -> tuple[Shop, Person, Any, Any, Session]:
    """Return an app, a user who is logged in since *age*, the session login, self-service and the session."""
    shop, alice = ready(runtime)
    session: Session = {}
    log_in(alice, session)
    shop.clock.advance(age)
    return shop, alice, session_login(shop), self_service(shop), session


# The login


@pytest.mark.proves("FLOW-steps", "FLOW-enroll-once", "RFC4226-7.1")
@both
def test_whole_login(runtime: str) -> None:
    """The session carries a login from the first page to the last, and contains only the proof at the end."""
    shop, session = Shop(runtime), {}
    login, alice = session_login(shop), Person(shop)
    asks(login.challenge(session), *FIRST)
    wrong = login.answer(session, {**PASSWORD, "password": "wrong"})
    asks(wrong, *FIRST, problem=Reason.WRONG_CREDENTIALS)
    shown = asks(login.answer(session, PASSWORD), EnrollmentPrompt)
    assert login.challenge(session) == shown == login.challenge(json.loads(json.dumps(session)))
    assert login.account_id(session) is None
    alice.scan(shown)
    asks(login.answer(session, {"type": "code", "code": "x"}), EnrollmentPrompt, problem=Reason.MALFORMED)
    result = lets_in(login.answer(session, code(alice)))
    assert (result.account_id, result.enrolled) == (WHO, True)
    assert session == {PROOF: result.proof}
    assert (login.account_id(session), login.challenge(session), login.account_id({})) == (WHO, None, None)


@pytest.mark.proves("RFC6238-5.2-once", "T07", "T44")
@both
def test_other_sessions(runtime: str) -> None:
    """A right code is worth nothing in a session that did not enter the password, or after its first use."""
    _, alice = ready(runtime)
    login, sessions = session_login(alice.shop), [{}, {}]
    for session in sessions:
        login.challenge(session)
        login.answer(session, PASSWORD)
    other: Session = {}
    assert login.answer(other, code(alice)) == Denied(Reason.TICKET_INVALID)
    login.challenge(other)
    asks(login.answer(other, code(alice)), *FIRST, problem=Reason.NOT_OFFERED)
    lets_in(login.answer(sessions[0], code(alice)))
    asks(login.answer(sessions[1], code(alice)), *SECOND, problem=Reason.REPLAYED)
    assert [login.account_id(session) for session in (*sessions, other)] == [WHO, None, None]


@pytest.mark.proves("T41")
@both
@pytest.mark.parametrize(
    "form",
    [
        *({}, None, [], "code", {"type": "code"}, {"type": "code", "code": 123456}, {"type": ["code"]}),
        {"type": "federated", "provider": "google", "account_id": WHO},
    ],
)
def test_unreadable_forms(runtime: str, form: Any) -> None:
    """A form that is not a visitor's answer shows the same step again and counts nothing."""
    shop, alice = ready(runtime)
    login, session = session_login(shop), {}
    assert login.answer(session, form) == Denied(Reason.TICKET_INVALID)
    for answer, prompts in ((None, FIRST), (PASSWORD, SECOND)):
        shown = login.answer(session, answer) if answer else login.challenge(session)
        before = dict(session)
        again = asks(login.answer(session, form), *prompts, problem=Reason.NOT_OFFERED)
        assert (again.prompts, session) == (shown.prompts, before)
    assert shop.auth.status(WHO).failures == 0
    lets_in(login.answer(session, code(alice)))


@both
def test_answers_of_the_app(runtime: str) -> None:
    """``submit`` takes an answer of the app and no form, and ``answer`` takes a form and no answer."""
    shop, alice = ready(runtime)
    login, session = session_login(shop), {}
    login.challenge(session)
    before = dict(session)
    for form in (PASSWORD, None):
        with pytest.raises(InvalidParameterError, match="must be an answer"):
            login.submit(session, form)
    for answer in (alice.code(), SkipAnswer(), OF_ALICE):
        with pytest.raises(
            InvalidParameterError, match="must be what a visitor sent; pass answers to submit"
        ):
            login.answer(session, answer)
    assert session == before
    asks(login.submit(session, FederatedAnswer("google", "google:7")), EnrollmentPrompt)


@pytest.mark.proves("T33")
@both
@pytest.mark.parametrize("by", ["challenge", "answer"])
def test_expired(runtime: str, by: str) -> None:
    """A login that takes too long is denied once, and then another begins."""
    shop, _ = ready(runtime)
    login, session = session_login(shop), {"cart": "7"}
    login.challenge(session)
    login.answer(session, PASSWORD)
    shop.clock.advance(601)
    result = login.challenge(session) if by == "challenge" else login.answer(session, PASSWORD)
    assert result == Denied(Reason.TICKET_EXPIRED)
    assert session == {"cart": "7"}
    asks(login.challenge(session), *FIRST)


@pytest.mark.proves("T33", "FLOW-per-app")
@both
def test_foreign_values(runtime: str) -> None:
    """A value in the session that the flow did not sign as a proof or a ticket lets nobody in."""
    shop, alice = ready(runtime)
    proof, ticket = alice.log_in().proof, alice.enter_password().ticket
    foreign = Person(shop.again(keys=[b"K" * 32]))
    foreign.phone = alice.phone
    login, own = session_login(shop), self_service(shop)
    for text in (ticket, "", None, 7, b"", [], proof[:-2], foreign.log_in().proof):
        session: Session = {PROOF: text}
        assert login.account_id(session) is None
        asks(login.challenge(session), *FIRST)
        assert login.perform({PROOF: text}, own.provisioning) == INVALID
    for text in (proof, "x", foreign.enter_password().ticket):
        session = {TICKET: text}
        assert login.challenge(session) == Denied(Reason.TICKET_INVALID)
        assert session == {}
    for text in (None, 7, b"", ""):
        asks(login.challenge({TICKET: text}), *FIRST)


@pytest.mark.proves("FLOW-per-app")
@both
def test_two_flows_in_one_session(runtime: str) -> None:
    """A login with one flow is not a login with another, which has its own place in the session."""
    shop, _, login, _, session = logged_in(runtime)
    staff = shop.again(name="staff")
    other = session_login(staff)
    assert other.account_id(session) is None
    asks(other.challenge(session), *FIRST)
    assert other.perform(session, self_service(staff).provisioning) == INVALID
    assert login.account_id(session) == WHO


@pytest.mark.proves("T17", "T18", "RFC4226-7.1")
@given(
    st.lists(
        st.sampled_from(["challenge", "password", "wrong", "unreadable", "provisioning", "recovery"]),
        max_size=12,
    )
)
def test_no_way_around_the_phone(steps: list[str]) -> None:
    """No order of requests without a code from the phone logs anybody in."""
    shop, alice = ready()
    login, session = session_login(shop), {}
    requests: dict[str, Any] = {
        "challenge": lambda: login.challenge(session),
        "password": lambda: login.answer(session, PASSWORD),
        "wrong": lambda: login.answer(session, {"type": "code", "code": alice.wrong().code}),
        "unreadable": lambda: login.answer(session, {"type": "skip"}),
        "provisioning": lambda: login.perform(session, self_service(shop).provisioning),
        "recovery": lambda: login.answer(session, {"type": "recovery", "code": "0123-4567-89AB-CDEF"}),
    }
    for step in steps:
        assert not isinstance(requests[step](), Authenticated | Enrollment)
        assert login.account_id(session) is None


# Lifetime, and the rest of the session


@pytest.mark.proves("ASVS-7.5.1")
@both
@pytest.mark.parametrize("lifetime", [None, 60.0, 30 * 86_400.0])
def test_lifetime(runtime: str, lifetime: float | None) -> None:
    """A login ends its lifetime after the last code, however often it is used."""
    parts = {} if lifetime is None else {"lifetime": lifetime}
    shop, alice = ready(runtime)
    login, session = session_login(shop, **parts), {}
    log_in(alice, session, **parts)
    shop.clock.advance((lifetime or HALF_A_DAY) - 30)
    assert (login.account_id(session), login.challenge(session)) == (WHO, None)
    shop.clock.advance(1)
    assert login.account_id(session) is None
    performed: list[str] = []
    assert login.perform(session, performed.append) == INVALID
    assert performed == []
    asks(login.challenge(session), *FIRST)


@pytest.mark.parametrize(
    "lifetime", [0, -1, 0.5, 30 * 86_400 + 1, float("nan"), float("inf"), True, "60", None]
)
def test_invalid_lifetime(lifetime: Any) -> None:
    """A lifetime is a number of seconds up to 30 days."""
    with pytest.raises(InvalidParameterError, match="lifetime"):
        session_login(Shop(), lifetime=lifetime)


@pytest.mark.proves("T44")
@both
def test_session_is_emptied(runtime: str) -> None:
    """A login empties the session, so that nothing from a stranger or from an earlier user stays in it."""
    shop, alice = ready(runtime)
    login, session, planted = session_login(shop), {PROOF: "planted", "cart": "7"}, {"cart": "7"}
    shop.enroll(BOB)
    asks(login.challenge(session), *FIRST)
    assert session["cart"] == "7"
    log_in(alice, session)
    assert set(session) == {PROOF}
    login.challenge(planted)
    session |= planted
    login.answer(session, {**PASSWORD, "username": "bob", "password": "pw of bob"})
    assert (session["cart"], login.account_id(session)) == ("7", WHO)
    shop.clock.advance(30)
    device = SoftPhone(shop.auth.provisioning(BOB).uri, clock=shop.clock)
    lets_in(login.answer(session, {"type": "code", "code": device.code()}))
    assert (set(session), login.account_id(session)) == ({PROOF}, BOB)


class Counted(dict[str, Any]):
    """A session that counts its changes."""

    changes = 0

    def __setitem__(self, key: str, value: object) -> None:
        self.changes += 1
        super().__setitem__(key, value)

    def pop(self, key: str, default: object = None) -> object:  # type: ignore[override]
        """Count the change."""
        self.changes += 1
        return super().pop(key, default)


@both
def test_reading_writes_nothing(runtime: str) -> None:
    """Showing a page again does not change the session, so that a late response restores no older cookie."""
    shop, alice = ready(runtime)
    login, session = session_login(shop), Counted()
    login.challenge(session)
    for changes, form in enumerate(({}, PASSWORD, code(alice)), 1):
        login.answer(session, form)
        for _ in range(2):
            login.challenge(session)
            login.account_id(session)
            login.answer(session, {})
            assert session.changes == changes
    for _ in range(2):
        login.perform(session, self_service(shop).provisioning)
        assert session.changes == changes


# Actions


@pytest.mark.proves("SELF-conditions", "SELF-replace")
@both
def test_actions(runtime: str) -> None:
    """An action gets the proof in the session, and the new proof that it returns replaces it there."""
    shop, _, login, own, session = logged_in(runtime)
    proof = session[PROOF]
    assert isinstance(login.perform(session, own.provisioning), Enrollment)
    assert session == {PROOF: proof}
    codes = login.perform(session, own.new_recovery_codes)
    assert isinstance(codes, NewRecoveryCodes)
    assert session == {PROOF: codes.proof}
    device = SoftPhone(login.perform(session, own.begin_enrollment).uri, clock=shop.clock)
    wrong = login.perform(session, lambda proof: own.confirm_enrollment(proof, "x"))
    assert (wrong.reason, session) == (Reason.MALFORMED, {PROOF: codes.proof})
    confirmed = login.perform(session, lambda proof: own.confirm_enrollment(proof, device.code()))
    assert isinstance(confirmed, Confirmed)
    assert session == {PROOF: confirmed.proof}
    assert login.perform(session, own.switch_off) is None
    assert login.perform(session, own.provisioning) == INVALID
    assert session == {}


@both
def test_actions_of_the_app(runtime: str) -> None:
    """An action of the app gets the context, may return anything, and may raise."""
    shop, _, login, _, session = logged_in(runtime)
    calls: list[object] = []

    def change(proof: str, *, context: object) -> object:
        calls.append((proof, context))
        return [proof] if runtime == SYNC else wrapped(proof)

    async def wrapped(proof: str) -> object:
        return [proof]

    assert login.perform(session, change, context="request") == [session[PROOF]]
    assert calls == [(session[PROOF], "request")]
    with pytest.raises(StopIteration if runtime == SYNC else RuntimeError):
        login.perform(session, lambda _: next(iter(())))
    own = self_service(shop, allowed=lambda *args, context: calls.append((*args, context)) or False)
    assert login.perform(session, own.provisioning, context="r") == Denied(Reason.NOT_ADMITTED)
    assert (calls[1:], login.account_id(session)) == ([(WHO, "r")], WHO)


@both
def test_step_up(runtime: str) -> None:
    """An old proof begins a step-up, which the next action continues."""
    shop, alice, login, own, session = logged_in(runtime, age=301)
    session["cart"], before = "7", session[PROOF]
    begun = asks(login.perform(session, own.provisioning), *SECOND)
    assert (login.challenge(session), login.account_id(session)) == (begun, WHO)
    login.answer(session, {"type": "send_email"})
    again = asks(login.perform(session, own.begin_enrollment), *SECOND)
    assert (again.ticket, again.prompts[2].sent) == (begun.ticket, True)  # type: ignore[union-attr]
    lets_in(login.answer(session, code(alice)))
    assert (set(session), session[PROOF] == before) == ({"cart", PROOF}, False)
    assert isinstance(login.perform(session, own.provisioning), Enrollment)
    shop.clock.advance(HALF_A_DAY - 1)
    assert login.account_id(session) == WHO


@both
def test_step_up_is_of_this_login(runtime: str) -> None:
    """An action continues only a step-up of the same account that still lives, and otherwise begins one."""
    shop, _, login, own, session = logged_in(runtime, age=301)
    begun = asks(login.perform(session, own.provisioning), *SECOND)
    shop.clock.advance(600)
    bob, alice = Person(shop, OF_BOB, binding=""), Person(shop, binding="")
    others = [alice.enter_password(), alice.begin(), bob.step_up(bob.enroll().proof)]
    for ticket in (begun.ticket, *(other.ticket for other in others), session[PROOF], "x"):
        session[TICKET] = ticket
        assert asks(login.perform(session, own.provisioning), *SECOND).ticket != ticket
    email = {"type": "email", "code": ""}
    login.answer(session, {"type": "send_email"})
    lets_in(login.answer(session, {**email, "code": shop.emailed_code()}))
    shop.clock.advance(301)
    session[TICKET] = begun.ticket
    assert login.perform(session, own.provisioning) == INVALID  # an email is too weak, also in a step-up


@both
def test_abandoned_step_up(runtime: str) -> None:
    """A user who abandons a step-up stays logged in, and is asked for nothing when it has expired."""
    shop, alice, login, own, session = logged_in(runtime, age=301)
    asks(login.perform(session, own.provisioning), *SECOND)
    assert login.account_id(session) == WHO
    shop.clock.advance(601)
    assert (login.account_id(session), login.challenge(session)) == (WHO, None)
    assert set(session) == {PROOF}
    asks(login.perform(session, own.provisioning), *SECOND)
    assert login.answer({PROOF: session[PROOF]}, code(alice)) == Denied(Reason.TICKET_INVALID)
    shop.auth.revoke(WHO)
    assert (login.account_id(session), login.challenge(session)) == (WHO, None)
    assert login.perform(session, own.provisioning) == INVALID
    assert login.account_id(session) is None


@pytest.mark.proves("SELF-conditions", "T39")
@both
def test_too_weak(runtime: str) -> None:
    """After a login with a recovery code the secret is denied, no code is asked for, and the login stays."""
    shop, _ = ready(runtime)
    login, own, session = session_login(shop), self_service(shop), {}
    codes = shop.auth.issue_recovery_codes(WHO)
    login.challenge(session)
    login.answer(session, PASSWORD)
    lets_in(login.answer(session, {"type": "recovery", "code": codes[0]}))
    before = dict(session)
    for _ in range(2):
        assert login.perform(session, own.provisioning) == INVALID
        assert session == before
        shop.clock.advance(301)
    asks(login.perform(session, own.begin_enrollment), *SECOND)  # for this it is enough, but too old


@pytest.mark.proves("T39", "T47")
@both
@pytest.mark.parametrize("step_up", [False, True])
@pytest.mark.parametrize("age", [0, 301])
def test_revoked_elsewhere(runtime: str, age: float, step_up: bool) -> None:  # noqa: FBT001 - a parameter
    """After a revocation elsewhere, the next action ends the login here."""
    shop, _, login, own, session = logged_in(runtime, age=301 if step_up else 0)
    if step_up:
        asks(login.perform(session, own.provisioning), *SECOND)
    shop.auth.revoke(WHO)
    shop.clock.advance(age)
    session["cart"] = "7"
    assert login.account_id(session) == WHO
    assert login.perform(session, own.provisioning) == INVALID
    assert session == {"cart": "7"}
    asks(login.challenge(session), *FIRST)


@pytest.mark.proves("SELF-conditions")
@both
def test_disabled(runtime: str) -> None:
    """A user whose account is disabled by guesses is denied actions and stays logged in."""
    shop, _, login, own, session = logged_in(runtime)
    cap = shop.policy.throttle.cap
    shop.rewrite(failures=cap)
    assert login.perform(session, own.provisioning) == Denied(Reason.DISABLED)
    shop.rewrite(failures=0)
    shop.clock.advance(301)
    asks(login.perform(session, own.provisioning), *SECOND)
    shop.rewrite(failures=cap)
    assert login.challenge(session) is None
    assert login.perform(session, own.provisioning) == Denied(Reason.DISABLED)
    assert login.account_id(session) == WHO


@pytest.mark.proves("FLOW-no-skip")
@both
def test_without_a_phone(runtime: str) -> None:
    """A user without a phone can set one up at once, and later has to log in again for that."""
    shop = Shop(runtime, then=lambda shop: (shop.totp(required=False) | shop.recovery(),))
    login, own, session = session_login(shop), self_service(shop), {}
    login.challenge(session)
    login.answer(session, PASSWORD)
    assert lets_in(login.answer(session, {"type": "skip"})).skipped == ("totp",)
    assert login.perform(session, own.provisioning) == INVALID
    assert login.account_id(session) == WHO
    assert isinstance(login.perform(session, own.begin_enrollment), Enrollment)
    shop.clock.advance(301)
    assert login.perform(session, own.begin_enrollment) == Denied(Reason.PROOF_EXPIRED)
    assert login.account_id(session) is None
    asks(login.challenge(session), *FIRST)


# Mistakes of the app


@both
@pytest.mark.parametrize("session", [None, "", object(), ("x",)])
def test_not_a_session(runtime: str, session: Any) -> None:
    """A session must be a mutable mapping."""
    login = session_login(Shop(runtime))
    calls: list[Any] = [
        login.account_id,
        login.challenge,
        lambda session: login.answer(session, PASSWORD),
        lambda session: login.answer(session, {}),
        lambda session: login.submit(session, OF_ALICE),
        lambda session: login.perform(session, lambda _: None),
    ]
    for call in calls:
        with pytest.raises(InvalidParameterError, match="session must be a mutable mapping"):
            call(session)


@both
@pytest.mark.parametrize("kept", [False, True])
def test_not_an_action(runtime: str, kept: bool) -> None:  # noqa: FBT001 - a parameter
    """An action must be callable, not the result of a call."""
    shop, _, login, _, session = logged_in(runtime)
    performed = shop.self_service().owner(session[PROOF])
    with pytest.raises(InvalidParameterError, match="action must be callable, not str"):
        login.perform(session if kept else {}, performed)


def test_other_runtime() -> None:
    """A session login needs a flow of its runtime, and the sync one rejects async actions."""
    _, _, login, _, session = logged_in(SYNC)
    other = Shop(ASYNC)
    wrong: list[tuple[Any, Any, str]] = [
        (SessionLogin, other.flow.auth, "flow must be an AuthFlow"),
        (SessionLogin, None, "flow must be an AuthFlow"),
        (AsyncSessionLogin, Shop().flow, "flow must be an AsyncAuthFlow"),
    ]
    for login_class, flow, problem in wrong:
        with pytest.raises(InvalidParameterError, match=problem):
            login_class(flow)

    async def action(proof: str) -> str:
        return proof

    for wrong_action in (action, self_service(other).provisioning):
        with pytest.raises(FlowError, match="async"):
            login.perform(session, wrong_action)


@pytest.mark.proves("T45")
def test_forgotten_await() -> None:
    """What an async method returns has no truth value before it is awaited; ``account_id`` is not async."""
    shop, session = Shop(ASYNC), dict[str, Any]()
    login = session_login(shop).auth
    for pending in (
        login.challenge(session),
        login.answer(session, PASSWORD),
        login.submit(session, OF_ALICE),
        login.perform(session, self_service(shop).provisioning),
    ):
        with pytest.raises(FlowError, match="await"):
            bool(pending)
        pending.close()
    assert login.account_id(session) is None


@pytest.mark.proves("T22")
@both
def test_reprs(runtime: str) -> None:
    """No repr shows what is in a session."""
    _, _, login, _, session = logged_in(runtime)
    in_session = (login if runtime == SYNC else login.auth)._login
    assert session[PROOF] not in repr(in_session) + repr(in_session._of(session))
