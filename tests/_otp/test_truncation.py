"""From a secret and a counter to a decimal code."""

import hashlib

import pytest
from hypothesis import example, given, strategies as st

from tests.support import naive_otp
from tests.support.strategies import (
    RFC_SECRET,
    algorithms,
    anything,
    counters,
    digits,
    foreign_digits,
    misspellings,
    raw_secrets,
    spellings,
)
from tests.vectors import load
from totpkit import Algorithm, InvalidParameterError, Secret
from totpkit._otp.truncation import compact, decimal_parameters, decimal_truncation, read_decimal, truncation

APPENDIX_D = load("rfc4226")


@pytest.mark.proves("RFC4226-5.3", "RFC4226-D")
@pytest.mark.parametrize("vector", APPENDIX_D["codes"])
def test_appendix_d(vector: dict[str, int | str]) -> None:
    """Dynamic truncation returns the numbers in the second table of Appendix D."""
    number_at = truncation(Secret.from_bytes(bytes.fromhex(APPENDIX_D["secret"])), Algorithm.SHA1, 2**31)
    assert vector["number"] == int(vector["truncated"], 16) == number_at(vector["counter"])


@given(raw_secrets, algorithms, st.lists(counters, min_size=1), st.integers(1, 2**31))
@example(bytes(range(1, 65)), Algorithm.SHA256, [7], 2**31)  # as long as a block
@example(bytes(range(1, 66)), Algorithm.SHA1, [7], 2**31)  # longer, so that the key is hashed
@example(bytes(range(1, 129)), Algorithm.SHA512, [7], 2**31)
@example(bytes(range(1, 130)), Algorithm.SHA512, [7], 2**31)
def test_same_as_hmac(raw: bytes, algorithm: Algorithm, several: list[int], modulus: int) -> None:
    """The handwritten HMAC returns what Python's ``hmac`` does, whatever was computed before."""
    number_at = truncation(Secret.from_bytes(raw), algorithm, modulus)
    for counter in several:
        assert naive_otp.word(raw, counter, algorithm) % modulus == number_at(counter)


@pytest.mark.parametrize("secret", ["JBSWY3DPEHPK3PXP", b"12345678901234567890", None, 5])
def test_secret_type(secret: object) -> None:
    """Anything but a Secret is rejected, and the message says how to create one."""
    with pytest.raises(InvalidParameterError) as caught:
        truncation(secret, Algorithm.SHA1, 10**6)  # type: ignore[arg-type]
    expected = f"secret must be a Secret, for example from Secret.from_base32, not {type(secret).__name__}"
    assert expected == str(caught.value)


@pytest.mark.parametrize("algorithm", ["SHA1", "sha1", hashlib.sha1, None])
def test_algorithm_type(algorithm: object) -> None:
    """Anything but an Algorithm is rejected, and the message names all three."""
    with pytest.raises(InvalidParameterError) as caught:
        truncation(RFC_SECRET, algorithm, 10**6)  # type: ignore[arg-type]
    names = "Algorithm.SHA1 or Algorithm.SHA256 or Algorithm.SHA512"
    assert str(caught.value) == f"algorithm must be {names}, not {type(algorithm).__name__}"


@pytest.mark.proves("RFC4226-5.3")
@pytest.mark.parametrize("places", [5, 9, 0, -6, 6.0, "6", None, True])
def test_digits_out_of_range(places: object) -> None:
    """A code has 6 to 8 digits."""
    with pytest.raises(InvalidParameterError, match=r"^digits must be an int from 6 to 8, not "):
        decimal_truncation(RFC_SECRET, places, Algorithm.SHA1)  # type: ignore[arg-type]


@given(anything)
def test_compact(text: str) -> None:
    """Spaces and dashes are dropped, and nothing else."""
    assert "".join(character for character in text if character not in " -") == compact(text)


@pytest.mark.parametrize("code", [123456, 123456.0, b"123456", None, ["1"], True])
def test_code_type(code: object) -> None:
    """A code that is not a ``str`` raises an error that does not show the code."""
    with pytest.raises(InvalidParameterError) as caught:
        read_decimal(code, 6)
    expected = f"code must be a str, leading zeros and all, not {type(code).__name__}"
    assert expected == str(caught.value)


@pytest.mark.proves("T03")
@given(digits, st.data())
def test_read(places: int, data: st.DataObject) -> None:
    """A text is a code exactly if only its ASCII digits remain when spaces and dashes are dropped."""
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
    """A text with a digit from another script, in any place, is not a code."""
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
    """The parameters of a key URI omit default values."""
    secret = Secret.from_base32("JBSWY3DPEHPK3PXP")
    assert {"secret": "JBSWY3DPEHPK3PXP"} | expected == decimal_parameters(secret, places, algorithm)
