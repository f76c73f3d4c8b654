"""QR pictures of key URIs. Knows nothing of what the text means.

The symbol is drawn by segno, which is imported with the first picture.
"""

import base64
import io
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NoReturn, Protocol, Self, TextIO

from totpkit._validation import checked_int, is_unicode
from totpkit.errors import InvalidParameterError

_SCALE = 8
"""Pixels a module; a symbol of version 5 is then 360 pixels wide."""

_CAPACITY = 2953
"""Bytes that the largest symbol holds (ISO/IEC 18004, version 40-L)."""

_TITLE = "QR code"
_SPOKEN = f'<svg role="img" aria-label="{_TITLE}" '
"""What screen readers say of an SVG: never the text in it, which is a secret."""


class _Symbol(Protocol):
    def save(self, out: IO[bytes], kind: str, **options: object) -> None: ...

    def terminal(self, out: TextIO, *, compact: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class QR:
    """A QR picture, dark on light with the quiet zone that scanners need.

    It is as secret as the secret in it: send it only to its owner, over TLS, uncached.
    ``scale`` is the pixels a module, 1 to 100.
    """

    _symbol: _Symbol = field(repr=False)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a QR cannot be pickled: it shows a secret")

    def svg(self, *, scale: int = _SCALE) -> str:
        """Return an SVG document, which can also stand inside HTML as it is."""
        out = io.BytesIO()
        options = {"scale": _checked(scale), "light": "#fff", "title": _TITLE, "unit": "px"}
        self._symbol.save(out, "svg", xmldecl=False, nl=False, svgclass=None, lineclass=None, **options)
        return out.getvalue().decode("utf-8").replace("<svg ", _SPOKEN, 1)

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

        The light modules are the ink, so that it is right on a dark terminal; *ansi* sets
        white and black by escape sequences, so that it is right on any.
        """
        out = io.StringIO()
        self._symbol.terminal(out, compact=True)
        lines = out.getvalue().splitlines()
        return "\n".join(f"\x1b[97;40m{line}\x1b[0m" if ansi else line for line in lines)

    def save(self, path: str | os.PathLike[str], *, scale: int = _SCALE) -> None:
        """Write ``.svg`` or ``.png``, by the ending of *path*, readable by the owner alone.

        Raises :class:`InvalidParameterError` for another ending, and :class:`OSError`.
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
    """Write a file that its owner alone can read, in place of an older one that others could.

    It is a new file under the old name, so that nobody has it open already; a device or a
    pipe is written to as it is. Raises :class:`OSError`.
    """
    target = Path(path)
    if target.exists() and not target.is_file():
        target.write_bytes(content)
        return
    fresh = target.with_name(f".{target.name[:40]}.{os.urandom(4).hex()}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        fresh.replace(target)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise


def qr(uri: str) -> QR:
    """Draw *uri*, the text of a key URI or of a migration payload.

    Raises :class:`InvalidParameterError` for anything but a ``str`` of 1 to 2953 bytes in
    UTF-8, which is what the largest symbol holds.
    """
    import segno  # noqa: PLC0415 - only those who draw pay for it

    wanted = f"must be a str of 1 to {_CAPACITY} bytes in UTF-8, which fit a QR code"
    if not isinstance(uri, str):
        raise InvalidParameterError("uri", f"{wanted}, not {type(uri).__name__}")
    if not is_unicode(uri):
        raise InvalidParameterError("uri", f"{wanted}, without lone surrogates")
    size = len(uri.encode("utf-8"))
    if not 0 < size <= _CAPACITY:
        raise InvalidParameterError("uri", f"{wanted}, not of {size}")
    return QR(segno.make(uri, error="l", micro=False, encoding="utf-8"))


def _checked(scale: int) -> int:
    return checked_int("scale", scale, 1, 100)
