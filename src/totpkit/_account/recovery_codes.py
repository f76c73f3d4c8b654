"""Recovery codes: what replaces a lost phone, once each. Knows nothing of storage.

Source: NIST SP 800-63B-4, section 3.1.2 (look-up secrets): at least 64 bits are throttled and
hashed with a salt; here 80 bits, scrypt all the same.
"""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from hmac import compare_digest
from typing import Self

from totpkit._otp.result import Reason
from totpkit._otp.secret import Entropy
from totpkit._otp.truncation import compact

CODE_BYTES = 10
"""80 bits each."""

HASH_BYTES = 32
"""What scrypt is asked for."""

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base32 (https://www.crockford.com/base32.html): no I, L, O or U."""

_LENGTH = CODE_BYTES * 8 // 5
_FORGIVEN = str.maketrans("OIL", "011")
COSTS = (1, 20)
"""The least and the greatest cost that is computed: up to a gibibyte."""

_SALT_BYTES = 16
_BLOCK_SIZE = 8  # scrypt's r; RFC 7914, section 2 suggests it


@dataclass(frozen=True, slots=True)
class RecoverySet:
    """The recovery codes of an account: hashes of 32 bytes in a row, under one salt.

    ``cost`` is the logarithm to base 2 of scrypt's N.
    """

    salt: bytes
    cost: int
    unspent: bytes
    spent: bytes = b""

    @classmethod
    def of(cls, codes: Iterable[str], *, cost: int, entropy: Entropy = os.urandom) -> Self:
        """Hash *codes*: as many computations as there are codes."""
        empty = cls(entropy(_SALT_BYTES), cost, b"")
        return replace(empty, unspent=b"".join(empty.hash(code.replace("-", "")) for code in codes))

    def hash(self, code: str) -> bytes:
        """Return the hash of a code that :func:`read_recovery_code` has read: one scrypt."""
        n = 1 << self.cost
        memory = 128 * _BLOCK_SIZE * (n + 3)  # RFC 7914, section 4: V, B, and what mixing them needs
        raw = code.encode("ascii")
        return hashlib.scrypt(raw, salt=self.salt, n=n, r=_BLOCK_SIZE, p=1, maxmem=memory, dklen=HASH_BYTES)

    @property
    def left(self) -> int:
        """The number of codes that are not spent."""
        return len(self.unspent) // HASH_BYTES

    def spend(self, digest: bytes) -> Self | Reason:
        """Return the set with the code of this hash spent, or why it is none; compares them all."""
        replayed = any([compare_digest(known, digest) for known in _each(self.spent)])  # noqa: C419 - no early exit
        left = [known for known in _each(self.unspent) if not compare_digest(known, digest)]
        if len(left) == self.left:
            return Reason.REPLAYED if replayed else Reason.MISMATCH
        return replace(self, unspent=b"".join(left), spent=self.spent + digest)


def _each(hashes: bytes) -> list[bytes]:
    return [hashes[place : place + HASH_BYTES] for place in range(0, len(hashes), HASH_BYTES)]


def new_recovery_code(entropy: Entropy = os.urandom) -> str:
    """Return a new code in groups of four, dashes between."""
    number = int.from_bytes(entropy(CODE_BYTES), "big")
    symbols = "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(_LENGTH)))
    return "-".join(symbols[place : place + 4] for place in range(0, _LENGTH, 4))


def read_recovery_code(typed: object) -> str | None:
    """Return the one spelling of a typed code, or ``None`` if it has not the form of one.

    Case, spaces and dashes are forgiven, and O for 0, I or L for 1. Raises
    :class:`InvalidParameterError` for anything but a ``str``.
    """
    text = compact(typed)
    symbols = text.upper().translate(_FORGIVEN) if text.isascii() else ""
    return symbols if len(symbols) == _LENGTH and set(symbols) <= set(_ALPHABET) else None
