"""What a user is shown to enroll a phone, and what is known of an account. Knows no store."""

from dataclasses import dataclass, field

from totpkit._otp.qr import QR, qr
from totpkit._otp.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrollment:
    """A secret as its owner may see it: as a QR picture, or to type by hand.

    ``expires_at`` is when a pending one ends, in Unix seconds, and ``None`` for the one in
    use. As secret as a password: show it to its owner alone, uncached, and keep no copy.
    """

    uri: str = field(repr=False)
    secret: Secret = field(repr=False)
    label: str
    issuer: str
    expires_at: float | None = None

    def qr(self) -> QR:
        """Return the picture for the phone to scan; of one secret always the same."""
        return qr(self.uri)

    def to_dict(self) -> dict[str, object]:
        """Return it for a page or a JSON front end: the picture as a ``data:`` URI, the secret in groups."""
        shown = {"uri": self.uri, "secret": self.secret.grouped(), "qr": self.qr().data_uri()}
        return {
            "type": "enrollment",
            **shown,
            "label": self.label,
            "issuer": self.issuer,
            "expires_at": self.expires_at,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What an app may show of an account's second factor; nothing in it is secret.

    Times are Unix seconds; ``retry_after`` is the seconds until an attempt is answered
    again, if there is a wait. A throttled or ``disabled`` account is still ``enrolled``.
    """

    enrolled: bool = False
    pending: bool = False
    retry_after: float | None = None
    disabled: bool = False
    recovery_codes_left: int = 0
    confirmed_at: float | None = None
    last_used_at: float | None = None
    failures: int = 0
