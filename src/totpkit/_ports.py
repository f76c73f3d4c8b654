"""The protocols that stores and vaults implement."""

from typing import Protocol


class Store(Protocol):
    """Stores one value for each account. A value is replaced only if nobody has changed it since it was read.

    Every call must commit a short transaction of its own, on its own connection. Account ids must be
    compared byte by byte. If the store is unavailable, it must raise :class:`StoreError`.
    """

    def load(self, account_id: str) -> bytes | None:
        """Return the latest committed value, or ``None``."""
        ...

    def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Replace *old* with *new*, atomically and durably. Return ``False`` if the value is not *old*.

        ``None`` means that there is no value: if *old* is ``None``, the value is created, and if *new* is
        ``None``, the value is deleted.
        """
        ...


class AsyncStore(Protocol):
    """The async version of :class:`Store`."""

    async def load(self, account_id: str) -> bytes | None:
        """Return the latest committed value, or ``None``."""
        ...

    async def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Replace *old* with *new*, atomically and durably. Return ``False`` if the value is not *old*."""
        ...


class Cipher(Protocol):
    """Encrypts secrets before they are stored, like :class:`totpkit.vault.Vault`."""

    def seal(self, secret: bytes, *, account_id: str, purpose: str) -> str:
        """Encrypt *secret* for this account and purpose, and return it as ASCII text."""
        ...

    def open(self, sealed: str, *, account_id: str, purpose: str) -> bytes:
        """Decrypt a secret for this account and purpose, or raise :class:`VaultError`."""
        ...

    def is_current(self, sealed: str) -> bool:
        """Return whether *sealed* was encrypted with the newest key."""
        ...
