"""Signed text, by itsdangerous. Knows nothing of what is signed."""

import hashlib
import hmac
import json
from collections.abc import Sequence

from itsdangerous import BadSignature, Signer
from itsdangerous.encoding import base64_decode, base64_encode

from totpkit.errors import InvalidParameterError

LEAST_KEY_BYTES = 32
LONGEST = 4096
"""Characters of a signed text that is looked at; ours have a few hundred."""

_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class Signing:
    """Signs with the first key; any of them verifies. Shows none of them.

    What is signed for one *scope* does not verify for another.
    """

    __slots__ = ("_keys",)

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not isinstance(keys, list | tuple) or not keys:
            raise InvalidParameterError(
                "keys", "must be a list of at least one signing key, the newest first"
            )
        if not all(isinstance(key, bytes) and len(key) >= LEAST_KEY_BYTES for key in keys):
            raise InvalidParameterError("keys", f"must be bytes of {LEAST_KEY_BYTES} or more: os.urandom(32)")
        self._keys = tuple(keys)

    def sign(self, payload: list[object], *scope: bytes) -> str:
        """Return *payload* as signed text of letters, digits, ``-``, ``_`` and ``.``; it can be read."""
        return self._signer(scope).sign(base64_encode(_encode(payload))).decode("ascii")

    def read(self, text: object, *scope: bytes) -> list[object] | None:
        """Return what was signed for this scope, or ``None`` for any other text."""
        if not isinstance(text, str) or not text.isascii() or len(text) > LONGEST:
            return None
        try:
            payload: object = json.loads(base64_decode(self._signer(scope).unsign(text)))
        except BadSignature:
            return None
        return payload if isinstance(payload, list) else None

    def digests(self, *parts: bytes) -> list[bytes]:
        """Return keyed hashes of *parts*, one of each key; the first is the one to keep."""
        message = hashlib.sha256(framed(*parts)).digest()
        return [hmac.digest(key, b"totpkit.digest" + message, "sha256") for key in self._keys]

    def _signer(self, scope: tuple[bytes, ...]) -> Signer:
        # itsdangerous signs with the last of its keys.
        keys = self._keys[::-1]
        return Signer(keys, salt=framed(*scope), key_derivation="hmac", digest_method=hashlib.sha256)


def framed(*parts: bytes) -> bytes:
    """Join parts so that no two lists of them give one text."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)
