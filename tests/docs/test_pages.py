"""What pages say in tables and commands is what there is."""

import ast
import dataclasses
import importlib
import inspect
import json
import os
import pkgutil
import re
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
import redis
from PIL import Image
from sqlalchemy import create_engine

import totpkit
from tests.browser.shops import EXAMPLES, look
from tests.support import database_servers
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
    Store,
    Throttle,
    TotpCode,
    Window,
    events,
    parse_answer,
    stores,
)
from totpkit.stores.memory import MemoryStore
from totpkit.stores.redis import RedisStore
from totpkit.stores.sqlalchemy import SQLAlchemyStore
from totpkit.vault import PLAINTEXT

DOCS = Path(__file__).parents[2] / "docs"
ROOMS = ("how-to", "reference", "explanation")
COMMANDS = ("secret", "key", "uri", "qr", "code", "verify", "inspect", "demo")
STORES = [f"totpkit.stores.{module.name}" for module in pkgutil.iter_modules(stores.__path__)]
MODULES = [
    "totpkit.events",
    "totpkit.email",
    "totpkit.migration",
    "totpkit.testing",
    "totpkit.vault",
    *STORES,
]


def text(page: str) -> str:
    """Return a page."""
    return (DOCS / page).read_text(encoding="utf-8")


def rows(page: str, first: str) -> Iterator[list[str]]:
    """Yield the rows of the table whose first heading this is."""
    table = text(page).partition(f"| {first} |")[2].partition("\n\n")[0]
    for line in table.splitlines()[2:]:
        yield [cell.strip() for cell in line.strip("|").split(" |")]


def unquoted(cell: str) -> list[str]:
    """Return what a cell quotes as code."""
    return re.findall(r"`([^`]*)`", cell)


def commands(page: str) -> dict[str, list[str]]:
    """Return the commands of a page's shell blocks, by their names."""
    blocks = re.findall(r"^```bash\n(.*?)^```", text(page), flags=re.MULTILINE | re.DOTALL)
    lines = [shlex.split(line) for block in blocks for line in block.replace("\\\n", "").splitlines()]
    return {name: [name, *arguments] for name, *arguments in lines}


def with_option(command: list[str], option: str, value: str) -> list[str]:
    """Return a command with another value of an option that it has."""
    place = command.index(option) + 1
    return [*command[:place], value, *command[place + 1 :]]


def check_store(store: Store) -> None:
    """See that a store writes and reads."""
    assert store.swap("acct-1", None, b"record")
    assert store.load("acct-1") == b"record"


def test_events() -> None:
    """The table of events has each of them, and what it carries besides account and time."""
    cells = [unquoted(row[0]) for row in rows("how-to/log-and-notify.md", "event")]
    told = {name: fields for name, *fields in cells}
    own = {name: getattr(events, name) for name in events.__all__ if name != "Event"}
    carried = {name: [field.name for field in dataclasses.fields(event)][2:] for name, event in own.items()}
    assert carried == told


def test_policy_numbers() -> None:
    """The table of the policy's numbers has each of them, and its default."""
    told = {unquoted(row[0])[0]: row[1] for row in rows("reference/policy.md", "number")}
    defaults = {field.name: str(field.default) for field in dataclasses.fields(Policy)}
    assert defaults | {"window": "`Window.DEFAULT`", "throttle": "`Throttle()`"} == told
    assert (Policy().window, Policy().throttle) == (Window.DEFAULT, Throttle())


@pytest.mark.parametrize("preset", ["DEFAULT", "RFC", "NIST", "ASVS", "TESTING"])
def test_policy_presets(preset: str) -> None:
    """A preset is what the table says that it changes."""
    table = {unquoted(row[0])[0]: unquoted(row[1]) for row in rows("reference/policy.md", "preset")}
    names = {"Policy": Policy, "Throttle": Throttle, "Window": Window}
    written = eval(f"Policy({', '.join(table[f'Policy.{preset}'])})", names)  # noqa: S307 - our own page
    assert getattr(Policy, preset) == written


@pytest.mark.parametrize("module", STORES)
def test_stores(module: str) -> None:
    """Each store is weighed on the page that compares them."""
    page = text("how-to/choose-a-store.md")
    names = importlib.import_module(module).__all__
    assert [name for name in names if f"~{module}.{name}`" not in page] == []


@pytest.mark.parametrize("module", ["totpkit", *MODULES])
def test_reference(module: str) -> None:
    """Every public name is in the reference."""
    pages = "".join(page.read_text(encoding="utf-8") for page in sorted((DOCS / "reference").glob("*.md")))
    members = f".. automodule:: {module}\n   :members:" in pages
    names = importlib.import_module(module).__all__
    shown = set(
        re.findall(rf"^\.\. (?:auto\w+|py:data):: {re.escape(module)}\.(\w+)", pages, flags=re.MULTILINE)
    )
    assert members or set(names) <= shown, set(names) - shown


@pytest.mark.parametrize(
    ("page", "face"),
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
def test_signature(page: str, face: str) -> None:
    """The signature that the reference writes out has the parameters and defaults of the real one."""
    shown = text(f"reference/{page}.md")
    (written,) = re.findall(rf"autoclass:: totpkit\.{face}(\(.*\))$", shown, flags=re.MULTILINE)
    names = {"Policy": Policy, "time": time, "__builtins__": {}}
    function = ast.parse(f"def made{written}: ...").body[0]
    assert isinstance(function, ast.FunctionDef)
    told = function.args
    defaults = [eval(ast.unparse(default), names) for default in told.kw_defaults if default]  # noqa: S307
    real = inspect.signature(getattr(totpkit, face)).parameters.values()
    by_place = [one.name for one in real if one.kind is one.POSITIONAL_OR_KEYWORD]
    assert by_place == [one.arg for one in told.args]
    assert [one.name for one in real if one.kind is one.VAR_POSITIONAL] == (
        [told.vararg.arg] if told.vararg else []
    )
    assert [one.arg for one in told.kwonlyargs] == [one.name for one in real if one.kind is one.KEYWORD_ONLY]
    assert [one.default for one in real if one.default is not one.empty] == defaults


SHOWN: list[Prompt] = [
    PasswordPrompt(),
    FederatedPrompt("google"),
    EnrollmentPrompt(uri="otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ", secret="", digits=6),
    CodePrompt(6),
    RecoveryPrompt(),
    EmailPrompt("a***@example.com"),
    CustomPrompt("key"),
]


def test_json_prompts() -> None:
    """The table for JSON front ends has each prompt, with the fields that go out."""
    told = [(*unquoted(kind), set(unquoted(fields))) for kind, fields, _ in rows("how-to/json.md", "prompt")]
    known = [prompt.to_dict() for prompt in SHOWN]
    assert [(shown["type"], set(shown) - {"type"}) for shown in known] == told
    assert {type(prompt) for prompt in SHOWN} == set(get_args(Prompt))


def test_json_answers() -> None:
    """The answers that the table for JSON front ends shows are read, each as the one for its prompt."""
    read = []
    for row in rows("how-to/json.md", "prompt"):
        quoted = [cell.replace("{…}", "{}").replace("…", '"x"') for cell in unquoted(row[2]) if "{" in cell]
        read.append([type(parse_answer(json.loads(sent))) for sent in quoted])
    by_table = [
        [getattr(totpkit, name) for name in re.findall(r"~totpkit\.(\w+)", answers)]
        for _, answers in rows("reference/prompts-and-answers.md", "prompt")
    ]
    assert [kinds for kinds in by_table if kinds != [FederatedAnswer]] == [kinds for kinds in read if kinds]


def test_factors() -> None:
    """The table of factors has the names and methods that a login by them claims."""
    auth = Authenticator(MemoryStore(), issuer="Acme", vault=PLAINTEXT)
    mail = EmailCode(auth, mailer=lambda _: None, address_of=lambda _: None)
    factors: list[FirstFactor | SecondFactor] = [Password(lambda _, __: None), Federated("google")]
    factors += [TotpCode(auth), RecoveryCode(auth), mail]
    told = [[*unquoted(row[1]), *unquoted(row[2]), row[3]] for row in rows("reference/flow.md", "factor")]
    several = [{True: "yes", False: "no", None: ""}[getattr(factor, "multi", None)] for factor in factors]
    known = [[factor.name, *factor.methods, said] for factor, said in zip(factors, several, strict=True)]
    assert known == told


def test_flow_reasons() -> None:
    """The table of a flow's reasons says of each what a visitor may be told."""
    told = [
        [unquoted(row[0])[0], unquoted(row[3])[0].strip('"')] for row in rows("reference/flow.md", "reason")
    ]
    assert [[name, Reason[name].public] for name, _ in told] == told
    only_elsewhere = {
        "MALFORMED",
        "MISMATCH",
        "REPLAYED",
        "APP_IGNORED_PARAMETERS",
        "NOT_ADMITTED",
        "WRONG_ACCOUNT",
    }
    assert {name for name, _ in told} == {reason.name for reason in Reason} - only_elsewhere


def test_home() -> None:
    """The home page leads to every page."""
    pages = {f"{room}/{page.name}" for room in ROOMS for page in (DOCS / room).glob("*.md")}
    linked = set(re.findall(r"\]\(([^)#]+)\)", text("index.md")))
    assert pages - linked == {f"{room}/index.md" for room in ROOMS}


def test_commands() -> None:
    """The reference shows the help of every command."""
    page = text("reference/command-line.md")
    shown = re.findall(r"^## (\w+)\n\n```{command-help} (\w+)$", page, re.MULTILINE)
    assert shown == [(command, command) for command in COMMANDS]


def test_public_modules() -> None:
    """The modules that the reference must show are all that are public."""
    public = [module.name for module in pkgutil.iter_modules(totpkit.__path__) if module.name[0] != "_"]
    shown = {module.split(".")[1] for module in MODULES}
    assert {*public} - {"errors", "flow"} == shown  # the face has every error, and all of a flow


def test_redis_command(tmp_path: Path) -> None:
    """The command that starts Redis starts one that keeps what it has answered for."""
    _, *arguments = commands("how-to/choose-a-store.md")["redis-server"]
    port = database_servers.free_port()
    arguments = with_option(with_option(arguments, "--port", str(port)), "--dir", str(tmp_path))
    command = [database_servers.found("redis-server"), *arguments]
    with (
        database_servers.ended(database_servers.Server(command, port, str(tmp_path))) as server,
        redis.Redis(host=database_servers.HOST, port=server.port) as client,
    ):
        check_store(RedisStore(client))
        kept = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}
        assert kept == {name: client.config_get(name)[name] for name in kept}


def test_postgresql_commands() -> None:
    """The commands that start PostgreSQL start one that the URL on the page reaches."""
    page = "how-to/choose-a-store.md"
    first, then = (commands(page)[name] for name in ("initdb", "postgres"))
    (url,) = (quoted for quoted in unquoted(text(page)) if re.match(r"postgresql\S+@127\.0\.0\.1", quoted))
    user = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
    with tempfile.TemporaryDirectory() as folder:
        if user:
            shutil.chown(folder, user, user)
        initdb = [database_servers.found("initdb"), *first[1:], "--no-sync"]
        subprocess.run(initdb, check=True, capture_output=True, cwd=folder, user=user, group=user)
        port = database_servers.free_port()
        command = [database_servers.found("postgres"), *with_option(then, "-p", str(port))[1:]]
        with database_servers.ended(database_servers.Server(command, port, folder, user)):
            engine = create_engine(url.replace(":5432/", f":{port}/"))
            store = SQLAlchemyStore(engine)
            store.create_table()
            check_store(store)
            engine.dispose()


@pytest.mark.parametrize("picture", sorted((EXAMPLES / "screenshots").iterdir()), ids=lambda path: path.name)
def test_pictures(picture: Path) -> None:
    """A picture is of the apps' pages as they are now: ``python -m tests.browser.screenshots`` takes them."""
    with Image.open(picture) as screen:
        assert screen.info.get("Look") == look()
    assert any(picture.name in page.read_text(encoding="utf-8") for page in DOCS.glob("how-to/*.md"))
