"""Import optional packages, and say how to install them if they are missing."""

from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def extra(name: str) -> Generator[None]:
    """Import the packages from an optional extra, inside a ``with`` block.

    If a package is missing, the ``ModuleNotFoundError`` contains the command that installs the extra.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        message = f"{error.name} is not installed: run pip install 'totpkit[{name}]'"
        raise ModuleNotFoundError(message, name=error.name, path=error.path) from error
