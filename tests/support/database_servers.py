"""Real servers for the tests: Redis, PostgreSQL and MariaDB on loopback, each in its own directory.

If a server is not installed, its tests are skipped and say what is missing. In CI they fail.
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
"""Linux and macOS use no such port for outgoing connections, so a restarted server finds its own free."""
PATIENCE = 30.0
DURABLE = (
    *("--appendonly", "yes", "--appendfsync", "always", "--save", ""),
    *("--maxmemory-policy", "noeviction"),
)
"""Options of redis-server: an acknowledged write is on disk, and nothing is evicted."""

READY = (b"eady to accept connections", b"ready for connections")
"""Log lines of a server that is up: Redis and PostgreSQL, and MariaDB."""

QUICK = ("--repl-diskless-sync-delay", "0")


class Server:
    """A server on its own port, with its data in *folder*."""

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
        """Start the server, and wait until its log says that it is up."""
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
        """Stop the server without waiting for its clients."""
        deadline = time.monotonic() + PATIENCE
        while self._process.poll() is None:  # Redis ignores the signal while it writes its first log
            assert time.monotonic() < deadline, "the server does not stop"
            self._process.send_signal(self._end if how is None else how)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(0.5)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop the server, and start it again after the block."""
        self.stop()
        yield
        self.start()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Freeze the server during the block. Its clients stay connected."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Server]:
    """Give a Redis server that keeps every acknowledged write."""
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
    """Give the SQLAlchemy URL of the PostgreSQL server, for psycopg."""
    return postgresql_at(postgresql_server)


@pytest.fixture(scope="session")
def mariadb_url() -> Iterator[str]:
    """Give the SQLAlchemy URL of a MariaDB server."""
    with running_mariadb() as server:
        yield f"mysql+pymysql://root@{HOST}:{server.port}/mysql?charset=utf8mb4"


def redis_at(server: Server) -> str:
    """Return the URL of a Redis server."""
    return f"redis://{HOST}:{server.port}/0"


def postgresql_at(server: Server, driver: str = "psycopg") -> str:
    """Return the SQLAlchemy URL of a PostgreSQL server, for one of its drivers."""
    return f"postgresql+{driver}://totpkit@{HOST}:{server.port}/postgres"


@contextmanager
def running_redis(*options: str, parent: Path | None = None) -> Iterator[Server]:
    """Run ``redis-server`` with these options, on its own port and in its own directory."""
    command, port = found("redis-server"), free_port()
    with tempfile.TemporaryDirectory(prefix="totpkit-redis-", dir=parent) as folder:
        where = ("--port", str(port), "--bind", HOST, "--dir", folder)
        with ended(Server([command, *where, *DURABLE, *QUICK, *options], port, folder)) as server:
            yield server


@contextmanager
def running_postgresql(*options: str, parent: Path | None = None) -> Iterator[Server]:
    """Run ``postgres`` with these options, on a new cluster and its own port."""
    initdb, postgres, port = found("initdb"), found("postgres"), free_port()
    user = "postgres" if os.name == "posix" and os.geteuid() == 0 else None  # it refuses to run as root
    with tempfile.TemporaryDirectory(prefix="totpkit-postgresql-", dir=parent) as folder:
        if user:
            shutil.chown(folder, user, user)
        data = str(Path(folder, "data"))
        first = [initdb, "-D", data, "-U", "totpkit", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run(first, check=True, capture_output=True, user=user, group=user, cwd=folder)
        # Tests connect from 16 processes at once, each with a pool.
        where = ("-p", str(port), "-c", f"listen_addresses={HOST}", "-k", folder, "-c", "max_connections=200")
        with ended(Server([postgres, "-D", data, *where, *options], port, folder, user)) as server:
            yield server


@contextmanager
def running_mariadb() -> Iterator[Server]:
    """Run ``mariadbd`` on a new data directory and its own port."""
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
    """Stop the server after the block."""
    try:
        yield server
    finally:
        server.stop()


def found(command: str) -> str:
    """Return the path of a server's command. Skip the test if it is not installed, or fail it in CI."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"))  # Debian does not add it to the path
    path = os.pathsep.join([os.environ.get("PATH", ""), *map(str, reversed(debian)), "/usr/sbin"])
    return shutil.which(command, path=path) or missing(f"{command} is not installed")


def missing(what: str) -> NoReturn:
    """Skip the test, or fail it in CI, where nothing may be missing."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}, and in CI it must be")
    pytest.skip(what)


def free_port() -> int:
    """Return a port that no process listens on."""
    while True:
        port = secrets.choice(PORTS)
        with suppress(OSError), socket.create_server((HOST, port)):
            return port


def wait_until(done: Callable[[], bool]) -> None:
    """Wait until *done* returns true, and fail if it takes too long."""
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.01)
