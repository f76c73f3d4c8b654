"""Canary secrets and codes are passed through every error of every command, and never shown."""

import re

import pytest
from hypothesis import example, given, settings, strategies as st

from tests.support.strategies import RFC_SECRET, anything
from tests.support.terminal import Clock, Played, play

pytestmark = pytest.mark.usefixtures("quick_codes")

TEXT = RFC_SECRET.to_base32()
COMMANDS = ("secret", "key", "uri", "qr", "code", "verify", "inspect", "demo")
CANARY = "CANARYCANARYCANARYCANARYCANARY77"
CODE = "493817"
MISPLACED: tuple[list[str], ...] = (
    [],
    [CANARY],
    ["--digits", CANARY],
    ["--digits", CODE],
    ["--algorithm", CANARY],
    ["--period", CANARY],
    ["--at", CANARY],
    ["--counter", CANARY],
    ["--last-step", CANARY],
    ["--bytes", CANARY],
    ["--bytes", CODE],
    [f"--{CANARY}"],
    [f"-{CANARY}"],
    [f"--watch={CANARY}"],
    [f"--hotp={CANARY}"],
    [f"--auto={CANARY}"],
    [f"--help={CANARY}"],
    ["--svg", f"/{CANARY}/{CANARY}"],
    ["--png", f"/{CANARY}/{CANARY}"],
    ["--account", f"{CANARY}:"],
    ["--issuer", f"{CANARY}:"],
    ["--account", CANARY * 200],
    [f"otpauth://totp/a?secret={CANARY}&digits={CODE}"],
    ["--", CANARY, CODE],
    ["--svg"],
    ["--steam", "--hotp"],
)
INPUTS = (
    "",
    CANARY,
    f"{CANARY}8",
    f"{CANARY}\n{CODE}",
    f"{CANARY}A\n{CODE}",
    CANARY * 200,
    f"otpauth://{CANARY}/a",
    f"{CANARY}://totp/a",
    f"otpauth://totp/a?secret={CANARY}1",
    f"otpauth://totp/a?secret={CANARY}&secret={CANARY}",
    f"otpauth://totp/a?secret={CANARY}&digits={CANARY}",
    f"otpauth://totp/a?secret={CANARY}&algorithm={CANARY}",
    f"otpauth://totp/a?secret={CANARY}&period={CODE}",
    f"otpauth://hotp/a?secret={CANARY}",
    f"otpauth://hotp/a?secret={CANARY}&counter=1",
    f"otpauth-migration://offline?data={CANARY}",
    f"otpauth-migration://offline?data={CANARY}!",
    f"otpauth-migration://{CANARY}",
)


@pytest.mark.proves("T22")
@pytest.mark.parametrize("misplaced", MISPLACED, ids=lambda argv: " ".join(argv)[:30])
@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_canary(command: str, misplaced: list[str]) -> None:
    """No error shows a secret or a code that is wrong or in the wrong place."""
    for stdin in INPUTS:
        _assert_no_canary(play(*command.split(), *misplaced, stdin=stdin), command)
    for text in (TEXT, f"{CANARY}1", ""):
        played = play(*command.split(), *misplaced, stdin=CODE, environ={"TOTPKIT_SECRET": text})
        _assert_no_canary(played, command)


_words = st.sampled_from(
    [*COMMANDS, *(word for argv in MISPLACED for word in argv), "--auto", "--watch", "1", "59"]
)


@pytest.mark.proves("T22", "T32")
@settings(max_examples=300)
@example(argv=["demo"], stdin=f"1\n2\n{CANARY * 200}", typing=True)
@given(argv=st.lists(_words, max_size=6), stdin=st.sampled_from(INPUTS) | anything, typing=st.booleans())
def test_canary_any(argv: list[str], stdin: str, *, typing: bool) -> None:
    """For any arguments and input, an error is one line without a secret."""
    clock = Clock(sleeps=1000)  # after several wrong codes the demo waits
    played = play(*argv, stdin=stdin, typing=typing, clock=clock, ask_hidden=lambda _: f"{CANARY}!")
    _assert_no_canary(played, next((word for word in argv if word in COMMANDS), ""))


def _assert_no_canary(played: Played, command: str) -> None:
    assert played.status in {0, 1, 2}
    if played.status == 2:
        assert re.fullmatch(r"((   Code from the app|Code): )*\n?totpkit: [^\n]+\n", played.err)
        assert played.out == "" or command == "demo"
    if played.status != 0 or command not in {"uri", "qr"}:
        assert "CANARY" not in played.out + played.err
        assert CODE not in played.err


@pytest.mark.proves("T22")
@pytest.mark.parametrize("command", ["code", "verify", "inspect"])
def test_canary_not_shown(command: str) -> None:
    """A command that need not show the secret does not show it on success either."""
    played = play(command, stdin=f"{CANARY}\n{CODE}\n")
    assert played.status in {0, 1}
    assert CANARY not in played.out + played.err
