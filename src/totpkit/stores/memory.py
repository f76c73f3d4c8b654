"""Store records in a dictionary, for tests and demonstrations."""

from threading import Lock

__all__ = ["MemoryStore"]


class MemoryStore:
    """A thread-safe :class:`~totpkit.Store` in memory. Its records are lost when the process ends."""

    def __init__(self) -> None:
        self._records: dict[str, bytes] = {}
        self._lock = Lock()

    def load(self, account_id: str) -> bytes | None:
        """Return the latest value, or ``None``."""
        with self._lock:
            return self._records.get(account_id)

    def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Write *new* if the value is still *old*, and return whether it was."""
        with self._lock:
            if self._records.get(account_id) != old:
                return False
            if new is None:
                self._records.pop(account_id, None)
            else:
                self._records[account_id] = new
            return True
