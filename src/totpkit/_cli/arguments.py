"""The grammar of the command line, and its help. Knows nothing of what the commands do."""

import argparse
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple, NoReturn

from totpkit._cli.console import VARIABLE, CommandError
from totpkit._otp.decimal import DIGITS
from totpkit._otp.secret import LARGEST_BYTES, STRONG_BYTES
from totpkit._otp.totp import LONGEST_PERIOD
from totpkit._otp.truncation import COUNTERS, Algorithm

_LONGEST_NUMBER = len(str(COUNTERS))

_READING = f"""\
The secret is read from the environment variable {VARIABLE} if it is set,
else from a prompt that does not show it, else from the first line of standard
input. It is base32 text or a whole otpauth:// URI, whose parameters then count.
It has no place among the arguments, where others on the machine could see it."""

_READING_TEXT = f"""\
The text is read from the environment variable {VARIABLE} if it is set,
else from a prompt that does not show it, else from the first line of standard
input. Given as URI it stands in lists of processes, where others on the machine
can see it, and in the history of the shell: only for what is no secret."""

_STATUS = """\
Exit status: 0, and 1 for a code that verify rejects; 2 after an error, which is
one line on standard error and repeats no secret and no code; 130 after Ctrl-C."""

_HARMLESS = re.compile(
    r"the following arguments are required: |argument [^:]*: (expected|must be|not allowed with) "
)
"""Messages of argparse that quote nothing of what was typed."""

_UNKNOWN_COMMAND = "argument COMMAND: "
"""How argparse begins the message on one, whose rest quotes it."""


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read *arguments*, by default the process's own.

    Raises :class:`CommandError`, and :class:`SystemExit` once help is printed.
    """
    return _parser().parse_args(arguments)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        if message.startswith(_UNKNOWN_COMMAND):
            message = f"no such command; there are {_in_words([command.name for command in _COMMANDS])}"
        elif not _HARMLESS.match(message):
            message = "an argument is unknown or one too many; it is not repeated, as it may be a secret"
        raise CommandError(f"{message} (see {self.prog} --help)")


class _Version(argparse.Action):
    def __call__(self, *_: object) -> NoReturn:
        from importlib.metadata import version  # noqa: PLC0415 - slow, and for this alone

        print(f"totpkit {version('totpkit')}")  # noqa: T201 - goes where argparse prints its help
        raise SystemExit(0)


class _Command(NamedTuple):
    name: str
    summary: str
    details: str
    add_options: Callable[[_Parser], None]


def _parser() -> _Parser:
    parser = _Parser(
        prog="totpkit",
        description="Make, show and check the codes of a second factor: TOTP, HOTP and Steam's.",
        epilog=f"{_READING}\n\n{_STATUS}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.add_options(
            commands.add_parser(
                command.name,
                help=command.summary,
                description=command.details,
                formatter_class=argparse.RawDescriptionHelpFormatter,
                allow_abbrev=False,
            )
        )
    return parser


def _secret(parser: _Parser) -> None:
    size = _number(STRONG_BYTES, LARGEST_BYTES)
    parser.add_argument(
        "--bytes", type=size, default=20, metavar="N", help="length in bytes, 16 or more (default: 20)"
    )


def _key(_: _Parser) -> None:
    """Take nothing: a key has one form."""


def _uri(parser: _Parser) -> None:
    names = parser.add_argument_group("names", "Those of a key URI stay unless others are given.")
    names.add_argument("--account", metavar="NAME", help="whose code it is, say alice@example.com")
    names.add_argument("--issuer", metavar="NAME", help="who asks for the code, say Acme")
    _counter(_parameters(parser))


def _qr(parser: _Parser) -> None:
    parser.add_argument("--svg", metavar="FILE", help="write an SVG file, and nothing to the terminal")
    parser.add_argument("--png", metavar="FILE", help="write a PNG file, and nothing to the terminal")
    _uri(parser)


def _code(parser: _Parser) -> None:
    moment = parser.add_mutually_exclusive_group()
    moment.add_argument("--watch", action="store_true", help="keep it current until Ctrl-C (exit status 0)")
    _time(moment)
    _counter(_parameters(parser))


def _verify(parser: _Parser) -> None:
    step = _number(0, COUNTERS - 1)
    parser.add_argument(
        "code", nargs="?", metavar="CODE", help="else from a prompt or the next line of input"
    )
    parser.add_argument("--last-step", type=step, metavar="N", help="the step that was accepted last")
    _time(parser)
    _parameters(parser)


def _inspect(parser: _Parser) -> None:
    parser.add_argument("uri", nargs="?", metavar="URI", help="better left out, and read as told above")


def _demo(parser: _Parser) -> None:
    unattended = "play person and phone too, so that it runs unattended"
    parser.add_argument("--auto", action="store_true", help=unattended)
    parser.add_argument("--file", metavar="FILE", help="store in this SQLite file, and keep it")


def _time(parser: argparse._ActionsContainer) -> None:
    time = _number(0, COUNTERS - 1)
    parser.add_argument("--at", type=time, metavar="TIME", help="Unix seconds (default: now)")


def _parameters(parser: _Parser) -> argparse._ArgumentGroup:
    group = parser.add_argument_group("parameters", "Of a secret in base32; a key URI brings its own.")
    digits, period = _number(DIGITS[0], DIGITS[-1]), _number(1, LONGEST_PERIOD)
    group.add_argument("--digits", type=digits, metavar="N", help="6, 7 or 8 (default: 6)")
    group.add_argument(
        "--algorithm", type=_algorithm, metavar="NAME", help="SHA1 (default), SHA256 or SHA512"
    )
    group.add_argument("--period", type=period, metavar="SECONDS", help="of a step (default: 30)")
    kind = group.add_mutually_exclusive_group()
    kind.add_argument("--hotp", action="store_true", help="codes that change with a counter")
    kind.add_argument("--steam", action="store_true", help="Steam Guard codes")
    return group


def _counter(group: argparse._ArgumentGroup) -> None:
    counter = _number(0, COUNTERS - 1)
    group.add_argument("--counter", type=counter, metavar="N", help="where HOTP stands (default: 0)")


def _number(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        # int() would admit much more, and argparse would quote what it refuses.
        if text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER and low <= int(text) <= high:
            return int(text)
        raise argparse.ArgumentTypeError(f"must be a whole number from {low} to {high}")

    return read


def _algorithm(text: str) -> Algorithm:
    if text.upper() in Algorithm.__members__:
        return Algorithm[text.upper()]
    raise argparse.ArgumentTypeError(f"must be {_in_words(list(Algorithm), 'or')}")


def _in_words(names: Sequence[str], before_last: str = "and") -> str:
    return f"{', '.join(names[:-1])} {before_last} {names[-1]}"


_COMMANDS = (
    _Command(
        "secret",
        "print a new secret",
        "Print a new secret from the operating system's random generator, in base32.",
        _secret,
    ),
    _Command(
        "key",
        "print a new key for a vault",
        "Print a new key of 32 bytes from the operating system's random generator, in\n"
        "base64: what a Vault seals secrets with. Keep it where the records are not.",
        _key,
    ),
    _Command(
        "uri",
        "print the key URI of a secret",
        f"Print the key URI of a secret: what a phone reads from a QR picture.\n\n{_READING}",
        _uri,
    ),
    _Command(
        "qr",
        "draw the QR picture of a secret",
        "Draw the key URI of a secret as a QR picture for a phone to scan. The picture\n"
        f"and the files are as secret as the secret.\n\n{_READING}",
        _qr,
    ),
    _Command(
        "code",
        "print the current code and how long it lasts",
        f"Print the current code and how long it lasts.\n\n{_READING}",
        _code,
    ),
    _Command(
        "verify",
        "check a code",
        "Check a code against the current step and its neighbours, or a counter's code\n"
        "against the counter that comes next. Say the step (the counter) or why it is\n"
        "rejected: exit status 0 or 1. Give the step as --last-step the next time, and\n"
        f"no code passes twice.\n\n{_READING}",
        _verify,
    ),
    _Command(
        "inspect",
        "tell what a key URI says, and what is doubtful about it",
        "Tell what a key URI, an otpauth-migration:// payload or a secret says, and what\n"
        f"is doubtful about it; the secret itself is not shown.\n\n{_READING_TEXT}",
        _inspect,
    ),
    _Command(
        "demo",
        "log in to an app: a password, a phone enrolled, a code refused the second time",
        "Log in to an app by a password and a code: the phone is enrolled at the first\n"
        "login, and asked for a code at the second; a used code is refused. Where nobody\n"
        "answers, the demo plays the phone.",
        _demo,
    ),
)
