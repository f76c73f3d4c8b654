"""Run the command line as ``python -m totpkit``."""

import sys

from totpkit._cli.main import main

if __name__ == "__main__":
    sys.exit(main())
