"""The numbers that an app chooses, and where each comes from. Knows nothing of accounts."""

import math
from dataclasses import dataclass
from typing import ClassVar

from totpkit._account.recovery_codes import COSTS
from totpkit._account.throttle import DAY, Throttle
from totpkit._bounds import whole, within
from totpkit._otp.decimal import DIGITS
from totpkit._otp.secret import LARGEST_BYTES, STRONG_BYTES
from totpkit._otp.totp import LONGEST_PERIOD, PERIOD
from totpkit._otp.truncation import Algorithm
from totpkit._otp.window import WIDEST, Window
from totpkit.errors import InvalidParameterError

_DEFAULT_THROTTLE = Throttle()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How new credentials are made, and how all are verified.

    ``digits``, ``algorithm``, ``period`` (seconds) and ``secret_bytes`` are those of new
    enrollments; an enrolled phone keeps its own. A phone that another program enrolled is
    taken over within ``shortest_secret`` (bytes) and ``longest_period``. Raises
    :class:`InvalidParameterError` for numbers out of range.
    """

    DEFAULT: ClassVar["Policy"]
    RFC: ClassVar["Policy"]
    NIST: ClassVar["Policy"]
    ASVS: ClassVar["Policy"]
    TESTING: ClassVar["Policy"]

    digits: int = 6  # RFC 4226, section 5.3; what every phone app can
    algorithm: Algorithm = Algorithm.SHA1  # RFC 6238, section 1.2; many phone apps ignore another
    period: int = PERIOD  # RFC 6238, section 5.2
    secret_bytes: int = 20  # RFC 4226, section 4, R6
    window: Window = Window.DEFAULT  # RFC 6238, section 5.2
    drift_bound: int = 10  # steps; RFC 6238, section 6: the drift that is remembered is limited
    throttle: Throttle = _DEFAULT_THROTTLE  # RFC 4226, section 7.3; NIST SP 800-63B-4, section 3.2.2
    enrollment_lifetime: float = 600.0  # seconds that a shown secret waits for its first code
    recovery_codes: int = 10  # a sheet of them
    recovery_cost: int = 14  # log2 of scrypt's N: 16 MiB and some 50 ms, for codes of 80 bits
    recovery_low: int = 3  # codes left at which an event says so
    shortest_secret: int = 1  # bytes of an imported one: the phones have it, RFC 4226 or not
    longest_period: int = LONGEST_PERIOD  # seconds, of an imported one too

    def __post_init__(self) -> None:
        for name, value, kind in (
            ("algorithm", self.algorithm, Algorithm),
            ("window", self.window, Window),
            ("throttle", self.throttle, Throttle),
        ):
            if not isinstance(value, kind):
                raise InvalidParameterError(name, f"must be {kind.__name__}, not {type(value).__name__}")
        whole("digits", self.digits, DIGITS[0], DIGITS[-1])
        whole("longest_period", self.longest_period, 1, LONGEST_PERIOD)
        whole("period", self.period, 1, self.longest_period)
        whole("shortest_secret", self.shortest_secret, 1, LARGEST_BYTES)
        whole("secret_bytes", self.secret_bytes, max(self.shortest_secret, STRONG_BYTES), LARGEST_BYTES)
        whole("drift_bound", self.drift_bound, 0, 100)
        within("enrollment_lifetime", self.enrollment_lifetime, 1.0, DAY)
        whole("recovery_codes", self.recovery_codes, 1, 100)
        whole("recovery_cost", self.recovery_cost, *COSTS)
        whole("recovery_low", self.recovery_low, 0, self.recovery_codes)

    @property
    def code_lifetime(self) -> int:
        """The seconds for which a code can be accepted, if it is accepted at all."""
        return self.window.span * self.period

    def guessing_probability(self, seconds: float = DAY) -> float:
        """Return the chance that a guesser who knows nothing hits a code within *seconds*.

        Each answer that the throttle allows hits one of the window's codes (RFC 4226,
        section 7.3 and appendix A).
        """
        return self._chance_of(self.throttle.answers(seconds))

    def describe(self) -> str:
        """Tell in a few lines what these numbers mean, overrides included."""
        throttle, window, bits = self.throttle, self.window, self.secret_bytes * 8
        a_day, late = throttle.answers(DAY), _some(window.past, "step")
        waits = (
            f"{throttle.free} without a wait, "
            f"then waits of {throttle.first_wait:g} s to {throttle.longest_wait:g} s"
        )
        if not throttle.first_wait:
            waits = "no waits"
        lines = {
            "new credentials": f"{self.digits} digits, {self.algorithm}, {self.period} s, {bits} bits",
            "a code lives": f"{self.code_lifetime} s ({late} late, {window.future} early)",
            "drift followed": f"up to {_some(self.drift_bound, 'step')}",
            "failures": f"{waits}; disabled at {throttle.cap}",
            "guessing in a day": f"{_some(a_day, 'answer')}, a chance of {self._chance_of(a_day):.2g}",
            "guessing until disabled": f"{_some(throttle.cap, 'answer')}, a chance of "
            f"{self._chance_of(throttle.cap):.2g}",
        }
        if window.span > WIDEST:
            lines["override"] = f"a window of {window.span} steps, more than {WIDEST}, allowed by name"
        return "\n".join(f"{name}: {meaning}" for name, meaning in lines.items())

    def _chance_of(self, answers: int) -> float:
        return 1.0 - math.pow(1.0 - self.window.span / 10**self.digits, answers)


def _some(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


Policy.DEFAULT = Policy()
Policy.RFC = Policy(window=Window.RFC, drift_bound=0)  # RFC 6238, section 5.2
Policy.NIST = Policy(shortest_secret=14, longest_period=120)  # SP 800-63B-4, 3.1.4: 112 bits, 2 minutes
Policy.ASVS = Policy(window=Window.ASVS, drift_bound=0)  # OWASP ASVS 5.0, 6.5.5
Policy.TESTING = Policy(throttle=Throttle(free=100, first_wait=0.0), recovery_cost=1)  # quick, and not safe
