"""My account, in both colours."""

import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.support.authenticators import ASYNC, POLICY, SYNC, WHO, both, wrong
from tests.support.fakes import Interrupted
from tests.support.flows import (
    START,
    Person,
    Shop,
    asks,
    lets_in,
    phone_only,
    ready,
)
from totpkit import (
    Accepted,
    Algorithm,
    Authenticated,
    AuthFlow,
    CodeAnswer,
    CodePrompt,
    Confirmed,
    CustomAnswer,
    Denied,
    EmailAnswer,
    Enrollment,
    EnrollmentPrompt,
    Federated,
    FederatedAnswer,
    FlowError,
    InvalidParameterError,
    NewRecoveryCodes,
    Reason,
    RecoveryAnswer,
    Rejected,
    SecondFactor,
    SelfService,
    SendEmail,
    SkipAnswer,
    events,
)
from totpkit.testing import SoftPhone

INVALID, OLD = Denied(Reason.PROOF_INVALID), Denied(Reason.PROOF_EXPIRED)
NOT_ADMITTED, NOT_ENROLLED = Denied(Reason.NOT_ADMITTED), Denied(Reason.NOT_ENROLLED)
NOT_OFFERED = Denied(Reason.NOT_OFFERED)

METHODS: dict[str, Callable[[Any, str], Any]] = {
    "owner": lambda desk, proof: desk.owner(proof),
    "provisioning": lambda desk, proof: desk.provisioning(proof),
    "begin_replacement": lambda desk, proof: desk.begin_enrollment(proof),
    "confirm_replacement": lambda desk, proof: desk.confirm_enrollment(proof, "123456"),
    "cancel_replacement": lambda desk, proof: desk.cancel_enrollment(proof),
    "enroll": lambda desk, proof: desk.begin_enrollment(proof),
    "confirm": lambda desk, proof: desk.confirm_enrollment(proof, "123456"),
    "new_recovery_codes": lambda desk, proof: desk.new_recovery_codes(proof),
    "switch_off": lambda desk, proof: desk.switch_off(proof),
}
every = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)


def optional(shop: Shop) -> Any:
    """Return one later step, which may be skipped."""
    return (shop.totp(required=False) | shop.recovery() | shop.email(),)


def by(alice: Person, second: str) -> str:
    """Return the proof of a login by this second factor."""
    shop = alice.shop
    shop.clock.advance(60)
    codes = shop.auth.issue_recovery_codes(WHO)
    challenge = alice.come_in()
    if second == "email":
        alice.answer(challenge, SendEmail())
        return lets_in(alice.answer(challenge, EmailAnswer(shop.mailed_code()))).proof
    answer = RecoveryAnswer(codes[0]) if second == "recovery" else alice.code()
    return lets_in(alice.answer(challenge, answer)).proof


def shown(result: Any) -> Enrollment:
    """Return a secret that must be shown."""
    assert isinstance(result, Enrollment), result
    return result


# The same picture


@pytest.mark.proves("SELF-same-qr")
@both
def test_same_qr(colour: str) -> None:
    """My account shows the picture of the first login, byte for byte, whatever was renamed since."""
    shop = Shop(colour)
    alice = Person(shop)
    enrollment = alice.come_in()
    first = enrollment.prompts[0]
    alice.scan(enrollment)
    proof = lets_in(alice.answer(enrollment, alice.code())).proof
    renamed = shop.again(
        issuer="Renamed",
        policy=replace(POLICY, digits=8, period=60, algorithm=Algorithm.SHA512, secret_bytes=32),
        then=lambda shop: (shop.totp(label_of=lambda _: "someone else") | shop.recovery() | shop.email(),),
    )
    for other in (shop, renamed):
        again = shown(other.desk().provisioning(proof))
        assert (again.uri, again.secret.grouped(), again.expires_at) == (first.uri, first.secret, None)
        assert again.qr().svg() == first.qr().svg()
        assert again.qr().png() == first.qr().png()
    assert [type(event) for event in shop.told()][-1] is events.ProvisioningShown
    shop.clock.advance(86_400 * 365)
    again = shown(renamed.desk().provisioning(alice.log_in().proof))
    assert again.qr().svg() == first.qr().svg()


@pytest.mark.proves("SELF-conditions", "T39", "ASVS-7.5.1")
@both
@pytest.mark.parametrize("second", ["recovery", "email"])
def test_no_secret_without_the_phone(colour: str, second: str) -> None:
    """The secret is shown only to who has logged in by the phone, to whom it is no news."""
    shop, alice = ready(colour)
    assert shop.desk().provisioning(by(alice, second)) == INVALID
    shown(shop.desk().provisioning(by(alice, "totp")))
    assert [type(event) for event in shop.told()].count(events.ProvisioningShown) == 1


# Acts of the app's own


@pytest.mark.proves("SELF-conditions", "ASVS-7.5.1")
@both
@pytest.mark.parametrize("second", ["totp", "recovery"])
def test_owner(colour: str, second: str) -> None:
    """For an act of its own the app learns whose proof it is; that changes nothing, and tells nobody."""
    shop, alice = ready(colour)
    proof = by(alice, second)
    stored = shop.store.load(WHO)
    shop.told()
    assert [shop.desk().owner(proof) for _ in range(2)] == [WHO, WHO]
    assert (shop.store.load(WHO), shop.told()) == (stored, [])
    shop.clock.advance(301)
    assert shop.desk().owner(proof) == OLD
    proof = lets_in(alice.answer(alice.step_up(proof), alice.code())).proof
    assert shop.desk().owner(proof) == WHO


@pytest.mark.proves("SELF-conditions")
@both
def test_no_owner_without_a_second_factor(colour: str) -> None:
    """Who has skipped the phone is nobody's owner, though the login was complete and is new."""
    shop = Shop(colour, then=optional)
    alice = Person(shop)
    proof = lets_in(alice.answer(alice.come_in(), SkipAnswer())).proof
    assert shop.desk().owner(proof) == INVALID


# Conditions


@pytest.mark.proves("SELF-conditions", "ASVS-7.5.1")
@both
@pytest.mark.parametrize("second", ["totp", "recovery", "email", "step-up"])
def test_who_may_what(colour: str, second: str) -> None:
    """The phone is enough for all, a recovery code for a new phone or for none, a mailed code for nothing."""
    enough = {
        "totp": {
            "owner",
            "provisioning",
            "begin_replacement",
            "cancel_replacement",
            "new_recovery_codes",
            "switch_off",
        },
        "recovery": {"owner", "begin_replacement", "cancel_replacement", "switch_off"},
        "email": set(),
    }
    enough["step-up"] = enough["totp"]
    for name, method in METHODS.items():
        if name in {"enroll", "confirm"}:
            continue
        shop, alice = ready(colour)
        proof = by(alice, "totp" if second == "step-up" else second)
        if second == "step-up":
            shop.clock.advance(86_400)
            proof = lets_in(alice.answer(alice.step_up(proof), alice.code())).proof
        stored = shop.store.load(WHO)
        answer = method(shop.desk(), proof)
        if name == "confirm_replacement":
            assert answer == (INVALID if second == "email" else Rejected(Reason.EXPIRED))
        elif name in enough[second]:
            assert not isinstance(answer, Denied | Rejected)
        else:
            assert answer == INVALID
            assert shop.store.load(WHO) == stored


@pytest.mark.proves("ASVS-7.5.1", "SELF-conditions")
@both
@every
def test_age(colour: str, method: Any) -> None:
    """A proof is good for five minutes, or as long as the app says; then a step-up gives a new one."""
    shop, alice = ready(colour)
    for age, desk in ((300, shop.desk()), (60, shop.desk(max_age=60))):
        proof = alice.log_in().proof  # a step ago
        shop.clock.advance(age - 30 + 0.5)
        assert method(desk, proof) == OLD
        shop.clock.advance(-0.5)
        assert method(desk, proof) != OLD
        if not alice.shop.auth.status(WHO).enrolled:
            alice.enroll()


@pytest.mark.proves("SELF-conditions")
@both
@pytest.mark.parametrize("second", ["recovery", "email"])
def test_too_weak_and_too_old(colour: str, second: str) -> None:
    """A proof that is too weak stays so when it is old: nobody is asked for a code that mends nothing."""
    shop, alice = ready(colour)
    proof = by(alice, second)
    shop.clock.advance(301)
    for method in ("provisioning", "new_recovery_codes"):
        assert METHODS[method](shop.desk(), proof) == INVALID
    assert shop.desk().begin_enrollment(proof) == (OLD if second == "recovery" else INVALID)


@pytest.mark.proves("SELF-conditions")
@both
@every
def test_allowed(colour: str, method: Any) -> None:
    """My account is for whom the app admits, asked each time, with what it hands in."""
    shop, alice = ready(colour)
    proof = alice.log_in().proof
    asked: list[object] = []
    stored = shop.store.load(WHO)

    def allowed(account_id: str, *, context: object = None) -> bool:
        asked.append((account_id, context))
        return False

    desk = shop.desk(allowed=allowed)
    assert method(desk, proof) == NOT_ADMITTED
    assert asked == [(WHO, None)]
    assert desk.provisioning(proof, context="request") == NOT_ADMITTED
    assert asked[1:] == [(WHO, "request")]
    assert shop.store.load(WHO) == stored
    assert method(shop.desk(allowed=lambda who: who == WHO), proof) != NOT_ADMITTED


@pytest.mark.proves("T18", "T44", "SELF-conditions")
@both
@every
def test_tickets_are_no_proofs(colour: str, method: Any) -> None:
    """Who has passed the first factor alone can neither see a secret nor change, confirm or remove one."""
    shop, alice = ready(colour)
    page, challenge = alice.begin(), alice.come_in()
    proof = alice.log_in().proof
    stored = shop.store.load(WHO)
    for no_proof in (page.ticket, challenge.ticket, "", None, 1, b"", proof[:-2], proof + "A", "A" * 9000):
        assert method(shop.desk(), no_proof) == INVALID
    assert shop.store.load(WHO) == stored
    assert shop.told()[-1] == events.CodeAccepted(
        account_id=WHO, at=START + 30, step=int(START + 30) // 30, drift=0
    )


@pytest.mark.proves("T18", "T39", "FLOW-per-app")
@both
@every
def test_proofs_of_other_flows(colour: str, method: Any) -> None:
    """A proof of another flow, one without a second factor say, is worth nothing."""
    shop, alice = ready(colour)
    stored = shop.store.load(WHO)
    for other in (
        shop.again(then=lambda _: ()),
        shop.again(name="other"),
        shop.again(then=lambda shop: (shop.recovery() | shop.totp() | shop.email(),)),
        shop.again(keys=[b"K" * 32]),
    ):
        person = Person(other)
        person.phone = alice.phone
        shop.clock.advance(30)
        proof = person.log_in().proof
        stored = shop.store.load(WHO)
        assert method(shop.desk(), proof) == INVALID
        assert shop.store.load(WHO) == stored


@pytest.mark.proves("T39", "T47", "ASVS-7.5.1")
@both
@every
@pytest.mark.parametrize("change", ["revoke", "replace", "recovery codes", "forget"])
def test_proofs_end(colour: str, method: Any, change: str) -> None:
    """A proof from before a change of the credential is worth nothing after it."""
    shop, alice = ready(colour)
    proof = alice.log_in().proof
    if change == "revoke":
        shop.auth.revoke(WHO)
    elif change == "replace":
        shop.enroll()
    elif change == "forget":
        shop.auth.forget(WHO)
        shop.enroll()
    else:
        shop.auth.issue_recovery_codes(WHO)
    stored = shop.store.load(WHO)
    assert method(shop.desk(), proof) == INVALID
    assert shop.store.load(WHO) == stored


@both
def test_proof_of_the_login_itself(colour: str) -> None:
    """The proof of the login that enrolled is of the credential that it made."""
    shop = Shop(colour)
    proof = Person(shop).log_in().proof
    codes = shop.desk().new_recovery_codes(proof)
    assert len(codes) == 10
    assert shop.desk().new_recovery_codes(proof) == INVALID


@pytest.mark.proves("T39", "T47")
@both
@every
def test_proofs_of_no_phone_end(colour: str, method: Any) -> None:
    """A revocation ends the proof of who logged in without a phone too: a thief enrolls none by it."""
    shop = Shop(colour, then=optional)
    alice = Person(shop)
    proof = lets_in(alice.answer(alice.come_in(), SkipAnswer())).proof
    shop.auth.cancel_enrollment(WHO)
    shown(shop.desk().enroll(proof))
    shop.auth.cancel_enrollment(WHO)
    shop.auth.revoke(WHO)
    stored = shop.store.load(WHO)
    assert method(shop.desk(), proof) == INVALID
    assert shop.store.load(WHO) == stored
    fresh = lets_in(alice.answer(alice.come_in(), SkipAnswer())).proof
    shown(shop.desk().enroll(fresh))


# A new phone


@pytest.mark.proves("SELF-replace", "T19")
@both
@pytest.mark.parametrize("second", ["totp", "recovery"])
def test_replacement(colour: str, second: str) -> None:
    """A new phone replaces the old one when its code confirms, and not before; the proof is renewed."""
    shop, alice = ready(colour)
    old = alice.phone
    proof = by(alice, second)
    logged_in = shop.clock()
    desk = shop.desk()
    new = shown(desk.begin_enrollment(proof))
    assert (new.label, new.issuer, new.expires_at) == ("alice@example.com", "Acme", shop.clock() + 600)
    assert shown(desk.begin_enrollment(proof)).qr().svg() == new.qr().svg()
    phone = SoftPhone(new.uri, clock=shop.clock)
    assert desk.confirm_enrollment(proof, wrong(phone)) == Rejected(Reason.MISMATCH)
    assert desk.confirm_enrollment(proof, old.code()) == Rejected(Reason.MISMATCH)  # type: ignore[union-attr]
    shop.clock.advance(30)
    lets_in(alice.answer(alice.come_in(), alice.code()))
    shop.told()
    confirmed = desk.confirm_enrollment(proof, phone.code())
    assert isinstance(confirmed, Confirmed)
    assert isinstance(confirmed, Accepted)
    assert shop.told() == [events.EnrollmentConfirmed(account_id=WHO, at=shop.clock(), replaced=True)]
    shop.clock.advance(30)
    challenge = alice.come_in()
    assert alice.answer(challenge, CodeAnswer(old.code())).problem is Reason.MISMATCH  # type: ignore[union-attr]
    lets_in(alice.answer(challenge, CodeAnswer(phone.code())))
    assert desk.provisioning(proof) == INVALID
    assert shown(desk.provisioning(confirmed.proof)).uri == new.uri
    shop.clock.time = logged_in + 300.5
    assert desk.provisioning(confirmed.proof) == OLD  # no younger than the login


@both
@pytest.mark.parametrize("code", [None, 123456, b"123456"])
def test_no_code(colour: str, code: Any) -> None:
    """What is no text is the app's own mistake, whether or not there is anything to confirm."""
    shop, alice = ready(colour)
    desk, proof = shop.desk(), by(alice, "totp")
    for begin in (False, True):
        if begin:
            shown(desk.begin_enrollment(proof))
        for method in (desk.confirm, desk.confirm_replacement):
            for whose in (proof, "no proof"):
                with pytest.raises(InvalidParameterError, match="code must be a str"):
                    method(whose, code)


@pytest.mark.proves("SELF-replace")
@both
def test_cancelled(colour: str) -> None:
    """After a cancel, or when it is abandoned, the old phone works as ever; the new one never will."""
    shop, alice = ready(colour)
    proof = alice.log_in().proof
    desk = shop.desk()
    phone = SoftPhone(shown(desk.begin_enrollment(proof)).uri, clock=shop.clock)
    assert desk.cancel_enrollment(proof) is None
    assert desk.cancel_enrollment(proof) is None
    assert desk.confirm_enrollment(proof, phone.code()) == Rejected(Reason.EXPIRED)
    proof = alice.log_in().proof
    abandoned = SoftPhone(shown(desk.begin_enrollment(proof)).uri, clock=shop.clock)
    challenge = asks(alice.come_in(), *map(type, alice.come_in().prompts))
    assert CodePrompt in map(type, challenge.prompts)
    for other in (phone, abandoned):
        assert alice.answer(challenge, CodeAnswer(other.code())).problem is Reason.MISMATCH
    lets_in(alice.answer(challenge, alice.code()))


@pytest.mark.proves("T37", "SELF-replace")
@both
def test_shown_to_another_login(colour: str) -> None:
    """A secret shown to one login is confirmed by that login alone, here too."""
    shop, alice = ready(colour)
    mine, other = alice.log_in().proof, alice.log_in().proof
    desk = shop.desk()
    phone = SoftPhone(shown(desk.begin_enrollment(mine)).uri, clock=shop.clock)
    assert desk.confirm_enrollment(other, phone.code()) == Rejected(Reason.EXPIRED)
    shown(desk.begin_enrollment(other))
    assert desk.confirm_enrollment(mine, phone.code()) == Rejected(Reason.EXPIRED)
    assert shop.auth.status(WHO).failures == 0


@both
def test_not_the_secret_of_a_login(colour: str) -> None:
    """What a first login was shown is not confirmed by my account, and the reverse."""
    shop = Shop(colour, then=optional)
    alice = Person(shop)
    challenge = alice.come_in()
    phone = alice.scan(challenge)
    proof = lets_in(alice.answer(challenge, SkipAnswer())).proof
    assert shop.desk().confirm(proof, phone.code()) == Rejected(Reason.EXPIRED)
    mine = SoftPhone(shown(shop.desk().enroll(proof)).uri, clock=shop.clock)
    assert alice.answer(challenge, CodeAnswer(mine.code())) == Denied(Reason.EXPIRED)


@pytest.mark.proves("T40", "RFC4226-7.3")
@both
def test_one_budget(colour: str) -> None:
    """Wrong codes for a new phone count like all others; after a wait it goes on."""
    shop, alice = ready(colour)
    proof = alice.log_in().proof
    desk = shop.desk()
    phone = SoftPhone(shown(desk.begin_enrollment(proof)).uri, clock=shop.clock)
    for _ in range(4):
        alice.answer(alice.come_in(), alice.wrong())
    assert desk.confirm_enrollment(proof, wrong(phone)) == Rejected(Reason.MISMATCH)
    assert desk.confirm_enrollment(proof, phone.code()) == Rejected(Reason.THROTTLED, retry_after=30.0)
    assert alice.come_in().problem is Reason.THROTTLED
    shop.clock.advance(30)
    assert isinstance(desk.confirm_enrollment(proof, phone.code()), Confirmed)
    assert shop.auth.status(WHO).failures == 0


@both
def test_recovery_codes_outlive_the_phone(colour: str) -> None:
    """Recovery codes are of the account: a new phone leaves the unspent ones as they are."""
    shop, alice = ready(colour)
    codes = shop.auth.issue_recovery_codes(WHO)
    proof = alice.log_in().proof
    phone = SoftPhone(shown(shop.desk().begin_enrollment(proof)).uri, clock=shop.clock)
    assert shop.desk().confirm_enrollment(proof, phone.code())
    lets_in(alice.answer(alice.come_in(), RecoveryAnswer(codes[0])))


# The first phone, later


@pytest.mark.proves("FLOW-no-skip", "SELF-conditions")
@both
def test_enroll_later(colour: str) -> None:
    """Who skipped may take a phone into use later, and has from then on a proof by it."""
    shop = Shop(colour, then=optional)
    alice = Person(shop)
    proof = lets_in(alice.answer(alice.come_in(), SkipAnswer())).proof
    desk = shop.desk()
    for name, method in METHODS.items():
        if name not in {"enroll", "confirm"}:
            assert method(desk, proof) == INVALID  # by no second factor
    enrollment = shown(desk.begin_enrollment(proof))
    assert shown(desk.begin_enrollment(proof)) == enrollment
    phone = SoftPhone(enrollment.uri, clock=shop.clock)
    assert desk.confirm_enrollment(proof, wrong(phone)) == Rejected(Reason.MISMATCH)
    assert not shop.auth.status(WHO).enrolled
    confirmed = desk.confirm_enrollment(proof, phone.code())
    assert isinstance(confirmed, Confirmed)
    assert desk.begin_enrollment(proof) == INVALID
    assert desk.begin_enrollment(confirmed.proof) == NOT_OFFERED
    assert desk.confirm_enrollment(confirmed.proof, phone.code(1)) == NOT_OFFERED
    assert shown(desk.provisioning(confirmed.proof)).uri == enrollment.uri
    assert len(desk.new_recovery_codes(confirmed.proof)) == 10
    shop.clock.advance(30)
    alice.phone = phone
    assert not alice.log_in().enrolled


@pytest.mark.proves("SELF-conditions")
@both
def test_invitation(colour: str) -> None:
    """Where the app invites to enroll, it is asked here too; a flag that is off is for logins alone."""
    invited: set[str] = set()
    shop = Shop(colour, then=lambda shop: (shop.totp(required=False, enroll=lambda who: who in invited),))
    proof = lets_in(Person(shop).come_in()).proof
    assert shop.desk().enroll(proof) == NOT_ADMITTED
    invited.add(WHO)
    shown(shop.desk().enroll(proof))
    off = Shop(colour, then=lambda shop: (shop.totp(required=False, enroll=False),))
    shown(off.desk().enroll(lets_in(Person(off).come_in()).proof))


class Held(SecondFactor):
    """Something that everybody holds."""

    name = "held"

    def check(self, account_id: str, answer: CustomAnswer) -> bool:
        """Let everybody through."""
        del account_id, answer
        return True


@both
def test_nobody_enrolled(colour: str) -> None:
    """What is for a phone is denied to an account whose proof is by another factor, and that has none."""
    shop = Shop(colour, then=lambda shop: (shop.totp(required=False), shop.email() | Held()))
    alice = Person(shop)
    step = alice.answer(alice.come_in(), SkipAnswer())
    proof = lets_in(alice.answer(step, CustomAnswer("held"))).proof
    desk = shop.desk()
    for name in ("owner", "begin_replacement", "confirm_replacement", "cancel_replacement", "switch_off"):
        assert METHODS[name](desk, proof) == NOT_ENROLLED
    assert desk.new_recovery_codes(proof) == NOT_ENROLLED
    assert desk.provisioning(proof) == INVALID
    shown(desk.begin_enrollment(proof))


# Recovery codes


@pytest.mark.proves("SELF-conditions", "T39")
@both
def test_new_recovery_codes(colour: str) -> None:
    """New recovery codes end the older ones, and the proof; one stolen code does not make ten."""
    shop, alice = ready(colour)
    older = shop.auth.issue_recovery_codes(WHO)
    proof = alice.log_in().proof
    shop.told()
    codes = shop.desk().new_recovery_codes(proof)
    assert shop.told() == [events.RecoveryCodesIssued(account_id=WHO, at=shop.clock(), count=10)]
    assert isinstance(codes, NewRecoveryCodes)
    assert repr(codes) == "<10 new recovery codes>"
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(codes)
    assert shop.desk().new_recovery_codes(proof) == INVALID
    shown(shop.desk().provisioning(codes.proof))
    challenge = alice.come_in()
    assert alice.answer(challenge, RecoveryAnswer(older[0])).problem is Reason.MISMATCH
    result = lets_in(alice.answer(challenge, RecoveryAnswer(codes[0])))
    assert shop.desk().new_recovery_codes(result.proof) == INVALID
    assert shop.auth.status(WHO).recovery_codes_left == 9


# Off


@pytest.mark.proves("T21", "T47")
@both
def test_switch_off(colour: str) -> None:
    """Switched off, nothing of before works; the failures stay, and the next login enrolls a new secret."""
    shop, alice = ready(colour)
    codes = shop.auth.issue_recovery_codes(WHO)
    proof = alice.log_in().proof
    challenge = alice.come_in()
    alice.answer(challenge, alice.wrong())
    old = shown(shop.desk().provisioning(proof))
    shop.told()
    assert shop.desk().switch_off(proof) is None
    assert shop.told() == [events.Revoked(account_id=WHO, at=shop.clock())]
    assert shop.desk().switch_off(proof) == INVALID
    for answer in (alice.code(), RecoveryAnswer(codes[0])):
        assert alice.answer(challenge, answer) == Denied(Reason.TICKET_INVALID)
    assert shop.auth.status(WHO).failures == 1
    enrollment = asks(alice.come_in(), EnrollmentPrompt)
    assert enrollment.prompts[0].uri != old.uri  # type: ignore[union-attr]


# Changed in the middle


@pytest.mark.proves("T39")
@every
def test_changed_meanwhile(method: Any) -> None:
    """What changes between the look at a proof and the writing is seen: nothing is done by an old proof."""
    shop, alice = ready(SYNC)
    proof = alice.log_in().proof
    begun = shown(shop.desk().begin_enrollment(proof))
    code = SoftPhone(begun.uri, clock=shop.clock).code()
    if method is METHODS["confirm_replacement"]:
        method = lambda desk, proof: desk.confirm_enrollment(proof, code)  # noqa: E731 - as in the table
    store = Interrupted(shop.store, call=1, intruder=lambda: shop.auth.issue_recovery_codes(WHO))
    answer = method(shop.again(store=store).desk(), proof)
    if method in [METHODS[name] for name in ("owner", "provisioning", "enroll", "confirm")]:
        assert store.calls <= 1  # one look, nothing to come between
        return
    assert answer == INVALID
    assert shop.auth.status(WHO).enrolled
    assert shop.auth.status(WHO).pending


def test_revoked_while_hashing() -> None:
    """Recovery codes made for a credential that ends meanwhile are none."""
    shop, alice = ready(SYNC)
    proof = alice.log_in().proof
    for call in (2, 3):
        store = Interrupted(shop.store, call=call, intruder=lambda: shop.auth.revoke(WHO))
        assert shop.again(store=store).desk().new_recovery_codes(proof) == INVALID
        assert shop.auth.status(WHO).recovery_codes_left == 0
        proof = alice.enroll().proof


# What is put together wrongly


@both
def test_wrong_parts(colour: str) -> None:
    """My account is of one flow, with TotpCode, and its authenticator."""
    shop = Shop(colour)
    with pytest.raises(FlowError, match="flow with TotpCode"):
        shop.desk(shop.built(shop.password(), shop.email()))
    with pytest.raises(FlowError, match="flow with TotpCode"):
        shop.desk(shop.built(shop.password()))
    with pytest.raises(FlowError, match="same authenticator"):
        shop.desk(Shop(colour).flow)
    for age in (0, -1, 30 * 86_400 + 1, float("nan"), float("inf"), "300", None, True):
        with pytest.raises(InvalidParameterError, match="max_age"):
            shop.desk(max_age=age)
    for flow in (None, "shop", AuthFlow):
        with pytest.raises(InvalidParameterError, match="flow"):
            SelfService(Shop().own, flow)  # type: ignore[arg-type]
    for auth in (None, Shop(ASYNC).own):
        with pytest.raises(InvalidParameterError, match="auth"):
            SelfService(auth, Shop().flow)


@both
def test_flow_with_one_login(colour: str) -> None:
    """My account works for a provider's accounts as for the app's own."""
    shop = Shop(colour, first=lambda _: Federated("google"), then=phone_only)
    person = Person(shop)
    enrollment = person.answer(person.begin(), FederatedAnswer("google", "google:1"))
    person.scan(enrollment)
    result = person.answer(enrollment, person.code())
    assert isinstance(result, Authenticated)
    shown(shop.desk().provisioning(result.proof))


@pytest.mark.proves("T38")
@both
def test_disabled(colour: str) -> None:
    """A disabled account is shown no secret, old or new, whoever holds a proof from before."""
    shop, alice = ready(colour)
    proof = alice.log_in().proof
    shop.rewrite(failures=100)
    desk = shop.desk()
    for act in (
        desk.owner,
        desk.provisioning,
        desk.begin_replacement,
        desk.new_recovery_codes,
        desk.switch_off,
    ):
        assert act(proof) == Denied(Reason.DISABLED)
