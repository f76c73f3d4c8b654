"""Turning a driver's exceptions into ours."""

import asyncio
from collections.abc import Callable

import pytest

from totpkit import StoreError
from totpkit.stores._failures import answered, answered_later

SECRET = "plain:" + "c2VjcmV0"


class DriverError(Exception):
    """What a driver raises."""


class TimedOutError(DriverError):
    """One kind of it."""


def now(work: Callable[[], int]) -> int:
    """Run the work here."""
    return answered(work, DriverError, KeyError)


def later(work: Callable[[], int]) -> int:
    """Run the work in an event loop."""

    async def run() -> int:
        return work()

    return asyncio.run(answered_later(run(), DriverError, KeyError))


both = pytest.mark.parametrize("run", [now, later])


@both
def test_answer(run: Callable[[Callable[[], int]], int]) -> None:
    """An answer passes."""
    assert run(lambda: 5) == 5


@pytest.mark.proves("T34", "T22")
@both
@pytest.mark.parametrize("error", [DriverError, TimedOutError, KeyError])
def test_failure(run: Callable[[Callable[[], int]], int], error: type[Exception]) -> None:
    """A driver's failure becomes a StoreError that names its class, and keeps nothing else of it."""

    def fail() -> int:
        raise error(SECRET)

    with pytest.raises(StoreError) as caught:
        run(fail)
    assert str(caught.value) == f"the store did not answer: {error.__name__}"
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


@both
def test_another(run: Callable[[Callable[[], int]], int]) -> None:
    """What is not the driver's passes unchanged."""
    own = ZeroDivisionError("x")

    def fail() -> int:
        raise own

    with pytest.raises(ZeroDivisionError) as caught:
        run(fail)
    assert caught.value is own
