"""Attacks that worked on other software, each tried on every class that checks codes."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import cycle, islice

import pytest
from hypothesis import given, settings, strategies as st

from tests.support.answers import DISABLED, MALFORMED, MISMATCH, REPLAYED, throttled
from tests.support.authenticators import POLICY, WHO, wrong
from tests.support.facades import ACCOUNTS, BY_HAND, BY_HAND_TOO, Account, Facade, crowds, facades
from tests.support.strategies import RFC_SECRET, spellings
from tests.support.workers import at_once
from tests.vectors import load
from totpkit import CodeAnswer, Reason, RecoveryAnswer, Rejected, Throttle, Window, events
from totpkit.testing import SettableClock, SoftPhone

EIGHT = replace(POLICY, digits=8)
"""Two phones show the same code of 6 digits too often for a test."""

NO_LIMIT = replace(EIGHT, throttle=Throttle(free=100, first_wait=0.0))
SHARED = [
    (RFC_SECRET.to_bytes(), 910737, 910738, "911617"),
    (RFC_SECRET.to_bytes(), 153567, 153569, "468457"),
    *[(bytes.fromhex(row["secret"]), *row["steps"], row["code"]) for row in load("crowded")["secrets"][:3]],
]


# Replay


@pytest.mark.proves("T01", "RFC6238-5.2-once")
@facades(BY_HAND, BY_HAND_TOO, ACCOUNTS)
@pytest.mark.parametrize("window", [Window.ASVS, Window.RFC, Window.DEFAULT, Window(2, 3)], ids=repr)
def test_same_code_again(facade: type[Facade], window: Window) -> None:
    """T01: an accepted code is rejected everywhere, at every offset from every offset of the window."""
    app = facade(policy=replace(NO_LIMIT, window=window, drift_bound=0))
    phone = app.enroll()
    for arrived in range(-window.future, window.past + 1):
        app.clock.advance(app.period * 20)
        now, code = app.clock(), phone.code(steps=-arrived)
        assert app.submit(code)
        for again in range(-window.future - arrived - 1, window.past - arrived + 2):
            app.clock.time = now + app.period * again
            if isinstance(app, Account):
                app.auth.unlock(WHO)
            assert not app.submit(code)
            assert not app.other().submit(code)
            assert not any(app.elsewhere(code))
        app.clock.time = now


@pytest.mark.proves("T02")
@facades(BY_HAND, BY_HAND_TOO, ACCOUNTS)
def test_end_of_step(facade: type[Facade]) -> None:
    """T02: a code accepted at the end of its step is rejected in the steps that follow (CVE-2021-43177)."""
    app = facade(policy=NO_LIMIT)
    phone = app.enroll()
    app.clock.time += app.period - app.clock.time % app.period + app.period - 0.001
    code = phone.code()
    assert app.submit(code)
    for later in (0.001, 0.001, 1, app.period - 1, app.period, app.period, 3 * app.period):
        app.clock.advance(later)
        assert not app.submit(code)


@pytest.mark.proves("T03")
@facades(BY_HAND, BY_HAND_TOO, ACCOUNTS)
@settings(max_examples=20)
@given(data=st.data())
def test_other_spelling(facade: type[Facade], data: st.DataObject) -> None:
    """T03: all accepted spellings of a code are one code and one attempt (CVE-2025-6014, CVE-2025-55003)."""
    app = facade(policy=EIGHT)
    code = app.enroll().code()
    assert app.submit(data.draw(spellings(code)))
    for failures in range(1, 5):
        assert app.submit(data.draw(spellings(code))) == REPLAYED
        assert not isinstance(app, Account) or app.failures == failures


LOOKALIKES = [
    *["{0}\t", "{0}\n", "{0}\r\n", "\v{0}", "\f{0}", "{0}\0", "{0}\u0301", "\u200f{0}"],
    *["\u00a0{0}", "{0}\u2009", "{1}\u2007{2}", "{1}\u202f{2}", "{0}\u3000", "{1}\u200b{2}", "\ufeff{0}"],
    *["{1}\u00ad{2}", "{1}\u2010{2}", "{1}\u2011{2}", "{1}\u2013{2}", "\u2212{0}", "+{0}", "{1}_{2}"],
    *["{0}.", "{0}.0", "{1},{2}", "{0}e0", "0{0}", "{1}/{2}", "'{0}'", "{0}{0}", "{1}"],
]


def lookalikes(code: str) -> Iterator[str]:
    """Yield texts that only look like the code, the last ones with digits of other scripts."""
    yield from (form.format(code, code[:3], code[3:]) for form in LOOKALIKES)
    for zero in "٠۰߀०０𝟎𝟘೦๐":  # noqa: RUF001 - on purpose
        foreign = code.translate({ord("0") + digit: ord(zero) + digit for digit in range(10)})
        texts = {code[:place] + foreign[place] + code[place + 1 :] for place in range(len(code))} | {foreign}
        yield from texts - {code}


@pytest.mark.proves("T03")
@facades(BY_HAND, BY_HAND_TOO, ACCOUNTS)
def test_lookalike(facade: type[Facade]) -> None:
    """T03: what only looks like a code is malformed, and counts as an attempt (CVE-2025-6015)."""
    app = facade(policy=NO_LIMIT)
    phone = app.enroll()
    for text in lookalikes(phone.code()):
        assert app.submit(text) == MALFORMED
        if isinstance(app, Account):
            assert app.failures == 1
            app.auth.unlock(WHO)
    assert app.submit(phone.code())


@pytest.mark.proves("T05")
@facades(BY_HAND, BY_HAND_TOO, ACCOUNTS)
def test_older_code(facade: type[Facade]) -> None:
    """T05: after a newer code, an older unused one is rejected."""
    app = facade(policy=replace(EIGHT, window=Window(3, 3)))
    phone = app.enroll()
    app.clock.advance(20 * app.period)
    older = [phone.code(steps=steps) for steps in (-3, -2, -1)]
    assert app.submit(phone.code())
    assert [app.submit(code) for code in older] == [REPLAYED] * 3


@pytest.mark.proves("T06")
@facades(BY_HAND, ACCOUNTS)
@pytest.mark.parametrize(("secret", "earlier", "later", "code"), SHARED, ids=lambda value: str(value)[-8:])
def test_two_steps_with_one_code(
    facade: type[Facade], secret: bytes, earlier: int, later: int, code: str
) -> None:
    """T06: a code that two nearby steps share is accepted once in all, whenever it is tried first."""
    for first in range(earlier - 1, later + 2):
        app = facade(policy=replace(NO_LIMIT, digits=6), clock=SettableClock(30.0 * earlier - 1800))
        app.enroll(secret)
        app.clock.time = 30.0 * first
        assert app.submit(code)
        for again in range(earlier - 2, later + 3):
            app.clock.time = 30.0 * again
            assert not app.submit(code)


@pytest.mark.proves("T08")
@facades(BY_HAND, BY_HAND_TOO, ACCOUNTS)
def test_clock_set_back(facade: type[Facade]) -> None:
    """T08: with the clock an hour back every code is rejected without an exception, until time has passed."""
    app = facade(policy=NO_LIMIT)
    phone = app.enroll()
    assert app.submit(phone.code())
    spent = app.clock()
    app.clock.advance(-3600)
    while app.clock() < spent:
        assert not app.submit(phone.code())
        app.clock.advance(300)
    assert app.submit(phone.code()) == REPLAYED
    app.clock.advance(app.period)
    assert app.submit(phone.code())


@pytest.mark.proves("T08")
@facades(ACCOUNTS)
def test_clock_set_back_during_a_wait(facade: type[Account]) -> None:
    """T08: setting the clock back neither ends a wait nor resets the failure count."""
    app = facade(policy=EIGHT)
    phone = app.enroll()
    app.app.fail(5)
    app.clock.advance(-3600)
    assert app.submit(phone.code()) == throttled(3630.0)
    assert app.failures == 5


# Guessing


@facades(ACCOUNTS)
def test_attempts(facade: type[Account]) -> None:
    """The answers that the tests below take for wrong or right are."""
    app = facade(policy=EIGHT)
    for way in app.attempts(app.enroll()):
        assert app.answer(way.handle, way.wrong) in (MISMATCH, MALFORMED)
        assert app.failures == 1
        assert app.answer(way.handle, way.right)


@pytest.mark.proves("T09", "T15", "T43", "ASVS-6.3.8", "NIST-3.2.2")
@facades(ACCOUNTS)
@pytest.mark.parametrize("cap", [100, 5], ids=["wait", "disabled"])
def test_right_answer_past_the_limit(facade: type[Account], cap: int) -> None:
    """T09: past the limit every right and wrong answer gets the same, changes nothing and extends nothing."""
    app = facade(policy=replace(EIGHT, throttle=Throttle(cap=cap)))
    phone = app.enroll()
    ways = app.attempts(phone)
    app.app.fail(5)
    stored = app.store.load(WHO)
    for left in (30.0, 20.0, 10.0):
        outcomes = [app.answer(way.handle, answer) for way in ways for answer in (way.right, way.wrong)]
        outcomes += [app.submit(code) for code in (phone.code(), wrong(phone), "x")]
        assert set(outcomes) == {DISABLED if cap == 5 else throttled(left)}
        app.clock.advance(10)
    assert app.store.load(WHO) == stored
    if cap == 5:
        app.auth.unlock(WHO)
    assert app.submit(phone.code())


@pytest.mark.proves("ASVS-6.3.8")
@facades(ACCOUNTS)
def test_wrong_and_replayed_look_alike(facade: type[Account]) -> None:
    """A visitor is told the same about wrong, malformed and replayed codes."""
    app = facade(policy=EIGHT)
    phone = app.enroll()
    assert app.submit(phone.code())
    outcomes = [app.submit(code) for code in (phone.code(), wrong(phone), "x")]
    assert outcomes == [REPLAYED, MISMATCH, MALFORMED]
    assert {outcome.reason.public for outcome in outcomes if isinstance(outcome, Rejected)} == {"wrong"}


@pytest.mark.proves("T10", "T28", "RFC4226-7.3")
@facades(ACCOUNTS)
def test_fresh_logins_share_one_counter(facade: type[Account]) -> None:
    """T10: many logins of one guess each, at other servers and by other factors, get the guesses of one."""
    app = facade(policy=EIGHT)
    phone = app.enroll()
    ways = app.attempts(phone)
    outcomes = []
    for way in islice(cycle(ways), 20):
        outcomes += [app.other().submit(wrong(phone)), app.other().answer(way.handle, way.wrong)]
    assert {MISMATCH} <= set(outcomes[:5]) <= {MISMATCH, MALFORMED}
    assert outcomes[5:] == [throttled(30.0)] * 35


@pytest.mark.proves("T13")
@facades(ACCOUNTS)
def test_only_success_forgives(facade: type[Account]) -> None:
    """T13: only a right code of this account resets its failure count: no password, page or other account."""
    app = facade(policy=EIGHT)
    phone = app.enroll()
    assert app.submit(phone.code())
    app.app.fail(4)
    for _ in app.harmless():
        assert app.failures == 4
    assert app.failures == 4


@pytest.mark.proves("NIST-3.2.2", "RFC4226-7.3")
@facades(ACCOUNTS)
def test_guessing_for_years(facade: type[Account]) -> None:
    """Whoever guesses as fast as the waits allow gets a hundred answers, and then none for a century."""
    app = facade(policy=EIGHT)
    phone = app.enroll()
    outcomes = []
    while not app.auth.status(WHO).disabled and len(outcomes) < 1000:
        outcomes.append(app.submit(wrong(phone)))
        app.clock.advance(app.auth.status(WHO).retry_after or 0)
    assert outcomes == [MISMATCH] * 100
    app.clock.advance(100 * 365 * 86_400)
    assert app.submit(phone.code()) == DISABLED


# Races


@pytest.mark.usefixtures("frequent_switches")
@pytest.mark.proves("T07", "T01", "RFC6238-5.2-once")
@crowds(BY_HAND, ACCOUNTS)
@pytest.mark.parametrize("crowd", [2, 16])
def test_one_code_in_many_threads(facade: type[Facade], crowd: int, *, gated: bool) -> None:
    """T07: if many threads submit one code at once, exactly one is accepted; the others replay it."""
    for _ in range(3):
        app = facade(policy=NO_LIMIT)
        answer = CodeAnswer(app.enroll().code())
        others = app.others(crowd, gated=gated)
        outcomes = at_once([partial(other.answer, app.arrive(), answer) for other in others])
        assert outcomes.count(True) == 1
        assert outcomes.count(REPLAYED) == crowd - 1


@pytest.mark.usefixtures("frequent_switches")
@pytest.mark.proves("T11", "T28", "RFC4226-7.3")
@crowds(ACCOUNTS)
@pytest.mark.parametrize(("free", "kinds"), [(1, 1), (5, 1), (5, 4)])
def test_parallel_guesses(facade: type[Account], free: int, kinds: int, *, gated: bool) -> None:
    """T11: of 24 guesses at once, of one kind or several, only those that are free are answered."""
    app = facade(policy=replace(EIGHT, throttle=Throttle(free=free)))
    phone = app.enroll()
    ways = app.attempts(phone)[:kinds]
    others = app.others(24, gated=gated)
    outcomes = at_once(
        [partial(other.answer, way.handle, way.wrong) for other, way in zip(others, cycle(ways))]
    )
    assert outcomes.count(MISMATCH) + outcomes.count(MALFORMED) == free
    assert outcomes.count(throttled(30.0)) == 24 - free
    assert app.failures == free


@pytest.mark.usefixtures("frequent_switches")
@pytest.mark.proves("T25", "NIST-3.1.2")
@crowds(ACCOUNTS)
def test_one_recovery_code_in_many_threads(facade: type[Account], *, gated: bool) -> None:
    """T25: of 30 parallel uses of one recovery code, one is accepted (CVE-2026-31875, CVE-2026-33624)."""
    app = facade(policy=NO_LIMIT)
    app.enroll()
    answer = RecoveryAnswer(app.auth.issue_recovery_codes(WHO)[0])
    others = app.others(30, gated=gated)
    outcomes = at_once([partial(other.answer, app.arrive(), answer) for other in others])
    assert (outcomes.count(True), outcomes.count(REPLAYED)) == (1, 29)
    assert app.auth.status(WHO).recovery_codes_left == 9


@pytest.mark.usefixtures("frequent_switches")
@pytest.mark.proves("T42", "T11")
@crowds(ACCOUNTS)
def test_parallel_guesses_at_recovery_codes(
    facade: type[Account], monkeypatch: pytest.MonkeyPatch, *, gated: bool
) -> None:
    """T42: 24 parallel guesses at recovery codes are hashed only as often as guesses are free."""
    app = facade(policy=EIGHT)
    app.enroll()
    app.auth.issue_recovery_codes(WHO)
    hashed: list[bytes] = []

    def scrypt(raw: bytes, **_: object) -> bytes:
        hashed.append(raw)
        return bytes(32)

    monkeypatch.setattr("totpkit._account.recovery_codes.hashlib.scrypt", scrypt)
    assert app.answer(app.arrive(), RecoveryAnswer("malformed")) == MALFORMED
    assert hashed == []
    others = app.others(24, gated=gated)
    outcomes = at_once([partial(other.answer, app.arrive(), RecoveryAnswer("0" * 16)) for other in others])
    assert len(hashed) == outcomes.count(MISMATCH) == 4
    assert outcomes.count(throttled(30.0)) == 20


@pytest.mark.usefixtures("frequent_switches")
@pytest.mark.proves("T19")
@crowds(ACCOUNTS)
def test_parallel_confirmations(facade: type[Account], *, gated: bool) -> None:
    """T19: of 16 parallel confirmations of one enrollment, one is accepted."""
    app = facade(policy=EIGHT)
    enrolling = app.begin("browser")
    assert enrolling is not None
    others = app.others(16, gated=gated)
    code = enrolling.phone.code()
    outcomes = at_once([partial(other.confirm, enrolling.handle, code) for other in others])
    assert outcomes.count(True) == 1
    late = {outcome.reason for outcome in outcomes if outcome is not True}
    assert late <= {Reason.EXPIRED, Reason.TICKET_INVALID}
    reported = [event for other in others for event in other.app.events]
    assert sum(isinstance(event, events.EnrollmentConfirmed) for event in reported) == 1


@pytest.mark.usefixtures("frequent_switches")
@pytest.mark.proves("T19", "T37", "FLOW-enroll-once")
@crowds(ACCOUNTS)
def test_parallel_enrollments(facade: type[Account], *, gated: bool) -> None:
    """T37: of 8 logins that enroll one account at once, the phone of exactly one works in the end."""
    app = facade(policy=NO_LIMIT)

    def enroll(other: Account, browser: str) -> SoftPhone | None:
        enrolling = other.begin(browser)
        if enrolling is None or not other.confirm(enrolling.handle, enrolling.phone.code()):
            return None
        return enrolling.phone

    others = app.others(8, gated=gated)
    phones = at_once([partial(enroll, other, f"browser {number}") for number, other in enumerate(others)])
    app.clock.advance(30)
    enrolled = [phone for phone in phones if phone is not None]
    assert sum(app.submit(phone.code()) is True for phone in enrolled) == 1
    reported = [event for other in others for event in other.app.events]
    assert sum(isinstance(event, events.EnrollmentConfirmed) for event in reported) == len(enrolled)


# Enrollment


def begin(app: Account, browser: str) -> tuple[SoftPhone, Callable[[str], object]]:
    """Begin an enrollment, and return its phone and what confirms it."""
    enrolling = app.begin(browser)
    assert enrolling is not None
    return enrolling.phone, partial(app.confirm, enrolling.handle)


@pytest.mark.proves("T20")
@facades(ACCOUNTS)
def test_confirmation_code_as_login_code(facade: type[Account]) -> None:
    """T20: the code that confirmed an enrollment, or an earlier one, works nowhere as a login code."""
    app = facade(policy=NO_LIMIT)
    phone, confirm = begin(app, "browser")
    code, earlier = phone.code(), phone.code(steps=-1)
    assert confirm(code)
    assert [app.submit(code), app.submit(earlier)] == [REPLAYED] * 2
    assert not any(app.elsewhere(code))


@pytest.mark.proves("T21")
@facades(ACCOUNTS)
def test_off_and_on_again(facade: type[Account]) -> None:
    """T21: switched off and on again, the same browser gets a new secret, and no old one works."""
    app = facade(policy=NO_LIMIT)
    phones: list[SoftPhone] = []
    for _ in range(4):
        phone, confirm = begin(app, "browser")
        assert [confirm(old.code()) for old in phones] == [MISMATCH] * len(phones)
        assert confirm(phone.code())
        app.clock.advance(30)
        assert [app.submit(old.code()) for old in phones] == [MISMATCH] * len(phones)
        app.switch_off()
        phones.append(phone)


@pytest.mark.proves("T37")
@facades(ACCOUNTS)
def test_secret_shown_to_another_login(facade: type[Account]) -> None:
    """T37: a secret that an attacker's login was shown is never the one that the owner's login confirms."""
    app = facade(policy=EIGHT)
    theirs, confirm_theirs = begin(app, "attacker")
    mine, confirm_mine = begin(app, "owner")
    assert confirm_theirs(theirs.code()) == confirm_theirs(mine.code()) == Rejected(Reason.EXPIRED)
    assert confirm_mine(theirs.code()) == MISMATCH
    assert confirm_mine(mine.code())
    app.clock.advance(30)
    assert app.submit(theirs.code()) == MISMATCH
    assert app.submit(mine.code())


@pytest.mark.proves("T47")
@facades(ACCOUNTS)
def test_revoked(facade: type[Account]) -> None:
    """T47: after revoke no old code, recovery code, emailed code or login works, and the failures stay."""
    app = facade(policy=EIGHT)
    old = app.enroll()
    attempts = app.attempts(old)
    app.app.fail(4)
    app.auth.revoke(WHO)
    assert not any(app.answer(way.handle, way.right) for way in attempts)
    assert app.failures == 4
    new, confirm = begin(app, "browser")
    assert confirm(old.code()) == MISMATCH
    assert confirm(new.code()) == throttled(30.0)
    app.clock.advance(30)
    assert confirm(new.code())
    app.clock.advance(30)
    assert app.submit(old.code()) == app.answer(app.arrive(), attempts[1].right) == MISMATCH
    assert not any(app.answer(way.handle, way.right) for way in attempts[2:])
    assert app.submit(new.code())
