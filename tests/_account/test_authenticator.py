"""The authenticator of both runtimes. Attacks on it are in tests/test_attacks.py."""

from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from typing import Any

import pytest

from tests.support.answers import (
    DISABLED,
    EXPIRED,
    MALFORMED,
    MISMATCH,
    NOT_ENROLLED,
    REPLAYED,
    START,
    STEP,
    throttled,
)
from tests.support.authenticators import LABEL, POLICY, WHO, App, both, wrong
from tests.support.fakes import Tape, Watched
from tests.support.strategies import RFC_SECRET
from totpkit import (
    TOTP,
    Accepted,
    Algorithm,
    Authenticator,
    KeyURI,
    Reason,
    Rejected,
    Status,
    Throttle,
    events,
)
from totpkit.errors import InvalidParameterError, RecordError, VaultError
from totpkit.testing import SoftPhone
from totpkit.vault import PLAINTEXT, Vault

OLD, NEW = bytes(32), bytes(range(32))


# Enrollment


@both
def test_begin(runtime: str) -> None:
    """A new enrollment is a pending secret with the parameters of the policy, and nothing else."""
    policy = replace(POLICY, digits=8, algorithm=Algorithm.SHA256, period=60, secret_bytes=32)
    app = App(runtime, policy=policy)
    shown = app.auth.begin_enrollment(WHO, label=LABEL)
    uri = KeyURI.parse(shown.uri)
    assert (uri.account, uri.issuer) == (LABEL, "Acme") == (shown.label, shown.issuer)
    assert uri.otp == TOTP(shown.secret, digits=8, algorithm=Algorithm.SHA256, period=60)
    assert len(shown.secret) == 32
    assert shown.expires_at == START + 600
    assert app.auth.status(WHO) == Status(pending=True)
    assert app.auth.verify(WHO, SoftPhone(shown.uri, clock=app.clock).code()) == NOT_ENROLLED


@pytest.mark.proves("RFC4226-7.5", "T21")
@both
def test_secrets_are_new(runtime: str) -> None:
    """No two enrollments have the same secret."""
    app = App(runtime)
    assert len({app.auth.begin_enrollment(f"acct-{n}", label=LABEL).secret for n in range(50)}) == 50


@pytest.mark.proves("T37")
@both
@pytest.mark.parametrize("lifetime", [1.0, 600.0, 86_400.0])
def test_begin_again(runtime: str, lifetime: float) -> None:
    """The same binding is shown the same QR code until it expires, and nothing is written."""
    app = App(runtime, store=(tape := Tape()), policy=replace(POLICY, enrollment_lifetime=lifetime))
    shown = app.auth.begin_enrollment(WHO, label=LABEL, binding="login-1")
    tape.calls.clear()
    app.clock.advance(lifetime - 0.5)
    again = app.other(issuer="Renamed").auth.begin_enrollment(WHO, label="other label", binding="login-1")
    assert (again, again.qr().svg()) == (shown, shown.qr().svg())
    assert app.auth.status(WHO).pending
    app.clock.advance(0.5)
    assert not app.auth.status(WHO).pending
    code = SoftPhone(shown.uri, clock=app.clock).code()
    assert app.auth.confirm_enrollment(WHO, code, binding="login-1") == EXPIRED
    assert set(tape.calls) == {"load"}
    later = app.auth.begin_enrollment(WHO, label=LABEL, binding="login-1")
    assert later.secret != shown.secret
    assert later.expires_at == app.clock() + lifetime


@both
@pytest.mark.parametrize("code", [None, 123456, b"123456", True, ["1"] * 6])
def test_code_that_is_not_a_str(runtime: str, code: Any) -> None:
    """A code that is not a str raises in every state of the account, and changes nothing."""
    app = App(runtime, store=(tape := Tape()))
    for reach in (lambda: None, app.scan, app.enroll, lambda: app.fail(20)):
        reach()
        tape.calls.clear()
        for call in (
            lambda: app.auth.verify(WHO, code),
            lambda: app.auth.confirm_enrollment(WHO, code),
            lambda: app.auth.redeem_recovery_code(WHO, code),
            lambda: app.auth.resync(WHO, code, "123456"),
            lambda: app.auth.resync(WHO, "123456", code),
        ):
            with pytest.raises(InvalidParameterError, match="code must be a str, leading zeros and all, not"):
                call()
        assert "swap" not in tape.calls


@pytest.mark.proves("T20", "T37")
@both
def test_confirm(runtime: str) -> None:
    """The first code of the binding enrolls the secret and is spent. Other attempts do not change it."""
    app = App(runtime, store=(tape := Tape()))
    assert app.auth.confirm_enrollment(WHO, "000000") == EXPIRED
    phone = app.scan(binding="mine")
    tape.calls.clear()
    for binding in ("", "yours", "Mine", "mine "):
        assert app.auth.confirm_enrollment(WHO, phone.code(), binding=binding) == EXPIRED
    assert set(tape.calls) == {"load"}
    assert app.auth.confirm_enrollment(WHO, wrong(phone), binding="mine") == MISMATCH
    assert app.auth.confirm_enrollment(WHO, "no code", binding="mine") == MALFORMED
    assert app.auth.status(WHO) == Status(pending=True, failures=2)
    app.clock.advance(7)
    code = phone.code()
    assert app.auth.confirm_enrollment(WHO, code, binding="mine") == Accepted(STEP)
    assert app.auth.status(WHO) == Status(enrolled=True, confirmed_at=START + 7, last_used_at=START + 7)
    assert app.record().generation == int((START + 7) * 1000)
    assert app.auth.verify(WHO, code) == REPLAYED
    assert app.auth.confirm_enrollment(WHO, code, binding="mine") == EXPIRED


@pytest.mark.proves("T19")
@both
def test_replacement(runtime: str) -> None:
    """The old phone works until the first code of the new one, and not afterwards."""
    app = App(runtime)
    old = app.enroll()
    codes = app.auth.issue_recovery_codes(WHO)
    generation = app.record().generation
    new = SoftPhone(app.auth.begin_enrollment(WHO, label="new phone").uri, clock=app.clock)
    assert app.auth.provisioning(WHO).label == LABEL
    assert app.auth.verify(WHO, new.code()) == MISMATCH
    assert app.auth.confirm_enrollment(WHO, wrong(new)) == MISMATCH
    assert app.auth.verify(WHO, old.code())
    assert app.auth.confirm_enrollment(WHO, new.code())
    app.clock.advance(30)
    assert app.auth.verify(WHO, old.code()) == MISMATCH
    assert app.auth.verify(WHO, new.code())
    assert app.auth.provisioning(WHO).label == "new phone"
    assert app.record().generation > generation
    assert app.auth.redeem_recovery_code(WHO, codes[0])


@both
@pytest.mark.parametrize(
    "parameters", [{"algorithm": Algorithm.SHA512}, {"digits": 8, "period": 15}, {}], ids=str
)
def test_app_ignored_parameters(runtime: str, parameters: dict[str, Any]) -> None:
    """The code of an app that ignores parameters is rejected for that reason, if there are any to ignore."""
    app = App(runtime, policy=replace(POLICY, **parameters))
    phone, ignorant = app.scan(), app.scan(ignores_parameters=True)
    if not parameters:
        assert app.auth.confirm_enrollment(WHO, ignorant.code(steps=5)) == MISMATCH
    for failures, steps in enumerate((0, -1, 1) if parameters else (), 1):
        answer = app.auth.confirm_enrollment(WHO, ignorant.code(steps=steps))
        assert answer == Rejected(Reason.APP_IGNORED_PARAMETERS)
        assert app.auth.status(WHO) == Status(pending=True, failures=failures)
    assert app.auth.confirm_enrollment(WHO, phone.code())
    assert not parameters or app.auth.verify(WHO, ignorant.code(steps=1)) in {MISMATCH, MALFORMED}


# Verification


@pytest.mark.proves("T01", "RFC6238-5.2-once")
@both
def test_verify(runtime: str) -> None:
    """A right code is accepted once, with its step and drift."""
    app = App(runtime)
    phone = app.enroll()
    code = phone.code()
    assert app.auth.verify(WHO, code) == Accepted(STEP + 1)
    assert app.auth.verify(WHO, code) == app.other().auth.verify(WHO, code) == REPLAYED
    app.clock.advance(30)
    assert app.auth.verify(WHO, f" {phone.code()[:3]}-{phone.code()[3:]} ") == Accepted(STEP + 2)
    assert app.auth.status(WHO).last_used_at == app.clock()
    assert app.auth.status(WHO).confirmed_at == START


@both
def test_not_enrolled(runtime: str) -> None:
    """An account without a phone accepts nothing, and nothing is counted or written."""
    app = App(runtime, store=(tape := Tape()))
    answers = [app.auth.verify(WHO, code) for code in ("000000", "", "x" * 1000, "\ud800")]
    answers += [app.auth.redeem_recovery_code(WHO, code) for code in ("0" * 16, "malformed")]
    assert [*answers, app.auth.resync(WHO, "000000", "000000")] == [NOT_ENROLLED] * 7
    assert app.auth.issue_recovery_codes(WHO) == ()
    assert app.auth.status(WHO) == Status()
    assert set(tape.calls) == {"load"}


@pytest.mark.proves("RFC6238-3-R4", "RFC6238-6")
@both
def test_policy_changes(runtime: str) -> None:
    """The parameters are stored with the secret, so a change of the policy breaks no enrolled phone."""
    app = App(runtime)
    phone = app.enroll()
    changed = replace(POLICY, digits=8, algorithm=Algorithm.SHA512, period=60, secret_bytes=64)
    later = app.other(policy=changed, issuer="Renamed")
    assert later.auth.verify(WHO, phone.code()) == Accepted(STEP + 1)
    assert later.auth.provisioning(WHO).issuer == "Acme"
    new = later.enroll("acct-2")
    assert len(new.code()) == 8
    assert app.auth.verify("acct-2", new.code())


# Throttling


Way = Callable[[App, SoftPhone, tuple[str, ...]], object]
FAILURES: dict[str, Way] = {
    "code": lambda app, phone, _: app.auth.verify(WHO, wrong(phone)),
    "malformed code": lambda app, _, __: app.auth.verify(WHO, "x"),
    "resync": lambda app, phone, _: app.auth.resync(WHO, wrong(phone), wrong(phone)),
    "malformed resync": lambda app, _, __: app.auth.resync(WHO, "x", "x"),
    "recovery code": lambda app, _, __: app.auth.redeem_recovery_code(WHO, "0" * 16),
    "malformed recovery code": lambda app, _, __: app.auth.redeem_recovery_code(WHO, "0"),
    "confirmation": lambda app, phone, _: app.auth.confirm_enrollment(WHO, wrong(phone), binding="b"),
    "malformed confirmation": lambda app, _, __: app.auth.confirm_enrollment(WHO, "x", binding="b"),
}
SUCCESSES: dict[str, Way] = {
    "code": lambda app, phone, _: app.auth.verify(WHO, phone.code()),
    "resync": lambda app, phone, _: app.auth.resync(WHO, phone.code(), phone.code(steps=1)),
    "recovery code": lambda app, _, codes: app.auth.redeem_recovery_code(WHO, codes[0]),
    "confirmation": lambda app, _, __: app.auth.confirm_enrollment(
        WHO, app.scan(binding="b").code(), binding="b"
    ),
}


def prepared(runtime: str, **settings: Any) -> tuple[App, SoftPhone, tuple[str, ...]]:
    """Return an app with an enrolled phone, recovery codes, and a replacement pending for "b"."""
    app = App(runtime, **settings)
    phone = app.enroll()
    codes = app.auth.issue_recovery_codes(WHO)
    app.scan(binding="b")
    app.take_events()
    return app, phone, codes


@pytest.mark.proves("T28", "RFC4226-7.3", "T15")
@both
@pytest.mark.parametrize("success", SUCCESSES.values(), ids=SUCCESSES)
def test_one_budget(runtime: str, success: Way) -> None:
    """All codes share one failure count and one wait, and any success resets both."""
    app, phone, codes = prepared(runtime)
    ways = list(FAILURES.values())
    for way in ways[:5]:
        assert not way(app, phone, codes)
    assert app.auth.status(WHO).failures == 5
    app.clock.advance(30)
    for way in ways[5:]:
        assert not way(app, phone, codes)
        app.clock.advance(app.auth.status(WHO).retry_after or 0)
    assert app.auth.status(WHO).failures == 8
    assert success(app, phone, codes)
    assert (app.auth.status(WHO).failures, app.auth.status(WHO).retry_after) == (0, None)


@pytest.mark.proves("T09", "T43", "NIST-3.2.2")
@both
def test_no_answers(runtime: str) -> None:
    """During a wait and at the cap every attempt gets the same, and nothing is written or opened."""
    tape, vault = Tape(), Watched(PLAINTEXT)
    throttle = Throttle(free=2, cap=3)
    app, phone, codes = prepared(runtime, store=tape, vault=vault, policy=replace(POLICY, throttle=throttle))
    shown = app.scan(binding="b").code()
    app.fail(2)
    for refused in (throttled(20), DISABLED):
        app.clock.advance(10)
        tape.calls.clear()
        vault.done.clear()
        for way in (*FAILURES.values(), *islice(SUCCESSES.values(), 3)):
            assert way(app, phone, codes) == refused
        assert app.auth.confirm_enrollment(WHO, shown, binding="b") == refused
        assert (set(tape.calls), vault.done) == ({"load"}, [])
        app.clock.advance(20)
        app.fail(1)
    app.auth.unlock(WHO)
    assert app.auth.verify(WHO, phone.code())


# Resynchronization


@pytest.mark.proves("RFC4226-7.4")
@both
@pytest.mark.parametrize("slow", [300.0, 30.0, 0.0, -30.0, -300.0])
def test_resync(runtime: str, slow: float) -> None:
    """Two consecutive codes of a clock that is far off give its drift. Both are spent, and the next works."""
    app = App(runtime)
    app.enroll()
    app.clock.advance(600)
    phone = SoftPhone(app.auth.provisioning(WHO).uri, clock=app.clock, slow=slow)
    codes = phone.code(steps=-1), phone.code()
    app.fail(3)
    drift = -int(slow // 30)
    assert app.auth.resync(WHO, *codes) == Accepted(STEP + 21 + drift, drift)
    assert app.auth.status(WHO).failures == 0
    assert app.auth.status(WHO).last_used_at == app.clock()
    assert [app.auth.verify(WHO, code) for code in codes] == [REPLAYED] * 2
    app.clock.advance(30)
    assert app.auth.verify(WHO, phone.code()) == Accepted(STEP + 22 + drift, drift)


# Recovery codes


@pytest.mark.proves("NIST-3.1.2", "T25")
@both
def test_recovery_codes(runtime: str) -> None:
    """There are ten codes by default. Each is redeemed once, in any spelling."""
    app = App(runtime)
    phone = app.enroll()
    assert app.auth.redeem_recovery_code(WHO, "0" * 16) == MISMATCH
    assert app.auth.redeem_recovery_code(WHO, "0") == MALFORMED
    assert (app.auth.status(WHO).recovery_codes_left, app.auth.status(WHO).failures) == (0, 2)
    codes = app.auth.issue_recovery_codes(WHO)
    assert len(set(codes)) == 10
    for left, code in enumerate(codes[::-1], 1):
        assert app.auth.redeem_recovery_code(WHO, code.lower().replace("-", " ")) == Accepted(STEP)
        assert app.auth.redeem_recovery_code(WHO, code) == REPLAYED
        assert app.auth.status(WHO).recovery_codes_left == 10 - left
        assert app.auth.status(WHO).failures == 1
        app.clock.advance(30)
    assert app.auth.redeem_recovery_code(WHO, "0" * 16) == MISMATCH
    assert app.auth.verify(WHO, phone.code())


@pytest.mark.proves("NIST-4.2")
@both
def test_recovery_replaces_one_factor(runtime: str) -> None:
    """A recovery code stands in for an enrolled phone once, and changes nothing else."""
    app, phone, codes = prepared(runtime)
    app.scan("acct-2")
    assert app.auth.issue_recovery_codes("acct-2") == ()
    before = app.record()
    assert app.auth.redeem_recovery_code(WHO, codes[0])
    same = {"revision": 0, "recovery_codes": None}
    assert app.record()._replace(**same) == before._replace(**same)
    assert app.auth.redeem_recovery_code("acct-2", codes[1]) == NOT_ENROLLED
    assert app.auth.verify(WHO, phone.code())


# What an app may show


@both
def test_provisioning(runtime: str) -> None:
    """The enrolled secret is shown again byte for byte, even after settings have changed."""
    app = App(runtime, vault=Vault({"old": OLD}))
    shown = app.auth.begin_enrollment(WHO, label=LABEL)
    with pytest.raises(
        InvalidParameterError, match="account_id must be that of an enrolled account; see status"
    ):
        app.auth.provisioning(WHO)
    assert app.auth.confirm_enrollment(WHO, SoftPhone(shown.uri, clock=app.clock).code())
    policy, vault = replace(POLICY, digits=8, period=60), Vault({"new": NEW, "old": OLD})
    again = app.other(issuer="Renamed", policy=policy, vault=vault).auth.provisioning(WHO)
    assert again == replace(shown, expires_at=None)
    assert (again.qr().png(), again.qr().svg()) == (shown.qr().png(), shown.qr().svg())
    assert events.ProvisioningShown not in map(type, app.events)


# Ends


@both
def test_forget(runtime: str) -> None:
    """Nothing of a forgotten account is kept, whether its record can be read or not."""
    app, phone, _ = prepared(runtime)
    app.auth.forget(WHO)
    assert app.store.load(WHO) is None
    assert app.auth.verify(WHO, phone.code()) == NOT_ENROLLED
    app.store.swap(WHO, None, b"corrupted")
    app.auth.forget(WHO)
    assert app.store.load(WHO) is None
    app.take_events()
    app.auth.forget(WHO)
    assert app.take_events() == []


# Invalid arguments and records


Call = Callable[[Authenticator, str], object]
CALLS: dict[str, Call] = {
    "begin_enrollment": lambda auth, who: auth.begin_enrollment(who, label=LABEL),
    "confirm_enrollment": lambda auth, who: auth.confirm_enrollment(who, "000000"),
    "import_enrollment": lambda auth, who: auth.import_enrollment(who, label=LABEL, totp=TOTP(RFC_SECRET)),
    "verify": lambda auth, who: auth.verify(who, "000000"),
    "resync": lambda auth, who: auth.resync(who, "000000", "000000"),
    "redeem_recovery_code": lambda auth, who: auth.redeem_recovery_code(who, "0" * 16),
    "cancel_enrollment": lambda auth, who: auth.cancel_enrollment(who),
    "issue_recovery_codes": lambda auth, who: auth.issue_recovery_codes(who),
}
BY_ID = ("status", "provisioning", "reseal", "unlock", "revoke", "forget")
CALLS |= {name: lambda auth, who, name=name: getattr(auth, name)(who) for name in BY_ID}  # type: ignore[misc]


@pytest.mark.proves("T14", "T45")
@both
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("account_id", ["", "a" * 256, "a\n", "\ud800", None, True, 1, b"a"])
def test_invalid_account_id(runtime: str, call: Call, account_id: str) -> None:
    """Every method rejects an invalid account id before it reads the store."""
    app = App(runtime, store=(tape := Tape()))
    with pytest.raises(InvalidParameterError, match=r"^account_id must be a str of 1 to 255 bytes in UTF-8"):
        call(app.auth, account_id)
    assert tape.calls == []


@both
def test_invalid_enrollment(runtime: str) -> None:
    """An invalid label, binding or issuer is rejected, and nothing is written."""
    app = App(runtime, store=(tape := Tape()))
    labels: list[Any] = ["", "a:b", "a\n", " a", 5, None]
    for label in labels:
        with pytest.raises(InvalidParameterError, match=r"^label must ") as caught:
            app.auth.begin_enrollment(WHO, label=label)
        assert caught.value.parameter == "label"
        with pytest.raises(InvalidParameterError, match=r"^issuer must "):
            app.other(issuer=label)
    bindings: list[Any] = [None, 5, b"", "\ud800"]
    for binding in bindings:
        with pytest.raises(InvalidParameterError, match=r"^binding must "):
            app.auth.begin_enrollment(WHO, label=LABEL, binding=binding)
        with pytest.raises(InvalidParameterError, match=r"^binding must "):
            app.auth.confirm_enrollment(WHO, "000000", binding=binding)
    assert "swap" not in tape.calls


@pytest.mark.proves("T38", "T32")
@both
@pytest.mark.parametrize("call", [name for name in CALLS if name != "forget"])
@pytest.mark.parametrize("raw", [b"", b"{}", b"\xff", b'{"v":2}', b"[1]"])
def test_corrupted(runtime: str, call: str, raw: bytes) -> None:
    """A corrupted record, or one of a later version, raises in every method and is not overwritten."""
    app = App(runtime)
    app.store.swap(WHO, None, raw)
    with pytest.raises(RecordError):
        CALLS[call](app.auth, WHO)
    assert app.store.load(WHO) == raw
    assert app.events == []


# Keys


@pytest.mark.proves("T36", "T38")
@both
def test_wrong_key(runtime: str) -> None:
    """With the wrong key nothing is accepted, counted or resealed. The account stays enrolled."""
    app = App(runtime, vault=Vault({"k": OLD}), store=(tape := Tape()))
    phone = app.enroll()
    for vault in (Vault({"k": NEW}), Vault({"new": NEW, "k": NEW}), Vault({"other": NEW}), PLAINTEXT):
        other = app.other(vault=vault)
        tape.calls.clear()
        for name in ("verify", "resync", "provisioning", "reseal"):
            if name != "reseal" or not vault.is_current(app.device().secret.sealed):
                with pytest.raises(VaultError):
                    CALLS[name](other.auth, WHO)
        assert other.auth.status(WHO).enrolled
        assert set(tape.calls) == {"load"}
        assert other.events == []
    assert app.auth.verify(WHO, phone.code())
    app.other(vault=Vault({"other": NEW})).auth.revoke(WHO)
    assert not app.auth.status(WHO).enrolled


@pytest.mark.proves("T38", "NIST-4.2")
@both
def test_lost_key(runtime: str) -> None:
    """Without the key a recovery code and a new phone still work, and the old seal stays as it is."""
    app, _, codes = prepared(runtime, vault=Vault({"lost": OLD}))
    app.fail(5)
    later = app.other(vault=Vault({"new": NEW}))
    later.auth.unlock(WHO)
    assert later.auth.redeem_recovery_code(WHO, codes[0])
    assert app.device().secret.sealed.startswith("aesgcm:lost:")
    new = later.scan()
    assert later.auth.confirm_enrollment(WHO, new.code())
    app.clock.advance(30)
    assert later.auth.verify(WHO, new.code())
    assert events.Resealed not in map(type, later.take_events())


WRITES: dict[str, Way] = FAILURES | {
    "right code": SUCCESSES["code"],
    "right resync": SUCCESSES["resync"],
    "issue": lambda app, _, __: app.auth.issue_recovery_codes(WHO),
    "begin": lambda app, _, __: app.scan(binding="another"),
    "cancel": lambda app, _, __: app.auth.cancel_enrollment(WHO),
    "unlock": lambda app, _, __: app.auth.unlock(WHO),
    "reseal": lambda app, _, __: app.auth.reseal(WHO),
}


@pytest.mark.proves("ASVS-13.3", "RFC4226-7.5")
@both
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_rotation(runtime: str, write: Way) -> None:
    """The next write of any kind seals the secret with the newest key, once, and an event reports it."""
    app, phone, codes = prepared(runtime, vault=Vault({"old": OLD}))
    app.fail(1)
    rotated = app.other(vault=Vault({"new": NEW, "old": OLD}))
    shown = rotated.auth.provisioning(WHO)
    assert app.device().secret.sealed.startswith("aesgcm:old:")
    rotated.take_events()
    write(rotated, phone, codes)
    assert app.device().secret.sealed.startswith("aesgcm:new:")
    assert [type(event) for event in rotated.take_events()].count(events.Resealed) == 1
    assert app.other(vault=Vault({"new": NEW})).auth.provisioning(WHO) == shown
    app.clock.advance(300)
    rotated.auth.verify(WHO, phone.code())
    assert events.Resealed not in map(type, rotated.take_events())


@pytest.mark.proves("ASVS-13.3")
@both
def test_reseal(runtime: str) -> None:
    """Resealing is one write and one event, works during a wait and at the cap, and changes nothing else."""
    throttle = Throttle(free=1, cap=2)
    app, phone, _ = prepared(
        runtime, vault=Vault({"0": OLD}), store=(tape := Tape()), policy=replace(POLICY, throttle=throttle)
    )
    for number, refused in enumerate((throttled(30), DISABLED), 1):
        app.fail(1)
        before = app.record()
        app = app.other(vault=Vault({str(number): NEW, "0": OLD, "1": NEW}))
        tape.calls.clear()
        assert [app.auth.reseal(WHO), app.auth.reseal(WHO)] == [True, False]
        assert tape.calls == ["load", "swap", "load"]
        assert app.take_events() == [events.Resealed(account_id=WHO, at=app.clock())]
        assert app.device().secret.sealed.startswith(f"aesgcm:{number}:")
        assert app.record() == before._replace(revision=before.revision + 1, device=app.device())
        assert app.auth.verify(WHO, phone.code()) == refused
        app.clock.advance(30)


@pytest.mark.proves("RFC4226-7.5")
@both
def test_stored_sealed(runtime: str) -> None:
    """A record contains no secret, recovery code or binding in plain text."""
    app = App(runtime, vault=Vault({"k": OLD}))
    app.enroll()
    shown = [app.auth.provisioning(WHO), app.auth.begin_enrollment(WHO, label=LABEL, binding="session-4711")]
    codes = app.auth.issue_recovery_codes(WHO)
    texts = [*codes, *(code.replace("-", "") for code in codes), "session-4711"]
    for secret in (enrollment.secret for enrollment in shown):
        texts += [secret.to_base32(), secret.to_bytes().hex(), secret.grouped()]
    stored = (app.store.load(WHO) or b"").decode().lower()
    assert not any(text.lower() in stored for text in texts)


@pytest.mark.proves("RFC4226-7.5")
@both
def test_opened_only_to_verify(runtime: str) -> None:
    """A secret is opened only to verify a code, to promote a pending secret and to show it."""
    vault = Watched(PLAINTEXT)
    app = App(runtime, vault=vault)

    def done(call: Callable[[], object]) -> list[str]:
        vault.done.clear()
        call()
        return list(vault.done)

    assert done(app.scan) == ["seal enrollment", "open enrollment"]
    phone = app.scan()
    assert done(lambda: app.auth.confirm_enrollment(WHO, "x")) == ["open enrollment"]
    confirmed = done(lambda: app.auth.confirm_enrollment(WHO, phone.code()))
    assert confirmed == ["open enrollment", "open enrollment", "seal credential"]
    app.clock.advance(30)
    for _ in range(2):
        assert done(lambda: app.auth.verify(WHO, phone.code())) == ["open credential"]
    assert done(lambda: app.auth.provisioning(WHO)) == ["open credential"]
    assert done(lambda: app.auth.verify("nobody", "000000")) == []
    for name in (
        "status",
        "reseal",
        "unlock",
        "cancel_enrollment",
        "issue_recovery_codes",
        "revoke",
        "forget",
    ):
        assert done(lambda name=name: CALLS[name](app.auth, WHO)) == []  # type: ignore[misc]


def test_system_clock() -> None:
    """Without a clock the system clock is used."""
    auth = Authenticator(App().store, issuer="Acme", vault=PLAINTEXT)
    shown = auth.begin_enrollment(WHO, label=LABEL)
    assert auth.confirm_enrollment(WHO, TOTP(shown.secret).now())
    assert auth.status(WHO).failures == 0
