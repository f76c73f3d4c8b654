"""A code kept current on the terminal."""

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings, strategies as st

from tests.support.strategies import RFC_SECRET
from tests.support.terminal import Clock, Played, play
from totpkit import TOTP, Algorithm

TEXT = RFC_SECRET.to_base32()
ENVIRON = {"TOTPKIT_SECRET": TEXT}


def watched(
    *argv: str, now: float, sleeps: int, screen: bool = True, columns: int = 80
) -> tuple[Played, Clock]:
    """Watch a code until so many sleeps are slept, and tell how long each was."""
    clock = Clock(now, sleeps)
    size = (columns, 24)
    played = play("code", "--watch", *argv, environ=ENVIRON, screen=screen, clock=clock, size=size)
    return played, clock


def test_screen() -> None:
    """On a terminal one line is redrawn every second: code, bar, seconds."""
    played, clock = watched(now=57.25, sleeps=3)
    assert played == Played(
        0,
        "\r287082  [###...........................]  3 s left\x1b[K"
        "\r287082  [##............................]  2 s left\x1b[K"
        "\r287082  [#.............................]  1 s left\x1b[K"
        "\r359152  [##############################]  30 s left\x1b[K"
        "\n",
        "",
    )
    assert clock.slept == [0.75, 1, 1]


def test_lines() -> None:
    """Elsewhere each new code gets one line."""
    played, _ = watched(now=28, sleeps=65, screen=False)
    assert played == Played(
        0, "755224  2 s left\n287082  30 s left\n359152  30 s left\n969429  30 s left\n", ""
    )


def test_dumb_terminal() -> None:
    """A terminal that calls itself dumb gets lines and no escape sequences."""
    environ = ENVIRON | {"TERM": "dumb"}
    played = play("code", "--watch", environ=environ, screen=True, clock=Clock(59, 1))
    assert played.out == "287082  1 s left\n359152  30 s left\n"


@pytest.mark.parametrize(("columns", "bar"), [(60, 30), (59, 29), (31, 1)])
def test_bar_width(columns: int, bar: int) -> None:
    """The bar shrinks on a narrow terminal."""
    played, _ = watched(now=60, sleeps=0, columns=columns)
    assert played.out == f"\r359152  [{'#' * bar}]  30 s left\x1b[K\n"


@pytest.mark.parametrize("columns", [30, 10, 0])
def test_no_bar(columns: int) -> None:
    """Where no bar fits, there is none."""
    played, _ = watched(now=60, sleeps=0, columns=columns)
    assert played.out == "\r359152  30 s left\x1b[K\n"


@settings(max_examples=50)
@given(
    st.floats(0, 2**33),
    st.integers(6, 8),
    st.sampled_from(Algorithm),
    st.integers(1, 3600),
    st.integers(30, 200),
)
def test_screen_any(now: float, digits: int, algorithm: Algorithm, period: int, columns: int) -> None:
    """Whatever the codes, each frame shows the code of its moment and fits into one line."""
    totp = TOTP(RFC_SECRET, digits, algorithm, period)
    options = ("--digits", str(digits), "--algorithm", algorithm, "--period", str(period))
    played, clock = watched(*options, now=now, sleeps=3, columns=columns)
    frames = played.out.rstrip("\n").split("\r")[1:]
    moments = [now + sum(clock.slept[:count]) for count in range(4)]
    assert len(frames) == len(moments)
    for frame, moment in zip(frames, moments, strict=True):
        assert len(frame) - len("\x1b[K") <= columns
        # Adding up the sleeps in another order may round to the neighbouring step.
        assert frame[:digits] in {totp.at(time) for time in (moment, max(moment - 1e-3, 0), moment + 1e-3)}


@given(st.integers(1, 3600))
def test_bar_empties(period: int) -> None:
    """The bar is full when a step begins and never grows within it."""
    played, _ = watched("--period", str(period), now=7 * period, sleeps=min(period, 60) - 1)
    bars = [bar.count("#") for bar in re.findall(r"\[([#.]{30})\]", played.out)]
    assert len(bars) == min(period, 60)
    assert bars[0] == 30
    assert all(later <= earlier for earlier, later in pairwise(bars))


def test_clock_set_back() -> None:
    """A clock set back shows the code of the time that it now tells."""

    class SetBack(Clock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            self.now -= 60

    clock = SetBack(119, 1)
    assert (
        play("code", "--watch", environ=ENVIRON, clock=clock).out == "969429  1 s left\n359152  30 s left\n"
    )
