"""The arguments of the command line, and its help."""

import re

import pytest

from tests.support.strategies import LAST_COUNTER, RFC_SECRET
from tests.support.terminal import Played, play
from totpkit import TOTP

COMMANDS = ("secret", "key", "uri", "qr", "code", "verify", "inspect", "demo")
UNKNOWN = "unknown or unexpected argument; it is not shown here because it may be a secret"
NO_COMMAND = "unknown command; the commands are secret, key, uri, qr, code, verify, inspect and demo"
TOO_LARGE = str(LAST_COUNTER + 1)
COUNTERS = f"must be a whole number from 0 to {LAST_COUNTER}"


@pytest.mark.parametrize("argv", [[], *([command] for command in COMMANDS)])
def test_help(argv: list[str]) -> None:
    """Help goes to standard output and fits into 80 columns."""
    played = play(*argv, "--help")
    assert (played.status, played.err) == (0, "")
    assert played.out.startswith(" ".join(["usage: totpkit", *argv, "[-h]"]))
    assert all(len(line) <= 80 for line in played.out.splitlines())


@pytest.mark.parametrize(
    ("command", "text"),
    [
        *((command, "from the environment variable TOTPKIT_SECRET") for command in ["", "uri", "qr", "code"]),
        *((command, "from a hidden prompt, or from the first line of") for command in ["verify", "inspect"]),
        ("inspect", "other users of the machine can see it in the process list"),
        ("verify", "A counter-based code must match the next counter"),
    ],
)
def test_help_says(command: str, text: str) -> None:
    """Help says where a secret is read from, who can see an argument, and which code is expected."""
    assert text in " ".join(play(*command.split(), "--help").out.split())


def test_commands() -> None:
    """Help lists every command."""
    assert re.findall(r"^    (\w+)  +\w", play("--help").out, re.MULTILINE) == list(COMMANDS)


def test_version() -> None:
    """``--version`` prints the version of the installed package."""
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
        (f"code --at {TOO_LARGE}", f"argument --at: {COUNTERS}"),
        (f"code --counter {TOO_LARGE}", f"argument --counter: {COUNTERS}"),
        (f"verify --last-step {TOO_LARGE}", f"argument --last-step: {COUNTERS}"),
    ],
)
def test_refused(argv: str, problem: str) -> None:
    """A wrong argument is an error of one line that points to the help."""
    played = play(*argv.split())
    assert (played.status, played.out) == (2, "")
    assert re.fullmatch(re.escape(f"totpkit: {problem} (see totpkit") + r"( \w+)? --help\)\n", played.err)


@pytest.mark.parametrize("number", ["-1", "+6", "6.0", " 6", "6_", "0x6", "", "٦", "six", "9" * 5000])
def test_numbers(number: str) -> None:
    """A number contains only ASCII digits, and any number of them is handled."""
    played = play("code", f"--digits={number}")
    assert played.err.startswith("totpkit: argument --digits: must be a whole number from 6 to 8 (see")


def test_bounds() -> None:
    """The bounds themselves are accepted, and leading zeros are ignored."""
    for length in ("16", "1024", "00016"):
        assert play("secret", "--bytes", length).status == 0
    code = TOTP(RFC_SECRET, digits=8).at(LAST_COUNTER)
    played = play("code", "--digits", "08", "--at", str(LAST_COUNTER), stdin=RFC_SECRET.to_base32())
    assert played == Played(0, f"{code}  15 s left\n", "")
