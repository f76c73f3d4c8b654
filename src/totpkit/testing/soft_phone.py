"""An adjustable clock and a simulated authenticator app, for use in tests."""

import time

from totpkit._otp.key_uri import KeyURI
from totpkit._otp.totp import TOTP
from totpkit._validation import Clock
from totpkit.errors import InvalidURIError


class SettableClock:
    """A clock that you can set and advance. Call the object to get the time in Unix seconds."""

    def __init__(self, time: float = 1_700_000_000.0) -> None:
        self.time = time

    def __call__(self) -> float:
        """Return the clock's time in Unix seconds."""
        return self.time

    def advance(self, seconds: float) -> None:
        """Move the clock forward by *seconds*, or back if *seconds* is negative."""
        self.time += seconds


class SoftPhone:
    """A simulated authenticator app that has scanned the key URI *uri*.

    The phone's clock is *slow* seconds behind *clock*. If *ignores_parameters* is true, the app
    always uses SHA-1, 6 digits and 30 seconds, as many real apps do. Raises
    :class:`InvalidURIError` if the URI is not for TOTP codes.
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
        """Return the code that the phone shows now, or the code *steps* steps from now."""
        return self._totp.at(self._clock() - self._slow + steps * self._totp.period)
