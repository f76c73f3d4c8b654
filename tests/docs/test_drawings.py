"""The drawings are current and accessible."""

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
    """Return the root element of a drawing."""
    return ET.fromstring((DRAWINGS / name).read_text(encoding="utf-8"))  # noqa: S314


def without_description(drawing: str) -> str:
    """Return a drawing without its description."""
    return re.sub("<desc.*?</desc>", "", drawing)


@pytest.mark.parametrize("name", GUESSING["drawings"]())
def test_current(name: str) -> None:
    """The drawings of the chance of guessing a code match the policies."""
    committed = (DRAWINGS / name).read_text(encoding="utf-8")
    assert committed == GUESSING["drawings"]()[name], "run python docs/drawings/guessing.py"


def test_drawn_from_the_policy() -> None:
    """Another policy gives other drawings."""
    presets = {"OURS": replace(Policy.ASVS, digits=8, throttle=Throttle(free=2, first_wait=60.0, cap=10))}
    by_count, by_time = GUESSING["drawings"](presets).values()
    assert "OURS: 0.00001% after 10 guesses, 50% after 69,314,718." in by_count
    assert "disabled after 10 guesses" in by_count
    assert "OURS: 0.000002% at once, 0.00001% within a day, 0.00001% until disabled." in by_time
    assert "disabled on day 1<" in by_time


@pytest.mark.parametrize("name", PRESETS)
def test_by_guesses(name: str) -> None:
    """The curve agrees with exact arithmetic: each guess has the same chance."""
    policy = PRESETS[name]
    miss = 1 - Fraction(policy.window.span, 10**policy.digits)
    for count, chance in GUESSING["by_guesses"](policy):
        if count == int(count) and count <= 10_000:
            assert chance == pytest.approx(float(1 - miss ** int(count)))


@pytest.mark.parametrize("name", PRESETS)
def test_by_time(name: str) -> None:
    """The chance rises at each answer, until the policy disables the account."""
    policy = PRESETS[name]
    points = GUESSING["by_time"](policy)
    assert points == [(seconds, policy.guessing_probability(seconds=seconds)) for seconds, _ in points]
    assert len(points) == policy.throttle.cap + 1
    last = points[-2][0]
    assert policy.throttle.answers(last) == policy.throttle.cap
    assert policy.throttle.answers(math.nextafter(last, 0)) == policy.throttle.cap - 1


def test_presets() -> None:
    """Presets with the same curve share one, under all their names."""
    shown = [name for name, _ in GUESSING["groups"](PRESETS, GUESSING["by_guesses"])]
    assert shown == ["DEFAULT, NIST", "RFC", "ASVS"]
    assert [Policy.NIST.window, Policy.RFC.window] == [Window.DEFAULT, Window.RFC]


def test_states_current() -> None:
    """The drawing of the states matches the transition table."""
    committed = (DRAWINGS / "states.svg").read_text(encoding="utf-8")
    assert committed == STATES["draw"](), "run python docs/drawings/states.py"


@pytest.mark.parametrize("removed", TRANSITIONS, ids=lambda key: f"{key[0]}, {key[1]}")
def test_states_drawn_from_the_table(removed: tuple[Stage, Event]) -> None:
    """Each transition appears in the drawing and in its description."""
    table = {key: to for key, to in TRANSITIONS.items() if key != removed}
    whole, less = STATES["draw"](), STATES["draw"](table)
    assert without_description(whole) != without_description(less)
    assert STATES["description"](TRANSITIONS) != STATES["description"](table)


def test_states_of_another_table() -> None:
    """A transition that the drawing has no route for raises."""
    with pytest.raises(KeyError):
        STATES["draw"]({**TRANSITIONS, (Stage.START, Event.COMPLETE): Stage.AUTHENTICATED})


@pytest.mark.parametrize("name", FILES)
def test_alternative(name: str) -> None:
    """A drawing has a title and a description, with ids that are unique on a page."""
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
    """A drawing uses only the colors of the page, so it works in the dark theme too."""
    colors = set()
    for element in parsed(name).iter():
        colors |= {value for key, value in element.items() if key in {"fill", "stroke", "color"}}
        colors |= set(re.findall(r"(?:fill|stroke|color): ([^;]+)", element.get("style", "")))
    assert colors <= {"none", "currentColor", "var(--color-brand-primary, #2f7fd8)"}


@pytest.mark.parametrize("name", FILES)
def test_shown(name: str) -> None:
    """Each drawing is on a page."""
    pages = (DRAWINGS.parent).rglob("*.md")
    assert any(f"drawings/{name}" in page.read_text(encoding="utf-8") for page in pages)
