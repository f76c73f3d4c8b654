"""Importing phones that another program enrolled."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from tests.support import naive_otp
from tests.support.account_strategies import policy_numbers, records, sealed_secrets
from tests.support.answers import DISABLED, EXPIRED, MISMATCH, REPLAYED, START, STEP, throttled
from tests.support.authenticators import LABEL, POLICY, SYNC, WHO, App, both
from tests.support.fakes import Faulty, Interrupted, Raced, Tape, Watched
from tests.support.strategies import RFC_SECRET, raw_secrets, uri_totps
from totpkit import HOTP, TOTP, Accepted, KeyURI, Policy, Secret, Status, Steam, Throttle, Window, events
from totpkit._account.attempts import Context
from totpkit._account.enrollment import import_device
from totpkit._account.record import EnrolledDevice, Record, SealedSecret
from totpkit._account.record_json import read_record, write_record
from totpkit.errors import InvalidParameterError, StoreError
from totpkit.testing import SettableClock
from totpkit.vault import Vault

PHONE = TOTP(RFC_SECRET)
WEAK = TOTP(Secret.from_bytes(bytes(15)))
NO_LIMIT = replace(POLICY, throttle=Policy.TESTING.throttle)
WINDOWS = pytest.mark.parametrize("window", [Window.ASVS, Window.RFC, Window.DEFAULT, Window(3, 2)], ids=str)


def import_(app: App, totp: Any = PHONE, **named: Any) -> bool:
    """Import a phone."""
    return app.auth.import_enrollment(named.pop("account_id", WHO), **{"label": LABEL, "totp": totp, **named})


def code(steps: int = 0) -> str:
    """Return the code of the imported phone so many steps after the start."""
    return PHONE.at(START + 30 * steps)


# The imported phone


@pytest.mark.proves("RFC4226-R6")
@settings(max_examples=50, deadline=None)
@given(uri_totps, st.floats(0, 2.0**33), st.integers(1, 3))
def test_any_phone(totp: TOTP, now: float, steps: int) -> None:
    """Any secret and parameters that a key URI can contain are imported as they are, and work at once."""
    app = App(clock=SettableClock(now))
    assert import_(app, totp)
    shown = KeyURI.parse(app.auth.provisioning(WHO).uri)
    assert (shown.otp, shown.account, shown.issuer) == (totp, LABEL, "Acme")
    app.clock.advance((1 + steps) * totp.period)
    step = totp.step(app.clock())  # by this clock, because the sum of floats may be rounded
    right = naive_otp.decimal(totp.secret.to_bytes(), step, totp.digits, totp.algorithm)
    assert [app.auth.verify(WHO, right), app.auth.verify(WHO, right)] == [Accepted(step), REPLAYED]


@pytest.mark.proves("NIST-4.1", "RFC4226-7.5")
@both
def test_import(runtime: str) -> None:
    """The account is enrolled as after a confirmation, its secret is sealed once, and an event reports it."""
    keys = {"new": bytes(32), "old": bytes(range(32))}
    cipher = Watched(Vault(keys))
    app = App(runtime, vault=cipher)
    assert import_(app)
    assert cipher.done == ["seal credential"]
    assert app.auth.reseal(WHO) is False
    assert app.auth.status(WHO) == Status(enrolled=True, confirmed_at=START, last_used_at=START)
    assert app.record().generation == int(START * 1000)
    sealed = app.device().secret.sealed
    assert Vault(keys).open(sealed, account_id=WHO, purpose="credential") == RFC_SECRET.to_bytes()
    assert len(app.auth.issue_recovery_codes(WHO)) == 10
    assert import_(app, WEAK, account_id="acct-2")
    assert not import_(app, account_id="acct-2")
    assert [event for event in app.take_events() if isinstance(event, events.EnrollmentImported)] == [
        events.EnrollmentImported(account_id=WHO, at=START, weak=False),
        events.EnrollmentImported(account_id="acct-2", at=START, weak=True),
    ]


# What is spent


@pytest.mark.proves("T01", "RFC6238-5.2-once")
@WINDOWS
@both
def test_last_step(runtime: str, window: Window) -> None:
    """The last code that the other program accepted is spent, wherever in the window; so are older ones."""
    for last in range(-window.past, window.future + 1):
        app = App(runtime, policy=replace(NO_LIMIT, window=window))
        assert import_(app, last_step=STEP + last)
        for spent in range(-window.past, last + 1):
            assert app.auth.verify(WHO, code(spent)) == REPLAYED
        for unspent in range(last + 1, window.future + 1):
            assert app.auth.verify(WHO, code(unspent)) == Accepted(STEP + unspent, drift=unspent)


@pytest.mark.proves("T01", "RFC6238-5.2-once")
@pytest.mark.parametrize("drift", [0, -3, 2])
@WINDOWS
@both
def test_no_last_step(runtime: str, window: Window, drift: int) -> None:
    """Without a last step, every code that the window admits now is spent, and later ones are not."""
    app = App(runtime, policy=replace(NO_LIMIT, window=window))
    assert import_(app, drift=drift)
    for later in range(window.span):
        app.clock.time = START + 30 * later
        for offset in range(drift - window.past, drift + window.future + 1):
            assert app.auth.verify(WHO, code(offset)) in (REPLAYED, MISMATCH)
    app.clock.time = START + 30
    first = drift + window.future + 1
    assert app.auth.verify(WHO, code(first)) == Accepted(STEP + first, drift=first - 1)


@pytest.mark.proves("T06")
def test_last_code_of_two_steps() -> None:
    """A code that was spent elsewhere is not accepted for a neighboring step that has the same code."""
    earlier, later = 910737, 910738
    app = App(clock=SettableClock(30.0 * later))
    assert import_(app, last_step=earlier)
    assert PHONE.at(app.clock()) == PHONE.at(30 * earlier) == "911617"
    assert app.auth.verify(WHO, "911617") == REPLAYED


@pytest.mark.parametrize("ahead", [2, 100, 2880])
@both
def test_last_step_ahead(runtime: str, ahead: int) -> None:
    """With a last step ahead of the clock, no code is accepted until the clock has passed it."""
    app = App(runtime)
    assert import_(app, last_step=STEP + ahead)
    assert [app.auth.verify(WHO, code(offset)) for offset in (-1, 0, 1)] == [REPLAYED] * 3
    app.clock.advance(30 * ahead)
    assert app.auth.verify(WHO, code(ahead)) == REPLAYED
    assert app.auth.verify(WHO, code(ahead + 1)) == Accepted(STEP + ahead + 1, drift=1)


# What was there before


@pytest.mark.proves("T20", "T37")
@both
def test_pending(runtime: str) -> None:
    """A pending secret is discarded, so whoever was shown it cannot confirm it."""
    app = App(runtime)
    thief = app.scan(binding="thief")
    assert import_(app)
    assert not app.auth.status(WHO).pending
    assert app.auth.confirm_enrollment(WHO, thief.code(), binding="thief") == EXPIRED
    assert app.auth.provisioning(WHO).secret == RFC_SECRET


BEFORE: dict[str, Callable[[App], object]] = {
    "imported": lambda app: (import_(app), app.auth.verify(WHO, code(2))),
    "enrolled": lambda app: app.enroll(),
    "replaced": lambda app: (import_(app), app.enroll()),
    "imported and revoked": lambda app: (import_(app), app.auth.revoke(WHO)),
    "begun and revoked": lambda app: (app.scan(), app.auth.revoke(WHO)),
    "revoked": lambda app: app.auth.revoke(WHO),
}


@pytest.mark.proves("T47")
@pytest.mark.parametrize("had", BEFORE.values(), ids=BEFORE)
@both
def test_again(runtime: str, had: Callable[[App], object]) -> None:
    """An account that has or had a phone, or was revoked, stays as it is. Only forget makes room."""
    app = App(runtime, store=(tape := Tape()))
    had(app)
    for _ in ("at once", "beside a pending secret", "much later"):
        stored = app.store.load(WHO)
        app.take_events()
        tape.calls.clear()
        for totp, last_step in ((PHONE, STEP - 1), (PHONE, None), (WEAK, 0)):
            assert import_(app, totp, label="other", last_step=last_step, drift=3) is False
        assert (tape.calls, app.take_events()) == (["load"] * 3, [])
        assert app.store.load(WHO) == stored
        app.scan()
        app.clock.advance(86_400)
    app.auth.forget(WHO)
    assert import_(app, last_step=STEP - 1)
    assert app.auth.verify(WHO, PHONE.at(app.clock()))


@pytest.mark.proves("T28", "T43", "T47")
@both
def test_forgives_nothing(runtime: str) -> None:
    """Failures to enroll stay, and so do the wait and the cap, because an import shows no code."""
    app = App(runtime, policy=replace(POLICY, throttle=Throttle(free=2, first_wait=60.0, cap=3)))
    for waits, expected in ((0, throttled(60.0)), (1, DISABLED)):
        app.auth.forget(WHO)
        app.scan()
        for _ in range(waits + 1):
            for _ in range(2):
                app.auth.confirm_enrollment(WHO, "wrong")
            app.clock.advance(60 * waits)
        assert import_(app, last_step=0)
        assert app.auth.verify(WHO, PHONE.at(app.clock())) == expected
    app.auth.unlock(WHO)
    assert app.auth.verify(WHO, PHONE.at(app.clock()))


@pytest.mark.proves("T37")
@pytest.mark.parametrize("call", [0, 1])
@both
def test_race_with_a_confirmation(runtime: str, call: int) -> None:
    """Of an import and a confirmation at the same time, only the first one enrolls its phone."""
    app = App(runtime)
    phone = app.scan(binding="mine")
    rival = App(SYNC, store=app.store, clock=app.clock)
    intruder = Interrupted(
        app.store,
        call=call,
        intruder=lambda: rival.auth.confirm_enrollment(WHO, phone.code(), binding="mine"),
    )
    late = app.other(store=intruder)
    assert import_(late) is False
    assert late.take_events() == []
    assert app.auth.provisioning(WHO).secret != RFC_SECRET
    app.auth.forget(WHO)
    phone = app.scan(binding="mine")
    late = app.other(store=Interrupted(app.store, call=call, intruder=lambda: import_(rival)))
    assert late.auth.confirm_enrollment(WHO, phone.code(), binding="mine") == EXPIRED
    assert app.auth.provisioning(WHO).secret == RFC_SECRET


@pytest.mark.proves("T34")
@both
def test_failing_store(runtime: str) -> None:
    """After lost races an import is reported once. If the store fails, nothing is imported or reported."""
    app = App(runtime)
    app.scan()
    raced = Raced(app.store, lambda _: app.rewrite())
    for failing in (Faulty(app.store, call=0), Faulty(app.store, call=1), raced):
        other = app.other(store=failing)
        with pytest.raises(StoreError):
            import_(other)
        assert other.take_events() == []
        assert not app.auth.status(WHO).enrolled
    slow = app.other(store=Raced(app.store, lambda swap: swap < 5 and app.rewrite(failures=swap)))
    assert import_(slow)
    assert slow.take_events() == [events.EnrollmentImported(account_id=WHO, at=app.clock(), weak=False)]
    assert app.record().failures == 4


# What is rejected


class Subclass(TOTP):
    """Codes of the app's own."""


LONG = TOTP(Secret.from_bytes(bytes(4000)))
LAST_STEPS = {-1: "-1", 2**64: str(2**64), 5.0: "5.0", True: "bool", "5": "str", RFC_SECRET: "Secret"}
DRIFTS = {None: "NoneType", 0.5: "0.5", False: "bool", 2**65: str(2**65)}
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"totp": HOTP(RFC_SECRET)}, "totp must be a TOTP, not HOTP"),
    ({"totp": Steam(RFC_SECRET)}, "totp must be a TOTP, not Steam"),
    ({"totp": Subclass(RFC_SECRET)}, "totp must be a TOTP, not Subclass"),
    ({"totp": TOTP}, "totp must be a TOTP, not ABCMeta"),
    ({"totp": RFC_SECRET}, "totp must be a TOTP, not Secret"),
    ({"totp": RFC_SECRET.to_base32()}, "totp must be a TOTP, not str"),
    ({"totp": KeyURI.parse(PHONE.uri(account="a"))}, "totp must be a TOTP, not KeyURI"),
    ({"totp": None}, "totp must be a TOTP, not NoneType"),
    ({"totp": TOTP(RFC_SECRET, t0=30)}, "totp must have a t0 of 0, the only one that apps support"),
    ({"totp": LONG}, "uri must have at most 4096 characters, not 6459"),
    *(
        ({"last_step": step}, f"last_step must be an int from 0 to {2**64 - 1}, not {shown}")
        for step, shown in LAST_STEPS.items()
    ),
    *(
        ({"drift": drift}, f"drift must be an int from -{2**64} to {2**64}, not {shown}")
        for drift, shown in DRIFTS.items()
    ),
    *(({"label": label}, "label must ") for label in ("", "a:b", "a\n", " a", 5, None)),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG, ids=lambda value: str(value)[:40])
@both
def test_invalid(runtime: str, arguments: dict[str, Any], message: str) -> None:
    """An invalid TOTP, last step, drift or label is rejected before the store is read."""
    app = App(runtime, store=(tape := Tape()))
    with pytest.raises(InvalidParameterError) as caught:
        import_(app, **arguments)
    assert str(caught.value).startswith(message)
    assert tape.calls == []


@pytest.mark.parametrize("period", [15, 30, 3600])
@both
def test_seconds_for_a_step(runtime: str, period: int) -> None:
    """A last step more than a day ahead is rejected, because it is probably a time in seconds."""
    app, totp = App(runtime), TOTP(RFC_SECRET, period=period)
    highest = int(START + 86_400) // period
    for last_step in (highest + 1, int(START), int(START * 1000), 2**64 - 1):
        with pytest.raises(InvalidParameterError) as caught:
            import_(app, totp, last_step=last_step)
        problem = f"{last_step} is more than a day ahead of the clock"
        assert str(caught.value) == f"last_step must be a step, not seconds: {problem}"
    assert import_(app, totp, last_step=highest)


@pytest.mark.proves("NIST-3.1.4-key", "RFC4226-R6")
@pytest.mark.parametrize("policy", [Policy.DEFAULT, Policy.RFC, Policy.ASVS, Policy.TESTING])
@both
def test_nist(runtime: str, policy: Policy) -> None:
    """NIST requires 112 bits and two minutes. A secret that another policy admitted still works with it."""
    nist = App(runtime, policy=Policy.NIST)
    for totp, problem in (
        (TOTP(Secret.from_bytes(bytes(13))), "a secret of at least 14 bytes, not 13"),
        (TOTP(RFC_SECRET, period=121), "a period of at most 120 seconds, not 121"),
    ):
        with pytest.raises(InvalidParameterError, match=f"^totp must have {problem}$"):
            import_(nist, totp)
    assert import_(nist, TOTP(Secret.from_bytes(bytes(14)), period=120))
    totp = TOTP(Secret.from_bytes(b"x"), period=3600)
    assert import_(nist.other(policy=policy), totp, account_id="acct-2", last_step=0)
    assert nist.auth.verify("acct-2", totp.at(START))
    assert nist.auth.provisioning("acct-2").secret.weak


# The rule


@given(records, sealed_secrets, raw_secrets, policy_numbers, st.none() | st.integers(0, 2**64 - 1), st.data())
def test_rule(
    record: Record,
    secret: SealedSecret,
    raw: bytes,
    numbers: dict[str, Any],
    last_step: int | None,
    data: st.DataObject,
) -> None:
    """Only an account that never had a phone gets this one, with its steps, and loses its pending secret."""
    if data.draw(st.booleans()):
        record = record._replace(generation=0, device=None)
    policy, drift = Policy(**numbers), data.draw(st.integers(-2000, 2000))
    now = data.draw(st.sampled_from([0.0, START]))
    context = Context(policy, now, lambda _: pytest.fail("a secret was opened"))
    totp = secret.totp(Secret.from_bytes(raw))
    after, imported = import_device(
        record, context, totp=totp, secret=secret, last_step=last_step, drift=drift
    )
    if record.generation:
        assert (after is record, imported) == (True, False)
        return
    kept = min(max(drift, -policy.drift_bound), policy.drift_bound)
    highest = max(int(now) // secret.period + kept + policy.window.future, 0)
    device = EnrolledDevice(
        secret=secret,
        confirmed_at=now,
        last_used_at=now,
        last_step=highest if last_step is None else last_step,
        drift=kept,
    )
    assert record._replace(device=device, pending=None, generation=max(int(now * 1000), 1)) == after
    assert imported
    assert after._replace(revision=1) == read_record(write_record(after, revision=1))
