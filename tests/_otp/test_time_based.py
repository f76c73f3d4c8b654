"""What every kind of code that changes with the clock can do."""

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
    steams,
    timed,
    times,
    totps,
    uri_totps,
    windows,
)
from totpkit import TOTP, Accepted, InvalidParameterError, Reason, Rejected, Steam, Window
from totpkit._otp.time_based import Timed

LETTERS = naive_otp.STEAM + naive_otp.STEAM.lower()


@pytest.mark.proves("RFC6238-4.2")
@given(totps, times)
def test_step(totp: TOTP, moment: float) -> None:
    """A step is the integer floor of the time since t0 over the period, exactly, for floats too."""
    moment += totp.t0
    if Fraction(moment) - totp.t0 < 2**64:
        assert (Fraction(moment) - totp.t0) // totp.period == totp.step(moment)


@pytest.mark.proves("RFC6238-4.2")
def test_far_times() -> None:
    """Times beyond 32 bits work, to the last counter of 64 bits and not beyond."""
    totp = TOTP(RFC_SECRET, period=1)
    assert naive_otp.decimal(RFC_SECRET.to_bytes(), 2**32) == totp.at(2**32)
    assert naive_otp.decimal(RFC_SECRET.to_bytes(), LAST_COUNTER) == totp.at(LAST_COUNTER)
    with pytest.raises(
        InvalidParameterError, match=r"^time must be Unix seconds from 0 to 18446744073709551615, not "
    ):
        totp.at(LAST_COUNTER + 1)


@given(timed, times)
def test_at(codes: Timed, moment: float) -> None:
    """The code at a time is the code of its step by an independent implementation."""
    moment += codes.t0
    assert independent(codes, codes.step(moment)) == codes.at(moment)


def test_now() -> None:
    """The code now is that of the system's clock."""
    for codes in (TOTP(RFC_SECRET, period=3600), Steam(RFC_SECRET)):
        before = codes.at(time.time())
        assert codes.now() in {before, codes.at(time.time())}


@given(totps, st.integers(0, 2**34), st.integers(0, 7))
def test_remaining(totp: TOTP, seconds: int, eighths: int) -> None:
    """After the remaining seconds the next step begins, and not before."""
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
    """Some of the step always remains, and never more than all of it, whatever floats do."""
    assert 0 < totp.remaining(moment + totp.t0) <= totp.period


@pytest.mark.parametrize("method", ["at", "step", "remaining"])
@pytest.mark.parametrize("moment", [-1, -0.5, math.nan, math.inf, True, None, "0", dt.datetime.now(dt.UTC)])
def test_bad_times(method: str, moment: object) -> None:
    """What is no time is refused wherever one is asked for."""
    with pytest.raises(InvalidParameterError, match=r"^time must be Unix seconds"):
        getattr(TOTP(RFC_SECRET), method)(moment)
    if moment is not None:
        with pytest.raises(InvalidParameterError, match=r"^time must be Unix seconds"):
            TOTP(RFC_SECRET).verify("123456", at=moment)  # type: ignore[arg-type]


def test_before_t0() -> None:
    """A time before the first step is refused with what would be right."""
    with pytest.raises(InvalidParameterError, match=r"^time must be Unix seconds from 100 to \d+, not 99$"):
        TOTP(RFC_SECRET, t0=100).at(99)


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
    """Whatever is asked, the answer is that of the rule written independently with sets."""
    moment += codes.t0
    now = codes.step(moment)
    step = min(max(now + offset, 0), LAST_COUNTER)
    code = independent(codes, step)
    typed = data.draw(spellings(code) | misspellings(code) | anything)
    last_step = None if since is None else max(now + since, 0)
    low, high = now + drift - window.past, now + drift + window.future
    expected = naive_otp.verify(
        lambda step: independent(codes, step), form(codes), typed, low=low, high=high, last_step=last_step
    )
    answer = codes.verify(typed, at=moment, window=window, last_step=last_step, drift=drift)
    if isinstance(expected, int):
        assert Accepted(expected, expected - now) == answer
    else:
        assert Rejected(Reason(expected)) == answer


@pytest.mark.proves("T32")
@given(timed, anything, times, narrow_windows, drifts, st.none() | st.integers(0))
def test_no_text_raises(
    codes: Timed, text: str, moment: float, window: Window, drift: int, last_step: int | None
) -> None:
    """No text raises, surrogates too, with any state and at any time."""
    answer = codes.verify(text, at=moment + codes.t0, window=window, last_step=last_step, drift=drift)
    assert isinstance(answer, Accepted | Rejected)


@pytest.mark.proves("T32")
@given(uri_totps | steams, anything)
def test_no_text_raises_now(codes: Timed, text: str) -> None:
    """No text raises by the system's clock."""
    assert isinstance(codes.verify(text), Accepted | Rejected)


def test_verify_now() -> None:
    """Without a time the system's clock decides."""
    for codes in (TOTP(RFC_SECRET), Steam(RFC_SECRET)):
        assert codes.verify(codes.now())
        assert not codes.verify(codes.at(0), at=10**6)


@pytest.mark.proves("RFC6238-5.2-window")
@given(timed, st.integers(10**4, 2**33), narrow_windows, drifts)
def test_window(codes: Timed, moment: int, window: Window, drift: int) -> None:
    """Exactly the codes of the window's steps, moved by the drift, are accepted."""
    moment += codes.t0 + 20 * codes.period
    now = codes.step(moment)
    accepted = {independent(codes, now + drift + offset) for offset in range(-window.past, window.future + 1)}
    for offset in range(-15, 16):
        code = independent(codes, now + offset)
        assert (code in accepted) == bool(codes.verify(code, at=moment, window=window, drift=drift))


@pytest.mark.proves("RFC6238-5.2-window")
def test_rfc_preset() -> None:
    """The RFC preset accepts one past step and no future one."""
    assert accepted_offsets(Window.RFC) == [-1, 0]
    assert accepted_offsets(Window.DEFAULT) == [-1, 0, 1]


@pytest.mark.proves("ASVS-6.5.5")
def test_asvs_preset() -> None:
    """The ASVS preset accepts the code of the current step alone."""
    assert accepted_offsets(Window.ASVS) == [0]


def test_drift() -> None:
    """An acceptance says how far the prover's clock is ahead; a drift passed in moves the window there."""
    totp = TOTP(RFC_SECRET)
    assert totp.verify(totp.at(1030), at=1000) == Accepted(34, drift=1)
    assert totp.verify(totp.at(970), at=1000) == Accepted(32, drift=-1)
    assert totp.verify(totp.at(1090), at=1000) == Rejected(Reason.MISMATCH)
    assert totp.verify(totp.at(1090), at=1000, drift=2) == Accepted(36, drift=3)
    assert totp.verify(totp.at(1000), at=1000, drift=2) == Rejected(Reason.MISMATCH)


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
    """The caller's mistakes raise, with what would be right, also beside a malformed code."""
    for code in ("123456", "x"):
        with pytest.raises(InvalidParameterError) as caught:
            TOTP(RFC_SECRET).verify(**{"code": code, "at": 59} | arguments)  # type: ignore[arg-type]
        assert message == str(caught.value)


def test_far_state() -> None:
    """State from far away, which only a broken clock or table can bring, is refused without raising."""
    totp = TOTP(RFC_SECRET)
    code = totp.at(59)
    assert totp.verify(code, at=59, last_step=2**70) == Rejected(Reason.REPLAYED)
    assert totp.verify(code, at=59, drift=2**64) == Rejected(Reason.MISMATCH)
    assert totp.verify(code, at=59, drift=-(2**64)) == Rejected(Reason.MISMATCH)
    assert totp.verify(code, at=59, drift=2**64, last_step=2**70) == Rejected(Reason.MISMATCH)


@pytest.mark.proves("T24")
@pytest.mark.parametrize("codes", [TOTP(RFC_SECRET), Steam(RFC_SECRET)])
def test_every_step_of_the_window(codes: Timed) -> None:
    """Right or wrong, first or last, spent or not: the same steps are computed, one code each."""
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
    """The time step is part of the codes, and nothing passed at verification can change it."""
    assert "period" not in inspect.signature(Timed.verify).parameters
    minute, half = TOTP(RFC_SECRET, period=60), TOTP(RFC_SECRET)
    assert minute.verify(minute.at(600), at=600) == Accepted(10)
    assert not half.verify(minute.at(600), at=600)


def accepted_offsets(window: Window) -> list[int]:
    """Return how far from the current step the codes that the window accepts are."""
    totp = TOTP(RFC_SECRET)
    return [
        offset
        for offset in range(-12, 13)
        if totp.verify(totp.at(3000 + 30 * offset), at=3000, window=window)
    ]


def independent(codes: Timed, step: int) -> str:
    """Return the code of a step by the second implementation."""
    raw = codes.secret.to_bytes()  # type: ignore[attr-defined]
    if isinstance(codes, TOTP):
        return naive_otp.decimal(raw, step, codes.digits, codes.algorithm)
    return naive_otp.steam(raw, step)


def form(codes: Timed) -> str:
    """Return the form of a code as a regular expression."""
    return f"[0-9]{{{codes.digits}}}" if isinstance(codes, TOTP) else f"[{LETTERS}]{{5}}"
