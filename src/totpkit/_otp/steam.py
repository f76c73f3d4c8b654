"""Steam Guard codes: TOTP's steps, written in five letters. Knows nothing of accounts.

Valve publishes no specification; the alphabet, the length and the order of the letters
are those that KeePassXC, Aegis and WinAuth agree on.
"""

from dataclasses import dataclass, field
from typing import ClassVar

from totpkit._otp.qr import QR, qr
from totpkit._otp.secret import Secret
from totpkit._otp.time_based import Timed
from totpkit._otp.truncation import Algorithm, NumberAt, Write, compact, truncation
from totpkit._otp.uri_syntax import build

_ALPHABET = "23456789BCDFGHJKMNPQRTVWXY"
_LENGTH = 5


@dataclass(frozen=True, slots=True)
class Steam(Timed):
    """Steam Guard codes: five of 26 letters and digits, SHA1, steps of 30 seconds.

    Raises :class:`InvalidParameterError` for anything but a :class:`Secret`.
    """

    kind: ClassVar[str] = "steam"

    secret: Secret
    period: int = field(default=30, init=False)
    t0: int = field(default=0, init=False)
    _number_at: NumberAt = field(init=False, repr=False, compare=False)
    _write: Write = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        number_at = truncation(self.secret, Algorithm.SHA1, len(_ALPHABET) ** _LENGTH)
        object.__setattr__(self, "_number_at", number_at)
        object.__setattr__(self, "_write", _letters)

    def uri_parameters(self) -> dict[str, str]:
        """Return what its key URI says besides the label."""
        return {"secret": self.secret.to_base32(), "encoder": "steam"}

    def uri(self, *, account: str, issuer: str = "Steam") -> str:
        """Return the key URI, understood by apps that know Steam (KeePassXC, Aegis).

        Raises :class:`InvalidParameterError` as :class:`KeyURI` does.
        """
        return build(self.kind, account=account, issuer=issuer, parameters=self.uri_parameters())

    def qr(self, *, account: str, issuer: str = "Steam") -> QR:
        """Return the picture of :meth:`uri`."""
        return qr(self.uri(account=account, issuer=issuer))

    def _read(self, code: object) -> int | None:
        typed = compact(code)
        letters = typed.upper() if typed.isascii() else ""
        if len(letters) != _LENGTH or not set(letters) <= set(_ALPHABET):
            return None
        number = 0
        for letter in reversed(letters):
            number = number * len(_ALPHABET) + _ALPHABET.index(letter)
        return number


def _letters(number: int) -> str:
    """Write *number* in the alphabet, its least place first."""
    letters = []
    for _ in range(_LENGTH):
        number, place = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[place])
    return "".join(letters)
