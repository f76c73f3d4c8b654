"""One table of all benchmarks, printed at the end."""

import pytest

from tests.benchmarks.race import Row, table

ROWS = pytest.StashKey[list[Row]]()
NOTES = pytest.StashKey[list[str]]()


@pytest.fixture
def rows(request: pytest.FixtureRequest) -> list[Row]:
    """Give the table's rows, to add to."""
    return request.config.stash.setdefault(ROWS, [])


@pytest.fixture
def notes(request: pytest.FixtureRequest) -> list[str]:
    """Give the lines below the table, to add to."""
    return request.config.stash.setdefault(NOTES, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the table."""
    found = config.stash.get(ROWS, [])
    if found:
        terminalreporter.section("medians of interleaved rounds; over 1: totpkit is faster")
        terminalreporter.write_line("\n".join(table(found)))
    for note in config.stash.get(NOTES, []):
        terminalreporter.write_line(note)
