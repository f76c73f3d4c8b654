"""What every kind of code that changes with the clock can do. Knows nothing of its kinds."""

import math
from abc import ABC, abstractmethod
from time import time as system_clock

from totpkit._bounds import shown, whole
from totpkit._clock import whole_seconds
from totpkit._otp.result import Accepted, Reason, Rejected
from totpkit._otp.truncation import COUNTERS, NumberAt, Write
from totpkit._otp.window import WIDEST, Window, find_pair, spend
from totpkit.errors import InvalidParameterError

_FARTHEST = 100
"""Steps; RFC 4226, section 7.4: the look-around must be bounded."""


class Timed(ABC):
    """Codes by time step: RFC 6238, section 4.2, over any alphabet.

    A time is Unix seconds, ``int`` or ``float``, of ``t0`` or more; anything else, a
    ``datetime`` too, raises :class:`InvalidParameterError`.
    """

    __slots__ = ()
    period: int
    t0: int
    _number_at: NumberAt
    _write: Write

    def at(self, time: float) -> str:
        """Return the code at *time*."""
        return self._write(self._number_at(self.step(time)))

    def now(self) -> str:
        """Return the code at this moment by the system's clock."""
        return self.at(system_clock())

    def step(self, time: float) -> int:
        """Return the number of the step that *time* lies in (RFC 6238, section 4.2: T)."""
        elapsed = (time if type(time) is int else whole_seconds(time)) - self.t0
        if not 0 <= elapsed < COUNTERS:
            limits = f"from {self.t0} to {self.t0 + COUNTERS - 1}"
            raise InvalidParameterError("time", f"must be Unix seconds {limits}, not {shown(time)}")
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
        """Answer whether *code* is right and unspent at the time *at* (by default now).

        Spaces and dashes in *code* are dropped; then it has the form of a code or is
        MALFORMED. No ``str`` raises. The *window* is searched around the current step
        moved by *drift* steps.

        *last_step* is the step of the last code accepted for this secret: a code that
        was spent with it is REPLAYED. Without it, nothing is remembered and the same
        code passes again. Whoever stores it writes it back only if it is still what was
        read; no row changed means REPLAYED.

        Raises :class:`InvalidParameterError` for anything but a code that is wrong.
        """
        now = self.step(system_clock() if at is None else at)
        centre = now + (drift if type(drift) is int else whole("drift", drift, -COUNTERS, COUNTERS))
        if not isinstance(window, Window):
            raise InvalidParameterError("window", f"must be a Window, not {type(window).__name__}")
        if last_step is not None:
            whole("last_step", last_step, 0)
        typed = self._read(code)
        if typed is None:
            return Rejected(Reason.MALFORMED)
        found = spend(self._number_at, typed, centre - window.past, centre + window.future, last_step)
        return Accepted(found, found - now) if isinstance(found, int) else Rejected(found)

    def resync(
        self,
        code1: str,
        code2: str,
        *,
        at: float | None = None,
        look_around: int = WIDEST,
        last_step: int | None = None,
    ) -> Accepted | Rejected:
        """Answer which step two consecutive codes end at, for a clock that is far off.

        Searched are the ends up to *look_around* steps (0 to 100) before and after the
        current one whose both steps are above *last_step* (RFC 4226, section 7.4). The
        ``drift`` of the answer is what to remember. It authenticates nobody.

        Raises :class:`InvalidParameterError` as :meth:`verify` does.
        """
        now = self.step(system_clock() if at is None else at)
        reach = whole("look_around", look_around, 0, _FARTHEST)
        lowest = 1 if last_step is None else whole("last_step", last_step, 0) + 2
        first, second = self._read(code1), self._read(code2)
        if first is None or second is None:
            return Rejected(Reason.MALFORMED)
        found = find_pair(self._number_at, first, second, max(now - reach, 1), now + reach)
        if found is None:
            return Rejected(Reason.MISMATCH)
        return Accepted(found, found - now) if found >= lowest else Rejected(Reason.REPLAYED)

    @abstractmethod
    def _read(self, code: object) -> int | None:
        """Return the number that a typed code writes, or ``None`` if it has not the form of one."""
