"""Generate and hash recovery codes. :mod:`totpkit._account.redeem` contains the rules for using them.

For look-up secrets, NIST SP 800-63B-4, section 3.1.2, asks for at least 64 bits, salted hashes and
throttling. These recovery codes have 80 bits and are hashed with scrypt.
"""

import hashlib
import os
from collections.abc import Iterable
from hmac import compare_digest
from typing import NamedTuple, Self

from totpkit._otp.result import Reason
from totpkit._otp.secret import Entropy
from totpkit._otp.truncation import compact

CODE_BYTES = 10
"""Random bytes in a code: 80 bits."""

HASH_BYTES = 32

COSTS = (1, 20)
"""The lowest and the highest allowed cost. The highest cost needs 1 GiB of memory."""

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base32 (https://www.crockford.com/base32.html), without I, L, O and U."""

_LENGTH = CODE_BYTES * 8 // 5
_LOOKALIKES = str.maketrans("OIL", "011")
_SALT_BYTES = 16
_BLOCK_SIZE = 8  # scrypt's r; RFC 7914, section 2


class RecoveryCodeSet(NamedTuple):
    """An account's recovery codes, stored as 32-byte hashes that share one salt.

    ``cost`` is the base-2 logarithm of the scrypt parameter N.
    """

    salt: bytes
    cost: int
    unspent: bytes
    spent: bytes = b""

    @classmethod
    def of(cls, codes: Iterable[str], *, cost: int, entropy: Entropy = os.urandom) -> Self:
        """Hash each of the codes with scrypt and a new salt."""
        empty = cls(entropy(_SALT_BYTES), cost, b"")
        return empty._replace(unspent=b"".join(empty.hash(code.replace("-", "")) for code in codes))

    def hash(self, symbols: str) -> bytes:
        """Hash a normalized recovery code with scrypt, which is slow on purpose."""
        n = 1 << self.cost
        memory = 128 * _BLOCK_SIZE * (n + 3)  # RFC 7914, section 4: B and V, and the working memory of mixing
        raw = symbols.encode("ascii")
        return hashlib.scrypt(raw, salt=self.salt, n=n, r=_BLOCK_SIZE, p=1, maxmem=memory, dklen=HASH_BYTES)

    @property
    def left(self) -> int:
        """The number of unused codes."""
        return len(self.unspent) // HASH_BYTES

    def spend(self, digest: bytes) -> Self | Reason:
        """Return the set with this code marked as used, or the reason to reject the code.

        All hashes are compared in constant time.
        """
        replayed = any([compare_digest(known, digest) for known in _split(self.spent)])  # noqa: C419 - no early exit
        left = [known for known in _split(self.unspent) if not compare_digest(known, digest)]
        if len(left) == self.left:
            return Reason.REPLAYED if replayed else Reason.MISMATCH
        return self._replace(unspent=b"".join(left), spent=self.spent + digest)


def _split(hashes: bytes) -> list[bytes]:
    return [hashes[start : start + HASH_BYTES] for start in range(0, len(hashes), HASH_BYTES)]


def new_recovery_code(entropy: Entropy = os.urandom) -> str:
    """Generate a random code, in groups of four characters separated by dashes."""
    number = int.from_bytes(entropy(CODE_BYTES), "big")
    symbols = "".join(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(_LENGTH)))
    return "-".join(symbols[start : start + 4] for start in range(0, _LENGTH, 4))


def read_recovery_code(typed: object) -> str | None:
    """Normalize a code that a user typed, or return ``None`` if it is malformed.

    Case, spaces and dashes are ignored. The letter O is read as 0, and the letters I and L are read as 1.
    Raises :class:`InvalidParameterError` if the code is not a ``str``.
    """
    text = compact(typed)
    symbols = text.upper().translate(_LOOKALIKES) if text.isascii() else ""
    return symbols if len(symbols) == _LENGTH and set(symbols) <= set(_ALPHABET) else None
