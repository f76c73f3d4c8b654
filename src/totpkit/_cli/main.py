"""The entry point of the command-line program."""

from argparse import Namespace
from base64 import b64encode
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from io import StringIO

from totpkit._cli.arguments import parse
from totpkit._cli.console import CommandError, Console
from totpkit._cli.credential import Credential
from totpkit._cli.demo import demo
from totpkit._cli.inspect import inspection
from totpkit._cli.output import seconds_left, show_qr, verdict, watch
from totpkit._otp.hotp import HOTP
from totpkit._otp.qr import qr, write_private
from totpkit._otp.secret import Secret
from totpkit.errors import TotpkitError
from totpkit.vault import new_key

_OK, _REJECTED, _ERROR, _INTERRUPTED, _BROKEN_PIPE = 0, 1, 2, 130, 141
"""Exit statuses. The last two are 128 + SIGINT and 128 + SIGPIPE, as in a shell."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command in *argv* (by default, the arguments of this process) and return the exit status."""
    return run(argv, Console.of_process())


def run(argv: Sequence[str] | None, console: Console) -> int:
    """Run a command and return the exit status. Errors are printed on a single line."""
    try:
        return _run(argv, console)
    except KeyboardInterrupt:
        console.end_prompt()
        return _INTERRUPTED
    except BrokenPipeError:
        console.discard_output()
        return _BROKEN_PIPE
    except (CommandError, TotpkitError) as error:
        problem = str(error)
    except UnicodeDecodeError as error:
        problem = f"standard input is not valid {error.encoding}"
    except UnicodeEncodeError as error:
        problem = f"standard output cannot encode this in {error.encoding}; set PYTHONIOENCODING=utf-8"
    except OSError as error:
        console.discard_output()
        problem = f"cannot read or write: {error.strerror}"
    console.print_error(problem)
    return _ERROR


def _run(argv: Sequence[str] | None, console: Console) -> int:
    output = StringIO()  # argparse ignores errors when it prints its help; the console does not
    try:
        with redirect_stdout(output):
            options = parse(argv)
    except SystemExit:
        console.write(output.getvalue())
        return _OK
    return _COMMANDS[options.command](options, console)


def _secret(options: Namespace, console: Console) -> int:
    console.print(Secret.generate(nbytes=options.bytes).to_base32())
    return _OK


def _key(_: Namespace, console: Console) -> int:
    console.print(b64encode(new_key()).decode("ascii"))
    return _OK


def _uri(options: Namespace, console: Console) -> int:
    console.print(str(_credential(options, console).key_uri(options)))
    return _OK


def _qr(options: Namespace, console: Console) -> int:
    code = qr(str(_credential(options, console).key_uri(options)))
    if options.svg is not None:
        _save("--svg", options.svg, code.svg().encode("utf-8"))
    if options.png is not None:
        _save("--png", options.png, code.png())
    if options.svg is options.png is None:
        show_qr(code, console, alternative="write a file with --svg FILE")
    return _OK


def _save(option: str, path: str, content: bytes) -> None:
    """Write a file that only its owner can read."""
    try:
        write_private(path, content)
    except (OSError, ValueError) as error:
        problem = error.strerror if isinstance(error, OSError) else "not a valid file name"
    else:
        return
    # The message leaves out the file name: it may be a secret that was typed in the wrong place.
    raise CommandError(f"cannot write the {option} file: {problem}")


def _code(options: Namespace, console: Console) -> int:
    credential = _credential(options, console)
    if isinstance(credential.otp, HOTP):
        counter = credential.counter if options.counter is None else options.counter
        console.print(f"{credential.otp.at(counter)}  counter {counter}")
        return _OK
    if options.watch:
        return watch(credential.otp, console)
    time = console.clock() if options.at is None else options.at
    console.print(f"{credential.otp.at(time)}  {seconds_left(credential.otp, time)}")
    return _OK


def _verify(options: Namespace, console: Console) -> int:
    credential = _credential(options, console)
    code = console.ask("Code: ") if options.code is None else options.code
    if code is None:
        raise CommandError(
            "no code found; pass it as CODE, at the prompt or on the next line of standard input"
        )
    if isinstance(credential.otp, HOTP):
        last_step = options.last_step
        if last_step is None and credential.counter:
            last_step = credential.counter - 1
        result = credential.otp.verify(code, last_step=last_step)
    else:
        time = console.clock() if options.at is None else options.at
        result = credential.otp.verify(code, at=time, last_step=options.last_step)
    console.print(verdict(result))
    return _OK if result else _REJECTED


def _inspect(options: Namespace, console: Console) -> int:
    text = console.read_secret() if options.uri is None else options.uri
    console.print(*inspection(text.strip()))
    return _OK


def _demo(options: Namespace, console: Console) -> int:
    return demo(console, auto=options.auto, file=options.file)


def _credential(options: Namespace, console: Console) -> Credential:
    return Credential.read(console.read_secret(), options)


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
