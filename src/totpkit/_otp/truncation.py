"""The arithmetic: from a secret and a counter to a code. Knows nothing of time."""

import enum
import hashlib
import struct
from collections.abc import Callable

from totpkit._otp.secret import Secret
from totpkit.errors import InvalidParameterError

NumberAt = Callable[[int], int]
"""Returns the number that is written as the code of a counter value or step."""

Write = Callable[[int], str]
"""Writes such a number as a code; different numbers give different codes."""

COUNTERS = 2**64
"""RFC 4226, section 5.1: the counter is 8 bytes, so this many values exist."""

_INNER = bytes(byte ^ 0x36 for byte in range(256))  # ipad and opad of RFC 2104, section 2
_OUTER = bytes(byte ^ 0x5C for byte in range(256))
_pack_counter = struct.Struct(">Q").pack
_unpack_word = struct.Struct(">I").unpack_from


class Algorithm(enum.StrEnum):
    """The hash under HMAC; RFC 6238, section 1.2 admits these three.

    Many phone apps ignore it and always use SHA1, which is why that is the default.
    """

    SHA1 = "SHA1"
    SHA256 = "SHA256"
    SHA512 = "SHA512"


_HASHES = {
    Algorithm.SHA1: hashlib.sha1,
    Algorithm.SHA256: hashlib.sha256,
    Algorithm.SHA512: hashlib.sha512,
}
_BLOCK_SIZES = {Algorithm.SHA1: 64, Algorithm.SHA256: 64, Algorithm.SHA512: 128}
"""Bytes; FIPS 180-4, figure 1."""


def checked_code(code: object) -> str:
    """Return what was typed as a code.

    Raises :class:`InvalidParameterError` for anything but a ``str``: as a number, a code
    has lost its leading zeros.
    """
    if isinstance(code, str):
        return code
    raise InvalidParameterError("code", f"must be a str, leading zeros and all, not {type(code).__name__}")


def compact(code: object) -> str:
    """Return a typed code without its spaces and dashes; raises what :func:`checked_code` does."""
    return checked_code(code).replace(" ", "").replace("-", "")


def truncation(secret: Secret, algorithm: Algorithm, modulus: int) -> NumberAt:
    """Return the function from a counter to HMAC's truncated value modulo *modulus*.

    Source: RFC 4226, section 5.3. Raises :class:`InvalidParameterError` for anything but a
    :class:`Secret` and an :class:`Algorithm`.
    """
    if not isinstance(secret, Secret):
        hint = "must be a Secret, made by Secret.from_base32 for one"
        raise InvalidParameterError("secret", f"{hint}, not {type(secret).__name__}")
    if not isinstance(algorithm, Algorithm):
        names = " or ".join(f"Algorithm.{name}" for name in Algorithm)
        raise InvalidParameterError("algorithm", f"must be {names}, not {type(algorithm).__name__}")
    return _number_maker(secret.to_bytes(), algorithm, modulus)


def _number_maker(key: bytes, algorithm: Algorithm, modulus: int) -> NumberAt:
    new_hash, block_size = _HASHES[algorithm], _BLOCK_SIZES[algorithm]
    if len(key) > block_size:
        key = new_hash(key).digest()
    block = key.ljust(block_size, b"\0")
    # HMAC absorbs the key in one compression of its inner and one of its outer hash (RFC 2104,
    # section 4): they are done here, once, and each code works on copies.
    start_inner = new_hash(block.translate(_INNER)).copy
    start_outer = new_hash(block.translate(_OUTER)).copy

    def number_at(counter: int) -> int:
        inner = start_inner()
        inner.update(_pack_counter(counter))
        outer = start_outer()
        outer.update(inner.digest())
        mac = outer.digest()
        word: int = _unpack_word(mac, mac[-1] & 0xF)[0]
        return (word & 0x7FFFFFFF) % modulus

    return number_at
