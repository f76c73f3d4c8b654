"""The protocols that stores and vaults implement."""

from typing import Protocol


class Store(Protocol):
    """One value for each account, replaced only while it is still the value that was read.

    An implementation commits in its own short transaction on its own connection, keeps account ids
    apart byte by byte, and raises :class:`StoreError` if it cannot answer.
    """

    def load(self, account_id: str) -> bytes | None:
        """Return the latest committed value, or ``None``."""
        ...

    def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Write *new*, atomically and durably, only if the value is still *old*; return whether it was.

        ``None`` means absent: as *old* it creates the value, as *new* it deletes it.
        """
        ...


class AsyncStore(Protocol):
    """The async form of :class:`Store`."""

    async def load(self, account_id: str) -> bytes | None:
        """Return the latest committed value, or ``None``."""
        ...

    async def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Write *new*, atomically and durably, only if the value is still *old*; return whether it was."""
        ...


class Cipher(Protocol):
    """Seals secrets before they are stored. :class:`totpkit.vault.Vault` is one."""

    def seal(self, secret: bytes, *, account_id: str, purpose: str) -> str:
        """Return *secret*, sealed for this account and purpose, as ASCII text."""
        ...

    def open(self, sealed: str, *, account_id: str, purpose: str) -> bytes:
        """Return the secret that was sealed for this account and purpose, or raise :class:`VaultError`."""
        ...

    def is_current(self, sealed: str) -> bool:
        """Return whether *sealed* was made with the newest key."""
        ...
