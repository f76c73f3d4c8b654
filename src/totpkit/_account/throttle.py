"""Limit the number of failed attempts for an account."""

from dataclasses import dataclass

from totpkit._validation import checked_int, checked_number

DAY = 86_400.0
"""Seconds."""

MAX_FAILURES = 100
"""NIST SP 800-63B-4, section 3.2.2: the most consecutive failures before verification is disabled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttle:
    """Limits for failed attempts: when to require a wait, and when to disable the account.

    After ``free`` failures in a row, the user must wait for ``first_wait`` seconds. Each further failure
    multiplies the wait by ``factor``, up to ``longest_wait`` seconds. After ``cap`` failures,
    verification is disabled until the account is unlocked. NIST SP 800-63B-4, section 3.2.2, allows at
    most 100 failures. A success resets the failure count.

    Raises :class:`InvalidParameterError` if a number is out of range.
    """

    free: int = 5
    first_wait: float = 30.0
    factor: float = 2.0
    longest_wait: float = DAY
    cap: int = MAX_FAILURES

    def __post_init__(self) -> None:
        checked_int("cap", self.cap, 1, MAX_FAILURES)
        checked_int("free", self.free, 1, self.cap)
        checked_number("factor", self.factor, 1.0, 10.0)
        checked_number("longest_wait", self.longest_wait, 0.0, 30 * DAY)
        checked_number("first_wait", self.first_wait, 0.0, self.longest_wait)

    @property
    def allowance(self) -> int:
        """The number of guesses that are possible without waiting."""
        return self.free if self.first_wait else self.cap

    def wait(self, failures: int) -> float:
        """Return the number of seconds to wait after this many failures."""
        if failures < self.free:
            return 0.0
        growth = self.factor ** min(failures - self.free, MAX_FAILURES)
        return min(self.first_wait * growth, self.longest_wait)

    def answers(self, seconds: float) -> int:
        """Return how many guesses an attacker can make within *seconds*."""
        elapsed, answered = 0.0, 0
        while answered < self.cap and elapsed <= seconds:
            answered += 1
            elapsed += self.wait(answered)
        return answered
