"""What source, pages and examples show of flows, besides that they run."""

import ast
import re
from pathlib import Path

import pytest

import totpkit

ROOT = Path(__file__).parents[2]
SOURCE = sorted(Path(totpkit.__file__).parent.rglob("*.py"))
PAGES = [
    ROOT / "README.md",
    *(page for page in sorted((ROOT / "docs").rglob("*.md")) if "_build" not in page.parts),
    *sorted((ROOT / "docs" / "examples").glob("*.py")),
]
VISITORS = re.compile(r"\*\*|request|form|json|parse|sent|payload|body|args|query|cookie", re.IGNORECASE)
"""What stands for something that a visitor has sent."""


@pytest.mark.proves("T41")
def test_no_decoder_makes_a_providers_word() -> None:
    """The package makes a FederatedAnswer nowhere: that is the app's own word."""
    for path in SOURCE:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                assert ast.unparse(node.func).rpartition(".")[2] != "FederatedAnswer", path.name


@pytest.mark.proves("T41", "T48")
def test_pages_make_it_of_what_was_verified() -> None:
    """No page makes a FederatedAnswer of what a visitor sent, and each prefixes the provider's subject."""
    words = [
        word
        for page in PAGES
        for word in re.findall(r"(?<!class )\bFederatedAnswer\(([^\n]+)\)", page.read_text(encoding="utf-8"))
    ]
    assert words != []
    for word in words:
        provider, account_id = (part.strip() for part in word.split(",", 1))
        assert VISITORS.search(word) is None, word
        assert account_id.startswith(f"{provider[:-1]}:"), word
