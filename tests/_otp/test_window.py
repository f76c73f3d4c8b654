"""How many steps a window has."""

import dataclasses

import pytest
from hypothesis import example, given, strategies as st

from totpkit import InvalidParameterError, Window


@pytest.mark.proves("RFC6238-5.2-window", "ASVS-6.5.5")
def test_presets() -> None:
    """Each preset has the steps that its source recommends."""
    assert Window() == Window.DEFAULT == Window(past=1, future=1)
    assert Window(past=1, future=0) == Window.RFC
    assert Window(past=0, future=0) == Window.ASVS
    assert Window.ASVS.span == 1


@pytest.mark.proves("T31")
@given(st.integers(0, 9) | st.integers(0, 1200), st.integers(0, 9) | st.integers(0, 1200))
@example(4, 5)
@example(5, 5)
@example(499, 500)
@example(500, 500)
def test_width(past: int, future: int) -> None:
    """More than 10 steps are rejected without ``allow_wide``, and more than 1000 always."""
    span = past + future + 1
    for allow_wide, widest in ((False, 10), (True, 1000)):
        if span <= widest:
            assert span == Window(past, future, allow_wide=allow_wide).span
        else:
            with pytest.raises(InvalidParameterError):
                Window(past, future, allow_wide=allow_wide)


@pytest.mark.proves("T31")
@pytest.mark.parametrize(
    ("past", "future", "allow_wide", "message"),
    [
        (-1, 1, False, "past must be an int from 0 to 1000, not -1"),
        (1, -1, False, "future must be an int from 0 to 1000, not -1"),
        (1.0, 1, False, "past must be an int from 0 to 1000, not 1.0"),
        (1, True, False, "future must be an int from 0 to 1000, not bool"),
        (5, 5, False, "window must have at most 10 steps, not 11; pass allow_wide=True for a wider window"),
        (1000, 0, True, "window must have at most 1000 steps, not 1001"),
        (1001, 0, True, "past must be an int from 0 to 1000, not 1001"),
        (20, 20, "yes", "allow_wide must be a bool, not str"),
    ],
)
def test_rejected(past: int, future: int, *, allow_wide: bool, message: str) -> None:
    """A window out of bounds is rejected, and the message says how to get a wider one."""
    with pytest.raises(InvalidParameterError) as caught:
        Window(past, future, allow_wide=allow_wide)
    assert message == str(caught.value)


@pytest.mark.proves("T31")
def test_allow_wide() -> None:
    """A wide window needs a keyword, which its repr shows, and no window can be changed."""
    assert "allow_wide=True" in repr(Window(20, 20, allow_wide=True))
    with pytest.raises(TypeError):
        Window(20, 20, True)  # type: ignore[misc]  # noqa: FBT003
    with pytest.raises(dataclasses.FrozenInstanceError):
        Window.DEFAULT.past = 100  # type: ignore[misc]
