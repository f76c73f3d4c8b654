"""A login in the visitor's session, in both colours."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.support.authenticators import ASYNC, SYNC, WHO, Blocking, both
from tests.support.flows import BOB, OF_ALICE, Person, Shop, asks, lets_in, ready
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
THEN = (CodePrompt, RecoveryPrompt, EmailPrompt)
TICKET, PROOF = "totpkit.shop.ticket", "totpkit.shop.proof"
UNREADABLE: list[Mapping[str, object]] = [
    {},
    {"type": "federated", "provider": "google", "account_id": WHO},
    {"type": "code"},
    {"type": "code", "code": 123456},
    {"type": ["code"]},
]

Session = dict[str, Any]


class Awaited(Blocking):
    """The async keeper behind blocking calls; one of its methods does not wait."""

    def account_id(self, session: Session) -> str | None:
        """Return who is logged in."""
        answer: str | None = self.auth.account_id(session)
        return answer


def door(shop: Shop, **parts: Any) -> Any:
    """Return the keeper of the shop's flow, its methods to be called."""
    if shop.colour == SYNC:
        return SessionLogin(shop.flow, **parts)
    return Awaited(AsyncSessionLogin(shop.flow.auth, **parts))


def desk(shop: Shop, **parts: Any) -> Any:
    """Return self-service of the shop, of its colour."""
    own = shop.desk(**parts)
    return own if shop.colour == SYNC else own.auth


def code(person: Person, steps: int = 0) -> dict[str, str]:
    """Return a form with the code of somebody's phone."""
    assert person.phone is not None
    return {"type": "code", "code": person.phone.code(steps)}


def come_in(alice: Person, session: Session, **parts: Any) -> Authenticated:
    """Log in by the phone; return that login, a step later."""
    login = door(alice.shop, **parts)
    asks(login.challenge(session), *FIRST)
    asks(login.answer(session, PASSWORD), *THEN)
    result = lets_in(login.answer(session, code(alice)))
    alice.shop.clock.advance(30)
    return result


def a_while_in(colour: str) -> tuple[Shop, Person, Session]:
    """Return a shop whose Alice is logged in for longer than an act may be from the last code."""
    shop, alice = ready(colour)
    session: Session = {}
    come_in(alice, session)
    shop.clock.advance(301)
    return shop, alice, session


def by_recovery_code(alice: Person, session: Session) -> None:
    """Log in by a recovery code."""
    login, codes = door(alice.shop), alice.shop.auth.issue_recovery_codes(WHO)
    login.challenge(session)
    login.answer(session, PASSWORD)
    lets_in(login.answer(session, {"type": "recovery", "code": codes[0]}))


# The login


@pytest.mark.proves("FLOW-steps", "FLOW-enroll-once", "RFC4226-7.1")
@both
def test_whole_login(colour: str) -> None:
    """The session carries a login from the first page to the last; in the end it holds the proof alone."""
    shop, session = Shop(colour), {}
    login, alice = door(shop), Person(shop)
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
    assert login.account_id(session) == WHO
    assert login.challenge(session) is None
    assert login.account_id({}) is None


@pytest.mark.proves("T44")
@both
def test_another_session(colour: str) -> None:
    """What is right in one session is worth nothing in another, and is not spent there."""
    _, alice = ready(colour)
    login, session = door(alice.shop), {}
    login.challenge(session)
    login.answer(session, PASSWORD)
    other: Session = {}
    assert login.answer(other, code(alice)) == Denied(Reason.TICKET_INVALID)
    login.challenge(other)
    asks(login.answer(other, code(alice)), *FIRST, problem=Reason.NOT_OFFERED)
    assert login.account_id(other) is None
    lets_in(login.answer(session, code(alice)))


@pytest.mark.proves("RFC6238-5.2-once", "T07")
@both
def test_one_code_in_two_sessions(colour: str) -> None:
    """Of two sessions that send one code, one is let in."""
    shop, alice = ready(colour)
    login, sessions = door(shop), [{}, {}]
    for session in sessions:
        login.challenge(session)
        login.answer(session, PASSWORD)
    lets_in(login.answer(sessions[0], code(alice)))
    asks(login.answer(sessions[1], code(alice)), *THEN, problem=Reason.REPLAYED)
    assert [login.account_id(session) for session in sessions] == [WHO, None]


@pytest.mark.proves("T41")
@both
@pytest.mark.parametrize("sent", UNREADABLE)
def test_unreadable(colour: str, sent: Mapping[str, object]) -> None:
    """What is no answer of a visitor's has no effect: the login goes on, and nothing is counted."""
    shop, alice = ready(colour)
    login, session = door(shop), {}
    assert login.answer(session, sent) == Denied(Reason.TICKET_INVALID)
    for answer, prompts in ((None, FIRST), (PASSWORD, THEN)):
        shown = login.answer(session, answer) if answer else login.challenge(session)
        before = dict(session)
        again = asks(login.answer(session, sent), *prompts, problem=Reason.NOT_OFFERED)
        assert (again.prompts, session) == (shown.prompts, before)
    assert shop.auth.status(WHO).failures == 0
    lets_in(login.answer(session, code(alice)))


@both
def test_the_app_s_own_word(colour: str) -> None:
    """An answer of the app's making goes the same way."""
    shop, session = Shop(colour), {}
    login = door(shop)
    login.challenge(session)
    asks(login.submit(session, FederatedAnswer("google", "google:7")), EnrollmentPrompt)
    with pytest.raises(InvalidParameterError, match="answer"):
        login.submit(session, PASSWORD)


@pytest.mark.proves("T33")
@both
def test_too_slow(colour: str) -> None:
    """A login that has taken too long is told so once; then another begins."""
    shop, _ = ready(colour)
    login = door(shop)
    for ask in (login.ask, lambda session: login.answer(session, PASSWORD)):
        session: Session = {"cart": "7"}
        login.challenge(session)
        login.answer(session, PASSWORD)
        shop.clock.advance(601)
        assert ask(session) == Denied(Reason.TICKET_EXPIRED)
        assert session == {"cart": "7"}
        asks(login.challenge(session), *FIRST)


@pytest.mark.proves("T33", "FLOW-per-app")
@both
def test_not_of_ours(colour: str) -> None:
    """What stands in the session without the flow's signature lets nobody in, and is no error."""
    shop, alice = ready(colour)
    proof, ticket = alice.log_in().proof, alice.come_in().ticket
    foreign = Person(shop.again(keys=[b"K" * 32]))
    foreign.phone = alice.phone
    shop.clock.advance(30)
    login = door(shop)
    for text in (ticket, "", None, 7, b"", [], proof[:-2], foreign.log_in().proof):
        session: Session = {PROOF: text}
        assert login.account_id(session) is None
        asks(login.challenge(session), *FIRST)
        assert login.perform({PROOF: text}, desk(shop).provisioning) == Denied(Reason.PROOF_INVALID)
    for text in (proof, "x", foreign.come_in().ticket):
        session = {TICKET: text}
        assert login.challenge(session) == Denied(Reason.TICKET_INVALID)
        assert session == {}
    for text in (None, 7, b"", ""):
        asks(login.challenge({TICKET: text}), *FIRST)


@pytest.mark.proves("FLOW-per-app")
@both
def test_two_flows_in_one_session(colour: str) -> None:
    """Who is logged in by one flow is not by another, whose login stands beside it."""
    shop, alice = ready(colour)
    staff, session = shop.again(name="staff"), {}
    come_in(alice, session)
    assert door(staff).account_id(session) is None
    asks(door(staff).ask(session), *FIRST)
    assert door(shop).account_id(session) == WHO
    assert door(staff).act(session, desk(staff).provisioning) == Denied(Reason.PROOF_INVALID)
    assert door(shop).account_id(session) == WHO


LETTERS = st.lists(st.sampled_from(["ask", "password", "wrong", "unreadable", "qr", "recovery"]), max_size=12)


@pytest.mark.proves("T17", "T18", "RFC4226-7.1")
@given(LETTERS)
def test_no_way_around_the_phone(steps: list[str]) -> None:
    """In no order do the password and everything that needs no phone let somebody in."""
    shop, alice = ready(SYNC)
    login, session = door(shop), {}
    acts: dict[str, Callable[[], object]] = {
        "ask": lambda: login.challenge(session),
        "password": lambda: login.answer(session, PASSWORD),
        "wrong": lambda: login.answer(session, {"type": "code", "code": alice.wrong().code}),
        "unreadable": lambda: login.answer(session, {"type": "skip"}),
        "qr": lambda: login.perform(session, desk(shop).provisioning),
        "recovery": lambda: login.answer(session, {"type": "recovery", "code": "0123-4567-89AB-CDEF"}),
    }
    for step in steps:
        assert not isinstance(acts[step](), Authenticated | Enrollment)
        assert login.account_id(session) is None


# How long it lasts, and what else is in the session


@pytest.mark.proves("ASVS-7.5.1")
@both
@pytest.mark.parametrize("lifetime", [HALF_A_DAY, 60.0, 30 * 86_400.0])
def test_lifetime(colour: str, lifetime: float) -> None:
    """A login lasts as long from its last code, however often it is used; then nothing is done by it."""
    parts = {} if lifetime == HALF_A_DAY else {"lifetime": lifetime}
    shop, alice = ready(colour)
    login, session, done = door(shop, **parts), {}, []
    come_in(alice, session, **parts)
    shop.clock.advance(lifetime - 30)
    assert (login.account_id(session), login.challenge(session)) == (WHO, None)
    shop.clock.advance(1)
    assert login.account_id(session) is None
    assert login.perform(session, done.append) == Denied(Reason.PROOF_INVALID)
    assert done == []
    asks(login.challenge(session), *FIRST)


@pytest.mark.parametrize(
    "lifetime", [0, -1, 0.5, 30 * 86_400 + 1, float("nan"), float("inf"), True, "60", None]
)
def test_no_lifetime(lifetime: Any) -> None:
    """A lifetime is a number of seconds, of up to 30 days."""
    with pytest.raises(InvalidParameterError, match="lifetime"):
        door(Shop(), lifetime=lifetime)


@pytest.mark.proves("T44")
@both
def test_planted(colour: str) -> None:
    """Whoever logs in gets an empty session: nothing of a stranger's lives on, nor of who was in before."""
    shop, alice = ready(colour)
    shop.enroll(BOB)
    bob: Session = {"cart": "7"}
    session: Session = {PROOF: "planted", "cart": "7"}
    asks(door(shop).ask(session), *FIRST)
    assert session["cart"] == "7"
    come_in(alice, session)
    assert set(session) == {PROOF}
    door(shop).ask(bob)  # begun elsewhere, and brought here
    session |= bob
    door(shop).answer(session, {**PASSWORD, "username": "bob", "password": "pw of bob"})
    assert (session["cart"], door(shop).account_id(session)) == ("7", WHO)
    shop.clock.advance(30)
    phone = SoftPhone(shop.auth.provisioning(BOB).uri, clock=shop.clock)
    lets_in(door(shop).answer(session, {"type": "code", "code": phone.code()}))
    assert (set(session), door(shop).account_id(session)) == ({PROOF}, BOB)


@both
def test_a_step_up_keeps_the_session(colour: str) -> None:
    """A step-up renews the login where it is, and leaves what the app keeps there."""
    shop, alice = ready(colour)
    session: Session = {}
    come_in(alice, session)
    session["cart"] = "7"
    shop.clock.advance(301)
    login, own = door(shop), desk(shop)
    before = session[PROOF]
    shown = asks(login.perform(session, own.provisioning), *THEN)
    assert login.challenge(session) == shown
    assert login.account_id(session) == WHO
    lets_in(login.answer(session, code(alice)))
    assert set(session) == {"cart", PROOF}
    assert session[PROOF] != before
    assert isinstance(login.perform(session, own.provisioning), Enrollment)
    shop.clock.advance(HALF_A_DAY - 1)
    assert login.account_id(session) == WHO


class Counted(dict[str, Any]):
    """A session that counts how often it is changed."""

    changes = 0

    def __setitem__(self, key: str, value: object) -> None:
        self.changes += 1
        super().__setitem__(key, value)

    def pop(self, key: str, default: object = None) -> object:  # type: ignore[override]
        """Count too."""
        self.changes += 1
        return super().pop(key, default)


@both
def test_looking_writes_nothing(colour: str) -> None:
    """To show a page again leaves the session alone: a late answer brings back no older cookie."""
    shop, alice = ready(colour)
    login, session = door(shop), Counted()
    login.challenge(session)
    for changes, answer in enumerate(({}, PASSWORD, code(alice)), 1):
        login.answer(session, answer)
        for _ in range(2):
            login.challenge(session)
            login.account_id(session)
            login.answer(session, {})
            assert session.changes == changes
    for _ in range(2):
        login.perform(session, desk(shop).provisioning)
        assert session.changes == changes


# Acts


@pytest.mark.proves("SELF-conditions", "SELF-replace")
@both
def test_acts(colour: str) -> None:
    """What is done by the proof in the session leaves the new proof there."""
    shop, alice = ready(colour)
    session: Session = {}
    result = come_in(alice, session)
    login, own = door(shop), desk(shop)
    assert isinstance(login.perform(session, own.provisioning), Enrollment)
    assert session == {PROOF: result.proof}
    codes = login.perform(session, own.new_recovery_codes)
    assert isinstance(codes, NewRecoveryCodes)
    assert session == {PROOF: codes.proof}
    phone = SoftPhone(login.perform(session, own.begin_replacement).uri, clock=shop.clock)
    wrong = login.perform(session, lambda proof: own.confirm_enrollment(proof, "x"))
    assert wrong.reason is Reason.MALFORMED
    assert session == {PROOF: codes.proof}
    confirmed = login.perform(session, lambda proof: own.confirm_enrollment(proof, phone.code()))
    assert isinstance(confirmed, Confirmed)
    assert session == {PROOF: confirmed.proof}
    assert login.perform(session, own.switch_off) is None
    assert login.perform(session, own.provisioning) == Denied(Reason.PROOF_INVALID)
    assert session == {}


@both
def test_an_act_of_the_app_s_own(colour: str) -> None:
    """An act of the app's own is told the context, answers what it likes, and may raise."""
    shop, alice = ready(colour)
    session: Session = {}
    come_in(alice, session)
    login, own, told = door(shop), shop.desk(), []

    def change(proof: str, *, context: object) -> object:
        told.append((proof, context))
        return [proof] if shop.colour == SYNC else answered(proof)

    async def answered(proof: str) -> object:
        return [proof]

    assert login.perform(session, change, context="request") == [session[PROOF]]
    assert told == [(session[PROOF], "request")]
    with pytest.raises(StopIteration if colour == SYNC else RuntimeError):
        login.perform(session, lambda _: next(iter(())))
    asked = []
    own = desk(shop, allowed=lambda who, *, context: asked.append((who, context)) or False)
    assert login.perform(session, own.provisioning, context="r") == Denied(Reason.NOT_ADMITTED)
    assert (asked, login.account_id(session)) == ([(WHO, "r")], WHO)


@both
def test_a_step_up_goes_on(colour: str) -> None:
    """An act that is begun again finds the step-up under way, with the mail that it has sent."""
    shop, alice, session = a_while_in(colour)
    login, own = door(shop), desk(shop)
    begun = asks(login.perform(session, own.provisioning), *THEN)
    login.answer(session, {"type": "send_email"})
    again = asks(login.perform(session, own.begin_replacement), *THEN)
    assert (again.ticket, again.prompts[2].sent) == (begun.ticket, True)
    lets_in(login.answer(session, {"type": "email", "code": shop.mailed_code()}))
    shop.clock.advance(301)
    session[TICKET] = begun.ticket
    assert login.perform(session, own.provisioning) == Denied(Reason.PROOF_INVALID)
    shop.clock.advance(600)
    come_in(alice, session := {})
    shop.clock.advance(301)
    for ticket in (begun.ticket, alice.come_in().ticket, alice.begin().ticket, session[PROOF], "x"):
        session[TICKET] = ticket
        assert asks(login.perform(session, own.provisioning), *THEN).ticket != ticket


@both
def test_a_step_up_is_left(colour: str) -> None:
    """Who turns away from a step-up stays logged in; when it has ended, nothing is asked any more."""
    shop, alice, session = a_while_in(colour)
    login = door(shop)
    asks(login.perform(session, desk(shop).provisioning), *THEN)
    assert login.account_id(session) == WHO
    asks(login.challenge(session), *THEN)
    shop.clock.advance(601)
    assert (login.account_id(session), login.challenge(session)) == (WHO, None)
    assert set(session) == {PROOF}
    asks(login.perform(session, desk(shop).provisioning), *THEN)
    assert login.answer({PROOF: session[PROOF]}, code(alice)) == Denied(Reason.TICKET_INVALID)
    shop.auth.revoke(WHO)
    assert (login.account_id(session), login.challenge(session)) == (WHO, None)
    assert login.perform(session, desk(shop).provisioning) == Denied(Reason.PROOF_INVALID)
    assert login.account_id(session) is None


@pytest.mark.proves("SELF-conditions", "T39")
@both
def test_too_weak(colour: str) -> None:
    """Who is in by a recovery code is denied the secret, is asked for no code, and stays logged in."""
    shop, alice = ready(colour)
    session: Session = {}
    by_recovery_code(alice, session)
    login, before = door(shop), dict(session)
    for _ in range(2):
        assert login.perform(session, desk(shop).provisioning) == Denied(Reason.PROOF_INVALID)
        assert session == before
        shop.clock.advance(301)
    asks(login.perform(session, desk(shop).begin_replacement), *THEN)  # for that it is enough, and too old


@pytest.mark.proves("T39", "T47")
@both
@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize("late", [0, 301])
def test_ended_elsewhere(colour: str, late: float, asked: bool) -> None:  # noqa: FBT001 - a parameter
    """When the phone was switched off elsewhere, the next act ends the login here."""
    shop, alice = ready(colour)
    session: Session = {}
    come_in(alice, session)
    login = door(shop)
    if asked:  # for a code, in another tab
        shop.clock.advance(301)
        asks(login.perform(session, desk(shop).provisioning), *THEN)
    shop.auth.revoke(WHO)
    shop.clock.advance(late)
    session["cart"] = "7"
    assert login.account_id(session) == WHO
    assert login.perform(session, desk(shop).provisioning) == Denied(Reason.PROOF_INVALID)
    assert session == {"cart": "7"}
    asks(login.challenge(session), *FIRST)


@pytest.mark.proves("SELF-conditions")
@both
def test_locked(colour: str) -> None:
    """Who is locked out is told so, and is not signed out by who guesses."""
    shop, alice = ready(colour)
    session: Session = {}
    come_in(alice, session)
    cap = shop.policy.throttle.cap
    shop.rewrite(failures=cap)
    login = door(shop)
    assert login.perform(session, desk(shop).provisioning) == Denied(Reason.DISABLED)
    shop.rewrite(failures=0)
    shop.clock.advance(301)
    asks(login.perform(session, desk(shop).provisioning), *THEN)
    shop.rewrite(failures=cap)
    assert login.challenge(session) is None
    assert login.perform(session, desk(shop).provisioning) == Denied(Reason.DISABLED)
    assert login.account_id(session) == WHO


@pytest.mark.proves("FLOW-no-skip")
@both
def test_without_a_phone(colour: str) -> None:
    """Who has skipped the phone stays logged in where one is needed, and logs in anew to set one up late."""
    shop = Shop(colour, then=lambda shop: (shop.totp(required=False) | shop.recovery(),))
    login, own, session = door(shop), desk(shop), {}
    login.challenge(session)
    login.answer(session, PASSWORD)
    result = lets_in(login.answer(session, {"type": "skip"}))
    assert result.skipped == ("totp",)
    assert login.perform(session, own.provisioning) == Denied(Reason.PROOF_INVALID)
    assert login.account_id(session) == WHO
    assert isinstance(login.perform(session, own.enroll), Enrollment)
    shop.clock.advance(301)
    assert login.perform(session, own.enroll) == Denied(Reason.PROOF_EXPIRED)
    assert login.account_id(session) is None
    asks(login.challenge(session), PasswordPrompt, FederatedPrompt)


@both
def test_a_first_factor_alone(colour: str) -> None:
    """A flow without a second factor is kept as well."""
    shop, session = Shop(colour, then=lambda _: ()), {}
    login = door(shop)
    asks(login.challenge(session), *FIRST)
    lets_in(login.answer(session, PASSWORD))
    assert login.account_id(session) == WHO


# Mistakes of the app


@both
def test_no_session(colour: str) -> None:
    """A request, say, is no session."""
    login = door(Shop(colour))
    for session in (None, "", object(), ("x",)):
        for call in (
            login.account_id,
            login.ask,
            lambda session: login.answer(session, PASSWORD),
            lambda session: login.submit(session, OF_ALICE),
            lambda session: login.perform(session, lambda _: None),
        ):
            with pytest.raises(InvalidParameterError, match="session"):
                call(session)


@both
def test_no_form(colour: str) -> None:
    """An answer that the app has made is told where it belongs; a form that is none is the visitor's."""
    shop, alice = ready(colour)
    login, session = door(shop), {}
    login.challenge(session)
    before = dict(session)
    for own in (alice.code(), SkipAnswer(), OF_ALICE):
        with pytest.raises(InvalidParameterError, match="a visitor sent: submit takes an answer"):
            login.answer(session, own)
    assert session == before
    for sent in (None, [], "code", {"type": "code"}):
        assert login.answer(session, sent).problem is Reason.NOT_OFFERED


@both
def test_no_act(colour: str) -> None:
    """An act is a function, and not what it has returned."""
    shop, alice = ready(colour)
    proof = alice.log_in().proof
    done = shop.desk().owner(proof)
    for session in ({}, {PROOF: proof}):
        with pytest.raises(InvalidParameterError, match="do must be callable, not str"):
            door(shop).act(session, done)


def test_the_other_colour() -> None:
    """Each face takes the flow of its colour, and the sync one nothing to be awaited."""
    (sync, alice), later = ready(SYNC), Shop(ASYNC)
    with pytest.raises(InvalidParameterError, match="AuthFlow"):
        SessionLogin(later.flow.auth)
    with pytest.raises(InvalidParameterError, match="AsyncAuthFlow"):
        AsyncSessionLogin(sync.flow)
    with pytest.raises(InvalidParameterError, match="AuthFlow"):
        SessionLogin(None)  # type: ignore[arg-type]
    login = SessionLogin(sync.flow)
    session: Session = {}
    come_in(alice, session)

    async def act(proof: str) -> str:
        return proof

    with pytest.raises(FlowError, match="async"):
        login.perform(session, act)
    with pytest.raises(FlowError, match="async"):
        login.perform(session, desk(later).provisioning)


@pytest.mark.proves("T45")
def test_forgotten_await() -> None:
    """What an async method returns has no truth before it is awaited; who is logged in needs no await."""
    shop = Shop(ASYNC)
    login: AsyncSessionLogin = door(shop).auth
    session: Session = {}
    for pending in (
        login.challenge(session),
        login.answer(session, PASSWORD),
        login.submit(session, OF_ALICE),
        login.perform(session, desk(shop).provisioning),
    ):
        with pytest.raises(FlowError, match="await"):
            assert pending
        pending.close()
    assert login.account_id(session) is None


@pytest.mark.proves("T22")
@both
def test_hidden(colour: str) -> None:
    """No repr shows what is in a session."""
    shop, alice = ready(colour)
    session: Session = {}
    come_in(alice, session)
    login = door(shop)
    keeper = (login if colour == SYNC else login.auth)._keeper
    assert session[PROOF] not in repr(keeper)
    assert session[PROOF] not in repr(keeper._of(session))
