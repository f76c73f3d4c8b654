"""The README and the documentation: run their examples and check their links."""

import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from doctest import ELLIPSIS
from pathlib import Path

import pytest
from readme_renderer import markdown
from sybil import Example, Sybil
from sybil.evaluators.doctest import OutputChecker
from sybil.parsers.myst import CodeBlockParser, PythonCodeBlockParser

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [page for page in sorted((ROOT / "docs").rglob("*.md")) if "_build" not in page.parts]
DOCUMENTS = {str(path.relative_to(ROOT)): path for path in (README, *PAGES)}
RUN = {"python", "console"}
NOT_CODE = {"bash", "text"}
"""Languages of blocks that are not run."""
COPIED_FIRST = (
    "index.md",
    "how-to/async-login.md",
    "how-to/authenticator.md",
    "how-to/keep-last-step.md",
    "how-to/custom-factors.md",
    "how-to/tickets-and-sessions.md",
    "reference/results.md",
    "reference/flow.md",
)
LINKS = [
    ("https://totpkit.readthedocs.io/en/latest/", "docs", ".md"),
    ("https://github.com/totpkit/totpkit/blob/main/", "", ""),
]
"""The start of a link in the README, the folder of its target, and the suffix instead of .html."""
PROGRAMS = re.compile(r"^```python\n(?!>>>)(.*?)^```", flags=re.MULTILINE | re.DOTALL)


def run_console(example: Example) -> str | None:
    """Run the commands of a console block in one shell, and return how their output differs."""
    commands, expected = [], []
    for line in str(example.parsed).splitlines():
        if line.startswith("$ "):
            commands.append(line.removeprefix("$ "))
            expected.append("")
        else:
            expected[-1] += f"{line}\n"
    outputs = run_in_shell(commands)
    differences = [
        f"$ {command}\nexpected:\n{wanted}got:\n{got}"
        for command, wanted, got in zip(commands, expected, outputs, strict=True)
        if not OutputChecker().check_output(wanted, got, ELLIPSIS)
    ]
    return "\n".join(differences) or None


def run_in_shell(commands: list[str]) -> list[str]:
    """Return the output of each command. They share one shell, so ``$?`` works."""
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


SYBIL = Sybil([PythonCodeBlockParser(doctest_optionflags=ELLIPSIS), CodeBlockParser("console", run_console)])


def fences(path: Path) -> Iterator[str]:
    """Yield the language of each fenced block."""
    yield from re.findall(r"^```(\S+)", path.read_text(encoding="utf-8"), flags=re.MULTILINE)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_blocks(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every Python block and every console session of a page works, in order."""
    monkeypatch.chdir(tmp_path)
    document = SYBIL.parse(DOCUMENTS[name])
    try:
        for example in document.examples():
            example.evaluate()
    finally:
        for value in document.namespace.values():
            if isinstance(value, sqlite3.Connection):  # left open, it would raise a ResourceWarning
                value.close()


def test_types(tmp_path: Path) -> None:
    """The programs that users are most likely to copy pass ``mypy --strict``."""
    for number, name in enumerate(COPIED_FIRST):
        blocks = PROGRAMS.findall((ROOT / "docs" / name).read_text(encoding="utf-8"))
        assert blocks
        (tmp_path / f"page{number}.py").write_text("\n".join(blocks), encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir=cache"]
    files = [f"page{number}.py" for number in range(len(COPIED_FIRST))]
    done = subprocess.run([*command, *files], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.stdout == f"Success: no issues found in {len(files)} source files\n"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_languages(name: str) -> None:
    """Every block has a known language, so no block is silently not run."""
    directives = {fence for fence in fences(DOCUMENTS[name]) if fence.startswith("{")}
    assert set() == set(fences(DOCUMENTS[name])) - directives - RUN - NOT_CODE


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links(name: str) -> None:
    """Every relative link points to a file."""
    targets = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", DOCUMENTS[name].read_text(encoding="utf-8"))
    assert [target for target in targets if not (DOCUMENTS[name].parent / target).exists()] == []


@pytest.mark.proves("T48")
def test_federated_subjects() -> None:
    """On every page, the account id of a federated answer starts with the provider's name."""
    text = "".join(path.read_text(encoding="utf-8") for path in DOCUMENTS.values())
    answers = re.findall(r"FederatedAnswer\((.*)", text)
    assert answers
    assert [answer for answer in answers if not re.match(r'"(\w+)", "\1:', answer)] == []


def test_readme_for_pypi() -> None:
    """The README renders on PyPI, is short, and contains the words that people search for."""
    text = README.read_text(encoding="utf-8")
    html = markdown.render(text)
    assert html is not None
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    assert len(prose.split()) <= 400
    for words in ("2FA", "two-factor", "multi-factor authentication", "pip install totpkit"):
        assert words in text
    targets = re.findall(r'(?:href|src)="([^"]*)"', html)
    assert len(targets) > 10
    assert [target for target in targets if not target.startswith(("https://", "#"))] == []


@pytest.mark.parametrize(("prefix", "folder", "suffix"), LINKS)
def test_readme_links(prefix: str, folder: str, suffix: str) -> None:
    """The README's links to the documentation and to the repository point to files that exist."""
    paths = re.findall(rf"{re.escape(prefix)}([^)#\s]+)", README.read_text(encoding="utf-8"))
    assert paths
    files = [ROOT / folder / path.replace(".html", suffix) for path in paths]
    assert [file for file in files if not file.is_file()] == []


def test_commands() -> None:
    """The README contains the commands for the demo and for the tests."""
    lines = README.read_text(encoding="utf-8").splitlines()
    assert lines.count("python -m pip install . && python -m totpkit demo") == 1
    assert lines.count("python -m pip install '.[dev]' && python -m pytest") == 1


def test_a_wrong_page_fails(tmp_path: Path) -> None:
    """A page that shows a wrong result fails, in Python and in the shell."""
    page = tmp_path / "page.md"
    for block in ("python\n>>> 1 + 1\n3\n", "python\nassert 1 == 2\n", "console\n$ echo one\ntwo\n"):
        page.write_text(f"```{block}```\n", encoding="utf-8")
        (example,) = SYBIL.parse(page).examples()
        with pytest.raises(AssertionError):
            example.evaluate()
