"""Print QR codes, the results of a verification, and codes that count down."""

import math

from totpkit._cli.console import Console
from totpkit._otp.qr import QR
from totpkit._otp.result import Accepted, Reason, Rejected
from totpkit._otp.time_based import Timed

_LONGEST_BAR = 30
_BESIDE_BAR = 30
"""The columns that the code, the seconds and the spaces between them need at most."""

_EXPLANATIONS = {
    Reason.MALFORMED: " (not in the form of a code)",
    Reason.MISMATCH: " (not the expected code)",
    Reason.REPLAYED: " (this code was already used)",
}


def verdict(result: Accepted | Rejected) -> str:
    """Describe the result of a verification, with the step to store."""
    if isinstance(result, Accepted):
        return f"accepted: step {result.step}, drift {result.drift}"
    return f"rejected: {result.reason}{_EXPLANATIONS.get(result.reason, '')}"


def seconds_left(otp: Timed, time: float) -> str:
    """Describe how long the code at *time* is valid, rounded up to whole seconds."""
    return f"{math.ceil(otp.remaining(time))} s left"


def printable(text: str) -> str:
    """Return *text* with every character escaped that is invisible or could change the display.

    A stranger may have chosen the text, for example with a right-to-left override that makes one
    name look like another.
    """
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def show_qr(code: QR, console: Console, *, alternative: str, lines_below: int = 1) -> None:
    """Draw a QR code, and print an error if the terminal is too small to show all of it.

    *alternative* tells the user what to do instead. *lines_below* is the number of lines that
    follow. Raises :class:`UnicodeEncodeError` if standard output cannot encode block characters.
    """
    lines = code.terminal().split("\n")
    console.print(code.terminal(ansi=True) if console.is_screen else "\n".join(lines))
    if console.is_screen:
        size, columns, rows = console.size(), len(lines[0]), len(lines) + lines_below
        if size.columns < columns or size.lines < rows:
            console.print_error(
                f"the QR code needs {columns} columns and {rows} lines, but this terminal has {size.columns} "
                f"and {size.lines}: enlarge the window, use a smaller font, or {alternative}"
            )


def watch(otp: Timed, console: Console) -> int:
    """Show the current code until the user presses Ctrl-C. Return exit status 0.

    On a terminal, one line is redrawn every second. Elsewhere, each new code is a line.
    """
    shown = None
    try:
        while True:
            now = console.clock()
            if console.is_screen:
                # Carriage return, and "erase to the end of the line" (ECMA-48, EL).
                console.write(f"\r{_line(otp, now, console.size().columns)}\x1b[K")
            elif otp.step(now) != shown:
                shown = otp.step(now)
                console.print(f"{otp.at(now)}  {seconds_left(otp, now)}")
            console.sleep(1 - now % 1)  # until the next whole second, so that the count never skips one
    except KeyboardInterrupt:
        if console.is_screen:
            console.write("\n")
    return 0


def _line(otp: Timed, now: float, columns: int) -> str:
    width = max(0, min(_LONGEST_BAR, columns - _BESIDE_BAR))
    filled = round(width * otp.remaining(now) / otp.period)
    bar = f"[{'#' * filled}{'.' * (width - filled)}]  " if width else ""
    return f"{otp.at(now)}  {bar}{seconds_left(otp, now)}"
