"""How the tests run, locally and in CI."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = [
    "tests.support.database_servers",
    "tests.support.store_urls",
    "tests.support.workers",
    "tests.support.terminal",
]

TESTS = Path(__file__).parent

ONCE = {
    "browser",
    "docs/test_comparison.py",
    "docs/test_example_fastapi.py",
    "test_frozen.py",
    "_otp/test_oathtool.py",
}
"""Tests of browsers and of other people's software."""

SERVERS = ("redis", "postgresql", "mariadb")

# No deadline, because a busy machine must not fail a test. Every failure prints a blob that reproduces it.
settings.register_profile("explore", deadline=None, print_blob=True)
# In CI, the same commit always gets the same examples. Every other run draws new ones: if one of them
# fails, add it as an explicit example.
settings.register_profile("gate", settings.get_profile("explore"), derandomize=True)
settings.load_profile("gate" if os.environ.get("CI") == "true" else "explore")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need not run on every interpreter with ``once``."""
    for item in items:
        path = item.path.relative_to(TESTS).as_posix()
        if path in ONCE or path.split("/")[0] in ONCE or is_planted_fault(item) or needs_server(item):
            item.add_marker(pytest.mark.once)


def is_planted_fault(item: pytest.Item) -> bool:
    """Return whether a test checks that another one finds planted faults."""
    return isinstance(item, pytest.Function) and item.originalname.startswith("test_faults")


def needs_server(item: pytest.Item) -> bool:
    """Return whether a test starts a database server."""
    if not isinstance(item, pytest.Function):
        return False
    values = item.callspec.params.values() if hasattr(item, "callspec") else ()
    texts = (value for value in values if isinstance(value, str))
    names = [*item.fixturenames, *texts, *item.function.__code__.co_names]
    return any(server in name for name in names for server in SERVERS)
