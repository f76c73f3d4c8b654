"""A mail server that is away, as Django sees it."""

from typing import NoReturn

from django.core.mail.backends.base import BaseEmailBackend


class Backend(BaseEmailBackend):
    """Sends nothing."""

    def send_messages(self, _: object) -> NoReturn:
        """Fail as SMTP does where nobody listens."""
        raise ConnectionRefusedError
