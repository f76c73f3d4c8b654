"""Attacks that worked on others, one test for each, named for it."""

import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.support import naive_otp
from tests.support.strategies import COLLISIONS, RFC_SECRET, collisions, narrow_windows, spellings
from totpkit import TOTP, Accepted, Algorithm, Reason, Rejected, Steam, Window

NOW = 1_700_000_000
MALFORMED = Rejected(Reason.MALFORMED)
REPLAYED = Rejected(Reason.REPLAYED)
codes_of_all_kinds = pytest.mark.parametrize(
    "codes",
    [TOTP(RFC_SECRET), TOTP(RFC_SECRET, 8, Algorithm.SHA512, 60), Steam(RFC_SECRET)],
    ids=["TOTP", "TOTP of other parameters", "Steam"],
)


@pytest.mark.proves("T01", "RFC6238-5.2-once")
@codes_of_all_kinds
@pytest.mark.parametrize("window", [Window.ASVS, Window.RFC, Window.DEFAULT, Window(4, 5)], ids=str)
def test_same_code_again(codes: TOTP | Steam, window: Window) -> None:
    """T01: the same code again is refused at every offset in the window, from and to every other."""
    now = codes.step(NOW)
    for arrived in range(-window.future, window.past + 1):
        accepted = codes.verify(codes.at(NOW), at=NOW + arrived * codes.period, window=window)
        assert accepted == Accepted(now, drift=-arrived)
        for again in range(-window.future, window.past + 1):
            moment = NOW + again * codes.period
            assert codes.verify(codes.at(NOW), at=moment, window=window, last_step=now) == REPLAYED


@pytest.mark.proves("T02")
@codes_of_all_kinds
def test_end_of_step(codes: TOTP | Steam) -> None:
    """T02: a code accepted at the end of its step is refused in the steps that follow (CVE-2021-43177)."""
    start = NOW - NOW % codes.period
    code = codes.at(start)
    accepted = codes.verify(code, at=start + codes.period - 0.001)
    assert accepted == Accepted(codes.step(start))
    for later in (0, 0.001, 1, codes.period, 2 * codes.period, 5 * codes.period):
        moment = start + codes.period + later
        assert not codes.verify(code, at=moment, last_step=codes.step(start))


@pytest.mark.proves("T03")
@given(spellings(TOTP(RFC_SECRET).at(NOW)), spellings(TOTP(RFC_SECRET).at(NOW)))
def test_other_spelling(first: str, again: str) -> None:
    """T03: all accepted spellings of a code are one code (CVE-2025-6014, CVE-2025-55003)."""
    totp = TOTP(RFC_SECRET)
    answer = totp.verify(first, at=NOW)
    assert answer == Accepted(totp.step(NOW))
    assert totp.verify(again, at=NOW, last_step=totp.step(NOW)) == REPLAYED


LOOKALIKES = {
    "tab": "{0}\t",
    "newline": "{0}\n",
    "carriage return": "{0}\r\n",
    "vertical tab": "\v{0}",
    "form feed": "\f{0}",
    "nul": "{0}\0",
    "no-break space": "\u00a0{0}",
    "thin space": "{0}\u2009",
    "figure space": "{1}\u2007{2}",
    "narrow no-break space": "{1}\u202f{2}",
    "ideographic space": "{0}\u3000",
    "zero width space": "{1}\u200b{2}",
    "byte order mark": "\ufeff{0}",
    "soft hyphen": "{1}\u00ad{2}",
    "hyphen": "{1}\u2010{2}",
    "non-breaking hyphen": "{1}\u2011{2}",
    "en dash": "{1}\u2013{2}",
    "minus": "\u2212{0}",
    "plus": "+{0}",
    "underscore": "{1}_{2}",
    "point": "{0}.",
    "fraction": "{0}.0",
    "comma": "{1},{2}",
    "exponent": "{0}e0",
    "leading zero": "0{0}",
    "surrogate": "{0}\ud800",
    "combining": "{0}\u0301",
    "right to left mark": "\u200f{0}",
    "slash": "{1}/{2}",
    "quotes": "'{0}'",
    "twice": "{0}{0}",
    "half": "{1}",
}


@pytest.mark.proves("T03")
@pytest.mark.parametrize("form", LOOKALIKES.values(), ids=LOOKALIKES)
def test_lookalike(form: str) -> None:
    """T03: what only looks like a code is malformed (CVE-2025-6014, CVE-2025-6015)."""
    totp = TOTP(RFC_SECRET)
    code = totp.at(NOW)
    assert totp.verify(form.format(code, code[:3], code[3:]), at=NOW) == MALFORMED


@pytest.mark.proves("T03")
@pytest.mark.parametrize("zero", "٠۰߀०０𝟎𝟘೦๐", ids=ascii)  # noqa: RUF001 - they are meant to be
def test_digits_of_other_scripts(zero: str) -> None:
    """T03: a code in the digits of another script is malformed, in whole and in part."""
    totp = TOTP(RFC_SECRET)
    code = totp.at(NOW)
    foreign = "".join(chr(ord(zero) + int(digit)) for digit in code)
    assert int(foreign) == int(code)
    for place in range(6):
        assert totp.verify(code[:place] + foreign[place] + code[place + 1 :], at=NOW) == MALFORMED
    assert totp.verify(foreign, at=NOW) == MALFORMED


@pytest.mark.proves("T05")
@codes_of_all_kinds
@given(narrow_windows, st.integers(-9, 9))
def test_older_code(codes: TOTP | Steam, window: Window, offset: int) -> None:
    """T05: after a newer code, an older unused one is refused."""
    newer = codes.step(NOW)
    for older in range(newer - 2 * window.span, newer):
        moment = NOW + offset * codes.period
        code = codes.at(older * codes.period)
        assert not codes.verify(code, at=moment, window=window, last_step=newer)


@pytest.mark.proves("T06")
@pytest.mark.parametrize(
    ("earlier", "later", "code"), [(910737, 910738, "911617"), (153567, 153569, "468457")]
)
def test_two_steps_with_one_code(earlier: int, later: int, code: str) -> None:
    """T06: a code that two nearby steps share is accepted once in all, whichever of them comes first."""
    totp = TOTP(RFC_SECRET)
    assert [code, code] == [totp.at(30 * earlier), totp.at(30 * later)]
    for first in range(earlier - 1, later + 2):
        accepted = totp.verify(code, at=30 * first)
        assert isinstance(accepted, Accepted)
        assert accepted.step == (later if first >= later - 1 else earlier)
        for moment in range(30 * (earlier - 1), 30 * (later + 2)):
            assert totp.verify(code, at=moment, last_step=accepted.step) == REPLAYED


@pytest.mark.proves("T08")
@codes_of_all_kinds
def test_clock_set_back(codes: TOTP | Steam) -> None:
    """T08: with the clock an hour back all is refused without an exception, until time has passed."""
    last_step = codes.step(NOW)
    for seconds in range(-3600, 0, 30):
        moment = NOW + seconds
        for ahead in range(-2, 3):
            code = codes.at(moment + ahead * codes.period)
            if codes.step(moment + ahead * codes.period) <= last_step:
                assert not codes.verify(code, at=moment, last_step=last_step)
    after = NOW + codes.period
    assert codes.verify(codes.at(after), at=after, last_step=last_step) == Accepted(last_step + 1)


class Replay(RuleBasedStateMachine):
    """Somebody who has seen every code tries them at any time, with a clock that jumps both ways.

    The steps are those around two that share a code, so that both rules are in play.
    """

    @initialize(found=collisions, window=narrow_windows)
    def begin(self, found: tuple[int, int, str], window: Window) -> None:
        """Start at some step near two that share a code, with nothing spent."""
        self.totp = TOTP(RFC_SECRET)
        self.window = window
        self.now = 30 * found[0]
        self.spent: list[tuple[str, int]] = []

    @rule(seconds=st.integers(-600, 600) | st.integers(0, 45))
    def move_clock(self, seconds: int) -> None:
        """Let time pass, or set the clock."""
        self.now += seconds

    @rule(offset=st.integers(-12, 12), drift=st.just(0) | st.integers(-3, 3))
    def attempt(self, offset: int, drift: int) -> None:
        """Try the code of a step near now."""
        self.submit(self.totp.at(self.now + 30 * offset), drift)

    @rule(data=st.data())
    def replay(self, data: st.DataObject) -> None:
        """Try a code that was spent."""
        if self.spent:
            self.submit(data.draw(st.sampled_from(self.spent))[0], 0)

    @rule(found=st.sampled_from(COLLISIONS))
    def attempt_shared(self, found: tuple[int, int, str]) -> None:
        """Try a code that two steps share."""
        self.submit(found[2], 0)

    def submit(self, code: str, drift: int) -> None:
        """Verify a code as an app does that stores the last step, and check that it was not spent."""
        last_step = self.spent[-1][1] if self.spent else None
        answer = self.totp.verify(code, at=self.now, window=self.window, last_step=last_step, drift=drift)
        high = self.now // 30 + drift + self.window.future
        low = self.now // 30 + drift - self.window.past
        expected = naive_otp.judge(self.code_at, code, low, high, last_step)
        assert expected == (answer.step if isinstance(answer, Accepted) else answer.reason)
        if isinstance(answer, Accepted):
            reach = high - 2 * self.window.span
            assert all(step < reach for spent, step in self.spent if spent == code)
            self.spent.append((code, answer.step))

    @staticmethod
    def code_at(step: int) -> str:
        """Return a code by the second implementation."""
        return naive_otp.decimal(RFC_SECRET.to_bytes(), step)

    @invariant()
    def steps_increase(self) -> None:
        """Check that the accepted steps strictly increase."""
        steps = [step for _, step in getattr(self, "spent", [])]
        assert steps == sorted(set(steps))


@pytest.mark.proves("RFC6238-5.2-once", "T01", "T05", "T06", "T08")
def test_replay_machine() -> None:
    """In no order of times, codes and drifts, clock set back too, is a code accepted twice near itself."""
    run_state_machine_as_test(Replay, settings=settings(max_examples=60, stateful_step_count=40))
