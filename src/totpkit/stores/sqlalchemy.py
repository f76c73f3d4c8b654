"""Store records in any database that SQLAlchemy 2 supports, such as PostgreSQL or MariaDB.

The stores require the extra ``totpkit[sqlalchemy]``. Each call executes one statement in its own
transaction and on its own connection. Rolling back a request therefore cannot make a used code
valid again or undo a counted attempt.

Although connections are in autocommit mode, each call ends with a commit, because an event listener
in the application may have started a transaction. Some drivers raise exceptions that SQLAlchemy
does not wrap, so the stores translate every exception into :class:`StoreError`.
"""

from totpkit._extras import extra
from totpkit.errors import InvalidParameterError
from totpkit.stores._failures import translate_errors, translate_errors_async

with extra("sqlalchemy"):
    from sqlalchemy import (
        Column,
        Engine,
        LargeBinary,
        MetaData,
        Table,
        bindparam,
        delete,
        insert,
        inspect,
        select,
        update,
    )
    from sqlalchemy.dialects.mysql import VARBINARY
    from sqlalchemy.engine import URL, Connection
    from sqlalchemy.exc import DBAPIError, IntegrityError
    from sqlalchemy.ext.asyncio import AsyncEngine
    from sqlalchemy.pool import Pool, SingletonThreadPool, StaticPool

__all__ = ["AsyncSQLAlchemyStore", "SQLAlchemyStore"]

TABLE = "totpkit"


class SQLAlchemyStore:
    """A :class:`~totpkit.Store` that uses one *table* in the *engine*'s database.

    Account ids and records are stored in binary columns, so the database's collation never treats
    two different ids as equal. With PostgreSQL, keep ``synchronous_commit`` enabled so that
    committed writes survive a crash.

    Raises :class:`InvalidParameterError` if threads would share a connection, as they do with a
    SQLite database in memory. Writes would then become part of your application's transaction.
    """

    def __init__(self, engine: Engine, *, table: str = TABLE) -> None:
        _refuse_shared_connections(engine.url, engine.pool)
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._rows = _Rows(table)

    def create_table(self) -> None:
        """Create the table if it does not exist. It is safe to call this from several processes."""

        def work() -> None:
            with self._engine.begin() as connection:
                self._rows.create(connection)

        translate_errors(work, Exception)

    def load(self, account_id: str) -> bytes | None:
        """Return the most recently committed value, or ``None`` if there is none."""

        def work() -> bytes | None:
            with self._engine.begin() as connection:
                return self._rows.load(connection, account_id)

        return translate_errors(work, Exception)

    def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Replace *old* with *new* if *old* is still the stored value.

        Return whether the value was replaced.
        """

        def work() -> bool:
            with self._engine.begin() as connection:
                return self._rows.swap(connection, account_id, old, new)

        return translate_errors(work, Exception)


class AsyncSQLAlchemyStore:
    """The async version of :class:`SQLAlchemyStore`, for an ``AsyncEngine``."""

    def __init__(self, engine: AsyncEngine, *, table: str = TABLE) -> None:
        _refuse_shared_connections(engine.url, engine.pool)
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._rows = _Rows(table)

    async def create_table(self) -> None:
        """Create the table if it does not exist. It is safe to call this from several processes."""

        async def work() -> None:
            async with self._engine.begin() as connection:
                await connection.run_sync(self._rows.create)

        await translate_errors_async(work(), Exception)

    async def load(self, account_id: str) -> bytes | None:
        """Return the most recently committed value, or ``None`` if there is none."""

        async def work() -> bytes | None:
            async with self._engine.begin() as connection:
                return await connection.run_sync(self._rows.load, account_id)

        return await translate_errors_async(work(), Exception)

    async def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Replace *old* with *new* if *old* is still the stored value.

        Return whether the value was replaced.
        """

        async def work() -> bool:
            async with self._engine.begin() as connection:
                return await connection.run_sync(self._rows.swap, account_id, old, new)

        return await translate_errors_async(work(), Exception)


class _Rows:
    """The SQL statements that both stores execute."""

    def __init__(self, name: str) -> None:
        # An account id has at most 255 bytes, which MariaDB can index without a prefix length.
        key = LargeBinary(255).with_variant(VARBINARY(255), "mysql", "mariadb")
        columns = Column("account_id", key, primary_key=True), Column("record", LargeBinary, nullable=False)
        self._table = table = Table(name, MetaData(), *columns)
        account = table.c.account_id == bindparam("key")
        unchanged = account & (table.c.record == bindparam("old"))
        self._select = select(table.c.record).where(account)
        self._insert = insert(table).values(account_id=bindparam("key"), record=bindparam("new"))
        self._update = update(table).where(unchanged).values(record=bindparam("new"))
        self._delete = delete(table).where(unchanged)

    def create(self, connection: Connection) -> None:
        try:
            self._table.create(connection, checkfirst=True)
        except DBAPIError:
            # Not an error if another process has just created the table.
            if not inspect(connection).has_table(self._table.name):
                raise

    def load(self, connection: Connection, account_id: str) -> bytes | None:
        record = connection.execute(self._select, {"key": account_id.encode()}).scalar_one_or_none()
        return None if record is None else bytes(record)

    def swap(self, connection: Connection, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        if old is None and new is None:
            return self.load(connection, account_id) is None
        values = {"key": account_id.encode(), "old": old, "new": new}
        if old is None:
            return self._insert_record(connection, {"key": values["key"], "new": new})
        if new is None:
            return connection.execute(self._delete, {"key": values["key"], "old": old}).rowcount == 1
        return connection.execute(self._update, values).rowcount == 1

    def _insert_record(self, connection: Connection, values: dict[str, bytes | None]) -> bool:
        try:
            connection.execute(self._insert, values)
        except IntegrityError:
            return False
        return True


def _refuse_shared_connections(url: URL, pool: Pool) -> None:
    memory = url.get_backend_name() == "sqlite" and (
        ":memory:" in (url.database or ":memory:")
        or url.query.get("mode") == "memory"
        or url.query.get("vfs") == "memdb"
    )
    if memory or isinstance(pool, StaticPool | SingletonThreadPool):
        raise InvalidParameterError(
            "engine",
            "must not share one connection, as an in-memory database does: "
            "use a database in a file or on a server",
        )
