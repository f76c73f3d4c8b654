"""How codes and answers are said to people."""

import pytest
from hypothesis import given, strategies as st

from tests.support.strategies import RFC_SECRET
from totpkit import TOTP, Accepted, Reason, Rejected
from totpkit._cli.output import printable, seconds_left, verdict


def test_verdict_accepted() -> None:
    """An acceptance tells the step to keep, also step 0, and the drift."""
    assert verdict(Accepted(0)) == "accepted: step 0, drift 0"
    assert verdict(Accepted(37037036, -1)) == "accepted: step 37037036, drift -1"


@pytest.mark.parametrize("reason", Reason)
def test_verdict_rejected(reason: Reason) -> None:
    """A rejection tells its reason, whatever the reason."""
    assert verdict(Rejected(reason)).startswith(f"rejected: {reason}")


def test_verdict_explained() -> None:
    """What a bare verification can answer is explained."""
    said = [verdict(Rejected(reason)) for reason in (Reason.MALFORMED, Reason.MISMATCH, Reason.REPLAYED)]
    assert said == [
        "rejected: malformed (not the form of such a code)",
        "rejected: mismatch (not a code that is due)",
        "rejected: replayed (a code is good for one use)",
    ]


@pytest.mark.parametrize(
    ("time", "said"), [(0, "30 s left"), (0.5, "30 s left"), (29, "1 s left"), (29.9, "1 s left")]
)
def test_seconds_left(time: float, said: str) -> None:
    """A second begun counts whole, so that it never says that none is left."""
    assert seconds_left(TOTP(RFC_SECRET), time) == said


@given(st.text())
def test_printable(text: str) -> None:
    """Whatever a stranger chose, only characters that can be seen are shown."""
    assert printable(text).isprintable()


@given(st.text(st.characters(exclude_categories=["C", "Z"])))
def test_printable_unchanged(text: str) -> None:
    """What can be seen is shown as it is."""
    assert printable(text) == text


def test_printable_escapes() -> None:
    """Characters that would turn a name around are written out."""
    assert printable("Acme\u202emoc.live") == "Acme\\u202emoc.live"
