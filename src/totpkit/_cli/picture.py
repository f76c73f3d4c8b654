"""A QR picture on the terminal. Knows nothing of what is in it."""

from totpkit._cli.console import Console
from totpkit._otp.qr import QR


def show_picture(picture: QR, console: Console, *, instead: str, below: int = 1) -> None:
    """Draw *picture*, and say so if the terminal is too small to show it in one piece.

    *instead* tells how to do without it, and *below* is how many lines will stand under it.
    Raises :class:`UnicodeEncodeError` if the encoding of standard output has no block
    characters.
    """
    lines = picture.terminal().split("\n")
    console.say(picture.terminal(ansi=True) if console.is_screen else "\n".join(lines))
    if console.is_screen:
        size, columns, rows = console.size(), len(lines[0]), len(lines) + below
        if size.columns < columns or size.lines < rows:
            console.complain(
                f"the picture needs {columns} columns and {rows} lines, this terminal has {size.columns} "
                f"and {size.lines}: make the window larger or its letters smaller, or {instead}"
            )
