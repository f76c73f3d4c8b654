"""Parse the command-line arguments and print the help text."""

import argparse
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple, NoReturn

import totpkit
from totpkit._cli.console import VARIABLE, CommandError
from totpkit._otp.secret import LARGEST_BYTES, STRONG_BYTES
from totpkit._otp.totp import LONGEST_PERIOD
from totpkit._otp.truncation import COUNTERS, DIGITS, Algorithm

_LONGEST_NUMBER = len(str(COUNTERS))

_READING = f"""\
The secret is read from the environment variable {VARIABLE} if it is set.
Otherwise it is read from a hidden prompt, or from the first line of standard
input if that is not a terminal. It is a base32 secret, or a whole otpauth://
URI with its own parameters. It cannot be an argument, because other users of
the machine could see it."""

_READING_TEXT = f"""\
The text is read from the environment variable {VARIABLE} if it is set.
Otherwise it is read from a hidden prompt, or from the first line of standard
input if that is not a terminal. If you pass it as an argument instead, other
users of the machine can see it in the process list, and your shell may save it
in its history. Do that only if the URI is not secret."""

_STATUS = """\
Exit status: 0 on success, 1 if verify rejects the code, 2 after an error and
130 after Ctrl-C. An error is one line on standard error. It never contains a
secret or a code."""

_HARMLESS = re.compile(
    r"the following arguments are required: |argument [^:]*: (expected|must be|not allowed with) "
)
"""Matches the argparse messages that do not repeat what the user typed."""

_UNKNOWN_COMMAND = "argument COMMAND: "
"""How argparse's message about an unknown command begins. The rest repeats what the user typed."""


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse *arguments*, which default to the command-line arguments of this process.

    Raises :class:`CommandError` if an argument is invalid, and :class:`SystemExit` after printing
    the help text.
    """
    return _parser().parse_args(arguments)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        if message.startswith(_UNKNOWN_COMMAND):
            message = f"unknown command; the commands are {_join([command.name for command in _COMMANDS])}"
        elif not _HARMLESS.match(message):
            message = "unknown or unexpected argument; it is not shown here because it may be a secret"
        raise CommandError(f"{message} (see {self.prog} --help)")


class _Version(argparse.Action):
    def __call__(self, *_: object) -> NoReturn:

        print(f"totpkit {totpkit.__version__}")  # noqa: T201 - argparse prints its help the same way
        raise SystemExit(0)


class _Command(NamedTuple):
    name: str
    summary: str
    details: str
    add_options: Callable[[_Parser], None]


def _parser() -> _Parser:
    parser = _Parser(
        prog="totpkit",
        description="Create secrets and QR codes. Show and verify TOTP, HOTP and Steam Guard codes.",
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
    """Add no options."""


def _uri(parser: _Parser) -> None:
    names = parser.add_argument_group("names", "For a key URI, they replace its own names.")
    names.add_argument("--account", metavar="NAME", help="account name, such as alice@example.com")
    names.add_argument("--issuer", metavar="NAME", help="name of your service, such as Acme")
    _counter(_parameters(parser))


def _qr(parser: _Parser) -> None:
    parser.add_argument("--svg", metavar="FILE", help="write an SVG file instead of using the terminal")
    parser.add_argument("--png", metavar="FILE", help="write a PNG file instead of using the terminal")
    _uri(parser)


def _code(parser: _Parser) -> None:
    moment = parser.add_mutually_exclusive_group()
    moment.add_argument(
        "--watch", action="store_true", help="keep the code up to date until Ctrl-C (exit status 0)"
    )
    _time(moment)
    _counter(_parameters(parser))


def _verify(parser: _Parser) -> None:
    step = _number(0, COUNTERS - 1)
    parser.add_argument(
        "code", nargs="?", metavar="CODE", help="default: read from a prompt or the next line of input"
    )
    parser.add_argument("--last-step", type=step, metavar="N", help="step of the last accepted code")
    _time(parser)
    _parameters(parser)


def _inspect(parser: _Parser) -> None:
    parser.add_argument("uri", nargs="?", metavar="URI", help="only if it is not secret, see above")


def _demo(parser: _Parser) -> None:
    unattended = "play the user and the phone too, without waiting for input"
    parser.add_argument("--auto", action="store_true", help=unattended)
    parser.add_argument("--file", metavar="FILE", help="use this SQLite file, and keep it")


def _time(parser: argparse._ActionsContainer) -> None:
    time = _number(0, COUNTERS - 1)
    parser.add_argument("--at", type=time, metavar="TIME", help="time in Unix seconds (default: now)")


def _parameters(parser: _Parser) -> argparse._ArgumentGroup:
    group = parser.add_argument_group("parameters", "For a base32 secret. A key URI has its own parameters.")
    digits, period = _number(DIGITS[0], DIGITS[-1]), _number(1, LONGEST_PERIOD)
    group.add_argument("--digits", type=digits, metavar="N", help="6, 7 or 8 (default: 6)")
    group.add_argument(
        "--algorithm", type=_algorithm, metavar="NAME", help="SHA1 (default), SHA256 or SHA512"
    )
    group.add_argument("--period", type=period, metavar="SECONDS", help="length of a step (default: 30)")
    kind = group.add_mutually_exclusive_group()
    kind.add_argument("--hotp", action="store_true", help="counter-based codes")
    kind.add_argument("--steam", action="store_true", help="Steam Guard codes")
    return group


def _counter(group: argparse._ArgumentGroup) -> None:
    counter = _number(0, COUNTERS - 1)
    group.add_argument("--counter", type=counter, metavar="N", help="HOTP counter (default: the URI's, or 0)")


def _number(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        # int() alone accepts "+6", " 6", "6_0" and other digits than ASCII, and argparse would quote
        # the text in its message.
        if text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER and low <= int(text) <= high:
            return int(text)
        raise argparse.ArgumentTypeError(f"must be a whole number from {low} to {high}")

    return read


def _algorithm(text: str) -> Algorithm:
    if text.upper() in Algorithm.__members__:
        return Algorithm[text.upper()]
    raise argparse.ArgumentTypeError(f"must be {_join(list(Algorithm), 'or')}")


def _join(names: Sequence[str], conjunction: str = "and") -> str:
    return f"{', '.join(names[:-1])} {conjunction} {names[-1]}"


_COMMANDS = (
    _Command(
        "secret",
        "print a new secret",
        "Print a new base32 secret from the operating system's random number generator.",
        _secret,
    ),
    _Command(
        "key",
        "print a new key for a vault",
        "Print a new 32-byte key in base64, from the operating system's random number\n"
        "generator. A Vault seals secrets with it. Keep the key apart from the records.",
        _key,
    ),
    _Command(
        "uri",
        "print the key URI of a secret",
        f"Print the key URI of a secret. The QR code for a phone contains this text.\n\n{_READING}",
        _uri,
    ),
    _Command(
        "qr",
        "draw the QR code of a secret",
        "Draw the QR code of a secret, for an authenticator app to scan. The QR code\n"
        f"contains the secret, so protect the files like the secret itself.\n\n{_READING}",
        _qr,
    ),
    _Command(
        "code",
        "print the current code and the seconds left",
        f"Print the current code and the seconds until the next one.\n\n{_READING}",
        _code,
    ),
    _Command(
        "verify",
        "verify a code",
        "Verify a code. A time-based code may be one step early or late. A counter-based\n"
        "code must match the next counter. The output is the accepted step (or counter),\n"
        "or the reason for the rejection. Pass the step as --last-step next time, and no\n"
        f"code is accepted twice.\n\n{_READING}",
        _verify,
    ),
    _Command(
        "inspect",
        "describe a key URI and warn about problems",
        "Describe a key URI, a Google Authenticator export (otpauth-migration://) or a\n"
        f"secret, and warn about likely problems. The secret is not shown.\n\n{_READING_TEXT}",
        _inspect,
    ),
    _Command(
        "demo",
        "log in to an example app with a password and a code",
        "Log in to an example app with a password and a code. The first login enrolls a\n"
        "phone, the second asks for a code, and a used code is rejected. If you don't\n"
        "enter a code, the demo plays the phone itself.",
        _demo,
    ),
)
