"""Real servers for the tests: Redis, PostgreSQL and MariaDB on loopback, in directories of their own.

Where a server is not installed its tests skip and say what is missing; in CI they fail.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

import pytest

HOST = "127.0.0.1"
PORTS = range(20_000, 32_000)
"""Linux and macOS give none of them to a connection: a server that comes back finds its own still free."""
PATIENCE = 30.0
KEEPS_ITS_WORD = (
    *("--appendonly", "yes", "--appendfsync", "always", "--save", ""),
    *("--maxmemory-policy", "noeviction"),
)
"""Options of redis-server: what it has answered for is on the disk, and stays."""

READY = (b"eady to accept connections", b"ready for connections")
"""What the logs of Redis and PostgreSQL, and of MariaDB, say of a server that is up."""

QUICK = ("--repl-diskless-sync-delay", "0")


class Server:
    """A server on a port of its own; what it keeps is in *folder*."""

    def __init__(
        self,
        command: Sequence[str],
        port: int,
        folder: str,
        user: str | None = None,
        end: signal.Signals = signal.SIGINT,
    ) -> None:
        self.port = port
        self._end = end
        self._command = command
        self._folder = folder
        self._user = user
        self.start()

    def start(self) -> None:
        """Start it; it is up once its log says so."""
        log = Path(self._folder, "log")
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                self._command,
                stdout=output,
                stderr=output,
                cwd=self._folder,
                user=self._user,
                group=self._user,
            )
        ended = self._process.poll
        wait_until(lambda: any(up in log.read_bytes() for up in READY) or ended() is not None)
        assert ended() is None, log.read_text(errors="replace")

    def stop(self, how: signal.Signals | None = None) -> None:
        """End it without waiting for those who are connected."""
        deadline = time.monotonic() + PATIENCE
        while self._process.poll() is None:  # Redis refuses while it writes its first log
            assert time.monotonic() < deadline, "it does not end"
            self._process.send_signal(self._end if how is None else how)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(0.5)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let it do nothing, without its clients being told, until the block ends."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Server]:
    """Give a Redis server that keeps its word."""
    with running_redis() as server:
        yield server


@pytest.fixture(scope="session")
def redis_url(redis_server: Server) -> str:
    """Give the URL of the Redis server."""
    return redis_at(redis_server)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    """Give a PostgreSQL server."""
    with running_postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def postgresql_url(postgresql_server: Server) -> str:
    """Give SQLAlchemy's URL of the PostgreSQL server, for psycopg."""
    return postgresql_at(postgresql_server)


@pytest.fixture(scope="session")
def mariadb_url() -> Iterator[str]:
    """Give SQLAlchemy's URL of a MariaDB server."""
    with running_mariadb() as server:
        yield f"mysql+pymysql://root@{HOST}:{server.port}/mysql?charset=utf8mb4"


def redis_at(server: Server) -> str:
    """Return the URL of a Redis server."""
    return f"redis://{HOST}:{server.port}/0"


def postgresql_at(server: Server, driver: str = "psycopg") -> str:
    """Return SQLAlchemy's URL of a PostgreSQL server, for one of its drivers."""
    return f"postgresql+{driver}://totpkit@{HOST}:{server.port}/postgres"


@contextmanager
def running_redis(*options: str, parent: Path | None = None) -> Iterator[Server]:
    """Run ``redis-server`` with these options, on a port and in a directory of its own."""
    command, port = found("redis-server"), free_port()
    with tempfile.TemporaryDirectory(prefix="totpkit-redis-", dir=parent) as folder:
        where = ("--port", str(port), "--bind", HOST, "--dir", folder)
        with ended(Server([command, *where, *KEEPS_ITS_WORD, *QUICK, *options], port, folder)) as server:
            yield server


@contextmanager
def running_postgresql(*options: str, parent: Path | None = None) -> Iterator[Server]:
    """Run ``postgres`` with these options on a new cluster, on a port of its own."""
    initdb, postgres, port = found("initdb"), found("postgres"), free_port()
    user = "postgres" if os.name == "posix" and os.geteuid() == 0 else None  # it refuses to run as root
    with tempfile.TemporaryDirectory(prefix="totpkit-postgresql-", dir=parent) as folder:
        if user:
            shutil.chown(folder, user, user)
        data = str(Path(folder, "data"))
        first = [initdb, "-D", data, "-U", "totpkit", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run(first, check=True, capture_output=True, user=user, group=user, cwd=folder)
        # Sixteen processes with a pool each come at once.
        where = ("-p", str(port), "-c", f"listen_addresses={HOST}", "-k", folder, "-c", "max_connections=200")
        with ended(Server([postgres, "-D", data, *where, *options], port, folder, user)) as server:
            yield server


@contextmanager
def running_mariadb() -> Iterator[Server]:
    """Run ``mariadbd`` on a new data directory, on a port of its own."""
    install, mariadbd, port = found("mariadb-install-db"), found("mariadbd"), free_port()
    user = "mysql" if os.name == "posix" and os.geteuid() == 0 else None  # it refuses to run as root
    with tempfile.TemporaryDirectory(prefix="totpkit-mariadb-") as folder:
        if user:
            shutil.chown(folder, user, user)
        data = ("--no-defaults", f"--datadir={folder}/data")
        first = [install, *data, "--auth-root-authentication-method=normal", "--skip-test-db"]
        subprocess.run(first, check=True, capture_output=True, user=user, group=user, cwd=folder)
        where = (f"--port={port}", f"--bind-address={HOST}", f"--socket={folder}/socket")
        with ended(Server([mariadbd, *data, *where], port, folder, user, signal.SIGTERM)) as server:
            yield server


@contextmanager
def ended(server: Server) -> Iterator[Server]:
    """End a server when the block does."""
    try:
        yield server
    finally:
        server.stop()


def found(command: str) -> str:
    """Return where a server's command is; skip the test if it is nowhere, or in CI fail it."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"))  # not on the path there
    path = os.pathsep.join([os.environ.get("PATH", ""), *map(str, reversed(debian)), "/usr/sbin"])
    return shutil.which(command, path=path) or missing(f"{command} is not installed")


def missing(what: str) -> NoReturn:
    """Skip the test and say why; in CI nothing may be missing."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}, and in CI it must be")
    pytest.skip(what)


def free_port() -> int:
    """Return a port that nobody listens on."""
    while True:
        port = secrets.choice(PORTS)
        with suppress(OSError), socket.create_server((HOST, port)):
            return port


def wait_until(done: Callable[[], bool]) -> None:
    """Wait until something is so; fail if it takes too long."""
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.01)
