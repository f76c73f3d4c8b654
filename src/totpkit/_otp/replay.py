"""Search time steps or counters for a code, and detect replayed codes.

The TOTP, HOTP and Steam classes use these functions.
"""

from hmac import compare_digest

from totpkit._otp.result import Reason
from totpkit._otp.truncation import COUNTERS, NumberAt

# Python 3.11 calls a function to read a member of an enum. Reading these two only once makes
# verifying a code 3% faster.
_MISMATCH, _REPLAYED = Reason.MISMATCH, Reason.REPLAYED


def spend(number_at: NumberAt, number: int, low: int, high: int, last_step: int | None) -> int | Reason:
    """Return the step that matches *number*, or the reason why *number* is rejected.

    *number* is REPLAYED if it matches a step that is at or below *last_step* and at most twice the
    span below *high*. Otherwise, return the highest matching step between *low* and *high*, or
    MISMATCH if there is none. Every code is computed and compared in constant time, even after a
    match.
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
    """Find two consecutive codes and return the step of the second one.

    The search covers the steps from *low* to *high*. Return the highest match, or ``None`` if there
    is none. Every pair of codes is computed and compared in constant time, even after a match.
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
