"""The command line: what each command does. Decides nothing about codes."""

from argparse import Namespace
from base64 import b64encode
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from io import StringIO

from totpkit._cli.arguments import parsed
from totpkit._cli.console import CommandError, Console
from totpkit._cli.countdown import watch
from totpkit._cli.credential import Given
from totpkit._cli.demo import demo
from totpkit._cli.inspect import inspection
from totpkit._cli.picture import show_picture
from totpkit._cli.wording import seconds_left, verdict
from totpkit._otp.hotp import HOTP
from totpkit._otp.qr import qr, write_private
from totpkit._otp.secret import Secret
from totpkit.errors import TotpkitError
from totpkit.vault import new_key

_OK, _REJECTED, _ERROR, _INTERRUPTED, _NOBODY_READS = 0, 1, 2, 130, 141
"""Exit statuses; the last two are what shells say of SIGINT and SIGPIPE."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command in *argv*, by default the process's arguments; return the exit status."""
    return run(argv, Console.of_process())


def run(argv: Sequence[str] | None, console: Console) -> int:
    """Run a command on *console*; every error becomes one line there and exit status 2."""
    try:
        return _run(argv, console)
    except KeyboardInterrupt:
        console.end_prompt()
        return _INTERRUPTED
    except BrokenPipeError:
        console.mute()
        return _NOBODY_READS
    except (CommandError, TotpkitError) as error:
        problem = str(error)
    except UnicodeDecodeError as error:
        problem = f"standard input is not text in {error.encoding}"
    except UnicodeEncodeError as error:
        problem = f"standard output cannot show this in {error.encoding}; set PYTHONIOENCODING=utf-8"
    except OSError as error:
        console.mute()
        problem = f"cannot read or write: {error.strerror}"
    console.complain(problem)
    return _ERROR


def _run(argv: Sequence[str] | None, console: Console) -> int:
    page = StringIO()  # argparse would hide that nobody reads it
    try:
        with redirect_stdout(page):
            options = parsed(argv)
    except SystemExit:
        console.write(page.getvalue())
        return _OK
    return _COMMANDS[options.command](options, console)


def _secret(options: Namespace, console: Console) -> int:
    console.say(Secret.generate(options.bytes).to_base32())
    return _OK


def _key(_: Namespace, console: Console) -> int:
    console.say(b64encode(new_key()).decode("ascii"))
    return _OK


def _uri(options: Namespace, console: Console) -> int:
    console.say(str(_given(options, console).labelled(options)))
    return _OK


def _qr(options: Namespace, console: Console) -> int:
    picture = qr(str(_given(options, console).labelled(options)))
    if options.svg is not None:
        _save("--svg", options.svg, picture.svg().encode("utf-8"))
    if options.png is not None:
        _save("--png", options.png, picture.png())
    if options.svg is options.png is None:
        show_picture(picture, console, instead="write a file by --svg FILE")
    return _OK


def _save(option: str, path: str, content: bytes) -> None:
    """Write a file that its owner alone can read; its name may be a misplaced secret."""
    try:
        write_private(path, content)
    except (OSError, ValueError) as error:
        problem = error.strerror if isinstance(error, OSError) else "this is no file name"
    else:
        return
    raise CommandError(f"cannot write the file of {option}: {problem}")


def _code(options: Namespace, console: Console) -> int:
    given = _given(options, console)
    if isinstance(given.otp, HOTP):
        counter = given.counter if options.counter is None else options.counter
        console.say(f"{given.otp.at(counter)}  counter {counter}")
        return _OK
    if options.watch:
        return watch(given.otp, console)
    time = console.clock() if options.at is None else options.at
    console.say(f"{given.otp.at(time)}  {seconds_left(given.otp, time)}")
    return _OK


def _verify(options: Namespace, console: Console) -> int:
    given = _given(options, console)
    code = console.ask("Code: ") if options.code is None else options.code
    if code is None:
        raise CommandError("no code at the prompt or on the next line of standard input")
    if isinstance(given.otp, HOTP):
        before = given.counter - 1 if given.counter else None
        outcome = given.otp.verify(code, last_step=before if options.last_step is None else options.last_step)
    else:
        time = console.clock() if options.at is None else options.at
        outcome = given.otp.verify(code, at=time, last_step=options.last_step)
    console.say(verdict(outcome))
    return _OK if outcome else _REJECTED


def _inspect(options: Namespace, console: Console) -> int:
    text = console.secret_text() if options.uri is None else options.uri
    console.say(*inspection(text.strip()))
    return _OK


def _demo(options: Namespace, console: Console) -> int:
    return demo(console, auto=options.auto, file=options.file)


def _given(options: Namespace, console: Console) -> Given:
    return Given.read(console.secret_text(), options)


_COMMANDS: dict[str, Callable[[Namespace, Console], int]] = {
    "secret": _secret,
    "key": _key,
    "uri": _uri,
    "qr": _qr,
    "code": _code,
    "verify": _verify,
    "inspect": _inspect,
    "demo": _demo,
}
