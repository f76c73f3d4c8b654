"""Verification by an authenticator beside the bare round trips that it needs, on each store.

Each test asserts that codes are accepted; how fast they were is printed and not asserted. A login
comes ten steps after the one before, as people log in, so that the window's codes are all that is
computed. Records are sealed by a vault.

Whoever makes the bare round trips writes to the same server or file, by the same driver, and as
durably: SQLite with ``synchronous=FULL``, Redis with ``appendfsync always``, PostgreSQL committed.
That is measured on the disk of temporary files (``TMPDIR``) and in memory.
"""

import base64
import hmac
import json
import os
import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing
from functools import cache
from itertools import count, cycle
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import NamedTuple

import psycopg
import pytest
import redis
import sqlalchemy as sa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.benchmarks.race import Row, race
from tests.support.database_servers import (
    HOST,
    Server,
    postgresql_at,
    running_postgresql,
    running_redis,
    wait_until,
)
from totpkit import TOTP, Algorithm, Authenticator, Cipher, Secret, Store
from totpkit._account.record import EnrolledDevice, Record, SealedSecret
from totpkit._account.record_json import read_record, write_record
from totpkit._account.sealing import ENROLLED
from totpkit.stores.memory import MemoryStore
from totpkit.stores.redis import PREFIX, RedisStore
from totpkit.stores.sqlalchemy import SQLAlchemyStore
from totpkit.stores.sqlite import SQLiteStore
from totpkit.testing import SettableClock
from totpkit.vault import PLAINTEXT, Vault, new_key

ROUND_SECONDS = 0.02
"""Long enough for several logins, whatever the disk does meanwhile."""

FEW, MANY = 1_000, 1_000_000
SAMPLE = 10_000
"""More than log in while it is measured."""

START = 1_700_000_010
BEFORE = START - 1_000_000.0
LOGINS_APART = 300
VAULT = Vault({"2026-11": new_key()})
SECRET = Secret.generate()
CODES = TOTP(SECRET)
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where it is there, a disk that costs nothing

Runner = Callable[[], object]
Enter = Callable[[sa.Engine], AbstractContextManager[sa.Connection]]


def account(number: int) -> str:
    """Return an account id as apps have them: of 36 characters, in no order."""
    return f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}-{number:019d}"


def record(number: int, vault: Cipher = VAULT) -> bytes:
    """Return the record of an account that has logged in before."""
    sealed = vault.seal(SECRET.to_bytes(), account_id=account(number), purpose=ENROLLED)
    provision = SealedSecret(
        sealed=sealed,
        digits=CODES.digits,
        algorithm=CODES.algorithm,
        period=CODES.period,
        label="alice@example.com",
        issuer="Acme",
    )
    credential = EnrolledDevice(
        secret=provision, confirmed_at=BEFORE, last_used_at=BEFORE, last_step=CODES.step(BEFORE)
    )
    return write_record(Record(generation=1, device=credential), revision=2)


class Logins:
    """One login after the other, each ten steps later, by the accounts in turn."""

    def __init__(self, store: Store, numbers: list[int], vault: Cipher = VAULT) -> None:
        self._clock = SettableClock(START)
        self._auth = Authenticator(store, issuer="Acme", vault=vault, clock=self._clock)
        self._accounts = cycle([account(number) for number in numbers])
        self._codes = code_list()
        self._turns = count()

    def __call__(self) -> None:
        """Log in."""
        turn = next(self._turns)
        self._clock.time = START + turn * LOGINS_APART
        assert self._auth.verify(next(self._accounts), self._codes[turn])


@cache
def code_list() -> list[str]:
    """Return the codes of all logins, so that no phone's work is measured."""
    return [CODES.at(START + turn * LOGINS_APART) for turn in range(200_000)]


class Bare(NamedTuple):
    """A read and a compare-and-swap by hand, each a round trip; what is done between them, if anything."""

    load: Callable[[], bytes]
    swap: Callable[[bytes, bytes], object]
    between: Runner | None = None

    def __call__(self) -> None:
        """Change a byte of the record."""
        old = self.load()
        if self.between is not None:
            self.between()
        assert self.swap(old, old[:-1] + bytes([old[-1] ^ 1]))


def in_memory(vault: Cipher = VAULT) -> Logins:
    """Return logins without a round trip."""
    store = MemoryStore()
    assert store.swap(account(1), None, record(1, vault))
    return Logins(store, [1], vault)


def raced(runners: dict[str, Runner]) -> dict[str, list[float]]:
    """Return the seconds of one call of each, in rounds in which all take their turn."""
    statements = {name: f"runners[{name!r}]()" for name in runners}
    return race(statements, {"runners": runners}, ROUND_SECONDS)


def compared(rows: list[Row], what: str, ours: Runner, bare: dict[str, Bare]) -> None:
    """Race ours against the bare round trips, alone and with a login in memory or by hand between them."""
    runners: dict[str, Runner] = {"totpkit": ours}
    for name, trips in bare.items():
        runners |= {
            f"bare round trips, {name}": trips,
            f"{name}, a login in memory between": trips._replace(between=in_memory()),
            f"{name}, one by hand between": trips._replace(between=login_by_hand()),
        }
    found = raced(runners)
    rows += [
        Row(f"verify, {what}", found["totpkit"], name, found[name], "0.7" if name.startswith("bare") else "")
        for name in [*found][1:]
    ]


# In memory.


def test_memory_by_hand(rows: list[Row]) -> None:
    """The same work by hand: load, ``json.loads``, ``TOTP``, ``verify``, ``json.dumps``, swap.

    Each runs once per turn, and the median of the turns is compared, because other processes interrupt
    the long ones more often.
    """
    runners = {"totpkit": in_memory(PLAINTEXT), "by hand": plaintext_login_by_hand()}
    found: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(61):
        times: dict[str, list[float]] = {name: [] for name in runners}
        for _ in range(100):
            for name, runner in runners.items():
                start = perf_counter()
                runner()
                times[name].append(perf_counter() - start)
        for name, each in times.items():
            found[name].append(median(each))
    rows.append(Row("verify, memory, PLAINTEXT", found["totpkit"], "by hand", found["by hand"], "0.625"))


def plaintext_login_by_hand() -> Runner:
    """Return a login that uses only the codes of totpkit, and validates nothing."""
    store, clock = MemoryStore(), SettableClock(START)
    store.swap("account", None, record(1, PLAINTEXT))
    codes = cycle(code_list())

    def login() -> None:
        stored = store.load("account")
        assert stored is not None
        fields = json.loads(stored)
        device = fields["active"]
        secret = Secret.from_bytes(base64.b64decode(device["sealed"].removeprefix("plain:")))
        totp = TOTP(
            secret,
            digits=device["digits"],
            algorithm=Algorithm(device["algorithm"]),
            period=device["period"],
        )
        result = totp.verify(next(codes), at=clock(), last_step=device["last_step"], drift=device["drift"])
        assert result
        device["last_step"], device["last_used_at"] = result.step, clock()
        fields["rev"] += 1
        assert store.swap("account", stored, json.dumps(fields).encode())
        clock.advance(LOGINS_APART)

    return login


@pytest.mark.parametrize(("vault", "name"), [(VAULT, "vault"), (PLAINTEXT, "PLAINTEXT")])
def test_memory(rows: list[Row], notes: list[str], vault: Cipher, name: str) -> None:
    """In memory, where nothing is waited for."""
    found = raced({"totpkit": in_memory(vault)})["totpkit"]
    wanted = "1" if vault is VAULT else ""
    rows.append(Row(f"verify, memory, {name}", found, "20,000 a second", [1 / 20_000] * len(found), wanted))
    usual, best = 1 / median(found), 1 / min(found)
    notes.append(f"memory, {name}: {usual:,.0f} a second on one core, {best:,.0f} in the quickest round")


def test_memory_floor(rows: list[Row]) -> None:
    """What it is made of; and the same by hand, with nothing checked."""
    stored, opened, turn = record(1), read_record(record(1)), count()
    assert opened.device is not None
    sealed = opened.device.secret.sealed
    parts: dict[str, Runner] = {
        "record read": lambda: read_record(stored),
        "secret opened": lambda: VAULT.open(sealed, account_id=account(1), purpose=ENROLLED),
        "codes made ready": lambda: TOTP(SECRET),
        "code verified": lambda: CODES.verify("000000", at=float(START)),
        "record written": lambda: write_record(opened, revision=next(turn)),
        "by hand, nothing checked": login_by_hand(),
    }
    found = raced({"totpkit": in_memory(), **parts})
    rows += [Row("verify, memory, vault", found["totpkit"], name, found[name]) for name in parts]


def login_by_hand() -> Runner:
    """Return what reads, opens, computes, compares and writes the same, and refuses nothing."""
    box, nonce = AESGCM(new_key()), os.urandom(12)
    sealed = base64.b64encode(nonce + box.encrypt(nonce, SECRET.to_bytes(), b"account")).decode()
    fields = json.loads(record(1))
    fields["active"]["sealed"] = sealed
    store = {"account": json.dumps(fields)}
    code = CODES.at(START)

    def login() -> None:
        stored = store["account"]
        fields = json.loads(stored)
        raw = base64.b64decode(fields["active"]["sealed"])
        secret = box.decrypt(raw[:12], raw[12:], b"account")
        steps = range(START // 30 - 1, START // 30 + 2)
        assert any([hmac.compare_digest(code_by_hand(secret, step), code) for step in steps])  # noqa: C419 - all are computed
        fields["rev"] += 1
        assert store["account"] == stored
        store["account"] = json.dumps(fields)

    return login


def code_by_hand(secret: bytes, step: int) -> str:
    """Return a code (RFC 4226, section 5.3)."""
    mac = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    start = mac[-1] & 15
    return f"{(int.from_bytes(mac[start : start + 4], 'big') & 0x7FFFFFFF) % 10**6:06d}"


def test_size(notes: list[str]) -> None:
    """Records are small."""
    store, clock = MemoryStore(), SettableClock(START)
    auth = Authenticator(store, issuer="Acme", vault=VAULT, clock=clock)
    auth.begin_enrollment(account(1), "alice@example.com")
    pending = store.load(account(1))
    assert store.swap(account(1), pending, record(1))
    assert auth.verify(account(1), CODES.at(START))
    enrolled = store.load(account(1))
    assert len(auth.issue_recovery_codes(account(1))) == 10
    full = store.load(account(1))
    sizes = [len(stored) for stored in (pending, enrolled, full) if stored]
    assert len(sizes) == 3
    assert max(sizes) < 2000
    notes.append("record: {} bytes pending, {} enrolled, {} with ten recovery codes".format(*sizes))


# Beside the bare round trips.


def places() -> list[Path | None]:
    """Return where to put files: on the disk, and where there is one, in memory."""
    return [None, SHARED_MEMORY] if os.access(SHARED_MEMORY, os.W_OK) else [None]


@pytest.fixture(params=places(), ids=lambda place: "disk" if place is None else "memory")
def place(request: pytest.FixtureRequest) -> Path | None:
    """Give each place in turn."""
    return request.param


def name_of(place: Path | None) -> str:
    """Return what the table calls a place."""
    return "disk" if place is None else "disk in memory"


def test_sqlite(rows: list[Row], place: Path | None) -> None:
    """SQLite, beside the module of the standard library."""
    with ExitStack() as stack:
        path = Path(stack.enter_context(TemporaryDirectory(prefix="totpkit-sqlite-", dir=place)), "file")
        store = stack.enter_context(closing(SQLiteStore(path)))
        assert store.swap(account(1), None, record(1))
        assert store.swap("bare", None, record(2))
        bare = stack.enter_context(closing(sqlite3.connect(path, isolation_level=None)))
        bare.execute("PRAGMA synchronous = FULL")
        assert bare.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        query = "SELECT record FROM totpkit WHERE account_id = ?"
        update = "UPDATE totpkit SET record = ? WHERE account_id = ? AND record = ?"
        by_hand = Bare(
            lambda: bare.execute(query, (b"bare",)).fetchone()[0],
            lambda old, new: bare.execute(update, (new, b"bare", old)).rowcount,
        )
        compared(rows, f"SQLite on {name_of(place)}", Logins(store, [1]), {"sqlite3": by_hand})


def test_redis(rows: list[Row], place: Path | None) -> None:
    """Redis, beside the same client."""
    with running_redis(parent=place) as server, redis.Redis(HOST, server.port) as client:
        store = RedisStore(client)
        assert store.swap(account(1), None, record(1))
        client.set("bare", record(2))
        swap = client.register_script(
            "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end"
            " redis.call('SET', KEYS[1], ARGV[2]) return 1"
        )
        by_hand = Bare(lambda: client.get("bare"), lambda old, new: swap(["bare"], [old, new]))
        compared(rows, f"Redis on {name_of(place)}", Logins(store, [1]), {"redis-py": by_hand})


def test_postgresql(rows: list[Row], place: Path | None) -> None:
    """PostgreSQL by an engine of SQLAlchemy, beside its Core, and beside psycopg without an engine."""
    with running_postgresql(parent=place) as server, ExitStack() as stack:
        engine = sa.create_engine(postgresql_at(server))
        stack.callback(engine.dispose)
        store = SQLAlchemyStore(engine)
        store.create_table()
        assert store.swap(account(1), None, record(1))
        assert store.swap("core", None, record(2))
        assert store.swap("psycopg", None, record(3))
        by_hand = {
            "Core, a transaction each": core(engine, sa.Engine.begin),
            "Core in autocommit": core(engine.execution_options(isolation_level="AUTOCOMMIT")),
            "psycopg": plain(stack, server),
        }
        compared(rows, f"PostgreSQL on {name_of(place)}", Logins(store, [1]), by_hand)


def core(engine: sa.Engine, enter: Enter = sa.Engine.connect) -> Bare:
    """Return the round trips by SQLAlchemy's Core."""
    table = sa.Table(
        "totpkit", sa.MetaData(), sa.Column("account_id", sa.LargeBinary), sa.Column("record", sa.LargeBinary)
    )
    this = table.c.account_id == sa.bindparam("key")
    select = sa.select(table.c.record).where(this)
    unchanged = this & (table.c.record == sa.bindparam("old"))
    update = sa.update(table).where(unchanged).values(record=sa.bindparam("new"))

    def load() -> bytes:
        with enter(engine) as connection:
            return connection.execute(select, {"key": b"core"}).scalar_one()

    def swap(old: bytes, new: bytes) -> int:
        with enter(engine) as connection:
            return connection.execute(update, {"key": b"core", "old": old, "new": new}).rowcount

    return Bare(load, swap)


def plain(stack: ExitStack, server: Server) -> Bare:
    """Return the round trips by psycopg."""
    where = f"host={HOST} port={server.port} user=totpkit dbname=postgres"
    connection = stack.enter_context(psycopg.connect(where, autocommit=True))
    query = "SELECT record FROM totpkit WHERE account_id = %s"
    update = "UPDATE totpkit SET record = %s WHERE account_id = %s AND record = %s"
    return Bare(
        lambda: connection.execute(query, [b"psycopg"]).fetchone()[0],
        lambda old, new: connection.execute(update, [new, b"psycopg", old]).rowcount,
    )


# A million accounts.


@pytest.fixture(scope="module")
def records() -> list[tuple[bytes, bytes]]:
    """Give a million records with their ids, in the order of these, which fills tables fast."""
    return sorted((account(number).encode(), record(number)) for number in range(MANY))


def sample(number: int) -> list[int]:
    """Return accounts to log in, anywhere among so many."""
    return random.Random(number).sample(range(number), min(number, SAMPLE))  # noqa: S311 - any will do


def crowded(rows: list[Row], what: str, few: Store, many: Store) -> None:
    """Race logins among a million accounts against logins among a thousand."""
    found = raced({"many": Logins(many, sample(MANY)), "few": Logins(few, sample(FEW))})
    rows.append(Row(f"verify, {what}, {MANY:,} accounts", found["many"], f"{FEW:,}", found["few"], "0.77"))


def first(records: list[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    """Yield those of the first accounts."""
    names = {account(number).encode() for number in range(FEW)}
    return (row for row in records if row[0] in names)


def test_sqlite_crowded(
    rows: list[Row], notes: list[str], tmp_path: Path, records: list[tuple[bytes, bytes]]
) -> None:
    """In a file of a million accounts a login takes no longer."""
    stores = {}
    for name, chosen in (("few", first(records)), ("many", records)):
        stores[name] = SQLiteStore(tmp_path / name)
        with closing(sqlite3.connect(tmp_path / name)) as connection, connection:
            connection.executemany("INSERT INTO totpkit VALUES (?, ?)", chosen)
    size = (tmp_path / "many").stat().st_size
    notes.append(f"SQLite: {size / MANY:.0f} bytes an account in the file")
    crowded(rows, "SQLite on disk", **stores)
    for store in stores.values():
        store.close()


def test_redis_crowded(rows: list[Row], notes: list[str], records: list[tuple[bytes, bytes]]) -> None:
    """In a Redis of a million accounts a login takes no longer."""
    with ExitStack() as stack:
        stores, used = {}, {}
        for name, chosen in (("few", [*first(records)]), ("many", records)):
            server = stack.enter_context(running_redis())
            client = stack.enter_context(redis.Redis(HOST, server.port))
            used[name] = filled(client, chosen)
            stores[name] = RedisStore(client)
        notes.append(f"Redis: {used['many'] / MANY:.0f} bytes an account in memory")
        crowded(rows, "Redis on disk", **stores)


def filled(client: redis.Redis, records: list[tuple[bytes, bytes]]) -> int:
    """Write all records as a store would, and the log once they are there; return the bytes they take."""
    client.config_set("appendonly", "no")
    empty = client.info("memory")["used_memory"]
    for start in range(0, len(records), FEW):
        chosen = records[start : start + FEW]
        client.mset({PREFIX.encode() + name: bytes(16) + stored for name, stored in chosen})
    taken: int = client.info("memory")["used_memory"] - empty
    client.config_set("appendonly", "yes")
    wait_until(lambda: client.info("persistence")["aof_current_size"] > 0)
    wait_until(lambda: not client.info("persistence")["aof_rewrite_in_progress"])
    return taken


def test_postgresql_crowded(rows: list[Row], notes: list[str], records: list[tuple[bytes, bytes]]) -> None:
    """In a table of a million accounts a login takes no longer."""
    with running_postgresql() as server, ExitStack() as stack:
        engine = sa.create_engine(postgresql_at(server))
        stack.callback(engine.dispose)
        where = f"host={HOST} port={server.port} user=totpkit dbname=postgres"
        connection = stack.enter_context(psycopg.connect(where, autocommit=True))
        stores = {}
        for name, chosen in (("few", first(records)), ("many", records)):
            stores[name] = SQLAlchemyStore(engine, table=name)
            stores[name].create_table()
            with connection.cursor().copy(f"COPY {name} FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(["bytea", "bytea"])
                for row in chosen:
                    copy.write_row(row)
        connection.execute("VACUUM ANALYZE")
        (size,) = connection.execute("SELECT pg_total_relation_size('many')").fetchone()
        notes.append(f"PostgreSQL: {size / MANY:.0f} bytes an account, index included")
        crowded(rows, "PostgreSQL on disk", **stores)
