"""How many guesses a credential answers. Knows nothing of codes or storage."""

from dataclasses import dataclass

from totpkit._bounds import whole, within

DAY = 86_400.0
"""Seconds."""

MOST_FAILURES = 100
"""NIST SP 800-63B-4, section 3.2.2: consecutive failures after which nothing is answered."""


@dataclass(frozen=True, slots=True)
class Throttle:
    """How failures slow the next try down, and when they end all tries.

    ``free`` failures cost nothing; with the last of them a wait of ``first_wait`` seconds
    begins, which each failure more multiplies by ``factor``, up to ``longest_wait``. At
    ``cap`` failures (at most 100, NIST SP 800-63B-4, section 3.2.2) the credential is
    disabled until it is unlocked. A success forgets them all.

    Raises :class:`InvalidParameterError` for numbers out of range.
    """

    free: int = 5
    first_wait: float = 30.0
    factor: float = 2.0
    longest_wait: float = DAY
    cap: int = MOST_FAILURES

    def __post_init__(self) -> None:
        whole("cap", self.cap, 1, MOST_FAILURES)
        whole("free", self.free, 1, self.cap)
        within("factor", self.factor, 1.0, 10.0)
        within("longest_wait", self.longest_wait, 0.0, 30 * DAY)
        within("first_wait", self.first_wait, 0.0, self.longest_wait)

    @property
    def allowance(self) -> int:
        """The number of guesses that are answered at one moment."""
        return self.free if self.first_wait else self.cap

    def wait(self, failures: int) -> float:
        """Return the seconds that begin with the failure of this number, counted from 1."""
        if failures < self.free:
            return 0.0
        growth = self.factor ** min(failures - self.free, MOST_FAILURES)
        return min(self.first_wait * growth, self.longest_wait)

    def answers(self, seconds: float) -> int:
        """Return how many guesses are answered within *seconds* of relentless trying."""
        elapsed, answered = 0.0, 0
        while answered < self.cap and elapsed <= seconds:
            answered += 1
            elapsed += self.wait(answered)
        return answered
