"""What a step asks the visitor for. Knows nothing of how it is answered or shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from totpkit._login.hidden import Hidden
from totpkit._otp.qr import QR, qr

Shown: TypeAlias = dict[str, object]
"""What JSON can carry."""


@dataclass(frozen=True, slots=True)
class PasswordPrompt:
    """A name and a password; answered by :class:`PasswordAnswer`."""

    def to_dict(self) -> Shown:
        """Return it for a JSON front end."""
        return {"type": "password"}


@dataclass(frozen=True, slots=True)
class FederatedPrompt:
    """A login at an identity provider; answered by :class:`FederatedAnswer`, the app's own word."""

    provider: str

    def to_dict(self) -> Shown:
        """Return it for a JSON front end."""
        return {"type": "federated", "provider": self.provider}


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrollmentPrompt(Hidden):
    """A secret for a new phone, and its first code; answered by :class:`CodeAnswer`.

    ``secret`` is for typing by hand, in groups of four. ``optional`` says that
    :class:`SkipAnswer` passes too. As secret as a password: show it uncached.
    """

    uri: str = field(repr=False)
    secret: str = field(repr=False)
    digits: int
    optional: bool = False

    def qr(self) -> QR:
        """Return the picture for the phone to scan; in one login always the same."""
        return qr(self.uri)

    def to_dict(self) -> Shown:
        """Return it for a JSON front end, the picture as a ``data:`` URI."""
        shown = {"uri": self.uri, "secret": self.secret, "qr": self.qr().data_uri()}
        return {"type": "enrollment", **shown, "digits": self.digits, "optional": self.optional}


@dataclass(frozen=True, slots=True)
class CodePrompt:
    """The code that the phone shows; answered by :class:`CodeAnswer`."""

    digits: int

    def to_dict(self) -> Shown:
        """Return it for a JSON front end."""
        return {"type": "code", "digits": self.digits}


@dataclass(frozen=True, slots=True)
class RecoveryPrompt:
    """A recovery code; answered by :class:`RecoveryAnswer`."""

    def to_dict(self) -> Shown:
        """Return it for a JSON front end."""
        return {"type": "recovery"}


@dataclass(frozen=True, slots=True)
class EmailPrompt:
    """A code by mail; asked for by :class:`SendEmail`, answered by :class:`EmailAnswer`.

    ``address_hint`` shows enough of the address to recognise it; ``sent`` tells whether a
    code that this login asked for is on its way and still works.
    """

    address_hint: str
    sent: bool = False

    def to_dict(self) -> Shown:
        """Return it for a JSON front end."""
        return {"type": "email", "address_hint": self.address_hint, "sent": self.sent}


@dataclass(frozen=True, slots=True)
class CustomPrompt(Hidden):
    """What a factor of the app's own asks for; answered by :class:`CustomAnswer`."""

    factor: str
    data: Mapping[str, object] = field(default_factory=dict, repr=False)

    def to_dict(self) -> Shown:
        """Return it for a JSON front end."""
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
