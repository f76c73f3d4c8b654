"""README and documentation: what they show is run, and what they point to exists."""

import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from doctest import ELLIPSIS
from pathlib import Path

import pytest
from sybil import Example, Sybil
from sybil.evaluators.doctest import OutputChecker
from sybil.parsers.myst import CodeBlockParser, PythonCodeBlockParser

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [page for page in sorted((ROOT / "docs").rglob("*.md")) if "_build" not in page.parts]
DOCUMENTS = {str(path.relative_to(ROOT)): path for path in (README, *PAGES)}
RUN = {"python", "console"}
NOT_CODE = {"bash", "text"}
"""Fences that are not run: commands for a fresh machine, and what is no code."""
COPIED_FIRST = (
    "index.md",
    "how-to/async-login.md",
    "how-to/authenticator.md",
    "how-to/keep-last-step.md",
    "how-to/own-factors.md",
    "how-to/tickets-and-sessions.md",
    "reference/answers.md",
    "reference/flow.md",
)
PROGRAMS = re.compile(r"^```python\n(?!>>>)(.*?)^```", flags=re.MULTILINE | re.DOTALL)


def play(example: Example) -> str | None:
    """Run the commands of a console block in one shell, and return how their output differs."""
    commands, expected = [], []
    for line in str(example.parsed).splitlines():
        if line.startswith("$ "):
            commands.append(line.removeprefix("$ "))
            expected.append("")
        else:
            expected[-1] += f"{line}\n"
    outputs = in_a_shell(commands)
    differences = [
        f"$ {command}\nexpected:\n{wanted}got:\n{got}"
        for command, wanted, got in zip(commands, expected, outputs, strict=True)
        if not OutputChecker().check_output(wanted, got, ELLIPSIS)
    ]
    return "\n".join(differences) or None


def in_a_shell(commands: list[str]) -> list[str]:
    """Return what each command printed; they share a shell, and so ``$?``."""
    mark = "-- next command --"
    script = "".join(f'{command}\nstatus=$?; echo "{mark}"; (exit $status)\n' for command in commands)
    search = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    inherited = {name: value for name, value in os.environ.items() if name != "TOTPKIT_SECRET"}
    done = subprocess.run(
        ["/bin/sh", "-c", script],
        env=inherited | {"PATH": search, "PYTHONIOENCODING": "utf-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    return done.stdout.split(f"{mark}\n")[:-1]


SYBIL = Sybil([PythonCodeBlockParser(doctest_optionflags=ELLIPSIS), CodeBlockParser("console", play)])


def fences(path: Path) -> Iterator[str]:
    """Yield the language of each fenced block."""
    yield from re.findall(r"^```(\S+)", path.read_text(encoding="utf-8"), flags=re.MULTILINE)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_blocks(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every block of Python and every console session does what the page says, from top to bottom."""
    monkeypatch.chdir(tmp_path)
    document = SYBIL.parse(DOCUMENTS[name])
    try:
        for example in document.examples():
            example.evaluate()
    finally:
        for value in document.namespace.values():
            if isinstance(value, sqlite3.Connection):  # a program would keep it open
                value.close()


def test_types(tmp_path: Path) -> None:
    """What the pages that are copied first show is accepted by a strict type checker."""
    pages = [README, *(ROOT / "docs" / name for name in COPIED_FIRST)]
    for number, page in enumerate(pages):
        blocks = PROGRAMS.findall(page.read_text(encoding="utf-8"))
        assert blocks
        (tmp_path / f"page{number}.py").write_text("\n".join(blocks), encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir=cache"]
    files = [f"page{number}.py" for number in range(len(pages))]
    done = subprocess.run([*command, *files], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.stdout == f"Success: no issues found in {len(files)} source files\n"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_languages(name: str) -> None:
    """No block escapes being run because its fence is spelled otherwise."""
    directives = {fence for fence in fences(DOCUMENTS[name]) if fence.startswith("{")}
    assert set() == set(fences(DOCUMENTS[name])) - directives - RUN - NOT_CODE


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links(name: str) -> None:
    """Every relative link leads to a file."""
    targets = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", DOCUMENTS[name].read_text(encoding="utf-8"))
    assert [target for target in targets if not (DOCUMENTS[name].parent / target).exists()] == []


@pytest.mark.proves("T48")
def test_federated_subjects() -> None:
    """Wherever a page speaks for a provider, the account's id begins with that provider's name."""
    text = "".join(path.read_text(encoding="utf-8") for path in DOCUMENTS.values())
    made = re.findall(r"FederatedAnswer\((.*)", text)
    assert made
    assert [answer for answer in made if not re.match(r'"(\w+)", "\1:', answer)] == []


def test_commands() -> None:
    """README tells a newcomer the two commands in the words that the gate looks for."""
    lines = README.read_text(encoding="utf-8").splitlines()
    assert lines.count("python -m pip install . && python -m totpkit demo") == 1
    assert lines.count("python -m pip install '.[dev]' && python -m pytest") == 1


def test_a_wrong_page_fails(tmp_path: Path) -> None:
    """A page that shows a wrong result, from Python or the shell, is found out."""
    page = tmp_path / "page.md"
    for block in ("python\n>>> 1 + 1\n3\n", "python\nassert 1 == 2\n", "console\n$ echo one\ntwo\n"):
        page.write_text(f"```{block}```\n", encoding="utf-8")
        (example,) = SYBIL.parse(page).examples()
        with pytest.raises(AssertionError):
            example.evaluate()
