"""Translating a driver's exceptions into StoreError."""

import asyncio
from collections.abc import Callable

import pytest

from totpkit import StoreError
from totpkit.stores._failures import translate_errors, translate_errors_async

SECRET = "plain:" + "c2VjcmV0"


class DriverError(Exception):
    """An exception of a driver."""


class TimedOutError(DriverError):
    """A subclass of it."""


def run_sync(work: Callable[[], int]) -> int:
    """Run the work directly."""
    return translate_errors(work, DriverError, KeyError)


def run_async(work: Callable[[], int]) -> int:
    """Run the work in an event loop."""

    async def run() -> int:
        return work()

    return asyncio.run(translate_errors_async(run(), DriverError, KeyError))


both = pytest.mark.parametrize("run", [run_sync, run_async])


@both
def test_result(run: Callable[[Callable[[], int]], int]) -> None:
    """A result is returned unchanged."""
    assert run(lambda: 5) == 5


@pytest.mark.proves("T34", "T22")
@both
@pytest.mark.parametrize("error", [DriverError(SECRET), TimedOutError(SECRET), KeyError(SECRET)])
def test_failure(run: Callable[[Callable[[], int]], int], error: Exception) -> None:
    """A driver's exception becomes a StoreError that contains only the name of its class."""

    def fail() -> int:
        raise error

    with pytest.raises(StoreError) as caught:
        run(fail)
    assert str(caught.value) == f"the store did not answer: {type(error).__name__}"
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


@both
def test_other_error(run: Callable[[Callable[[], int]], int]) -> None:
    """Any other exception passes unchanged."""
    error = ZeroDivisionError("x")

    def fail() -> int:
        raise error

    with pytest.raises(ZeroDivisionError) as caught:
        run(fail)
    assert caught.value is error
