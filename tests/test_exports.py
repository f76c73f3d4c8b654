"""The public names: what ``totpkit`` exports, how it imports them, and their signatures."""

import ast
import enum
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import totpkit
from totpkit import errors

STUB = Path(totpkit.__file__).with_suffix(".pyi")
HEAVY = {"dataclasses", "inspect", "segno", "hashlib", "hmac", "base64", "struct", "typing", "json"}
"""Modules that ``import totpkit`` must not import, because they take longer than totpkit itself."""

MODULES = ["email", "events", "migration", "testing", "vault"]
MODULES += [f"stores.{name}" for name in ("django", "memory", "redis", "sqlalchemy", "sqlite", "threaded")]


def declared() -> dict[str, str]:
    """Return the names that the stub re-exports, with their modules."""
    found = {}
    for node in ast.parse(STUB.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            assert all(alias.asname == alias.name for alias in node.names)
            found |= {alias.name: node.module or "" for alias in node.names}
    return found


def test_stub() -> None:
    """The stub declares exactly the names that the package exports, each of them once."""
    assert set(declared()) == set(totpkit.__all__)
    assert len(totpkit.__all__) == len(set(totpkit.__all__))


@pytest.mark.parametrize("name", totpkit.__all__)
def test_name(name: str) -> None:
    """Every name resolves, always to the same object, and from the module that the stub names."""
    assert getattr(totpkit, name) is getattr(totpkit, name)
    assert name in dir(totpkit)
    assert getattr(import_module(declared()[name]), name) is getattr(totpkit, name)


def test_errors() -> None:
    """Every error is exported."""
    assert all(getattr(errors, name) is getattr(totpkit, name) for name in errors.__all__)


def test_docstring_names() -> None:
    """The package's docstring names the main classes, and only names that exist."""
    named = set(re.findall(r":class:`(\w+)`", totpkit.__doc__ or ""))
    assert {"TOTP", "HOTP", "Secret", "KeyURI", "Authenticator", "AuthFlow", "Policy"} <= named
    assert named <= set(totpkit.__all__)


def test_star() -> None:
    """A star import imports every name."""
    names: dict[str, object] = {}
    exec("from totpkit import *", names)  # noqa: S102 - a star import is not allowed in a function
    assert set(totpkit.__all__) == set(names) - {"__builtins__"}


@pytest.mark.parametrize("name", ["Token", "totp", "Totp", "EmailedCode", "Mail", "_LAZY_", ""])
def test_unknown(name: str) -> None:
    """An unknown name is an AttributeError, as in any module."""
    with pytest.raises(AttributeError, match=f"^module 'totpkit' has no attribute '{name}'$"):
        getattr(totpkit, name)


def test_version() -> None:
    """``__version__`` is the version of the installed distribution."""
    assert totpkit.__version__ == run("from importlib.metadata import version; print(version('totpkit'))")


def test_dir() -> None:
    """dir() lists every name before any of them has been used."""
    code = (
        "import totpkit; names = dir(totpkit); print(names == sorted(names), {*totpkit.__all__} <= {*names})"
    )
    assert run(code) == "True True"


def test_light() -> None:
    """``import totpkit`` imports no heavy module."""
    loaded = set(
        run("import sys; old = {*sys.modules}; import totpkit; print(*{*sys.modules} - old)").split()
    )
    assert {"totpkit", "totpkit.errors"} <= loaded
    assert loaded & HEAVY == set()


@pytest.mark.parametrize(("code", "imported"), [("totpkit.KeyURI", False), ("totpkit.qr('x')", True)])
def test_segno(code: str, imported: bool) -> None:  # noqa: FBT001 - a parameter
    """The library that draws QR codes is imported when one is drawn, and not before."""
    assert run(f"import sys, totpkit; {code}; print('segno' in sys.modules)") == str(imported)


def run(code: str) -> str:
    """Return what the code prints in an interpreter of its own."""
    command = [sys.executable, "-I", "-W", "error", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


POSITIONAL = {
    *{"session", "account_id", "proof", "ticket", "device_id", "code", "code1", "code2", "answer", "form"},
    "action",
}
"""The subjects, which callers may pass by position."""

CONSTRUCTORS = {
    "AsyncAuthFlow": {"first"},
    "AsyncAuthenticator": {"store"},
    "AsyncRedisStore": {"client"},
    "AsyncSQLAlchemyStore": {"engine"},
    "AsyncSelfService": {"auth", "flow"},
    "AsyncSessionLogin": {"flow"},
    "AuthFlow": {"first"},
    "Authenticator": {"store"},
    "CustomAnswer": {"factor", "data"},
    "CustomPrompt": {"factor", "data"},
    "DjangoStore": {"using"},
    "EmailCode": {"auth"},
    "Federated": {"provider"},
    "FederatedAnswer": {"provider"},
    "HOTP": {"secret"},
    "InvalidParameterError": {"parameter", "problem"},
    "KeyURI": {"otp"},
    "MigrationPayload": {"entries"},
    "Password": {"check_password"},
    "PasswordAnswer": {"username", "password"},
    "RecoveryCode": {"auth"},
    "RedisStore": {"client"},
    "SMTPMailer": {"host"},
    "SQLAlchemyStore": {"engine"},
    "SQLiteStore": {"path"},
    "SelfService": {"auth", "flow"},
    "SessionLogin": {"flow"},
    "SettableClock": {"time"},
    "SoftPhone": {"uri"},
    "Steam": {"secret"},
    "TOTP": {"secret"},
    "ThreadedStore": {"store"},
    "TotpCode": {"auth"},
    "Vault": {"keys"},
    "Window": {"past", "future"},
}
"""What each constructor is about."""

RESULTS = {
    "Accepted",
    "Rejected",
    "Denied",
    "QR",
    "FederatedPrompt",
    "CodePrompt",
    "EmailPrompt",
    "Confirmed",
}
"""Classes that only the library creates."""

FUNCTIONS = {
    "qr": {"uri"},
    "key_file": {"path"},
    "SettableClock.advance": {"seconds"},
    "Secret.generate": {"nbytes"},
    "Secret.from_base32": {"text"},
    "Secret.from_bytes": {"raw"},
    "KeyURI.parse": {"text"},
    "MigrationPayload.parse": {"text"},
    "HOTP.at": {"counter"},
    "Throttle.wait": {"failures"},
    "Throttle.answers": {"seconds"},
    "QR.save": {"path"},
    **{f"{kind}.{name}": {"time"} for kind in ("TOTP", "Steam") for name in ("at", "step", "remaining")},
}
"""Functions of one obvious argument."""


def exported(module: ModuleType) -> Iterator[tuple[str, object]]:
    """Yield the public classes and functions of a module."""
    yield from ((name, getattr(module, name)) for name in module.__all__)


def signatures() -> Iterator[tuple[str, inspect.Signature]]:
    """Yield the signature of each public function, constructor and method."""
    modules = [totpkit, *(import_module(f"totpkit.{name}") for name in MODULES)]
    for name, value in dict(pair for module in modules for pair in exported(module)).items():
        if inspect.isfunction(value):
            yield name, inspect.signature(value)
        if (
            not inspect.isclass(value)
            or issubclass(value, enum.Enum)
            or getattr(value, "_is_protocol", False)
        ):
            continue
        if name not in RESULTS and not issubclass(value, tuple | BaseException):
            yield name, inspect.signature(value)
        for method, function in inspect.getmembers(value, callable):
            if not method.startswith("_") and method in vars(value):
                yield f"{name}.{method}", inspect.signature(function)


def test_keyword_only() -> None:
    """Subjects and what a constructor is about may be positional; every other parameter is keyword-only."""
    implemented = {"load", "swap", "seal", "open", "is_current"}  # of the protocols
    found = []
    for name, signature in signatures():
        owner, _, method = name.rpartition(".")
        allowed = POSITIONAL | CONSTRUCTORS.get(name, set()) | FUNCTIONS.get(name, set()) | {"self"}
        if method in implemented or "Contract" in owner or method == "of":
            continue
        found += [
            f"{name}({parameter.name})"
            for parameter in signature.parameters.values()
            if parameter.kind is parameter.POSITIONAL_OR_KEYWORD and parameter.name not in allowed
        ]
    assert found == []


def test_docstrings() -> None:
    """Every public class and method has a docstring of its own that does not refer to another class."""
    for name in totpkit.__all__:
        value = getattr(totpkit, name)
        if inspect.isclass(value):
            assert value.__doc__, name
            for method, function in vars(value).items():
                if inspect.isfunction(function) and not method.startswith("_"):
                    assert function.__doc__, f"{name}.{method}"
                    assert not function.__doc__.startswith("See "), f"{name}.{method}"
