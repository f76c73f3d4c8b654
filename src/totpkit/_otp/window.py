"""Which steps are searched, and which codes are spent. Knows nothing of time or storage."""

from dataclasses import KW_ONLY, dataclass
from hmac import compare_digest
from struct import Struct
from typing import ClassVar

from totpkit._bounds import whole
from totpkit._otp.result import Reason
from totpkit._otp.truncation import COUNTERS, NumberAt
from totpkit.errors import InvalidParameterError

WIDEST = 10
"""Steps a window may have unless a wider one is asked for by name."""

_pack = Struct(">I").pack

_WIDEST_BY_NAME = 1000
"""Every step costs an HMAC and a guess; nobody's clock is off by more than 8 hours."""


@dataclass(frozen=True, slots=True)
class Window:
    """How many steps before and after the current one are searched (RFC 6238, section 5.2).

    ``past`` lets a code arrive late, ``future`` lets the phone's clock be fast. Each step
    adds a code that a guess can hit, so more than 10 in all raise
    :class:`InvalidParameterError` unless ``allow_wide=True`` is given, and more than 1000
    always do.
    """

    past: int = 1
    future: int = 1
    _: KW_ONLY
    allow_wide: bool = False

    DEFAULT: ClassVar["Window"]
    RFC: ClassVar["Window"]
    ASVS: ClassVar["Window"]

    def __post_init__(self) -> None:
        whole("past", self.past, 0, _WIDEST_BY_NAME)
        whole("future", self.future, 0, _WIDEST_BY_NAME)
        if not isinstance(self.allow_wide, bool):
            raise InvalidParameterError("allow_wide", f"must be a bool, not {type(self.allow_wide).__name__}")
        widest = _WIDEST_BY_NAME if self.allow_wide else WIDEST
        if self.span > widest:
            hint = "" if self.allow_wide else "; a wider one must be asked for with allow_wide=True"
            raise InvalidParameterError("window", f"must have at most {widest} steps, not {self.span}{hint}")

    @property
    def span(self) -> int:
        """The number of steps searched."""
        return self.past + self.future + 1


Window.DEFAULT = Window(past=1, future=1)  # one step of delay, and a clock up to a step off either way
Window.RFC = Window(past=1, future=0)  # RFC 6238, section 5.2: at most one step for transmission delay
Window.ASVS = Window(past=0, future=0)  # OWASP ASVS 5.0, 6.5.5: the current step alone


def spend(number_at: NumberAt, number: int, low: int, high: int, last_step: int | None) -> int | Reason:
    """Return the step from *low* to *high* whose unspent code is *number*, or why there is none.

    A code is spent, not a step: of 6-digit codes, two nearby ones are equal about once in
    a million, so a code equal to that of any step at or below *last_step*, down to twice
    the span below *high*, is REPLAYED. That reach hangs on the window and not on
    *last_step*, so a clock set back reopens nothing. Otherwise the highest match counts,
    so that a lower one is spent with it; no match is a MISMATCH.

    Every code is computed and compared in constant time, whatever matched before.
    """
    wanted = _pack(number)
    spent = False
    found: int | Reason = Reason.MISMATCH
    if last_step is not None:
        reach = max(high - 2 * (high - low + 1), 0)
        for step in range(reach, min(high, last_step, COUNTERS - 1) + 1):
            spent |= compare_digest(_pack(number_at(step)), wanted)
        low = max(low, last_step + 1)
    if low < 0 or high >= COUNTERS:
        low, high = max(low, 0), min(high, COUNTERS - 1)
    for step in range(low, high + 1):
        if compare_digest(_pack(number_at(step)), wanted):
            found = step
    return Reason.REPLAYED if spent else found


def find_pair(number_at: NumberAt, first: int, second: int, low: int, high: int) -> int | None:
    """Return the highest step from *low* to *high* with the code *second* after *first*.

    Every pair is computed and compared in constant time.
    """
    wanted = _pack(first) + _pack(second)
    found = None
    before = _pack(number_at(low - 1))
    for step in range(low, min(high, COUNTERS - 1) + 1):
        after = _pack(number_at(step))
        if compare_digest(before + after, wanted):
            found = step
        before = after
    return found
