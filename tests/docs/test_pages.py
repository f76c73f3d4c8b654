"""Check the tables and commands of the pages against the code."""

import ast
import dataclasses
import importlib
import inspect
import json
import pkgutil
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from PIL import Image

import totpkit
from tests.browser.apps import EXAMPLES, pages_digest
from totpkit import (
    Authenticator,
    CodePrompt,
    CustomPrompt,
    EmailCode,
    EmailPrompt,
    EnrollmentPrompt,
    Federated,
    FederatedAnswer,
    FederatedPrompt,
    FirstFactor,
    Password,
    PasswordPrompt,
    Policy,
    Prompt,
    Reason,
    RecoveryCode,
    RecoveryPrompt,
    SecondFactor,
    Throttle,
    TotpCode,
    Window,
    events,
    parse_answer,
    stores,
)
from totpkit.stores.memory import MemoryStore
from totpkit.vault import PLAINTEXT

DOCS = Path(__file__).parents[2] / "docs"
SECTIONS = ("how-to", "reference", "explanation")
COMMANDS = ("secret", "key", "uri", "qr", "code", "verify", "inspect", "demo")
STORES = [
    f"totpkit.stores.{module.name}"
    for module in pkgutil.iter_modules(stores.__path__)
    if module.name[0] != "_"
]
MODULES = [
    "totpkit.events",
    "totpkit.email",
    "totpkit.migration",
    "totpkit.testing",
    "totpkit.vault",
    *STORES,
]


def text(page: str) -> str:
    """Return the text of a page."""
    return (DOCS / page).read_text(encoding="utf-8")


def rows(page: str, first: str) -> Iterator[list[str]]:
    """Yield the rows of the table that begins with this heading."""
    table = text(page).partition(f"| {first} |")[2].partition("\n\n")[0]
    for line in table.splitlines()[2:]:
        yield [cell.strip() for cell in line.strip("|").split(" |")]


def code_spans(cell: str) -> list[str]:
    """Return the code spans of a table cell."""
    return re.findall(r"`([^`]*)`", cell)


def test_events() -> None:
    """The table of events lists every event with its fields, except the account and the time."""
    cells = [code_spans(row[0]) for row in rows("how-to/log-and-notify.md", "event")]
    documented = {name: fields for name, *fields in cells}
    classes = {name: getattr(events, name) for name in events.__all__ if name != "Event"}
    actual = {
        name: [field.name for field in dataclasses.fields(event)][2:] for name, event in classes.items()
    }
    assert documented == actual


def test_policy_numbers() -> None:
    """The table of a policy's settings lists each one with its default."""
    documented = {code_spans(row[0])[0]: row[1] for row in rows("reference/policy.md", "number")}
    defaults = {field.name: str(field.default) for field in dataclasses.fields(Policy)}
    assert defaults | {"window": "`Window.DEFAULT`", "throttle": "`Throttle()`"} == documented
    assert (Policy().window, Policy().throttle) == (Window.DEFAULT, Throttle())


@pytest.mark.parametrize("preset", ["DEFAULT", "RFC", "NIST", "ASVS", "TESTING"])
def test_policy_presets(preset: str) -> None:
    """Each preset changes the settings that the table lists."""
    table = {code_spans(row[0])[0]: code_spans(row[1]) for row in rows("reference/policy.md", "preset")}
    names = {"Policy": Policy, "Throttle": Throttle, "Window": Window}
    documented = eval(f"Policy({', '.join(table[f'Policy.{preset}'])})", names)  # noqa: S307 - our own page
    assert getattr(Policy, preset) == documented


@pytest.mark.parametrize("module", STORES)
def test_stores(module: str) -> None:
    """The page that compares the stores mentions each one."""
    page = text("how-to/choose-a-store.md")
    names = importlib.import_module(module).__all__
    assert [name for name in names if f"~{module}.{name}`" not in page] == []


@pytest.mark.parametrize("module", ["totpkit", *MODULES])
def test_reference(module: str) -> None:
    """Every public name is in the reference."""
    pages = "".join(page.read_text(encoding="utf-8") for page in sorted((DOCS / "reference").glob("*.md")))
    members = f".. automodule:: {module}\n   :members:" in pages
    names = importlib.import_module(module).__all__
    documented = set(
        re.findall(
            rf"^\.\. (?:auto\w+|py:data):: (?:{re.escape(module)}|totpkit)\.(\w+)", pages, flags=re.MULTILINE
        )
    )
    assert members or set(names) <= documented, set(names) - documented


@pytest.mark.parametrize(
    ("page", "name"),
    [
        ("authenticator", "Authenticator"),
        ("authenticator", "AsyncAuthenticator"),
        ("flow", "AuthFlow"),
        ("flow", "AsyncAuthFlow"),
        ("flow", "Password"),
        ("flow", "TotpCode"),
        ("flow", "RecoveryCode"),
        ("flow", "EmailCode"),
        ("self-service", "SelfService"),
        ("self-service", "AsyncSelfService"),
    ],
)
def test_signature(page: str, name: str) -> None:
    """A signature that the reference spells out has the parameters and defaults of the code."""
    source = text(f"reference/{page}.md")
    (signature,) = re.findall(rf"autoclass:: totpkit\.{name}(\(.*\))$", source, flags=re.MULTILINE)
    names = {"Policy": Policy, "time": time, "__builtins__": {}}
    function = ast.parse(f"def function{signature}: ...").body[0]
    assert isinstance(function, ast.FunctionDef)
    documented = function.args
    defaults = [eval(ast.unparse(default), names) for default in documented.kw_defaults if default]  # noqa: S307
    real = inspect.signature(getattr(totpkit, name)).parameters.values()
    positional = [parameter.name for parameter in real if parameter.kind is parameter.POSITIONAL_OR_KEYWORD]
    assert positional == [argument.arg for argument in documented.args]
    assert [parameter.name for parameter in real if parameter.kind is parameter.VAR_POSITIONAL] == (
        [documented.vararg.arg] if documented.vararg else []
    )
    assert [argument.arg for argument in documented.kwonlyargs] == [
        parameter.name for parameter in real if parameter.kind is parameter.KEYWORD_ONLY
    ]
    assert [parameter.default for parameter in real if parameter.default is not parameter.empty] == defaults


PROMPTS: list[Prompt] = [
    PasswordPrompt(),
    FederatedPrompt("google"),
    EnrollmentPrompt(uri="otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ", secret="", digits=6),
    CodePrompt(6),
    RecoveryPrompt(),
    EmailPrompt("a***@example.com"),
    CustomPrompt("key"),
]


def test_json_prompts() -> None:
    """The table for JSON front ends lists each prompt with its fields."""
    table = rows("how-to/json.md", "prompt")
    documented = [(*code_spans(kind), set(code_spans(fields))) for kind, fields, _ in table]
    actual = [prompt.to_dict() for prompt in PROMPTS]
    assert documented == [(fields["type"], set(fields) - {"type"}) for fields in actual]
    assert {type(prompt) for prompt in PROMPTS} == set(get_args(Prompt))


def test_json_answers() -> None:
    """The answers in the table for JSON front ends are parsed as the answers to their prompts."""
    parsed = []
    for row in rows("how-to/json.md", "prompt"):
        examples = [
            cell.replace("{…}", "{}").replace("…", '"x"') for cell in code_spans(row[2]) if "{" in cell
        ]
        parsed.append([type(parse_answer(json.loads(example))) for example in examples])
    documented = [
        [getattr(totpkit, name) for name in re.findall(r"~totpkit\.(\w+)", answers)]
        for _, answers in rows("reference/prompts-and-answers.md", "prompt")
    ]
    assert [kinds for kinds in documented if kinds != [FederatedAnswer]] == [
        kinds for kinds in parsed if kinds
    ]


def test_factors() -> None:
    """The table of factors lists the names and methods that a login reports."""
    auth = Authenticator(MemoryStore(), issuer="Acme", vault=PLAINTEXT)
    email = EmailCode(auth, mailer=lambda _: None, address_of=lambda _: None)
    factors: list[FirstFactor | SecondFactor] = [Password(lambda _, __: None), Federated("google")]
    factors += [TotpCode(auth), RecoveryCode(auth), email]
    table = rows("reference/flow.md", "factor")
    documented = [[*code_spans(row[1]), *code_spans(row[2]), row[3]] for row in table]
    multi = [{True: "yes", False: "no", None: ""}[getattr(factor, "multi", None)] for factor in factors]
    actual = [[factor.name, *factor.methods, word] for factor, word in zip(factors, multi, strict=True)]
    assert documented == actual


def test_flow_reasons() -> None:
    """The table of a flow's reasons lists each one with its public form."""
    documented = [
        [code_spans(row[0])[0], code_spans(row[3])[0].strip('"')]
        for row in rows("reference/flow.md", "reason")
    ]
    assert [[name, Reason[name].public] for name, _ in documented] == documented
    other_reasons = {
        "MALFORMED",
        "MISMATCH",
        "REPLAYED",
        "APP_IGNORED_PARAMETERS",
        "NOT_ADMITTED",
        "WRONG_ACCOUNT",
    }
    assert {name for name, _ in documented} == {reason.name for reason in Reason} - other_reasons


@pytest.mark.parametrize("section", SECTIONS)
def test_table_of_contents(section: str) -> None:
    """The home page lists each section, and the section lists each of its pages."""
    toctrees = re.findall(r"```{toctree}\n(?::.+\n)+\n([^`]*)```", text(f"{section}/index.md"))
    pages = {page.stem for page in (DOCS / section).glob("*.md")}
    assert {*"".join(toctrees).split()} | {"index"} == pages
    assert f"\n{section}/index\n" in text("index.md")


def test_commands() -> None:
    """The reference shows the help of every command."""
    page = text("reference/command-line.md")
    shown = re.findall(r"^## (\w+)\n\n```{command-help} (\w+)$", page, re.MULTILINE)
    assert shown == [(command, command) for command in COMMANDS]


def test_public_modules() -> None:
    """The list of modules that the reference must cover is complete."""
    public = [module.name for module in pkgutil.iter_modules(totpkit.__path__) if module.name[0] != "_"]
    documented = {module.split(".")[1] for module in MODULES}
    assert {*public} - {"errors"} == documented  # totpkit itself exports all errors


@pytest.mark.parametrize("file", sorted((EXAMPLES / "screenshots").iterdir()), ids=lambda path: path.name)
def test_screenshots(file: Path) -> None:
    """Each screenshot is current and shown. ``python -m tests.browser.screenshots`` takes them again."""
    with Image.open(file) as screenshot:
        assert screenshot.info.get("Pages") == pages_digest()
    assert any(file.name in page.read_text(encoding="utf-8") for page in DOCS.glob("how-to/*.md"))
