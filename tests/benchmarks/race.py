"""Timing statements side by side, so that what the machine does meanwhile falls on all alike."""

import subprocess
import sys
from collections.abc import Mapping
from statistics import median
from timeit import Timer
from typing import NamedTuple

ROUNDS = 61
ROUND_SECONDS = 0.004


class Row(NamedTuple):
    """One line of the table: the seconds of one call in each round, and the ratio that we want."""

    what: str
    ours: list[float]
    peer: str
    theirs: list[float]
    wanted: str = ""

    def cells(self) -> tuple[str, ...]:
        """Return the texts of the line; the ratio is the median of the rounds' ratios."""
        ratio = median(theirs / ours for ours, theirs in zip(self.ours, self.theirs, strict=True))
        return (
            self.what,
            spelt(median(self.ours)),
            self.peer,
            spelt(median(self.theirs)),
            f"{ratio:.2f}",
            self.wanted,
        )


def race(
    statements: Mapping[str, str], names: dict[str, object], seconds: float = ROUND_SECONDS
) -> dict[str, list[float]]:
    """Return the seconds of one call of each statement, in rounds in which all take their turn.

    In a round each is called for about so many *seconds*.
    """
    timers = {name: Timer(statement, globals=names) for name, statement in statements.items()}
    calls = {name: calls_in(seconds, timer) for name, timer in timers.items()}
    rounds: dict[str, list[float]] = {name: [] for name in timers}
    for _ in range(ROUNDS):
        for name, timer in timers.items():
            rounds[name].append(timer.timeit(calls[name]) / calls[name])
    return rounds


def race_imports(statements: Mapping[str, str], rounds: int = 41) -> dict[str, list[float]]:
    """Return the seconds of each statement, each time in an interpreter of its own."""
    found: dict[str, list[float]] = {name: [] for name in statements}
    for _ in range(rounds):
        for name, statement in statements.items():
            code = (
                f"from time import perf_counter; a = perf_counter(); {statement}; print(perf_counter() - a)"
            )
            command = [sys.executable, "-I", "-c", code]
            found[name].append(float(subprocess.run(command, capture_output=True, check=True).stdout))
    return found


def calls_in(seconds: float, timer: Timer) -> int:
    """Return about how many calls take that long."""
    return max(int(seconds / (min(timer.repeat(5, 20)) / 20)), 1)


def table(rows: list[Row]) -> list[str]:
    """Return the rows as lines of one table."""
    cells = [("totpkit", "", "beside", "", "ratio", "wanted"), *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    ]


def spelt(seconds: float) -> str:
    """Write a time in the unit that suits it."""
    return f"{seconds * 1e6:7.2f} us" if seconds < 1e-3 else f"{seconds * 1e3:7.2f} ms"
