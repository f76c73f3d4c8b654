"""The command line as a process of its own."""

import codecs
import fcntl
import io
import os
import pty
import runpy
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator, Sequence

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
    """The entry point takes the process's streams and arguments."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(TEXT))
    monkeypatch.delenv("TOTPKIT_SECRET", raising=False)
    assert main(["code", "--at", "59"]) == 0
    assert capsys.readouterr().out == "287082  1 s left\n"
    monkeypatch.setattr(sys, "argv", ["totpkit", "code", "--at", "59", "--digits", "8"])
    monkeypatch.setenv("TOTPKIT_SECRET", TEXT)
    assert main() == 0
    assert capsys.readouterr().out == "94287082  1 s left\n"


def test_module(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """``python -m totpkit`` is the command line, and exits with its status."""
    assert vars(totpkit.__main__)["main"] is main
    monkeypatch.delitem(sys.modules, "totpkit.__main__")
    monkeypatch.setattr(sys, "argv", ["totpkit"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("totpkit", run_name="__main__")
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("totpkit: the following arguments are required: COMMAND")


def process(*argv: str, stdin: str = "", **environ: str) -> Played:
    """Run a command in a process of its own."""
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
    """Return the environment of a process, in which output is UTF-8."""
    inherited = {name: value for name, value in os.environ.items() if name != "TOTPKIT_SECRET"}
    return inherited | {"PYTHONIOENCODING": "utf-8"} | more


def test_process() -> None:
    """A process reads its environment or its input, and tells by its exit status."""
    accepted = Played(0, "accepted: step 1, drift 0\n", "")
    assert process("verify", "--at", "59", stdin=f"{TEXT}\n287082\n") == accepted
    assert process("verify", "287082", "--at", "59", TOTPKIT_SECRET=TEXT) == accepted
    assert process("verify", "287082", "--at", "90", TOTPKIT_SECRET=TEXT) == Played(
        1, "rejected: mismatch (not a code that is due)\n", ""
    )


def test_process_error() -> None:
    """An error of a process is one line and exit status 2."""
    played = process("code", stdin="CANARYCANARY1")
    problem = "totpkit: a base32 secret may hold only the letters A-Z and the digits 2-7\n"
    assert played == Played(2, "", problem)


def test_process_demo() -> None:
    """The demo ends well where nobody is at a terminal."""
    played = process("demo")
    assert (played.status, played.err) == (0, "")
    assert KeyURI.parse(scanned(played.out)).account == "alice"


def test_process_without_streams() -> None:
    """A process whose standard streams are closed says nothing."""
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
    """What cannot be shown is no success: a script must not go on with an empty secret."""
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
def test_process_nobody_reads(argv: list[str], unbuffered: str) -> None:
    """A closed pipe is quiet to the end of the process."""
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
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # the terminal becomes this process's own
signal.signal(signal.SIGINT, signal.SIG_DFL)  # tests in the background of a shell pass on that it is ignored
os.execv(sys.argv[1], sys.argv[1:])
"""


class Sitting:
    """A process on a terminal of its own, and somebody who types there."""

    def __init__(self, *argv: str) -> None:
        """Start the command on a new terminal of 80 columns and 24 lines."""
        self.seen = ""
        self.decoder = codecs.getincrementaldecoder("utf-8")()  # a character may come in two pieces
        self.person, end = pty.openpty()
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
        """Read until *text* is on the screen."""
        while text not in self.seen:
            assert select.select([self.person], [], [], SECONDS)[0], self.seen
            self.seen += self.decoder.decode(os.read(self.person, 4096))

    def type(self, text: str) -> None:
        """Type *text*."""
        os.write(self.person, text.encode())

    def status(self) -> int:
        """Wait for the end."""
        return self.process.wait(SECONDS)

    def leave(self) -> None:
        """Close the terminal, and end what still runs."""
        self.process.kill()
        self.process.wait(SECONDS)
        os.close(self.person)


@pytest.fixture
def sit() -> Iterator[Callable[..., Sitting]]:
    """Start commands on terminals of their own, which are closed in the end."""
    sittings: list[Sitting] = []

    def start(*argv: str) -> Sitting:
        sittings.append(Sitting(*argv))
        return sittings[-1]

    yield start
    for sitting in sittings:
        sitting.leave()


@pytest.mark.proves("T22")
def test_terminal(sit: Callable[..., Sitting]) -> None:
    """On a real terminal the secret is not echoed, and the answer follows."""
    sitting = sit("verify", "--at", "59")
    sitting.wait_for("Secret or key URI (not shown): ")
    sitting.type(f"{TEXT}\n")
    sitting.wait_for("Code: ")
    sitting.type("287082\n")
    sitting.wait_for("accepted: step 1, drift 0")
    assert sitting.status() == 0
    assert TEXT not in sitting.seen


def test_terminal_watch(sit: Callable[..., Sitting]) -> None:
    """On a real terminal the code is redrawn until Ctrl-C, which ends it well."""
    sitting = sit("code", "--watch")
    sitting.wait_for("not shown): ")
    sitting.type(f"{TEXT}\n")
    sitting.wait_for(" s left\x1b[K\r")
    sitting.type("\x03")
    assert sitting.status() == 0


def test_terminal_ctrl_c(sit: Callable[..., Sitting]) -> None:
    """Ctrl-C at a prompt ends the process without a traceback."""
    sitting = sit("code")
    sitting.wait_for("not shown): ")
    sitting.process.send_signal(signal.SIGINT)
    assert sitting.status() == 130
    assert "Traceback" not in sitting.seen


def test_terminal_demo(sit: Callable[..., Sitting]) -> None:
    """On a real terminal the picture is black on white, and Ctrl-D lets the demo play the phone."""
    sitting = sit("demo")
    sitting.wait_for("for this demo: ")
    sitting.type("a password\n")
    sitting.wait_for("The code that it shows: ")
    sitting.type("\x04")
    sitting.wait_for("can be removed.")
    assert sitting.status() == 0
    assert KeyURI.parse(scanned(sitting.seen.replace("\r\n", "\n"))).account == "alice"
    assert "Nobody answers" in sitting.seen
