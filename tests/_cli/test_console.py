"""Where the command line reads and writes."""

import getpass
import io
import os
import sys

import pytest

from tests.support.terminal import Screen, nobody, written
from totpkit._cli.console import CommandError, Console, ask_hidden

NOTHING = r"^no secret in TOTPKIT_SECRET, at the prompt or on standard input$"


def console(stdin: io.StringIO, variable: str | None = None) -> Console:
    """Return a console with this input and variable, whose person answers nothing."""
    environ = {} if variable is None else {"TOTPKIT_SECRET": variable}
    return Console(
        stdin=stdin, stdout=io.StringIO(), stderr=io.StringIO(), environ=environ, ask_hidden=nobody
    )


def test_secret_from_environment() -> None:
    """The environment goes before a person and before standard input."""
    for stdin in (io.StringIO("from input"), Screen("typed")):
        assert console(stdin, " JBSW Y3DP\n").secret_text() == "JBSW Y3DP"
        assert stdin.tell() == 0


def test_secret_from_empty_environment() -> None:
    """An empty variable is set: it is not quietly replaced by another source."""
    assert console(io.StringIO("from input"), "").secret_text() == ""


def test_secret_from_prompt() -> None:
    """At a terminal the secret is asked for without echo."""
    asked = []

    def person(prompt: str) -> str:
        asked.append(prompt)
        return "JBSW Y3DP "

    typed = Console(
        stdin=Screen(), stdout=io.StringIO(), stderr=io.StringIO(), environ={}, ask_hidden=person
    ).secret_text()
    assert (typed, asked) == ("JBSW Y3DP", ["Secret or key URI (not shown): "])


@pytest.mark.parametrize("text", ["JBSW Y3DP", "JBSW Y3DP\n", "  JBSW Y3DP \t\nsecond line\n"])
def test_secret_from_input(text: str) -> None:
    """Otherwise it is the first line of standard input, with or without an end."""
    assert console(io.StringIO(text)).secret_text() == "JBSW Y3DP"


@pytest.mark.parametrize("stdin", [io.StringIO(), Screen()])
def test_no_secret(stdin: io.StringIO) -> None:
    """Input that ends before a secret is an error."""
    with pytest.raises(CommandError, match=NOTHING):
        console(stdin).secret_text()


def test_lines() -> None:
    """Each question takes a line, and at the end there is none."""
    source = console(io.StringIO("one\n\n two "))
    assert [source.ask("?") for _ in range(4)] == ["one", "", " two ", None]
    assert written(source.stderr) == ""


def test_prompt() -> None:
    """A terminal is prompted on standard error, and gets a new line if the answer has not ended one."""
    source = console(Screen("one\n"))
    assert [source.ask("first? "), source.ask("second? ")] == ["one", None]
    assert written(source.stderr) == "first? second? \n"


@pytest.mark.parametrize("end", ["", "\n"])
def test_longest_line(end: str) -> None:
    """A line as long as the longest key URI is read whole."""
    assert console(io.StringIO("x" * 4096 + end)).ask("") == "x" * 4096


def test_endless_line() -> None:
    """A longer line is refused, and not taken for two."""
    with pytest.raises(CommandError, match=r"^a line of standard input has more than 4096 characters$"):
        console(io.StringIO("x" * 4098)).ask("")


def test_longer_by_one() -> None:
    """One character more than the longest is refused too."""
    with pytest.raises(CommandError):
        console(io.StringIO("x" * 4097 + "\n")).ask("")


@pytest.mark.proves("T22")
def test_repr() -> None:
    """A console does not show the environment."""
    assert "CANARY" not in repr(console(io.StringIO(), "CANARY"))


@pytest.mark.proves("T22")
def test_echoing_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where what is typed would be shown, nothing is asked."""
    monkeypatch.setattr(getpass, "getpass", vars(getpass)["fallback_getpass"])
    monkeypatch.setattr(sys, "stdin", Screen("CANARY\n"))
    with pytest.raises(
        CommandError, match=r"^this terminal would show the secret; use TOTPKIT_SECRET or a pipe$"
    ):
        ask_hidden("? ")
    assert sys.stdin.tell() == 0


def test_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it would not, the answer is what was typed."""
    monkeypatch.setattr(getpass, "getpass", lambda prompt: f"{prompt}answer")
    assert ask_hidden("? ") == "? answer"


def test_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The console of a process has its streams and its environment."""
    stdin, stdout, stderr = io.StringIO(), io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdin", stdin)
    monkeypatch.setattr(sys, "stdout", stdout)
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setenv("TOTPKIT_SECRET", "JBSWY3DP")
    own = Console.of_process()
    assert (own.stdin, own.stdout, own.stderr) == (stdin, stdout, stderr)
    assert own.secret_text() == "JBSWY3DP"


def test_process_without_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was started without streams reads nothing, and cannot show what it has to."""
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    own = Console.of_process()
    with pytest.raises(OSError, match="Bad file descriptor"):
        own.say("lost")
    own.mute()
    own.complain("lost")
    assert own.ask("") is None


def test_complain_to_nobody() -> None:
    """A standard error that fails is no second error."""
    source, target = os.pipe()
    os.close(source)
    with os.fdopen(target, "w", buffering=1) as stderr:
        broken = Console(stdin=Screen(), stdout=io.StringIO(), stderr=stderr, environ={})
        broken.complain("nobody hears this")
        broken.end_prompt()
        os.dup2(os.open(os.devnull, os.O_WRONLY), target)  # for what still waits to be written


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
    given = Console(stdin=io.StringIO(), stdout=stdout, stderr=io.StringIO(), environ=environ)
    assert given.is_screen == is_screen
