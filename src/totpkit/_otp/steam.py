"""Steam Guard codes, which are time-based codes with letters and digits.

Valve has not published a specification. The alphabet, the code length and the character order are
the same as in KeePassXC, Aegis and WinAuth.
"""

from dataclasses import dataclass, field
from typing import ClassVar

from totpkit._otp.qr import QR, qr
from totpkit._otp.secret import Secret
from totpkit._otp.time_based import Timed
from totpkit._otp.truncation import Algorithm, NumberAt, compact, truncation
from totpkit._otp.uri_syntax import build

_ALPHABET = "23456789BCDFGHJKMNPQRTVWXY"
_LENGTH = 5


@dataclass(frozen=True, slots=True)
class Steam(Timed):
    """Generates and verifies Steam Guard codes, which change every 30 seconds.

    Each code has five characters from an alphabet of 26 letters and digits. The hash algorithm is
    SHA-1. Raises :class:`InvalidParameterError` if *secret* is not a :class:`Secret`.
    """

    kind: ClassVar[str] = "steam"

    secret: Secret
    period: int = field(default=30, init=False)
    t0: int = field(default=0, init=False)
    _number_at: NumberAt = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        number_at = truncation(self.secret, Algorithm.SHA1, len(_ALPHABET) ** _LENGTH)
        object.__setattr__(self, "_number_at", number_at)

    def at(self, time: float) -> str:
        """Return the code for *time*."""
        return _letters(self._number_at(self.step(time)))

    def uri_parameters(self) -> dict[str, str]:
        """Return the key URI parameters."""
        return {"secret": self.secret.to_base32(), "encoder": "steam"}

    def uri(self, *, account: str, issuer: str = "Steam") -> str:
        """Return a key URI for apps that support Steam Guard codes, such as KeePassXC and Aegis.

        Raises :class:`InvalidParameterError` for the same values as :class:`KeyURI`.
        """
        return build(self.kind, account=account, issuer=issuer, parameters=self.uri_parameters())

    def qr(self, *, account: str, issuer: str = "Steam") -> QR:
        """Return the key URI as a QR code. The arguments are the same as for :meth:`uri`."""
        return qr(self.uri(account=account, issuer=issuer))

    def _read(self, code: object) -> int | None:
        text = compact(code)
        letters = text.upper() if text.isascii() else ""  # some ligatures become two letters of ours
        if len(letters) != _LENGTH or not set(letters) <= set(_ALPHABET):
            return None
        number = 0
        for letter in reversed(letters):
            number = number * len(_ALPHABET) + _ALPHABET.index(letter)
        return number


def _letters(number: int) -> str:
    letters: list[str] = []  # the least significant one comes first
    for _ in range(_LENGTH):
        number, place = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[place])
    return "".join(letters)
