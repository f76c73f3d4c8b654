"""Draws a login as states, from the table of its transitions.

``python docs/drawings/states.py`` writes the picture beside this file, and a test compares.
"""
# ruff: noqa: INP001 - a program, not a module

import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

from totpkit._login.transitions import TRANSITIONS, Event, Stage

HERE = Path(__file__).parent
Table = Mapping[tuple[Stage, Event], Stage]
Point = tuple[float, float]

BOXES = {  # left, top, width, height, in a picture 480 wide
    Stage.START: (190, 6, 100, 30),
    Stage.FIRST: (148, 84, 184, 62),
    Stage.SECOND: (4, 252, 176, 98),
    Stage.ENROLLING: (284, 252, 170, 98),
    Stage.AUTHENTICATED: (148, 436, 184, 40),
}
ENDS = {  # where an arrow to Stage.DENIED leaves its box, and where it ends: each box has one of its own
    Stage.START: ((290, 21), (342, 21)),
    Stage.FIRST: ((148, 126), (106, 126)),
    Stage.SECOND: ((40, 350), (40, 396)),
    Stage.ENROLLING: ((418, 350), (418, 396)),
}
ROUTES: Mapping[tuple[Stage, Stage], tuple[tuple[Point, ...], Point, str]] = {
    # corners, the last line of the words, their anchor
    (Stage.START, Stage.FIRST): (((240, 36), (240, 84)), (248, 64), "start"),
    (Stage.START, Stage.SECOND): (((190, 21), (24, 21), (24, 252)), (32, 50), "start"),
    (Stage.FIRST, Stage.SECOND): (((176, 146), (176, 194), (100, 194), (100, 252)), (108, 234), "start"),
    (Stage.FIRST, Stage.ENROLLING): (((304, 146), (304, 194), (372, 194), (372, 252)), (364, 234), "end"),
    (Stage.FIRST, Stage.AUTHENTICATED): (
        ((332, 112), (470, 112), (470, 456), (332, 456)),
        (342, 104),
        "start",
    ),
    (Stage.SECOND, Stage.ENROLLING): (((180, 290), (284, 290)), (232, 282), "middle"),
    (Stage.ENROLLING, Stage.SECOND): (((284, 316), (180, 316)), (232, 350), "middle"),
    (Stage.SECOND, Stage.AUTHENTICATED): (((164, 350), (164, 436)), (156, 386), "end"),
    (Stage.ENROLLING, Stage.AUTHENTICATED): (((316, 350), (316, 436)), (324, 386), "start"),
}
SAID = {(Stage.START, Event.ASK): "a step-up"}  # where the table's word says less

ACCENT = "var(--color-brand-primary, #2f7fd8)"
STROKE = 'fill="none" stroke="currentColor" stroke-width="1.5"'
ASIDE = 'fill="none" stroke="currentColor" stroke-opacity="0.6"'


def word(stage: Stage, event: Event) -> str:
    """Return what an arrow says."""
    return SAID.get((stage, event), str(event))


def events_between(table: Table, one: Stage, other: Stage) -> list[str]:
    """Return what leads from one stage to another, by the order of the table."""
    return [word(stage, event) for (stage, event), to in table.items() if (stage, to) == (one, other)]


def moves(table: Table) -> list[tuple[Stage, Stage]]:
    """Return from where to where the table leads, each pair once."""
    return list(dict.fromkeys((stage, to) for (stage, _), to in table.items() if stage is not to))


def box(table: Table, stage: Stage) -> Iterator[str]:
    """Yield a stage with what keeps a login in it."""
    left, top, width, height = BOXES[stage]
    last = stage is Stage.AUTHENTICATED
    look = f'style="fill: {ACCENT}; stroke: {ACCENT}" fill-opacity="0.16" stroke-width="2"' if last else ASIDE
    yield f'<rect x="{left}" y="{top}" width="{width}" height="{height}" rx="6" {look}/>'
    middle, stays = left + width / 2, events_between(table, stage, stage)
    lines = textwrap.wrap(f"stays: {', '.join(stays)}", 25) if stays else []
    first = top + (height - 18 * len(lines)) / 2 + 5
    yield text(middle, first, str(stage), "middle", bold=True)
    for place, line in enumerate(lines, 1):
        yield text(middle, first + 18 * place, line, "middle", small=True)


def arrow(corners: tuple[Point, ...], stroke: str = STROKE) -> Iterator[str]:
    """Yield a line with a head at its end."""
    (before_x, before_y), (x, y) = corners[-2:]
    along = ((x > before_x) - (x < before_x), (y > before_y) - (y < before_y))
    back = [(x - 9 * along[0] + side * along[1], y - 9 * along[1] + side * along[0]) for side in (-4, 4)]
    path = " ".join(f"{at_x:g},{at_y:g}" for at_x, at_y in corners)
    head = " ".join(f"{at_x:g},{at_y:g}" for at_x, at_y in [(x, y), *back])
    yield f'<polyline points="{path}" {stroke}/>'
    yield f'<polygon points="{head}" fill="currentColor"/>'


def move(table: Table, one: Stage, other: Stage) -> Iterator[str]:
    """Yield the arrow between two stages, with its words."""
    words = events_between(table, one, other)
    if other is Stage.DENIED:
        yield from arrow(ENDS[one], f'{STROKE} stroke-dasharray="5 3"')
        yield from denied(ENDS[one])
        return
    corners, (x, y), anchor = ROUTES[one, other]
    yield from arrow(corners)
    for place, line in enumerate(reversed(textwrap.wrap(", or ".join(words), 13))):
        yield text(x, y - 16 * place, line, anchor, small=True)


def denied(ends: tuple[Point, Point]) -> Iterator[str]:
    """Yield the end of a login at the end of its arrow."""
    (from_x, from_y), (x, y) = ends
    side, down = (x > from_x) - (x < from_x), (y > from_y)
    middle_x, middle_y = x + side * 32, y + down * 13
    yield f'<rect x="{middle_x - 32}" y="{middle_y - 13}" width="64" height="26" rx="13" {ASIDE}/>'
    yield text(middle_x, middle_y + 5, str(Stage.DENIED), "middle", small=True)


def text(x: float, y: float, words: str, anchor: str, *, small: bool = False, bold: bool = False) -> str:
    """Return words; nothing in them needs escaping."""
    look = (' font-size="13.5"' if small else "") + (' font-weight="600"' if bold else "")
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{look}>{words}</text>'


def told(table: Table) -> str:
    """Return all of the table in words."""
    stages = dict.fromkeys(stage for stage, _ in table)
    sentences = []
    for stage in stages:
        leads = [f"{word(at, event)}: {to}" for (at, event), to in table.items() if at is stage]
        sentences.append(f"From {stage}, {'; '.join(leads)}.")
    return " ".join(sentences)


def picture(table: Table = TRANSITIONS) -> str:
    """Return the picture, in the colours of the text around it, with a title and what it shows in words."""
    head = (
        '<svg class="drawing" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 480 484" role="img"'
        ' aria-labelledby="states-title states-text"'
        ' fill="currentColor" font-family="inherit" font-size="15">'
    )
    words = ['<title id="states-title">A login, from its start to its end</title>']
    words.append(f'<desc id="states-text">{told(table)}</desc>')
    stages = dict.fromkeys(stage for stage, to in table.items() for stage in (stage[0], to))
    boxes = [line for stage in stages if stage is not Stage.DENIED for line in box(table, stage)]
    arrows = [line for one, other in moves(table) for line in move(table, one, other)]
    return "\n  ".join([head, *words, *boxes, *arrows]) + "\n</svg>\n"


if __name__ == "__main__":
    (HERE / "states.svg").write_text(picture(), encoding="utf-8")
