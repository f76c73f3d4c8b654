"""One Django configuration for all tests of a process, because Django can be configured only once.

Tests add the databases that they need. The ``default`` is a SQLite database in memory.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import django
from django.conf import settings
from django.db import connections

DEFAULT = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}

ENGINES = {"sqlite": "sqlite3", "postgresql": "postgresql", "mysql": "mysql"}


def configured() -> None:
    """Configure Django if that has not been done yet."""
    if settings.configured:
        return
    settings.configure(
        INSTALLED_APPS=[
            "django.contrib.contenttypes",
            "django.contrib.auth",
            "django_otp",
            "django_otp.plugins.otp_totp",
            "django_otp.plugins.otp_static",
        ],
        DATABASES={"default": dict(DEFAULT)},
        SECRET_KEY="for tests alone, and long enough for them",  # noqa: S106 - it protects nothing
        USE_TZ=True,
        LOGGING_CONFIG=None,  # tests set their own log levels
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    )
    django.setup()


@contextmanager
def database(alias: str, **options: Any) -> Iterator[str]:
    """Add a database under *alias*, and close this thread's connection to it after the block."""
    configured()
    complete = connections.configure_settings({"default": dict(DEFAULT), alias: dict(options)})
    connections.settings[alias] = complete[alias]
    try:
        yield alias
    finally:
        connections[alias].close()
        del connections[alias]
        del connections.settings[alias]


def options_of(url: str, **more: Any) -> dict[str, Any]:
    """Return Django's options for the database at a SQLAlchemy URL."""
    parts = urlsplit(url.removeprefix("django+"))
    engine = f"django.db.backends.{ENGINES[parts.scheme.partition('+')[0]]}"
    where = {"HOST": parts.hostname or "", "PORT": parts.port or "", "USER": parts.username or ""}
    return {"ENGINE": engine, "NAME": parts.path[1:], **where, **more}
