"""The face of the package."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import totpkit
from totpkit import errors

STUB = Path(totpkit.__file__).with_suffix(".pyi")
# What an import of the face must not bring along, because it costs more than the face itself.
HEAVY = {"dataclasses", "inspect", "segno", "hashlib", "hmac", "base64", "struct", "typing", "json"}


def offered() -> set[str]:
    """Return the names that the stub re-exports, each as itself."""
    names = [
        alias
        for node in ast.parse(STUB.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    assert all(alias.asname == alias.name for alias in names)
    return {alias.name for alias in names}


def natural(name: str) -> tuple[int, list[object]]:
    """Return what ruff sorts ``__all__`` by: constants, classes, the rest; numbers by value."""
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2
    return kind, [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def test_sorted() -> None:
    """__all__ is sorted, and names nothing twice."""
    assert totpkit.__all__ == sorted(set(totpkit.__all__), key=natural)


def test_stub() -> None:
    """What type checkers are told is exactly what there is."""
    assert offered() == set(totpkit.__all__)


@pytest.mark.parametrize("name", totpkit.__all__)
def test_resolves(name: str) -> None:
    """Every name resolves, and to the same object from then on."""
    assert getattr(totpkit, name) is getattr(totpkit, name)
    assert name in dir(totpkit)


def test_errors() -> None:
    """Every error is on the face."""
    assert set(errors.__all__) <= set(totpkit.__all__)
    assert all(getattr(errors, name) is getattr(totpkit, name) for name in errors.__all__)


def test_told_by_help() -> None:
    """What help() says first of the package names what to begin with, and nothing that is not there."""
    named = set(re.findall(r":class:`(\w+)`", totpkit.__doc__ or ""))
    assert {"TOTP", "HOTP", "Secret", "KeyURI", "Authenticator", "AsyncAuthenticator", "Policy"} <= named
    assert named <= set(totpkit.__all__)


def test_star() -> None:
    """A star import brings every name."""
    names: dict[str, object] = {}
    exec("from totpkit import *", names)  # noqa: S102 - it may not stand in a function
    assert set(totpkit.__all__) == set(names) - {"__builtins__"}


@pytest.mark.parametrize("name", ["Token", "totp", "__version__", "_HOMES_", ""])
def test_unknown(name: str) -> None:
    """A name that is not there is an AttributeError, as from any module."""
    with pytest.raises(AttributeError, match=f"^module 'totpkit' has no attribute '{name}'$"):
        getattr(totpkit, name)


def test_dir() -> None:
    """dir() lists all names, sorted, before any of them was used."""
    code = (
        "import totpkit; names = dir(totpkit); print(names == sorted(names), {*totpkit.__all__} <= {*names})"
    )
    assert fresh(code) == "True True"


def test_light() -> None:
    """Importing the face loads nothing heavy."""
    code = "import sys; before = {*sys.modules}; import totpkit; print(*{*sys.modules} - before)"
    loaded = set(fresh(code).split())
    assert {"totpkit", "totpkit.errors"} <= loaded
    assert loaded & HEAVY == set()


@pytest.mark.parametrize("name", ["TOTP", "Secret", "KeyURI"])
def test_no_picture(name: str) -> None:
    """The library that draws is imported when a picture is drawn, and not before."""
    code = f"import sys, totpkit; totpkit.{name}; print('segno' in sys.modules)"
    assert fresh(code) == "False"
    code = "import sys, totpkit; totpkit.qr('x'); print('segno' in sys.modules)"
    assert fresh(code) == "True"


def fresh(code: str) -> str:
    """Return what the code prints in an interpreter of its own."""
    command = [sys.executable, "-I", "-W", "error", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
