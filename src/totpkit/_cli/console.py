"""Where the command line reads and writes. Knows nothing of its commands."""

import errno
import getpass
import os
import shutil
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from io import StringIO
from typing import Self, TextIO

from totpkit._clock import Clock
from totpkit._otp.uri_syntax import LONGEST

VARIABLE = "TOTPKIT_SECRET"
"""The environment variable that a secret is read from."""


class CommandError(Exception):
    """A command cannot go on; its text is one line without a secret or a code."""


def ask_hidden(prompt: str) -> str:
    """Ask on the terminal without echo.

    Raises :class:`CommandError` if the terminal would show what is typed, and
    :class:`EOFError`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass(prompt)
        except getpass.GetPassWarning:
            pass
    raise CommandError(f"this terminal would show the secret; use {VARIABLE} or a pipe")


class _Missing(StringIO):
    """A standard output that the process was started without: each write says that it is not there."""

    def write(self, _: str, /) -> int:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """The streams, the environment, the clock and the terminal that a command works with."""

    stdin: TextIO
    stdout: TextIO
    stderr: TextIO
    environ: Mapping[str, str] = field(repr=False)
    clock: Clock = time.time
    sleep: Callable[[float], None] = time.sleep
    ask_hidden: Callable[[str], str] = ask_hidden
    size: Callable[[], os.terminal_size] = shutil.get_terminal_size

    @classmethod
    def of_process(cls) -> Self:
        """Return this process's own.

        An input that it was started without is empty, an output cannot be written to, and
        complaints go nowhere.
        """
        return cls(
            stdin=sys.stdin or StringIO(),
            stdout=sys.stdout or _Missing(),
            stderr=sys.stderr or StringIO(),
            environ=os.environ,
        )

    @property
    def is_screen(self) -> bool:
        """Whether standard output is a terminal that understands escape sequences."""
        return self.stdout.isatty() and self.environ.get("TERM") != "dumb"

    def write(self, text: str) -> None:
        """Write *text* to standard output, at once."""
        self.stdout.write(text)
        self.stdout.flush()

    def say(self, *lines: str) -> None:
        """Write *lines* to standard output."""
        self.write("".join(f"{line}\n" for line in lines))

    def complain(self, problem: str) -> None:
        """Write one line to standard error, if that still stands."""
        with suppress(OSError):
            self.stderr.write(f"totpkit: {problem}\n")
            self.stderr.flush()

    def ask(self, prompt: str) -> str | None:
        """Return the next line of standard input, ``None`` at its end.

        Only a terminal gets the *prompt*, on standard error. Raises :class:`CommandError`
        for a line longer than any secret or code.
        """
        if self.stdin.isatty():
            self.stderr.write(prompt)
            self.stderr.flush()
        line = self.stdin.readline(LONGEST + 2)
        if len(line) > LONGEST + 1:
            raise CommandError(f"a line of standard input has more than {LONGEST} characters")
        if not line.endswith("\n"):
            self.end_prompt()
        return line.removesuffix("\n") if line else None

    def secret_text(self) -> str:
        """Return what stands for a secret, from the environment, a prompt or standard input.

        Raises :class:`CommandError` if there is nothing to read.
        """
        text: str | None
        if VARIABLE in self.environ:
            text = self.environ[VARIABLE]
        elif self.stdin.isatty():
            text = self._prompted_secret()
        else:
            text = self.ask("")
        if text is None:
            raise CommandError(f"no secret in {VARIABLE}, at the prompt or on standard input")
        return text.strip()

    def _prompted_secret(self) -> str | None:
        try:
            return self.ask_hidden("Secret or key URI (not shown): ")
        except EOFError:
            self.end_prompt()
            return None

    def end_prompt(self) -> None:
        """Begin a new line after a prompt that was answered by Ctrl-C or Ctrl-D."""
        if self.stdin.isatty():
            with suppress(OSError):
                self.stderr.write("\n")

    def mute(self) -> None:
        """Let what standard output could not take go nowhere, also when the process ends."""
        with suppress(OSError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.stdout.fileno())
            os.close(nowhere)
