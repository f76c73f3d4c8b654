"""Encrypt secrets before they are stored. Pass a vault to :class:`~totpkit.Authenticator` as ``vault``.

:class:`Vault` requires the extra ``totpkit[vault]``, which installs ``cryptography``.
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

_NONCE_BYTES = 12  # the length that NIST SP 800-38D, section 5.2.1.1, recommends
_LONGEST_KEY_ID = 64
_KEY_ID_CHARACTERS = frozenset(string.ascii_letters + string.digits + "._-")
_PLAIN = "plain:"
_SEALED = "aesgcm:"


def new_key() -> bytes:
    """Generate a random 32-byte key for a :class:`Vault`. ``totpkit key`` prints such a key in base64."""
    return os.urandom(KEY_BYTES)


def key_file(path: str | os.PathLike[str]) -> bytes:
    """Read a key from a file, and create the file with a new key if it does not exist.

    Use this function for an app that runs on a single machine without a secrets manager. If several
    processes start at the same time, they all get the same key. The file has the same format as the
    output of ``totpkit key``. A new file is readable only by its owner, but the permissions of an
    existing file are not checked.

    Keep the file out of your repository, and do not store it in the same backup as the records. However,
    do back up the file. If you lose the key for a :class:`Vault`, all enrolled devices stop working.

    Raises :class:`InvalidParameterError` if the file does not contain a key, and ``OSError`` if the file
    cannot be read or created.
    """
    file = Path(path)
    if not file.exists():
        _create_key_file(file)
    try:
        key = a2b_base64(file.read_bytes().strip(), strict_mode=True)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        wanted = "must name a file that contains the output of `totpkit key`, or a file to create"
        raise InvalidParameterError("path", f"{wanted}; {str(file)!r} contains something else")
    return key


def _create_key_file(file: Path) -> None:
    # The key is written to a temporary file, which then gets its final name as a hard link. So no
    # process can read half a key, and if several create the file, the first one wins.
    try:
        descriptor, name = tempfile.mkstemp(prefix=f"{file.name}.", suffix=".key", dir=file.parent)
    except OSError as error:  # it contains the temporary name
        raise OSError(error.errno, error.strerror, str(file)) from None
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(b2a_base64(new_key()))
            stream.flush()
            os.fsync(descriptor)
        with suppress(FileExistsError):
            file.hardlink_to(temporary)
    finally:
        temporary.unlink()
    # After a power failure, the new name could be missing if the folder was not synced (fsync(2)).
    with suppress(OSError):  # not every system can open or sync a folder
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class Vault:
    """Encrypts secrets with AES-256-GCM (NIST SP 800-38D).

    *keys* maps key ids to 32-byte keys. The first key encrypts new secrets, and all keys can decrypt. To
    rotate keys, add the new key at the front. Each record is then encrypted again with the new key the
    next time it is written. A key id has 1 to 64 characters: letters, digits, ``.``, ``_`` and ``-``.
    Never give a new key the id of an old key.

    The account id and the purpose are authenticated as associated data, so a secret cannot be moved to
    another account. Nonces are random, so a key can encrypt at most 2**32 secrets (NIST SP 800-38D,
    section 8.3). Raises :class:`InvalidParameterError` if *keys* is empty, or if a key or a key id is not
    valid.
    """

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        if not isinstance(keys, Mapping) or not keys:
            raise InvalidParameterError("keys", "must map one or more key ids to keys, the newest first")
        with extra("vault"):
            from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - an extra
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - an extra
        self._failures = (InvalidTag, ValueError)
        self._ciphers: dict[str, _Cipher] = {}
        for key_id, key in keys.items():
            self._ciphers[_checked_id(key_id)] = AESGCM(_checked_key(key))
        self._newest = next(iter(self._ciphers))
        self._prefix = f"{_SEALED}{self._newest}:"

    def seal(self, secret: bytes, *, account_id: str, purpose: str) -> str:
        """Encrypt *secret* with the first key, for this account and purpose."""
        nonce = os.urandom(_NONCE_BYTES)
        context = _context(self._newest, account_id, purpose)
        box = nonce + self._ciphers[self._newest].encrypt(nonce, secret, context)
        return self._prefix + base64.b64encode(box).decode("ascii")

    def open(self, sealed: str, *, account_id: str, purpose: str) -> bytes:
        """Decrypt a secret that was encrypted for this account and purpose.

        Raises :class:`VaultError` if the vault does not have the key, or if the data has been changed.
        """
        scheme, key_id, box = _split(sealed)
        cipher = self._ciphers.get(key_id)
        if scheme != _SEALED:
            raise VaultError("a stored secret was not sealed by a Vault")
        if cipher is None:
            raise VaultError(
                "a stored secret is sealed with a key that this Vault does not have: add the key to keys"
            )
        try:
            return cipher.decrypt(
                box[:_NONCE_BYTES], box[_NONCE_BYTES:], _context(key_id, account_id, purpose)
            )
        except self._failures:
            pass
        raise VaultError("a stored secret was changed, or was sealed for another account or with another key")

    def is_current(self, sealed: str) -> bool:
        """Return whether *sealed* was encrypted with the first key."""
        return sealed.startswith(self._prefix)

    def __repr__(self) -> str:
        return f"<Vault with keys {', '.join(self._ciphers)}>"


class Plaintext:
    """Stores secrets without encryption, so anyone who can read the store can generate valid codes.

    Use the instance :data:`PLAINTEXT`.
    """

    def seal(self, secret: bytes, *, account_id: str, purpose: str) -> str:
        """Return *secret* in base64, without encryption."""
        del account_id, purpose
        return _PLAIN + base64.b64encode(secret).decode("ascii")

    def open(self, sealed: str, *, account_id: str, purpose: str) -> bytes:
        """Return the secret, or raise :class:`VaultError` if it is encrypted."""
        del account_id, purpose
        scheme, _, raw = _split(sealed)
        if scheme != _PLAIN or not raw:
            raise VaultError("a stored secret is not plain text: pass the Vault that sealed it")
        return raw

    def is_current(self, sealed: str) -> bool:
        """Return whether *sealed* has the format that :meth:`seal` returns."""
        return sealed.startswith(_PLAIN)

    def __repr__(self) -> str:
        return "PLAINTEXT"


PLAINTEXT = Plaintext()
"""A vault that does not encrypt, for tests and demonstrations."""


class _Cipher(Protocol):
    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes: ...

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes: ...


def _context(key_id: str, account_id: str, purpose: str) -> bytes:
    # Key ids and purposes contain no zero byte, so two different triples never give the same bytes.
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
    # a2b_base64 skips foreign characters and ignores the unused bits of the last digit. Accept only
    # the exact text that seal() writes, so that every change is detected.
    return (scheme, key_id, raw) if b2a_base64(raw, newline=False).decode("ascii") == text else ("", "", b"")


def _checked_id(key_id: object) -> str:
    if (
        not isinstance(key_id, str)
        or not 0 < len(key_id) <= _LONGEST_KEY_ID
        or not _KEY_ID_CHARACTERS.issuperset(key_id)
    ):
        raise InvalidParameterError(
            "keys", f"must have key ids of 1 to {_LONGEST_KEY_ID} characters from A-Z a-z 0-9 . _ -"
        )
    return key_id


def _checked_key(key: object) -> bytes:
    if not isinstance(key, bytes) or len(key) != KEY_BYTES:
        raise InvalidParameterError(
            "keys",
            f"must contain keys of {KEY_BYTES} bytes: "
            "generate them with new_key(), or base64-decode the output of `totpkit key`",
        )
    return key
