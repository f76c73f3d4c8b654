"""Real servers for the tests: Redis and PostgreSQL on loopback, in directories of their own.

Where a server is not installed its tests skip and say what is missing; in CI they fail.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, NoReturn

import pytest

HOST = "127.0.0.1"
PATIENCE = 30.0
KEEPS_ITS_WORD = (
    *("--appendonly", "yes", "--appendfsync", "always", "--save", ""),
    *("--maxmemory-policy", "noeviction"),
)
"""Options of redis-server: what it has answered for is on the disk, and stays."""

QUICK = ("--repl-diskless-sync-delay", "0")


class Server(NamedTuple):
    """A server that listens: where, and its process."""

    port: int
    process: subprocess.Popen[bytes]

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let it do nothing, without its clients being told, until the block ends."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it without waiting for those who are connected."""
        while self.process.poll() is None:  # Redis refuses while it writes its first log
            self.process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(0.5)


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


def redis_at(server: Server) -> str:
    """Return the URL of a Redis server."""
    return f"redis://{HOST}:{server.port}/0"


def postgresql_at(server: Server, driver: str = "psycopg") -> str:
    """Return SQLAlchemy's URL of a PostgreSQL server, for one of its drivers."""
    return f"postgresql+{driver}://totpkit@{HOST}:{server.port}/postgres"


@contextmanager
def running_redis(*options: str, parent: Path | None = None) -> Iterator[Server]:
    """Run ``redis-server`` with these options, on a port and in a directory of its own."""
    command = found("redis-server")
    with tempfile.TemporaryDirectory(prefix="totpkit-redis-", dir=parent) as folder:
        where = ("--bind", HOST, "--dir", folder, *KEEPS_ITS_WORD, *QUICK)
        with running(lambda port: [command, "--port", str(port), *where, *options], folder) as server:
            yield server


@contextmanager
def running_postgresql(*options: str, parent: Path | None = None) -> Iterator[Server]:
    """Run ``postgres`` with these options on a new cluster, on a port of its own."""
    initdb, postgres = found("initdb"), found("postgres")
    user = "postgres" if os.name == "posix" and os.geteuid() == 0 else None  # it refuses to run as root
    with tempfile.TemporaryDirectory(
        prefix="totpkit-postgresql-", dir=parent, ignore_cleanup_errors=True
    ) as folder:
        if user:
            shutil.chown(folder, user, user)
        data = str(Path(folder, "data"))
        first = [initdb, "-D", data, "-U", "totpkit", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run(first, check=True, capture_output=True, user=user, group=user, cwd=folder)
        # Sixteen processes with a pool each come at once.
        where = ("-D", data, "-c", f"listen_addresses={HOST}", "-k", folder, "-c", "max_connections=200")
        with running(lambda port: [postgres, *where, "-p", str(port), *options], folder, user) as server:
            yield server


@contextmanager
def running(
    command_for: Callable[[int], Sequence[str]], folder: str, user: str | None = None
) -> Iterator[Server]:
    """Run a command until the block ends; it is up once its log says so."""
    port = free_port()
    log = Path(folder, "log")
    with log.open("wb") as output:
        process = subprocess.Popen(
            command_for(port), stdout=output, stderr=output, user=user, group=user, cwd=folder
        )
    server = Server(port, process)
    try:
        wait_until(lambda: b"eady to accept connections" in log.read_bytes() or process.poll() is not None)
        assert process.poll() is None, log.read_text(errors="replace")
        yield server
    finally:
        server.stop()


def found(command: str) -> str:
    """Return where a server's command is; skip the test if it is nowhere, or in CI fail it."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"))  # not on the path there
    path = os.pathsep.join([os.environ.get("PATH", ""), *map(str, reversed(debian))])
    return shutil.which(command, path=path) or missing(f"{command} is not installed")


def missing(what: str) -> NoReturn:
    """Skip the test and say why; in CI nothing may be missing."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}, and in CI it must be")
    pytest.skip(what)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def wait_until(done: Callable[[], bool]) -> None:
    """Wait until something is so; fail if it takes too long."""
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.01)
