"""The conformance page: which tests prove which requirement.

``python -m tests.support.conformance`` writes the page's last column anew from the marks
``@pytest.mark.proves("...")`` in the tests, which it reads without running them.
"""

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "reference" / "conformance.md"
ROW = re.compile(r"^\| (?P<id>[A-Z]\S*) \| (?P<requirement>.*?) \|(?P<proofs>.*)\|$")

Proofs = dict[str, list[str]]
"""Rows, and the tests that prove each."""


def proofs(sources: Mapping[str, str]) -> tuple[Proofs, list[str]]:
    """Return the tests by the rows that they prove, and what is wrong with the marks."""
    found: Proofs = {}
    problems: list[str] = []
    for module, source in sources.items():
        tree = ast.parse(source)
        marks = {id(node): node for node in ast.walk(tree) if is_mark(node)}
        for test in tree.body:
            if isinstance(test, ast.FunctionDef | ast.AsyncFunctionDef) and test.name.startswith("test_"):
                for mark in filter(is_mark, test.decorator_list):
                    for row in rows_of(marks.pop(id(mark))):
                        found.setdefault(row, []).append(f"{module}::{test.name}")
        problems += [f"{module}:{node.lineno}: the mark is on no test function" for node in marks.values()]
    return {row: sorted(set(tests)) for row, tests in found.items()}, problems


def is_mark(node: ast.AST) -> bool:
    """Return whether the node is a call of ``pytest.mark.proves``."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "proves"


def rows_of(mark: ast.AST) -> Iterator[str]:
    """Yield the rows that a mark names."""
    assert isinstance(mark, ast.Call)
    for argument in mark.args:
        yield ast.literal_eval(argument)


def written(page: str, found: Proofs) -> str:
    """Return the page with its last column from these proofs."""
    lines = []
    for line in page.splitlines():
        row = ROW.match(line)
        if row:
            tests = ", ".join(f"`{test}`" for test in found.get(row["id"], []))
            lines.append(f"| {row['id']} | {row['requirement']} | {tests} |")
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"


def problems(page: str, found: Proofs) -> list[str]:
    """Return what the page and the marks do not agree on, a sentence each."""
    rows = [row["id"] for row in map(ROW.match, page.splitlines()) if row]
    said = [f"{row} is proved by {found[row][0]}, but has no row" for row in found if row not in rows]
    said += [f"{row} has no proof" for row in rows if row not in found]
    said += [f"{row} has two rows" for row in sorted(set(rows)) if rows.count(row) > 1]
    if page != written(page, found):
        said.append("the last column is stale: run python -m tests.support.conformance")
    return said


def sources() -> dict[str, str]:
    """Return the test modules by name."""
    return {
        ".".join(path.relative_to(TESTS).with_suffix("").parts): path.read_text(encoding="utf-8")
        for path in sorted(TESTS.rglob("test_*.py"))
    }


def main() -> int:
    """Write the page anew, and tell what only a person can mend."""
    found, said = proofs(sources())
    page = written(PAGE.read_text(encoding="utf-8"), found)
    PAGE.write_text(page, encoding="utf-8")
    said += problems(page, found)
    print("\n".join(said) or f"{PAGE.name}: {len(found)} rows, each proved")  # noqa: T201 - a command
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
