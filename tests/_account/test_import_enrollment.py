"""Taking over phones that another program enrolled, in both colours."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from tests.support import naive_otp
from tests.support.account_strategies import policy_numbers, provisions, records
from tests.support.authenticators import LABEL, POLICY, SYNC, WHO, App, both
from tests.support.fakes import Faulty, Interrupted, Raced, Tape, Watched
from tests.support.strategies import RFC_SECRET, raw_secrets, uri_totps
from totpkit import (
    HOTP,
    TOTP,
    Accepted,
    Algorithm,
    InvalidParameterError,
    KeyURI,
    Policy,
    Reason,
    RecordError,
    Rejected,
    Secret,
    Status,
    Steam,
    StoreError,
    Throttle,
    Window,
    events,
)
from totpkit._account.attempts import Context
from totpkit._account.enrollment import imported
from totpkit._account.record import EnrolledDevice, SealedSecret, Record
from totpkit.testing import SettableClock, SoftPhone
from totpkit.vault import PLAINTEXT, Vault

START = 1_700_000_000.0
STEP = 56_666_666
REPLAYED, MISMATCH = Rejected(Reason.REPLAYED), Rejected(Reason.MISMATCH)
PHONE = TOTP(RFC_SECRET)
KINDS = list(product((6, 7, 8), Algorithm, (15, 30, 60, 120)))
OTHER = TOTP(Secret.from_bytes(b"another phone's bytes"))


def step_later(app: App) -> str:
    """Let a step pass, and return the code that the imported phone shows."""
    app.clock.advance(30)
    return PHONE.at(app.clock())


# What is taken over


@pytest.mark.proves("RFC4226-R6")
@pytest.mark.parametrize(("digits", "algorithm", "period"), KINDS)
@both
def test_codes_of_old_phones(colour: str, digits: int, algorithm: Algorithm, period: int) -> None:
    """The phone goes on: what it shows is accepted, whatever its digits, algorithm and period, and once."""
    app = App(colour, vault=Vault({"k": bytes(32)}))
    totp = TOTP(Secret.from_bytes(b"ten bytes!"), digits, algorithm, period)
    assert totp.secret.weak
    assert app.auth.import_enrollment(WHO, label=LABEL, totp=totp, last_step=totp.step(START) - 1) is True
    code = naive_otp.decimal(b"ten bytes!", int(START) // period, digits, algorithm)
    assert app.auth.verify(WHO, code) == Accepted(int(START) // period)
    assert app.auth.verify(WHO, code) == REPLAYED


@settings(max_examples=50, deadline=None)
@given(uri_totps, st.floats(0, 2.0**33), st.integers(1, 3))
def test_any_phone(totp: TOTP, now: float, steps: int) -> None:
    """Any secret and any parameters that a key URI can tell are taken over as they are."""
    app = App(clock=SettableClock(now))
    assert app.auth.import_enrollment(WHO, label=LABEL, totp=totp)
    shown = KeyURI.parse(app.auth.provisioning(WHO).uri)
    assert (shown.otp, shown.account, shown.issuer) == (totp, LABEL, "Acme")
    app.clock.advance((1 + steps) * totp.period)
    answer = app.auth.verify(WHO, SoftPhone(str(shown), clock=app.clock).code())
    assert answer == Accepted(totp.step(app.clock()))  # by that clock: adding to a float may round


@both
def test_status(colour: str) -> None:
    """From then on the account is enrolled as if it had confirmed: recovery codes can be issued."""
    app = App(colour)
    assert app.auth.import_enrollment(WHO, label=LABEL, totp=PHONE)
    assert app.auth.status(WHO) == Status(enrolled=True, confirmed_at=START, last_used_at=START)
    assert app.record().generation == int(START * 1000)
    assert len(app.auth.issue_recovery_codes(WHO)) == 10


@pytest.mark.proves("NIST-4.1")
@both
def test_told(colour: str) -> None:
    """Each phone that was taken over is told, and whether its secret is weak; what changes nothing is not."""
    app = App(colour)
    weak = TOTP(Secret.from_bytes(bytes(15)))
    assert app.auth.import_enrollment(WHO, label=LABEL, totp=PHONE)
    assert app.auth.import_enrollment("acct-2", label=LABEL, totp=weak)
    assert not app.auth.import_enrollment("acct-2", label=LABEL, totp=PHONE)
    assert app.told() == [
        events.EnrollmentImported(account_id=WHO, at=START, weak=False),
        events.EnrollmentImported(account_id="acct-2", at=START, weak=True),
    ]


@pytest.mark.proves("RFC4226-7.5")
@both
def test_sealed(colour: str) -> None:
    """The secret is sealed once, for its life as a credential, by the newest key, and never opened."""
    keys = {"new": bytes(32), "old": bytes(range(32))}
    cipher = Watched(Vault(keys))
    app = App(colour, vault=cipher)
    assert app.auth.import_enrollment(WHO, label=LABEL, totp=PHONE)
    assert cipher.done == ["seal credential"]
    assert app.auth.reseal(WHO) is False
    stored = app.store.load(WHO) or b""
    raw = RFC_SECRET.to_bytes()
    for form in (raw, raw.hex().encode(), RFC_SECRET.to_base32().encode(), RFC_SECRET.grouped().encode()):
        assert form.lower() not in stored.lower()
    active = app.record().device
    assert active is not None
    opened = Vault(keys).open(active.secret.sealed, account_id=WHO, purpose="credential")
    assert opened == raw


# What is spent


@pytest.mark.proves("T01", "RFC6238-5.2-once")
@pytest.mark.parametrize("window", [Window.ASVS, Window.RFC, Window.DEFAULT, Window(3, 2)], ids=str)
@both
def test_last_code(colour: str, window: Window) -> None:
    """The last code that the other program accepted is spent, wherever in the window; so are older ones."""
    for last in range(-window.past, window.future + 1):
        app = App(colour, policy=replace(POLICY, window=window, throttle=Policy.TESTING.throttle))
        assert app.auth.import_enrollment(WHO, label=LABEL, totp=PHONE, last_step=STEP + last)
        for spent in range(-window.past, last + 1):
            assert app.auth.verify(WHO, PHONE.at(START + 30 * spent)) == REPLAYED
        for fresh in range(last + 1, window.future + 1):
            assert app.auth.verify(WHO, PHONE.at(START + 30 * fresh)) == Accepted(STEP + fresh, drift=fresh)


@pytest.mark.proves("T01", "RFC6238-5.2-once")
@pytest.mark.parametrize("drift", [0, -3, 2])
@pytest.mark.parametrize("window", [Window.ASVS, Window.RFC, Window.DEFAULT, Window(3, 2)], ids=str)
@both
def test_no_last_step(colour: str, window: Window, drift: int) -> None:
    """Where none is remembered, all that the window admits now is spent, and what comes after it is not."""
    app = App(colour, policy=replace(POLICY, window=window, throttle=Policy.TESTING.throttle))
    assert app.auth.import_enrollment(WHO, label=LABEL, totp=PHONE, drift=drift)
    admitted = range(drift - window.past, drift + window.future + 1)
    for later in range(window.span):
        for offset in admitted:
            assert app.auth.verify(WHO, PHONE.at(START + 30 * offset)) in (REPLAYED, MISMATCH)
        app.clock.time = START + 30 * (later + 1)
    app.clock.time = START + 30
    first = drift + window.future + 1
    assert app.auth.verify(WHO, PHONE.at(START + 30 * first)) == Accepted(STEP + first, drift=first - 1)


@pytest.mark.proves("T06")
def test_last_code_of_two_steps() -> None:
    """A code spent elsewhere is not good again where a neighbouring step has the same."""
    earlier, later, code = 910737, 910738, "911617"
    app = App(clock=SettableClock(30.0 * later))
    assert app.auth.import_enrollment(WHO, label=LABEL, totp=PHONE, last_step=earlier)
    assert PHONE.at(app.clock()) == code
    assert app.auth.verify(WHO, code) == REPLAYED


@pytest.mark.parametrize("ahead", [2, 100, 2880])
@both
def test_last_step_ahead(colour: str, ahead: int) -> None:
    """A last step up to a day ahead of the clock lets no code pass before the clock has gone by."""
    app = App(colour)
    assert app.auth.import_enrollment(WHO, label=LABEL, totp=PHONE, last_step=STEP + ahead)
    for offset in (-1, 0, 1):
        assert app.auth.verify(WHO, PHONE.at(START + 30 * offset)) == REPLAYED
    app.clock.advance(30 * ahead)
    assert app.auth.verify(WHO, PHONE.at(app.clock())) == REPLAYED
    assert app.auth.verify(WHO, step_later(app)) == Accepted(STEP + ahead + 1)


@pytest.mark.proves("RFC6238-6")
@pytest.mark.parametrize(("drift", "bound", "kept"), [(3, 10, 3), (-4, 10, -4), (-40, 10, -10), (5, 0, 0)])
@both
def test_drift(colour: str, drift: int, bound: int, kept: int) -> None:
    """A known drift is taken over, within the bound, and the phone's own code is found there."""
    app = App(colour, policy=replace(POLICY, drift_bound=bound))
    assert app.auth.import_enrollment(WHO, label=LABEL, totp=PHONE, last_step=STEP - 50, drift=drift)
    active = app.record().device
    assert active is not None
    assert active.drift == kept
    assert app.auth.verify(WHO, PHONE.at(START + 30 * kept)) == Accepted(STEP + kept, drift=kept)


def test_drift_before_time() -> None:
    """A slow phone at the beginning of time has no step before the first."""
    app = App(clock=SettableClock(0.0))
    assert app.auth.import_enrollment(WHO, label=LABEL, totp=PHONE, drift=-5)
    active = app.record().device
    assert active is not None
    assert active.last_step == 0
    app.auth.revoke(WHO)
    assert app.auth.import_enrollment(WHO, label=LABEL, totp=PHONE) is False


# Where there is something already


@both
def test_again(colour: str) -> None:
    """A second import changes nothing: no older last step, secret, drift or label comes back."""
    app = App(colour, store=(tape := Tape()))
    assert app.auth.import_enrollment(WHO, label=LABEL, totp=PHONE, last_step=STEP - 1)
    code = PHONE.at(START)
    assert app.auth.verify(WHO, code)
    app.auth.begin_enrollment(WHO, label=LABEL)
    stored = app.store.load(WHO)
    tape.calls.clear()
    for totp, last_step in ((PHONE, STEP - 1), (PHONE, None), (OTHER, 0)):
        assert (
            app.auth.import_enrollment(WHO, label="other", totp=totp, last_step=last_step, drift=3) is False
        )
    assert tape.calls == ["load"] * 3
    assert app.store.load(WHO) == stored
    assert app.auth.verify(WHO, code) == REPLAYED
    assert app.auth.status(WHO).pending


@pytest.mark.proves("T20", "T37")
@both
def test_pending(colour: str) -> None:
    """A pending secret is discarded: whoever was shown it cannot confirm it any more."""
    app = App(colour)
    shown = app.auth.begin_enrollment(WHO, label=LABEL, binding="thief")
    assert app.auth.import_enrollment(WHO, label=LABEL, totp=PHONE)
    assert not app.auth.status(WHO).pending
    thief = SoftPhone(shown.uri, clock=app.clock)
    assert app.auth.confirm_enrollment(WHO, thief.code(), binding="thief") == Rejected(Reason.EXPIRED)
    assert app.auth.provisioning(WHO).secret == RFC_SECRET


BEFORE: dict[str, Callable[[App], object]] = {
    "imported": lambda app: app.auth.import_enrollment(WHO, label=LABEL, totp=PHONE),
    "enrolled": lambda app: app.enroll(),
    "begun": lambda app: app.auth.begin_enrollment(WHO, label=LABEL),
    "nothing": lambda _: None,
}


@pytest.mark.proves("T47")
@pytest.mark.parametrize("had", BEFORE.values(), ids=BEFORE)
@both
def test_revoked(colour: str, had: Callable[[App], object]) -> None:
    """After a revocation, of whatever there was, no import brings a phone back; only forget makes way."""
    app = App(colour, store=(tape := Tape()))
    had(app)
    app.auth.revoke(WHO)
    app.told()
    for _ in ("at once", "beside a new secret", "much later"):
        stored = app.store.load(WHO)
        tape.calls.clear()
        assert app.auth.import_enrollment(WHO, label=LABEL, totp=PHONE, last_step=STEP - 1) is False
        assert tape.calls == ["load"]
        assert (app.store.load(WHO), app.told()) == (stored, [])
        app.auth.begin_enrollment(WHO, label=LABEL)
        app.clock.advance(86_400)
        app.told()
    assert app.auth.verify(WHO, PHONE.at(app.clock())) == Rejected(Reason.NOT_ENROLLED)
    app.auth.forget(WHO)
    assert app.auth.import_enrollment(WHO, label=LABEL, totp=PHONE, last_step=STEP - 1)
    assert app.auth.verify(WHO, PHONE.at(app.clock()))


@both
def test_lost_and_replaced(colour: str) -> None:
    """An import that is run once more changes nothing where the phone has been replaced since."""
    app = App(colour)
    assert app.auth.import_enrollment(WHO, label=LABEL, totp=PHONE)
    phone = app.enroll()
    assert app.auth.import_enrollment(WHO, label=LABEL, totp=PHONE, last_step=0) is False
    assert app.auth.verify(WHO, phone.code())
    assert app.auth.verify(WHO, step_later(app)) == MISMATCH


@pytest.mark.proves("T28", "T43", "T47")
@both
def test_forgives_nothing(colour: str) -> None:
    """Who failed to enroll goes on waiting, or stays disabled: an import shows no code."""
    app = App(colour, policy=replace(POLICY, throttle=Throttle(free=2, first_wait=60.0, cap=3)))

    def fail_to_enroll(times: int) -> None:
        app.auth.begin_enrollment(WHO, label=LABEL)
        for _ in range(times):
            assert app.auth.confirm_enrollment(WHO, "wrong") == Rejected(Reason.MALFORMED)

    fail_to_enroll(2)
    assert app.auth.import_enrollment(WHO, label=LABEL, totp=PHONE, last_step=0)
    waiting = Rejected(Reason.THROTTLED, retry_after=60.0)
    assert app.auth.verify(WHO, PHONE.at(app.clock())) == waiting
    app.auth.forget(WHO)
    fail_to_enroll(2)
    app.clock.advance(60)
    fail_to_enroll(1)
    assert app.auth.import_enrollment(WHO, label=LABEL, totp=PHONE, last_step=0)
    assert app.auth.status(WHO).disabled
    assert app.auth.verify(WHO, PHONE.at(app.clock())) == Rejected(Reason.DISABLED)
    app.auth.unlock(WHO)
    assert app.auth.verify(WHO, PHONE.at(app.clock()))


@pytest.mark.proves("T37")
@pytest.mark.parametrize("call", [0, 1])
@both
def test_confirmed_meanwhile(colour: str, call: int) -> None:
    """If somebody confirms a phone before the write, it is decided again: theirs stays; nothing is told."""
    app = App(colour)
    shown = app.auth.begin_enrollment(WHO, label=LABEL, binding="mine")
    phone = SoftPhone(shown.uri, clock=app.clock)
    rival = App(SYNC, store=app.store, clock=app.clock)

    def confirm() -> None:
        assert rival.auth.confirm_enrollment(WHO, phone.code(), binding="mine")

    late = app.other(store=Interrupted(app.store, call=call, intruder=confirm))
    assert late.auth.import_enrollment(WHO, label=LABEL, totp=PHONE) is False
    assert late.told() == []
    assert app.auth.provisioning(WHO).secret == shown.secret


@both
def test_imported_before_confirmation(colour: str) -> None:
    """The other way round the confirmation that comes too late is EXPIRED, and the imported phone stays."""
    app = App(colour)
    phone = SoftPhone(app.auth.begin_enrollment(WHO, label=LABEL, binding="mine").uri, clock=app.clock)
    rival = App(SYNC, store=app.store, clock=app.clock)

    def take_over() -> None:
        assert rival.auth.import_enrollment(WHO, label=LABEL, totp=PHONE)

    late = app.other(store=Interrupted(app.store, call=1, intruder=take_over))
    assert late.auth.confirm_enrollment(WHO, phone.code(), binding="mine") == Rejected(Reason.EXPIRED)
    assert app.auth.provisioning(WHO).secret == RFC_SECRET


@both
def test_lost_races(colour: str) -> None:
    """However many races it loses it is told once; under too many it fails, and nothing was imported."""
    app = App(colour)
    app.auth.begin_enrollment(WHO, label=LABEL)

    def rival(swap: int, last: int) -> None:
        if swap < last:
            app.rewrite(failures=swap)

    slow = app.other(store=Raced(app.store, lambda swap: rival(swap, 5)))
    assert slow.auth.import_enrollment(WHO, label=LABEL, totp=PHONE)
    assert slow.told() == [events.EnrollmentImported(account_id=WHO, at=app.clock(), weak=False)]
    assert app.record().failures == 4
    app.auth.forget(WHO)
    app.auth.begin_enrollment(WHO, label=LABEL)
    never = app.other(store=Raced(app.store, lambda swap: rival(swap, 10**6)))
    with pytest.raises(StoreError):
        never.auth.import_enrollment(WHO, label=LABEL, totp=PHONE)
    assert never.told() == []
    assert not app.auth.status(WHO).enrolled


@pytest.mark.proves("T34")
@pytest.mark.parametrize("call", [0, 1])
@both
def test_store_fails(colour: str, call: int) -> None:
    """If the store fails nothing is told or half-written, and the import can be run again."""
    app = App(colour)
    failing = app.other(store=Faulty(app.store, call=call))
    with pytest.raises(StoreError):
        failing.auth.import_enrollment(WHO, label=LABEL, totp=PHONE)
    assert failing.told() == []
    assert app.store.load(WHO) is None
    assert app.auth.import_enrollment(WHO, label=LABEL, totp=PHONE)


@pytest.mark.proves("T32", "T38")
@both
def test_corrupted(colour: str) -> None:
    """Over a record that cannot be read nothing is imported."""
    app = App(colour)
    app.store.swap(WHO, None, b"corrupted")
    with pytest.raises(RecordError):
        app.auth.import_enrollment(WHO, label=LABEL, totp=PHONE)
    assert app.store.load(WHO) == b"corrupted"


# What is refused


class Clever(TOTP):
    """A kind of codes of the app's own."""


WRONG: dict[str, tuple[Callable[[], object], str]] = {
    "HOTP": (lambda: HOTP(RFC_SECRET), "totp must be a TOTP, not HOTP"),
    "Steam": (lambda: Steam(RFC_SECRET), "totp must be a TOTP, not Steam"),
    "subclass": (lambda: Clever(RFC_SECRET), "totp must be a TOTP, not Clever"),
    "class": (lambda: TOTP, "totp must be a TOTP, not ABCMeta"),
    "secret": (lambda: RFC_SECRET, "totp must be a TOTP, not Secret"),
    "base32": (RFC_SECRET.to_base32, "totp must be a TOTP, not str"),
    "key URI": (lambda: KeyURI.parse(PHONE.uri(account="a")), "totp must be a TOTP, not KeyURI"),
    "nothing": (lambda: None, "totp must be a TOTP, not NoneType"),
    "t0": (lambda: TOTP(RFC_SECRET, t0=30), "totp must have a t0 of 0: phones know no other"),
}


def refused(app: App, message: str, *arguments: Any, **named: Any) -> None:
    """See that an import is refused with this message, before the store is asked."""
    with pytest.raises(InvalidParameterError) as caught:
        app.auth.import_enrollment(*arguments, **named)
    assert str(caught.value) == message
    assert app.store.load(WHO) is None


@pytest.mark.parametrize(("make", "message"), WRONG.values(), ids=WRONG)
@both
def test_not_a_phone(colour: str, make: Callable[[], object], message: str) -> None:
    """What is not exactly a TOTP as phones make them is refused."""
    refused(App(colour), message, WHO, LABEL, make())


@both
def test_bad_steps(colour: str) -> None:
    """A last step or a drift that is none is refused."""
    app = App(colour)
    for last_step, said in (
        (-1, "-1"),
        (2**64, str(2**64)),
        (5.0, "5.0"),
        (True, "bool"),
        ("5", "str"),
        (RFC_SECRET, "Secret"),
    ):
        message = f"last_step must be an int from 0 to {2**64 - 1}, not {said}"
        refused(app, message, WHO, LABEL, PHONE, last_step=last_step)
    for drift, said in ((None, "NoneType"), (0.5, "0.5"), (False, "bool"), (2**65, str(2**65))):
        message = f"drift must be an int from -{2**64} to {2**64}, not {said}"
        refused(app, message, WHO, LABEL, PHONE, drift=drift)


@pytest.mark.parametrize("period", [15, 30, 3600])
@both
def test_seconds_for_a_step(colour: str, period: int) -> None:
    """A last step more than a day ahead, as any time in seconds is, is refused before it shuts an account."""
    app, totp = App(colour), TOTP(RFC_SECRET, period=period)
    highest = int(START + 86_400) // period
    for last_step in (highest + 1, int(START), int(START * 1000), 2**64 - 1):
        message = (
            f"last_step must be a step and not seconds: {last_step} is more than a day ahead of the clock"
        )
        refused(app, message, WHO, LABEL, totp, last_step=last_step)
    assert app.auth.import_enrollment(WHO, label=LABEL, totp=totp, last_step=highest)


@both
def test_bad_label(colour: str) -> None:
    """A label that no phone shows is refused, in use or not; a secret too long for a URI too."""
    app = App(colour, store=(tape := Tape()))
    for label in ("", "a:b", "a\n", " a", 5, None):
        with pytest.raises(InvalidParameterError, match=r"^label must "):
            app.auth.import_enrollment(WHO, label=label, totp=PHONE)  # type: ignore[arg-type]
    refused(
        app,
        "uri must have at most 4096 characters, not 6459",
        WHO,
        LABEL,
        TOTP(Secret.from_bytes(bytes(4000))),
    )
    assert set(tape.calls) == {"load"}
    app.enroll()
    with pytest.raises(InvalidParameterError, match=r"^label must "):
        app.auth.import_enrollment(WHO, label="", totp=PHONE)


@pytest.mark.proves("NIST-3.1.4-key")
@both
def test_nist(colour: str) -> None:
    """The NIST preset takes over no secret under 112 bits, and no code that lives longer than two minutes."""
    app = App(colour, policy=replace(Policy.NIST, recovery_cost=1))
    short, slow = TOTP(Secret.from_bytes(bytes(13))), TOTP(RFC_SECRET, period=121)
    message = "totp must have a secret of 14 bytes or more, not of 13"
    refused(app, message, WHO, LABEL, short)
    message = "totp must have a period of 120 seconds or less, not of 121"
    refused(app, message, WHO, LABEL, slow)
    assert app.auth.import_enrollment(WHO, label=LABEL, totp=TOTP(Secret.from_bytes(bytes(14)), period=120))


@pytest.mark.proves("RFC4226-R6")
@pytest.mark.parametrize("policy", [Policy.DEFAULT, Policy.RFC, Policy.ASVS, Policy.TESTING])
@both
def test_weak(colour: str, policy: Policy) -> None:
    """Elsewhere a secret of one byte works, and goes on working when the policy becomes stricter."""
    app = App(colour, policy=policy)
    totp = TOTP(Secret.from_bytes(b"x"), period=3600)
    assert app.auth.import_enrollment(WHO, label=LABEL, totp=totp, last_step=0)
    strict = app.other(policy=Policy.NIST)
    assert strict.auth.verify(WHO, totp.at(START))
    assert strict.auth.provisioning(WHO).secret.weak


# The rule


@given(records, provisions, raw_secrets, policy_numbers, st.none() | st.integers(0, 2**64 - 1), st.data())
def test_rule(
    record: Record,
    provision: SealedSecret,
    raw: bytes,
    numbers: dict[str, Any],
    last_step: int | None,
    data: st.DataObject,
) -> None:
    """Only where there has been none is a phone taken, with its steps; a pending secret goes."""
    if data.draw(st.booleans()):
        record = replace(record, generation=0, device=None)
    policy, drift = Policy(**numbers), data.draw(st.integers(-2000, 2000))
    totp = provision.codes(Secret.from_bytes(raw))
    terms = Context(policy, START, lambda _: pytest.fail("a secret was opened"))
    after, taken = imported(record, terms, totp=totp, secret=provision, last_step=last_step, drift=drift)
    if record.generation:
        assert (after is record, taken) == (True, False)
        return
    bound = policy.drift_bound
    kept = min(max(drift, -bound), bound)
    highest = int(START) // provision.period + kept + policy.window.future
    expected = EnrolledDevice(
        secret=provision,
        confirmed_at=START,
        last_used_at=START,
        last_step=max(highest, 0) if last_step is None else last_step,
        drift=kept,
    )
    assert replace(record, device=expected, pending=None, generation=int(START * 1000)) == after
    assert taken
    written = read_record(after.to_bytes(revision=1))
    assert replace(after, revision=1) == written


def test_plaintext_named() -> None:
    """Where secrets are kept in the open by name, an imported one is too, and opens."""
    app = App(vault=PLAINTEXT)
    assert app.auth.import_enrollment(WHO, label=LABEL, totp=PHONE, last_step=0)
    assert app.auth.verify(WHO, PHONE.at(START))
