"""Tests of totpkit._account.throttle."""

import dataclasses
import math

import pytest
from hypothesis import given, strategies as st

from tests.support.account_strategies import throttles
from totpkit import InvalidParameterError, Throttle
from totpkit._account.throttle import DAY


def test_default() -> None:
    """By default five failures are free, and then the waits double from 30 seconds to a day."""
    waits = [Throttle().wait(failures) for failures in range(1, 20)]
    assert waits == [0.0] * 4 + [30.0 * 2**n for n in range(12)] + [DAY] * 3
    assert Throttle().cap == 100


@given(throttles())
def test_wait(throttle: Throttle) -> None:
    """Each wait is the previous one times the factor, up to the longest wait."""
    expected = 0.0
    for failures in range(1, throttle.cap + 1):
        if failures == throttle.free:
            expected = throttle.first_wait
        elif failures > throttle.free:
            expected = min(expected * throttle.factor, throttle.longest_wait)
        assert math.isclose(expected, throttle.wait(failures), rel_tol=1e-9)


@given(throttles())
def test_waits_never_shrink(throttle: Throttle) -> None:
    """No wait is shorter than the previous one, or longer than the longest wait."""
    waits = [throttle.wait(failures) for failures in range(1, 200)]
    assert waits == sorted(waits)
    assert waits[-1] <= throttle.longest_wait


@pytest.mark.proves("RFC4226-7.3")
@given(throttles(), st.floats(0, 400 * DAY))
def test_answers(throttle: Throttle, seconds: float) -> None:
    """A guesser who retries as soon as each wait ends is answered this often, and at most up to the cap."""
    now, answered = 0.0, 0
    while now <= seconds and answered < throttle.cap:
        answered += 1
        now += throttle.wait(answered)
    assert answered == throttle.answers(seconds)


@pytest.mark.proves("T11")
@given(throttles())
def test_allowance(throttle: Throttle) -> None:
    """At one moment only the free guesses are answered, or all up to the cap if there are no waits."""
    assert throttle.answers(0.0) == throttle.allowance
    assert throttle.allowance == (throttle.free if throttle.first_wait else throttle.cap)


@pytest.mark.proves("NIST-3.2.2")
@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"cap": 101}, "cap must be an int from 1 to 100, not 101"),
        ({"cap": 0}, "cap must be an int from 1 to 100, not 0"),
        ({"cap": True}, "cap must be an int from 1 to 100, not bool"),
        ({"cap": math.inf}, "cap must be an int from 1 to 100, not inf"),
        ({"free": 0}, "free must be an int from 1 to 100, not 0"),
        ({"free": 4, "cap": 3}, "free must be an int from 1 to 3, not 4"),
        ({"free": 1.0}, "free must be an int from 1 to 100, not 1.0"),
        ({"factor": 0.5}, "factor must be a number from 1 to 10, not 0.5"),
        ({"factor": math.nan}, "factor must be a number from 1 to 10, not nan"),
        ({"factor": "2"}, "factor must be a number from 1 to 10, not str"),
        ({"longest_wait": 31 * DAY}, "longest_wait must be a number from 0 to 2592000, not 2678400.0"),
        ({"longest_wait": -1}, "longest_wait must be a number from 0 to 2592000, not -1"),
        ({"first_wait": -1.0}, "first_wait must be a number from 0 to 86400, not -1.0"),
        ({"first_wait": 31, "longest_wait": 30}, "first_wait must be a number from 0 to 30, not 31"),
    ],
)
def test_out_of_range(numbers: dict[str, int], message: str) -> None:
    """Numbers out of range are rejected, among them a cap of more than 100 failures."""
    with pytest.raises(InvalidParameterError) as caught:
        Throttle(**numbers)
    assert message == str(caught.value)


def test_frozen() -> None:
    """A throttle cannot be changed, and its numbers are passed by name."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        Throttle().cap = 10**6  # type: ignore[misc]
    with pytest.raises(TypeError):
        Throttle(5)  # type: ignore[call-arg]
