"""Records in a table of any database that SQLAlchemy 2 speaks to: PostgreSQL, MariaDB, SQLite.

Needs the extra ``totpkit[sqlalchemy]``. Every call is one statement, in a transaction of its
own on a connection of its own: a caller's rollback cannot bring a code or a guess back.

Connections are in autocommit mode, so that the statement is the transaction. They are left by
a commit all the same: a listener on the engine may have begun a transaction by itself.
Not every exception of every driver reaches us as one of SQLAlchemy's, so all are taken for
failures of the store.
"""

from totpkit._extras import extra
from totpkit.errors import InvalidParameterError
from totpkit.stores._failures import answered, answered_later

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
    """A :class:`~totpkit.Store` in one *table* of the *engine*'s database.

    Account ids and records are binary columns, so no collation merges two ids. An engine
    whose connections are shared, as those of a SQLite database in memory are, raises
    :class:`InvalidParameterError`: a write would be part of its caller's transaction. What
    a commit survives is the database's to say; keep ``synchronous_commit`` on.
    """

    def __init__(self, engine: Engine, *, table: str = TABLE) -> None:
        _refuse_shared(engine.url, engine.pool)
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._rows = _Rows(table)

    def create_table(self) -> None:
        """Make the table if it is missing; many may do so at once."""

        def work() -> None:
            with self._engine.begin() as connection:
                self._rows.create(connection)

        answered(work, Exception)

    def load(self, account_id: str) -> bytes | None:
        """Return the latest committed value, or ``None``."""

        def work() -> bytes | None:
            with self._engine.begin() as connection:
                return self._rows.load(connection, account_id)

        return answered(work, Exception)

    def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Write *new* if the value is still *old*; tell whether it was."""

        def work() -> bool:
            with self._engine.begin() as connection:
                return self._rows.swap(connection, account_id, old, new)

        return answered(work, Exception)


class AsyncSQLAlchemyStore:
    """:class:`SQLAlchemyStore`, awaited."""

    def __init__(self, engine: AsyncEngine, *, table: str = TABLE) -> None:
        _refuse_shared(engine.url, engine.pool)
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._rows = _Rows(table)

    async def create_table(self) -> None:
        """Make the table if it is missing; many may do so at once."""

        async def work() -> None:
            async with self._engine.begin() as connection:
                await connection.run_sync(self._rows.create)

        await answered_later(work(), Exception)

    async def load(self, account_id: str) -> bytes | None:
        """Return the latest committed value, or ``None``."""

        async def work() -> bytes | None:
            async with self._engine.begin() as connection:
                return await connection.run_sync(self._rows.load, account_id)

        return await answered_later(work(), Exception)

    async def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Write *new* if the value is still *old*; tell whether it was."""

        async def work() -> bool:
            async with self._engine.begin() as connection:
                return await connection.run_sync(self._rows.swap, account_id, old, new)

        return await answered_later(work(), Exception)


class _Rows:
    """The table, and its two statements on a connection of either colour."""

    def __init__(self, name: str) -> None:
        # 255 bytes, the longest account id, is what MariaDB can index without a prefix.
        key = LargeBinary(255).with_variant(VARBINARY(255), "mysql", "mariadb")
        columns = Column("account_id", key, primary_key=True), Column("record", LargeBinary, nullable=False)
        self._table = table = Table(name, MetaData(), *columns)
        this = table.c.account_id == bindparam("key")
        unchanged = this & (table.c.record == bindparam("old"))
        self._select = select(table.c.record).where(this)
        self._insert = insert(table).values(account_id=bindparam("key"), record=bindparam("new"))
        self._update = update(table).where(unchanged).values(record=bindparam("new"))
        self._delete = delete(table).where(unchanged)

    def create(self, connection: Connection) -> None:
        try:
            self._table.create(connection, checkfirst=True)
        except DBAPIError:
            if not inspect(connection).has_table(self._table.name):  # not made in the meantime
                raise

    def load(self, connection: Connection, account_id: str) -> bytes | None:
        record = connection.execute(self._select, {"key": account_id.encode()}).scalar_one_or_none()
        return None if record is None else bytes(record)

    def swap(self, connection: Connection, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        if old is None and new is None:
            return self.load(connection, account_id) is None
        values = {"key": account_id.encode(), "old": old, "new": new}
        if old is None:
            return self._inserted(connection, {"key": values["key"], "new": new})
        if new is None:
            return connection.execute(self._delete, {"key": values["key"], "old": old}).rowcount == 1
        return connection.execute(self._update, values).rowcount == 1

    def _inserted(self, connection: Connection, values: dict[str, bytes | None]) -> bool:
        try:
            connection.execute(self._insert, values)
        except IntegrityError:
            return False
        return True


def _refuse_shared(url: URL, pool: Pool) -> None:
    memory = url.get_backend_name() == "sqlite" and (
        ":memory:" in (url.database or ":memory:")
        or url.query.get("mode") == "memory"
        or url.query.get("vfs") == "memdb"
    )
    if memory or isinstance(pool, StaticPool | SingletonThreadPool):
        raise InvalidParameterError("engine", "must open connections of its own, not share one in memory")
