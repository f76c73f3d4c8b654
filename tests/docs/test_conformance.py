"""The conformance page matches the tests."""

import textwrap

import pytest

from tests.support.conformance import PAGE, problems, proofs, sources, written

TEST = textwrap.dedent("""
    @pytest.mark.proves("T01", "T02")
    @pytest.mark.parametrize("x", [1])
    def test_one(x): ...

    @pytest.mark.proves("T01")
    async def test_two(): ...
""")
GOOD = "| id | requirement | proved by |\n|---|---|---|\n| T01 | A. | `m::test_one`, `m::test_two` |\n"
GOOD += "| T02 | B (see 1.2). | `m::test_one` |\n\nText.\n"


def test_page() -> None:
    """Every row has a proof, every mark has a row, and the last column is current."""
    marks, errors = proofs(sources())
    assert errors + problems(PAGE.read_text(encoding="utf-8"), marks) == []


def test_proofs() -> None:
    """Marks are found on sync and async functions, next to other decorators."""
    assert proofs({"m": TEST}) == ({"T01": ["m::test_one", "m::test_two"], "T02": ["m::test_one"]}, [])
    assert problems(GOOD, proofs({"m": TEST})[0]) == []


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        (GOOD + "| T03 | C. |  |\n", ["T03 has no proof"]),
        (
            GOOD.replace("| T02 | B (see 1.2). | `m::test_one` |\n", ""),
            ["T02 is proved by m::test_one, but has no row"],
        ),
        (GOOD + "| T02 | B. | `m::test_one` |\n", ["T02 has two rows"]),
        (
            GOOD.replace(", `m::test_two`", ""),
            ["the last column is stale: run python -m tests.support.conformance"],
        ),
        (
            GOOD.replace("m::test_two", "m::test_gone"),
            ["the last column is stale: run python -m tests.support.conformance"],
        ),
    ],
)
def test_disagreement(page: str, expected: list[str]) -> None:
    """A row without a proof, a mark without a row and a stale column are reported."""
    assert expected == problems(page, proofs({"m": TEST})[0])


@pytest.mark.parametrize(
    "source",
    [
        "pytestmark = pytest.mark.proves('T01')",
        "@pytest.mark.proves('T01')\ndef helper(): ...",
        "@pytest.mark.parametrize('x', [pytest.param(1, marks=mark.proves('T01'))])\ndef test_x(x): ...",
        "class TestX:\n    @pytest.mark.proves('T01')\n    def test_x(self): ...",
    ],
)
def test_stray_mark(source: str) -> None:
    """A mark that would not be counted is reported."""
    marks, errors = proofs({"m": source})
    assert marks == {}
    assert len(errors) == 1
    assert "the mark is on no test function" in errors[0]


def test_rewritten() -> None:
    """Rewriting the page changes only its last column."""
    stale = GOOD.replace("`m::test_one`", "").replace("m::test_two", "x")
    assert written(stale, proofs({"m": TEST})[0]) == GOOD
