"""The base class of the codes that change with time: TOTP and Steam."""

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
"""Steps; RFC 4226, section 7.4 requires a bound for resynchronization."""


class Timed(ABC):
    """Generates and verifies codes by time step (RFC 6238, section 4.2), in any alphabet.

    A time is Unix seconds, an ``int`` or ``float`` of ``t0`` or more. Anything else, including a
    ``datetime``, raises :class:`InvalidParameterError`.
    """

    __slots__ = ()
    period: int
    t0: int
    _number_at: NumberAt

    @abstractmethod
    def at(self, time: float) -> str:
        """Return the code at *time*."""

    def now(self) -> str:
        """Return the current code by the system clock."""
        return self.at(system_clock())

    def step(self, time: float) -> int:
        """Return the number of the step that *time* lies in (T in RFC 6238, section 4.2)."""
        # Calling whole_seconds for an int too would make generating a code 25% slower.
        elapsed = (time if type(time) is int else whole_seconds(time)) - self.t0
        if not 0 <= elapsed < COUNTERS:
            limits = f"from {self.t0} to {self.t0 + COUNTERS - 1}"
            raise InvalidParameterError("time", f"must be Unix seconds {limits}, not {described(time)}")
        return elapsed // self.period

    def remaining(self, time: float) -> float:
        """Return the seconds from *time* to the next step: more than 0, at most ``period``."""
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
        """Verify *code* at the time *at* (by default now).

        Spaces and dashes in *code* are dropped. If the rest does not have the form of a code, the
        result is MALFORMED; no ``str`` raises. The *window* is searched around the current step
        moved by *drift* steps.

        *last_step* is the step of the last code accepted for this secret. A code that was spent
        with it is REPLAYED. Without *last_step*, the same code is accepted again. Store the accepted
        step only if the stored value is still the one that you read; if no row changed, treat the
        code as REPLAYED.

        Raises :class:`InvalidParameterError` for anything but a wrong code.
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
        """Find the step of the second of two consecutive codes, for a clock that is far off.

        The steps up to *look_around* (0 to 100) before and after the current one are searched. Both
        steps must be above *last_step* (RFC 4226, section 7.4). Store the ``drift`` of the result and
        pass it to :meth:`verify`. The result does not authenticate the user.

        Raises :class:`InvalidParameterError` as :meth:`verify` does.
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
        """Return the number that a typed code represents, or ``None`` if it is malformed."""
