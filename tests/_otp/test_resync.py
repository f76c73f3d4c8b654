"""Finding a clock that is far off again by two consecutive codes."""

import re
import time

import pytest
from hypothesis import given, strategies as st

from tests._otp.test_time_based import form, independent
from tests.support import naive_otp
from tests.support.strategies import LAST_COUNTER, RFC_SECRET, misspellings, spellings, timed, times
from totpkit import TOTP, Accepted, InvalidParameterError, Reason, Rejected
from totpkit._otp.time_based import Timed


@pytest.mark.proves("RFC4226-7.4")
@given(timed, times, st.integers(0, 20), st.none() | st.integers(-25, 25), st.integers(-25, 25), st.data())
def test_resync(
    codes: Timed, moment: float, look_around: int, since: int | None, offset: int, data: st.DataObject
) -> None:
    """Whatever is asked, two codes are answered as the rule written independently says."""
    moment += codes.t0
    now = codes.step(moment)
    end = min(max(now + offset, 1), LAST_COUNTER)
    pair = independent(codes, end - 1), independent(codes, end)
    typed = [data.draw(spellings(code) | misspellings(code)) for code in pair]
    compacted = [text.replace(" ", "").replace("-", "") for text in typed]
    last_step = None if since is None else max(now + since, 0)
    expected: int | str = "malformed"
    if all(re.fullmatch(form(codes), text) for text in compacted):
        first, other = (text.upper() for text in compacted)
        low, high = now - look_around, now + look_around
        expected = naive_otp.judge_pair(
            lambda step: independent(codes, step), (first, other), low, high, last_step
        )
    answer = codes.resync(*typed, at=moment, look_around=look_around, last_step=last_step)
    if isinstance(expected, int):
        assert Accepted(expected, expected - now) == answer
    else:
        assert Rejected(Reason(expected)) == answer


@pytest.mark.proves("RFC4226-7.4")
def test_resync_far_off() -> None:
    """Two consecutive codes tell how far a clock is off; in another order, or spent, they don't."""
    totp = TOTP(RFC_SECRET)
    before, after = totp.at(1210), totp.at(1240)
    assert totp.resync(before, after, at=1000) == Accepted(41, drift=8)
    assert totp.resync(after, before, at=1000) == Rejected(Reason.MISMATCH)
    assert totp.resync(before, totp.at(1270), at=1000) == Rejected(Reason.MISMATCH)
    assert totp.resync(before, after, at=1000, look_around=7) == Rejected(Reason.MISMATCH)
    assert totp.resync(before, after, at=1000, last_step=39) == Accepted(41, drift=8)
    assert totp.resync(before, after, at=1000, last_step=40) == Rejected(Reason.REPLAYED)
    assert totp.resync(before, "12345", at=1000) == Rejected(Reason.MALFORMED)
    assert totp.resync("12345", after, at=1000) == Rejected(Reason.MALFORMED)
    assert totp.resync("755224", "287082", at=0) == Accepted(1, drift=1)


def test_resync_now() -> None:
    """Without a time the system's clock decides."""
    totp = TOTP(RFC_SECRET, period=3600)
    moment = time.time()
    assert totp.resync(totp.at(moment - 3600), totp.at(moment))


@pytest.mark.proves("RFC4226-7.4")
@pytest.mark.parametrize("look_around", [-1, 101, 1.0, None, True])
def test_resync_bounded(look_around: object) -> None:
    """The look-around is bounded, and the message says where."""
    with pytest.raises(InvalidParameterError, match=r"^look_around must be an int from 0 to 100, not "):
        TOTP(RFC_SECRET).resync("755224", "287082", at=0, look_around=look_around)  # type: ignore[arg-type]


@pytest.mark.parametrize("last_step", [-1, 1.0, True])
def test_resync_last_step(last_step: object) -> None:
    """A last step is an int of 0 or more."""
    with pytest.raises(InvalidParameterError, match=r"^last_step must be an int of 0 or more, not "):
        TOTP(RFC_SECRET).resync("755224", "287082", at=0, last_step=last_step)  # type: ignore[arg-type]
