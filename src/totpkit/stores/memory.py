"""Store records in memory, for tests and demonstrations."""

from threading import Lock

__all__ = ["MemoryStore"]


class MemoryStore:
    """A thread-safe :class:`~totpkit.Store` in memory. Records are lost when the process exits."""

    def __init__(self) -> None:
        self._records: dict[str, bytes] = {}
        self._lock = Lock()

    def load(self, account_id: str) -> bytes | None:
        """Return the latest value, or ``None`` if there is none."""
        with self._lock:
            return self._records.get(account_id)

    def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Replace *old* with *new* if *old* is still the stored value.

        Return whether the value was replaced.
        """
        with self._lock:
            if self._records.get(account_id) != old:
                return False
            if new is None:
                self._records.pop(account_id, None)
            else:
                self._records[account_id] = new
            return True
