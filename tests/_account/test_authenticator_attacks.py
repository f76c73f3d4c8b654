"""Attacks that worked on others, tried on the authenticator, one test for each, named for it."""

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from tests._otp.test_replay_attacks import LOOKALIKES
from tests.support.authenticators import ASYNC, LABEL, POLICY, SYNC, WHO, Answer, App, both, wrong
from tests.support.fakes import Gate, Planted, Tape
from tests.support.strategies import spellings
from tests.vectors import load
from totpkit import TOTP, Accepted, Policy, Reason, Rejected, Secret, Throttle, VaultError, Window, events
from totpkit.stores.memory import MemoryStore
from totpkit.stores.threaded import ThreadedStore
from totpkit.testing import SoftPhone
from totpkit.vault import PLAINTEXT, Vault

STEP = 56_666_666
MISMATCH, MALFORMED = Rejected(Reason.MISMATCH), Rejected(Reason.MALFORMED)
REPLAYED, EXPIRED = Rejected(Reason.REPLAYED), Rejected(Reason.EXPIRED)
DISABLED = Rejected(Reason.DISABLED)
NO_LIMIT = replace(POLICY, throttle=Throttle(free=100, first_wait=0.0))
CROWDED = load("crowded")["secrets"]


def crowded(app: App, place: int, account_id: str = WHO) -> TOTP:
    """Enroll an account with a secret two of whose codes near now are one; return its codes."""
    secret = Secret.from_bytes(bytes.fromhex(CROWDED[place]["secret"]))
    planted = app.other(vault=Planted(app.vault, secret.to_bytes()))
    planted.clock.advance(-30 * 60)
    shown = planted.auth.begin_enrollment(account_id, label=LABEL)
    assert shown.secret == secret
    codes = TOTP(secret)
    assert planted.auth.confirm_enrollment(account_id, codes.at(app.clock()))
    planted.clock.advance(30 * 60)
    return codes


# Replay


@pytest.mark.proves("T01", "RFC6238-5.2-once")
@both
@pytest.mark.parametrize("window", [Window.ASVS, Window.RFC, Window.DEFAULT, Window(4, 5)], ids=repr)
def test_same_code_again(colour: str, window: Window) -> None:
    """T01: a code that was accepted is refused at every offset in the window, at every endpoint."""
    app = App(colour, policy=replace(NO_LIMIT, window=window, drift_bound=0))
    phone = app.enroll()
    app.clock.advance(600)
    for arrived in range(-window.future, window.past + 1):
        app.clock.advance(30 * 40)
        code = phone.code(-arrived)
        now = app.clock()
        assert app.auth.verify(WHO, code)
        for again in range(-window.future - arrived - 2, window.past - arrived + 3):
            app.clock.time = now + 30 * again
            for endpoint in (app, app.other()):
                assert not endpoint.auth.verify(WHO, code)
                assert not endpoint.auth.confirm_enrollment(WHO, code)
                assert not endpoint.auth.redeem_recovery_code(WHO, code)
                assert not endpoint.auth.resync(WHO, code, code)
        app.clock.time = now


@pytest.mark.proves("T02")
@both
def test_end_of_step(colour: str) -> None:
    """T02: a code accepted at the end of its step is refused in the steps that follow (CVE-2021-43177)."""
    app = App(colour, policy=NO_LIMIT)
    phone = app.enroll()
    app.clock.time = 30.0 * (STEP + 10) + 29.999
    code = phone.code()
    assert app.auth.verify(WHO, code) == Accepted(STEP + 10)
    for seconds in (0.001, 0.001, 1, 29, 30, 30, 60):
        app.clock.advance(seconds)
        assert not app.auth.verify(WHO, code)


@pytest.mark.proves("T03")
@settings(max_examples=30)
@given(st.data())
def test_other_spelling(data: st.DataObject) -> None:
    """T03: all accepted spellings of a code are one code, and one attempt (CVE-2025-6014, CVE-2025-55003)."""
    app = App()
    phone = app.enroll()
    code = phone.code()
    assert app.auth.verify(WHO, data.draw(spellings(code)))
    for failures in range(1, 5):
        assert app.auth.verify(WHO, data.draw(spellings(code))) == REPLAYED
        assert app.auth.status(WHO).failures == failures


@pytest.mark.proves("T03")
@both
@pytest.mark.parametrize("form", LOOKALIKES.values(), ids=LOOKALIKES)
def test_lookalike(colour: str, form: str) -> None:
    """T03: what only looks like the code is malformed, and counts as an attempt (CVE-2025-6015)."""
    app = App(colour)
    phone = app.enroll()
    code = phone.code()
    assert app.auth.verify(WHO, form.format(code, code[:3], code[3:])) == MALFORMED
    assert app.auth.status(WHO).failures == 1


@pytest.mark.proves("T05")
@both
def test_older_code(colour: str) -> None:
    """T05: after a newer code, an older unused one is refused."""
    app = App(colour, policy=replace(POLICY, window=Window(3, 3)))
    phone = app.enroll()
    app.clock.advance(600)
    older = [phone.code(offset) for offset in (-3, -2, -1)]
    assert app.auth.verify(WHO, phone.code())
    assert [app.auth.verify(WHO, code) for code in older] == [REPLAYED] * 3


@pytest.mark.proves("T06")
@both
@pytest.mark.parametrize("place", range(len(CROWDED)))
def test_two_steps_with_one_code(colour: str, place: int) -> None:
    """T06: a code that two nearby steps share is accepted once in all, whenever it is tried first."""
    earlier, later = CROWDED[place]["steps"]
    code = CROWDED[place]["code"]
    for first in range(earlier - 1, later + 2):
        app = App(colour, policy=NO_LIMIT)
        crowded(app, place)
        app.clock.time = 30.0 * first
        expected = later if first >= later - 1 else earlier
        answer = app.auth.verify(WHO, code)
        assert answer == Accepted(expected, drift=expected - first)
        for again in range(earlier - 2, later + 3):
            app.clock.time = 30.0 * again
            assert not app.auth.verify(WHO, code)


@pytest.mark.proves("T08")
@both
def test_clock_set_back(colour: str) -> None:
    """T08: with the clock an hour back all is refused without an exception, until time has passed."""
    app = App(colour, policy=NO_LIMIT)
    phone = app.enroll()
    assert app.auth.verify(WHO, phone.code())
    spent = app.clock()
    app.clock.advance(-3600)
    while app.clock() < spent:
        assert not app.auth.verify(WHO, phone.code())
        app.clock.advance(300)
    app.clock.time = spent
    assert app.auth.verify(WHO, phone.code()) == REPLAYED
    app.clock.advance(30)
    assert app.auth.verify(WHO, phone.code())


@pytest.mark.proves("T08")
@both
def test_clock_set_back_keeps_the_wait(colour: str) -> None:
    """T08: a clock that is set back neither ends a wait nor forgives a failure."""
    app = App(colour)
    phone = app.enroll()
    app.fail(5)
    app.clock.advance(-3600)
    assert app.auth.verify(WHO, phone.code()) == Rejected(Reason.THROTTLED, retry_after=3630.0)
    assert app.auth.status(WHO).failures == 5


# Guessing


@pytest.mark.proves("T09", "ASVS-6.3.8")
@both
def test_right_code_past_the_limit(colour: str) -> None:
    """T09: past the limit the right code gets the answer that a wrong one gets."""
    app = App(colour, policy=replace(POLICY, throttle=Throttle(free=3, cap=4)))
    phone = app.enroll()
    app.fail(3)
    answers = [app.auth.verify(WHO, code) for code in (phone.code(), wrong(phone), "x", phone.code())]
    assert answers == [Rejected(Reason.THROTTLED, retry_after=30.0)] * 4
    app.clock.advance(30)
    app.fail(1)
    assert [app.auth.verify(WHO, code) for code in (phone.code(), wrong(phone))] == [DISABLED] * 2


@pytest.mark.proves("ASVS-6.3.8")
@both
def test_wrong_and_replayed_look_alike(colour: str) -> None:
    """What a visitor may be told is the same for wrong, malformed and replayed codes."""
    app = App(colour)
    phone = app.enroll()
    assert app.auth.verify(WHO, phone.code())
    answers = [app.auth.verify(WHO, code) for code in (phone.code(), wrong(phone), "x")]
    assert {answer.reason.public for answer in answers if isinstance(answer, Rejected)} == {"wrong"}
    assert {answer.retry_after for answer in answers if isinstance(answer, Rejected)} == {None}


@pytest.mark.proves("T10", "RFC4226-7.3")
@both
def test_fresh_logins_share_one_counter(colour: str) -> None:
    """T10: many logins with one try each, on as many machines, get the tries of one (AuthQuake, 2024)."""
    app = App(colour)
    phone = app.enroll()
    answers = [app.other().auth.verify(WHO, wrong(phone)) for _ in range(50)]
    assert answers == [MISMATCH] * 5 + [Rejected(Reason.THROTTLED, retry_after=30.0)] * 45


@pytest.mark.proves("T13")
@both
@pytest.mark.parametrize(
    "act",
    [
        lambda app: app.auth.status(WHO),
        lambda app: app.auth.provisioning(WHO),
        lambda app: app.auth.begin_enrollment(WHO, label=LABEL, binding="b"),
        lambda app: app.auth.cancel_enrollment(WHO),
        lambda app: app.auth.issue_recovery_codes(WHO),
        lambda app: app.auth.revoke(WHO),
        lambda app: app.clock.advance(30 * 86_400),
        lambda app: app.auth.verify(
            "acct-2", SoftPhone(app.auth.provisioning("acct-2").uri, clock=app.clock).code()
        ),
    ],
)
def test_only_success_forgives(colour: str, act: Callable[[App], object]) -> None:
    """T13: nothing but a right code of this account, or the app's unlocking, forgets a failure."""
    app = App(colour)
    app.enroll("acct-2")
    app.enroll()
    app.fail(4)
    act(app)
    assert app.auth.status(WHO).failures == 4


@pytest.mark.proves("NIST-3.2.2", "RFC4226-7.3")
@both
def test_guessing_for_years(colour: str) -> None:
    """A guesser with all the time of the world gets a hundred answers, and then never one again."""
    app = App(colour)
    phone = app.enroll()
    answers: list[Answer] = []
    while len(answers) < 1000:
        answers.append(app.auth.verify(WHO, wrong(phone)))
        app.clock.advance(app.auth.status(WHO).retry_after or 0)
        if app.auth.status(WHO).disabled:
            break
    assert answers == [MISMATCH] * 100
    app.clock.advance(100 * 365 * 86_400)
    assert app.auth.verify(WHO, phone.code()) == DISABLED
    app.auth.unlock(WHO)
    assert app.auth.verify(WHO, phone.code())


@pytest.mark.proves("T43")
@both
def test_attempts_do_not_prolong_the_wait(colour: str) -> None:
    """T43: however often a stranger tries during a wait, it ends when it was to end; nothing is written."""
    app = App(colour, store=(tape := Tape()))
    phone = app.enroll()
    app.fail(5)
    tape.calls.clear()
    for left in range(30, 0, -1):
        for code in (wrong(phone), "x", phone.code()):
            assert app.auth.verify(WHO, code) == Rejected(Reason.THROTTLED, retry_after=float(left))
        app.clock.advance(1)
    assert set(tape.calls) == {"load"}
    assert app.auth.verify(WHO, phone.code())


# Races


@pytest.fixture
def frequent_switches() -> Iterator[None]:
    """Let threads take turns as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def at_once(works: list[Callable[[], Any]]) -> list[Any]:
    """Return what the works answer, all begun at the same moment in threads of their own."""
    barrier = threading.Barrier(len(works))

    def started(work: Callable[[], Any]) -> Any:
        barrier.wait(timeout=30)
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(started, works))


crowds = pytest.mark.parametrize(
    ("colour", "gated"),
    [(SYNC, False), (SYNC, True), (ASYNC, False)],
    ids=["sync as it comes", "sync after all have loaded", "async as it comes"],
)


def endpoints(app: App, number: int, *, gated: bool) -> list[App]:
    """Return apps on one store; behind a gate all of them load before any of them swaps."""
    store = Gate(app.store, number) if gated else app.store
    return [app.other(store=store, async_store=ThreadedStore) for _ in range(number)]


@pytest.mark.usefixtures("frequent_switches")
@pytest.mark.proves("T07", "RFC6238-5.2-once")
@crowds
def test_one_code_in_many_threads(colour: str, *, gated: bool) -> None:
    """T07: of 16 threads with one code exactly one is let in; to the others it is a replay."""
    for _ in range(3):
        app = App(colour, policy=NO_LIMIT)
        code = app.enroll().code()
        apps = endpoints(app, 16, gated=gated)
        answers = at_once([partial(app.auth.verify, WHO, code) for app in apps])
        assert sorted(map(repr, answers)) == sorted(map(repr, [Accepted(STEP + 1), *[REPLAYED] * 15]))
        assert app.auth.status(WHO).failures <= 15
        assert sum(len(app.told()) for app in apps) == 16


@pytest.mark.usefixtures("frequent_switches")
@pytest.mark.proves("T11", "RFC4226-7.3")
@crowds
@pytest.mark.parametrize("free", [1, 5])
def test_parallel_guesses(colour: str, free: int, *, gated: bool) -> None:
    """T11: of 24 guesses at once as many are answered as are free, whoever asks, and no more."""
    app = App(colour, policy=replace(POLICY, throttle=Throttle(free=free)))
    phone = app.enroll()
    guess = wrong(phone)
    apps = endpoints(app, 24, gated=gated)
    answers = at_once([partial(app.auth.verify, WHO, guess) for app in apps])
    assert answers.count(MISMATCH) == free
    assert answers.count(Rejected(Reason.THROTTLED, retry_after=30.0)) == 24 - free
    assert app.auth.status(WHO).failures == free


@pytest.mark.usefixtures("frequent_switches")
@pytest.mark.proves("T25", "NIST-3.1.2")
@crowds
def test_one_recovery_code_in_many_threads(colour: str, *, gated: bool) -> None:
    """T25: of 30 uses of one recovery code at once exactly one passes (CVE-2026-31875, CVE-2026-33624)."""
    app = App(colour, policy=NO_LIMIT)
    app.enroll()
    code = app.auth.issue_recovery_codes(WHO)[0]
    apps = endpoints(app, 30, gated=gated)
    answers = at_once([partial(app.auth.redeem_recovery_code, WHO, code) for app in apps])
    assert answers.count(Accepted(STEP)) == 1
    assert answers.count(REPLAYED) == 29
    assert app.auth.status(WHO).recovery_codes_left == 9


@pytest.mark.usefixtures("frequent_switches")
@pytest.mark.proves("T42", "T11")
@crowds
def test_parallel_guesses_at_recovery_codes(
    colour: str, monkeypatch: pytest.MonkeyPatch, *, gated: bool
) -> None:
    """T42: 24 guesses at recovery codes at once cost no more hashes than are free; malformed ones none."""
    app = App(colour)
    app.enroll()
    app.auth.issue_recovery_codes(WHO)
    hashed: list[bytes] = []

    def scrypt(raw: bytes, **_: object) -> bytes:
        hashed.append(raw)
        return bytes(32)

    monkeypatch.setattr("totpkit._account.recovery_codes.hashlib.scrypt", scrypt)
    assert app.auth.redeem_recovery_code(WHO, "malformed") == MALFORMED
    assert hashed == []
    apps = endpoints(app, 24, gated=gated)
    answers = at_once([partial(app.auth.redeem_recovery_code, WHO, "0" * 16) for app in apps])
    assert len(hashed) == 4
    assert answers.count(MISMATCH) == 4
    assert answers.count(Rejected(Reason.THROTTLED, retry_after=30.0)) == 20


@pytest.mark.usefixtures("frequent_switches")
@pytest.mark.proves("T19")
@crowds
def test_parallel_confirmations(colour: str, *, gated: bool) -> None:
    """T19: of 16 confirmations at once one wins, and only its phone works."""
    app = App(colour)
    old = app.enroll()
    code = SoftPhone(app.auth.begin_enrollment(WHO, label=LABEL).uri, clock=app.clock).code()
    apps = endpoints(app, 16, gated=gated)
    answers = at_once([partial(app.auth.confirm_enrollment, WHO, code) for app in apps])
    assert answers.count(Accepted(STEP + 1)) == 1
    assert answers.count(EXPIRED) == 15
    assert sum(isinstance(event, events.EnrollmentConfirmed) for app in apps for event in app.told()) == 1
    assert app.auth.verify(WHO, old.code()) == MISMATCH


@pytest.mark.usefixtures("frequent_switches")
@pytest.mark.proves("T19", "T37")
@crowds
def test_parallel_enrollments(colour: str, *, gated: bool) -> None:
    """T37: of 8 logins that begin and confirm at once at most one enrolls: the one whose phone then works."""
    app = App(colour, policy=NO_LIMIT)
    apps = endpoints(app, 8, gated=gated)

    def login(app: App, binding: str) -> SoftPhone | None:
        phone = SoftPhone(app.auth.begin_enrollment(WHO, label=LABEL, binding=binding).uri, clock=app.clock)
        return phone if app.auth.confirm_enrollment(WHO, phone.code(), binding=binding) else None

    phones = at_once([partial(login, app, f"login-{n}") for n, app in enumerate(apps)])
    app.clock.advance(30)
    enrolled = [phone for phone in phones if phone is not None]
    working = [phone for phone in enrolled if app.auth.verify(WHO, phone.code())]
    assert len(working) == 1
    told = [event for app in apps for event in app.told()]
    assert sum(isinstance(event, events.EnrollmentConfirmed) for event in told) == len(enrolled)


# Enrollment


@pytest.mark.proves("T19")
@both
def test_begin_over_an_active_one(colour: str) -> None:
    """T19: however often somebody begins an enrollment, the phone in use goes on working."""
    app = App(colour)
    phone = app.enroll()
    for n in range(5):
        app.auth.begin_enrollment(WHO, label="attacker", binding=f"login-{n}")
        app.clock.advance(30)
        assert app.auth.verify(WHO, phone.code())
    assert app.auth.provisioning(WHO).label == LABEL


@pytest.mark.proves("T20")
@both
def test_confirmation_code_as_login_code(colour: str) -> None:
    """T20: the code that confirmed does not work as the first login code, nor an earlier one."""
    app = App(colour)
    phone = SoftPhone(app.auth.begin_enrollment(WHO, label=LABEL).uri, clock=app.clock)
    code, earlier = phone.code(), phone.code(-1)
    assert app.auth.confirm_enrollment(WHO, code)
    assert [app.auth.verify(WHO, typed) for typed in (code, earlier)] == [REPLAYED] * 2


@pytest.mark.proves("T21")
@both
def test_off_and_on_again(colour: str) -> None:
    """T21: switched off and on again, an account has a new secret, for the same binding too."""
    app = App(colour)
    seen = set()
    for _ in range(3):
        shown = app.auth.begin_enrollment(WHO, label=LABEL, binding="b")
        seen.add(shown.secret)
        assert app.auth.confirm_enrollment(WHO, SoftPhone(shown.uri, clock=app.clock).code(), binding="b")
        app.auth.revoke(WHO)
    assert len(seen) == 3


@pytest.mark.proves("T37")
@both
def test_secret_shown_to_another_login(colour: str) -> None:
    """T37: a secret that an attacker's login was shown is never the one that the owner's login confirms."""
    app = App(colour)
    theirs = SoftPhone(app.auth.begin_enrollment(WHO, label=LABEL, binding="attacker").uri, clock=app.clock)
    mine = SoftPhone(app.auth.begin_enrollment(WHO, label=LABEL, binding="owner").uri, clock=app.clock)
    assert app.auth.confirm_enrollment(WHO, theirs.code(), binding="attacker") == EXPIRED
    assert app.auth.confirm_enrollment(WHO, mine.code(), binding="owner")
    app.clock.advance(30)
    assert app.auth.verify(WHO, theirs.code()) == MISMATCH
    assert app.auth.verify(WHO, mine.code())


@pytest.mark.proves("T38")
@both
def test_locked_is_enrolled(colour: str) -> None:
    """T38: throttled, disabled, or sealed by a lost key, an account is enrolled all the same."""
    app = App(colour, vault=Vault({"k": bytes(32)}))
    app.enroll()
    for failures in (5, 100):
        app.rewrite(failures=failures, retry_at=app.clock() + 60)
        assert app.auth.status(WHO).enrolled
    lost = app.other(vault=Vault({"other": bytes(32)}))
    assert lost.auth.status(WHO).enrolled
    with pytest.raises(VaultError):
        lost.auth.provisioning(WHO)
    lost.auth.begin_enrollment(WHO, label=LABEL)
    assert lost.auth.status(WHO).enrolled


@pytest.mark.proves("T47")
@both
def test_revoked(colour: str) -> None:
    """T47: after revoke no old code, recovery code or pending secret works, and the failures survive."""
    app = App(colour)
    phone = app.enroll()
    recovery = app.auth.issue_recovery_codes(WHO)
    pending = SoftPhone(app.auth.begin_enrollment(WHO, label=LABEL).uri, clock=app.clock)
    app.fail(4)
    app.auth.revoke(WHO)
    again = SoftPhone(app.auth.begin_enrollment(WHO, label=LABEL, binding="new").uri, clock=app.clock)
    assert app.auth.confirm_enrollment(WHO, pending.code()) == EXPIRED
    assert app.auth.confirm_enrollment(WHO, pending.code(), binding="new") == MISMATCH
    assert app.auth.status(WHO).retry_after == 30.0
    app.clock.advance(30)
    assert app.auth.confirm_enrollment(WHO, again.code(), binding="new")
    app.clock.advance(30)
    assert app.auth.verify(WHO, phone.code()) == MISMATCH
    assert app.auth.redeem_recovery_code(WHO, recovery[0]) == MISMATCH


@pytest.mark.proves("T36")
def test_secret_moved_to_another_account() -> None:
    """T36: whoever can write to the store cannot make an account accept another's phone, or a pending one."""
    app = App(vault=Vault({"k": bytes(32)}), store=MemoryStore())
    phone = app.enroll()
    app.enroll("victim")
    pending = SoftPhone(app.auth.begin_enrollment("victim", label=LABEL).uri, clock=app.clock)
    mine, theirs = app.record().device, app.record("victim").device
    waits = app.record("victim").pending
    assert mine is not None
    assert theirs is not None
    assert waits is not None
    for sealed, code in ((mine.secret.sealed, phone.code()), (waits.secret.sealed, pending.code())):
        swapped = replace(theirs, secret=replace(theirs.secret, sealed=sealed))
        app.rewrite("victim", device=swapped)
        with pytest.raises(VaultError):
            app.auth.verify("victim", code)
    plain = PLAINTEXT.seal(bytes(20), account_id="victim", purpose="credential")
    app.rewrite("victim", device=replace(theirs, secret=replace(theirs.secret, sealed=plain)))
    with pytest.raises(VaultError):
        app.auth.verify("victim", TOTP(Secret.from_bytes(bytes(20))).at(app.clock()))


@pytest.mark.proves("T46")
@both
def test_accounts_that_look_alike(colour: str) -> None:
    """T46: ids that differ by case, accent, normal form or a trailing space are different accounts."""
    app = App(colour)
    ids = ["alice", "Alice", "alice ", "al\u00efce", "ali\u0308ce", "\uff41lice", "al\u0131ce"]
    phones = {
        account_id: SoftPhone(app.auth.begin_enrollment(account_id, label=LABEL).uri, clock=app.clock)
        for account_id in ids
    }
    for account_id, phone in phones.items():
        assert app.auth.confirm_enrollment(account_id, phone.code())
    app.clock.advance(30)
    for account_id in ids:
        for other, phone in phones.items():
            if other != account_id:
                assert not app.auth.verify(account_id, phone.code())
                app.auth.unlock(account_id)
        assert app.auth.verify(account_id, phones[account_id].code())


@pytest.mark.proves("T31")
def test_wide_window_asked_for_by_name() -> None:
    """T31: a window wider than ten steps can only be had by name, works then, and the policy says so."""
    wide = Policy(window=Window(past=20, future=0, allow_wide=True))
    app = App(policy=wide)
    phone = app.enroll()
    app.clock.advance(30 * 30)
    assert app.auth.verify(WHO, phone.code(-21)) == MISMATCH
    assert app.auth.verify(WHO, phone.code(-20)) == Accepted(STEP + 11, drift=-20)
    assert "override: a window of 21 steps" in wide.describe()
