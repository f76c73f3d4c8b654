"""QR codes, read by an independent decoder."""

import base64
import io
import itertools
import os
import pickle
import re
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import resvg_py
import zxingcpp
from hypothesis import given, settings, strategies as st
from PIL import Image, ImageOps

from tests.support.strategies import RFC_SECRET, key_uris
from totpkit import TOTP, InvalidParameterError, KeyURI, qr

URI = TOTP(RFC_SECRET).uri(account="alice@example.com", issuer="Acme")
CAPACITY = "uri must be a str of 1 to 2953 bytes in UTF-8 to fit into a QR code"
BLACK, WHITE = 0, 255
QUIET = 4  # modules that scanners need around a symbol (ISO/IEC 18004, section 9.1)


def decoded(image: bytes | Image.Image) -> str:
    """Return what a scanner for dark symbols on a light background reads."""
    image = grayscale(image) if isinstance(image, bytes) else enlarged(image)
    found = zxingcpp.read_barcodes(image, zxingcpp.BarcodeFormat.QRCode, try_invert=False)
    assert len(found) == 1
    return found[0].text


def grayscale(image: bytes) -> Image.Image:
    """Return a PNG in grayscale."""
    return Image.open(io.BytesIO(image)).convert("L")


def enlarged(image: Image.Image) -> Image.Image:
    """Return an image with one pixel per module in a size that can be scanned."""
    return image.resize((image.width * 6, image.height * 6), Image.Resampling.NEAREST)


def terminal_view(text: str, *, ink: int, paper: int) -> Image.Image:
    """Return the image that a terminal with these two colors shows, with one pixel per module."""
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
    """Yield the characters of a line with their colors, which escape sequences change."""
    colors = (ink, paper)
    for sequence, character in re.findall("\x1b\\[([0-9;]*)m|(.)", line):
        if character:
            yield character, colors
        else:
            colors = {"97;40": (WHITE, BLACK), "0": (ink, paper)}[sequence]


@settings(max_examples=25)
@given(key_uris.filter(lambda uri: len(str(uri)) < 1500))
def test_key_uris(uri: KeyURI) -> None:
    """A scanner reads the key URI in every form of the QR code, and a screen reader does not."""
    code = qr(str(uri))
    assert str(uri) == decoded(code.png(scale=4))
    assert str(uri) == decoded(resvg_py.svg_to_bytes(svg_string=code.svg(scale=4)))
    assert str(uri) == decoded(terminal_view(code.terminal(), ink=WHITE, paper=BLACK))
    root = ET.fromstring(code.svg())  # noqa: S314 - our own text
    assert (root.get("role"), root.get("aria-label")) == ("img", "QR code")
    assert [text for text in root.itertext() if text.strip()] == ["QR code"]
    attributes = {name for element in root.iter() for name in element.attrib}
    drawing = {"width", "height", "viewBox", "transform", "fill", "stroke", "d"}
    assert attributes == {"role", "aria-label"} | drawing


@settings(max_examples=25)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=100))
def test_any_text(text: str) -> None:
    """A scanner reads any text, in any script."""
    assert text == decoded(qr(text).png())


@pytest.mark.parametrize("scale", [1, 2, 3, 8, 20])
def test_scales(scale: int) -> None:
    """PNG and SVG of every size can be read, and have *scale* pixels per module."""
    code = qr(URI)
    png = grayscale(code.png(scale=scale))
    svg = grayscale(resvg_py.svg_to_bytes(svg_string=code.svg(scale=scale)))
    modules = len(code.terminal().split("\n")[0])
    assert (modules * scale,) * 2 == png.size == svg.size
    assert decoded(png) == URI
    assert png.tobytes() == svg.tobytes()


def test_data_uri() -> None:
    """The data URI contains the PNG, which is the same each time."""
    for arguments in ({}, {"scale": 3}):
        head, _, data = qr(URI).data_uri(**arguments).partition(",")
        assert head == "data:image/png;base64"
        assert base64.b64decode(data, validate=True) == qr(URI).png(**arguments)


def test_svg() -> None:
    """The SVG can be inserted into HTML: it has no XML declaration and loads nothing."""
    root = ET.fromstring(qr(URI).svg())  # noqa: S314 - our own text
    names = [element.tag.removeprefix("{http://www.w3.org/2000/svg}") for element in root.iter()]
    assert (names[0], {*names[1:]}) == ("svg", {"title", "g", "path"})
    assert qr(URI).svg().startswith("<svg ")
    assert qr(URI).svg() == qr(URI).svg()
    assert "href" not in qr(URI).svg()


def test_plain_terminal() -> None:
    """The plain form is correct on a dark terminal, and inverted on a light one."""
    text = qr(URI).terminal()
    assert decoded(terminal_view(text, ink=WHITE, paper=BLACK)) == URI
    assert decoded(ImageOps.invert(terminal_view(text, ink=BLACK, paper=WHITE))) == URI
    assert set(text) == set(" ▀▄█\n")
    assert not text.endswith("\n")


@pytest.mark.parametrize(("ink", "paper"), [(WHITE, BLACK), (BLACK, WHITE), (128, 128)])
def test_ansi_terminal(ink: int, paper: int) -> None:
    """The form with escape sequences is correct on any terminal."""
    text = qr(URI).terminal(ansi=True)
    assert decoded(terminal_view(text, ink=ink, paper=paper)) == URI
    assert all(line.startswith("\x1b[97;40m") and line.endswith("\x1b[0m") for line in text.split("\n"))


def test_modules() -> None:
    """All forms have the same modules, with a quiet zone of exactly four modules."""
    code = qr(URI)
    png = grayscale(code.png(scale=1))
    dark = ImageOps.invert(png).getbbox()
    assert dark == (QUIET, QUIET, png.width - QUIET, png.height - QUIET)
    for ansi in (False, True):
        view = terminal_view(code.terminal(ansi=ansi), ink=WHITE, paper=BLACK)
        assert png.tobytes() == view.crop((0, 0, *png.size)).tobytes()


@pytest.mark.parametrize("text", ["1", "a" * 2953, "1" * 2953, "é" * 1476 + "a"])
def test_capacity(text: str) -> None:
    """A QR code contains at least one byte, and at most as many as the largest symbol."""
    assert text == decoded(qr(text).png(scale=4))


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("", f"{CAPACITY}, not 0 bytes"),
        ("a" * 2954, f"{CAPACITY}, not 2954 bytes"),
        ("1" * 2954, f"{CAPACITY}, not 2954 bytes"),
        ("é" * 1477, f"{CAPACITY}, not 2954 bytes"),
        ("\ud800", f"{CAPACITY}, without lone surrogates"),
        (b"otpauth://totp/alice", f"{CAPACITY}, not bytes"),
        (None, f"{CAPACITY}, not NoneType"),
        (KeyURI.parse(URI), f"{CAPACITY}, not KeyURI"),
    ],
)
def test_rejected(uri: object, message: str) -> None:
    """What does not fit is rejected, and the message says what does."""
    with pytest.raises(InvalidParameterError) as caught:
        qr(uri)  # type: ignore[arg-type]
    assert message == str(caught.value)


@pytest.mark.parametrize("scale", [0, 101, -1, 1.5, "8", None, True])
def test_scale_out_of_range(tmp_path: Path, scale: object) -> None:
    """The scale is bounded in every form, and no file is written."""
    code, arguments = qr(URI), {"scale": scale}
    save_svg, save_png = (partial(code.save, tmp_path / name) for name in ("a.svg", "a.png"))
    for draw in (code.svg, code.png, code.data_uri, save_svg, save_png):
        with pytest.raises(InvalidParameterError, match=r"^scale must be an int from 1 to 100, not "):
            draw(**arguments)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.proves("T22")
def test_hides_its_text() -> None:
    """A QR code does not show its text when printed, and cannot be pickled."""
    assert repr(qr(URI)) == "QR()"
    with pytest.raises(TypeError, match=r"^QR cannot be pickled: it shows a secret; draw it again instead$"):
        pickle.dumps(qr(URI))


@pytest.mark.parametrize("name", ["a.svg", "a.png", "a.SVG", "a.b.Png"])
def test_save(tmp_path: Path, name: str) -> None:
    """The ending of the path, in any case, selects the format. An older file is replaced completely."""
    expected = qr(URI).png(scale=3) if name.lower().endswith("png") else qr(URI).svg(scale=3).encode()
    (tmp_path / name).write_text("x" * 100_000, encoding="utf-8")
    for path in (tmp_path / name, str(tmp_path / f"x{name}")):
        qr(URI).save(path, scale=3)
        assert expected == Path(path).read_bytes()


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_save_mode(tmp_path: Path, umask: int) -> None:
    """Only the owner can read the file, whatever the umask and the mode of an older file are."""
    (tmp_path / "old.png").touch()
    (tmp_path / "old.png").chmod(0o666)
    before = os.umask(umask)
    try:
        for path in (tmp_path / "a.png", tmp_path / "old.png"):
            qr(URI).save(path)
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    finally:
        os.umask(before)


def test_save_over_open_file(tmp_path: Path) -> None:
    """Neither an open older file nor the target of a symbolic link receives the QR code."""
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
    """An error of the operating system is raised, and no file is left behind."""
    with pytest.raises(FileNotFoundError):
        qr(URI).save(tmp_path / "missing" / "a.png")
    (tmp_path / "a.png").mkdir()
    with pytest.raises(IsADirectoryError):
        qr(URI).save(tmp_path / "a.png")
    assert [tmp_path / "a.png"] == list(tmp_path.iterdir())


def test_save_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the new file cannot be renamed, it is removed, and the older one stays."""

    def refuse(_: Path, __: Path) -> Path:
        raise PermissionError

    (tmp_path / "a.png").write_bytes(b"old")
    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PermissionError):
        qr(URI).save(tmp_path / "a.png")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_save_pipe(tmp_path: Path) -> None:
    """Something that is not a regular file is written to, and keeps its mode."""
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
    """Any other ending is rejected, and nothing is written."""
    with pytest.raises(InvalidParameterError, match=r"^path must end in \.svg or \.png$"):
        qr(URI).save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_save_to_descriptor() -> None:
    """A file descriptor is not a path."""
    with pytest.raises(InvalidParameterError, match=r"^path must be a str or a path, not int$"):
        qr(URI).save(1)  # type: ignore[arg-type]
