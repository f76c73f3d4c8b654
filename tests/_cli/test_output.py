"""What the command line prints: results, QR codes, and codes that count down."""

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings, strategies as st

from tests.support.strategies import RFC_SECRET
from tests.support.terminal import Clock, Played, play, scanned
from totpkit import TOTP, Accepted, Algorithm, Reason, Rejected
from totpkit._cli.output import printable, seconds_left, verdict

TEXT = RFC_SECRET.to_base32()
ENVIRON = {"TOTPKIT_SECRET": TEXT}
URI = f"otpauth://totp/Acme:alice%40example.com?secret={TEXT}&issuer=Acme"


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (Accepted(0), "accepted: step 0, drift 0"),
        (Accepted(37037036, drift=-1), "accepted: step 37037036, drift -1"),
        (Rejected(Reason.MALFORMED), "rejected: malformed (not in the form of a code)"),
        (Rejected(Reason.MISMATCH), "rejected: mismatch (not the expected code)"),
        (Rejected(Reason.REPLAYED), "rejected: replayed (this code was already used)"),
        (Rejected(Reason.DISABLED), "rejected: disabled"),
    ],
)
def test_verdict(result: Accepted | Rejected, text: str) -> None:
    """A result contains the step to store, even step 0, or the reason with an explanation."""
    assert verdict(result) == text


@pytest.mark.parametrize(
    ("time", "text"), [(0, "30 s left"), (0.5, "30 s left"), (29, "1 s left"), (29.9, "1 s left")]
)
def test_seconds_left(time: float, text: str) -> None:
    """Seconds are rounded up, so a valid code never has 0 seconds left."""
    assert seconds_left(TOTP(RFC_SECRET), time) == text


@given(st.text())
def test_printable(text: str) -> None:
    """Whatever a stranger wrote, only visible characters are printed."""
    assert printable(text).isprintable()


@given(st.text(st.characters(exclude_categories=["C", "Z"])))
def test_printable_unchanged(text: str) -> None:
    """Visible characters are printed unchanged, and others are escaped."""
    assert printable(f"{text}\u202e") == f"{text}\\u202e"


# QR codes.


@pytest.mark.parametrize("screen", [True, False])
def test_scanned(*, screen: bool) -> None:
    """A phone reads the key URI from the QR code, and an ordinary one fits 80 by 24."""
    played = play("qr", stdin=URI, screen=screen)
    assert (played.status, played.err) == (0, "")
    assert scanned(played.out) == URI
    assert ("\x1b" in played.out) == screen


@pytest.mark.parametrize(
    ("size", "screen", "is_too_small"),
    [
        ((45, 24), True, False),  # with one line for the shell's prompt
        ((44, 24), True, True),
        ((45, 23), True, True),
        ((10, 5), True, True),
        ((10, 5), False, False),
    ],
)
def test_too_small(size: tuple[int, int], *, screen: bool, is_too_small: bool) -> None:
    """If the terminal is too small for the QR code, one line says so and what to do."""
    played = play("qr", stdin=URI, screen=screen, size=size)
    message = (
        f"totpkit: the QR code needs 45 columns and 24 lines, but this terminal has {size[0]} and {size[1]}: "
        "enlarge the window, use a smaller font, or write a file with --svg FILE\n"
    )
    assert (played.status, played.err) == (0, message if is_too_small else "")
    assert scanned(played.out) == URI


# Codes that count down.


def watched(
    *argv: str, now: float, sleeps: int, screen: bool = True, columns: int = 80
) -> tuple[Played, Clock]:
    """Watch a code for this many sleeps, and return the clock with the length of each."""
    clock = Clock(now, sleeps)
    size = (columns, 24)
    played = play("code", "--watch", *argv, environ=ENVIRON, screen=screen, clock=clock, size=size)
    return played, clock


def test_screen() -> None:
    """On a terminal, one line with the code, a bar and the seconds is redrawn every second."""
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
    """Elsewhere, each new code is a line."""
    played, _ = watched(now=28, sleeps=65, screen=False)
    assert played == Played(
        0, "755224  2 s left\n287082  30 s left\n359152  30 s left\n969429  30 s left\n", ""
    )


def test_dumb_terminal() -> None:
    """A dumb terminal gets lines without escape sequences."""
    played = play("code", "--watch", environ=ENVIRON | {"TERM": "dumb"}, screen=True, clock=Clock(59, 1))
    assert played.out == "287082  1 s left\n359152  30 s left\n"


@pytest.mark.parametrize(("columns", "bar"), [(60, 30), (59, 29), (31, 1), (30, 0), (10, 0), (0, 0)])
def test_bar_width(columns: int, bar: int) -> None:
    """On a narrow terminal the bar is shorter, or missing."""
    played, _ = watched(now=60, sleeps=0, columns=columns)
    shown = f"[{'#' * bar}]  " if bar else ""
    assert played.out == f"\r359152  {shown}30 s left\x1b[K\n"


@settings(max_examples=50)
@given(
    st.floats(0, 2**33),
    st.integers(6, 8),
    st.sampled_from(Algorithm),
    st.integers(1, 3600),
    st.integers(30, 200),
)
def test_screen_any(now: float, digits: int, algorithm: Algorithm, period: int, columns: int) -> None:
    """For any parameters, each frame shows the code of its moment and fits into one line."""
    totp = TOTP(RFC_SECRET, digits=digits, algorithm=algorithm, period=period)
    options = ("--digits", str(digits), "--algorithm", algorithm, "--period", str(period))
    played, clock = watched(*options, now=now, sleeps=3, columns=columns)
    frames = played.out.rstrip("\n").split("\r")[1:]
    moments = [now + sum(clock.slept[:count]) for count in range(4)]
    assert len(frames) == len(moments)
    for frame, moment in zip(frames, moments, strict=True):
        assert len(frame) - len("\x1b[K") <= columns
        # The sum of the sleeps may round to the neighboring step.
        assert frame[:digits] in {totp.at(time) for time in (moment, max(moment - 1e-3, 0), moment + 1e-3)}


@given(st.integers(1, 3600))
def test_bar_empties(period: int) -> None:
    """The bar is full at the beginning of a step and never grows during it."""
    played, _ = watched("--period", str(period), now=7 * period, sleeps=min(period, 60) - 1)
    bars = [bar.count("#") for bar in re.findall(r"\[([#.]{30})\]", played.out)]
    assert len(bars) == min(period, 60)
    assert bars[0] == 30
    assert all(later <= earlier for earlier, later in pairwise(bars))


def test_clock_set_back() -> None:
    """When the clock is set back, the code of the new time is shown."""

    class SetBack(Clock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            self.now -= 60

    played = play("code", "--watch", environ=ENVIRON, clock=SetBack(119, 1))
    assert played.out == "969429  1 s left\n359152  30 s left\n"
