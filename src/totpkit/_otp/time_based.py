"""The base class for time-based codes, which is shared by TOTP and Steam Guard."""

import math
from abc import ABC, abstractmethod
from time import time as system_clock

from totpkit._otp.replay import find_pair, spend
from totpkit._otp.result import REJECTED, Accepted, Reason, Rejected
from totpkit._otp.truncation import COUNTERS, NumberAt
from totpkit._otp.window import WIDEST, Window
from totpkit._validation import checked_int, described, whole_seconds
from totpkit.errors import InvalidParameterError

_FARTHEST = 100
"""In steps. RFC 4226 (section 7.4) requires a limit for resynchronization."""


class Timed(ABC):
    """Generates and verifies codes that change with each time step (RFC 6238, section 4.2).

    Times are in Unix seconds, as an ``int`` or a ``float``, and must not be earlier than ``t0``.
    Any other value, including a ``datetime``, raises :class:`InvalidParameterError`.
    """

    __slots__ = ()
    period: int
    t0: int
    _number_at: NumberAt

    @abstractmethod
    def at(self, time: float) -> str:
        """Return the code for *time*."""

    def now(self) -> str:
        """Return the current code. The time comes from the system clock."""
        return self.at(system_clock())

    def step(self, time: float) -> int:
        """Return the number of the step that contains *time* (T in RFC 6238, section 4.2)."""
        # Calling whole_seconds for an int too would make generating a code 25% slower.
        elapsed = (time if type(time) is int else whole_seconds(time)) - self.t0
        if not 0 <= elapsed < COUNTERS:
            limits = f"from {self.t0} to {self.t0 + COUNTERS - 1}"
            raise InvalidParameterError("time", f"must be Unix seconds {limits}, not {described(time)}")
        return elapsed // self.period

    def remaining(self, time: float) -> float:
        """Return the number of seconds from *time* until the next step begins.

        The result is greater than 0 and at most ``period``.
        """
        self.step(time)
        second = math.floor(time)
        return float(self.period - (second - self.t0) % self.period - (time - second))

    def verify(
        self,
        code: str,
        *,
        at: float | None = None,
        window: Window = Window.DEFAULT,
        last_step: int | None = None,
        drift: int = 0,
    ) -> Accepted | Rejected:
        """Verify *code* at the time *at*, which defaults to the current time.

        Spaces and dashes in *code* are ignored. If the rest doesn't look like a code, it is
        rejected as MALFORMED. The search covers the steps in *window*, which is shifted by *drift*
        steps.

        *last_step* is the step of the last code that was accepted for this secret. Recent codes
        from that step or an earlier step are rejected as REPLAYED. Without *last_step*, the same
        code is accepted again. Store the new step only if the stored value has not changed since
        you read it. If the stored value has changed, treat the code as REPLAYED.

        Raises :class:`InvalidParameterError` if an argument has the wrong type or is out of range.
        A wrong code does not raise an exception.
        """
        now = self.step(system_clock() if at is None else at)
        center = now + (drift if type(drift) is int else checked_int("drift", drift, -COUNTERS, COUNTERS))
        if not isinstance(window, Window):
            raise InvalidParameterError("window", f"must be a Window, not {type(window).__name__}")
        if last_step is not None:
            checked_int("last_step", last_step, 0)
        number = self._read(code)
        if number is None:
            return Rejected(Reason.MALFORMED)
        found = spend(self._number_at, number, center - window.past, center + window.future, last_step)
        return Accepted(found, found - now) if isinstance(found, int) else REJECTED[found]

    def resync(
        self,
        code1: str,
        code2: str,
        *,
        at: float | None = None,
        look_around: int = WIDEST,
        last_step: int | None = None,
    ) -> Accepted | Rejected:
        """Find the drift of a phone's clock from two consecutive codes.

        Use this method if the phone's clock is too far off for the window. The search covers
        *look_around* steps (0 to 100) before and after the current one. Both codes must be newer
        than *last_step* (RFC 4226, section 7.4). If the codes are found, the result contains the
        step of the second code and the ``drift``. Store the drift and pass it to :meth:`verify`
        from then on. Finding the drift does not authenticate the user.

        Raises :class:`InvalidParameterError` if an argument has the wrong type or is out of range.
        """
        now = self.step(system_clock() if at is None else at)
        reach = checked_int("look_around", look_around, 0, _FARTHEST)
        lowest = 1 if last_step is None else checked_int("last_step", last_step, 0) + 2
        first, second = self._read(code1), self._read(code2)
        if first is None or second is None:
            return Rejected(Reason.MALFORMED)
        found = find_pair(self._number_at, first, second, max(now - reach, 1), now + reach)
        if found is None:
            return Rejected(Reason.MISMATCH)
        return Accepted(found, found - now) if found >= lowest else Rejected(Reason.REPLAYED)

    @abstractmethod
    def _read(self, code: object) -> int | None:
        """Return *code* as a number, or ``None`` if it is malformed."""
