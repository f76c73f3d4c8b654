"""Two consecutive codes tell how far a clock is off."""

import hmac
import time

import pytest
from hypothesis import given, settings, strategies as st

from tests import second
from tests.strategies import LAST_COUNTER, RFC_SECRET, anything, crowded_codes, steams, timed, times, totps
from totpkit import TOTP, Accepted, InvalidParameterError, Reason, Rejected, Steam
from totpkit._codes import NumberAt
from totpkit._timed import Timed
from totpkit._window import find_pair

STEP, RAW = 1000, RFC_SECRET.to_bytes()
CODES = TOTP(RFC_SECRET)


def naive(number_at: NumberAt, first: int, last: int, low: int, high: int) -> int | None:
    """Return the highest end of such a pair, by making all pairs first."""
    ends = [end for end in range(low, high + 1) if end <= LAST_COUNTER]
    return max((end for end in ends if (number_at(end - 1), number_at(end)) == (first, last)), default=None)


@settings(max_examples=300)
@given(
    crowded_codes,
    st.integers(0, 3),
    st.integers(0, 3),
    st.integers(1, 60) | st.integers(LAST_COUNTER - 20, LAST_COUNTER),
    st.integers(-1, 25),
)
def test_find_pair(number_at: NumberAt, first: int, last: int, low: int, width: int) -> None:
    """Among codes that collide all the time, the pair found is that of the rule written with all pairs."""
    expected = naive(number_at, first, last, low, low + width)
    assert find_pair(number_at, first, last, low, low + width) == expected


@pytest.mark.proves("T24")
def test_find_pair_compares_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Right or wrong, first or last: every step is computed once, and every pair compared in constant time."""
    computed: list[int] = []
    compared: list[object] = []

    def number_at(step: int) -> int:
        computed.append(step)
        return step

    def counting(one: bytes, other: bytes) -> bool:
        compared.append(one)
        return hmac.compare_digest(one, other)

    monkeypatch.setattr("totpkit._window.compare_digest", counting)
    for pair in ((4, 5), (9, 10), (7, 8), (0, 0)):
        computed.clear()
        compared.clear()
        find_pair(number_at, *pair, 5, 10)
        assert computed == [4, 5, 6, 7, 8, 9, 10]
        assert len(compared) == 6


@pytest.mark.proves("RFC4226-7.4")
@given(
    st.integers(-16, 16), st.integers(0, 12), st.none() | st.integers(-20, 16), st.sampled_from([1, 1, 1, 0, 2, -1])
)
def test_resync(offset: int, look_around: int, since: int | None, gap: int) -> None:
    """Consecutive codes within the look-around, both above the last step, are accepted at the later one's step."""
    end = STEP + offset
    first, last = second.decimal(RAW, end - gap), second.decimal(RAW, end)
    last_step = None if since is None else STEP + since
    answer = CODES.resync(first, last, at=30 * STEP, look_around=look_around, last_step=last_step)
    if gap != 1 or abs(offset) > look_around:
        assert answer == Rejected(Reason.MISMATCH)
    elif last_step is not None and end - 1 <= last_step:
        assert answer == Rejected(Reason.REPLAYED)
    else:
        assert answer == Accepted(end, drift=offset)


@pytest.mark.proves("T08", "RFC4226-7.4")
@given(st.integers(0, 100))
def test_both_are_spent(look_around: int) -> None:
    """After a resynchronisation neither of its codes passes, by verification or by another."""
    first, last = (second.decimal(RAW, STEP + offset) for offset in (-1, 0))
    answer = CODES.resync(first, last, at=30 * STEP)
    assert answer == Accepted(STEP)
    for code in (first, last):
        assert CODES.verify(code, at=30 * STEP, last_step=STEP) == Rejected(Reason.REPLAYED)
    again = CODES.resync(first, last, at=30 * STEP, look_around=look_around, last_step=STEP)
    assert again == Rejected(Reason.REPLAYED)
    overlapping = CODES.resync(last, second.decimal(RAW, STEP + 1), at=30 * STEP, last_step=STEP)
    assert overlapping == Rejected(Reason.REPLAYED)


@given(steams)
def test_steam(steam: Steam) -> None:
    """Codes of letters resynchronise too."""
    answer = steam.resync(steam.at(30 * STEP), steam.at(30 * STEP + 30), at=30 * STEP)
    assert isinstance(answer, Accepted)


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "12345\n", "\u0661" * 6])
def test_malformed(typed: str) -> None:
    """If either has not the form of a code, both are refused as malformed."""
    code = CODES.at(30 * STEP)
    for pair in ((typed, code), (code, typed), (typed, typed)):
        assert CODES.resync(*pair, at=30 * STEP) == Rejected(Reason.MALFORMED)


@pytest.mark.proves("T32")
@given(timed, anything, anything, times, st.integers(0, 100), st.none() | st.integers(0))
def test_no_text_raises(  # noqa: PLR0913, PLR0917 - all that it depends on
    codes: Timed, one: str, other: str, moment: float, look_around: int, last_step: int | None
) -> None:
    """No text raises, surrogates too, at any time."""
    at = moment + codes.t0
    answer = codes.resync(one, other, at=at, look_around=look_around, last_step=last_step)
    assert isinstance(answer, Accepted | Rejected)


@given(totps, st.integers(0, 3), st.integers(0, 100))
def test_first_steps(totp: TOTP, step: int, look_around: int) -> None:
    """At the beginning of time a pair still needs two steps."""
    at = totp.t0 + step * totp.period
    pair = (totp.at(totp.t0), totp.at(totp.t0 + totp.period))
    answer = totp.resync(*pair, at=at, look_around=look_around)
    assert bool(answer) == (abs(1 - step) <= look_around)


def test_now() -> None:
    """Without a time the system's clock decides."""
    codes = TOTP(RFC_SECRET, period=3600)
    now = time.time()
    assert codes.resync(codes.at(now - 3600), codes.at(now))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"code1": 123456}, "code must be a str, leading zeros and all, not int"),
        ({"code2": None}, "code must be a str, leading zeros and all, not NoneType"),
        ({"look_around": 101}, "look_around must be an int from 0 to 100, not 101"),
        ({"look_around": -1}, "look_around must be an int from 0 to 100, not -1"),
        ({"look_around": True}, "look_around must be an int from 0 to 100, not bool"),
        ({"last_step": -1}, "last_step must be an int of 0 or more, not -1"),
        ({"last_step": "5"}, "last_step must be an int of 0 or more, not str"),
        ({"at": True}, "time must be Unix seconds, an int or a finite float of 0 or more, not bool"),
    ],
)
@pytest.mark.proves("RFC4226-7.4")
def test_bad_arguments(arguments: dict[str, object], message: str) -> None:
    """The caller's mistakes raise, a look-around without bound too."""
    with pytest.raises(InvalidParameterError) as caught:
        CODES.resync(**{"code1": "123456", "code2": "123456", "at": 59} | arguments)  # type: ignore[arg-type]
    assert message == str(caught.value)
