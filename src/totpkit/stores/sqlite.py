"""Records in one SQLite file, shared by threads and processes: the embedded default.

Standard library only. Every swap is on the disk before it is answered: write-ahead log,
``synchronous=FULL`` (https://sqlite.org/pragma.html#pragma_synchronous).
"""

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Condition, Lock
from typing import TypeVar
from weakref import WeakValueDictionary

from totpkit._bounds import within
from totpkit.errors import InvalidParameterError, StoreError
from totpkit.stores._failures import answered

__all__ = ["SQLiteStore"]

T = TypeVar("T")

_CREATE = (
    "CREATE TABLE IF NOT EXISTS totpkit (account_id BLOB PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID"
)
_PAUSE = 0.005
_LONGEST_CALL = 60.0
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_PRIMARY = 0xFF  # of an extended error code; https://sqlite.org/rescode.html


class SQLiteStore:
    """A :class:`~totpkit.Store` in the file *path*, which it makes, readable by its owner alone.

    Any number of threads and processes may share the file, but no network file system
    (https://sqlite.org/wal.html). Who finds it locked waits up to *timeout* seconds. A fork
    waits for calls in other threads, and closes connections: the child opens its own. Where
    Python is not told of a fork, close the store before; a child that inherits an open file
    gets :class:`StoreError` for an answer.
    """

    def __init__(self, path: str | os.PathLike[str], *, timeout: float = 10.0) -> None:
        self._idle: list[sqlite3.Connection] = []
        name = Path(path).name
        if not name or name == ":memory:":
            raise InvalidParameterError(
                "path", "must be a file: a database in memory is lost, and not shared"
            )
        self._path = Path(path).resolve()  # wherever the process goes, and behind a link too
        self._timeout = within("timeout", timeout, 0.0, 3600.0)
        _forks.watch(self)
        self._with_connection(lambda connection: connection.execute(_CREATE))
        self.close()  # servers make their stores first, and fork then

    def load(self, account_id: str) -> bytes | None:
        """Return the latest committed value, or ``None``."""
        query, key = "SELECT record FROM totpkit WHERE account_id = ?", account_id.encode()
        row = self._with_connection(lambda connection: connection.execute(query, (key,)).fetchone())
        return None if row is None else bytes(row[0])

    def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Write *new* if the value is still *old*, durably; tell whether it was."""
        key = account_id.encode()
        values: tuple[bytes, ...]
        if old is None and new is None:
            return self.load(account_id) is None
        if old is None:
            statement, values = "INSERT INTO totpkit VALUES (?, ?) ON CONFLICT DO NOTHING", (key, new or b"")
        elif new is None:
            statement, values = "DELETE FROM totpkit WHERE account_id = ? AND record = ?", (key, old)
        else:
            statement = "UPDATE totpkit SET record = ? WHERE account_id = ? AND record = ?"
            values = (new, key, old)
        return self._with_connection(lambda connection: connection.execute(statement, values).rowcount == 1)

    def close(self) -> None:
        """Close the connections at rest; the next call opens new ones."""
        while self._idle and not _forks.foreign:
            self._idle.pop().close()

    def __del__(self) -> None:
        self.close()

    @property
    def at_rest(self) -> bool:
        """Whether no connection is kept open for the next call."""
        return not self._idle

    def _with_connection(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return answered(lambda: self._borrowed(work), sqlite3.Error, OSError)

    def _borrowed(self, work: Callable[[sqlite3.Connection], T]) -> T:
        _forks.hold_off()
        try:
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = self._open()
            try:
                result = self._patiently(partial(work, connection))
            except BaseException:
                connection.close()
                raise
            self._idle.append(connection)
            return result
        finally:
            _forks.let_go()

    def _open(self) -> sqlite3.Connection:
        _make_file(self._path)
        connection = sqlite3.connect(self._path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            self._patiently(lambda: connection.execute("PRAGMA journal_mode = WAL"))
            self._patiently(lambda: connection.execute("PRAGMA synchronous = FULL"))
        except BaseException:
            connection.close()
            raise
        return connection

    def _patiently(self, work: Callable[[], T]) -> T:
        # SQLite's own wait looks every tenth of a second, which can be never the right moment when
        # many processes write all the time; and it does not wait to turn a new file to WAL.
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                return work()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & _PRIMARY not in _BUSY or time.monotonic() > deadline:
                    raise
            time.sleep(_PAUSE)


class _Forks:
    """Keeps forks and open connections apart.

    A process that inherits an open connection believes in locks that only its parent holds,
    through new connections too (https://sqlite.org/howtocorrupt.html, section 2.6). Others
    then delete the log that it writes to, and with it what it has answered for.
    """

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._calm = Condition()
        self._calls = 0
        self._forking = 0
        self._stores: WeakValueDictionary[int, SQLiteStore] = WeakValueDictionary()

    @property
    def foreign(self) -> bool:
        """Whether what is open here was opened by another process."""
        return self._pid != os.getpid()

    def watch(self, store: SQLiteStore) -> None:
        self._stores[id(store)] = store

    def hold_off(self) -> None:
        with self._calm:
            self._calm.wait_for(lambda: not self._forking)
            if self.foreign:
                self._start_anew()
            self._calls += 1

    def let_go(self) -> None:
        with self._calm:
            self._calls -= 1
            self._calm.notify_all()

    def before(self) -> None:
        self._calm.acquire()
        self._forking += 1
        self._calm.wait_for(lambda: not self._calls, _LONGEST_CALL)
        for store in self._known():
            store.close()

    def in_parent(self) -> None:
        self._forking -= 1
        self._calm.notify_all()
        self._calm.release()

    def in_child(self) -> None:
        self._pid = os.getpid()
        self._forking, self._calls = 1, 0  # of the other threads none is here
        self.in_parent()

    def _start_anew(self) -> None:
        if self._calls or not all(store.at_rest for store in self._known()):
            raise StoreError("a SQLiteStore was open at a fork that Python was not told of: close it before")
        self._pid = os.getpid()

    def _known(self) -> list[SQLiteStore]:
        return [store for store in (reference() for reference in self._stores.valuerefs()) if store]


_forks = _Forks()
_register = getattr(os, "register_at_fork", dict)  # where there are no forks, nothing
_register(before=_forks.before, after_in_parent=_forks.in_parent, after_in_child=_forks.in_child)

_making = Lock()


def _make_file(path: Path) -> None:
    # Closing any descriptor of a file drops all locks that this process has on it, those of its
    # connections too (https://sqlite.org/howtocorrupt.html, section 2.2). So one is opened only of
    # a file that is new, and closed before any thread here can have connected to it.
    with _making, suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    if not os.access(path, os.R_OK | os.W_OK):
        raise PermissionError  # SQLite would open it all the same, and fail at every write
