"""Show QR codes, verification results and codes with a countdown."""

import math

from totpkit._cli.console import Console
from totpkit._otp.qr import QR
from totpkit._otp.result import Accepted, Reason, Rejected
from totpkit._otp.time_based import Timed

_LONGEST_BAR = 30
_BESIDE_BAR = 30
"""The maximum width of the code, the seconds and the spaces between them, in columns."""

_EXPLANATIONS = {
    Reason.MALFORMED: " (not in the form of a code)",
    Reason.MISMATCH: " (not the expected code)",
    Reason.REPLAYED: " (this code was already used)",
}


def verdict(result: Accepted | Rejected) -> str:
    """Describe a verification result in one line, including the step to store."""
    if isinstance(result, Accepted):
        return f"accepted: step {result.step}, drift {result.drift}"
    return f"rejected: {result.reason}{_EXPLANATIONS.get(result.reason, '')}"


def seconds_left(otp: Timed, time: float) -> str:
    """Describe how long the code for *time* remains valid, rounded up to whole seconds."""
    return f"{math.ceil(otp.remaining(time))} s left"


def printable(text: str) -> str:
    """Escape all characters in *text* that are invisible or could affect how it is displayed.

    The text may come from an attacker. For example, a right-to-left override can make one name look
    like another.
    """
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def show_qr(code: QR, console: Console, *, alternative: str, lines_below: int = 1) -> None:
    """Draw a QR code. Also print an error if it doesn't fit on the terminal.

    *alternative* is part of the error message, and says what else the user can do. *lines_below* is
    the number of lines that will be printed below the QR code. Raises :class:`UnicodeEncodeError`
    if standard output cannot encode block characters.
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
    """Show the current code until the user presses Ctrl-C. Return the exit status, which is always 0.

    On a terminal, the code and a countdown are updated every second. If the output is not a
    terminal, each new code is printed on its own line.
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
