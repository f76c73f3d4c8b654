"""QR pictures, read back by an independent decoder."""

import base64
import io
import itertools
import os
import pickle
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import resvg_py
import zxingcpp
from hypothesis import given, settings, strategies as st
from PIL import Image, ImageOps

from tests.support.strategies import RFC_SECRET, key_uris
from totpkit import QR, TOTP, InvalidParameterError, KeyURI, qr

URI = TOTP(RFC_SECRET).uri(account="alice@example.com", issuer="Acme")
CAPACITY = "uri must be a str of 1 to 2953 bytes in UTF-8, which fit a QR code"
BLACK, WHITE = 0, 255
QUIET = 4  # modules that scanners need around a symbol (ISO/IEC 18004, section 9.1)


def decoded(image: bytes | Image.Image) -> str:
    """Return what a scanner reads that wants dark on light."""
    picture = grey(image) if isinstance(image, bytes) else enlarged(image)
    found = zxingcpp.read_barcodes(picture, zxingcpp.BarcodeFormat.QRCode, try_invert=False)
    assert len(found) == 1
    return found[0].text


def grey(image: bytes) -> Image.Image:
    """Return a PNG in shades of grey."""
    return Image.open(io.BytesIO(image)).convert("L")


def enlarged(image: Image.Image) -> Image.Image:
    """Return a picture whose modules are one pixel wide as a camera would see it."""
    return image.resize((image.width * 6, image.height * 6), Image.Resampling.NEAREST)


def terminal_view(text: str, *, ink: int, paper: int) -> Image.Image:
    """Return the picture that a terminal of these two colours shows, one pixel a module."""
    rows: list[list[int]] = []
    for line in text.split("\n"):
        upper, lower = [], []
        for character, (foreground, background) in cells(line, ink, paper):
            top, bottom = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}[character]
            upper.append(foreground if top else background)
            lower.append(foreground if bottom else background)
        rows += [upper, lower]
    return Image.frombytes("L", (len(rows[0]), len(rows)), bytes(itertools.chain.from_iterable(rows)))


def cells(line: str, ink: int, paper: int) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield the characters of a line with the colours that escape sequences give them."""
    colours = (ink, paper)
    for sequence, character in re.findall("\x1b\\[([0-9;]*)m|(.)", line):
        if character:
            yield character, colours
        else:
            colours = {"97;40": (WHITE, BLACK), "0": (ink, paper)}[sequence]


@settings(max_examples=25)
@given(key_uris.filter(lambda uri: len(str(uri)) < 1500))
def test_key_uris(uri: KeyURI) -> None:
    """A scanner reads the key URI in every form of its picture."""
    picture = qr(str(uri))
    assert str(uri) == decoded(picture.png(scale=4))
    assert str(uri) == decoded(resvg_py.svg_to_bytes(svg_string=picture.svg(scale=4)))
    assert str(uri) == decoded(terminal_view(picture.terminal(), ink=WHITE, paper=BLACK))


@settings(max_examples=25)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=100))
def test_any_text(text: str) -> None:
    """A scanner reads any text, of whatever script."""
    assert text == decoded(qr(text).png())


@pytest.mark.parametrize("scale", [1, 2, 3, 8, 20])
def test_scales(scale: int) -> None:
    """Every size is read, and a module has as many pixels as asked for."""
    picture = qr(URI)
    png = grey(picture.png(scale=scale))
    svg = grey(resvg_py.svg_to_bytes(svg_string=picture.svg(scale=scale)))
    modules = len(picture.terminal().split("\n")[0])
    assert (modules * scale,) * 2 == png.size == svg.size
    assert decoded(png) == URI
    assert png.tobytes() == svg.tobytes()


def test_data_uri() -> None:
    """The data URI holds the PNG."""
    head, _, data = qr(URI).data_uri().partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(data, validate=True) == qr(URI).png()
    assert decoded(base64.b64decode(qr(URI).data_uri(scale=3).partition(",")[2])) == URI


def test_svg() -> None:
    """The SVG is one element that can stand in HTML: no declaration, a title, nothing loaded."""
    root = ET.fromstring(qr(URI).svg())  # noqa: S314 - a text of ours
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert {"title", "g", "path"} == {
        child.tag.rpartition("}")[2] for child in root.iter() if child is not root
    }
    assert qr(URI).svg().startswith("<svg ")
    assert "href" not in qr(URI).svg()


@settings(max_examples=25)
@given(key_uris.filter(lambda uri: len(str(uri)) < 1500))
def test_svg_spoken(uri: KeyURI) -> None:
    """A screen reader says of the SVG that it is a QR code, and nothing of what is in it."""
    root = ET.fromstring(qr(str(uri)).svg())  # noqa: S314 - a text of ours
    assert (root.get("role"), root.get("aria-label"), root[0].text) == ("img", "QR code", "QR code")
    texts = [text for text in root.itertext() if text.strip()]
    named = {name for element in root.iter() for name in element.attrib}
    assert texts == ["QR code"]
    assert named == {"role", "aria-label", "width", "height", "viewBox", "transform", "fill", "stroke", "d"}


def test_plain_terminal() -> None:
    """The plain form is right on a dark terminal, and inverted on a light one."""
    text = qr(URI).terminal()
    assert decoded(terminal_view(text, ink=WHITE, paper=BLACK)) == URI
    assert decoded(ImageOps.invert(terminal_view(text, ink=BLACK, paper=WHITE))) == URI
    assert set(text) == set(" ▀▄█\n")
    assert not text.endswith("\n")


@pytest.mark.parametrize(("ink", "paper"), [(WHITE, BLACK), (BLACK, WHITE), (128, 128)])
def test_ansi_terminal(ink: int, paper: int) -> None:
    """The form with escape sequences is right on a dark terminal, on a light one, and on any other."""
    text = qr(URI).terminal(ansi=True)
    assert decoded(terminal_view(text, ink=ink, paper=paper)) == URI
    assert all(line.startswith("\x1b[97;40m") and line.endswith("\x1b[0m") for line in text.split("\n"))


def test_quiet_zone() -> None:
    """Every form has the four light modules around the symbol that scanners need, and not more."""
    picture = qr(URI)
    png = grey(picture.png(scale=1))
    terminal = terminal_view(picture.terminal(), ink=WHITE, paper=BLACK)
    for image in (png, terminal.crop((0, 0, *png.size))):
        dark = ImageOps.invert(image).getbbox()
        assert dark == (QUIET, QUIET, png.width - QUIET, png.height - QUIET)


def test_same_again() -> None:
    """The same text gives the same picture, byte for byte."""
    assert qr(URI).png() == qr(URI).png()
    assert qr(URI).svg() == qr(URI).svg()


@pytest.mark.parametrize("text", ["1", "a" * 2953, "1" * 2953, "é" * 1476 + "a"])
def test_capacity(text: str) -> None:
    """A picture holds from one byte to as many as the largest symbol does."""
    assert text == decoded(qr(text).png(scale=4))


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("", f"{CAPACITY}, not of 0"),
        ("a" * 2954, f"{CAPACITY}, not of 2954"),
        ("1" * 2954, f"{CAPACITY}, not of 2954"),
        ("é" * 1477, f"{CAPACITY}, not of 2954"),
        ("\ud800", f"{CAPACITY}, without lone surrogates"),
        (b"otpauth://totp/alice", f"{CAPACITY}, not bytes"),
        (None, f"{CAPACITY}, not NoneType"),
        (KeyURI.parse(URI), f"{CAPACITY}, not KeyURI"),
    ],
)
def test_refused(uri: object, message: str) -> None:
    """What does not fit is refused with what would."""
    with pytest.raises(InvalidParameterError) as caught:
        qr(uri)  # type: ignore[arg-type]
    assert message == str(caught.value)


@pytest.mark.parametrize("scale", [0, 101, -1, 1.5, "8", None, True])
@pytest.mark.parametrize("form", ["svg", "png", "data_uri"])
def test_scale_refused(form: str, scale: object) -> None:
    """The size is bounded in every form."""
    with pytest.raises(InvalidParameterError, match=r"^scale must be an int from 1 to 100, not "):
        getattr(qr(URI), form)(scale=scale)


def test_repr() -> None:
    """What is printed tells nothing of the text."""
    assert repr(qr(URI)) == "QR()"


@pytest.mark.parametrize("name", ["a.svg", "a.png", "a.SVG", "a.b.Png"])
def test_save(tmp_path: Path, name: str) -> None:
    """A picture is saved by the ending of its path, whose case does not matter."""
    for path in (tmp_path / name, str(tmp_path / f"x{name}")):
        qr(URI).save(path, scale=3)
        content = Path(path).read_bytes()
        expected = qr(URI).png(scale=3) if name.lower().endswith("png") else qr(URI).svg(scale=3).encode()
        assert expected == content


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_save_mode(tmp_path: Path, umask: int) -> None:
    """What is saved is readable by its owner alone, whatever the process would allow others."""
    before = os.umask(umask)
    try:
        qr(URI).save(tmp_path / "a.png")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.png").stat().st_mode) == 0o600


def test_save_over(tmp_path: Path) -> None:
    """Nothing stays of a longer file that a picture replaces."""
    path = tmp_path / "a.svg"
    path.write_text("x" * 100_000, encoding="utf-8")
    qr(URI).save(path)
    assert path.read_text(encoding="utf-8") == qr(URI).svg()


def test_save_over_mode(tmp_path: Path) -> None:
    """A file that others could read is theirs no longer when a picture replaces it."""
    path = tmp_path / "a.png"
    path.touch()
    path.chmod(0o666)
    qr(URI).save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_save_over_open_file(tmp_path: Path) -> None:
    """Who has the older file open reads nothing of the picture, nor does another file that it links to."""
    path, link = tmp_path / "a.png", tmp_path / "b.png"
    path.write_bytes(b"old")
    link.symlink_to(path)
    with path.open("rb") as opened:
        qr(URI).save(path)
        assert opened.read() == b"old"
    qr(URI).save(link, scale=2)
    assert path.read_bytes() == qr(URI).png()
    assert link.read_bytes() == qr(URI).png(scale=2)


def test_save_fails(tmp_path: Path) -> None:
    """Where a picture cannot take its place nothing is left of it."""
    with pytest.raises(OSError, match="No such file"):
        qr(URI).save(tmp_path / "missing" / "a.png")
    (tmp_path / "a.png").mkdir()
    with pytest.raises(OSError, match="directory"):
        qr(URI).save(tmp_path / "a.png")
    assert [tmp_path / "a.png"] == list(tmp_path.iterdir())


def test_save_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file whose place cannot be taken is removed, and the older one stays."""

    def refuse(_: Path, __: Path) -> Path:
        raise PermissionError

    (tmp_path / "a.png").write_bytes(b"old")
    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PermissionError):
        qr(URI).save(tmp_path / "a.png")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_save_no_path() -> None:
    """What is no path is refused, and no file descriptor is written to."""
    with pytest.raises(InvalidParameterError, match=r"^path must be a str or a path, not int$"):
        qr(URI).save(1)  # type: ignore[arg-type]


@pytest.mark.proves("T22")
def test_pickle() -> None:
    """A picture cannot be pickled: it shows a secret."""
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(qr(URI))


def test_save_pipe(tmp_path: Path) -> None:
    """What is no regular file, and may serve others too, keeps its mode."""
    path = tmp_path / "a.png"
    os.mkfifo(path)
    path.chmod(0o644)
    pipe = os.open(path, os.O_RDWR)  # a reader, without which the writer would wait
    try:
        qr(URI).save(path)
        assert os.read(pipe, 100_000) == qr(URI).png()
    finally:
        os.close(pipe)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


@pytest.mark.parametrize("name", ["a", "a.jpg", "svg", ".svg", "a.svg.gz", "a.svgz"])
def test_save_endings(tmp_path: Path, name: str) -> None:
    """Another ending is refused with those that there are, and nothing is written."""
    with pytest.raises(InvalidParameterError, match=r"^path must end in \.svg or \.png$"):
        qr(URI).save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_save_errors(tmp_path: Path) -> None:
    """What the system refuses is its error."""
    with pytest.raises(FileNotFoundError):
        qr(URI).save(tmp_path / "missing" / "a.png")
    (tmp_path / "a.png").mkdir()
    with pytest.raises(IsADirectoryError):
        qr(URI).save(tmp_path / "a.png")


def test_save_scale(tmp_path: Path) -> None:
    """A size out of range leaves no file behind."""
    for name in ("a.svg", "a.png"):
        with pytest.raises(InvalidParameterError):
            qr(URI).save(tmp_path / name, scale=0)
    assert list(tmp_path.iterdir()) == []


def test_all_forms_agree() -> None:
    """All forms show the same modules."""
    picture = qr(URI)
    png = grey(picture.png(scale=1))
    for ansi in (False, True):
        view = terminal_view(picture.terminal(ansi=ansi), ink=WHITE, paper=BLACK)
        assert png.tobytes() == view.crop((0, 0, *png.size)).tobytes()
    assert isinstance(picture, QR)
