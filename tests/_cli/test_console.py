"""Reading and writing the terminal, the streams and the environment."""

import getpass
import io
import os
import sys

import pytest

from tests.support.terminal import Screen, no_answer, written
from totpkit._cli.console import CommandError, Console, ask_hidden

NOTHING_FOUND = r"^no secret found; set TOTPKIT_SECRET, enter it at the prompt or pass it on standard input$"


def console(stdin: io.StringIO, variable: str | None = None) -> Console:
    """Return a console with this input and variable, at which nobody answers."""
    environ = {} if variable is None else {"TOTPKIT_SECRET": variable}
    return Console(
        stdin=stdin, stdout=io.StringIO(), stderr=io.StringIO(), environ=environ, ask_hidden=no_answer
    )


@pytest.mark.parametrize(("variable", "text"), [(" JBSW Y3DP\n", "JBSW Y3DP"), ("", "")])
@pytest.mark.parametrize("stdin", [io.StringIO("from input"), Screen("typed")])
def test_secret_from_environment(stdin: io.StringIO, variable: str, text: str) -> None:
    """The environment variable, even an empty one, comes before a prompt and standard input."""
    assert console(stdin, variable).read_secret() == text
    assert stdin.tell() == 0


def test_secret_from_prompt() -> None:
    """At a terminal the secret is asked for without echo."""
    prompts = []

    def user(prompt: str) -> str:
        prompts.append(prompt)
        return "JBSW Y3DP "

    typed = Console(
        stdin=Screen(), stdout=io.StringIO(), stderr=io.StringIO(), environ={}, ask_hidden=user
    ).read_secret()
    assert (typed, prompts) == ("JBSW Y3DP", ["Secret or key URI (hidden): "])


@pytest.mark.parametrize("text", ["JBSW Y3DP", "JBSW Y3DP\n", "  JBSW Y3DP \t\nsecond line\n"])
def test_secret_from_input(text: str) -> None:
    """Otherwise the secret is the first line of standard input, which need not end with a newline."""
    assert console(io.StringIO(text)).read_secret() == "JBSW Y3DP"


@pytest.mark.parametrize("stdin", [io.StringIO(), Screen()])
def test_no_secret(stdin: io.StringIO) -> None:
    """Input that ends before a secret is an error."""
    with pytest.raises(CommandError, match=NOTHING_FOUND):
        console(stdin).read_secret()


def test_lines() -> None:
    """Each question reads one line, and there is none at the end of the input."""
    source = console(io.StringIO("one\n\n two "))
    assert [source.ask("?") for _ in range(4)] == ["one", "", " two ", None]
    assert written(source.stderr) == ""


def test_prompt() -> None:
    """A prompt goes to standard error, followed by a newline if the user did not type one."""
    source = console(Screen("one\n"))
    assert [source.ask("first? "), source.ask("second? ")] == ["one", None]
    assert written(source.stderr) == "first? second? \n"


@pytest.mark.parametrize("end", ["", "\n"])
def test_longest_line(end: str) -> None:
    """A line of 4096 characters is read, and a longer one is refused."""
    assert console(io.StringIO("x" * 4096 + end)).ask("") == "x" * 4096
    with pytest.raises(CommandError, match=r"^a line of standard input has more than 4096 characters$"):
        console(io.StringIO("x" * 4097 + (end or "x"))).ask("")


@pytest.mark.proves("T22")
def test_repr() -> None:
    """The repr of a console does not show the environment."""
    assert "CANARY" not in repr(console(io.StringIO(), "CANARY"))


@pytest.mark.proves("T22")
def test_echoing_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the terminal would show the secret, nothing is read from it."""
    monkeypatch.setattr(getpass, "getpass", vars(getpass)["fallback_getpass"])
    monkeypatch.setattr(sys, "stdin", Screen("CANARY\n"))
    with pytest.raises(
        CommandError, match=r"^this terminal would show the secret as you type it; use TOTPKIT"
    ):
        ask_hidden("? ")
    assert sys.stdin.tell() == 0


def test_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the answer is what the user typed."""
    monkeypatch.setattr(getpass, "getpass", lambda prompt: f"{prompt}answer")
    assert ask_hidden("? ") == "? answer"


def test_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The console of the process uses its streams and its environment."""
    streams = {name: io.StringIO() for name in ("stdin", "stdout", "stderr")}
    for name, stream in streams.items():
        monkeypatch.setattr(sys, name, stream)
    monkeypatch.setenv("TOTPKIT_SECRET", "JBSWY3DP")
    own = Console.of_process()
    assert {name: getattr(own, name) for name in streams} == streams
    assert own.read_secret() == "JBSWY3DP"


def test_process_without_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without standard streams there is no input, an output is an error, and an error goes nowhere."""
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    own = Console.of_process()
    with pytest.raises(OSError, match="Bad file descriptor"):
        own.print("lost")
    own.discard_output()
    own.print_error("lost")
    assert own.ask("") is None


def test_broken_standard_error() -> None:
    """An error that cannot be printed is not a second error."""
    source, target = os.pipe()
    os.close(source)
    with os.fdopen(target, "w", buffering=1) as stderr:
        broken = Console(stdin=Screen(), stdout=io.StringIO(), stderr=stderr, environ={})
        broken.print_error("nobody reads this")
        broken.end_prompt()
        os.dup2(os.open(os.devnull, os.O_WRONLY), target)  # for what is still buffered


@pytest.mark.parametrize(
    ("stdout", "term", "is_screen"),
    [
        (Screen(), "xterm", True),
        (Screen(), None, True),
        (Screen(), "dumb", False),
        (io.StringIO(), "xterm", False),
    ],
)
def test_is_screen(stdout: io.StringIO, term: str | None, *, is_screen: bool) -> None:
    """A screen is a terminal that is not dumb."""
    environ = {"TERM": term} if term else {}
    own = Console(stdin=io.StringIO(), stdout=stdout, stderr=io.StringIO(), environ=environ)
    assert own.is_screen == is_screen
