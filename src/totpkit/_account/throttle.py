"""Limit how many guesses a credential answers."""

from dataclasses import dataclass

from totpkit._validation import checked_int, checked_number

DAY = 86_400.0
"""Seconds."""

MAX_FAILURES = 100
"""NIST SP 800-63B-4, section 3.2.2: the most consecutive failures before verification is disabled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttle:
    """How failures delay the next attempt, and when they end all attempts.

    The first ``free`` failures have no effect, except that the last of them begins a wait of
    ``first_wait`` seconds. Each further failure multiplies the wait by ``factor``, up to
    ``longest_wait``. After ``cap`` failures (at most 100, NIST SP 800-63B-4, section 3.2.2)
    verification is disabled until the account is unlocked. A success resets the count.

    Raises :class:`InvalidParameterError` for numbers out of range.
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
        """The number of guesses that are answered at one moment."""
        return self.free if self.first_wait else self.cap

    def wait(self, failures: int) -> float:
        """Return the length in seconds of the wait that begins with this failure, counted from 1."""
        if failures < self.free:
            return 0.0
        growth = self.factor ** min(failures - self.free, MAX_FAILURES)
        return min(self.first_wait * growth, self.longest_wait)

    def answers(self, seconds: float) -> int:
        """Return how many guesses are answered within *seconds* of continuous guessing."""
        elapsed, answered = 0.0, 0
        while answered < self.cap and elapsed <= seconds:
            answered += 1
            elapsed += self.wait(answered)
        return answered
