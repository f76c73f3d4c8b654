"""Draw key URIs and migration payloads as QR codes.

The segno library draws the QR codes. It is imported on first use.
"""

import base64
import io
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, ClassVar, Protocol, Self, TextIO

from totpkit._unpicklable import Unpicklable
from totpkit._validation import checked_int, is_unicode
from totpkit.errors import InvalidParameterError

_SCALE = 8
"""Pixels per module. With this scale, a version 5 QR code is 360 pixels wide."""

_CAPACITY = 2953
"""The capacity of the largest QR code in bytes (ISO/IEC 18004, version 40-L)."""

_TITLE = "QR code"
_SVG_START = f'<svg role="img" aria-label="{_TITLE}" '
"""Screen readers read only the title, because the text in the QR code is secret."""


class _Symbol(Protocol):
    def save(self, out: IO[bytes], kind: str, **options: object) -> None: ...

    def terminal(self, out: TextIO, *, compact: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class QR(Unpicklable):
    """A QR code with dark modules on a light background and the margin that scanners need.

    Anyone who sees the QR code can read the secret in it. Show it only to the user, send it over
    TLS, and don't cache it. The *scale* arguments set the size of a module in pixels, from 1 to
    100.
    """

    _instead: ClassVar[str] = "it shows a secret; draw it again instead"

    _symbol: _Symbol = field(repr=False)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def svg(self, *, scale: int = _SCALE) -> str:
        """Return the QR code as an SVG document, which you can embed in an HTML page."""
        out = io.BytesIO()
        options = {"scale": _checked(scale), "light": "#fff", "title": _TITLE, "unit": "px"}
        self._symbol.save(out, "svg", xmldecl=False, nl=False, svgclass=None, lineclass=None, **options)
        return out.getvalue().decode("utf-8").replace("<svg ", _SVG_START, 1)

    def png(self, *, scale: int = _SCALE) -> bytes:
        """Return the QR code as a PNG image."""
        out = io.BytesIO()
        self._symbol.save(out, "png", scale=_checked(scale))
        return out.getvalue()

    def data_uri(self, *, scale: int = _SCALE) -> str:
        """Return the PNG image as a ``data:`` URI, for the ``src`` attribute of an HTML image."""
        return "data:image/png;base64," + base64.b64encode(self.png(scale=scale)).decode("ascii")

    def terminal(self, *, ansi: bool = False) -> str:
        """Return the QR code as block characters for a terminal, without a final newline.

        Each character represents two modules, one above the other. By default, light modules are
        drawn in the text color, so the terminal needs a dark background. If *ansi* is true, escape
        sequences set the colors to white on black, which works on any background.
        """
        out = io.StringIO()
        self._symbol.terminal(out, compact=True)
        lines = out.getvalue().splitlines()
        return "\n".join(f"\x1b[97;40m{line}\x1b[0m" if ansi else line for line in lines)

    def save(self, path: str | os.PathLike[str], *, scale: int = _SCALE) -> None:
        """Save the QR code as an SVG or PNG file, depending on the extension of *path*.

        Only the file's owner can read it. Raises :class:`InvalidParameterError` if the extension is
        neither ``.svg`` nor ``.png``, and :class:`OSError` if the file cannot be written.
        """
        if not isinstance(path, str | os.PathLike):
            raise InvalidParameterError("path", f"must be a str or a path, not {type(path).__name__}")
        match Path(path).suffix.lower():
            case ".svg":
                content = self.svg(scale=scale).encode("utf-8")
            case ".png":
                content = self.png(scale=scale)
            case _:
                raise InvalidParameterError("path", "must end in .svg or .png")
        write_private(path, content)


def write_private(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file that only its owner can read, replacing any existing file.

    If *path* is a device or a pipe, the content is written to it directly. Raises :class:`OSError`
    if that fails.
    """
    target = Path(path)
    if target.exists() and not target.is_file():
        target.write_bytes(content)
        return
    # Replace the old file instead of writing to it, because another program may have it open.
    temporary = target.with_name(f".{target.name[:40]}.{os.urandom(4).hex()}")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        temporary.replace(target)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def qr(uri: str) -> QR:
    """Return a QR code that contains *uri*, which can be a key URI or a migration payload.

    Raises :class:`InvalidParameterError` unless *uri* is a ``str`` that takes up 1 to 2953 bytes in
    UTF-8. No QR code can contain more.
    """
    import segno  # noqa: PLC0415 - slow to import, and not every app draws QR codes

    wanted = f"must be a str of 1 to {_CAPACITY} bytes in UTF-8 to fit into a QR code"
    if not isinstance(uri, str):
        raise InvalidParameterError("uri", f"{wanted}, not {type(uri).__name__}")
    if not is_unicode(uri):
        raise InvalidParameterError("uri", f"{wanted}, without lone surrogates")
    size = len(uri.encode("utf-8"))
    if not 0 < size <= _CAPACITY:
        raise InvalidParameterError("uri", f"{wanted}, not {size} bytes")
    return QR(segno.make(uri, error="l", micro=False, encoding="utf-8"))


def _checked(scale: int) -> int:
    return checked_int("scale", scale, 1, 100)
