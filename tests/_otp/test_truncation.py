"""The arithmetic from a secret and a counter to a number."""

import hashlib

import pytest
from hypothesis import given, strategies as st

from tests.support import naive_otp
from tests.support.strategies import RFC_SECRET, algorithms, anything, counters, raw_secrets
from tests.vectors import load
from totpkit import Algorithm, InvalidParameterError, Secret
from totpkit._otp.truncation import compact, truncation

APPENDIX_D = load("rfc4226")


@pytest.mark.proves("RFC4226-5.3", "RFC4226-D")
@pytest.mark.parametrize("vector", APPENDIX_D["codes"])
def test_truncation(vector: dict[str, int | str]) -> None:
    """Dynamic truncation gives the numbers in the second table of Appendix D."""
    number_at = truncation(Secret.from_bytes(bytes.fromhex(APPENDIX_D["secret"])), Algorithm.SHA1, 2**31)
    assert vector["number"] == number_at(vector["counter"])
    assert int(vector["truncated"], 16) == number_at(vector["counter"])


@pytest.mark.parametrize("algorithm", Algorithm)
def test_long_secrets(algorithm: Algorithm) -> None:
    """Secrets as long as the hash's block, or longer by any byte, are HMAC keys as RFC 2104 says."""
    block = hashlib.new(algorithm).block_size
    for size in (1, block - 1, block, block + 1, 3 * block):
        raw = bytes(range(256)) * 2
        number_at = truncation(Secret.from_bytes(raw[:size]), algorithm, 2**31)
        assert naive_otp.word(raw[:size], 7, algorithm) == number_at(7)


@given(raw_secrets, algorithms, counters, st.integers(1, 2**31))
def test_second_implementation(raw: bytes, algorithm: Algorithm, counter: int, modulus: int) -> None:
    """The numbers are those of an independent implementation."""
    number_at = truncation(Secret.from_bytes(raw), algorithm, modulus)
    assert naive_otp.word(raw, counter, algorithm) % modulus == number_at(counter)


@given(raw_secrets, algorithms, st.lists(counters))
def test_repeatable(raw: bytes, algorithm: Algorithm, asked: list[int]) -> None:
    """One number does not depend on those asked for before it."""
    secret = Secret.from_bytes(raw)
    number_at = truncation(secret, algorithm, 10**6)
    afresh = [truncation(secret, algorithm, 10**6)(counter) for counter in asked]
    assert afresh == [number_at(counter) for counter in asked]


@given(anything)
def test_compact(text: str) -> None:
    """Spaces and dashes are dropped, and nothing else."""
    assert "".join(character for character in text if character not in " -") == compact(text)


@pytest.mark.parametrize("code", [123456, 123456.0, b"123456", None, ["1"], True])
def test_code_type(code: object) -> None:
    """A code that is no str is the caller's mistake, whose message does not show it."""
    with pytest.raises(InvalidParameterError) as caught:
        compact(code)
    expected = f"code must be a str, leading zeros and all, not {type(code).__name__}"
    assert expected == str(caught.value)


@pytest.mark.parametrize("secret", ["JBSWY3DPEHPK3PXP", b"12345678901234567890", None, 5])
def test_secret_type(secret: object) -> None:
    """Only a Secret is one, and the message says how to make it."""
    with pytest.raises(InvalidParameterError) as caught:
        truncation(secret, Algorithm.SHA1, 10**6)  # type: ignore[arg-type]
    expected = f"secret must be a Secret, made by Secret.from_base32 for one, not {type(secret).__name__}"
    assert expected == str(caught.value)


@pytest.mark.parametrize("algorithm", ["SHA1", "sha1", hashlib.sha1, None])
def test_algorithm_type(algorithm: object) -> None:
    """Only an Algorithm is one, and the message names all three."""
    with pytest.raises(InvalidParameterError) as caught:
        truncation(RFC_SECRET, algorithm, 10**6)  # type: ignore[arg-type]
    names = "Algorithm.SHA1 or Algorithm.SHA256 or Algorithm.SHA512"
    assert str(caught.value) == f"algorithm must be {names}, not {type(algorithm).__name__}"
