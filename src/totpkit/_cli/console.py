"""Read and write the terminal, the standard streams and the environment for the commands."""

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
    """A command cannot continue. The message is one line without a secret or a code."""


def ask_hidden(prompt: str) -> str:
    """Ask on the terminal without echo.

    Raises :class:`CommandError` if the terminal would show what the user types, and
    :class:`EOFError` at the end of the input.
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
    """The standard output of a process that was started without one. Each write is an error."""

    def write(self, _: str, /) -> int:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """The streams, the environment, the clock and the terminal that a command uses."""

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

        A missing standard input is empty, writing to a missing standard output is an error, and a
        missing standard error discards what is written to it.
        """
        return cls(
            stdin=sys.stdin or StringIO(),
            stdout=sys.stdout or _MissingOutput(),
            stderr=sys.stderr or StringIO(),
            environ=os.environ,
        )

    @property
    def is_screen(self) -> bool:
        """Whether standard output is a terminal that understands escape sequences."""
        return self.stdout.isatty() and self.environ.get("TERM") != "dumb"

    def write(self, text: str) -> None:
        """Write *text* to standard output and flush it."""
        self.stdout.write(text)
        self.stdout.flush()

    def print(self, *lines: str) -> None:
        """Write *lines* to standard output."""
        self.write("".join(f"{line}\n" for line in lines))

    def print_error(self, message: str) -> None:
        """Write one line to standard error, if it is still open."""
        with suppress(OSError):
            self.stderr.write(f"totpkit: {message}\n")
            self.stderr.flush()

    def ask(self, prompt: str) -> str | None:
        """Return the next line of standard input, or ``None`` at its end.

        The *prompt* goes to standard error, and only if standard input is a terminal. Raises
        :class:`CommandError` for a line that is longer than any secret or code.
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
        """Return the text of a secret from the environment, a prompt or standard input.

        Raises :class:`CommandError` if there is none.
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
        """Start a new line after a prompt that the user left with Ctrl-C or Ctrl-D."""
        if self.stdin.isatty():
            with suppress(OSError):
                self.stderr.write("\n")

    def discard_output(self) -> None:
        """Send the rest of standard output nowhere.

        Python flushes standard output again when the process ends, and a second error there would
        print a traceback and change the exit status.
        """
        with suppress(OSError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.stdout.fileno())
            os.close(null)
