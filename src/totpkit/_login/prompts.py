"""The prompts of a step: what to ask the visitor for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from totpkit._otp.qr import QR, qr
from totpkit._unpicklable import Unpicklable

JSONObject: TypeAlias = dict[str, object]
"""An object that JSON can represent."""


@dataclass(frozen=True, slots=True)
class PasswordPrompt:
    """Asks for a user name and a password. Answered by :class:`PasswordAnswer`."""

    def to_dict(self) -> JSONObject:
        """Return the prompt for a JSON client."""
        return {"type": "password"}


@dataclass(frozen=True, slots=True)
class FederatedPrompt:
    """Asks for a login with an identity provider. Answered by the app with :class:`FederatedAnswer`."""

    provider: str

    def to_dict(self) -> JSONObject:
        """Return the prompt for a JSON client."""
        return {"type": "federated", "provider": self.provider}


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrollmentPrompt(Unpicklable):
    """Shows the secret for a new device and asks for its first code. Answered by :class:`CodeAnswer`.

    ``secret`` is for typing, in groups of four. If ``optional``, :class:`SkipAnswer` is accepted too.
    Treat the prompt like a password: show it only to its owner, and prevent caching.
    """

    uri: str = field(repr=False)
    secret: str = field(repr=False)
    digits: int
    optional: bool = False

    def qr(self) -> QR:
        """Return the QR code to scan. It is always the same within one login."""
        return qr(self.uri)

    def to_dict(self) -> JSONObject:
        """Return the prompt for a JSON client, with the QR code as a ``data:`` URI."""
        return {
            "type": "enrollment",
            "uri": self.uri,
            "secret": self.secret,
            "qr": self.qr().data_uri(),
            "digits": self.digits,
            "optional": self.optional,
        }


@dataclass(frozen=True, slots=True)
class CodePrompt:
    """Asks for the code that the authenticator app shows. Answered by :class:`CodeAnswer`."""

    digits: int

    def to_dict(self) -> JSONObject:
        """Return the prompt for a JSON client."""
        return {"type": "code", "digits": self.digits}


@dataclass(frozen=True, slots=True)
class RecoveryPrompt:
    """Asks for a recovery code. Answered by :class:`RecoveryAnswer`."""

    def to_dict(self) -> JSONObject:
        """Return the prompt for a JSON client."""
        return {"type": "recovery"}


@dataclass(frozen=True, slots=True)
class EmailPrompt:
    """Offers a code by email. Answered by :class:`SendEmail`, then by :class:`EmailAnswer`.

    ``address_hint`` shows enough of the address to recognize it. ``sent`` says whether a code that
    this login requested was sent and still works.
    """

    address_hint: str
    sent: bool = False

    def to_dict(self) -> JSONObject:
        """Return the prompt for a JSON client."""
        return {"type": "email", "address_hint": self.address_hint, "sent": self.sent}


@dataclass(frozen=True, slots=True)
class CustomPrompt(Unpicklable):
    """What a factor of the app's own asks for. Answered by :class:`CustomAnswer`."""

    factor: str
    data: Mapping[str, object] = field(default_factory=dict[str, object], repr=False)

    def to_dict(self) -> JSONObject:
        """Return the prompt for a JSON client."""
        return {"type": "custom", "factor": self.factor, "data": dict(self.data)}


Prompt: TypeAlias = (
    PasswordPrompt
    | FederatedPrompt
    | EnrollmentPrompt
    | CodePrompt
    | RecoveryPrompt
    | EmailPrompt
    | CustomPrompt
)
