"""Both runtimes of a service, each with a function that runs its coroutines."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.support.authenticators import wait_for
from totpkit._account.sync import AsyncRuntime, Runtime, SyncRuntime, run_sync

Run = Callable[[Coroutine[Any, Any, Any]], Any]


def run_async(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine in the event loop of the tests."""
    return wait_for(lambda: coroutine)


RUNTIMES: dict[str, tuple[Runtime, Run]] = {
    "sync": (SyncRuntime(), run_sync),
    "async": (AsyncRuntime(), run_async),
}
each_runtime = pytest.mark.parametrize(("runtime", "run"), RUNTIMES.values(), ids=RUNTIMES)
