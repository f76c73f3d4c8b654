"""Import packages that only some users need. The modules that need an extra use it."""

from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def extra(name: str) -> Generator[None]:
    """Import the packages of the extra *name* in this block.

    If one is missing, the ``ModuleNotFoundError`` contains the command that installs it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        message = f"{error.name} is not installed: run pip install 'totpkit[{name}]'"
        raise ModuleNotFoundError(message, name=error.name, path=error.path) from error
