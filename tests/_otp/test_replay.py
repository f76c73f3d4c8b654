"""Which steps are searched, and which codes are rejected as replayed."""

import hmac
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings, strategies as st

from tests.support import naive_otp
from tests.support.strategies import COLLISIONS, LAST_COUNTER, RFC_SECRET, crowded_codes
from tests.vectors import load
from totpkit import Reason, Window
from totpkit._otp.replay import find_pair, spend
from totpkit._otp.truncation import Algorithm, NumberAt, truncation

numbers = st.integers(0, 3)
steps = st.integers(0, 60) | st.integers(-60, 60) | st.integers(LAST_COUNTER - 30, LAST_COUNTER + 30)
spans = st.integers(1, 8)
last_steps = st.none() | st.integers(0, 80) | st.integers(LAST_COUNTER - 40, LAST_COUNTER + 40)


@settings(max_examples=600)
@given(crowded_codes, numbers, steps, spans, last_steps)
def test_second_implementation(
    number_at: NumberAt, number: int, low: int, span: int, last_step: int | None
) -> None:
    """Among codes that are often equal, the result is that of the second implementation."""
    high = low + span - 1
    expected = naive_otp.judge(number_at, number, low, high, last_step)
    assert expected == spend(number_at, number, low, high, last_step)


@pytest.mark.proves("RFC6238-5.2-once", "T06")
@settings(max_examples=600)
@given(crowded_codes, st.lists(st.tuples(st.integers(0, 40), spans, numbers), max_size=30))
def test_once(number_at: NumberAt, attempts: list[tuple[int, int, int]]) -> None:
    """A code is accepted once within its reach, in any order of times, windows and codes.

    Accepted steps strictly increase. A code that was spent at a step is accepted again only when that
    step is more than twice the span of the window below its end.
    """
    spent: list[int] = []
    for low, span, number in attempts:
        high = low + span - 1
        found = spend(number_at, number, low, high, spent[-1] if spent else None)
        if isinstance(found, Reason):
            continue
        assert low <= found <= high
        assert number_at(found) == number
        assert all(step < found for step in spent)
        assert all(step < high - 2 * span for step in spent if number_at(step) == number)
        spent.append(found)


@pytest.mark.parametrize(
    ("distance", "result"), [(0, Reason.REPLAYED), (1, Reason.REPLAYED), (6, Reason.REPLAYED), (7, 107)]
)
def test_reach(distance: int, result: int | Reason) -> None:
    """A code is spent if an equal one was accepted at most twice the span below the end of the window."""
    end, spent = 107, 107 - distance
    equal = {spent: 7, end: 7}
    assert result == spend(lambda step: equal.get(step, 0), 7, end - 2, end, spent)


@settings(max_examples=300)
@given(
    crowded_codes,
    st.tuples(numbers, numbers),
    st.integers(1, 60) | st.integers(LAST_COUNTER - 20, LAST_COUNTER),
    st.integers(-1, 25),
)
def test_pair(number_at: NumberAt, pair: tuple[int, int], low: int, width: int) -> None:
    """Among codes that are often equal, the pair found is that of the second implementation."""
    expected = naive_otp.judge_pair(number_at, pair, low, low + width, None)
    found = find_pair(number_at, *pair, low, low + width)
    assert expected == ("mismatch" if found is None else found)


@pytest.mark.proves("T24")
@pytest.mark.parametrize("pair", [(9, 10), (10, 11), (11, 12), (12, 13), (50, 0)])
def test_every_pair_is_compared(pair: tuple[int, int]) -> None:
    """Every pair is computed and compared exactly once in constant time, even after a match."""
    computed, compared = work(lambda number_at: find_pair(number_at, *pair, 10, 12))
    assert computed == [9, 10, 11, 12]
    assert compared == [packed(step) + packed(step + 1) for step in (9, 10, 11)]


@pytest.mark.proves("T24")
@given(steps, spans, last_steps, st.tuples(steps, steps))
@example(10, 3, 11, (10, 12))
def test_every_step_is_compared(low: int, span: int, last_step: int | None, codes: tuple[int, int]) -> None:
    """Every step of the window is computed and compared exactly once, whatever the code is."""
    high = low + span - 1
    right, wrong = (
        work(lambda number_at, number=number % 2**32: spend(number_at, number, low, high, last_step))
        for number in codes
    )
    assert right == wrong
    computed, compared = right
    assert compared == [packed(step) for step in computed]
    window = naive_otp.existing(low, high)
    assert [computed.count(step) for step in window] == [1] * len(window)


def work(search: Callable[[NumberAt], object]) -> tuple[list[int], list[bytes]]:
    """Return the steps whose codes a search computes, and the codes that it compares."""
    computed: list[int] = []
    compared: list[bytes] = []

    def number_at(step: int) -> int:
        computed.append(step)
        return step % 2**32

    def compare_digest(one: bytes, other: bytes) -> bool:
        compared.append(one)
        return hmac.compare_digest(one, other)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("totpkit._otp.replay.compare_digest", compare_digest)
        search(number_at)
    return computed, compared


def packed(step: int) -> bytes:
    """Return the bytes that are compared for a step."""
    return (step % 2**32).to_bytes(4, "big")


@pytest.mark.parametrize("vector", load("collisions")["codes"])
def test_collisions(vector: dict[str, list[int] | str]) -> None:
    """The steps in the collision vectors have the same code in the second implementation."""
    raw = RFC_SECRET.to_bytes()
    assert [vector["code"]] * 2 == [naive_otp.decimal(raw, step) for step in vector["steps"]]


NEIGHBORS = [
    (earlier, later, int(code), window)
    for earlier, later, code in COLLISIONS
    for window in (Window.ASVS, Window.RFC, Window.DEFAULT, Window(3, 3), Window(0, 9))
    if later - earlier <= window.span + 1
]


@pytest.mark.proves("T06")
@given(st.sampled_from(NEIGHBORS), st.data())
def test_colliding_neighbors(case: tuple[int, int, int, Window], data: st.DataObject) -> None:
    """A code that two nearby steps share is accepted once in total, in any order of times."""
    earlier, later, number, window = case
    number_at = truncation(RFC_SECRET, Algorithm.SHA1, 10**6)
    moments = range(earlier - window.future, later + window.past + 1)
    last_step: int | None = None
    accepted = 0
    for center in data.draw(st.permutations(moments)):
        found = spend(number_at, number, center - window.past, center + window.future, last_step)
        if isinstance(found, int):
            accepted += 1
            last_step = found
    assert accepted == 1
