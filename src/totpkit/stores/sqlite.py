"""Store records in a SQLite file that several threads and processes can share.

This module needs only the standard library. SQLite uses a write-ahead log with
``synchronous=FULL``, so each write is safely on disk before the call returns
(https://sqlite.org/pragma.html#pragma_synchronous).
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

from totpkit._validation import checked_number
from totpkit.errors import InvalidParameterError, StoreError
from totpkit.stores._failures import translate_errors

__all__ = ["SQLiteStore"]

T = TypeVar("T")

_CREATE = (
    "CREATE TABLE IF NOT EXISTS totpkit (account_id BLOB PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID"
)
_RETRY_SECONDS = 0.005
_LONGEST_CALL = 60.0
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_PRIMARY = 0xFF  # the low byte of an extended result code (https://sqlite.org/rescode.html)


class SQLiteStore:
    """A :class:`~totpkit.Store` that uses one SQLite file.

    If the file does not exist, it is created so that only its owner can read it. Any number of
    threads and processes on one machine can share the file. Network file systems are not supported,
    because SQLite's write-ahead log does not work on them (https://sqlite.org/wal.html). If the
    file is locked, a call waits for up to *timeout* seconds (0 to 3600).

    Before Python forks, the store waits for calls in other threads and closes its connections. The
    child process opens new connections. If the process is forked outside Python, for example by a C
    library, close the store first. Otherwise, the child process inherits an open file, and its
    calls raise :class:`StoreError`.

    Raises :class:`InvalidParameterError` if *path* means a database in memory or *timeout* is out
    of range, and :class:`StoreError` if the file cannot be created or opened.
    """

    def __init__(self, path: str | os.PathLike[str], *, timeout: float = 10.0) -> None:
        self._idle: list[sqlite3.Connection] = []
        name = Path(path).name
        if not name or name == ":memory:":
            raise InvalidParameterError(
                "path", "must name a file: a database in memory is not shared, and lost at exit"
            )
        # Resolved, so that the store keeps its file when the process changes its working directory,
        # and so that the mode of a new file applies behind a symbolic link too.
        self._path = Path(path).resolve()
        self._timeout = checked_number("timeout", timeout, 0.0, 3600.0)
        _fork_guard.add(self)
        self._with_connection(lambda connection: connection.execute(_CREATE))
        self.close()  # a server often creates its store first and forks afterwards

    def load(self, account_id: str) -> bytes | None:
        """Return the most recently committed value, or ``None`` if there is none."""
        query, key = "SELECT record FROM totpkit WHERE account_id = ?", account_id.encode()
        row = self._with_connection(lambda connection: connection.execute(query, (key,)).fetchone())
        return None if row is None else bytes(row[0])

    def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Replace *old* with *new* if *old* is still the stored value.

        Return whether the value was replaced. The new value is on disk when this method returns.
        """
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
        """Close all idle connections. The next call opens a new one."""
        while self._idle and not _fork_guard.is_foreign:
            self._idle.pop().close()

    def __del__(self) -> None:
        self.close()

    @property
    def at_rest(self) -> bool:
        """Whether the store has no idle connections."""
        return not self._idle

    def _with_connection(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return translate_errors(lambda: self._run(work), sqlite3.Error, OSError)

    def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        _fork_guard.begin_call()
        try:
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = self._open()
            try:
                result = self._retry_while_busy(partial(work, connection))
            except BaseException:
                connection.close()
                raise
            self._idle.append(connection)
            return result
        finally:
            _fork_guard.end_call()

    def _open(self) -> sqlite3.Connection:
        _create_file(self._path)
        connection = sqlite3.connect(self._path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            self._retry_while_busy(lambda: connection.execute("PRAGMA journal_mode = WAL"))
            self._retry_while_busy(lambda: connection.execute("PRAGMA synchronous = FULL"))
        except BaseException:
            connection.close()
            raise
        return connection

    def _retry_while_busy(self, work: Callable[[], T]) -> T:
        # SQLite's own busy handler tries only ten times a second. When many processes write all the
        # time, it may never find the file unlocked. It also does not wait when a new file is
        # switched to WAL.
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                return work()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & _PRIMARY not in _BUSY or time.monotonic() > deadline:
                    raise
            time.sleep(_RETRY_SECONDS)


class _ForkGuard:
    """Closes all connections before the process forks.

    SQLite's locks belong to one process. If a child process inherits an open connection, SQLite
    assumes that the child holds locks that only its parent holds, even on new connections
    (https://sqlite.org/howtocorrupt.html, section 2.6). Another process can then delete the
    write-ahead log while the child is still writing to it. The child's writes are lost, although
    they were acknowledged.
    """

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._changed = Condition()
        self._calls = 0
        self._forking = 0
        self._stores: WeakValueDictionary[int, SQLiteStore] = WeakValueDictionary()

    @property
    def is_foreign(self) -> bool:
        """Whether the process was forked without Python noticing."""
        return self._pid != os.getpid()

    def add(self, store: SQLiteStore) -> None:
        self._stores[id(store)] = store

    def begin_call(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._forking)
            if self.is_foreign:
                self._accept_new_process()
            self._calls += 1

    def end_call(self) -> None:
        with self._changed:
            self._calls -= 1
            self._changed.notify_all()

    def before_fork(self) -> None:
        self._changed.acquire()
        self._forking += 1
        self._changed.wait_for(lambda: not self._calls, _LONGEST_CALL)
        for store in self._live_stores():
            store.close()

    def after_fork_in_parent(self) -> None:
        self._forking -= 1
        self._changed.notify_all()
        self._changed.release()

    def after_fork_in_child(self) -> None:
        self._pid = os.getpid()
        self._forking, self._calls = 1, 0  # the parent's other threads do not exist here
        self.after_fork_in_parent()

    def _accept_new_process(self) -> None:
        if self._calls or not all(store.at_rest for store in self._live_stores()):
            raise StoreError(
                "a SQLiteStore was open during a fork that Python did not know of; close it before the fork"
            )
        self._pid = os.getpid()

    def _live_stores(self) -> list[SQLiteStore]:
        return [store for store in (reference() for reference in self._stores.valuerefs()) if store]


_fork_guard = _ForkGuard()
_register = getattr(os, "register_at_fork", dict)  # Windows has no forks and no such function
_register(
    before=_fork_guard.before_fork,
    after_in_parent=_fork_guard.after_fork_in_parent,
    after_in_child=_fork_guard.after_fork_in_child,
)

_creation_lock = Lock()


def _create_file(path: Path) -> None:
    # Closing any descriptor of a file drops all locks that this process holds on it, including
    # those of its connections (https://sqlite.org/howtocorrupt.html, section 2.2). So this opens
    # only a new file, and closes it before another thread of this process can connect to it.
    with _creation_lock, suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    if not os.access(path, os.R_OK | os.W_OK):
        raise PermissionError  # SQLite would open the file read-only, and only writes would fail
