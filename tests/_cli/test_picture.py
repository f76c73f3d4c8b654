"""A QR picture on the terminal."""

import pytest

from tests.support.strategies import RFC_SECRET
from tests.support.terminal import play, scanned

TEXT = RFC_SECRET.to_base32()
URI = f"otpauth://totp/Acme:alice%40example.com?secret={TEXT}&issuer=Acme"
NOTE = (
    "totpkit: the picture needs 45 columns and 24 lines, this terminal has {} and {}: "
    "make the window larger or its letters smaller, or write a file by --svg FILE\n"
)


@pytest.mark.parametrize("screen", [True, False])
def test_scanned(*, screen: bool) -> None:
    """A phone reads the key URI from the picture, and an ordinary one fits 80 by 24."""
    played = play("qr", stdin=URI, screen=screen)
    assert (played.status, played.err) == (0, "")
    assert scanned(played.out) == URI
    assert ("\x1b" in played.out) == screen


@pytest.mark.parametrize(("columns", "lines"), [(44, 24), (45, 23), (10, 5)])
def test_too_small(columns: int, lines: int) -> None:
    """A terminal that cannot show the picture in one piece is told so in a line, with what to do."""
    played = play("qr", stdin=URI, screen=True, size=(columns, lines))
    assert (played.status, played.err) == (0, NOTE.format(columns, lines))
    assert scanned(played.out) == URI


def test_just_fits() -> None:
    """One line is left for the shell's prompt."""
    assert play("qr", stdin=URI, screen=True, size=(45, 24)).err == ""


def test_no_terminal() -> None:
    """What is no terminal has no size."""
    assert play("qr", stdin=URI, size=(10, 5)).err == ""
