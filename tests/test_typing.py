"""What mypy tells users."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent / "typing"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return what mypy reports about both files."""
    cache = tmp_path_factory.mktemp("mypy")
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", f"--cache-dir={cache}"]
    command += ["--config-file=", str(FOLDER / "usage.py"), str(FOLDER / "misuse.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=FOLDER)
    assert done.stderr == ""
    return done.stdout


def test_usage(found: str) -> None:
    """Correct uses have no errors and the expected types."""
    assert [line for line in found.splitlines() if "usage.py" in line] == []


@pytest.mark.proves("RFC4226-7.1", "T41", "T45")
def test_misuse(found: str) -> None:
    """Wrong uses are rejected, each line for the right reason."""
    errors = re.findall(r"^misuse\.py:(\d+): error: .*\[([a-z-]+)\]$", found, re.MULTILINE)
    marked = [
        (str(number), code)
        for number, line in enumerate((FOLDER / "misuse.py").read_text(encoding="utf-8").splitlines(), 1)
        for code in re.findall(r"  # E: ([a-z-]+)", line)
    ]
    assert Counter(marked) == Counter(errors)
    assert len(marked) >= 70
