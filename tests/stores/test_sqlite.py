"""SQLiteStore: what it has besides the contract - its file, its connections, forks."""

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

import pytest

from totpkit import InvalidParameterError, Store, StoreError
from totpkit.stores import sqlite
from totpkit.stores.sqlite import SQLiteStore
from totpkit.testing import StoreContract


class TestSQLite(StoreContract):
    """A file passes the suite, with a store of its own for each thread."""

    @pytest.fixture(autouse=True)
    def _path(self, tmp_path: Path) -> Iterator[None]:
        self.path = tmp_path / "x.db"
        self.stores: list[SQLiteStore] = []
        yield
        for store in self.stores:
            store.close()

    def make_store(self) -> Store:
        """Return a store of its own on the file."""
        self.stores.append(SQLiteStore(self.path))
        return self.stores[-1]


class TestOneStore(StoreContract):
    """So it does with one store for all threads."""

    @pytest.fixture(autouse=True)
    def _store(self, tmp_path: Path) -> Iterator[None]:
        with closing(SQLiteStore(tmp_path / "x.db")) as self.store:
            yield

    def make_store(self) -> Store:
        """Return the store of the test."""
        return self.store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give a path where no file is yet."""
    return tmp_path / "totpkit.db"


@pytest.mark.parametrize("name", [":memory:", "", ".", "folder/:memory:"])
def test_memory_refused(name: str) -> None:
    """A database in memory, which nobody shares and nothing survives, is refused."""
    with pytest.raises(InvalidParameterError, match=r"^path must be a file"):
        SQLiteStore(name)


@pytest.mark.parametrize("timeout", [-1, float("nan"), 3601, "10", None])
def test_timeout_refused(path: Path, timeout: float) -> None:
    """A timeout out of range is refused, before there is a file."""
    with pytest.raises(InvalidParameterError, match=r"^timeout must be "):
        SQLiteStore(path, timeout=timeout)
    assert not path.exists()


def test_kept(path: Path) -> None:
    """What one store has written another reads, after both processes and files were closed."""
    with closing(SQLiteStore(path)) as store:
        assert store.swap("a", None, b"one") is True
    assert [path.name] == [file.name for file in path.parent.iterdir()]
    with closing(SQLiteStore(str(path))) as store:
        assert store.load("a") == b"one"


def test_usable_after_close(path: Path) -> None:
    """A closed store opens its file again when it is called."""
    store = SQLiteStore(path)
    store.close()
    assert store.swap("a", None, b"one") is True
    store.close()
    store.close()


def test_durable(path: Path) -> None:
    """Each connection writes ahead and syncs at every commit."""
    with closing(SQLiteStore(path)) as store:
        assert store.swap("a", None, b"one") is True
        (connection,) = store._idle
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_modes(path: Path, umask: int) -> None:
    """The file and its log are their owner's alone to read, whatever the umask."""
    code = (
        f"import os, sys; os.umask({umask}); from totpkit.stores.sqlite import SQLiteStore;"
        " store = SQLiteStore(sys.argv[1]); store.swap('a', None, b'one');"
        " print(*sorted((name, oct(os.stat(name).st_mode & 0o777)) for name in os.listdir('.')))"
    )
    shown = [(f"{path.name}{end}", "0o600") for end in ("", "-shm", "-wal")]
    assert in_process(code, path) == " ".join(map(str, shown))


def test_mode_kept(path: Path) -> None:
    """A file that exists keeps the mode that it was given."""
    path.touch(mode=0o640)
    path.chmod(0o640)
    with closing(SQLiteStore(path)) as store:
        assert store.swap("a", None, b"one") is True
        assert {0o640} == {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}


def test_relative_path(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path means one file, wherever the process goes: a daemon goes to the root."""
    monkeypatch.chdir(path.parent)
    with closing(SQLiteStore(path.name)) as store:
        assert store.swap("a", None, b"one") is True
        store.close()
        monkeypatch.chdir("/")
        assert store.load("a") == b"one"


def test_locks_kept(path: Path) -> None:
    """Opening another connection gives up no lock of the process: others leave the log alone.

    Whoever takes himself for the last one to close the file deletes its log, and what is
    written to a deleted log is lost: a code would be accepted again.
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


def test_file_made_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No thread connects to a new file before the descriptor that made it is closed."""
    said: list[str] = []
    opened = threading.Event()

    def slow_open(*args: int) -> int:
        descriptor = os_open(*args)
        said.append("opened")
        opened.set()
        return descriptor

    def slow_close(descriptor: int) -> None:
        threading.Event().wait(0.1)
        said.append("closed")
        os_close(descriptor)

    def connect(*args: object, **options: object) -> sqlite3.Connection:
        said.append("connected")
        return sqlite_connect(*args, **options)

    os_open, os_close, sqlite_connect = os.open, os.close, sqlite3.connect
    monkeypatch.setattr(sqlite.os, "open", slow_open)
    monkeypatch.setattr(sqlite.os, "close", slow_close)
    monkeypatch.setattr(sqlite.sqlite3, "connect", connect)
    maker = threading.Thread(target=lambda: SQLiteStore(path).close())
    maker.start()
    assert opened.wait(10)
    SQLiteStore(path).close()
    maker.join()
    assert said == ["opened", "closed", "connected", "connected"]


def test_connections_reused(path: Path) -> None:
    """One thread needs one connection."""
    with closing(SQLiteStore(path)) as store:
        assert store.at_rest
        assert store.load("a") is None
        assert not store.at_rest
        before = list(store._idle)
        for turn in range(10):
            assert store.swap("a", store.load("a"), b"%d" % turn) is True
        assert store._idle == before


def test_failed_connection_closed(path: Path) -> None:
    """A connection that has failed is closed, and the next call opens a new one."""
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
    """A store that nobody holds any more closes its connections."""
    store = SQLiteStore(path)
    assert store.load("a") is None
    (connection,) = store._idle
    del store
    gc.collect()
    with pytest.raises(sqlite3.ProgrammingError):
        connection.execute("SELECT 1")
    assert [path.name] == [file.name for file in path.parent.iterdir()]


def test_locked(path: Path) -> None:
    """Who finds the file locked waits as long as was said, and then is not answered."""
    with closing(SQLiteStore(path, timeout=0.05)) as store, closing(sqlite3.connect(path)) as other:
        assert store.swap("a", None, b"one") is True
        other.execute("BEGIN IMMEDIATE")
        assert store.load("a") == b"one"  # readers don't wait
        with pytest.raises(StoreError, match=r"^the store did not answer: OperationalError$"):
            store.swap("a", b"one", b"two")
        other.rollback()
        assert store.swap("a", b"one", b"two") is True


def test_locked_while_opening(path: Path) -> None:
    """Who finds a new file locked tries until the timeout, and then is not answered."""
    with closing(sqlite3.connect(path, check_same_thread=False)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match=r"^the store did not answer: OperationalError$"):
            SQLiteStore(path, timeout=0.05)
        unlock = threading.Timer(0.1, other.rollback)
        unlock.start()
        SQLiteStore(path).close()
        unlock.join()


# Forks.


@pytest.mark.parametrize("ending", ["sys.exit(0)", "os._exit(0)"])
def test_fork(path: Path, ending: str) -> None:
    """A store that was used before a fork works in the parent and in the child, whoever ends first."""
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
    """A fork while threads use the store leaves the child nothing of theirs."""
    code = """
import os, sys, threading, warnings
from totpkit.stores.sqlite import SQLiteStore

warnings.simplefilter("ignore", DeprecationWarning)  # to fork with threads is discouraged
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
    """What a child has written stays, though its parent was the one that had the file open.

    A child that took over its parent's connections, or opened others beside them, would hold
    no lock, and whoever closes the file next would delete the log that it writes to.
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
    """A child that Python was not told of is not answered if it has inherited an open file, else it is."""
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
    for shut in (store, other, store):
        try:
            shut.swap("a", b"one", b"two")
        except StoreError as error:
            assert "fork" in str(error)
        else:
            os._exit(1)
        shut.close()
    del store
    connection.execute("SELECT 1")  # it is still open
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print(store.load("a"), connection in store._idle)
"""
    assert in_process(code, path) == "b'one' True"


def test_foreign(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections of another process are neither used nor closed; without any, work goes on."""
    monkeypatch.setattr(sqlite, "_forks", sqlite._Forks())
    store = SQLiteStore(path)
    monkeypatch.setattr(sqlite._forks, "_pid", -1)
    assert store.load("a") is None
    assert sqlite._forks._pid == os.getpid()
    monkeypatch.setattr(sqlite._forks, "_pid", -1)
    (connection,) = store._idle
    with pytest.raises(StoreError, match=r"^a SQLiteStore was open at a fork that Python was not told of"):
        store.load("a")
    store.close()
    assert connection.execute("SELECT 1").fetchone() == (1,)
    monkeypatch.undo()
    store.close()


def test_hooks(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fork waits for a call that goes on, closes what is at rest, and holds off new calls."""
    forks = sqlite._Forks()
    monkeypatch.setattr(sqlite, "_forks", forks)
    store, said, begun = SQLiteStore(path), [], threading.Event()
    forks.hold_off()

    def fork() -> None:
        begun.set()
        forks.before()
        said.append(store.at_rest)
        threading.Event().wait(0.1)
        said.append(store.at_rest)
        forks.in_parent()
        forks.before()
        forks.in_child()

    assert store.load("a") is None
    assert not store.at_rest
    forking = threading.Thread(target=fork)
    forking.start()
    assert begun.wait(10)
    threading.Event().wait(0.05)
    assert said == []
    forks.let_go()
    while not said:
        threading.Event().wait(0.001)
    assert store.load("a") is None
    assert said == [True, True]
    forking.join()
    store.close()


def in_process(code: str, path: Path) -> str:
    """Return what the code prints in a Python of its own, with the path as its argument."""
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", code, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=path.parent, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def test_mode_behind_a_link(tmp_path: Path) -> None:
    """A file that is made behind a link, too, is its owner's alone."""
    (tmp_path / "link.db").symlink_to(tmp_path / "real.db")
    store = SQLiteStore(tmp_path / "link.db")
    assert store.swap("acct-1", None, b"one")
    store.close()
    assert stat.S_IMODE((tmp_path / "real.db").stat().st_mode) == 0o600


def test_refused_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that may not be written is refused at once, and not at the first write."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(StoreError, match="PermissionError"):
        SQLiteStore(tmp_path / "totpkit.db")
