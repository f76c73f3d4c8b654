"""Store records in a database from Django's ``DATABASES`` setting.

PostgreSQL, MySQL, MariaDB and SQLite are supported. The store requires the extra
``totpkit[django]``. Each call executes one statement on a connection that your application does not
share. ``atomic`` and ``ATOMIC_REQUESTS`` have no effect on this connection. Rolling back a request
therefore cannot make a used code valid again or undo a counted attempt.

The store uses the database backend's own cursors. Django's default cursors would log the values in
each statement if ``DEBUG`` is enabled
(https://docs.djangoproject.com/en/5.2/ref/logging/#django-db-backends).
"""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from typing import Protocol, TypeVar

from totpkit._extras import extra
from totpkit.errors import InvalidParameterError
from totpkit.stores._failures import translate_errors

with extra("django"):
    from django import db

__all__ = ["DjangoStore"]

T = TypeVar("T")

TABLE = "totpkit"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")  # Django's quote_name() escapes nothing
_IN_MEMORY = (":memory:", "mode=memory", "vfs=memdb")

_COLUMNS = {
    "postgresql": ("bytea", "bytea"),
    "mysql": ("varbinary(255)", "longblob"),  # MySQL cannot index a whole blob
    "sqlite": ("blob", "blob"),
}
_IF_ABSENT = {"postgresql": " ON CONFLICT DO NOTHING", "sqlite": " ON CONFLICT DO NOTHING"}
"""This matters most for PostgreSQL, whose log contains the bound values of a statement that fails."""


class DjangoStore:
    """A :class:`~totpkit.Store` that uses a table in one of your Django databases.

    The argument *using* is the name of the database in ``DATABASES``. Account ids and records are
    stored in binary columns, so the database's collation never treats two different ids as equal.
    Each call reads the settings again, because test runners change them. A call raises
    :class:`InvalidParameterError` if the database does not exist, is not supported, or is in
    memory. With a database in memory, writes would become part of your application's transaction.

    All threads share the store's connections. ``CONN_MAX_AGE`` and ``CONN_HEALTH_CHECKS`` apply to
    these connections, except with SQLite, where each call opens a new one. After a fork, the child
    process does not use its parent's connections. Django's database connections do not work in an
    event loop. In async code, wrap the store in a :class:`~totpkit.stores.threaded.ThreadedStore`.
    """

    def __init__(self, using: str = "default", *, table: str = TABLE) -> None:
        if not isinstance(table, str) or not _NAME.fullmatch(table):
            raise InvalidParameterError(
                "table", "must be 1 to 63 ASCII letters, digits and underscores, and not start with a digit"
            )
        self._using = using
        self._table = table
        self._idle: dict[int, list[_Connection]] = {}

    def create_table(self) -> None:
        """Create the table if it does not exist. It is safe to call this from several processes."""
        self._with_rows(lambda rows: rows.create())

    def load(self, account_id: str) -> bytes | None:
        """Return the most recently committed value, or ``None`` if there is none."""
        return self._with_rows(lambda rows: rows.load(account_id.encode()))

    def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Replace *old* with *new* if *old* is still the stored value.

        Return whether the value was replaced.
        """
        return self._with_rows(lambda rows: rows.swap(account_id.encode(), old, new))

    def close(self) -> None:
        """Close all idle connections. The next call opens a new one."""
        idle = self._idle_connections()
        with suppress(IndexError):
            while True:
                translate_errors(idle.pop().close, Exception)

    def _idle_connections(self) -> "list[_Connection]":
        # One list per process: on a connection that its parent opened, a child would send and
        # receive in the middle of the parent's conversation, and closing it would end that too.
        return self._idle.setdefault(os.getpid(), [])

    def _with_rows(self, work: "Callable[[_Rows], T]") -> T:
        idle = self._idle_connections()
        connection = self._take_connection(idle)

        def run() -> T:
            try:
                result = work(_Rows(connection, self._table))
            except BaseException:
                with suppress(Exception):  # report the first error, not one from close()
                    connection.close()
                raise
            _release(connection)
            idle.append(connection)
            return result

        return translate_errors(run, Exception)

    def _take_connection(self, idle: "list[_Connection]") -> "_Connection":
        options = _options(self._using)
        with suppress(IndexError):
            while True:
                connection = idle.pop()
                if connection.settings_dict == options:
                    return connection
                translate_errors(connection.close, Exception)
        return _new_connection(self._using, options)


class _Rows:
    """Executes SQL statements in the dialect of the connected database."""

    def __init__(self, connection: "_Connection", table: str) -> None:
        connection.close_if_unusable_or_obsolete()
        connection.close_if_health_check_failed()
        connection.ensure_connection()
        self._connection = connection
        self._name = table
        self._table = connection.ops.quote_name(table)

    def create(self) -> None:
        key, record = _COLUMNS[self._connection.vendor]
        columns = f"account_id {key} NOT NULL PRIMARY KEY, record {record} NOT NULL"
        with closing(self._connection.create_cursor()) as cursor:
            try:
                cursor.execute(f"CREATE TABLE IF NOT EXISTS {self._table} ({columns})")
            except Exception:
                # Not an error if the table is there: another process has just created it, or it was
                # created by a user with more rights.
                if self._name not in self._connection.introspection.table_names(cursor):
                    raise

    def load(self, key: bytes) -> bytes | None:
        with closing(self._connection.create_cursor()) as cursor:
            cursor.execute(f"SELECT record FROM {self._table} WHERE account_id = %s", (key,))
            row = cursor.fetchone()
        return None if row is None else bytes(row[0])

    def swap(self, key: bytes, old: bytes | None, new: bytes | None) -> bool:
        if old is None:
            return self.load(key) is None if new is None else self._insert(key, new)
        if new is None:
            return self._execute(f"DELETE FROM {self._table} WHERE account_id = %s AND record = %s", key, old)
        update = f"UPDATE {self._table} SET record = %s WHERE account_id = %s AND record = %s"
        return self._execute(update, new, key, old)

    def _insert(self, key: bytes, new: bytes) -> bool:
        insert = f"INSERT INTO {self._table} (account_id, record) VALUES (%s, %s)"
        try:
            return self._execute(insert + _IF_ABSENT.get(self._connection.vendor, ""), key, new)
        except self._connection.Database.IntegrityError:
            return False

    def _execute(self, statement: str, *values: bytes) -> bool:
        with closing(self._connection.create_cursor()) as cursor:
            cursor.execute(statement, values)
            return cursor.rowcount == 1


def _options(alias: str) -> dict[str, object]:
    try:
        return {**_connections.settings[alias], "AUTOCOMMIT": True}
    except KeyError:
        raise InvalidParameterError("using", "must be an alias in DATABASES") from None


def _new_connection(alias: str, options: dict[str, object]) -> "_Connection":
    connection = _connections.create_connection(alias)
    if connection.vendor not in _COLUMNS:
        raise InvalidParameterError("using", "must name a PostgreSQL, MySQL, MariaDB or SQLite database")
    if connection.vendor == "sqlite" and any(word in str(options["NAME"]) for word in _IN_MEMORY):
        raise InvalidParameterError("using", "must name a SQLite database in a file, not in memory")
    connection.settings_dict = options
    connection.inc_thread_sharing()  # or Django rejects a call from another thread
    return connection


def _release(connection: "_Connection") -> None:
    if connection.vendor == "sqlite":
        # If a child process inherits an open database file, SQLite in the child counts on locks that
        # only the parent holds (https://sqlite.org/howtocorrupt.html, section 2.6).
        connection.close()
    else:
        connection.close_if_unusable_or_obsolete()


# Django has no type annotations. These protocols describe the part that the store uses.


class _Cursor(Protocol):
    rowcount: int

    def execute(self, sql: str, params: Sequence[bytes] = ..., /) -> object: ...
    def fetchone(self) -> Sequence[bytes | memoryview] | None: ...
    def close(self) -> object: ...


class _Driver(Protocol):
    IntegrityError: type[Exception]


class _Operations(Protocol):
    def quote_name(self, name: str) -> str: ...


class _Introspection(Protocol):
    def table_names(self, cursor: _Cursor) -> list[str]: ...


class _Connection(Protocol):
    vendor: str
    settings_dict: Mapping[str, object]
    Database: _Driver
    ops: _Operations
    introspection: _Introspection

    def inc_thread_sharing(self) -> None: ...
    def ensure_connection(self) -> None: ...
    def create_cursor(self) -> _Cursor: ...
    def close_if_unusable_or_obsolete(self) -> None: ...
    def close_if_health_check_failed(self) -> None: ...
    def close(self) -> None: ...


class _Connections(Protocol):
    settings: Mapping[str, Mapping[str, object]]

    def create_connection(self, alias: str) -> _Connection: ...


# Through vars(), because type checkers infer types from Django's source that are too narrow.
_connections: _Connections = vars(db)["connections"]
