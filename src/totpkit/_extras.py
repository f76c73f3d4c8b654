"""Packages that only some users need. Knows nothing of what for."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Import in this block what an extra of totpkit installs; who lacks it is told the command."""
    try:
        yield
    except ModuleNotFoundError as error:
        message = f"{error.name} is missing: pip install 'totpkit[{name}]'"
        raise ModuleNotFoundError(message, name=error.name, path=error.path) from error
