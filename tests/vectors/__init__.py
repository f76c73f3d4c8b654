"""Published test vectors as data. Each file names its source."""

import json
from pathlib import Path
from typing import Any


def load(name: str) -> dict[str, Any]:
    """Return the vectors in the file with this name."""
    return json.loads((Path(__file__).parent / f"{name}.json").read_text(encoding="utf-8"))
