"""Codes in decimal digits."""

import pytest
from hypothesis import example, given, strategies as st

from tests.support.strategies import RFC_SECRET, anything, digits, foreign_digits, misspellings, spellings
from totpkit import Algorithm, InvalidParameterError, Secret
from totpkit._otp.truncation import decimal_codes, decimal_parameters, read_decimal


@pytest.mark.proves("RFC4226-5.3")
@given(digits, st.integers(0))
def test_written(places: int, number: int) -> None:
    """A code is a str of its full length, leading zeros kept."""
    _, write = decimal_codes(RFC_SECRET, places, Algorithm.SHA1)
    number %= 10**places
    assert str(number).zfill(places) == write(number)
    assert number == read_decimal(write(number), places)


@pytest.mark.proves("RFC4226-5.3")
@pytest.mark.parametrize("places", [5, 9, 0, -6, 6.0, "6", None, True])
def test_digits_refused(places: object) -> None:
    """A code has 6 to 8 digits, and the message says so."""
    with pytest.raises(InvalidParameterError, match=r"^digits must be an int from 6 to 8, not "):
        decimal_codes(RFC_SECRET, places, Algorithm.SHA1)  # type: ignore[arg-type]


@pytest.mark.proves("T03")
@given(digits, st.data())
def test_read(places: int, data: st.DataObject) -> None:
    """A text is a code exactly if its ASCII digits alone remain when spaces and dashes are dropped."""
    code = data.draw(st.text("0123456789", min_size=places, max_size=places))
    text = data.draw(misspellings(code) | spellings(code) | anything)
    rest = text.replace(" ", "").replace("-", "")
    wellformed = len(rest) == places and set(rest) <= set("0123456789")
    assert (int(rest) if wellformed else None) == read_decimal(text, places)


@pytest.mark.proves("T03")
@given(foreign_digits, st.integers(0, 5))
@example("\uff12", 0)  # full-width
@example("\u0662", 5)  # Arabic
@example("\u00b2", 3)  # superscript
def test_foreign_digits(digit: str, place: int) -> None:
    """A digit of any other script, in any place, makes no code."""
    assert read_decimal("12345"[:place] + digit + "12345"[place:], 6) is None


@pytest.mark.parametrize(
    ("algorithm", "places", "expected"),
    [
        (Algorithm.SHA1, 6, {}),
        (Algorithm.SHA256, 6, {"algorithm": "SHA256"}),
        (Algorithm.SHA1, 7, {"digits": "7"}),
        (Algorithm.SHA512, 8, {"algorithm": "SHA512", "digits": "8"}),
    ],
)
def test_parameters(algorithm: Algorithm, places: int, expected: dict[str, str]) -> None:
    """The parameters of a key URI leave out what is the default."""
    secret = Secret.from_base32("JBSWY3DPEHPK3PXP")
    assert {"secret": "JBSWY3DPEHPK3PXP"} | expected == decimal_parameters(secret, places, algorithm)
