"""Records in a table of a database that Django's ``DATABASES`` names: PostgreSQL, MySQL, MariaDB, SQLite.

Needs the extra ``totpkit[django]``. Every call is one statement, on a connection that Django makes
but does not hand to anybody else: neither ``atomic`` nor ``ATOMIC_REQUESTS`` reaches it, so a
caller's rollback cannot bring a code or a guess back.

Cursors are those of the backend. Around them Django puts others that under ``DEBUG`` remember and
log what was bound (https://docs.djangoproject.com/en/5.2/ref/logging/#django-db-backends).
"""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from typing import Protocol, TypeVar

from totpkit._extras import extra
from totpkit.errors import InvalidParameterError
from totpkit.stores._failures import answered

with extra("django"):
    from django.db import connections

__all__ = ["DjangoStore"]

T = TypeVar("T")

TABLE = "totpkit"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")  # Django's quoting escapes nothing
_IN_MEMORY = (":memory:", "mode=memory", "vfs=memdb")

_COLUMNS = {
    "postgresql": ("bytea", "bytea"),
    "mysql": ("varbinary(255)", "longblob"),  # the longest account id, which a key can hold
    "sqlite": ("blob", "blob"),
}
_IF_ABSENT = {"postgresql": " ON CONFLICT DO NOTHING", "sqlite": " ON CONFLICT DO NOTHING"}
"""For PostgreSQL above all: it logs a statement that fails, with what was bound."""


class DjangoStore:
    """A :class:`~totpkit.Store` in one *table* of the database that ``DATABASES`` calls *using*.

    Account ids and records are binary columns, so no collation merges two ids. Settings are read
    at each call, as a test runner changes them. A database that is not there, in memory, or of
    another kind raises :class:`InvalidParameterError` then: in memory, a write would be part of
    its caller's transaction.

    Connections belong to no thread. ``CONN_MAX_AGE`` and ``CONN_HEALTH_CHECKS`` hold for them as
    for Django's; to SQLite each call makes its own. What a parent opened before a fork is not
    used by the child. Django's connections don't work in an event loop: there, take
    :class:`~totpkit.stores.threaded.ThreadedStore`.
    """

    def __init__(self, using: str = "default", *, table: str = TABLE) -> None:
        if not _NAME.fullmatch(table):
            raise InvalidParameterError(
                "table", "must be at most 63 ASCII letters, digits and underscores, no digit first"
            )
        self._using = using
        self._table = table
        self._idle: dict[int, list[_Connection]] = {}

    def create_table(self) -> None:
        """Make the table if it is missing; many may do so at once."""
        self._with_rows(lambda rows: rows.create())

    def load(self, account_id: str) -> bytes | None:
        """Return the latest committed value, or ``None``."""
        return self._with_rows(lambda rows: rows.load(account_id.encode()))

    def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Write *new* if the value is still *old*; tell whether it was."""
        return self._with_rows(lambda rows: rows.swap(account_id.encode(), old, new))

    def close(self) -> None:
        """Close the connections at rest; the next call opens new ones."""
        idle = self._at_rest()
        with suppress(IndexError):
            while True:
                answered(idle.pop().close, Exception)

    def _at_rest(self) -> "list[_Connection]":
        # By process: a child that used what its parent opened, or closed it, would speak in the
        # parent's place.
        return self._idle.setdefault(os.getpid(), [])

    def _with_rows(self, work: "Callable[[_Rows], T]") -> T:
        idle = self._at_rest()
        connection = self._taken(idle)

        def worked() -> T:
            try:
                result = work(_Rows(connection, self._table))
            except BaseException:
                with suppress(Exception):  # what happened first is told
                    connection.close()
                raise
            _let_go(connection)
            idle.append(connection)
            return result

        return answered(worked, Exception)

    def _taken(self, idle: "list[_Connection]") -> "_Connection":
        options = _options(self._using)
        with suppress(IndexError):
            while True:
                connection = idle.pop()
                if connection.settings_dict == options:
                    return connection
                answered(connection.close, Exception)
        return _made(self._using, options)


class _Rows:
    """The table, and its statements in the words of one database."""

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
            except Exception:  # by somebody at the same moment, or by who may do what we may not
                if self._name not in self._connection.introspection.table_names(cursor):
                    raise

    def load(self, key: bytes) -> bytes | None:
        with closing(self._connection.create_cursor()) as cursor:
            cursor.execute(f"SELECT record FROM {self._table} WHERE account_id = %s", (key,))
            row = cursor.fetchone()
        return None if row is None else bytes(row[0])

    def swap(self, key: bytes, old: bytes | None, new: bytes | None) -> bool:
        if old is None:
            return self.load(key) is None if new is None else self._inserted(key, new)
        if new is None:
            return self._changed(f"DELETE FROM {self._table} WHERE account_id = %s AND record = %s", key, old)
        update = f"UPDATE {self._table} SET record = %s WHERE account_id = %s AND record = %s"
        return self._changed(update, new, key, old)

    def _inserted(self, key: bytes, new: bytes) -> bool:
        insert = f"INSERT INTO {self._table} (account_id, record) VALUES (%s, %s)"
        try:
            return self._changed(insert + _IF_ABSENT.get(self._connection.vendor, ""), key, new)
        except self._connection.Database.IntegrityError:
            return False

    def _changed(self, statement: str, *values: bytes) -> bool:
        with closing(self._connection.create_cursor()) as cursor:
            cursor.execute(statement, values)
            return cursor.rowcount == 1


def _options(alias: str) -> dict[str, object]:
    try:
        return {**connections.settings[alias], "AUTOCOMMIT": True}
    except KeyError:
        raise InvalidParameterError("using", "must be an alias in DATABASES") from None


def _made(alias: str, options: dict[str, object]) -> "_Connection":
    connection: _Connection = connections.create_connection(alias)
    if connection.vendor not in _COLUMNS:
        raise InvalidParameterError("using", "must be a database of PostgreSQL, MySQL, MariaDB or SQLite")
    if connection.vendor == "sqlite" and any(word in str(options["NAME"]) for word in _IN_MEMORY):
        raise InvalidParameterError("using", "must be a database in a file, not one in memory")
    connection.settings_dict = options
    connection.inc_thread_sharing()
    return connection


def _let_go(connection: "_Connection") -> None:
    if connection.vendor == "sqlite":
        # An open file that a child inherits makes SQLite there believe in locks that only the
        # parent holds (https://sqlite.org/howtocorrupt.html, section 2.6).
        connection.close()
    else:
        connection.close_if_unusable_or_obsolete()


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
    """What is used here of Django's ``BaseDatabaseWrapper``, which comes without types."""

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
