"""Resynchronization with a clock that is far off, by two consecutive codes."""

import re

import pytest
from hypothesis import given, strategies as st

from tests._otp.test_time_based import form, independent
from tests.support import naive_otp
from tests.support.strategies import (
    LAST_COUNTER,
    RFC_SECRET,
    anything,
    misspellings,
    spellings,
    timed,
    times,
    totps,
)
from totpkit import TOTP, Accepted, InvalidParameterError, Reason, Rejected
from totpkit._otp.time_based import Timed

CODES = TOTP(RFC_SECRET)


@pytest.mark.proves("RFC4226-7.4")
@given(timed, times, st.integers(0, 20), st.none() | st.integers(-25, 25), st.integers(-25, 25), st.data())
def test_resync(
    codes: Timed, moment: float, look_around: int, since: int | None, offset: int, data: st.DataObject
) -> None:
    """The result is that of the second implementation, for any arguments."""
    moment += codes.t0
    now = codes.step(moment)
    end = min(max(now + offset, 1), LAST_COUNTER)
    texts = [
        data.draw(spellings(code) | misspellings(code))
        for code in (independent(codes, end - 1), independent(codes, end))
    ]
    first, second = (text.replace(" ", "").replace("-", "") for text in texts)
    last_step = None if since is None else max(now + since, 0)
    expected: int | str = "malformed"
    if all(re.fullmatch(form(codes), text) for text in (first, second)):
        pair = first.upper(), second.upper()
        low, high = now - look_around, now + look_around
        expected = naive_otp.judge_pair(lambda step: independent(codes, step), pair, low, high, last_step)
    result = codes.resync(*texts, at=moment, look_around=look_around, last_step=last_step)
    if isinstance(expected, int):
        assert Accepted(expected, expected - now) == result
    else:
        assert Rejected(Reason(expected)) == result


@pytest.mark.proves("RFC4226-7.4")
def test_far_off() -> None:
    """Two consecutive codes show how far a clock is off, unless they are swapped or spent."""
    before, after = CODES.at(1210), CODES.at(1240)
    assert CODES.resync(before, after, at=1000) == Accepted(41, drift=8)
    assert CODES.resync(after, before, at=1000) == Rejected(Reason.MISMATCH)
    assert CODES.resync(before, CODES.at(1270), at=1000) == Rejected(Reason.MISMATCH)
    assert CODES.resync(before, after, at=1000, look_around=7) == Rejected(Reason.MISMATCH)
    assert CODES.resync(before, after, at=1000, last_step=39) == Accepted(41, drift=8)
    assert CODES.resync(before, after, at=1000, last_step=40) == Rejected(Reason.REPLAYED)
    assert CODES.resync(before, "12345", at=1000) == Rejected(Reason.MALFORMED)
    assert CODES.resync("12345", after, at=1000) == Rejected(Reason.MALFORMED)


@pytest.mark.proves("RFC4226-7.4")
@pytest.mark.parametrize(
    ("name", "values", "bounds"),
    [
        ("look_around", [-1, 101, 1.0, None, True], "from 0 to 100"),
        ("last_step", [-1, 1.0, True], "of 0 or more"),
    ],
)
def test_bad_arguments(name: str, values: list[object], bounds: str) -> None:
    """The look-around is bounded, and the last step is not negative."""
    for value in values:
        with pytest.raises(InvalidParameterError, match=f"^{name} must be an int {bounds}, not "):
            CODES.resync("755224", "287082", at=0, **{name: value})  # type: ignore[arg-type]


@pytest.mark.proves("RFC4226-7.4", "T01")
@given(st.integers(1, 100))
def test_both_codes_are_spent(look_around: int) -> None:
    """After resynchronization, neither code is accepted by verification or resynchronization."""
    step = 1000
    first, second, third = (CODES.at(30 * (step + offset)) for offset in (-1, 0, 1))
    assert CODES.resync(first, second, at=30 * step) == Accepted(step)
    for code in (first, second):
        assert CODES.verify(code, at=30 * step, last_step=step) == Rejected(Reason.REPLAYED)
    for pair in ((first, second), (second, third)):
        again = CODES.resync(*pair, at=30 * step, look_around=look_around, last_step=step)
        assert again == Rejected(Reason.REPLAYED)


@pytest.mark.proves("T32")
@given(timed, anything, anything, times, st.integers(0, 100), st.none() | st.integers(0))
def test_no_text_raises(
    codes: Timed, one: str, other: str, moment: float, look_around: int, last_step: int | None
) -> None:
    """No text raises, including lone surrogates, at any time."""
    at = moment + codes.t0
    result = codes.resync(one, other, at=at, look_around=look_around, last_step=last_step)
    assert isinstance(result, Accepted | Rejected)


@given(totps, st.integers(0, 3), st.integers(0, 100))
def test_first_steps(totp: TOTP, step: int, look_around: int) -> None:
    """The first pair ends at step 1."""
    at = totp.t0 + step * totp.period
    pair = (totp.at(totp.t0), totp.at(totp.t0 + totp.period))
    assert bool(totp.resync(*pair, at=at, look_around=look_around)) == (abs(1 - step) <= look_around)
