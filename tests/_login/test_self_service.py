"""Self-service: what users may do to their own second factor."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.support.authenticators import ASYNC, POLICY, SYNC, WHO, both, wrong
from tests.support.fakes import Interrupted
from tests.support.flows import Person, Shop, asks, lets_in, phone, ready
from totpkit import (
    Accepted,
    Algorithm,
    AuthFlow,
    CodeAnswer,
    CodePrompt,
    Confirmed,
    CustomAnswer,
    Denied,
    Enrollment,
    EnrollmentPrompt,
    FlowError,
    InvalidParameterError,
    NewRecoveryCodes,
    Reason,
    RecoveryAnswer,
    Rejected,
    SecondFactor,
    SelfService,
    SkipAnswer,
    events,
)
from totpkit.testing import SoftPhone

INVALID, OLD = Denied(Reason.PROOF_INVALID), Denied(Reason.PROOF_EXPIRED)
NOT_ADMITTED, NOT_ENROLLED = Denied(Reason.NOT_ADMITTED), Denied(Reason.NOT_ENROLLED)
EXPIRED, MISMATCH = Rejected(Reason.EXPIRED), Rejected(Reason.MISMATCH)

Method = Callable[[Any, Any], Any]
METHODS: dict[str, Method] = {
    "owner": lambda own, proof: own.owner(proof),
    "provisioning": lambda own, proof: own.provisioning(proof),
    "begin_enrollment": lambda own, proof: own.begin_enrollment(proof),
    "confirm_enrollment": lambda own, proof: own.confirm_enrollment(proof, "123456"),
    "cancel_enrollment": lambda own, proof: own.cancel_enrollment(proof),
    "new_recovery_codes": lambda own, proof: own.new_recovery_codes(proof),
    "switch_off": lambda own, proof: own.switch_off(proof),
}
every_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)

TOTP = set(METHODS)
RECOVERY = TOTP - {"provisioning", "new_recovery_codes"}
ALLOWED = {"totp": TOTP, "step-up": TOTP, "recovery": RECOVERY, "email": set[str]()}
"""The methods for which a login with this second factor is enough."""


def optional(shop: Shop) -> Any:
    """Return one later step, which may be skipped."""
    return (shop.totp(required=False) | shop.recovery() | shop.email(),)


def log_in_with(alice: Person, second: str) -> str:
    """Return the proof of a login with this second factor."""
    shop = alice.shop
    shop.clock.advance(60)
    codes = shop.auth.issue_recovery_codes(WHO)
    challenge = alice.enter_password()
    if second == "email":
        answer: Any = alice.send_email(challenge)
    else:
        answer = RecoveryAnswer(codes[0]) if second == "recovery" else alice.code()
    proof = lets_in(alice.answer(challenge, answer)).proof
    if second != "step-up":
        return proof
    shop.clock.advance(86_400)
    return lets_in(alice.answer(alice.step_up(proof), alice.code())).proof


def shown(result: Any) -> Enrollment:
    """Return a result that must be a secret."""
    assert isinstance(result, Enrollment), result
    return result


def scan(shop: Shop, result: Any) -> SoftPhone:
    """Return the phone that has scanned a secret."""
    return SoftPhone(shown(result).uri, clock=shop.clock)


# Which proofs are enough


@pytest.mark.proves("SELF-conditions", "ASVS-7.5.1", "T39")
@both
@every_method
@pytest.mark.parametrize("second", ALLOWED)
def test_second_factors(runtime: str, second: str, method: Method) -> None:
    """Each method needs enough factors, and a proof that is too weak stays so when it is too old."""
    shop, alice = ready(runtime)
    name = next(name for name, found in METHODS.items() if found is method)
    proof = log_in_with(alice, second)
    stored = shop.store.load(WHO)
    if name not in ALLOWED[second]:
        assert method(shop.self_service(), proof) == INVALID
        shop.clock.advance(301)
        assert method(shop.self_service(), proof) == INVALID
        assert shop.store.load(WHO) == stored
        return
    result = method(shop.self_service(), proof)
    assert not isinstance(result, Denied | Rejected) or (name, result) == ("confirm_enrollment", EXPIRED)


@pytest.mark.proves("ASVS-7.5.1", "SELF-conditions")
@both
@every_method
@pytest.mark.parametrize(("parts", "age"), [({}, 300), ({"max_age": 60}, 60)])
def test_age(runtime: str, method: Method, parts: dict[str, int], age: int) -> None:
    """A proof is valid for five minutes or as long as the app says, and a step-up gives a new one."""
    shop, alice = ready(runtime)
    own = shop.self_service(**parts)
    proof = alice.log_in().proof  # 30 seconds ago
    shop.clock.advance(age - 30 + 0.5)
    assert method(own, proof) == OLD
    renewed = lets_in(alice.answer(alice.step_up(proof), alice.code())).proof
    shop.clock.advance(-0.5)
    assert method(own, proof) != OLD
    if shop.auth.status(WHO).enrolled and method is not METHODS["new_recovery_codes"]:
        assert method(own, renewed) != OLD


@pytest.mark.proves("SELF-conditions", "ASVS-7.5.1")
@both
def test_owner(runtime: str) -> None:
    """``owner`` returns the account of a proof, and changes and reports nothing."""
    shop, alice = ready(runtime)
    proof = alice.log_in().proof
    stored = shop.store.load(WHO)
    shop.take_events()
    assert [shop.self_service().owner(proof) for _ in range(2)] == [WHO, WHO]
    assert (shop.store.load(WHO), shop.take_events()) == (stored, [])


@pytest.mark.proves("SELF-conditions")
@both
@every_method
def test_allowed(runtime: str, method: Method) -> None:
    """``allowed`` is asked at each call."""
    shop, alice = ready(runtime)
    proof = alice.log_in().proof
    stored = shop.store.load(WHO)
    assert method(shop.self_service(allowed=lambda account_id: account_id != WHO), proof) == NOT_ADMITTED
    assert shop.store.load(WHO) == stored
    assert method(shop.self_service(allowed=lambda account_id: account_id == WHO), proof) != NOT_ADMITTED


@pytest.mark.proves("T18", "T44", "SELF-conditions")
@both
@every_method
def test_not_a_proof(runtime: str, method: Method) -> None:
    """A ticket and anything else that is not a proof opens nothing and changes nothing."""
    shop, alice = ready(runtime)
    page, challenge = alice.begin(), alice.enter_password()
    proof = alice.log_in().proof
    stored = shop.store.load(WHO)
    for other in (page.ticket, challenge.ticket, "", None, 1, b"", proof[:-2], proof + "A", "A" * 9000):
        assert method(shop.self_service(), other) == INVALID
    assert shop.store.load(WHO) == stored
    assert [type(event) for event in shop.take_events()] == [events.CodeAccepted]


@pytest.mark.proves("T18", "T39", "FLOW-per-app")
@both
@every_method
@pytest.mark.parametrize(
    "changes",
    [
        {"then": lambda _: ()},
        {"name": "other"},
        {"then": lambda shop: (shop.recovery() | shop.totp() | shop.email(),)},
        {"keys": [b"K" * 32]},
    ],
    ids=["one step", "name", "order", "keys"],
)
def test_other_flows(runtime: str, method: Method, changes: dict[str, Any]) -> None:
    """A proof of another flow is worth nothing."""
    shop, alice = ready(runtime)
    other = Person(shop.again(**changes))
    other.phone = alice.phone
    proof = other.log_in().proof
    stored = shop.store.load(WHO)
    assert method(shop.self_service(), proof) == INVALID
    assert shop.store.load(WHO) == stored


@pytest.mark.proves("T39", "T47", "ASVS-7.5.1")
@both
@every_method
@pytest.mark.parametrize(
    "change",
    [
        lambda shop: shop.auth.revoke(WHO),
        lambda shop: shop.enroll(),
        lambda shop: (shop.auth.forget(WHO), shop.enroll()),
        lambda shop: shop.auth.issue_recovery_codes(WHO),
    ],
    ids=["revoked", "replaced", "forgotten", "recovery codes"],
)
@pytest.mark.parametrize("with_phone", [True, False])
def test_changed_credential(
    runtime: str,
    method: Method,
    change: Callable[[Shop], object],
    with_phone: bool,  # noqa: FBT001 - a parameter
) -> None:
    """A proof from before a change of the credential is worth nothing afterwards, also without a phone."""
    shop = Shop(runtime, then=optional)
    alice = Person(shop)
    proof = alice.log_in().proof if with_phone else alice.skip().proof
    change(shop)
    if not shop.record().generation:  # no recovery codes were issued, because there is no phone
        return
    stored = shop.store.load(WHO)
    assert method(shop.self_service(), proof) == INVALID
    assert shop.store.load(WHO) == stored


@pytest.mark.proves("T39")
@every_method
def test_changed_during_the_call(method: Method) -> None:
    """A change between the check of a proof and the write is noticed."""
    shop, alice = ready()
    proof = alice.log_in().proof
    code = scan(shop, shop.self_service().begin_enrollment(proof)).code()
    if method is METHODS["confirm_enrollment"]:
        method = lambda own, proof: own.confirm_enrollment(proof, code)  # noqa: E731 - as in the table
    store = Interrupted(shop.store, call=1, intruder=lambda: shop.auth.issue_recovery_codes(WHO))
    result = method(shop.again(store=store).self_service(), proof)
    if method in {METHODS["owner"], METHODS["provisioning"]}:
        assert store.calls == 1
        return
    assert result == INVALID
    assert (shop.auth.status(WHO).enrolled, shop.auth.status(WHO).pending) == (True, True)


@pytest.mark.parametrize("call", [2, 3])
def test_revoked_while_hashing(call: int) -> None:
    """Recovery codes are not issued if the credential ends while they are hashed."""
    shop, alice = ready()
    proof = alice.log_in().proof
    store = Interrupted(shop.store, call=call, intruder=lambda: shop.auth.revoke(WHO))
    assert shop.again(store=store).self_service().new_recovery_codes(proof) == INVALID
    assert shop.auth.status(WHO).recovery_codes_left == 0


@pytest.mark.proves("T38")
@both
@every_method
def test_disabled(runtime: str, method: Method) -> None:
    """A disabled account can do nothing, and is shown no secret."""
    shop, alice = ready(runtime)
    proof = alice.log_in().proof
    shop.rewrite(failures=100)
    assert method(shop.self_service(), proof) == Denied(Reason.DISABLED)


# The enrolled secret


@pytest.mark.proves("SELF-same-qr")
@both
def test_same_qr(runtime: str) -> None:
    """The QR code is the one of the first login, byte for byte, whatever has been renamed since."""
    shop = Shop(runtime)
    alice = Person(shop)
    enrollment = alice.enter_password()
    first = enrollment.prompts[0]
    alice.scan(enrollment)
    proof = lets_in(alice.answer(enrollment, alice.code())).proof
    renamed = shop.again(
        issuer="Renamed",
        policy=replace(POLICY, digits=8, period=60, algorithm=Algorithm.SHA512, secret_bytes=32),
        then=lambda shop: (shop.totp(label_of=lambda _: "someone else") | shop.recovery() | shop.email(),),
    )
    for other in (shop, renamed):
        again = shown(other.self_service().provisioning(proof))
        assert (again.uri, again.secret.grouped(), again.expires_at) == (first.uri, first.secret, None)
        assert (again.qr().svg(), again.qr().png()) == (first.qr().svg(), first.qr().png())
    assert type(shop.take_events()[-1]) is events.ProvisioningShown
    shop.clock.advance(86_400 * 365)
    assert shown(renamed.self_service().provisioning(alice.log_in().proof)).qr().svg() == first.qr().svg()


# Enrollment


@pytest.mark.proves("SELF-replace", "T19")
@both
@pytest.mark.parametrize("second", ["totp", "recovery"])
def test_replacement(runtime: str, second: str) -> None:
    """A new phone replaces the old one when its code confirms and not before, and the proof is renewed."""
    shop, alice = ready(runtime)
    proof, own = log_in_with(alice, second), shop.self_service()
    logged_in = shop.clock()
    shop.clock.advance(30)
    new = shown(own.begin_enrollment(proof))
    assert (new.label, new.issuer, new.expires_at) == ("alice@example.com", "Acme", shop.clock() + 600)
    assert shown(own.begin_enrollment(proof)) == new
    device = scan(shop, new)
    for code in (wrong(device), alice.code().code):
        assert own.confirm_enrollment(proof, code) == MISMATCH
    lets_in(alice.answer(alice.enter_password(), alice.code()))
    shop.take_events()
    confirmed = own.confirm_enrollment(proof, device.code())
    assert isinstance(confirmed, Confirmed)
    assert isinstance(confirmed, Accepted)
    assert shop.take_events() == [events.EnrollmentConfirmed(account_id=WHO, at=shop.clock(), replaced=True)]
    shop.clock.advance(30)
    challenge = alice.enter_password()
    assert alice.answer(challenge, alice.code()).problem is Reason.MISMATCH
    lets_in(alice.answer(challenge, CodeAnswer(device.code())))
    assert own.provisioning(proof) == INVALID
    assert shown(own.provisioning(confirmed.proof)).uri == new.uri
    shop.clock.time = logged_in + 300.5
    assert own.provisioning(confirmed.proof) == OLD  # as old as the login


@pytest.mark.proves("FLOW-no-skip", "SELF-conditions")
@both
def test_first_device_later(runtime: str) -> None:
    """An account that skipped can enroll later with any login, and has a proof of the phone from then on."""
    shop = Shop(runtime, then=optional)
    alice = Person(shop)
    proof, own = alice.skip().proof, shop.self_service()
    for name in set(METHODS) - {"begin_enrollment", "confirm_enrollment", "cancel_enrollment"}:
        assert METHODS[name](own, proof) == INVALID
    assert own.cancel_enrollment(proof) is None
    enrollment = shown(own.begin_enrollment(proof))
    assert shown(own.begin_enrollment(proof)) == enrollment
    device = scan(shop, enrollment)
    assert own.confirm_enrollment(proof, wrong(device)) == MISMATCH
    assert not shop.auth.status(WHO).enrolled
    confirmed = own.confirm_enrollment(proof, device.code())
    assert isinstance(confirmed, Confirmed)
    assert own.begin_enrollment(proof) == INVALID
    assert own.confirm_enrollment(confirmed.proof, device.code(steps=1)) == EXPIRED
    assert shown(own.provisioning(confirmed.proof)).uri == enrollment.uri
    assert len(own.new_recovery_codes(confirmed.proof)) == 10
    shop.clock.advance(30)
    alice.phone = device
    assert not alice.log_in().enrolled


@pytest.mark.proves("SELF-conditions")
@both
def test_invitation(runtime: str) -> None:
    """An ``enroll`` function is asked here too; ``enroll=False`` applies to logins alone."""
    invited: set[str] = set()
    shop = Shop(runtime, then=phone(required=False, enroll=lambda account_id: account_id in invited))
    proof = lets_in(Person(shop).enter_password()).proof
    for name in ("begin_enrollment", "confirm_enrollment", "cancel_enrollment"):
        assert METHODS[name](shop.self_service(), proof) == NOT_ADMITTED
    invited.add(WHO)
    shown(shop.self_service().begin_enrollment(proof))
    off = Shop(runtime, then=phone(required=False, enroll=False))
    shown(off.self_service().begin_enrollment(lets_in(Person(off).enter_password()).proof))


class Own(SecondFactor):
    """A custom factor that every account passes."""

    name = "own"

    def check(self, account_id: str, answer: CustomAnswer) -> bool:
        """Accept any answer."""
        del account_id, answer
        return True


@both
@every_method
def test_no_device(runtime: str, method: Method) -> None:
    """Without a device, everything but a first enrollment is denied, even with another second factor."""
    shop = Shop(runtime, then=lambda shop: (shop.totp(required=False), shop.email() | Own()))
    alice = Person(shop)
    challenge = alice.answer(alice.enter_password(), SkipAnswer())
    proof = lets_in(alice.answer(challenge, CustomAnswer("own"))).proof
    result = method(shop.self_service(), proof)
    if method in {METHODS[name] for name in ("owner", "new_recovery_codes", "switch_off")}:
        assert result == NOT_ENROLLED
    else:
        assert (result == INVALID) == (method is METHODS["provisioning"])


@both
@pytest.mark.parametrize("code", [None, 123456, b"123456"])
def test_invalid_code(runtime: str, code: Any) -> None:
    """A code that is not a text raises, whether or not there is anything to confirm."""
    shop, alice = ready(runtime)
    own, proof = shop.self_service(), alice.log_in().proof
    for text in (proof, "no proof", proof):
        with pytest.raises(InvalidParameterError, match="code must be a str"):
            own.confirm_enrollment(text, code)
        own.begin_enrollment(proof)


@pytest.mark.proves("SELF-replace")
@both
def test_cancelled(runtime: str) -> None:
    """After a new phone is cancelled or abandoned, the old one works and the new one never does."""
    shop, alice = ready(runtime)
    proof, own = alice.log_in().proof, shop.self_service()
    cancelled = scan(shop, own.begin_enrollment(proof))
    assert [own.cancel_enrollment(proof) for _ in range(2)] == [None, None]
    assert own.confirm_enrollment(proof, cancelled.code()) == EXPIRED
    abandoned = scan(shop, own.begin_enrollment(alice.log_in().proof))
    challenge = alice.enter_password()
    assert CodePrompt in map(type, challenge.prompts)
    for other in (cancelled, abandoned):
        assert alice.answer(challenge, CodeAnswer(other.code())).problem is Reason.MISMATCH
    lets_in(alice.answer(challenge, alice.code()))


@pytest.mark.proves("T37", "SELF-replace")
@both
def test_shown_to_another_login(runtime: str) -> None:
    """A secret is confirmed only by the login that it was shown to, in self-service too."""
    shop, alice = ready(runtime)
    mine, other, own = alice.log_in().proof, alice.log_in().proof, shop.self_service()
    device = scan(shop, own.begin_enrollment(mine))
    assert own.confirm_enrollment(other, device.code()) == EXPIRED
    shown(own.begin_enrollment(other))
    assert own.confirm_enrollment(mine, device.code()) == EXPIRED
    assert shop.auth.status(WHO).failures == 0


@both
def test_shown_by_the_login(runtime: str) -> None:
    """Self-service does not confirm the secret of a login, nor a login that of self-service."""
    shop = Shop(runtime, then=optional)
    alice = Person(shop)
    challenge = alice.enter_password()
    alice.scan(challenge)
    proof, own = lets_in(alice.answer(challenge, SkipAnswer())).proof, shop.self_service()
    assert own.confirm_enrollment(proof, alice.code().code) == EXPIRED
    mine = scan(shop, own.begin_enrollment(proof))
    assert alice.answer(challenge, CodeAnswer(mine.code())) == Denied(Reason.EXPIRED)


# Recovery codes, and switching off


@pytest.mark.proves("SELF-conditions", "T39")
@both
def test_new_recovery_codes(runtime: str) -> None:
    """New recovery codes end the older ones and the proof, and stay when the phone is replaced."""
    shop = Shop(runtime)
    alice = Person(shop)
    proof, own = alice.log_in().proof, shop.self_service()  # the proof of the login that enrolled
    older = shop.self_service().new_recovery_codes(proof)
    shop.take_events()
    codes = own.new_recovery_codes(older.proof)
    assert shop.take_events() == [events.RecoveryCodesIssued(account_id=WHO, at=shop.clock(), count=10)]
    assert isinstance(codes, NewRecoveryCodes)
    assert repr(codes) == "<10 new recovery codes>"
    assert own.new_recovery_codes(proof) == own.new_recovery_codes(older.proof) == INVALID
    challenge = alice.enter_password()
    assert alice.answer(challenge, RecoveryAnswer(older[0])).problem is Reason.MISMATCH
    lets_in(alice.answer(challenge, RecoveryAnswer(codes[0])))
    device = scan(shop, own.begin_enrollment(codes.proof))
    assert own.confirm_enrollment(codes.proof, device.code())
    lets_in(alice.answer(alice.enter_password(), RecoveryAnswer(codes[1])))
    assert shop.auth.status(WHO).recovery_codes_left == 8


@pytest.mark.proves("T21", "T47")
@both
def test_switch_off(runtime: str) -> None:
    """After switching off, nothing from before works, the failures stay, and a new secret is enrolled."""
    shop, alice = ready(runtime)
    codes = shop.auth.issue_recovery_codes(WHO)
    proof, own = alice.log_in().proof, shop.self_service()
    challenge = alice.enter_password()
    alice.answer(challenge, alice.wrong())
    old = shown(own.provisioning(proof))
    shop.take_events()
    assert own.switch_off(proof) is None
    assert shop.take_events() == [events.Revoked(account_id=WHO, at=shop.clock())]
    assert own.switch_off(proof) == INVALID
    for answer in (alice.code(), RecoveryAnswer(codes[0])):
        assert alice.answer(challenge, answer) == Denied(Reason.TICKET_INVALID)
    assert shop.auth.status(WHO).failures == 1
    enrollment = asks(alice.enter_password(), EnrollmentPrompt)
    assert enrollment.prompts[0].uri != old.uri  # type: ignore[union-attr]


# Construction


@both
def test_wrong_flow(runtime: str) -> None:
    """Self-service needs a flow that has TotpCode and uses the same authenticator."""
    shop = Shop(runtime)
    without = [shop.built(shop.password()), shop.built(shop.password(), shop.recovery())]
    for flow in (*without, Shop(runtime).flow):
        with pytest.raises(FlowError) as caught:
            shop.self_service(flow)
        assert str(caught.value) == "self-service needs a flow with TotpCode that uses the same authenticator"


@pytest.mark.parametrize("max_age", [0, -1, 30 * 86_400 + 1, float("nan"), float("inf"), "300", None, True])
def test_invalid_max_age(max_age: Any) -> None:
    """``max_age`` is a number of seconds up to 30 days."""
    with pytest.raises(InvalidParameterError, match="max_age"):
        Shop().self_service(max_age=max_age)


@pytest.mark.parametrize("flow", [None, "shop", AuthFlow])
@pytest.mark.parametrize("auth", [None, Shop(ASYNC).own])
def test_wrong_types(auth: Any, flow: Any) -> None:
    """Self-service accepts only an authenticator and a flow of its runtime."""
    with pytest.raises(InvalidParameterError, match="flow"):
        SelfService(Shop().own, flow)
    with pytest.raises(InvalidParameterError, match="auth"):
        SelfService(auth, Shop(SYNC).flow)
