"""Prompts describe the input that a login step requires from the visitor."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from totpkit._otp.qr import QR, qr
from totpkit._unpicklable import Unpicklable

JSONObject: TypeAlias = dict[str, object]
"""An object that JSON can represent."""


@dataclass(frozen=True, slots=True)
class PasswordPrompt:
    """Asks for a username and a password. The answer is a :class:`PasswordAnswer`."""

    def to_dict(self) -> JSONObject:
        """Return the prompt for a JSON client."""
        return {"type": "password"}


@dataclass(frozen=True, slots=True)
class FederatedPrompt:
    """Asks for a login through an identity provider. Your app answers with a :class:`FederatedAnswer`."""

    provider: str

    def to_dict(self) -> JSONObject:
        """Return the prompt for a JSON client."""
        return {"type": "federated", "provider": self.provider}


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrollmentPrompt(Unpicklable):
    """Shows the secret for a new device, and asks for its first code. The answer is a :class:`CodeAnswer`.

    ``secret`` is formatted in groups of four characters, for users who type it. If ``optional`` is true,
    a :class:`SkipAnswer` is also accepted. Treat this prompt like a password: show it only to its owner,
    and prevent caching.
    """

    uri: str = field(repr=False)
    secret: str = field(repr=False)
    digits: int
    optional: bool = False

    def qr(self) -> QR:
        """Return the QR code to scan. It stays the same for the whole login."""
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
    """Asks for a code from the authenticator app. The answer is a :class:`CodeAnswer`."""

    digits: int

    def to_dict(self) -> JSONObject:
        """Return the prompt for a JSON client."""
        return {"type": "code", "digits": self.digits}


@dataclass(frozen=True, slots=True)
class RecoveryPrompt:
    """Asks for a recovery code. The answer is a :class:`RecoveryAnswer`."""

    def to_dict(self) -> JSONObject:
        """Return the prompt for a JSON client."""
        return {"type": "recovery"}


@dataclass(frozen=True, slots=True)
class EmailPrompt:
    """Offers to send a code by email. Answer with :class:`SendEmail`, and then with :class:`EmailAnswer`.

    ``address_hint`` shows enough of the email address for its owner to recognize it. ``sent`` says
    whether a valid code has already been sent for this login.
    """

    address_hint: str
    sent: bool = False

    def to_dict(self) -> JSONObject:
        """Return the prompt for a JSON client."""
        return {"type": "email", "address_hint": self.address_hint, "sent": self.sent}


@dataclass(frozen=True, slots=True)
class CustomPrompt(Unpicklable):
    """Asks for an answer to a custom factor. The answer is a :class:`CustomAnswer`."""

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
