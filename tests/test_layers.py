"""The folders are layers: each imports only from the layers below it, and no imports form a cycle."""

import ast
import graphlib
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import pytest

import totpkit

SOURCE = Path(totpkit.__file__).parent

LAYERS = [
    {"errors"},
    {"_validation", "_extras", "_unpicklable"},
    {"_otp"},
    {"events", "migration", "_ports", "_smtp"},
    {"email"},
    {"stores", "vault", "testing"},
    {"_account"},
    {"_login"},
    {"_cli"},
    {"__init__", "__main__"},
]
ADAPTERS = {"stores", "vault", "testing"}
"""The core reaches these only through the protocols in ``_ports``, and they do not use each other."""

Modules = Mapping[str, str]


def imports(source: str) -> Iterator[str]:
    """Yield the modules of this package that a source imports, anywhere in it."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.ImportFrom(level=0, module=str(module), names=names):
                found = [module, *(f"{module}.{alias.name}" for alias in names)]
            case ast.ImportFrom():
                found = ["totpkit.relative import"]
            case ast.Import(names=names):
                found = [alias.name for alias in names]
            case _:
                found = []
        yield from (name.removeprefix("totpkit.") for name in found if name.startswith("totpkit."))


def violations(modules: Modules) -> list[str]:
    """Return the imports that point upwards or sideways, and other ways around the rule."""
    level = {name: number for number, layer in enumerate(LAYERS) for name in layer}
    found = []
    for name, source in modules.items():
        layer = name.partition(".")[0]
        for target in {imported.partition(".")[0] for imported in imports(source)} - {layer}:
            is_below = level.get(target, 99) < level[layer]
            if not is_below or (target in ADAPTERS and layer in {"_account", "_login", *ADAPTERS}):
                found.append(f"{name} imports {target}")
        nested = sum(len(list(imports(ast.unparse(node)))) for node in functions(source))
        if name != "__init__" and (nested or "TYPE_CHECKING" in source or "import_module" in source):
            found.append(f"{name} hides an import")
    return found


def functions(source: str) -> Iterator[ast.AST]:
    """Yield everything but the imports at the top of a module."""
    yield from (node for node in ast.parse(source).body if not isinstance(node, ast.Import | ast.ImportFrom))


def modules() -> dict[str, str]:
    """Return the sources of the package by their dotted names."""
    found = {}
    for path in SOURCE.rglob("*.py"):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        name = ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)
        found[name] = path.read_text(encoding="utf-8")
    return found


def test_layers() -> None:
    """Every import points to a lower layer, and no import hides in a function."""
    assert violations(modules()) == []


def test_no_cycle() -> None:
    """The imports form no cycle, within a folder either."""
    known = modules()
    graph = {
        name: {module for module in imports(source) if module in known} for name, source in known.items()
    }
    assert len(list(graphlib.TopologicalSorter(graph).static_order())) == len(known)


@pytest.mark.parametrize(
    ("name", "source", "problem"),
    [
        *[
            (low, f"from totpkit.{high} import x", f"{low} imports {high}")
            for low, high in pairwise(["_validation", "_otp", "events", "_account", "_login", "_cli"])
        ],
        ("_otp.totp", "import totpkit._account", "_otp.totp imports _account"),
        ("_account.service", "from totpkit.vault import Vault", "_account.service imports vault"),
        ("_account.service", "from totpkit import vault", "_account.service imports vault"),
        ("stores.redis", "from totpkit.vault import Vault", "stores.redis imports vault"),
        ("_otp.totp", "from . import hotp", "_otp.totp imports relative import"),
        ("_otp.totp", "def f():\n    from totpkit.errors import x", "_otp.totp hides an import"),
        ("_otp.totp", "from typing import TYPE_CHECKING", "_otp.totp hides an import"),
        ("_otp.totp", "from importlib import import_module", "_otp.totp hides an import"),
    ],
)
def test_violation_is_found(name: str, source: str, problem: str) -> None:
    """Each way to break the rule is found."""
    assert violations({name: source}) == [problem]


def test_module_sizes() -> None:
    """No module has more than 300 lines."""
    sizes = {name: source.count("\n") for name, source in modules().items()}
    assert {name: size for name, size in sizes.items() if size > 300} == {}
