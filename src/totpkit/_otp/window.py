"""Decide which time steps or counters a verification searches, and which codes count as spent.

TOTP, HOTP, Steam and the authenticator use it.
"""

from dataclasses import KW_ONLY, dataclass
from hmac import compare_digest
from typing import ClassVar

from totpkit._otp.result import Reason
from totpkit._otp.truncation import COUNTERS, NumberAt
from totpkit._validation import checked_int
from totpkit.errors import InvalidParameterError

WIDEST = 10
"""Steps that a window may have without ``allow_wide=True``."""

_WIDEST_ALLOWED = 1000
"""Steps, about 8 hours of 30 seconds each; each one costs an HMAC and is another code to guess."""

# Python 3.11 calls a function to read a member of an enum. Reading these two only once makes
# verifying a code 3% faster.
_MISMATCH, _REPLAYED = Reason.MISMATCH, Reason.REPLAYED


@dataclass(frozen=True, slots=True)
class Window:
    """The number of steps before and after the current one that are searched (RFC 6238, section 5.2).

    ``past`` accepts a code that arrives late, ``future`` a phone whose clock is fast. Each step
    adds a code that a guess can hit. More than 10 steps in all therefore raise
    :class:`InvalidParameterError` unless you pass ``allow_wide=True``, and more than 1000 always do.
    """

    past: int = 1
    future: int = 1
    _: KW_ONLY
    allow_wide: bool = False

    DEFAULT: ClassVar["Window"]
    RFC: ClassVar["Window"]
    ASVS: ClassVar["Window"]

    def __post_init__(self) -> None:
        checked_int("past", self.past, 0, _WIDEST_ALLOWED)
        checked_int("future", self.future, 0, _WIDEST_ALLOWED)
        if not isinstance(self.allow_wide, bool):
            raise InvalidParameterError("allow_wide", f"must be a bool, not {type(self.allow_wide).__name__}")
        widest = _WIDEST_ALLOWED if self.allow_wide else WIDEST
        if self.span > widest:
            hint = "" if self.allow_wide else "; pass allow_wide=True for a wider window"
            raise InvalidParameterError("window", f"must have at most {widest} steps, not {self.span}{hint}")

    @property
    def span(self) -> int:
        """The number of steps searched."""
        return self.past + self.future + 1


Window.DEFAULT = Window(past=1, future=1)  # one step of delay, and a clock up to a step off either way
Window.RFC = Window(past=1, future=0)  # RFC 6238, section 5.2: at most one step for transmission delay
Window.ASVS = Window(past=0, future=0)  # OWASP ASVS 5.0, 6.5.5: the current step alone


def spend(number_at: NumberAt, number: int, low: int, high: int, last_step: int | None) -> int | Reason:
    """Return the step from *low* to *high* that *number* is accepted for, or why it is rejected.

    *number* is REPLAYED if it is the code of a step that is at or below *last_step* and at most twice
    the span below *high*. Otherwise the highest step with this code is accepted. If there is none,
    the result is MISMATCH. Every code is computed and compared in constant time, even after a match.
    """
    wanted = number.to_bytes(4, "big")
    replayed = False
    found: int | Reason = _MISMATCH
    if last_step is not None:
        # Codes are spent, not steps: two nearby steps have the same 6-digit code about once in a
        # million. The reach depends on the window, not on last_step, so that setting the clock back
        # does not make a spent code valid again.
        reach = max(high - 2 * (high - low + 1), 0)
        for step in range(reach, min(high, last_step, COUNTERS - 1) + 1):
            replayed |= compare_digest(number_at(step).to_bytes(4, "big"), wanted)
        low = max(low, last_step + 1)
    if low < 0 or high >= COUNTERS:  # skipping min() and max() otherwise makes verifying 6% faster
        low, high = max(low, 0), min(high, COUNTERS - 1)
    # The highest match wins, so that storing it as last_step also spends a lower one.
    for step in range(low, high + 1):
        if compare_digest(number_at(step).to_bytes(4, "big"), wanted):
            found = step
    return _REPLAYED if replayed else found


def find_pair(number_at: NumberAt, first: int, second: int, low: int, high: int) -> int | None:
    """Return the highest step from *low* to *high* whose code is *second* and follows *first*.

    Every pair is computed and compared in constant time, even after a match.
    """
    wanted = first.to_bytes(4, "big") + second.to_bytes(4, "big")
    found = None
    previous = number_at(low - 1).to_bytes(4, "big")
    for step in range(low, min(high, COUNTERS - 1) + 1):
        current = number_at(step).to_bytes(4, "big")
        if compare_digest(previous + current, wanted):
            found = step
        previous = current
    return found
