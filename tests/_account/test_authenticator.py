"""The authenticator, in both colours."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.support.authenticators import LABEL, POLICY, WHO, App, both, wrong
from tests.support.fakes import Tape, Watched
from tests.support.strategies import RFC_SECRET
from totpkit import (
    TOTP,
    Accepted,
    Algorithm,
    InvalidParameterError,
    KeyURI,
    Policy,
    Reason,
    RecordError,
    Rejected,
    Status,
    Throttle,
    VaultError,
    Window,
    events,
)
from totpkit._account.record import Record
from totpkit.testing import SettableClock, SoftPhone
from totpkit.vault import PLAINTEXT, Vault

START = 1_700_000_000.0
STEP = 56_666_666
MISMATCH, MALFORMED = Rejected(Reason.MISMATCH), Rejected(Reason.MALFORMED)
REPLAYED, EXPIRED = Rejected(Reason.REPLAYED), Rejected(Reason.EXPIRED)
DISABLED, NOT_ENROLLED = Rejected(Reason.DISABLED), Rejected(Reason.NOT_ENROLLED)
OLD, NEW = bytes(32), bytes(range(32))


def waiting(seconds: float) -> Rejected:
    """Return the refuse during a wait."""
    return Rejected(Reason.THROTTLED, retry_after=seconds)


# Enrollment


@both
def test_begin(colour: str) -> None:
    """A new enrollment is pending: a secret to show, by the policy's parameters, and nothing else."""
    app = App(
        colour, policy=replace(POLICY, digits=8, algorithm=Algorithm.SHA256, period=60, secret_bytes=32)
    )
    shown = app.auth.begin_enrollment(WHO, label=LABEL)
    uri = KeyURI.parse(shown.uri)
    assert (uri.account, uri.issuer) == (LABEL, "Acme") == (shown.label, shown.issuer)
    assert uri.otp == TOTP(shown.secret, 8, Algorithm.SHA256, 60)
    assert len(shown.secret) == 32
    assert shown.expires_at == START + 600
    assert app.auth.status(WHO) == Status(pending=True)
    assert app.auth.verify(WHO, SoftPhone(shown.uri, clock=app.clock).code()) == NOT_ENROLLED


@pytest.mark.proves("RFC4226-7.5", "T21")
@both
def test_secrets_are_new(colour: str) -> None:
    """No two enrollments have one secret."""
    app = App(colour)
    assert len({app.auth.begin_enrollment(f"acct-{n}", LABEL).secret for n in range(50)}) == 50


@pytest.mark.proves("T37")
@both
def test_begin_again(colour: str) -> None:
    """The same binding is shown the same picture until it expires, by any process; nothing is written."""
    app = App(colour, store=(tape := Tape()))
    shown = app.auth.begin_enrollment(WHO, label=LABEL, binding="login-1")
    tape.calls.clear()
    app.clock.advance(599.9)
    again = app.other(issuer="Renamed").auth.begin_enrollment(WHO, label="other label", binding="login-1")
    assert again == shown
    assert again.qr().svg() == shown.qr().svg()
    assert set(tape.calls) == {"load"}
    app.clock.advance(0.1)
    later = app.auth.begin_enrollment(WHO, label=LABEL, binding="login-1")
    assert later.secret != shown.secret
    assert later.expires_at == app.clock() + 600


@pytest.mark.proves("T37")
@both
def test_begin_elsewhere(colour: str) -> None:
    """Another binding gets a new secret in place of the one pending, which nobody can confirm any more."""
    app = App(colour)
    mine = app.auth.begin_enrollment(WHO, label=LABEL, binding="mine")
    yours = app.auth.begin_enrollment(WHO, label=LABEL, binding="yours")
    assert mine.secret != yours.secret
    my_code, your_code = (SoftPhone(shown.uri, clock=app.clock).code() for shown in (mine, yours))
    assert app.auth.confirm_enrollment(WHO, my_code, binding="mine") == EXPIRED
    assert app.auth.confirm_enrollment(WHO, my_code, binding="yours") == MISMATCH
    assert app.auth.confirm_enrollment(WHO, your_code, binding="yours")


@both
@pytest.mark.parametrize("lifetime", [1.0, 60.0, 86_400.0])
def test_lifetime(colour: str, lifetime: float) -> None:
    """A shown secret waits for its first code as long as the policy says."""
    app = App(colour, policy=replace(POLICY, enrollment_lifetime=lifetime))
    phone = SoftPhone(app.auth.begin_enrollment(WHO, label=LABEL).uri, clock=app.clock)
    app.clock.advance(lifetime - 0.5)
    assert app.auth.status(WHO).pending
    app.clock.advance(0.5)
    assert not app.auth.status(WHO).pending
    assert app.auth.confirm_enrollment(WHO, phone.code()) == EXPIRED


@both
@pytest.mark.parametrize("code", [None, 123456, b"123456", True, ["1"] * 6])
def test_no_code(colour: str, code: Any) -> None:
    """What is no text is the app's own mistake in every state of the account, and changes nothing."""
    app = App(colour, store=(tape := Tape()))
    states = {
        "stranger": lambda: None,
        "pending": lambda: app.auth.begin_enrollment(WHO, label=LABEL),
        "enrolled": app.enroll,
        "waiting": lambda: app.fail(20),
    }
    for reach in states.values():
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


@pytest.mark.proves("T20")
@both
def test_confirm(colour: str) -> None:
    """The first code takes the secret into use, and is spent: it is no login code."""
    app = App(colour)
    phone = SoftPhone(app.auth.begin_enrollment(WHO, label=LABEL).uri, clock=app.clock)
    app.clock.advance(7)
    code = phone.code()
    assert app.auth.confirm_enrollment(WHO, code) == Accepted(STEP)
    assert app.auth.status(WHO) == Status(enrolled=True, confirmed_at=START + 7, last_used_at=START + 7)
    assert app.auth.verify(WHO, code) == REPLAYED
    assert app.auth.confirm_enrollment(WHO, code) == EXPIRED
    app.clock.advance(30)
    assert app.auth.verify(WHO, phone.code()) == Accepted(STEP + 1)
    assert app.record().generation == int((START + 7) * 1000)


@both
def test_confirm_wrong(colour: str) -> None:
    """A wrong code leaves the secret pending and counts; the account is not enrolled by it."""
    app = App(colour)
    phone = SoftPhone(app.auth.begin_enrollment(WHO, label=LABEL, binding="b").uri, clock=app.clock)
    assert app.auth.confirm_enrollment(WHO, wrong(phone), binding="b") == MISMATCH
    assert app.auth.confirm_enrollment(WHO, "no code", binding="b") == MALFORMED
    assert app.auth.status(WHO) == Status(pending=True, failures=2)
    assert app.auth.confirm_enrollment(WHO, phone.code(), binding="b")
    assert app.auth.status(WHO).failures == 0


@pytest.mark.proves("T37")
@both
def test_confirm_not_mine(colour: str) -> None:
    """Nothing pending, another binding, or too late: EXPIRED, and neither counted nor written."""
    app = App(colour, store=(tape := Tape()))
    assert app.auth.confirm_enrollment(WHO, "000000") == EXPIRED
    phone = SoftPhone(app.auth.begin_enrollment(WHO, label=LABEL, binding="mine").uri, clock=app.clock)
    tape.calls.clear()
    for binding in ("", "yours", "Mine", "mine "):
        assert app.auth.confirm_enrollment(WHO, phone.code(), binding=binding) == EXPIRED
    app.clock.advance(600)
    assert app.auth.confirm_enrollment(WHO, phone.code(), binding="mine") == EXPIRED
    assert app.auth.status(WHO) == Status()
    assert set(tape.calls) == {"load"}


@both
def test_cancel(colour: str) -> None:
    """Cancelling drops the pending secret, whoever began it; without one it does nothing."""
    app = App(colour, store=(tape := Tape()))
    app.auth.cancel_enrollment(WHO)
    assert tape.calls == ["load"]
    phone = app.enroll()
    shown = app.auth.begin_enrollment(WHO, label=LABEL, binding="b")
    app.auth.cancel_enrollment(WHO)
    assert not app.auth.status(WHO).pending
    assert (
        app.auth.confirm_enrollment(WHO, SoftPhone(shown.uri, clock=app.clock).code(), binding="b") == EXPIRED
    )
    assert app.auth.begin_enrollment(WHO, label=LABEL, binding="b").secret != shown.secret
    assert app.auth.verify(WHO, phone.code())


@pytest.mark.proves("T19")
@both
def test_replacement(colour: str) -> None:
    """The old phone works until the new one's code confirms, and not from then on."""
    app = App(colour)
    old = app.enroll()
    codes = app.auth.issue_recovery_codes(WHO)
    generation = app.record().generation
    new = SoftPhone(app.auth.begin_enrollment(WHO, label="new phone").uri, clock=app.clock)
    assert app.auth.provisioning(WHO).label == LABEL
    assert app.auth.verify(WHO, new.code()) == MISMATCH
    assert app.auth.verify(WHO, old.code())
    assert app.auth.confirm_enrollment(WHO, wrong(new)) == MISMATCH
    app.clock.advance(30)
    assert app.auth.verify(WHO, old.code())
    assert app.auth.confirm_enrollment(WHO, new.code())
    app.clock.advance(30)
    assert app.auth.verify(WHO, old.code()) == MISMATCH
    assert app.auth.verify(WHO, new.code())
    assert app.auth.provisioning(WHO).label == "new phone"
    assert app.record().generation > generation
    assert app.auth.redeem_recovery_code(WHO, codes[0])


@both
def test_replacement_starts_its_own_steps(colour: str) -> None:
    """The last step belongs to a secret: a phone that is behind the old one's codes can confirm."""
    app = App(colour)
    old = app.enroll()
    assert app.auth.verify(WHO, old.code(1)) == Accepted(STEP + 2, drift=1)
    new = SoftPhone(app.auth.begin_enrollment(WHO, label=LABEL).uri, clock=app.clock, slow=30)
    assert app.auth.confirm_enrollment(WHO, new.code()) == Accepted(STEP, drift=-1)
    assert app.record().device is not None


IGNORED = {
    "SHA256": {"algorithm": Algorithm.SHA256},
    "SHA512": {"algorithm": Algorithm.SHA512},
    "8 digits": {"digits": 8},
    "7 digits": {"digits": 7},
    "60 seconds": {"period": 60},
    "all": {"algorithm": Algorithm.SHA256, "digits": 8, "period": 60},
    "algorithm and digits": {"algorithm": Algorithm.SHA512, "digits": 8},
    "digits and period": {"digits": 8, "period": 15},
    "algorithm and period": {"algorithm": Algorithm.SHA256, "period": 60},
}


@both
@pytest.mark.parametrize("numbers", IGNORED.values(), ids=IGNORED)
def test_app_ignored_parameters(colour: str, numbers: dict[str, int]) -> None:
    """A phone that ignores parameters is told from a wrong code when it confirms; it never passes."""
    app = App(colour, policy=replace(POLICY, **numbers))  # type: ignore[arg-type]
    uri = app.auth.begin_enrollment(WHO, label=LABEL).uri
    ignorant = SoftPhone(uri, clock=app.clock, ignores_parameters=True)
    good = SoftPhone(uri, clock=app.clock)
    for tries, steps in enumerate((0, -1, 1), 1):
        answer = app.auth.confirm_enrollment(WHO, ignorant.code(steps))
        assert answer == Rejected(Reason.APP_IGNORED_PARAMETERS)
        assert app.auth.status(WHO) == Status(pending=True, failures=tries)
    assert app.auth.confirm_enrollment(WHO, good.code())
    answer = app.auth.verify(WHO, ignorant.code(1))
    assert answer in {MISMATCH, MALFORMED}  # once confirmed, the phone is known to do better


@both
def test_parameters_of_every_app(colour: str) -> None:
    """With the parameters that every app knows, a wrong code is only wrong."""
    app = App(colour)
    uri = app.auth.begin_enrollment(WHO, label=LABEL).uri
    phone = SoftPhone(uri, clock=app.clock, ignores_parameters=True)
    assert app.auth.confirm_enrollment(WHO, phone.code(5)) == MISMATCH
    assert app.auth.confirm_enrollment(WHO, phone.code())


# Verification


@pytest.mark.proves("T01", "RFC6238-5.2-once")
@both
def test_verify(colour: str) -> None:
    """A right code is accepted once, with the step and the drift it stands for."""
    app = App(colour)
    phone = app.enroll()
    code = phone.code()
    assert app.auth.verify(WHO, code) == Accepted(STEP + 1)
    assert app.auth.verify(WHO, code) == REPLAYED
    assert app.other().auth.verify(WHO, code) == REPLAYED
    app.clock.advance(30)
    assert app.auth.verify(WHO, f" {phone.code()[:3]}-{phone.code()[3:]} ") == Accepted(STEP + 2)
    assert app.auth.status(WHO).last_used_at == app.clock()
    assert app.auth.status(WHO).confirmed_at == START


@both
def test_not_enrolled(colour: str) -> None:
    """An account without a credential accepts nothing, and nothing is counted or written."""
    app = App(colour, store=(tape := Tape()))
    answers = [app.auth.verify(WHO, code) for code in ("000000", "", "x" * 1000, "\ud800")]
    answers += [app.auth.resync(WHO, "000000", "000000"), app.auth.redeem_recovery_code(WHO, "0" * 16)]
    answers += [app.auth.redeem_recovery_code(WHO, "malformed")]
    assert answers == [NOT_ENROLLED] * 7
    assert app.auth.issue_recovery_codes(WHO) == ()
    assert app.auth.status(WHO) == Status()
    assert set(tape.calls) == {"load"}


@pytest.mark.proves("RFC6238-3-R4", "RFC6238-6")
@both
def test_policy_changes(colour: str) -> None:
    """Parameters travel with the credential: no change of policy breaks an enrolled phone."""
    app = App(colour)
    phone = app.enroll()
    changed = replace(POLICY, digits=8, algorithm=Algorithm.SHA512, period=60, secret_bytes=64)
    later = app.other(policy=changed, issuer="Renamed")
    assert later.auth.verify(WHO, phone.code()) == Accepted(STEP + 1)
    assert later.auth.provisioning(WHO).issuer == "Acme"
    new = later.enroll("acct-2")
    assert len(new.code()) == 8
    later.clock.advance(30)
    assert app.auth.verify("acct-2", new.code())


# Throttling


@pytest.mark.proves("RFC4226-7.3", "NIST-3.2.2")
@both
def test_throttle(colour: str) -> None:
    """A few failures are free, then each is follow by a longer wait, and the last by the end."""
    policy = replace(POLICY, throttle=Throttle(free=2, first_wait=10, factor=3, longest_wait=60, cap=6))
    app = App(colour, policy=policy)
    phone = app.enroll()
    assert app.fail(3) == [MALFORMED, MALFORMED, waiting(10)]
    for wait in (10, 30, 60, 60):
        app.clock.advance(wait - 1)
        assert app.auth.verify(WHO, phone.code()) == waiting(1)
        app.clock.advance(1)
        assert app.fail(1) == [MALFORMED]
    assert app.auth.status(WHO).failures == 6
    assert app.auth.status(WHO).disabled
    assert app.auth.status(WHO).retry_after is None
    app.clock.advance(10**8)
    assert app.auth.verify(WHO, phone.code()) == DISABLED


@both
@pytest.mark.parametrize("reason", [Reason.MISMATCH, Reason.MALFORMED, Reason.REPLAYED])
def test_what_counts(colour: str, reason: Reason) -> None:
    """Wrong, malformed and replayed codes count alike."""
    app = App(colour)
    phone = app.enroll()
    replayed = phone.code()
    assert app.auth.verify(WHO, replayed)
    codes = {Reason.MISMATCH: wrong(phone), Reason.MALFORMED: "", Reason.REPLAYED: replayed}
    assert [app.auth.verify(WHO, codes[reason]) for _ in range(5)] == [Rejected(reason)] * 5
    assert app.auth.verify(WHO, codes[reason]) == waiting(30)
    assert app.auth.status(WHO).failures == 5


SHARED: dict[str, Callable[[App, SoftPhone, tuple[str, ...]], object]] = {
    "code": lambda app, phone, _: app.auth.verify(WHO, wrong(phone)),
    "malformed code": lambda app, _, __: app.auth.verify(WHO, "x"),
    "resync": lambda app, phone, _: app.auth.resync(WHO, wrong(phone), wrong(phone)),
    "malformed resync": lambda app, _, __: app.auth.resync(WHO, "x", "x"),
    "recovery code": lambda app, _, __: app.auth.redeem_recovery_code(WHO, "0" * 16),
    "malformed recovery code": lambda app, _, __: app.auth.redeem_recovery_code(WHO, "0"),
    "confirmation": lambda app, phone, _: app.auth.confirm_enrollment(WHO, wrong(phone), binding="b"),
    "malformed confirmation": lambda app, _, __: app.auth.confirm_enrollment(WHO, "x", binding="b"),
}
SUCCESSES: dict[str, Callable[[App, SoftPhone, tuple[str, ...]], object]] = {
    "code": lambda app, phone, _: app.auth.verify(WHO, phone.code()),
    "resync": lambda app, phone, _: app.auth.resync(WHO, phone.code(), phone.code(1)),
    "recovery code": lambda app, _, codes: app.auth.redeem_recovery_code(WHO, codes[0]),
    "confirmation": lambda app, _, __: app.auth.confirm_enrollment(
        WHO,
        SoftPhone(app.auth.begin_enrollment(WHO, label=LABEL, binding="b").uri, clock=app.clock).code(),
        "b",
    ),
}


def prepared(colour: str, policy: Policy = POLICY) -> tuple[App, SoftPhone, tuple[str, ...]]:
    """Return an app with an enrolled phone, recovery codes, and a replacement pending for "b"."""
    app = App(colour, policy=policy)
    phone = app.enroll()
    codes = app.auth.issue_recovery_codes(WHO)
    app.auth.begin_enrollment(WHO, label=LABEL, binding="b")
    app.told()
    return app, phone, codes


@pytest.mark.proves("T28", "RFC4226-7.3", "T15")
@both
@pytest.mark.parametrize("success", SUCCESSES.values(), ids=SUCCESSES)
def test_one_budget(colour: str, success: Callable[[App, SoftPhone, tuple[str, ...]], object]) -> None:
    """Codes, confirmations, resynchronisations and recovery codes share one count, and wait together."""
    app, phone, codes = prepared(colour)
    ways = list(SHARED.values())
    for way in ways[:5]:
        assert not way(app, phone, codes)
    for way in (*ways, success):
        assert way(app, phone, codes) == waiting(30)
    assert app.auth.status(WHO).failures == 5
    app.clock.advance(30)
    for way in ways[5:]:
        assert not way(app, phone, codes)
        app.clock.advance(app.auth.status(WHO).retry_after or 0)
    assert app.auth.status(WHO).failures == 8
    assert success(app, phone, codes)
    assert app.auth.status(WHO).failures == 0
    assert app.auth.status(WHO).retry_after is None


@pytest.mark.proves("T09", "NIST-3.2.2")
@both
def test_disabled_all_ways(colour: str) -> None:
    """At the cap no way is answered any more, not even the right code, until the account is unlock."""
    app, phone, codes = prepared(colour, replace(POLICY, throttle=Throttle(free=3, cap=3)))
    app.fail(3)
    for way in (*SHARED.values(), *SUCCESSES.values()):
        assert way(app, phone, codes) == DISABLED
    assert app.auth.status(WHO).disabled
    assert app.auth.status(WHO).enrolled
    app.auth.unlock(WHO)
    assert app.auth.verify(WHO, phone.code())


@pytest.mark.proves("T43")
@both
def test_waiting_writes_nothing(colour: str) -> None:
    """Attempts during a wait, or after the end, neither prolong it nor write, open or compute anything."""
    tape, vault = Tape(), Watched(PLAINTEXT)
    app = App(colour, store=tape, vault=vault, policy=replace(POLICY, throttle=Throttle(free=2, cap=3)))
    phone = app.enroll()
    codes = app.auth.issue_recovery_codes(WHO)
    app.fail(2)
    for end in (waiting(20), DISABLED):
        app.clock.advance(10)
        tape.calls.clear()
        vault.done.clear()
        for way in (*SHARED.values(), *list(SUCCESSES.values())[:3]):
            assert way(app, phone, codes) == end
        assert set(tape.calls) == {"load"}
        assert vault.done == []
        app.clock.advance(20)
        app.fail(1)


@both
def test_unlock(colour: str) -> None:
    """Unlocking forgets failures and wait, and nothing else: spent codes stay spent."""
    app = App(colour, store=(tape := Tape()))
    phone = app.enroll()
    code = phone.code()
    assert app.auth.verify(WHO, code)
    app.fail(5)
    before = app.record()
    app.auth.unlock(WHO)
    assert app.record() == replace(before, revision=before.revision + 1, failures=0, retry_at=None)
    assert app.auth.verify(WHO, code) == REPLAYED
    app.auth.unlock(WHO)
    tape.calls.clear()
    app.auth.unlock(WHO)
    app.auth.unlock("nobody")
    assert set(tape.calls) == {"load"}


# Drift


@pytest.mark.proves("RFC6238-6")
@both
def test_drift(colour: str) -> None:
    """Drift is remembered a step at most per success, and no failure moves it."""
    app = App(colour, policy=replace(POLICY, window=Window(3, 3)))
    app.enroll()
    phone = SoftPhone(app.auth.provisioning(WHO).uri, clock=app.clock, slow=90)
    seen = []
    for _ in range(5):
        app.clock.advance(300)
        app.fail(3)
        answer = app.auth.verify(WHO, phone.code())
        assert isinstance(answer, Accepted)
        assert answer.drift == -3
        active = app.record().device
        assert active is not None
        seen.append(active.drift)
    assert seen == [-1, -2, -3, -3, -3]


@pytest.mark.proves("RFC6238-6")
@both
@pytest.mark.parametrize(
    ("preset", "codes"), [(Policy.RFC, [-1, 0]), (Policy.ASVS, [0])], ids=["RFC", "ASVS"]
)
def test_no_drift(colour: str, preset: Policy, codes: list[int]) -> None:
    """The RFC and ASVS presets follow no drift, however often a late code passes."""
    app = App(colour, policy=replace(preset, recovery_cost=1))
    phone = app.enroll()
    for turn in range(4):
        app.clock.advance(300)
        offset = codes[turn % len(codes)]
        assert app.auth.verify(WHO, phone.code(offset))
        active = app.record().device
        assert active is not None
        assert active.drift == 0
    app.clock.advance(300)
    accepted = [offset for offset in (-2, -1, 1, 2, 0) if app.auth.verify(WHO, phone.code(offset))]
    assert accepted == ([-1, 0] if preset is Policy.RFC else [0])


# Resynchronisation


@pytest.mark.proves("RFC4226-7.4")
@both
@pytest.mark.parametrize("slow", [300.0, 30.0, 0.0, -30.0, -300.0])
def test_resync(colour: str, slow: float) -> None:
    """Two consecutive codes of a clock that is far off give its drift; both are spent, the next works."""
    app = App(colour)
    app.enroll()
    app.clock.advance(600)
    phone = SoftPhone(app.auth.provisioning(WHO).uri, clock=app.clock, slow=slow)
    codes = phone.code(-1), phone.code()
    app.fail(3)
    drift = -int(slow // 30)
    assert app.auth.resync(WHO, *codes) == Accepted(STEP + 21 + drift, drift)
    assert app.auth.status(WHO).failures == 0
    assert app.auth.status(WHO).last_used_at == app.clock()
    for code in codes:
        assert app.auth.verify(WHO, code) == REPLAYED
    app.clock.advance(30)
    assert app.auth.verify(WHO, phone.code()) == Accepted(STEP + 22 + drift, drift)


@pytest.mark.proves("RFC4226-7.4")
@both
def test_resync_refused(colour: str) -> None:
    """Too far off, out of order, not consecutive, or spent: refused, and counted."""
    app = App(colour)
    phone = app.enroll()
    app.clock.advance(600)
    assert app.auth.verify(WHO, phone.code())
    pairs = {(11, 12): MISMATCH, (1, 0): MISMATCH, (0, 2): MISMATCH, (0, 1): REPLAYED, (-5, -4): REPLAYED}
    for failures, ((one, other), expected) in enumerate(pairs.items(), 1):
        assert app.auth.resync(WHO, phone.code(one), phone.code(other)) == expected
        assert app.auth.status(WHO).failures == failures
    app.clock.advance(30)
    active = app.record().device
    assert active is not None
    assert (active.drift, active.last_step) == (0, STEP + 21)
    assert app.auth.resync(WHO, phone.code(1), phone.code(2)) == Accepted(STEP + 24, drift=2)


# Recovery codes


@pytest.mark.proves("NIST-3.1.2", "T25")
@both
def test_recovery_codes(colour: str) -> None:
    """Ten codes by default, each of which is redeemed once, in any spelling."""
    app = App(colour)
    phone = app.enroll()
    assert app.auth.status(WHO).recovery_codes_left == 0
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


@pytest.mark.proves("NIST-3.1.2")
@both
def test_recovery_codes_are_replaced(colour: str) -> None:
    """New codes end all older ones, spent or not, and raise the generation."""
    app = App(colour, policy=replace(POLICY, recovery_codes=3))
    app.enroll()
    older = app.auth.issue_recovery_codes(WHO)
    generation = app.record().generation
    assert app.auth.redeem_recovery_code(WHO, older[0])
    newer = app.auth.issue_recovery_codes(WHO)
    assert len(newer) == 3
    assert app.auth.status(WHO).recovery_codes_left == 3
    assert app.record().generation == generation + 1
    for code in older:
        assert app.auth.redeem_recovery_code(WHO, code) == MISMATCH
    assert app.auth.redeem_recovery_code(WHO, newer[0])


@pytest.mark.proves("NIST-3.1.2")
@both
def test_no_recovery_codes(colour: str) -> None:
    """An enrolled account without recovery codes refuses all, and counts them."""
    app = App(colour)
    app.enroll()
    assert app.auth.redeem_recovery_code(WHO, "0" * 16) == MISMATCH
    assert app.auth.redeem_recovery_code(WHO, "0") == MALFORMED
    assert app.auth.status(WHO).failures == 2


@pytest.mark.proves("NIST-4.2")
@both
def test_recovery_replaces_one_factor(colour: str) -> None:
    """A recovery code stands in for the phone once: it changes nothing, and needs a credential."""
    app = App(colour)
    app.auth.begin_enrollment("acct-2", label=LABEL)
    assert app.auth.issue_recovery_codes("acct-2") == ()
    phone = app.enroll()
    codes = app.auth.issue_recovery_codes(WHO)
    pending = SoftPhone(app.auth.begin_enrollment(WHO, label=LABEL).uri, clock=app.clock)
    before = app.record()
    assert app.auth.redeem_recovery_code(WHO, codes[0])
    after = app.record()
    assert replace(after, revision=0, recovery_codes=None) == replace(before, revision=0, recovery_codes=None)
    assert app.auth.redeem_recovery_code("acct-2", codes[1]) == NOT_ENROLLED
    assert app.auth.verify(WHO, pending.code()) == MISMATCH
    assert app.auth.verify(WHO, phone.code())


# What an app may show


@both
def test_status(colour: str) -> None:
    """The status tells all that an app may show, and changes nothing."""
    app = App(colour, store=(tape := Tape()))
    assert app.auth.status(WHO) == Status()
    app.enroll()
    app.auth.issue_recovery_codes(WHO)
    app.auth.begin_enrollment(WHO, label=LABEL)
    app.fail(5)
    app.clock.advance(10)
    tape.calls.clear()
    assert app.auth.status(WHO) == Status(
        enrolled=True,
        pending=True,
        retry_after=20.0,
        disabled=False,
        recovery_codes_left=10,
        confirmed_at=START,
        last_used_at=START,
        failures=5,
    )
    assert tape.calls == ["load"]


@both
def test_provisioning(colour: str) -> None:
    """The secret in use is shown again byte for byte, whatever the settings are by now."""
    app = App(colour, vault=Vault({"old": OLD}))
    shown = app.auth.begin_enrollment(WHO, label=LABEL)
    assert app.auth.confirm_enrollment(WHO, SoftPhone(shown.uri, clock=app.clock).code())
    later = app.other(
        issuer="Renamed", policy=replace(POLICY, digits=8, period=60), vault=Vault({"new": NEW, "old": OLD})
    )
    again = later.auth.provisioning(WHO)
    assert again == replace(shown, expires_at=None)
    assert again.qr().png() == shown.qr().png()
    assert again.qr().svg() == shown.qr().svg()


@both
def test_provisioning_of_nobody(colour: str) -> None:
    """An account that is not enrolled has nothing to show, a pending secret neither."""
    app = App(colour)
    app.auth.begin_enrollment(WHO, label=LABEL)
    with pytest.raises(
        InvalidParameterError, match=r"^account_id must be of an enrolled account: ask status\(\) first$"
    ):
        app.auth.provisioning(WHO)
    assert app.told()[1:] == []


# Ends


@pytest.mark.proves("T47", "T21")
@both
def test_revoke(colour: str) -> None:
    """Revoking ends secret, pending secret and recovery codes; failures and generation stay as a stub."""
    app, phone, codes = prepared(colour)
    app.fail(4)
    before = app.record()
    app.auth.revoke(WHO)
    stub = Record(revision=before.revision + 1, generation=int(app.clock() * 1000), failures=4)
    assert app.record() == stub
    assert stub.generation > before.generation
    assert app.auth.status(WHO) == Status(failures=4)
    assert app.auth.verify(WHO, phone.code()) == NOT_ENROLLED
    assert app.auth.redeem_recovery_code(WHO, codes[0]) == NOT_ENROLLED
    assert app.auth.confirm_enrollment(WHO, "000000", binding="b") == EXPIRED
    again = app.auth.begin_enrollment(WHO, label=LABEL)
    assert app.auth.confirm_enrollment(WHO, phone.code()) == MISMATCH
    assert app.auth.status(WHO).retry_after == 30
    app.clock.advance(30)
    assert app.auth.confirm_enrollment(WHO, SoftPhone(again.uri, clock=app.clock).code())
    assert app.auth.redeem_recovery_code(WHO, codes[0]) == MISMATCH
    assert app.record().generation > stub.generation


@pytest.mark.proves("T47")
@both
def test_revoke_nothing(colour: str) -> None:
    """An account of which nothing is stored is revoked all the same, and each time: logins and proofs end."""
    app = App(colour)
    for times in (1, 2):
        app.auth.revoke(WHO)
        assert app.record() == Record(revision=times, generation=int(app.clock() * 1000) + times - 1)
    assert app.auth.status(WHO) == Status()
    assert app.told() == [events.Revoked(account_id=WHO, at=app.clock())] * 2


@pytest.mark.proves("T47")
@both
def test_generations_do_not_recur(colour: str) -> None:
    """What a revocation has ended stays ended when the account is forgotten and revoked once more."""
    app = App(colour)
    found = []
    for _ in range(3):
        app.auth.revoke(WHO)
        found.append(app.record().generation)
        app.auth.forget(WHO)
        app.clock.advance(1)
    assert sorted(set(found)) == found


@both
def test_forget(colour: str) -> None:
    """Of a forgotten account nothing stays, corrupted or not."""
    app, phone, _ = prepared(colour)
    app.fail(4)
    app.auth.forget(WHO)
    assert app.store.load(WHO) is None
    assert app.auth.status(WHO) == Status()
    assert app.auth.verify(WHO, phone.code()) == NOT_ENROLLED
    app.store.swap(WHO, None, b"corrupted")
    app.auth.forget(WHO)
    assert app.store.load(WHO) is None
    app.told()
    app.auth.forget(WHO)
    assert app.told() == []


# Bad input


CALLS: dict[str, Callable[[App, str], object]] = {
    "begin_enrollment": lambda app, who: app.auth.begin_enrollment(who, label=LABEL),
    "confirm_enrollment": lambda app, who: app.auth.confirm_enrollment(who, "000000"),
    "cancel_enrollment": lambda app, who: app.auth.cancel_enrollment(who),
    "import_enrollment": lambda app, who: app.auth.import_enrollment(who, label=LABEL, totp=TOTP(RFC_SECRET)),
    "verify": lambda app, who: app.auth.verify(who, "000000"),
    "resync": lambda app, who: app.auth.resync(who, "000000", "000000"),
    "issue_recovery_codes": lambda app, who: app.auth.issue_recovery_codes(who),
    "redeem_recovery_code": lambda app, who: app.auth.redeem_recovery_code(who, "0" * 16),
    "status": lambda app, who: app.auth.status(who),
    "provisioning": lambda app, who: app.auth.provisioning(who),
    "reseal": lambda app, who: app.auth.reseal(who),
    "unlock": lambda app, who: app.auth.unlock(who),
    "revoke": lambda app, who: app.auth.revoke(who),
    "forget": lambda app, who: app.auth.forget(who),
}


@pytest.mark.proves("T14", "T45")
@both
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("account_id", ["", "a" * 256, "a\n", "\ud800", None, True, 1, b"a"])
def test_bad_account_id(colour: str, call: Callable[[App, str], object], account_id: str) -> None:
    """What names no account is refused by every method before the store is asked."""
    app = App(colour, store=(tape := Tape()))
    with pytest.raises(InvalidParameterError, match=r"^account_id must be a str of 1 to 255 bytes in UTF-8"):
        call(app, account_id)
    assert tape.calls == []


@both
def test_bad_enrollment(colour: str) -> None:
    """A label or a binding that cannot be is refused, and nothing written."""
    app = App(colour, store=(tape := Tape()))
    for label in ("", "a:b", "a\n", " a", 5, None):
        with pytest.raises(InvalidParameterError, match=r"^label must ") as caught:
            app.auth.begin_enrollment(WHO, label=label)  # type: ignore[arg-type]
        assert caught.value.parameter == "label"
    for binding in (None, 5, b"", "\ud800"):
        with pytest.raises(InvalidParameterError, match=r"^binding "):
            app.auth.begin_enrollment(WHO, label=LABEL, binding=binding)  # type: ignore[arg-type]
        with pytest.raises(InvalidParameterError, match=r"^binding "):
            app.auth.confirm_enrollment(WHO, "000000", binding=binding)  # type: ignore[arg-type]
    assert "swap" not in tape.calls


@pytest.mark.parametrize("issuer", ["", "a:b", " a", "a\n", None, 5])
@both
def test_bad_issuer(colour: str, issuer: str) -> None:
    """An issuer that a phone could not show is refused at once."""
    with pytest.raises(InvalidParameterError, match=r"^issuer "):
        App(colour, issuer=issuer)


# What cannot be read


@pytest.mark.proves("T38", "T32")
@both
@pytest.mark.parametrize("call", [name for name in CALLS if name != "forget"])
@pytest.mark.parametrize("raw", [b"", b"{}", b"\xff", b'{"v":2}', b"[1]"])
def test_corrupted(colour: str, call: str, raw: bytes) -> None:
    """A corrupted record, or one of a later version, is an error by every method, and is not written over."""
    app = App(colour)
    app.store.swap(WHO, None, raw)
    with pytest.raises(RecordError):
        CALLS[call](app, WHO)
    assert app.store.load(WHO) == raw
    assert app.events == []


@pytest.mark.proves("T36", "T38")
@both
def test_wrong_key(colour: str) -> None:
    """With the wrong key nothing is accepted or counted; the account stays enrolled, and can be revoked."""
    app = App(colour, vault=Vault({"k": OLD}), store=(tape := Tape()))
    phone = app.enroll()
    for vault in (Vault({"k": NEW}), Vault({"other": NEW}), PLAINTEXT):
        other = app.other(vault=vault)
        tape.calls.clear()
        with pytest.raises(VaultError):
            other.auth.verify(WHO, phone.code())
        with pytest.raises(VaultError):
            other.auth.resync(WHO, phone.code(), phone.code(1))
        with pytest.raises(VaultError):
            other.auth.provisioning(WHO)
        assert other.auth.status(WHO).enrolled
        assert set(tape.calls) == {"load"}
        assert other.events == []
    assert app.auth.verify(WHO, phone.code())
    app.other(vault=Vault({"other": NEW})).auth.revoke(WHO)
    assert not app.auth.status(WHO).enrolled


@pytest.mark.proves("T38", "NIST-4.2")
@both
def test_lost_key(colour: str) -> None:
    """With the key lost, a recovery code and a new phone still work, and what was sealed stays as it is."""
    app = App(colour, vault=Vault({"lost": OLD}))
    app.enroll()
    codes = app.auth.issue_recovery_codes(WHO)
    app.fail(5)
    later = app.other(vault=Vault({"new": NEW}))
    later.auth.unlock(WHO)
    assert later.auth.redeem_recovery_code(WHO, codes[0])
    active = app.record().device
    assert active is not None
    assert active.secret.sealed.startswith("aesgcm:lost:")
    new = SoftPhone(later.auth.begin_enrollment(WHO, label=LABEL).uri, clock=app.clock)
    assert later.auth.confirm_enrollment(WHO, new.code())
    app.clock.advance(30)
    assert later.auth.verify(WHO, new.code())
    assert events.Resealed not in [type(event) for event in later.told()]


@pytest.mark.proves("T36")
@both
def test_moved_record(colour: str) -> None:
    """A record copied to another account does not open there."""
    app = App(colour, vault=Vault({"k": OLD}))
    phone = app.enroll()
    app.store.swap("acct-2", None, app.store.load(WHO))
    with pytest.raises(VaultError):
        app.auth.verify("acct-2", phone.code())
    with pytest.raises(VaultError):
        app.auth.provisioning("acct-2")


# Keys


@pytest.mark.proves("ASVS-13.3", "RFC4226-7.5")
@both
@pytest.mark.parametrize(
    "write",
    [
        lambda app, phone: app.auth.verify(WHO, phone.code()),
        lambda app, _: app.auth.verify(WHO, "x"),
        lambda app, phone: app.auth.resync(WHO, phone.code(), phone.code(1)),
        lambda app, _: app.auth.issue_recovery_codes(WHO),
        lambda app, _: app.auth.redeem_recovery_code(WHO, "0" * 16),
        lambda app, _: app.auth.begin_enrollment(WHO, label=LABEL, binding="another"),
        lambda app, _: app.auth.confirm_enrollment(WHO, "x", binding="b"),
        lambda app, _: app.auth.cancel_enrollment(WHO),
        lambda app, _: app.auth.unlock(WHO),
        lambda app, _: app.auth.reseal(WHO),
    ],
)
def test_rotation(colour: str, write: Callable[[App, SoftPhone], object]) -> None:
    """Whatever write comes next seals the secret with the newest key, once, and an event tells so."""
    app = App(colour, vault=Vault({"old": OLD}))
    phone = app.enroll()
    app.auth.begin_enrollment(WHO, label=LABEL, binding="b")
    app.fail(1)
    shown = app.auth.provisioning(WHO)
    rotated = app.other(vault=Vault({"new": NEW, "old": OLD}))
    assert rotated.auth.status(WHO).enrolled
    assert rotated.auth.provisioning(WHO) == shown
    active = app.record().device
    assert active is not None
    assert active.secret.sealed.startswith("aesgcm:old:")
    rotated.told()
    write(rotated, phone)
    active = app.record().device
    assert active is not None
    assert active.secret.sealed.startswith("aesgcm:new:")
    assert [type(event) for event in rotated.told()].count(events.Resealed) == 1
    assert app.other(vault=Vault({"new": NEW})).auth.provisioning(WHO) == shown
    app.clock.advance(300)
    rotated.auth.verify(WHO, phone.code())
    assert events.Resealed not in [type(event) for event in rotated.told()]


@pytest.mark.proves("ASVS-13.3")
@both
def test_reseal(colour: str) -> None:
    """An idle account is sealed anew at the app's word: one write, one event, and nothing else changes."""
    app = App(colour, vault=Vault({"old": OLD}), store=(tape := Tape()))
    phone = app.enroll()
    app.fail(1)
    app.auth.begin_enrollment(WHO, label=LABEL, binding="b")
    before, shown = app.record(), app.auth.provisioning(WHO)
    assert before.device is not None
    rotated = app.other(vault=Vault({"new": NEW, "old": OLD}))
    tape.calls.clear()
    assert [rotated.auth.reseal(WHO), rotated.auth.reseal(WHO)] == [True, False]
    assert tape.calls == ["load", "swap", "load"]
    assert rotated.told() == [events.Resealed(account_id=WHO, at=app.clock())]
    after = app.record()
    assert after.device is not None
    sealed = after.device.secret.sealed
    assert sealed.startswith("aesgcm:new:")
    active = replace(before.device, secret=replace(before.device.secret, sealed=sealed))
    assert after == replace(before, revision=before.revision + 1, device=active)
    later = app.other(vault=Vault({"new": NEW}))
    assert later.auth.provisioning(WHO) == shown
    assert later.auth.verify(WHO, phone.code())


@pytest.mark.proves("ASVS-13.3")
@both
def test_reseal_in_any_state(colour: str) -> None:
    """Sealing anew needs no attempt: it is done during a wait and after the end, and changes neither."""
    app = App(colour, vault=Vault({"0": OLD}), policy=replace(POLICY, throttle=Throttle(free=1, cap=2)))
    phone = app.enroll()
    for number, end in enumerate((waiting(30), DISABLED), 1):
        app.fail(1)
        app = app.other(vault=Vault({str(number): NEW, "0": OLD, "1": NEW}))
        assert app.auth.reseal(WHO) is True
        assert app.auth.verify(WHO, phone.code()) == end
        assert app.auth.status(WHO).failures == number
        app.clock.advance(30)


@both
def test_nothing_to_reseal(colour: str) -> None:
    """Nobody, a pending secret, an account that was revoked and one sealed by the newest key: not written."""
    app = App(colour, vault=Vault({"old": OLD}), store=(tape := Tape()))
    app.enroll()
    app.enroll("acct-2")
    app.auth.revoke("acct-2")
    app.auth.begin_enrollment("acct-3", label=LABEL)
    tape.calls.clear()
    app.told()
    assert app.auth.reseal(WHO) is False
    rotated = app.other(vault=Vault({"new": NEW, "old": OLD}))
    assert [rotated.auth.reseal(who) for who in ("acct-2", "acct-3", "nobody")] == [False] * 3
    assert set(tape.calls) == {"load"}
    assert app.told() == rotated.told() == []


@pytest.mark.proves("T36", "T38")
@both
def test_reseal_lost_key(colour: str) -> None:
    """Whoever seals anew what does not open is told so, and nothing is written: the key is still needed."""
    app = App(colour, vault=Vault({"lost": OLD}), store=(tape := Tape()))
    app.enroll()
    tape.calls.clear()
    for vault in (Vault({"new": NEW}), Vault({"new": NEW, "lost": NEW}), PLAINTEXT):
        other = app.other(vault=vault)
        with pytest.raises(VaultError):
            other.auth.reseal(WHO)
        assert other.told() == []
    assert set(tape.calls) == {"load"}


@pytest.mark.proves("RFC4226-7.5")
@both
def test_stored_sealed(colour: str) -> None:
    """Neither a secret, pending or in use, nor a recovery code or a binding stands in the record in plain."""
    app = App(colour, vault=Vault({"k": OLD}))
    app.enroll()
    shown = [app.auth.provisioning(WHO), app.auth.begin_enrollment(WHO, label=LABEL, binding="session-4711")]
    codes = app.auth.issue_recovery_codes(WHO)
    stored = app.store.load(WHO) or b""
    for secret in (enrollment.secret for enrollment in shown):
        for form in (
            secret.to_base32(),
            secret.to_base32().lower(),
            secret.to_bytes().hex(),
            secret.grouped(),
        ):
            assert form.encode() not in stored
    for text in (*codes, *(code.replace("-", "") for code in codes), "session-4711"):
        assert text.encode() not in stored


@pytest.mark.proves("RFC4226-7.5")
@both
def test_opened_only_to_verify(colour: str) -> None:
    """A secret is opened to verify, to promote and to show it, and for nothing else."""
    vault = Watched(PLAINTEXT)
    app = App(colour, vault=vault)

    def done(call: Callable[[], object]) -> list[str]:
        vault.done.clear()
        call()
        return list(vault.done)

    assert done(lambda: app.auth.begin_enrollment(WHO, label=LABEL)) == ["seal enrollment", "open enrollment"]
    phone = SoftPhone(app.auth.begin_enrollment(WHO, label=LABEL).uri, clock=app.clock)
    assert done(lambda: app.auth.confirm_enrollment(WHO, "x")) == ["open enrollment"]
    assert done(lambda: app.auth.confirm_enrollment(WHO, phone.code())) == [
        *["open enrollment"] * 2,
        "seal credential",
    ]
    app.clock.advance(30)
    assert done(lambda: app.auth.verify(WHO, phone.code())) == ["open credential"]
    assert done(lambda: app.auth.verify(WHO, phone.code())) == ["open credential"]
    assert done(lambda: app.auth.provisioning(WHO)) == ["open credential"]
    for call in (
        lambda: app.auth.status(WHO),
        lambda: app.auth.reseal(WHO),
        lambda: app.auth.unlock(WHO),
        lambda: app.auth.cancel_enrollment(WHO),
        lambda: app.auth.issue_recovery_codes(WHO),
        lambda: app.auth.redeem_recovery_code(WHO, "0" * 16),
        lambda: app.auth.verify("nobody", "000000"),
        lambda: app.auth.revoke(WHO),
        lambda: app.auth.forget(WHO),
    ):
        assert done(call) == []


def test_system_clock() -> None:
    """Without a clock of the app's the system's decides."""
    app = App(clock=SettableClock())
    auth = type(app.auth)(app.store, issuer="Acme", vault=PLAINTEXT)
    shown = auth.begin_enrollment(WHO, label=LABEL)
    assert auth.confirm_enrollment(WHO, TOTP(shown.secret).now())
    assert auth.status(WHO).failures == 0
