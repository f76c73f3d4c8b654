"""Sealing secrets for storage. Knows nothing of what is stored with them.

:class:`Vault` needs the extra ``totpkit[vault]``, which is the ``cryptography`` package.
"""

import base64
import os
import string
import tempfile
from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from totpkit._extras import extra
from totpkit.errors import InvalidParameterError, VaultError

__all__ = ["PLAINTEXT", "Plaintext", "Vault", "key_file", "new_key"]

KEY_BYTES = 32
"""AES-256."""

_NONCE_BYTES = 12  # NIST SP 800-38D, section 5.2.1.1: what GCM is made for
_LONGEST_ID = 64
_ID = frozenset(string.ascii_letters + string.digits + "._-")
_PLAIN = "plain:"
_SEALED = "aesgcm:"


def new_key() -> bytes:
    """Return a new random key for a :class:`Vault`; ``totpkit key`` prints one in base64."""
    return os.urandom(KEY_BYTES)


def key_file(path: str | os.PathLike[str]) -> bytes:
    """Return the key that a file holds; make it, readable by its owner alone, if there is none.

    For an app on one machine, where no secrets manager keeps its keys. Processes that start
    at once get the same key. The file holds what ``totpkit key`` prints. It belongs into no
    repository, and not into the backup that has the records; but have a copy: without the
    key of a :class:`Vault` no phone works any more. Who may read a file that is there already
    is not looked at.

    Raises :class:`InvalidParameterError` for a file that holds no key, and ``OSError`` where
    it cannot be read or made.
    """
    file = Path(path)
    if not file.exists():
        _make_key_file(file)
    try:
        key = a2b_base64(file.read_bytes().strip(), strict_mode=True)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        wanted = "must name a file with what `totpkit key` prints, or none yet"
        raise InvalidParameterError("path", f"{wanted}: {str(file)!r} holds something else")
    return key


def _make_key_file(file: Path) -> None:
    # Written beside it and then linked: nobody reads half a key, and the first of many wins.
    try:
        descriptor, name = tempfile.mkstemp(prefix=f"{file.name}.", suffix=".key", dir=file.parent)
    except OSError as error:  # it names the file beside
        raise OSError(error.errno, error.strerror, str(file)) from None
    fresh = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as written:
            written.write(b2a_base64(new_key()))
            written.flush()
            os.fsync(descriptor)
        with suppress(FileExistsError):
            file.hardlink_to(fresh)
    finally:
        fresh.unlink()
    with suppress(OSError):  # not every system can; without it a power cut could take the name away
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class Vault:
    """AES-256-GCM, with account and purpose as associated data (NIST SP 800-38D).

    *keys* maps key ids to keys of 32 bytes: the first seals, all open. To rotate, put a new
    one first; each record is sealed anew at its next write. An id is 1 to 64 characters of
    letters, digits, ``.``, ``_`` and ``-``, and never names another key later.

    Nonces are random: one key seals 2**32 secrets at most (NIST SP 800-38D, section 8.3).
    Raises :class:`InvalidParameterError` for keys that are not of this form.
    """

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        if not isinstance(keys, Mapping) or not keys:
            raise InvalidParameterError("keys", "must map one id or more to keys, the newest first")
        with extra("vault"):
            from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - an extra
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - an extra
        self._refusals = (InvalidTag, ValueError)
        self._ciphers: dict[str, _Cipher] = {}
        for key_id, key in keys.items():
            self._ciphers[_checked_id(key_id)] = AESGCM(_checked_key(key))
        self._newest = next(iter(self._ciphers))
        self._prefix = f"{_SEALED}{self._newest}:"

    def seal(self, secret: bytes, *, account_id: str, purpose: str) -> str:
        """Return *secret* sealed with the first key, for this account and purpose alone."""
        nonce = os.urandom(_NONCE_BYTES)
        context = _context(self._newest, account_id, purpose)
        box = nonce + self._ciphers[self._newest].encrypt(nonce, secret, context)
        return self._prefix + base64.b64encode(box).decode("ascii")

    def open(self, sealed: str, *, account_id: str, purpose: str) -> bytes:
        """Return what was sealed for this account and purpose.

        Raises :class:`VaultError` if the key is not at hand, or if anything was changed.
        """
        scheme, key_id, box = _split(sealed)
        cipher = self._ciphers.get(key_id)
        if scheme != _SEALED:
            raise VaultError("a stored secret is not one that a Vault has sealed")
        if cipher is None:
            raise VaultError("a stored secret is sealed with a key that is not at hand")
        try:
            return cipher.decrypt(
                box[:_NONCE_BYTES], box[_NONCE_BYTES:], _context(key_id, account_id, purpose)
            )
        except self._refusals:
            pass
        raise VaultError("a stored secret was changed, or sealed for another account or by another key")

    def is_current(self, sealed: str) -> bool:
        """Return whether the first key has sealed it."""
        return sealed.startswith(self._prefix)

    def __repr__(self) -> str:
        return f"<Vault with keys {', '.join(self._ciphers)}>"


class Plaintext:
    """No sealing at all: whoever reads the store can make codes. Only :data:`PLAINTEXT` is one."""

    def seal(self, secret: bytes, *, account_id: str, purpose: str) -> str:
        """Return *secret* in base64."""
        del account_id, purpose
        return _PLAIN + base64.b64encode(secret).decode("ascii")

    def open(self, sealed: str, *, account_id: str, purpose: str) -> bytes:
        """Return what was written in plain; :class:`VaultError` for anything sealed."""
        del account_id, purpose
        scheme, _, raw = _split(sealed)
        if scheme != _PLAIN or not raw:
            raise VaultError("a stored secret is not in plain text, but no vault was given")
        return raw

    def is_current(self, sealed: str) -> bool:
        """Return whether it was written in plain."""
        return sealed.startswith(_PLAIN)

    def __repr__(self) -> str:
        return "PLAINTEXT"


PLAINTEXT = Plaintext()
"""The cipher that doesn't: for tests and demonstrations, asked for by name."""


class _Cipher(Protocol):
    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes: ...

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes: ...


def _context(key_id: str, account_id: str, purpose: str) -> bytes:
    # Neither ids of keys nor purposes hold a zero byte, so no two triples meet.
    return f"totpkit\0{key_id}\0{purpose}\0{account_id}".encode()


def _split(sealed: str) -> tuple[str, str, bytes]:
    scheme, key_id, text = "", "", ""
    if sealed.startswith(_PLAIN):
        scheme, text = _PLAIN, sealed.removeprefix(_PLAIN)
    elif sealed.startswith(_SEALED):
        scheme, (key_id, _, text) = _SEALED, sealed.removeprefix(_SEALED).partition(":")
    try:
        raw = a2b_base64(text)
    except ValueError:
        return "", "", b""
    # What is not written as we write it is not ours: other digits, other bits in the last one.
    return (scheme, key_id, raw) if b2a_base64(raw, newline=False).decode("ascii") == text else ("", "", b"")


def _checked_id(key_id: object) -> str:
    if not isinstance(key_id, str) or not 0 < len(key_id) <= _LONGEST_ID or not _ID.issuperset(key_id):
        raise InvalidParameterError("keys", f"must have ids of 1 to {_LONGEST_ID} of A-Z a-z 0-9 . _ -")
    return key_id


def _checked_key(key: object) -> bytes:
    if not isinstance(key, bytes) or len(key) != KEY_BYTES:
        raise InvalidParameterError(
            "keys",
            f"must be bytes, {KEY_BYTES} for each id: "
            "make them with new_key(), or decode what `totpkit key` prints by base64",
        )
    return key
