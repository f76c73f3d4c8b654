"""A settable clock, and an authenticator app in software."""

import time

from totpkit._otp.key_uri import KeyURI
from totpkit._otp.totp import TOTP
from totpkit._validation import Clock
from totpkit.errors import InvalidURIError


class SettableClock:
    """A clock that you set. Call it to get the time in Unix seconds."""

    def __init__(self, time: float = 1_700_000_000.0) -> None:
        self.time = time

    def __call__(self) -> float:
        """Return the time that it was set to."""
        return self.time

    def advance(self, seconds: float) -> None:
        """Move the clock forward by *seconds*, or back if they are negative."""
        self.time += seconds


class SoftPhone:
    """An authenticator app that has scanned the key URI *uri* and shows codes by its own clock.

    *slow* is how many seconds its clock is behind *clock*. With *ignores_parameters*, it behaves as
    many apps do and uses SHA1, 6 digits and 30 seconds, whatever the URI says. Raises
    :class:`InvalidURIError` unless the type of the URI is totp.
    """

    def __init__(
        self, uri: str, *, clock: Clock = time.time, slow: float = 0.0, ignores_parameters: bool = False
    ) -> None:
        totp = KeyURI.parse(uri).otp
        if not isinstance(totp, TOTP):
            raise InvalidURIError("a soft phone needs a key URI of type totp")
        self._totp = TOTP(totp.secret) if ignores_parameters else totp
        self._clock = clock
        self._slow = slow

    def code(self, *, steps: int = 0) -> str:
        """Return the code that the phone shows now, or *steps* steps later."""
        return self._totp.at(self._clock() - self._slow + steps * self._totp.period)
