"""Packages that only some users need, where they are missing."""

import subprocess
import sys

import pytest

from totpkit._extras import extra

NEEDED = {
    "vault": ("cryptography", "from totpkit.vault import Vault; Vault({'k': bytes(32)})"),
    "redis": ("redis", "from totpkit.stores.redis import RedisStore"),
    "django": ("django", "from totpkit.stores.django import DjangoStore"),
    "sqlalchemy": ("sqlalchemy", "from totpkit.stores.sqlalchemy import SQLAlchemyStore"),
}
FREE = [
    "from totpkit.vault import PLAINTEXT, Vault, new_key; new_key()",
    "from totpkit import Authenticator; from totpkit.stores.sqlite import SQLiteStore",
    "from totpkit.stores.memory import MemoryStore; from totpkit.stores.threaded import ThreadedStore",
]


def without(package: str, code: str) -> subprocess.CompletedProcess[str]:
    """Run the code in an interpreter that does not find the package."""
    # The interpreter halts at None as it does at a package that is not installed.
    block = f"import sys; sys.modules[{package!r}] = None; "
    report = "\nexcept ImportError as error: print(type(error).__name__, error.name, error, sep='\\n')"
    command = [sys.executable, "-I", "-W", "error", "-c", f"{block}\ntry: {code}{report}"]
    return subprocess.run(command, capture_output=True, text=True, check=True)


@pytest.mark.parametrize("name", NEEDED)
def test_missing(name: str) -> None:
    """Who needs an extra that is not there is told the command that installs it."""
    package, code = NEEDED[name]
    kind, missing, message = without(package, code).stdout.splitlines()
    assert kind == "ModuleNotFoundError"
    assert missing.partition(".")[0] == package
    assert message == f"{missing} is missing: pip install 'totpkit[{name}]'"


@pytest.mark.parametrize("name", NEEDED)
@pytest.mark.parametrize("code", FREE)
def test_not_needed(name: str, code: str) -> None:
    """What needs no extra works without."""
    assert without(NEEDED[name][0], code).stdout == ""


def test_here() -> None:
    """Where the extra is there nothing happens, and any other error passes unchanged."""
    with extra("vault"):
        pass
    error = ImportError("cannot import name 'x'", name="sqlite3")
    with pytest.raises(ImportError) as caught, extra("vault"):
        raise error
    assert caught.value is error


def test_cause() -> None:
    """What the import itself said stays as the cause, and the name as an attribute."""
    error = ModuleNotFoundError("No module named 'x'", name="x", path="y")
    with pytest.raises(ModuleNotFoundError) as caught, extra("redis"):
        raise error
    assert caught.value.__cause__ is error
    assert (caught.value.name, caught.value.path) == ("x", "y")
