"""An email backend for Django that always fails."""

from typing import NoReturn

from django.core.mail.backends.base import BaseEmailBackend


class Backend(BaseEmailBackend):
    """Raises what SMTP raises when no server is listening."""

    def send_messages(self, _: object) -> NoReturn:
        """Raise an error."""
        raise ConnectionRefusedError
