"""Run a program whose clock the tests can move: ``python clocked.py FILE PROGRAM``.

*FILE* holds the seconds by which its clock is ahead of the machine's. The program itself knows
nothing of that: ``time.time`` is another function before anything of it is imported.
"""

import runpy
import sys
import time
from pathlib import Path

machine = time.time
"""The clock of the machine."""


def main(ahead: Path, program: str) -> None:
    """Run the *program* as itself."""
    time.time = lambda: machine() + float(ahead.read_text(encoding="ascii"))
    sys.argv = [program]
    sys.path[0] = str(Path(program).parent)  # as Python does for a program
    runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
