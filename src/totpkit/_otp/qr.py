"""Draw key URIs and migration payloads as QR codes.

segno draws the symbols. It is imported only when the first one is drawn.
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
"""Pixels per module; a symbol of version 5 is then 360 pixels wide."""

_CAPACITY = 2953
"""Bytes that fit into the largest symbol (ISO/IEC 18004, version 40-L)."""

_TITLE = "QR code"
_SVG_START = f'<svg role="img" aria-label="{_TITLE}" '
"""Makes a screen reader say only the title, because the text in the symbol is a secret."""


class _Symbol(Protocol):
    def save(self, out: IO[bytes], kind: str, **options: object) -> None: ...

    def terminal(self, out: TextIO, *, compact: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class QR(Unpicklable):
    """A QR code, dark on light, with the quiet zone that scanners need.

    It is as secret as the secret in it. Send it only to its owner, over TLS, and don't cache it.
    ``scale`` is the number of pixels per module, 1 to 100.
    """

    _instead: ClassVar[str] = "it shows a secret; draw it again instead"

    _symbol: _Symbol = field(repr=False)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def svg(self, *, scale: int = _SCALE) -> str:
        """Return an SVG document, which you can also insert into HTML."""
        out = io.BytesIO()
        options = {"scale": _checked(scale), "light": "#fff", "title": _TITLE, "unit": "px"}
        self._symbol.save(out, "svg", xmldecl=False, nl=False, svgclass=None, lineclass=None, **options)
        return out.getvalue().decode("utf-8").replace("<svg ", _SVG_START, 1)

    def png(self, *, scale: int = _SCALE) -> bytes:
        """Return a PNG file."""
        out = io.BytesIO()
        self._symbol.save(out, "png", scale=_checked(scale))
        return out.getvalue()

    def data_uri(self, *, scale: int = _SCALE) -> str:
        """Return the PNG as a ``data:`` URI, for the ``src`` of an HTML image."""
        return "data:image/png;base64," + base64.b64encode(self.png(scale=scale)).decode("ascii")

    def terminal(self, *, ansi: bool = False) -> str:
        """Return lines of half-block characters, two modules high each, without a final newline.

        The light modules are drawn in the text color, which suits a dark terminal. With *ansi*,
        escape sequences set white on black, which suits any terminal.
        """
        out = io.StringIO()
        self._symbol.terminal(out, compact=True)
        lines = out.getvalue().splitlines()
        return "\n".join(f"\x1b[97;40m{line}\x1b[0m" if ansi else line for line in lines)

    def save(self, path: str | os.PathLike[str], *, scale: int = _SCALE) -> None:
        """Write an ``.svg`` or ``.png`` file, according to the ending of *path*.

        Only the owner can read it. Raises :class:`InvalidParameterError` for another ending, and
        :class:`OSError`.
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
    """Write a file that only its owner can read, replacing an older one.

    A device or a pipe is written to directly. Raises :class:`OSError`.
    """
    target = Path(path)
    if target.exists() and not target.is_file():
        target.write_bytes(content)
        return
    # A new file is renamed to the old name: somebody may have the old file open already.
    temporary = target.with_name(f".{target.name[:40]}.{os.urandom(4).hex()}")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        temporary.replace(target)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def qr(uri: str) -> QR:
    """Draw *uri*, the text of a key URI or of a migration payload, as a QR code.

    Raises :class:`InvalidParameterError` for anything but a ``str`` of 1 to 2953 bytes in UTF-8,
    the capacity of the largest symbol.
    """
    import segno  # noqa: PLC0415 - importing it takes long, and not everybody draws

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
