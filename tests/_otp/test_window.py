"""Which steps are searched, and which codes are spent."""

import dataclasses
import hmac

import pytest
from hypothesis import given, settings, strategies as st

from tests.support import naive_otp
from tests.support.strategies import COLLISIONS, LAST_COUNTER, RFC_SECRET, crowded_codes
from tests.vectors import load
from totpkit import InvalidParameterError, Reason, Window
from totpkit._otp.truncation import Algorithm, NumberAt, truncation
from totpkit._otp.window import find_pair, spend

steps = st.integers(0, 60) | st.integers(-60, 60) | st.integers(LAST_COUNTER - 30, LAST_COUNTER + 30)
spans = st.integers(1, 8)
last_steps = st.none() | st.integers(0, 80) | st.integers(LAST_COUNTER - 40, LAST_COUNTER + 40)


@pytest.mark.proves("RFC6238-5.2-window")
def test_presets() -> None:
    """Each preset has the steps that its source recommends."""
    assert Window() == Window.DEFAULT == Window(past=1, future=1)
    assert Window(past=1, future=0) == Window.RFC


@pytest.mark.proves("ASVS-6.5.5")
def test_asvs() -> None:
    """The ASVS preset searches the current step alone."""
    assert Window(past=0, future=0) == Window.ASVS
    assert Window.ASVS.span == 1


@given(st.integers(0, 4), st.integers(0, 5))
def test_span(past: int, future: int) -> None:
    """The span counts the current step too."""
    assert past + 1 + future == Window(past, future).span


@pytest.mark.proves("T31")
@given(st.integers(0, 1200), st.integers(0, 1200))
def test_width(past: int, future: int) -> None:
    """More than 10 steps in all are refused unless asked for by name, and more than 1000 always."""
    wide = past + future + 1
    if wide <= 10:
        assert wide == Window(past, future).span
    else:
        with pytest.raises(InvalidParameterError):
            Window(past, future)
    if wide <= 1000:
        assert wide == Window(past, future, allow_wide=True).span
    else:
        with pytest.raises(InvalidParameterError):
            Window(past, future, allow_wide=True)


@pytest.mark.proves("T31")
@pytest.mark.parametrize(
    ("past", "future", "allow_wide", "message"),
    [
        (-1, 1, False, "past must be an int from 0 to 1000, not -1"),
        (1, -1, False, "future must be an int from 0 to 1000, not -1"),
        (1.0, 1, False, "past must be an int from 0 to 1000, not 1.0"),
        (1, True, False, "future must be an int from 0 to 1000, not bool"),
        (
            5,
            5,
            False,
            "window must have at most 10 steps, not 11; a wider one must be asked for with allow_wide=True",
        ),
        (1000, 0, True, "window must have at most 1000 steps, not 1001"),
        (1001, 0, True, "past must be an int from 0 to 1000, not 1001"),
        (20, 20, "yes", "allow_wide must be a bool, not str"),
    ],
)
def test_refused(past: int, future: int, *, allow_wide: bool, message: str) -> None:
    """A window out of bounds is refused with the bounds, and the way to a wider one."""
    with pytest.raises(InvalidParameterError) as caught:
        Window(past, future, allow_wide=allow_wide)
    assert message == str(caught.value)


@pytest.mark.proves("T31")
def test_override_shows() -> None:
    """The override by name is visible in the window itself."""
    assert "allow_wide=True" in repr(Window(20, 20, allow_wide=True))
    with pytest.raises(TypeError):
        Window(20, 20, True)  # type: ignore[misc]  # noqa: FBT003


def test_frozen() -> None:
    """A window cannot be changed, so that its bounds cannot be passed by."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        Window.DEFAULT.past = 100  # type: ignore[misc]


@settings(max_examples=600)
@given(crowded_codes, st.integers(0, 4), steps, spans, last_steps)
def test_second_implementation(
    number_at: NumberAt, number: int, low: int, span: int, last_step: int | None
) -> None:
    """Among codes that collide all the time, the verdict is that of the rule written with sets."""
    high = low + span - 1
    expected = naive_otp.judge(number_at, number, low, high, last_step)
    assert expected == spend(number_at, number, low, high, last_step)


@pytest.mark.proves("RFC6238-5.2-once", "T06")
@settings(max_examples=600)
@given(crowded_codes, st.lists(st.tuples(st.integers(0, 40), spans, st.integers(0, 3)), max_size=30))
def test_once(number_at: NumberAt, attempts: list[tuple[int, int, int]]) -> None:
    """In no order of times, windows and codes, clock set back too, is a code accepted twice near itself.

    Accepted steps strictly increase, and a code spent at a step comes back only when that step
    lies further below the window's end than twice the window's span.
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


@pytest.mark.proves("RFC6238-5.2-once")
@given(crowded_codes, st.integers(0, 3), st.integers(0, 40), spans, st.integers(0, 60))
def test_nothing_lost(number_at: NumberAt, number: int, low: int, span: int, last_step: int) -> None:
    """A code that stands in the window, and at no step at or below the last within reach, is accepted."""
    high = low + span - 1
    fresh = all(
        number_at(step) != number for step in range(max(high - 2 * span, 0), min(high, last_step) + 1)
    )
    there = any(number_at(step) == number for step in range(low, high + 1))
    assert (fresh and there) == isinstance(spend(number_at, number, low, high, last_step), int)


def test_highest() -> None:
    """Of two equal codes in the window the highest step counts, so that the lower is spent with it."""
    assert spend(lambda step: step % 2, 1, 10, 16, None) == 15
    assert spend(lambda step: step % 2, 1, 10, 16, 9) is Reason.REPLAYED
    assert spend(lambda _: 7, 7, 10, 16, None) == 16


@pytest.mark.parametrize(
    ("distance", "verdict"), [(0, Reason.REPLAYED), (1, Reason.REPLAYED), (6, Reason.REPLAYED), (7, 107)]
)
def test_reach(distance: int, verdict: int | Reason) -> None:
    """An equal code is spent to twice the span below the window's end, and not beyond."""
    window_end, spent = 107, 107 - distance
    equal = {spent: 7, window_end: 7}
    found = spend(lambda step: equal.get(step, 0), 7, window_end - 2, window_end, spent)
    assert verdict == found


def test_reach_hangs_on_the_window() -> None:
    """With the last step far ahead of a clock set back, nothing that was spent opens again."""
    for step in range(100, 103):
        assert spend(lambda step: step, step, 100, 102, 10_000) is Reason.REPLAYED


@given(crowded_codes, st.tuples(st.integers(0, 3), st.integers(0, 3)), st.integers(1, 60), spans)
def test_pair(number_at: NumberAt, pair: tuple[int, int], low: int, span: int) -> None:
    """Two consecutive codes are found by the highest step that they end at."""
    expected = naive_otp.judge_pair(number_at, pair, low, low + span - 1, None)
    found = find_pair(number_at, *pair, low, low + span - 1)
    assert expected == ("mismatch" if found is None else found)


@pytest.mark.proves("T24")
@pytest.mark.parametrize("end", [0, 10, 11, 12, 13])
def test_every_pair_is_computed(end: int) -> None:
    """Every pair is computed and compared once, wherever the codes stand."""
    computed, compared = [], []

    def number_at(step: int) -> int:
        computed.append(step)
        return step

    def compare_digest(one: bytes, other: bytes) -> bool:
        compared.append(one)
        return hmac.compare_digest(one, other)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("totpkit._otp.window.compare_digest", compare_digest)
        find_pair(number_at, end - 1 if end else 50, end, 10, 12)
    assert computed == [9, 10, 11, 12]
    assert [step.to_bytes(4, "big") + (step + 1).to_bytes(4, "big") for step in (9, 10, 11)] == compared


@pytest.mark.proves("T24")
@given(
    st.integers(-5, 60),
    spans,
    st.none() | st.integers(0, 80),
    st.lists(st.integers(0, 200), min_size=2, max_size=2),
)
def test_every_step_is_computed(low: int, span: int, last_step: int | None, numbers: list[int]) -> None:
    """Which codes are computed and compared does not depend on the code: right, wrong, first, last, spent."""
    high = low + span - 1
    right, wrong = (work(number, low, high, last_step) for number in numbers)
    assert right == wrong
    unspent = range(max(low, 0 if last_step is None else last_step + 1), high + 1)
    assert set(unspent) <= set(right)


@pytest.mark.proves("T24")
@pytest.mark.parametrize("number", [9, 10, 11, 12, 13])
@pytest.mark.parametrize("last_step", [None, 0, 9, 10, 11, 12, 100])
def test_each_step_once(number: int, last_step: int | None) -> None:
    """Every step of the window is computed and compared exactly once, wherever the code stands in it."""
    steps = work(number, 10, 12, last_step)
    assert [steps.count(step) for step in (10, 11, 12)] == [1, 1, 1]


def work(number: int, low: int, high: int, last_step: int | None) -> list[int]:
    """Return the steps whose codes are computed, having seen that each of them is compared."""
    computed: list[int] = []
    compared: list[bytes] = []

    def number_at(step: int) -> int:
        computed.append(step)
        return step

    def compare_digest(one: bytes, other: bytes) -> bool:
        compared.append(one)
        assert other == number.to_bytes(4, "big")
        return hmac.compare_digest(one, other)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("totpkit._otp.window.compare_digest", compare_digest)
        spend(number_at, number, low, high, last_step)
    assert [step.to_bytes(4, "big") for step in computed] == compared
    return computed


@pytest.mark.parametrize("found", load("collisions")["codes"])
def test_collisions_are_true(found: dict[str, list[int] | str]) -> None:
    """The colliding steps that the tests stand on share their code by an independent implementation."""
    raw = RFC_SECRET.to_bytes()
    assert [found["code"]] * 2 == [naive_otp.decimal(raw, step) for step in found["steps"]]


NEIGHBOURS = [
    (earlier, later, int(code), window)
    for earlier, later, code in COLLISIONS
    for window in (Window.ASVS, Window.RFC, Window.DEFAULT, Window(3, 3), Window(0, 9))
    if later - earlier <= window.span + 1
]


@pytest.mark.proves("T06")
@given(st.sampled_from(NEIGHBOURS), st.data())
def test_colliding_neighbours(case: tuple[int, int, int, Window], data: st.DataObject) -> None:
    """A code that two nearby steps share is accepted once in all, in whatever order its moments come."""
    earlier, later, number, window = case
    number_at = truncation(RFC_SECRET, Algorithm.SHA1, 10**6)
    moments = range(earlier - window.future, later + window.past + 1)
    last_step: int | None = None
    accepted = 0
    for centre in data.draw(st.permutations(moments)):
        found = spend(number_at, number, centre - window.past, centre + window.future, last_step)
        if isinstance(found, int):
            accepted += 1
            last_step = found
    assert accepted == 1
