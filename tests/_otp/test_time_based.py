"""What all codes that change with time have in common."""

import datetime as dt
import inspect
import math
import time
from fractions import Fraction

import pytest
from hypothesis import example, given, settings, strategies as st

from tests.support import naive_otp
from tests.support.strategies import (
    LAST_COUNTER,
    RFC_SECRET,
    anything,
    drifts,
    misspellings,
    narrow_windows,
    spellings,
    timed,
    times,
    totps,
    windows,
)
from totpkit import TOTP, Accepted, InvalidParameterError, Reason, Rejected, Steam, Window
from totpkit._otp.time_based import Timed

LETTERS = naive_otp.STEAM + naive_otp.STEAM.lower()


@pytest.mark.proves("RFC6238-4.2")
@given(totps, times)
def test_step(totp: TOTP, moment: float) -> None:
    """A step is the floor of the time since t0 divided by the period, exactly, for floats too."""
    moment += totp.t0
    if Fraction(moment) - totp.t0 < 2**64:
        assert (Fraction(moment) - totp.t0) // totp.period == totp.step(moment)


@given(timed, times)
def test_at(codes: Timed, moment: float) -> None:
    """The code at a time is that of its step in the second implementation."""
    moment += codes.t0
    assert independent(codes, codes.step(moment)) == codes.at(moment)


@given(totps, st.integers(0, 2**34), st.integers(0, 7))
def test_remaining(totp: TOTP, seconds: int, eighths: int) -> None:
    """The next step begins exactly after the remaining seconds."""
    moment = totp.t0 + seconds + eighths / 8
    left = totp.remaining(moment)
    assert 0 < left <= totp.period
    assert type(left) is float
    assert totp.step(moment) + 1 == totp.step(moment + left)
    assert totp.step(moment) == totp.step(moment + left - 1 / 8)


@given(totps, st.floats(0, 2.0**63))
@example(TOTP(RFC_SECRET), math.nextafter(30, 0))
@example(TOTP(RFC_SECRET), math.ulp(0.0))
@example(TOTP(RFC_SECRET), -0.0)
def test_remaining_bounds(totp: TOTP, moment: float) -> None:
    """More than nothing and at most a whole step remains, also where floats are inexact."""
    assert 0 < totp.remaining(moment + totp.t0) <= totp.period


@pytest.mark.parametrize("moment", [-1, -0.5, math.nan, math.inf, True, None, "0", dt.datetime.now(dt.UTC)])
def test_bad_times(moment: object) -> None:
    """Anything but Unix seconds is rejected by every method that takes a time."""
    totp = TOTP(RFC_SECRET)
    for method in (totp.at, totp.step, totp.remaining):
        with pytest.raises(InvalidParameterError, match=r"^time must be Unix seconds"):
            method(moment)  # type: ignore[arg-type]
    if moment is not None:
        with pytest.raises(InvalidParameterError, match=r"^time must be Unix seconds"):
            totp.verify("123456", at=moment)  # type: ignore[arg-type]


@pytest.mark.proves("RFC6238-4.2")
def test_first_and_last_time() -> None:
    """Times from t0 to the last 64-bit counter work, also beyond 32 bits, and no others."""
    totp = TOTP(RFC_SECRET, period=1, t0=100)
    for counter in (0, 2**32, LAST_COUNTER):
        assert naive_otp.decimal(RFC_SECRET.to_bytes(), counter) == totp.at(100 + counter)
    limits = f"from 100 to {100 + LAST_COUNTER}"
    for moment in (99, 101 + LAST_COUNTER):
        with pytest.raises(
            InvalidParameterError, match=f"^time must be Unix seconds {limits}, not {moment}$"
        ):
            totp.at(moment)


def test_system_clock() -> None:
    """Without a time, the system clock decides."""
    for codes in (TOTP(RFC_SECRET, period=3600), Steam(RFC_SECRET)):
        before = codes.at(time.time())
        assert codes.now() in {before, codes.at(time.time())}
        assert codes.verify(codes.now())
        assert not codes.verify(codes.at(0), at=10**6)
        moment = time.time()
        assert codes.resync(codes.at(moment - codes.period), codes.at(moment))


@pytest.mark.proves("RFC6238-5.2-window")
@settings(max_examples=300)
@given(timed, times, windows, drifts, st.none() | st.integers(-50, 20), st.integers(-20, 20), st.data())
def test_verify(
    codes: Timed,
    moment: float,
    window: Window,
    drift: int,
    since: int | None,
    offset: int,
    data: st.DataObject,
) -> None:
    """The result is that of the second implementation, for any arguments."""
    moment += codes.t0
    now = codes.step(moment)
    step = min(max(now + offset, 0), LAST_COUNTER)
    code = independent(codes, step)
    text = data.draw(spellings(code) | misspellings(code) | anything)
    last_step = None if since is None else max(now + since, 0)
    low, high = now + drift - window.past, now + drift + window.future
    expected = naive_otp.verify(
        lambda step: independent(codes, step), form(codes), text, low=low, high=high, last_step=last_step
    )
    result = codes.verify(text, at=moment, window=window, last_step=last_step, drift=drift)
    if isinstance(expected, int):
        assert Accepted(expected, expected - now) == result
    else:
        assert Rejected(Reason(expected)) == result


@pytest.mark.proves("T32")
@given(timed, anything, times, narrow_windows, drifts, st.none() | st.integers(0))
def test_no_text_raises(
    codes: Timed, text: str, moment: float, window: Window, drift: int, last_step: int | None
) -> None:
    """No text raises, including lone surrogates, with any state and at any time."""
    result = codes.verify(text, at=moment + codes.t0, window=window, last_step=last_step, drift=drift)
    assert isinstance(result, Accepted | Rejected)


@pytest.mark.proves("RFC6238-5.2-window", "ASVS-6.5.5")
@pytest.mark.parametrize(
    ("window", "accepted"), [(Window.ASVS, [0]), (Window.RFC, [-1, 0]), (Window.DEFAULT, [-1, 0, 1])]
)
def test_presets(window: Window, accepted: list[int]) -> None:
    """ASVS accepts only the current step, RFC one past step too, and the default one future step too."""
    totp = TOTP(RFC_SECRET)
    codes = {offset: totp.at(3000 + 30 * offset) for offset in range(-12, 13)}
    assert accepted == [offset for offset, code in codes.items() if totp.verify(code, at=3000, window=window)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"code": 123456}, "code must be a str, leading zeros and all, not int"),
        ({"code": b"123456"}, "code must be a str, leading zeros and all, not bytes"),
        ({"code": None}, "code must be a str, leading zeros and all, not NoneType"),
        ({"window": 1}, "window must be a Window, not int"),
        ({"window": (1, 1)}, "window must be a Window, not tuple"),
        ({"window": None}, "window must be a Window, not NoneType"),
        ({"last_step": -1}, "last_step must be an int of 0 or more, not -1"),
        ({"last_step": 1.0}, "last_step must be an int of 0 or more, not 1.0"),
        ({"last_step": "5"}, "last_step must be an int of 0 or more, not str"),
        ({"last_step": True}, "last_step must be an int of 0 or more, not bool"),
        ({"drift": None}, f"drift must be an int from -{2**64} to {2**64}, not NoneType"),
        ({"drift": 0.5}, f"drift must be an int from -{2**64} to {2**64}, not 0.5"),
        ({"drift": True}, f"drift must be an int from -{2**64} to {2**64}, not bool"),
    ],
)
def test_bad_arguments(arguments: dict[str, object], message: str) -> None:
    """The caller's mistakes raise, with a malformed code too, and the message says what is allowed."""
    for code in ("123456", "x"):
        with pytest.raises(InvalidParameterError) as caught:
            TOTP(RFC_SECRET).verify(**{"code": code, "at": 59} | arguments)  # type: ignore[arg-type]
        assert message == str(caught.value)


def test_far_state() -> None:
    """A last step or drift that only a broken clock or table can produce is rejected without raising."""
    totp = TOTP(RFC_SECRET)
    code = totp.at(59)
    assert totp.verify(code, at=59, last_step=2**70) == Rejected(Reason.REPLAYED)
    assert totp.verify(code, at=59, drift=2**64) == Rejected(Reason.MISMATCH)
    assert totp.verify(code, at=59, drift=-(2**64)) == Rejected(Reason.MISMATCH)
    assert totp.verify(code, at=59, drift=2**64, last_step=2**70) == Rejected(Reason.MISMATCH)


@pytest.mark.proves("T24")
@pytest.mark.parametrize("codes", [TOTP(RFC_SECRET), Steam(RFC_SECRET)])
def test_every_step_of_the_window(codes: Timed) -> None:
    """The same steps are computed, once each, for right, wrong and spent codes."""
    computed: list[int] = []
    number_at = codes._number_at

    def counting(step: int) -> int:
        computed.append(step)
        return number_at(step)

    object.__setattr__(codes, "_number_at", counting)
    wrong = independent(codes, 5000)
    for last_step, expected in ((None, [998, 999, 1000, 1001, 1002]), (999, [*range(992, 1003)])):
        for code in (*(independent(codes, step) for step in range(995, 1003)), wrong):
            computed.clear()
            codes.verify(code, at=30_000, window=Window(2, 2), last_step=last_step)
            assert expected == sorted(computed)


@pytest.mark.proves("RFC6238-3-R4")
def test_period_belongs_to_the_codes() -> None:
    """The time step is part of the TOTP, and no argument of ``verify`` can change it."""
    assert "period" not in inspect.signature(Timed.verify).parameters
    minute, half = TOTP(RFC_SECRET, period=60), TOTP(RFC_SECRET)
    assert minute.verify(minute.at(600), at=600) == Accepted(10)
    assert not half.verify(minute.at(600), at=600)


def independent(codes: Timed, step: int) -> str:
    """Return the code of a step in the second implementation."""
    raw = codes.secret.to_bytes()  # type: ignore[attr-defined]
    if isinstance(codes, TOTP):
        return naive_otp.decimal(raw, step, codes.digits, codes.algorithm)
    return naive_otp.steam(raw, step)


def form(codes: Timed) -> str:
    """Return the form of a code as a regular expression."""
    return f"[0-9]{{{codes.digits}}}" if isinstance(codes, TOTP) else f"[{LETTERS}]{{5}}"
