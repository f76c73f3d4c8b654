"""A soft phone and a settable clock, for tests."""

import time

from totpkit._otp.key_uri import KeyURI
from totpkit._otp.totp import TOTP
from totpkit._validation import Clock
from totpkit.errors import InvalidURIError

__all__ = ["SettableClock", "SoftPhone"]


class SettableClock:
    """A clock that stands still until it is told: call it for the time in Unix seconds."""

    def __init__(self, time: float = 1_700_000_000.0) -> None:
        self.time = time

    def __call__(self) -> float:
        """Return the time it was set to."""
        return self.time

    def advance(self, seconds: float) -> None:
        """Move on by *seconds*; back, if they are negative."""
        self.time += seconds


class SoftPhone:
    """An authenticator app that has scanned the key URI *uri* and shows codes by its own clock.

    *slow* is how many seconds that clock lags behind *clock*. With *ignores_parameters* it
    does what many apps do: SHA1, 6 digits and 30 seconds, whatever the URI says. Raises
    :class:`InvalidURIError` unless the URI is one for TOTP.
    """

    def __init__(
        self, uri: str, *, clock: Clock = time.time, slow: float = 0.0, ignores_parameters: bool = False
    ) -> None:
        codes = KeyURI.parse(uri).otp
        if not isinstance(codes, TOTP):
            raise InvalidURIError("a soft phone scans only key URIs of type totp")
        self._codes = TOTP(codes.secret) if ignores_parameters else codes
        self._clock = clock
        self._slow = slow

    def code(self, steps: int = 0) -> str:
        """Return the code on the screen, or the one that many *steps* later."""
        return self._codes.at(self._clock() - self._slow + steps * self._codes.period)
