"""The grammar of the command line, and its help."""

import re

import pytest

from tests.support.strategies import LAST_COUNTER, RFC_SECRET
from tests.support.terminal import Played, play
from totpkit import TOTP

COMMANDS = ("secret", "key", "uri", "qr", "code", "verify", "inspect", "demo")
UNKNOWN = "an argument is unknown or one too many; it is not repeated, as it may be a secret"
NO_COMMAND = "no such command; there are secret, key, uri, qr, code, verify, inspect and demo"
TOO_LARGE = str(LAST_COUNTER + 1)


@pytest.mark.parametrize("argv", [[], *([command] for command in COMMANDS)])
def test_help(argv: list[str]) -> None:
    """Help goes to standard output and fits a terminal of 80 columns."""
    played = play(*argv, "--help")
    assert (played.status, played.err) == (0, "")
    assert played.out.startswith(" ".join(["usage: totpkit", *argv, "[-h]"]))
    assert all(len(line) <= 80 for line in played.out.splitlines())


@pytest.mark.parametrize("command", ["", "uri", "qr", "code", "verify", "inspect"])
def test_help_on_secrets(command: str) -> None:
    """Help says where secrets are read from, for every command that reads one."""
    assert "TOTPKIT_SECRET" in play(*command.split(), "--help").out


def test_help_on_arguments() -> None:
    """Help says that an argument can be seen, where a key URI may be one, and how else it is read."""
    told = " ".join(play("inspect", "--help").out.split())
    assert "Given as URI it stands in lists of processes, where others on the machine can see it" in told
    assert "else from a prompt that does not show it, else from the first line of standard input" in told


def test_help_on_counters() -> None:
    """Help tells which code is expected by the clock, and which by a counter."""
    told = " ".join(play("verify", "--help").out.split())
    assert "or a counter's code against the counter that comes next" in told


def test_commands() -> None:
    """Help lists every command."""
    assert re.findall(r"^    (\w+)  +\w", play("--help").out, re.MULTILINE) == list(COMMANDS)


def test_version() -> None:
    """The version is that of the installed package."""
    played = play("--version")
    assert (played.status, played.err) == (0, "")
    assert re.fullmatch(r"totpkit \d+\.\d+\.\d+\S*\n", played.out)


@pytest.mark.parametrize(
    ("argv", "problem"),
    [
        ("", "the following arguments are required: COMMAND"),
        ("frobnicate", NO_COMMAND),
        ("Code", NO_COMMAND),
        ("frobnicate --help", NO_COMMAND),
        ("code surplus", UNKNOWN),
        ("verify 123456 surplus", UNKNOWN),
        ("code --unknown", UNKNOWN),
        ("code --watch=yes", UNKNOWN),
        ("demo --aut", UNKNOWN),
        ("code --dig 6", UNKNOWN),
        ("--versio code", UNKNOWN),
        ("code --at", "argument --at: expected one argument"),
        ("code --at 1 --watch", "argument --watch: not allowed with argument --at"),
        ("code --hotp --steam", "argument --steam: not allowed with argument --hotp"),
        ("secret --bytes 15", "argument --bytes: must be a whole number from 16 to 1024"),
        ("secret --bytes 1025", "argument --bytes: must be a whole number from 16 to 1024"),
        ("code --digits 5", "argument --digits: must be a whole number from 6 to 8"),
        ("code --digits 9", "argument --digits: must be a whole number from 6 to 8"),
        ("code --period 0", "argument --period: must be a whole number from 1 to 3600"),
        ("code --period 3601", "argument --period: must be a whole number from 1 to 3600"),
        ("code --algorithm MD5", "argument --algorithm: must be SHA1, SHA256 or SHA512"),
        (f"code --at {TOO_LARGE}", f"argument --at: must be a whole number from 0 to {LAST_COUNTER}"),
        (
            f"code --counter {TOO_LARGE}",
            f"argument --counter: must be a whole number from 0 to {LAST_COUNTER}",
        ),
        (
            f"verify --last-step {TOO_LARGE}",
            f"argument --last-step: must be a whole number from 0 to {LAST_COUNTER}",
        ),
    ],
)
def test_refused(argv: str, problem: str) -> None:
    """What is wrong with an argument is told in one line, with where to read more."""
    played = play(*argv.split())
    assert (played.status, played.out) == (2, "")
    assert re.fullmatch(re.escape(f"totpkit: {problem} (see totpkit") + r"( \w+)? --help\)\n", played.err)


@pytest.mark.parametrize("number", ["-1", "+6", "6.0", " 6", "6_", "0x6", "", "٦", "six", "9" * 5000])
def test_numbers(number: str) -> None:
    """A number is made of ASCII digits alone, however many."""
    played = play("code", f"--digits={number}")
    assert played.err.startswith("totpkit: argument --digits: must be a whole number from 6 to 8 (see")


def test_bounds() -> None:
    """Bounds are included, and leading zeros make no other number."""
    for length in ("16", "1024", "00016"):
        assert play("secret", "--bytes", length).status == 0
    code = TOTP(RFC_SECRET, 8).at(LAST_COUNTER)
    played = play("code", "--digits", "08", "--at", str(LAST_COUNTER), stdin=RFC_SECRET.to_base32())
    assert played == Played(0, f"{code}  15 s left\n", "")
