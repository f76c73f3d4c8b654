"""Replays in any order, for an app that stores the last step itself; see also tests/test_attacks.py."""

import pytest
from hypothesis import given, strategies as st

from tests.support import naive_otp
from tests.support.strategies import RFC_SECRET, collisions, narrow_windows
from totpkit import TOTP, Accepted, Window

attempts = st.tuples(
    st.integers(-600, 600) | st.integers(0, 45),  # seconds by which the clock moves
    st.sampled_from(["near", "shared", "spent"]),
    st.integers(-12, 12),
    st.just(0) | st.integers(-3, 3),
)


@pytest.mark.proves("RFC6238-5.2-once", "T01", "T05", "T06", "T08")
@given(collisions, narrow_windows, st.lists(attempts, max_size=40))
def test_any_order(
    collision: tuple[int, int, str], window: Window, attempts: list[tuple[int, str, int, int]]
) -> None:
    """No code is accepted twice within its reach, in any order of times, codes and drifts."""
    totp, now = TOTP(RFC_SECRET), 30 * collision[0]
    spent: list[tuple[str, int]] = []
    for seconds, kind, offset, drift in attempts:
        now += seconds
        code = totp.at(now + 30 * offset) if kind == "near" else collision[2]
        if kind == "spent" and spent:
            code = spent[offset % len(spent)][0]
        last_step = spent[-1][1] if spent else None
        result = totp.verify(code, at=now, window=window, last_step=last_step, drift=drift)
        low, high = now // 30 + drift - window.past, now // 30 + drift + window.future
        expected = naive_otp.judge(code_at, code, low, high, last_step)
        assert expected == (result.step if isinstance(result, Accepted) else result.reason)
        if isinstance(result, Accepted):
            assert all(step < result.step for _, step in spent)
            assert all(step < high - 2 * window.span for old, step in spent if old == code)
            spent.append((code, result.step))


def code_at(step: int) -> str:
    """Return a code in the second implementation."""
    return naive_otp.decimal(RFC_SECRET.to_bytes(), step)
