"""The drawings: those made by a program are what it draws today, and all can be read by everybody."""

import math
import re
import runpy
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from totpkit import Policy, Throttle, Window
from totpkit._login.transitions import TRANSITIONS, Event, Stage

DRAWINGS = Path(__file__).parents[2] / "docs" / "drawings"
FILES = sorted(path.name for path in DRAWINGS.glob("*.svg"))
GUESSING = runpy.run_path(str(DRAWINGS / "guessing.py"))
STATES = runpy.run_path(str(DRAWINGS / "states.py"))
PRESETS: dict[str, Policy] = GUESSING["PRESETS"]
SVG = "{http://www.w3.org/2000/svg}"


def parsed(name: str) -> ET.Element:
    """Return a drawing's root; the files are the project's own."""
    return ET.fromstring((DRAWINGS / name).read_text(encoding="utf-8"))  # noqa: S314


def drawn_apart_from_words(picture: str) -> str:
    """Return a picture without its description."""
    return re.sub("<desc.*?</desc>", "", picture)


@pytest.mark.parametrize("name", GUESSING["pictures"]())
def test_current(name: str) -> None:
    """Each picture of the chance to guess is what the policies say today."""
    committed = (DRAWINGS / name).read_text(encoding="utf-8")
    assert committed == GUESSING["pictures"]()[name], "run python docs/drawings/guessing.py"


def test_drawn_from_the_policy() -> None:
    """With other numbers the pictures are others: narrower, longer, and ended sooner."""
    presets = {"OURS": replace(Policy.ASVS, digits=8, throttle=Throttle(free=2, first_wait=60.0, cap=10))}
    tries, times = GUESSING["pictures"](presets).values()
    assert "OURS: 0.00001 % at 10 tries, 50 % at 69,314,718." in tries
    assert "disabled at 10 tries" in tries
    assert "OURS: 0.000002 % at once, 0.00001 % in a day, 0.00001 % until disabled." in times
    assert "disabled on day 1<" in times


@pytest.mark.parametrize("name", PRESETS)
def test_over_tries(name: str) -> None:
    """The curve over tries is what exact arithmetic says: each try misses with the same chance."""
    policy = PRESETS[name]
    miss = 1 - Fraction(policy.window.span, 10**policy.digits)
    for tries, chance in GUESSING["over_tries"](policy):
        if tries == int(tries) and tries <= 10_000:
            assert chance == pytest.approx(float(1 - miss ** int(tries)))


@pytest.mark.parametrize("name", PRESETS)
def test_over_time(name: str) -> None:
    """The stairs over time have a step at each answer, and end where the policy disables."""
    policy = PRESETS[name]
    points = GUESSING["over_time"](policy)
    assert [policy.guessing_probability(seconds) for seconds, _ in points] == [chance for _, chance in points]
    assert len(points) == policy.throttle.cap + 1
    last = points[-2][0]
    assert policy.throttle.answers(last) == policy.throttle.cap
    assert policy.throttle.answers(math.nextafter(last, 0)) == policy.throttle.cap - 1


def test_presets_are_drawn_under_all_their_names() -> None:
    """Presets whose curve is the same share one; no name is lost."""
    shown = [name for name, _ in GUESSING["groups"](PRESETS, GUESSING["over_tries"])]
    assert shown == ["DEFAULT, NIST", "RFC", "ASVS"]
    assert [Policy.NIST.window, Policy.RFC.window] == [Window.DEFAULT, Window.RFC]


def test_states_current() -> None:
    """The picture of a login's states is what its table of transitions says today."""
    committed = (DRAWINGS / "states.svg").read_text(encoding="utf-8")
    assert committed == STATES["picture"](), "run python docs/drawings/states.py"


@pytest.mark.parametrize("gone", TRANSITIONS, ids=lambda key: f"{key[0]}, {key[1]}")
def test_states_drawn_from_the_table(gone: tuple[Stage, Event]) -> None:
    """No transition can leave the table without the drawing, and its words, being others."""
    table = {key: to for key, to in TRANSITIONS.items() if key != gone}
    whole, less = STATES["picture"](), STATES["picture"](table)
    assert drawn_apart_from_words(whole) != drawn_apart_from_words(less)
    assert STATES["told"](TRANSITIONS) != STATES["told"](table)


def test_states_of_another_table() -> None:
    """A transition between stages that the drawing has no way for yet is no silent gap."""
    with pytest.raises(KeyError):
        STATES["picture"]({**TRANSITIONS, (Stage.START, Event.COMPLETE): Stage.AUTHENTICATED})


@pytest.mark.parametrize("name", FILES)
def test_alternative(name: str) -> None:
    """A drawing says in words what it shows, under ids that no other drawing on a page has."""
    root, stem = parsed(name), name.removesuffix(".svg")
    title, words = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None
    assert words is not None
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == f"{stem}-title {stem}-text"
    assert [f"{stem}-title", f"{stem}-text"] == [title.get("id"), words.get("id")]
    assert len(title.text or "") > 10
    assert len(words.text or "") > 80


@pytest.mark.parametrize("name", FILES)
def test_both_themes(name: str) -> None:
    """A drawing has no colour of its own: it takes those of the page, dark or light."""
    colours = set()
    for element in parsed(name).iter():
        colours |= {value for key, value in element.items() if key in {"fill", "stroke", "color"}}
        colours |= set(re.findall(r"(?:fill|stroke|color): ([^;]+)", element.get("style", "")))
    assert colours <= {"none", "currentColor", "var(--color-brand-primary, #2f7fd8)"}


@pytest.mark.parametrize("name", FILES)
def test_shown(name: str) -> None:
    """Each drawing is on a page."""
    pages = (DRAWINGS.parent).rglob("*.md")
    assert any(f"drawings/{name}" in page.read_text(encoding="utf-8") for page in pages)
