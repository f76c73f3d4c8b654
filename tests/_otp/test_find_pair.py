"""Two consecutive codes among many: which pair is found, and that both are spent."""

import hmac

import pytest
from hypothesis import given, settings, strategies as st

from tests.support.strategies import LAST_COUNTER, RFC_SECRET, anything, crowded_codes, timed, times, totps
from totpkit import TOTP, Accepted, Reason, Rejected
from totpkit._otp.time_based import Timed
from totpkit._otp.truncation import NumberAt
from totpkit._otp.window import find_pair

STEP, CODES = 1000, TOTP(RFC_SECRET)


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
def test_compares_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Right or wrong, first or last: each step is computed once, each pair compared in constant time."""
    computed: list[int] = []
    compared: list[object] = []

    def number_at(step: int) -> int:
        computed.append(step)
        return step

    def counting(one: bytes, other: bytes) -> bool:
        compared.append(one)
        return hmac.compare_digest(one, other)

    monkeypatch.setattr("totpkit._otp.window.compare_digest", counting)
    for pair in ((4, 5), (9, 10), (7, 8), (0, 0)):
        computed.clear()
        compared.clear()
        find_pair(number_at, *pair, 5, 10)
        assert computed == [4, 5, 6, 7, 8, 9, 10]
        assert len(compared) == 6


@pytest.mark.proves("RFC4226-7.4", "T01")
@given(st.integers(0, 100))
def test_both_are_spent(look_around: int) -> None:
    """After a resynchronisation neither of its codes passes, by verification or by another."""
    first, last, after = (CODES.at(30 * (STEP + offset)) for offset in (-1, 0, 1))
    assert CODES.resync(first, last, at=30 * STEP) == Accepted(STEP)
    for code in (first, last):
        assert CODES.verify(code, at=30 * STEP, last_step=STEP) == Rejected(Reason.REPLAYED)
    for pair in ((first, last), (last, after)):
        again = CODES.resync(*pair, at=30 * STEP, look_around=max(look_around, 1), last_step=STEP)
        assert again == Rejected(Reason.REPLAYED)


@pytest.mark.proves("T32")
@given(timed, anything, anything, times, st.integers(0, 100), st.none() | st.integers(0))
def test_no_text_raises(
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
    assert bool(totp.resync(*pair, at=at, look_around=look_around)) == (abs(1 - step) <= look_around)
