"""The floors of the package: who may import whom.

A module imports only from floors below its own, or from one named before it on its own floor.
So there can be no cycle, and each module can be read without those above it.
"""

import ast
import graphlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

import totpkit

PACKAGE = "totpkit"
FACE = "__init__"
SOURCES = Path(totpkit.__file__).parent

# To add a module, write it on the lowest floor on which all that it imports stands below it or
# before it. A module that fits nowhere does two things: split it.
FLOORS = {
    "0 words": ["errors", "_extras", "_bounds", "_clock", "_text", "_secret"],
    "1 codes": [
        *["_outcome", "_codes", "_decimal", "_window", "_timed", "_otpauth", "_qr"],
        *["_hotp", "_totp", "_steam", "_keyuri", "_protobuf", "migration"],
    ],
    "2 rules": [
        *["_account_id", "_enrollment", "_document", "_throttle", "_recovery", "_policy", "_record"],
        *["_attempt", "_verification", "_enrolling", "_recovering", "_scope", "_mailed", "_letter"],
    ],
    "3 ports": ["_ports", "_contract", "events", "_failures"],
    "4 services": [
        *["_colour", "_sealing", "_ledger", "_herald", "_parts", "_accounts", "_authenticator"],
        *["flow", "flow._hidden", "flow._prompts", "flow._answers", "flow._results", "flow._transitions"],
        *["flow._signing", "flow._ticket", "flow._proof", "flow._callback", "flow._factors", "flow._plan"],
        *["flow._visit", "flow._prompting", "flow._asking", "flow._finish", "flow._checks", "flow._later"],
        *[
            "flow._login",
            "flow._flows",
            "flow._desk",
            "flow._self_service",
            "flow._session",
            "flow._session_login",
        ],
    ],
    "5 adapters": [
        *["stores", "stores.memory", "stores.sqlite", "stores.redis", "stores.sqlalchemy", "stores.threaded"],
        *["stores.django"],
        *["vault", "mail", "testing"],
    ],
    "6 faces": [
        *[FACE, "_console", "_wording", "_picture", "_countdown", "_given", "_inspection", "_arguments"],
        *["_demo", "_cli", "__main__"],
    ],
}
# Adapters stand behind ports: they know nothing of services, and nothing of each other.
APART = {"5 adapters": {"4 services", "5 adapters"}}


class Import(NamedTuple):
    """An import of one of our own modules."""

    module: str
    line: int
    nested: bool


def sources() -> dict[str, str]:
    """Return the modules of the package by their dotted names in it."""
    found = {}
    for path in SOURCES.rglob("*.py"):
        parts = path.relative_to(SOURCES).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)
        found[name] = path.read_text(encoding="utf-8")
    return found


def imports(name: str, source: str, known: Mapping[str, str]) -> Iterator[Import]:
    """Yield the imports of our own modules, wherever in the module they stand."""
    tree = ast.parse(source)
    top = {id(node) for node in tree.body}
    # What a relative import starts from: the package that the module is in, or is.
    package = [PACKAGE, *name.split(".")] if is_package(name, known) else [PACKAGE, *name.split(".")[:-1]]
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *filter(None, [node.module])])
            names = [f"{origin}.{alias.name}" for alias in node.names]
        for imported in names:
            if imported == PACKAGE or imported.startswith(f"{PACKAGE}."):
                module = nearest(imported.removeprefix(PACKAGE).removeprefix("."), known)
                yield Import(module, node.lineno, id(node) not in top)


def is_package(name: str, known: Mapping[str, str]) -> bool:
    """Return whether the module is the ``__init__`` of a package below ours."""
    return any(other.startswith(f"{name}.") for other in known)


def nearest(name: str, known: Mapping[str, str]) -> str:
    """Return the module that the dotted name is, or is in; what is in no other is in the face."""
    while name and name not in known:
        name = name.rpartition(".")[0]
    return name or FACE


def violations(modules: Mapping[str, str], floors: Mapping[str, list[str]]) -> list[str]:
    """Return what is wrong with the modules' imports, a sentence each."""
    listed = [name for floor in floors.values() for name in floor]
    found = [f"{name} is on no floor: write it into FLOORS" for name in modules if name not in listed]
    found += [f"{name} is on a floor, but there is no such module" for name in listed if name not in modules]
    found += [f"{name} is on two floors" for name in set(listed) if listed.count(name) > 1]
    for name, source in modules.items():
        found += [f"{name}:{problem}" for problem in spellings(name, source)]
        for own in imports(name, source, modules):
            where = f"{name}:{own.line}"
            if own.nested:
                found.append(f"{where} imports {own.module} elsewhere than at the top")
            if name in listed and own.module in listed and not may_import(name, own.module, floors):
                found.append(f"{where} imports {own.module}, which is not below it")
    return found


def may_import(name: str, other: str, floors: Mapping[str, list[str]]) -> bool:
    """Return whether the floors let one module import another."""
    listed = [module for floor in floors.values() for module in floor]
    floor, below = (next(floor for floor in floors if module in floors[floor]) for module in (name, other))
    return listed.index(other) < listed.index(name) and below not in APART.get(floor, set())


def spellings(name: str, source: str) -> Iterator[str]:
    """Yield the ways round the floors that the module's source takes."""
    for node in ast.walk(ast.parse(source)):
        words = words_of(node)
        if "TYPE_CHECKING" in words:
            yield f"{node.lineno} hides imports from the floors by TYPE_CHECKING"
        if words & {"importlib", "importlib.util", "import_module", "__import__"} and name != FACE:
            yield f"{node.lineno} imports by name, which only the lazy face may"


def words_of(node: ast.AST) -> set[str]:
    """Return what a statement imports, or the word that an expression is."""
    match node:
        case ast.Import(names=names):
            return {alias.name for alias in names}
        case ast.ImportFrom(module=module, names=names):
            return {module or "", *(alias.name for alias in names)}
        case ast.Name(id=word) | ast.Attribute(attr=word):
            return {word}
    return set()


def test_floors() -> None:
    """Every module stands on its floor and imports from below alone."""
    assert violations(sources(), FLOORS) == []


def test_no_cycle() -> None:
    """The imports form no cycle, whatever the list of floors says."""
    modules = sources()
    graph = {
        name: {own.module for own in imports(name, source, modules)} - {name}
        for name, source in modules.items()
    }
    assert len(list(graphlib.TopologicalSorter(graph).static_order())) == len(modules)


def test_lazy_face() -> None:
    """The face imports by name in exactly one place."""
    assert sources()[FACE].count("import_module(") == 1


SMALL = {"0": ["low", "lower"], "1": ["mid"], "5 adapters": ["one", "sub", "sub.two"], "6": [FACE]}
GOOD = {
    "low": "import os",
    "lower": "from totpkit.low import x",
    "mid": "from importlib.metadata import version\nfrom totpkit import low, lower",
    "one": "from totpkit.mid import x",
    "sub": "",
    "sub.two": "from ..low import x\nimport totpkit.lower",
    FACE: "from importlib import import_module\nfrom totpkit.low import x",
}


def test_good_example() -> None:
    """Imports from below, and from before, are in order however they are written."""
    assert violations(GOOD, SMALL) == []


@pytest.mark.parametrize(
    ("name", "source", "problem"),
    [
        ("low", "from totpkit.lower import x", "low:1 imports lower, which is not below it"),
        ("low", "import totpkit.mid", "low:1 imports mid, which is not below it"),
        ("low", "from totpkit import mid", "low:1 imports mid, which is not below it"),
        ("low", "from . import mid", "low:1 imports mid, which is not below it"),
        ("low", "from .mid import x", "low:1 imports mid, which is not below it"),
        ("low", "from totpkit import x", "low:1 imports __init__, which is not below it"),
        ("low", "import totpkit", "low:1 imports __init__, which is not below it"),
        ("low", "from totpkit.low import x", "low:1 imports low, which is not below it"),
        ("mid", "def f():\n    from totpkit import low", "mid:2 imports low elsewhere than at the top"),
        ("mid", "if 1:\n    import totpkit.low", "mid:2 imports low elsewhere than at the top"),
        (
            "mid",
            "from typing import TYPE_CHECKING",
            "mid:1 hides imports from the floors by TYPE_CHECKING",
        ),
        (
            "mid",
            "import typing\ntyping.TYPE_CHECKING",
            "mid:2 hides imports from the floors by TYPE_CHECKING",
        ),
        ("mid", "import importlib", "mid:1 imports by name, which only the lazy face may"),
        ("mid", "import importlib.util", "mid:1 imports by name, which only the lazy face may"),
        ("mid", "from importlib import import_module", "mid:1 imports by name, which only the lazy face may"),
        ("mid", "from importlib import util", "mid:1 imports by name, which only the lazy face may"),
        ("mid", "__import__('totpkit.one')", "mid:1 imports by name, which only the lazy face may"),
        ("sub.two", "from totpkit.one import x", "sub.two:1 imports one, which is not below it"),
        ("sub.two", "from .. import one", "sub.two:1 imports one, which is not below it"),
        ("new", "", "new is on no floor: write it into FLOORS"),
    ],
)
def test_planted(name: str, source: str, problem: str) -> None:
    """Each way to break the rule is found, and said in a sentence."""
    assert [problem] == violations(GOOD | {name: source}, SMALL)


def test_missing() -> None:
    """A floor's list that names what is not there, or names it twice, is found."""
    assert violations(GOOD, SMALL | {"2": ["gone"]}) == ["gone is on a floor, but there is no such module"]
    assert violations(GOOD, SMALL | {"2": ["low"]}) == ["low is on two floors"]
