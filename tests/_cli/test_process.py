"""The command line as a process."""

import codecs
import fcntl
import io
import os
import pty
import re
import runpy
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing

import pytest

import totpkit.__main__
from tests.support.strategies import RFC_SECRET
from tests.support.terminal import Played, scanned
from totpkit import KeyURI
from totpkit._cli.main import main

TEXT = RFC_SECRET.to_base32()
SECONDS = 60
"""How long a process may take on a busy machine."""


def test_main(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The entry point uses the streams and arguments of the process."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(TEXT))
    monkeypatch.delenv("TOTPKIT_SECRET", raising=False)
    assert main(["code", "--at", "59"]) == 0
    assert capsys.readouterr().out == "287082  1 s left\n"
    monkeypatch.setattr(sys, "argv", ["totpkit", "code", "--at", "59", "--digits", "8"])
    monkeypatch.setenv("TOTPKIT_SECRET", TEXT)
    assert main() == 0
    assert capsys.readouterr().out == "94287082  1 s left\n"


def test_module(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """``python -m totpkit`` runs the command line and exits with its status."""
    assert vars(totpkit.__main__)["main"] is main
    monkeypatch.delitem(sys.modules, "totpkit.__main__")
    monkeypatch.setattr(sys, "argv", ["totpkit"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("totpkit", run_name="__main__")
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("totpkit: the following arguments are required: COMMAND")


def process(*argv: str, stdin: str = "", **environ: str) -> Played:
    """Run a command in a new process."""
    done = subprocess.run(
        command(argv),
        input=stdin,
        env=environment(environ),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    return Played(done.returncode, done.stdout, done.stderr)


def command(argv: Sequence[str]) -> list[str]:
    """Return the command line of a process."""
    return [sys.executable, "-m", "totpkit", *argv]


def environment(more: dict[str, str]) -> dict[str, str]:
    """Return the environment of a process whose output is UTF-8."""
    inherited = {name: value for name, value in os.environ.items() if name != "TOTPKIT_SECRET"}
    return inherited | {"PYTHONIOENCODING": "utf-8"} | more


def test_process() -> None:
    """A process reads its environment or its input, and returns an exit status."""
    accepted = Played(0, "accepted: step 1, drift 0\n", "")
    assert process("verify", "--at", "59", stdin=f"{TEXT}\n287082\n") == accepted
    assert process("verify", "287082", "--at", "59", TOTPKIT_SECRET=TEXT) == accepted
    assert process("verify", "287082", "--at", "90", TOTPKIT_SECRET=TEXT) == Played(
        1, "rejected: mismatch (not the expected code)\n", ""
    )


def test_process_error() -> None:
    """An error of a process is one line, with exit status 2."""
    played = process("code", stdin="CANARYCANARY1")
    assert (played.status, played.out) == (2, "")
    assert re.fullmatch(r"totpkit: a base32 secret [^\n]+\n", played.err)


def test_process_demo() -> None:
    """The demo succeeds without a terminal."""
    played = process("demo")
    assert (played.status, played.err) == (0, "")
    assert KeyURI.parse(scanned(played.out)).account == "alice"


def test_process_without_streams() -> None:
    """A process without standard streams prints nothing."""
    shell = '"$@" <&- >&- 2>&-; echo $?'
    done = subprocess.run(
        ["/bin/sh", "-c", shell, "sh", *command(["code"])],
        env=environment({}),
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert (done.stdout, done.stderr) == ("2\n", "")


@pytest.mark.parametrize("argv", [["secret"], ["--help"]])
def test_process_without_output(argv: list[str]) -> None:
    """Output that cannot be written is an error, so that no script continues with an empty secret."""
    done = subprocess.run(
        ["/bin/sh", "-c", '"$@" >&-', "sh", *command(argv)],
        env=environment({}),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "totpkit: cannot read or write: Bad file descriptor\n"


@pytest.mark.parametrize("argv", [["secret"], ["--help"]])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_process_broken_pipe(argv: list[str], unbuffered: str) -> None:
    """A closed pipe causes no message, even when the process ends."""
    source, target = os.pipe()
    os.close(source)
    done = subprocess.run(
        command(argv),
        stdout=target,
        stderr=subprocess.PIPE,
        env=environment({"PYTHONUNBUFFERED": unbuffered}),
        check=False,
    )
    os.close(target)
    assert (done.returncode, done.stderr) == (141, b"")


CONTROL = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # make this the controlling terminal
signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell ignores SIGINT in background jobs
os.execv(sys.argv[1], sys.argv[1:])
"""


class Terminal:
    """A process on its own terminal, with a user who types."""

    def __init__(self, *argv: str) -> None:
        """Start the command on a new terminal with 80 columns and 24 lines."""
        self.seen = ""
        self.decoder = codecs.getincrementaldecoder("utf-8")()  # a character may arrive in two parts
        self.user, end = pty.openpty()
        fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-c", CONTROL, *command(argv)],
            stdin=end,
            stdout=end,
            stderr=end,
            start_new_session=True,
            env=environment({"TERM": "xterm"}),
        )
        os.close(end)

    def wait_for(self, text: str) -> None:
        """Read the output until it contains *text*."""
        while text not in self.seen:
            assert select.select([self.user], [], [], SECONDS)[0], self.seen
            self.seen += self.decoder.decode(os.read(self.user, 4096))

    def type(self, text: str) -> None:
        """Type *text*."""
        os.write(self.user, text.encode())

    def status(self) -> int:
        """Return the exit status."""
        return self.process.wait(SECONDS)

    def close(self) -> None:
        """Kill the process if it still runs, and close the terminal."""
        self.process.kill()
        self.process.wait(SECONDS)
        os.close(self.user)


@pytest.fixture
def start() -> Iterator[Callable[..., Terminal]]:
    """Start commands, each on its own terminal."""
    with ExitStack() as stack:
        yield lambda *argv: stack.enter_context(closing(Terminal(*argv)))


@pytest.mark.proves("T22")
def test_terminal(start: Callable[..., Terminal]) -> None:
    """On a real terminal the secret is not echoed."""
    terminal = start("verify", "--at", "59")
    terminal.wait_for("Secret or key URI (hidden): ")
    terminal.type(f"{TEXT}\n")
    terminal.wait_for("Code: ")
    terminal.type("287082\n")
    terminal.wait_for("accepted: step 1, drift 0")
    assert terminal.status() == 0
    assert TEXT not in terminal.seen


def test_terminal_watch(start: Callable[..., Terminal]) -> None:
    """On a real terminal the code is redrawn until Ctrl-C, which is a success."""
    terminal = start("code", "--watch")
    terminal.wait_for("(hidden): ")
    terminal.type(f"{TEXT}\n")
    terminal.wait_for(" s left\x1b[K\r")
    terminal.type("\x03")
    assert terminal.status() == 0


def test_terminal_ctrl_c(start: Callable[..., Terminal]) -> None:
    """Ctrl-C at a prompt ends the process without a traceback."""
    terminal = start("code")
    terminal.wait_for("(hidden): ")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.status() == 130
    assert "Traceback" not in terminal.seen


def test_terminal_demo(start: Callable[..., Terminal]) -> None:
    """On a real terminal a phone can scan the QR code, and after Ctrl-D the demo plays the phone."""
    terminal = start("demo")
    terminal.wait_for("for this demo: ")
    terminal.type("a password\n")
    terminal.wait_for("Code from the app: ")
    terminal.type("\x04")
    terminal.wait_for("from your phone.")
    assert terminal.status() == 0
    assert KeyURI.parse(scanned(terminal.seen.replace("\r\n", "\n"))).account == "alice"
    assert "No answer." in terminal.seen
