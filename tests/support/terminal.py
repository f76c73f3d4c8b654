"""Consoles for tests: streams in memory, a clock that a test sets, and a QR code reader."""

import io
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

import pytest
import zxingcpp
from PIL import Image

from totpkit._account.recovery_codes import RecoveryCodeSet
from totpkit._cli.console import Console
from totpkit._cli.main import run


@pytest.fixture(scope="module")
def quick_codes() -> Iterator[None]:
    """Hash recovery codes at the lowest cost, because they take most of the demo's time."""
    original = RecoveryCodeSet.of
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RecoveryCodeSet, "of", lambda codes, *, cost: original(codes, cost=min(cost, 1)))
        yield


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Return ``True``."""
        return True


@dataclass
class Clock:
    """A clock that only sleeping moves. After *sleeps* sleeps the user presses Ctrl-C."""

    now: float = 59
    sleeps: int = 0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        """Return the time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Advance the clock, or interrupt."""
        if len(self.slept) == self.sleeps:
            raise KeyboardInterrupt
        self.slept.append(seconds)
        self.now += seconds


@dataclass
class Played:
    """The exit status and the output of a command."""

    status: int
    out: str
    err: str


def no_answer(prompt: str) -> NoReturn:
    """Answer a hidden prompt with Ctrl-D."""
    raise EOFError(prompt)


def play(
    *argv: str,
    stdin: str = "",
    typing: bool = False,
    screen: bool = False,
    size: tuple[int, int] = (80, 24),
    environ: Mapping[str, str] | None = None,
    clock: Clock | None = None,
    ask_hidden: Callable[[str], str] = no_answer,
) -> Played:
    """Run a command. With *typing* the input is a terminal, and with *screen* the output is one."""
    clock = clock or Clock()
    console = Console(
        stdin=Screen(stdin) if typing else io.StringIO(stdin),
        stdout=Screen() if screen else io.StringIO(),
        stderr=io.StringIO(),
        environ=environ or {},
        clock=clock,
        sleep=clock.sleep,
        ask_hidden=ask_hidden,
        size=lambda: os.terminal_size(size),
    )
    status = run(argv, console)
    return Played(status, written(console.stdout), written(console.stderr))


def written(stream: object) -> str:
    """Return what was written to a stream in memory."""
    assert isinstance(stream, io.StringIO)
    return stream.getvalue()


_HALVES = {"█": (255, 255), "▀": (255, 0), "▄": (0, 255), " ": (0, 0)}


def scanned(text: str) -> str:
    """Return what a phone reads from the half-block QR code among other lines of *text*."""
    plain = text.replace("\x1b[97;40m", "").replace("\x1b[0m", "")
    lines = [line for line in plain.split("\n") if len(line) > 20 and _HALVES.keys() >= set(line)]
    picture = Image.new("L", (len(lines[0]), 2 * len(lines)))
    for row, line in enumerate(lines):
        for column, character in enumerate(line):
            for half, light in enumerate(_HALVES[character]):
                picture.putpixel((column, 2 * row + half), light)
    return read_image(picture.resize((8 * picture.width, 8 * picture.height), Image.Resampling.NEAREST))


def read_image(picture: Image.Image) -> str:
    """Return the text of the only QR code in *picture*."""
    [found] = zxingcpp.read_barcodes(picture)
    return found.text
