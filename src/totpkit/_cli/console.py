"""Provide terminal input and output, environment variables and a clock to the commands."""

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

from totpkit._otp.uri_syntax import LONGEST
from totpkit._validation import Clock

VARIABLE = "TOTPKIT_SECRET"
"""The environment variable that may contain the secret."""


class CommandError(Exception):
    """The command cannot continue.

    The message is a single line, and never contains a secret or a code.
    """


def ask_hidden(prompt: str) -> str:
    """Ask the user for a secret without showing it on the terminal.

    Raises :class:`CommandError` if the terminal cannot hide the input, and :class:`EOFError` at the
    end of the input.
    """
    with warnings.catch_warnings():
        # getpass only warns when it cannot turn the echo off, and then reads the secret visibly.
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass(prompt)
        except getpass.GetPassWarning:
            pass
    raise CommandError(f"this terminal would show the secret as you type it; use {VARIABLE} or a pipe")


class _MissingOutput(StringIO):
    """Used if the process has no standard output. Every write raises :class:`OSError`."""

    def write(self, _: str, /) -> int:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """The streams, the environment variables, the clock and the terminal for a command."""

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
        """Return the console of this process.

        A missing standard input reads as empty. Writing to a missing standard output raises
        :class:`OSError`. Everything that is written to a missing standard error is discarded.
        """
        return cls(
            stdin=sys.stdin or StringIO(),
            stdout=sys.stdout or _MissingOutput(),
            stderr=sys.stderr or StringIO(),
            environ=os.environ,
        )

    @property
    def is_screen(self) -> bool:
        """Whether standard output is a terminal that supports escape sequences."""
        return self.stdout.isatty() and self.environ.get("TERM") != "dumb"

    def write(self, text: str) -> None:
        """Write *text* to standard output and flush it."""
        self.stdout.write(text)
        self.stdout.flush()

    def print(self, *lines: str) -> None:
        """Write *lines* to standard output."""
        self.write("".join(f"{line}\n" for line in lines))

    def print_error(self, message: str) -> None:
        """Write one line to standard error. Ignore the error if that fails."""
        with suppress(OSError):
            self.stderr.write(f"totpkit: {message}\n")
            self.stderr.flush()

    def ask(self, prompt: str) -> str | None:
        """Read a line from standard input, or return ``None`` at the end of the input.

        If standard input is a terminal, the *prompt* is written to standard error. Raises
        :class:`CommandError` if the line is too long for a secret or a code.
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

    def read_secret(self) -> str:
        """Read a secret from the environment, from a prompt or from standard input.

        Raises :class:`CommandError` if there is no secret.
        """
        text: str | None
        if VARIABLE in self.environ:
            text = self.environ[VARIABLE]
        elif self.stdin.isatty():
            text = self._ask_for_secret()
        else:
            text = self.ask("")
        if text is None:
            raise CommandError(
                f"no secret found; set {VARIABLE}, enter it at the prompt or pass it on standard input"
            )
        return text.strip()

    def _ask_for_secret(self) -> str | None:
        try:
            return self.ask_hidden("Secret or key URI (hidden): ")
        except EOFError:
            self.end_prompt()
            return None

    def end_prompt(self) -> None:
        """Start a new line after the user has pressed Ctrl-C or Ctrl-D at a prompt."""
        if self.stdin.isatty():
            with suppress(OSError):
                self.stderr.write("\n")

    def discard_output(self) -> None:
        """Discard all further output.

        Otherwise, Python would flush standard output again when the process exits, print a
        traceback and change the exit status.
        """
        with suppress(OSError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.stdout.fileno())
            os.close(null)
