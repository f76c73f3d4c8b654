"""Run a program with a clock that the tests can advance: ``python launcher.py FILE PROGRAM``.

*FILE* contains how many seconds the program's clock is ahead. ``time.time`` is replaced before the
program imports anything.
"""

import runpy
import sys
import time
from pathlib import Path

real_time = time.time


def main(ahead: Path, program: str) -> None:
    """Run *program* as ``__main__``."""
    time.time = lambda: real_time() + float(ahead.read_text(encoding="ascii"))
    sys.argv = [program]
    sys.path[0] = str(Path(program).parent)  # as Python does for a script
    runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
