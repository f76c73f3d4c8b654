"""Draws what guessing can gain under each preset, from the policies themselves.

``python docs/drawings/guessing.py`` writes the pictures beside this file, and a test compares.
"""
# ruff: noqa: INP001 - a program, not a module

import math
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path

from totpkit import Policy

HERE = Path(__file__).parent
PRESETS = {"DEFAULT": Policy.DEFAULT, "NIST": Policy.NIST, "RFC": Policy.RFC, "ASVS": Policy.ASVS}

MINUTE, HOUR, DAY = 60, 3600, 86_400
TIMES = {10: "10 s", MINUTE: "1 min", HOUR: "1 h", DAY: "1 day", 30 * DAY: "30 days"}
MOST_TRIES = 10**7
LAST = 365 * DAY

LEFT, RIGHT, TOP, BOTTOM = 52, 468, 40, 250  # of the plot, in a picture 480 wide and 300 high
ACCENT = "var(--color-brand-primary, #2f7fd8)"
STROKES = (
    f'style="stroke: {ACCENT}" stroke-width="2.5"',
    'stroke="currentColor" stroke-width="1.5"',
    'stroke="currentColor" stroke-width="1.5" stroke-dasharray="6 4"',
    'stroke="currentColor" stroke-width="1.5" stroke-dasharray="2 3"',
)

Point = tuple[float, float]
Curve = Callable[[Policy], list[Point]]


def over_tries(policy: Policy) -> list[Point]:
    """Return tries, and the chance that one of so many hits, if nothing ends them."""
    miss = math.log1p(-policy.window.span / 10**policy.digits)
    tries = [10 ** (place / 20) for place in range(20 * round(math.log10(MOST_TRIES)) + 1)]
    return [(count, -math.expm1(count * miss)) for count in tries]


def over_time(policy: Policy) -> list[Point]:
    """Return seconds of relentless trying, and the chance then: a point at each answer."""
    throttle, elapsed = policy.throttle, 0.0
    times = []
    for answer in range(1, throttle.cap + 1):
        times.append(elapsed)
        elapsed += throttle.wait(answer)
    return [(seconds, policy.guessing_probability(seconds)) for seconds in [*times, float(LAST)]]


def groups(presets: Mapping[str, Policy], curve: Curve) -> Iterator[tuple[str, Policy]]:
    """Yield presets with one curve under one name, the steepest first."""
    names: dict[tuple[Point, ...], list[str]] = {}
    for name, policy in presets.items():
        names.setdefault(tuple(curve(policy)), []).append(name)
    steepest = sorted(names.items(), key=lambda item: -sum(chance for _, chance in item[0]))
    return ((", ".join(same), presets[same[0]]) for _, same in steepest)


def picture_over_tries(presets: Mapping[str, Policy]) -> str:
    """Draw the chance over the number of tries, and where the largest cap ends them."""

    def x(tries: float) -> float:
        return LEFT + (RIGHT - LEFT) * math.log10(tries) / math.log10(MOST_TRIES)

    def y(chance: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * chance

    cap = max(policy.throttle.cap for policy in presets.values())
    body = [*rules(y, {0.0: "0 %", 0.5: "50 %", 1.0: "100 %"})]
    body += [*marks(x, {10**n: f"{10**n:,}" for n in range(0, 8, 2)}), caption("tries")]
    told = []
    for place, (name, policy) in enumerate(groups(presets, over_tries)):
        points = over_tries(policy)
        body.append(line([(x(tries), y(chance)) for tries, chance in points], STROKES[place]))
        body += key(place, name, x(cap) + 12)
        half = math.log(0.5) / math.log1p(-policy.window.span / 10**policy.digits)
        told.append(f"{name}: {percent(policy_chance(policy, cap))} at {cap} tries, 50 % at {half:,.0f}.")
    body.append(line([(x(cap), TOP - 8), (x(cap), BOTTOM)], 'stroke="currentColor" stroke-dasharray="5 3"'))
    body.append(text(x(cap), TOP - 14, f"disabled at {cap} tries", "middle"))
    title = "The chance of guessing a code, over tries"
    return drawn("guessing-tries", title, "Curves that rise from left to right. " + " ".join(told), body)


def picture_over_time(presets: Mapping[str, Policy]) -> str:
    """Draw the chance over time, for somebody who tries whenever a try is answered."""
    highest = max(chance for policy in presets.values() for _, chance in over_time(policy))
    least = min(TIMES)

    def x(seconds: float) -> float:
        return LEFT + (RIGHT - LEFT) * math.log(max(seconds, least) / least) / math.log(LAST / least)

    def y(chance: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * chance / highest

    scale = {highest * part / 3: percent(highest * part / 3) for part in range(4)}
    body = [*rules(y, scale), *marks(x, TIMES), caption("of trying without a pause")]
    told = []
    for place, (name, policy) in enumerate(groups(presets, over_time)):
        body.append(line(stairs([(x(at), y(chance)) for at, chance in over_time(policy)]), STROKES[place]))
        body += key(place, name, LEFT + 10)
        chances = [percent(policy.guessing_probability(seconds)) for seconds in (0, DAY, LAST)]
        told.append("{}: {} at once, {} in a day, {} until disabled.".format(name, *chances))
    end = max(over_time(policy)[-2][0] for policy in presets.values())
    body.append(text(RIGHT, TOP - 14, f"disabled on day {math.ceil(end / DAY)}", "end"))
    body.append(line([(x(end), TOP - 8), (x(end), BOTTOM)], 'stroke="currentColor" stroke-dasharray="5 3"'))
    title = "The chance of guessing a code, over time"
    return drawn("guessing-time", title, "Stairs that rise from left to right. " + " ".join(told), body)


def policy_chance(policy: Policy, tries: int) -> float:
    """Return the chance that one of so many tries hits."""
    return -math.expm1(tries * math.log1p(-policy.window.span / 10**policy.digits))


def percent(chance: float) -> str:
    """Write a chance with two digits that count."""
    return f"{float(f'{100 * chance:.2g}'):.6f}".rstrip("0").rstrip(".") + " %"


def stairs(points: list[Point]) -> list[Point]:
    """Return the points with a corner between each two: a chance stands until the next answer."""
    corners = [(after[0], before[1]) for before, after in pairwise(points)]
    return [point for pair in zip(points, [*corners, points[-1]], strict=True) for point in pair]


def rules(y: Callable[[float], float], scale: Mapping[float, str]) -> Iterator[str]:
    """Yield horizontal lines, each with its value at the left."""
    for value, name in scale.items():
        yield line([(LEFT, y(value)), (RIGHT, y(value))], 'stroke="currentColor" stroke-opacity="0.2"')
        yield text(LEFT - 6, y(value) + 4, name, "end", small=True)


def marks(x: Callable[[float], float], scale: Mapping[int, str]) -> Iterator[str]:
    """Yield the values below the plot."""
    for value, name in scale.items():
        anchor = "start" if x(value) == LEFT else "middle"
        yield line([(x(value), BOTTOM), (x(value), BOTTOM + 5)], 'stroke="currentColor" stroke-opacity="0.6"')
        yield text(x(value), BOTTOM + 20, name, anchor, small=True)


def caption(what: str) -> str:
    """Return what the values below the plot are."""
    return text((LEFT + RIGHT) / 2, BOTTOM + 42, what, "middle")


def key(place: int, name: str, x: float) -> Iterator[str]:
    """Yield a sample of the line in this place, and its name; three fit above the second rule."""
    y = TOP + 16 + 20 * place
    yield line([(x, y), (x + 28, y)], STROKES[place])
    yield text(x + 36, y + 5, name, "start")


def line(points: list[Point], stroke: str) -> str:
    """Return a line through the points; those that add nothing to it left out."""
    path: list[str] = []
    for x, y in points:
        place = f"{x:.1f},{y:.1f}"
        if not path or path[-1] != place:
            path.append(place)
    return f'<polyline points="{" ".join(path)}" fill="none" {stroke}/>'


def text(x: float, y: float, words: str, anchor: str, *, small: bool = False) -> str:
    """Return words; nothing in them needs escaping."""
    size = ' font-size="13.5"' if small else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{size}>{words}</text>'


def drawn(name: str, title: str, told: str, body: list[str]) -> str:
    """Return the picture, in the colours of the text around it, with a title and what it shows in words."""
    head = (
        '<svg class="drawing" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 480 300" role="img"'
        f' aria-labelledby="{name}-title {name}-text"'
        ' fill="currentColor" font-family="inherit" font-size="15">'
    )
    words = [f'<title id="{name}-title">{title}</title>', f'<desc id="{name}-text">{told}</desc>']
    return "\n  ".join([head, *words, *body]) + "\n</svg>\n"


def pictures(presets: Mapping[str, Policy] = PRESETS) -> dict[str, str]:
    """Return the pictures by the names of their files."""
    return {
        "guessing-tries.svg": picture_over_tries(presets),
        "guessing-time.svg": picture_over_time(presets),
    }


if __name__ == "__main__":
    for file, picture in pictures().items():
        (HERE / file).write_text(picture, encoding="utf-8")
