"""Draw the chance of guessing a code under each preset of ``Policy``.

Run ``python docs/drawings/guessing.py`` to write the SVG files. A test checks that they are current.
"""
# ruff: noqa: INP001 - a script

import math
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path

from totpkit import Policy

HERE = Path(__file__).parent
PRESETS = {"DEFAULT": Policy.DEFAULT, "NIST": Policy.NIST, "RFC": Policy.RFC, "ASVS": Policy.ASVS}

MINUTE, HOUR, DAY = 60, 3600, 86_400
TIMES = {10: "10 s", MINUTE: "1 min", HOUR: "1 h", DAY: "1 day", 30 * DAY: "30 days"}
MAX_GUESSES = 10**7
MAX_SECONDS = 365 * DAY

LEFT, RIGHT, TOP, BOTTOM = 52, 468, 40, 250  # the plot area of a 480 by 300 drawing
ACCENT = "var(--color-brand-primary, #2f7fd8)"
STROKES = (
    f'style="stroke: {ACCENT}" stroke-width="2.5"',
    'stroke="currentColor" stroke-width="1.5"',
    'stroke="currentColor" stroke-width="1.5" stroke-dasharray="6 4"',
    'stroke="currentColor" stroke-width="1.5" stroke-dasharray="2 3"',
)

Point = tuple[float, float]
Curve = Callable[[Policy], list[Point]]


def by_guesses(policy: Policy) -> list[Point]:
    """Return numbers of guesses, each with the chance that at least one is correct without a limit."""
    miss = math.log1p(-policy.window.span / 10**policy.digits)
    counts = [10 ** (place / 20) for place in range(20 * round(math.log10(MAX_GUESSES)) + 1)]
    return [(count, -math.expm1(count * miss)) for count in counts]


def by_time(policy: Policy) -> list[Point]:
    """Return the seconds of continuous guessing at which each guess is answered, and the chance then."""
    throttle, elapsed = policy.throttle, 0.0
    times = []
    for answer in range(1, throttle.cap + 1):
        times.append(elapsed)
        elapsed += throttle.wait(answer)
    return [
        (seconds, policy.guessing_probability(seconds=seconds)) for seconds in [*times, float(MAX_SECONDS)]
    ]


def groups(presets: Mapping[str, Policy], curve: Curve) -> Iterator[tuple[str, Policy]]:
    """Yield the presets, joining those with the same curve. The steepest curve comes first."""
    names: dict[tuple[Point, ...], list[str]] = {}
    for name, policy in presets.items():
        names.setdefault(tuple(curve(policy)), []).append(name)
    steepest = sorted(names.items(), key=lambda item: -sum(chance for _, chance in item[0]))
    return ((", ".join(same), presets[same[0]]) for _, same in steepest)


def draw_by_guesses(presets: Mapping[str, Policy]) -> str:
    """Draw the chance by number of guesses, and the cap of the throttle."""

    def x(count: float) -> float:
        return LEFT + (RIGHT - LEFT) * math.log10(count) / math.log10(MAX_GUESSES)

    def y(chance: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * chance

    cap = max(policy.throttle.cap for policy in presets.values())
    body = [*rules(y, {0.0: "0%", 0.5: "50%", 1.0: "100%"})]
    body += [*marks(x, {10**n: f"{10**n:,}" for n in range(0, 8, 2)}), caption("guesses")]
    descriptions = []
    for place, (name, policy) in enumerate(groups(presets, by_guesses)):
        points = [(x(count), y(chance)) for count, chance in by_guesses(policy)]
        body.append(line(points, STROKES[place]))
        body += key(place, name, x(cap) + 12)
        half = math.log(0.5) / math.log1p(-policy.window.span / 10**policy.digits)
        descriptions.append(
            f"{name}: {percent(policy_chance(policy, cap))} after {cap} guesses, 50% after {half:,.0f}."
        )
    body.append(line([(x(cap), TOP - 8), (x(cap), BOTTOM)], 'stroke="currentColor" stroke-dasharray="5 3"'))
    body.append(text(x(cap), TOP - 14, f"disabled after {cap} guesses", "middle"))
    title = "The chance of guessing a code, by number of guesses"
    return svg(
        "guessing-count", title, "Curves that rise from left to right. " + " ".join(descriptions), body
    )


def draw_by_time(presets: Mapping[str, Policy]) -> str:
    """Draw the chance by time, for an attacker who guesses whenever the throttle allows it."""
    highest = max(chance for policy in presets.values() for _, chance in by_time(policy))
    least = min(TIMES)

    def x(seconds: float) -> float:
        return LEFT + (RIGHT - LEFT) * math.log(max(seconds, least) / least) / math.log(MAX_SECONDS / least)

    def y(chance: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * chance / highest

    scale = {highest * part / 3: percent(highest * part / 3) for part in range(4)}
    body = [*rules(y, scale), *marks(x, TIMES), caption("of continuous guessing")]
    descriptions = []
    for place, (name, policy) in enumerate(groups(presets, by_time)):
        body.append(line(stairs([(x(at), y(chance)) for at, chance in by_time(policy)]), STROKES[place]))
        body += key(place, name, LEFT + 10)
        chances = [percent(policy.guessing_probability(seconds=seconds)) for seconds in (0, DAY, MAX_SECONDS)]
        descriptions.append("{}: {} at once, {} within a day, {} until disabled.".format(name, *chances))
    end = max(by_time(policy)[-2][0] for policy in presets.values())
    body.append(text(RIGHT, TOP - 14, f"disabled on day {math.ceil(end / DAY)}", "end"))
    body.append(line([(x(end), TOP - 8), (x(end), BOTTOM)], 'stroke="currentColor" stroke-dasharray="5 3"'))
    title = "The chance of guessing a code, by time"
    return svg(
        "guessing-time", title, "Stepped lines that rise from left to right. " + " ".join(descriptions), body
    )


def policy_chance(policy: Policy, count: int) -> float:
    """Return the chance that at least one of *count* guesses is correct."""
    return -math.expm1(count * math.log1p(-policy.window.span / 10**policy.digits))


def percent(chance: float) -> str:
    """Format a chance as a percentage with two significant digits."""
    return f"{float(f'{100 * chance:.2g}'):.6f}".rstrip("0").rstrip(".") + "%"


def stairs(points: list[Point]) -> list[Point]:
    """Return the points of a stepped line: the chance is constant until the next answer."""
    corners = [(after[0], before[1]) for before, after in pairwise(points)]
    return [point for pair in zip(points, [*corners, points[-1]], strict=True) for point in pair]


def rules(y: Callable[[float], float], scale: Mapping[float, str]) -> Iterator[str]:
    """Yield horizontal grid lines, each labeled on the left."""
    for value, name in scale.items():
        yield line([(LEFT, y(value)), (RIGHT, y(value))], 'stroke="currentColor" stroke-opacity="0.2"')
        yield text(LEFT - 6, y(value) + 4, name, "end", small=True)


def marks(x: Callable[[float], float], scale: Mapping[int, str]) -> Iterator[str]:
    """Yield tick marks and labels below the plot."""
    for value, name in scale.items():
        anchor = "start" if x(value) == LEFT else "middle"
        yield line([(x(value), BOTTOM), (x(value), BOTTOM + 5)], 'stroke="currentColor" stroke-opacity="0.6"')
        yield text(x(value), BOTTOM + 20, name, anchor, small=True)


def caption(words: str) -> str:
    """Return the title of the horizontal axis."""
    return text((LEFT + RIGHT) / 2, BOTTOM + 42, words, "middle")


def key(place: int, name: str, x: float) -> Iterator[str]:
    """Yield one entry of the legend. Three fit above the second grid line."""
    y = TOP + 16 + 20 * place
    yield line([(x, y), (x + 28, y)], STROKES[place])
    yield text(x + 36, y + 5, name, "start")


def line(points: list[Point], stroke: str) -> str:
    """Return a line through the points, without repeated ones."""
    path: list[str] = []
    for x, y in points:
        place = f"{x:.1f},{y:.1f}"
        if not path or path[-1] != place:
            path.append(place)
    return f'<polyline points="{" ".join(path)}" fill="none" {stroke}/>'


def text(x: float, y: float, words: str, anchor: str, *, small: bool = False) -> str:
    """Return a text element. The words must need no escaping."""
    size = ' font-size="13.5"' if small else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{size}>{words}</text>'


def svg(name: str, title: str, descriptions: str, body: list[str]) -> str:
    """Return a drawing with a title and a description. Its colors are those of the surrounding text."""
    head = (
        '<svg class="drawing" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 480 300" role="img"'
        f' aria-labelledby="{name}-title {name}-text"'
        ' fill="currentColor" font-family="inherit" font-size="15">'
    )
    words = [f'<title id="{name}-title">{title}</title>', f'<desc id="{name}-text">{descriptions}</desc>']
    return "\n  ".join([head, *words, *body]) + "\n</svg>\n"


def drawings(presets: Mapping[str, Policy] = PRESETS) -> dict[str, str]:
    """Return the drawings by file name."""
    return {
        "guessing-count.svg": draw_by_guesses(presets),
        "guessing-time.svg": draw_by_time(presets),
    }


if __name__ == "__main__":
    for file, drawing in drawings().items():
        (HERE / file).write_text(drawing, encoding="utf-8")
