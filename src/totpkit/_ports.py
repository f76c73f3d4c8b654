"""What a service needs from outside, as protocols. Knows nothing of who implements them."""

from typing import Protocol

from totpkit._letter import Email


class Store(Protocol):
    """One value an account, written only over the value that was read.

    An implementation commits on its own connection in its own short transaction, keeps
    account ids apart byte by byte, and raises :class:`StoreError` where it cannot answer.
    """

    def load(self, account_id: str) -> bytes | None:
        """Return the latest committed value, or ``None``."""

    def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Write *new* if the value is still *old*, atomically and durably; tell whether it was.

        ``None`` stands for absence, before or after.
        """


class AsyncStore(Protocol):
    """:class:`Store`, awaited."""

    async def load(self, account_id: str) -> bytes | None:
        """Return the latest committed value, or ``None``."""

    async def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Write *new* if the value is still *old*, atomically and durably; tell whether it was."""


class Cipher(Protocol):
    """Seals secrets for storage; :class:`totpkit.vault.Vault` is one."""

    def seal(self, secret: bytes, *, account_id: str, purpose: str) -> str:
        """Return *secret* sealed for this account and purpose, as ASCII text."""

    def open(self, sealed: str, *, account_id: str, purpose: str) -> bytes:
        """Return what was sealed for this account and purpose; else :class:`VaultError`."""

    def is_current(self, sealed: str) -> bool:
        """Return whether *sealed* was made with the key that seals today."""


class Mailer(Protocol):
    """Sends a letter, or raises :class:`EmailError`; any callable of this shape will do."""

    def __call__(self, mail: Email, /) -> object:
        """Send it; what is returned says nothing."""


class AsyncMailer(Protocol):
    """:class:`Mailer`, awaited."""

    async def __call__(self, mail: Email, /) -> object:
        """Send it; what is returned says nothing."""
