"""The secret that the server shares with a user's authenticator app."""

import base64
import hmac
import os
from collections.abc import Callable
from typing import ClassVar, NoReturn, Self, final

from totpkit._unpicklable import Unpicklable
from totpkit._validation import checked_int
from totpkit.errors import InvalidParameterError, InvalidSecretError

Entropy = Callable[[int], bytes]
"""A function that returns the given number of random bytes, such as :func:`os.urandom`."""

STRONG_BYTES = 16
"""RFC 4226 (section 4, R6) requires at least 128 bits and recommends 160."""

LARGEST_BYTES = 1024
"""The limit for a new secret. Longer secrets don't make the codes any safer."""

_LONGEST_TEXT = 4096
"""In characters, as for a key URI. Longer text is rejected before it is copied."""

_BASE32 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
_LENGTHS = frozenset({0, 2, 4, 5, 7})
"""The possible lengths of an incomplete last group (RFC 4648, section 6)."""


@final
class Secret(Unpicklable):
    """A shared secret that is never printed.

    ``repr``, ``str`` and ``format`` show only its length. Pickling a secret raises
    :class:`TypeError`. Two secrets of the same length are always compared in constant time.
    """

    __slots__ = ("_raw",)
    _instead: ClassVar[str] = "store it sealed by a vault"
    _raw: bytes

    def __init__(self) -> None:
        raise TypeError("use Secret.generate, Secret.from_base32 or Secret.from_bytes")

    @classmethod
    def generate(cls, nbytes: int = 20, *, entropy: Entropy = os.urandom) -> Self:
        """Generate a secret with the operating system's secure random number generator.

        *nbytes* is the length in bytes, from 16 to 1024. RFC 4226 (section 4, R6) requires at least
        16 bytes and recommends 20, which is the default. Raises :class:`InvalidParameterError` if
        *nbytes* is out of range.
        """
        if not callable(entropy):
            raise InvalidParameterError("entropy", f"must be callable, not {type(entropy).__name__}")
        secret = cls.from_bytes(entropy(checked_int("nbytes", nbytes, STRONG_BYTES, LARGEST_BYTES)))
        if len(secret) != nbytes:
            raise InvalidParameterError("entropy", f"must return {nbytes} bytes, not {len(secret)}")
        return secret

    @classmethod
    def from_base32(cls, text: str) -> Self:
        """Parse a base32 secret, which may have been typed by hand.

        Case, spaces, dashes and trailing ``=`` are ignored. Leftover bits that don't make up a
        whole byte are also ignored, as in most authenticator apps (RFC 4648, section 6). Raises
        :class:`InvalidSecretError` if the text contains any other character, has an impossible
        length, or is longer than 4096 characters.
        """
        if not isinstance(text, str):
            raise InvalidSecretError(f"a base32 secret must be a str, not {type(text).__name__}")
        if len(text) > _LONGEST_TEXT:
            raise InvalidSecretError(f"a base32 secret must have at most {_LONGEST_TEXT} characters")
        return cls.from_bytes(_decoded(text.replace(" ", "").replace("-", "").rstrip("=")))

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Create a secret from raw bytes.

        A secret of fewer than 16 bytes is accepted, but is considered :attr:`weak`. Raises
        :class:`InvalidSecretError` if *raw* is empty or is not ``bytes``.
        """
        if not isinstance(raw, bytes):
            raise InvalidSecretError(f"a secret must be bytes, not {type(raw).__name__}")
        if not raw:
            raise InvalidSecretError("a secret must have at least one byte")
        secret = object.__new__(cls)
        object.__setattr__(secret, "_raw", bytes(raw))
        return secret

    @property
    def weak(self) -> bool:
        """Whether the secret is shorter than 16 bytes, the minimum in RFC 4226 (section 4, R6)."""
        return len(self._raw) < STRONG_BYTES

    def to_base32(self) -> str:
        """Return the secret as uppercase base32 without padding (RFC 4648, section 6)."""
        return base64.b32encode(self._raw).decode("ascii").rstrip("=")

    def to_bytes(self) -> bytes:
        """Return the secret as raw bytes."""
        return self._raw

    def grouped(self) -> str:
        """Return the secret as base32 in groups of four characters, which are easier to type."""
        text = self.to_base32()
        return " ".join(text[place : place + 4] for place in range(0, len(text), 4))

    def __len__(self) -> int:
        return len(self._raw)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._raw, other._raw)

    def __hash__(self) -> int:
        return hash((Secret, self._raw))

    def __repr__(self) -> str:
        return f"<Secret of {len(self._raw)} bytes>"

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a Secret cannot be changed")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a Secret cannot be changed")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self


def _decoded(text: str) -> bytes:
    if not text:
        raise InvalidSecretError("a secret must not be empty")
    # Check for ASCII before upper(): some other letters have an ASCII letter as their upper case.
    symbols = text.upper() if text.isascii() else ""
    if not symbols or not _BASE32.issuperset(symbols):
        raise InvalidSecretError("a base32 secret may contain only the letters A-Z and the digits 2-7")
    if len(symbols) % 8 not in _LENGTHS:
        raise InvalidSecretError("a base32 secret cannot have this length; check for a missing character")
    return base64.b32decode(symbols + "=" * (-len(symbols) % 8))
