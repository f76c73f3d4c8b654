"""Compute HOTP values from a secret and a counter, and convert them to and from decimal codes.

The TOTP, HOTP and Steam classes use these functions. HOTP values are defined in RFC 4226 (section
5.3), and HMAC is defined in RFC 2104.
"""

import enum
import hashlib
import struct
from collections.abc import Callable

from totpkit._otp.secret import Secret
from totpkit._validation import checked_int
from totpkit.errors import InvalidParameterError

NumberAt = Callable[[int], int]
"""A function that returns the code for a counter or a time step, as a number."""

COUNTERS = 2**64
"""The number of possible counters, which are 8 bytes long (RFC 4226, section 5.1)."""

DIGITS = range(6, 9)
"""RFC 4226 (section 5.3) requires at least 6 digits and allows 7 or 8."""

_INNER = bytes(byte ^ 0x36 for byte in range(256))  # ipad and opad of RFC 2104, section 2
_OUTER = bytes(byte ^ 0x5C for byte in range(256))
_unpack_word = struct.Struct(">I").unpack_from


class Algorithm(enum.StrEnum):
    """The hash algorithms that RFC 6238 (section 1.2) allows.

    SHA1 is the default because many authenticator apps ignore the algorithm in the key URI and
    always use SHA1.
    """

    SHA1 = "SHA1"
    SHA256 = "SHA256"
    SHA512 = "SHA512"


_HASHES = {
    Algorithm.SHA1: hashlib.sha1,
    Algorithm.SHA256: hashlib.sha256,
    Algorithm.SHA512: hashlib.sha512,
}


def checked_code(code: object) -> str:
    """Return *code* if it is a ``str``.

    Raises :class:`InvalidParameterError` for any other type. A code that was converted to an
    ``int`` may have lost its leading zeros.
    """
    if isinstance(code, str):
        return code
    raise InvalidParameterError("code", f"must be a str, leading zeros and all, not {type(code).__name__}")


def compact(code: object) -> str:
    """Return *code* without its spaces and dashes.

    Raises :class:`InvalidParameterError` if *code* is not a ``str``.
    """
    return checked_code(code).replace(" ", "").replace("-", "")


def truncation(secret: Secret, algorithm: Algorithm, modulus: int) -> NumberAt:
    """Return a function that computes the truncated HMAC of a counter, modulo *modulus*.

    Truncation is defined in RFC 4226 (section 5.3). Raises :class:`InvalidParameterError` if
    *secret* is not a :class:`Secret` or *algorithm* is not an :class:`Algorithm`.
    """
    if not isinstance(secret, Secret):
        wanted = "must be a Secret, for example from Secret.from_base32"
        raise InvalidParameterError("secret", f"{wanted}, not {type(secret).__name__}")
    if not isinstance(algorithm, Algorithm):
        names = " or ".join(f"Algorithm.{name}" for name in Algorithm)
        raise InvalidParameterError("algorithm", f"must be {names}, not {type(algorithm).__name__}")
    return _number_at(secret.to_bytes(), algorithm, modulus)


def _number_at(key: bytes, algorithm: Algorithm, modulus: int) -> NumberAt:
    new_hash = _HASHES[algorithm]
    block_size = new_hash().block_size
    if len(key) > block_size:
        key = new_hash(key).digest()
    block = key.ljust(block_size, b"\0")
    # HMAC is written by hand so that it absorbs the key only once. The inner and the outer hash each
    # compress a block that depends on nothing but the key (RFC 2104, section 4). Copying the two
    # states saves these two compressions for each code, and hmac.digest cannot do that.
    # test_same_as_hmac in tests/_otp/test_truncation.py checks the result against Python's hmac.
    start_inner = new_hash(block.translate(_INNER)).copy
    start_outer = new_hash(block.translate(_OUTER)).copy

    def number_at(counter: int) -> int:
        inner = start_inner()
        inner.update(counter.to_bytes(8, "big"))
        outer = start_outer()
        outer.update(inner.digest())
        mac = outer.digest()
        word: int = _unpack_word(mac, mac[-1] & 0xF)[0]
        return (word & 0x7FFFFFFF) % modulus

    return number_at


def decimal_truncation(secret: Secret, digits: int, algorithm: Algorithm) -> NumberAt:
    """Return a function that computes decimal codes as numbers.

    *digits* is the length of a code, from 6 to 8. Raises :class:`InvalidParameterError` if an
    argument has the wrong type or is out of range.
    """
    return truncation(secret, algorithm, 10 ** checked_int("digits", digits, DIGITS[0], DIGITS[-1]))


def read_decimal(code: object, digits: int) -> int | None:
    """Return a decimal code as a number, or ``None`` if it is malformed.

    After spaces and dashes are removed, a code must have exactly *digits* ASCII digits.
    """
    # A text of this length that contains spaces or dashes is malformed anyway. Skipping compact() then
    # makes verifying a code 3% faster.
    text = code if isinstance(code, str) and len(code) == digits else compact(code)
    # str.isdigit alone accepts the digits of every script, and int() also a sign and underscores.
    return int(text) if len(text) == digits and text.isascii() and text.isdigit() else None


def decimal_parameters(secret: Secret, digits: int, algorithm: Algorithm) -> dict[str, str]:
    """Return the key URI parameters for decimal codes, leaving out all default values."""
    parameters = {"secret": secret.to_base32()}
    if algorithm is not Algorithm.SHA1:
        parameters["algorithm"] = algorithm.value
    if digits != DIGITS[0]:
        parameters["digits"] = str(digits)
    return parameters
