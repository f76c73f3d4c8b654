"""Draw the states of a login, from its transition table.

Run ``python docs/drawings/states.py`` to write ``states.svg``. A test checks that it is current.
"""
# ruff: noqa: INP001 - a script

import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

from totpkit._login.transitions import TRANSITIONS, Event, Stage

HERE = Path(__file__).parent
Table = Mapping[tuple[Stage, Event], Stage]
Point = tuple[float, float]

BOXES = {  # left, top, width and height in a drawing 480 wide
    Stage.START: (190, 6, 100, 30),
    Stage.FIRST: (148, 84, 184, 62),
    Stage.SECOND: (4, 252, 176, 98),
    Stage.ENROLLING: (284, 252, 170, 98),
    Stage.AUTHENTICATED: (148, 436, 184, 40),
}
ENDS = {  # start and end of the arrow from each box to its own "denied"
    Stage.START: ((290, 21), (342, 21)),
    Stage.FIRST: ((148, 126), (106, 126)),
    Stage.SECOND: ((40, 350), (40, 396)),
    Stage.ENROLLING: ((418, 350), (418, 396)),
}
ROUTES: Mapping[tuple[Stage, Stage], tuple[tuple[Point, ...], Point, str]] = {
    # corners, position of the last line of the label, its anchor
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
LABELS = {(Stage.START, Event.ASK): "step-up"}  # clearer here than the name of the event

ACCENT = "var(--color-brand-primary, #2f7fd8)"
STROKE = 'fill="none" stroke="currentColor" stroke-width="1.5"'
ASIDE = 'fill="none" stroke="currentColor" stroke-opacity="0.6"'


def label(stage: Stage, event: Event) -> str:
    """Return the label of an arrow."""
    return LABELS.get((stage, event), str(event))


def events_between(table: Table, one: Stage, other: Stage) -> list[str]:
    """Return the labels of the transitions from one stage to another, in the order of the table."""
    return [label(stage, event) for (stage, event), to in table.items() if (stage, to) == (one, other)]


def moves(table: Table) -> list[tuple[Stage, Stage]]:
    """Return each pair of different stages that a transition connects."""
    return list(dict.fromkeys((stage, to) for (stage, _), to in table.items() if stage is not to))


def box(table: Table, stage: Stage) -> Iterator[str]:
    """Yield the box of a stage, with the events that do not leave it."""
    left, top, width, height = BOXES[stage]
    last = stage is Stage.AUTHENTICATED
    style = (
        f'style="fill: {ACCENT}; stroke: {ACCENT}" fill-opacity="0.16" stroke-width="2"' if last else ASIDE
    )
    yield f'<rect x="{left}" y="{top}" width="{width}" height="{height}" rx="6" {style}/>'
    middle, stays = left + width / 2, events_between(table, stage, stage)
    lines = textwrap.wrap(f"stays: {', '.join(stays)}", 25) if stays else []
    first = top + (height - 18 * len(lines)) / 2 + 5
    yield text(middle, first, str(stage), "middle", bold=True)
    for place, line in enumerate(lines, 1):
        yield text(middle, first + 18 * place, line, "middle", small=True)


def arrow(corners: tuple[Point, ...], stroke: str = STROKE) -> Iterator[str]:
    """Yield a line with an arrowhead."""
    (before_x, before_y), (x, y) = corners[-2:]
    along = ((x > before_x) - (x < before_x), (y > before_y) - (y < before_y))
    back = [(x - 9 * along[0] + side * along[1], y - 9 * along[1] + side * along[0]) for side in (-4, 4)]
    path = " ".join(f"{at_x:g},{at_y:g}" for at_x, at_y in corners)
    head = " ".join(f"{at_x:g},{at_y:g}" for at_x, at_y in [(x, y), *back])
    yield f'<polyline points="{path}" {stroke}/>'
    yield f'<polygon points="{head}" fill="currentColor"/>'


def move(table: Table, one: Stage, other: Stage) -> Iterator[str]:
    """Yield the arrow between two stages, with its label."""
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
    """Yield the "denied" box at the end of an arrow."""
    (from_x, from_y), (x, y) = ends
    side, down = (x > from_x) - (x < from_x), (y > from_y)
    middle_x, middle_y = x + side * 32, y + down * 13
    yield f'<rect x="{middle_x - 32}" y="{middle_y - 13}" width="64" height="26" rx="13" {ASIDE}/>'
    yield text(middle_x, middle_y + 5, str(Stage.DENIED), "middle", small=True)


def text(x: float, y: float, words: str, anchor: str, *, small: bool = False, bold: bool = False) -> str:
    """Return a text element. The words must need no escaping."""
    style = (' font-size="13.5"' if small else "") + (' font-weight="600"' if bold else "")
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{style}>{words}</text>'


def description(table: Table) -> str:
    """Describe the whole table in words."""
    stages = dict.fromkeys(stage for stage, _ in table)
    sentences = []
    for stage in stages:
        transitions = [f"{label(at, event)}: {to}" for (at, event), to in table.items() if at is stage]
        sentences.append(f"From {stage}, {'; '.join(transitions)}.")
    return " ".join(sentences)


def draw(table: Table = TRANSITIONS) -> str:
    """Return the drawing with a title and a description. Its colors are those of the surrounding text."""
    head = (
        '<svg class="drawing" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 480 484" role="img"'
        ' aria-labelledby="states-title states-text"'
        ' fill="currentColor" font-family="inherit" font-size="15">'
    )
    words = ['<title id="states-title">The states of a login</title>']
    words.append(f'<desc id="states-text">{description(table)}</desc>')
    stages = dict.fromkeys(stage for stage, to in table.items() for stage in (stage[0], to))
    boxes = [line for stage in stages if stage is not Stage.DENIED for line in box(table, stage)]
    arrows = [line for one, other in moves(table) for line in move(table, one, other)]
    return "\n  ".join([head, *words, *boxes, *arrows]) + "\n</svg>\n"


if __name__ == "__main__":
    (HERE / "states.svg").write_text(draw(), encoding="utf-8")
