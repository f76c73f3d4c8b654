"""SQLiteStore: its file, its connections and forks. Failures are in test_failing_stores."""

import gc
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from totpkit import InvalidParameterError, Store, StoreError
from totpkit.stores import sqlite
from totpkit.stores.sqlite import SQLiteStore
from totpkit.testing import StoreContract


class TestSQLite(StoreContract):
    """A file passes the suite with one store per thread."""

    @pytest.fixture(autouse=True)
    def _path(self, tmp_path: Path) -> Iterator[None]:
        self.path = tmp_path / "x.db"
        self.stores: list[SQLiteStore] = []
        yield
        for store in self.stores:
            store.close()

    def make_store(self) -> Store:
        """Return a new store on the file."""
        self.stores.append(SQLiteStore(self.path))
        return self.stores[-1]


class TestOneStore(StoreContract):
    """A file passes the suite with one store for all threads."""

    @pytest.fixture(autouse=True)
    def _store(self, tmp_path: Path) -> Iterator[None]:
        with closing(SQLiteStore(tmp_path / "x.db")) as self.store:
            yield

    def make_store(self) -> Store:
        """Return the test's store."""
        return self.store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give the path of a file that does not exist yet."""
    return tmp_path / "totpkit.db"


@pytest.mark.parametrize(
    ("name", "timeout", "problem"),
    [
        *((name, 10, "path must name a file") for name in (":memory:", "", ".", "folder/:memory:")),
        *(("x.db", timeout, "timeout must be ") for timeout in (-1, float("nan"), 3601, "10", None)),
    ],
)
def test_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, timeout: Any, problem: str
) -> None:
    """A database in memory and a timeout out of range are refused before a file is created."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidParameterError, match=f"^{problem}"):
        SQLiteStore(name, timeout=timeout)
    assert list(tmp_path.iterdir()) == []


def test_kept(path: Path) -> None:
    """Closing a store leaves only its file. A closed store, or another one, opens the file again."""
    with closing(SQLiteStore(path)) as store:
        assert store.swap("a", None, b"one") is True
        store.close()
        assert [path.name] == [file.name for file in path.parent.iterdir()]
        assert store.load("a") == b"one"
    with closing(SQLiteStore(str(path))) as other:
        assert other.load("a") == b"one"


def test_durable(path: Path) -> None:
    """Each connection uses a write-ahead log and syncs at every commit."""
    with closing(SQLiteStore(path)) as store:
        assert store.swap("a", None, b"one") is True
        (connection,) = store._idle
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_modes(path: Path, umask: int) -> None:
    """Only the owner can read the file and its log, whatever the umask."""
    code = (
        f"import os, sys; os.umask({umask}); from totpkit.stores.sqlite import SQLiteStore;"
        " store = SQLiteStore(sys.argv[1]); store.swap('a', None, b'one');"
        " print(*sorted((name, oct(os.stat(name).st_mode & 0o777)) for name in os.listdir('.')))"
    )
    shown = [(f"{path.name}{end}", "0o600") for end in ("", "-shm", "-wal")]
    assert in_process(code, path) == " ".join(map(str, shown))


def test_mode_kept(path: Path) -> None:
    """An existing file keeps its mode."""
    path.touch(mode=0o640)
    path.chmod(0o640)
    with closing(SQLiteStore(path)) as store:
        assert store.swap("a", None, b"one") is True
        assert {0o640} == {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}


def test_relative_path(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path stays the same file when the process changes its working directory, as daemons do."""
    monkeypatch.chdir(path.parent)
    with closing(SQLiteStore(path.name)) as store:
        assert store.swap("a", None, b"one") is True
        store.close()
        monkeypatch.chdir("/")
        assert store.load("a") == b"one"


def test_locks_kept(path: Path) -> None:
    """Opening another connection drops no lock of the process, so other processes keep the log.

    A process that seems to be the last one to close the file deletes its log. Writes to a deleted
    log are lost, and a code would be accepted again.
    """
    code = (
        "import sys; from totpkit.stores.sqlite import SQLiteStore; store = SQLiteStore(sys.argv[1]);"
        " print(store.load('a')); store.close()"
    )
    with closing(SQLiteStore(path)) as store, closing(SQLiteStore(path)) as second:
        assert store.swap("a", None, b"one") is True
        assert second.load("a") == b"one"
        assert in_process(code, path) == "b'one'"
        assert store.swap("a", b"one", b"two") is True
        assert in_process(code, path) == "b'two'"


def test_file_created_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread connects to a new file before the descriptor that created it is closed."""
    steps: list[str] = []
    opened = threading.Event()

    def slow_open(*args: int) -> int:
        descriptor = os_open(*args)
        steps.append("opened")
        opened.set()
        return descriptor

    def slow_close(descriptor: int) -> None:
        threading.Event().wait(0.1)
        steps.append("closed")
        os_close(descriptor)

    def connect(*args: object, **options: object) -> sqlite3.Connection:
        steps.append("connected")
        return sqlite_connect(*args, **options)

    os_open, os_close, sqlite_connect = os.open, os.close, sqlite3.connect
    monkeypatch.setattr(sqlite.os, "open", slow_open)
    monkeypatch.setattr(sqlite.os, "close", slow_close)
    monkeypatch.setattr(sqlite.sqlite3, "connect", connect)
    creator = threading.Thread(target=lambda: SQLiteStore(path).close())
    creator.start()
    assert opened.wait(10)
    SQLiteStore(path).close()
    creator.join()
    assert steps == ["opened", "closed", "connected", "connected"]


def test_connections_reused(path: Path) -> None:
    """One thread uses one connection."""
    with closing(SQLiteStore(path)) as store:
        assert store.at_rest
        assert store.load("a") is None
        assert not store.at_rest
        before = list(store._idle)
        for turn in range(10):
            assert store.swap("a", store.load("a"), b"%d" % turn) is True
        assert store._idle == before


def test_failed_connection_closed(path: Path) -> None:
    """A failed connection is closed, and the next call opens a new one."""
    with closing(SQLiteStore(path)) as store:
        assert store.load("a") is None
        (connection,) = store._idle
        connection.execute("ALTER TABLE totpkit RENAME TO gone")
        with pytest.raises(StoreError, match=r"^the store did not answer: OperationalError$"):
            store.load("a")
        assert store.at_rest
        with pytest.raises(sqlite3.ProgrammingError):
            connection.execute("SELECT 1")
        with closing(sqlite3.connect(path)) as other:
            other.execute("ALTER TABLE gone RENAME TO totpkit")
        assert store.load("a") is None


def test_dropped_store(path: Path) -> None:
    """A store without references closes its connections."""
    store = SQLiteStore(path)
    assert store.load("a") is None
    (connection,) = store._idle
    del store
    gc.collect()
    with pytest.raises(sqlite3.ProgrammingError):
        connection.execute("SELECT 1")
    assert [path.name] == [file.name for file in path.parent.iterdir()]


def test_locked_while_opening(path: Path) -> None:
    """If a new file is locked, opening it is retried until the timeout."""
    with closing(sqlite3.connect(path, check_same_thread=False)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match=r"^the store did not answer: OperationalError$"):
            SQLiteStore(path, timeout=0.05)
        unlock = threading.Timer(0.1, other.rollback)
        unlock.start()
        SQLiteStore(path).close()
        unlock.join()


def test_mode_behind_a_link(tmp_path: Path) -> None:
    """Only the owner can read a file that is created behind a symbolic link."""
    (tmp_path / "link.db").symlink_to(tmp_path / "real.db")
    with closing(SQLiteStore(tmp_path / "link.db")) as store:
        assert store.swap("acct-1", None, b"one")
    assert stat.S_IMODE((tmp_path / "real.db").stat().st_mode) == 0o600


def test_unwritable_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that may not be written is refused at once, not at the first write."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(StoreError, match="PermissionError"):
        SQLiteStore(path)


# Forks.


@pytest.mark.parametrize("ending", ["sys.exit(0)", "os._exit(0)"])
def test_fork(path: Path, ending: str) -> None:
    """A store that was used before a fork works in the parent and in the child, whichever ends first."""
    code = f"""
import os, sys
from totpkit.stores.sqlite import SQLiteStore

store = SQLiteStore(sys.argv[1])
assert store.swap("a", None, b"0")
for turn in range(4):
    child = os.fork()
    if not child:
        assert store.swap("a", b"%d" % turn, b"%d" % (turn + 1))
        assert store.swap(f"child {{turn}}", None, b"here")
        {ending}
    if turn % 2:
        store.load("a")
    assert os.waitpid(child, 0)[1] == 0
    assert store.load("a") == b"%d" % (turn + 1)
    assert store.load(f"child {{turn}}") == b"here"
print(store.load("a"), len(store._idle))
"""
    assert in_process(code, path) == "b'4' 1"


def test_fork_of_threads(path: Path) -> None:
    """A fork while threads use the store does not disturb the child."""
    code = """
import os, sys, threading, warnings
from totpkit.stores.sqlite import SQLiteStore

warnings.simplefilter("ignore", DeprecationWarning)  # Python discourages forks with threads
store, end = SQLiteStore(sys.argv[1]), threading.Event()

def count(name):
    turn = 0
    while not end.is_set():
        assert store.swap(name, b"%d" % turn if turn else None, b"%d" % (turn + 1))
        turn += 1

threads = [threading.Thread(target=count, args=[f"thread {number}"]) for number in range(4)]
for thread in threads:
    thread.start()
for turn in range(10):
    child = os.fork()
    if not child:
        assert store.swap(f"child {turn}", None, b"here")
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert store.load(f"child {turn}") == b"here"
end.set()
for thread in threads:
    thread.join()
print("done")
"""
    assert in_process(code, path) == "done"


def test_fork_keeps_nothing_open(path: Path) -> None:
    """A write of the child is kept, although its parent had the file open.

    A child that used its parent's connections, or opened new ones beside them, would hold no lock.
    The next process to close the file would delete the log that the child writes to.
    """
    code = """
import os, subprocess, sys
from totpkit.stores.sqlite import SQLiteStore

look = '''
import sys
from totpkit.stores.sqlite import SQLiteStore

store = SQLiteStore(sys.argv[1])
store.load("a")
store.close()
'''
store = SQLiteStore(sys.argv[1])
assert store.swap("a", None, b"one")
there, here = os.pipe()
child = os.fork()
if not child:
    assert store.load("a") == b"one"
    os.read(there, 1)
    subprocess.run([sys.executable, "-c", look, sys.argv[1]], check=True)
    assert store.swap("a", b"one", b"two")
    os._exit(0)
store.close()
os.write(here, b".")
assert os.waitpid(child, 0)[1] == 0
print(store.load("a"))
"""
    assert in_process(code, path) == "b'two'"


def test_unannounced_fork(path: Path) -> None:
    """After a fork that Python did not know of, the child's calls fail only if it inherited an open file."""
    code = """
import ctypes, os, sys
from totpkit import StoreError
from totpkit.stores.sqlite import SQLiteStore

store, other = SQLiteStore(sys.argv[1]), SQLiteStore(sys.argv[1])
fork = ctypes.PyDLL(None).fork
child = fork()
if not child:
    assert store.swap("a", None, b"one")
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert store.load("a") == b"one"
(connection,) = store._idle
child = fork()
if not child:
    for each in (store, other, store):
        try:
            each.swap("a", b"one", b"two")
        except StoreError as error:
            assert "fork" in str(error)
        else:
            os._exit(1)
        each.close()
    del store
    connection.execute("SELECT 1")  # it is still open
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print(store.load("a"), connection in store._idle)
"""
    assert in_process(code, path) == "b'one' True"


@pytest.fixture
def guard(monkeypatch: pytest.MonkeyPatch) -> sqlite._ForkGuard:
    """Give a fork guard of the test's own."""
    guard = sqlite._ForkGuard()
    monkeypatch.setattr(sqlite, "_fork_guard", guard)
    return guard


def test_foreign(path: Path, guard: sqlite._ForkGuard) -> None:
    """Connections of another process are neither used nor closed. Without any, the store just works."""
    store = SQLiteStore(path)
    guard._pid = -1
    assert store.load("a") is None
    assert guard._pid == os.getpid()
    guard._pid = -1
    (connection,) = store._idle
    with pytest.raises(
        StoreError, match=r"^a SQLiteStore was open during a fork that Python did not know of"
    ):
        store.load("a")
    store.close()
    assert connection.execute("SELECT 1").fetchone() == (1,)
    guard._pid = os.getpid()
    store.close()


def test_hooks(path: Path, guard: sqlite._ForkGuard) -> None:
    """A fork waits for running calls, closes idle connections and delays new calls."""
    store, at_rest, begun = SQLiteStore(path), [], threading.Event()
    guard.begin_call()

    def fork() -> None:
        begun.set()
        guard.before_fork()
        at_rest.append(store.at_rest)
        threading.Event().wait(0.1)
        at_rest.append(store.at_rest)
        guard.after_fork_in_parent()
        guard.before_fork()
        guard.after_fork_in_child()

    assert store.load("a") is None
    assert not store.at_rest
    forking = threading.Thread(target=fork)
    forking.start()
    assert begun.wait(10)
    threading.Event().wait(0.05)
    assert at_rest == []
    guard.end_call()
    while not at_rest:
        threading.Event().wait(0.001)
    assert store.load("a") is None
    assert at_rest == [True, True]
    forking.join()
    store.close()


def in_process(code: str, path: Path) -> str:
    """Return the output of the code in a new process, with the path as its argument."""
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", code, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=path.parent, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()
