"""Signed text, by itsdangerous. Knows nothing of what is signed."""

import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Generic, TypeVar

from itsdangerous import BadSignature, Signer
from itsdangerous.encoding import base64_decode, base64_encode

from totpkit._login.hidden import Hidden
from totpkit.errors import InvalidParameterError

LEAST_KEY_BYTES = 32
LONGEST = 4096
"""Characters of a signed text that is looked at; ours have a few hundred."""

T = TypeVar("T")

_decode = json.JSONDecoder().decode
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False).encode


class Signature(Hidden, Generic[T]):
    """Signs values of one shape for one purpose, with the first key; any of them verifies.

    What verifies was written here, so its shape is not looked at again. Shows no key.
    """

    __slots__ = ("_signer",)

    def __init__(self, keys: Sequence[bytes]) -> None:
        # itsdangerous signs with the last of its keys. These are derived already, once and for all.
        self._signer = Signer(keys[::-1], salt=b"", key_derivation="none", digest_method=hashlib.sha256)

    def sign(self, value: T) -> str:
        """Return *value* as signed text of letters, digits, ``-``, ``_`` and ``.``; it can be read."""
        return self._signer.sign(base64_encode(_encode(value))).decode("ascii")

    def read(self, text: object) -> T | None:
        """Return what was signed, or ``None`` for any other text."""
        if not isinstance(text, str) or not text.isascii() or len(text) > LONGEST:
            return None
        try:
            signed = self._signer.unsign(text)
        except BadSignature:
            return None
        mac = text[text.rindex(".") + 1 :].encode("ascii")
        if base64_encode(base64_decode(mac)) != mac:  # base64 has several spellings of one value
            return None
        value: T = _decode(base64_decode(signed).decode("ascii"))
        return value


class Signing(Hidden):
    """The app's keys, from which each purpose has its own. Shows none of them."""

    __slots__ = ("_keys",)

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not isinstance(keys, list | tuple) or not keys:
            raise InvalidParameterError(
                "keys", "must be a list of at least one signing key, the newest first"
            )
        if not all(isinstance(key, bytes) and len(key) >= LEAST_KEY_BYTES for key in keys):
            raise InvalidParameterError("keys", f"must be bytes of {LEAST_KEY_BYTES} or more: os.urandom(32)")
        self._keys = tuple(keys)

    def keys_for(self, *scope: bytes) -> list[bytes]:
        """Return keys for one purpose; what was signed for another does not verify."""
        return self.digests(b"signature", *scope)

    def digests(self, *parts: bytes) -> list[bytes]:
        """Return keyed hashes of *parts*, one of each key; the first is the one to keep."""
        message = b"totpkit" + framed(*parts)
        return [hmac.digest(key, message, "sha256") for key in self._keys]


def framed(*parts: bytes) -> bytes:
    """Join parts so that no two lists of them give one text."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)
