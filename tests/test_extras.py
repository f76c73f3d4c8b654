"""Packages that only some users install."""

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
    """Run the code in an interpreter without the package."""
    # None in sys.modules makes an import fail as if the package were not installed.
    block = f"import sys; sys.modules[{package!r}] = None; "
    report = "\nexcept ImportError as error: print(type(error).__name__, error.name, error, sep='\\n')"
    command = [sys.executable, "-I", "-W", "error", "-c", f"{block}\ntry: {code}{report}"]
    return subprocess.run(command, capture_output=True, text=True, check=True)


@pytest.mark.parametrize("name", NEEDED)
def test_missing(name: str) -> None:
    """Without an extra, the error contains the command that installs it."""
    package, code = NEEDED[name]
    kind, missing, message = without(package, code).stdout.splitlines()
    assert kind == "ModuleNotFoundError"
    assert missing.partition(".")[0] == package
    assert message == f"{missing} is not installed: run pip install 'totpkit[{name}]'"


@pytest.mark.parametrize("name", NEEDED)
@pytest.mark.parametrize("code", FREE)
def test_not_needed(name: str, code: str) -> None:
    """Code that needs no extra works without it."""
    assert without(NEEDED[name][0], code).stdout == ""


def test_other_errors() -> None:
    """With the extra nothing happens, and any other error passes unchanged."""
    with extra("vault"):
        pass
    error = ImportError("cannot import name 'x'", name="sqlite3")
    with pytest.raises(ImportError) as caught, extra("vault"):
        raise error
    assert caught.value is error


def test_cause() -> None:
    """The original error is the cause, and its name and path are kept."""
    error = ModuleNotFoundError("No module named 'x'", name="x", path="y")
    with pytest.raises(ModuleNotFoundError) as caught, extra("redis"):
        raise error
    assert caught.value.__cause__ is error
    assert (caught.value.name, caught.value.path) == ("x", "y")
