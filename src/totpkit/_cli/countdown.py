"""A code kept current on the terminal. Knows nothing of where the secret came from."""

from totpkit._cli.console import Console
from totpkit._cli.wording import seconds_left
from totpkit._otp.time_based import Timed

_LONGEST_BAR = 30
_BESIDE_BAR = 30
"""Columns that the code, the seconds and the space between take at most."""


def watch(otp: Timed, console: Console) -> int:
    """Show the current code until the user interrupts; return exit status 0.

    On a terminal one line is redrawn every second; elsewhere each new code gets a line.
    """
    shown = None
    try:
        while True:
            now = console.clock()
            if console.is_screen:
                # Carriage return and "erase to the end of the line" (ECMA-48, EL).
                console.write(f"\r{_line(otp, now, console.size().columns)}\x1b[K")
            elif otp.step(now) != shown:
                shown = otp.step(now)
                console.say(f"{otp.at(now)}  {seconds_left(otp, now)}")
            console.sleep(1 - now % 1)
    except KeyboardInterrupt:
        if console.is_screen:
            console.write("\n")
    return 0


def _line(otp: Timed, now: float, columns: int) -> str:
    width = max(0, min(_LONGEST_BAR, columns - _BESIDE_BAR))
    filled = round(width * otp.remaining(now) / otp.period)
    bar = f"[{'#' * filled}{'.' * (width - filled)}]  " if width else ""
    return f"{otp.at(now)}  {bar}{seconds_left(otp, now)}"
