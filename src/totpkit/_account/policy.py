"""Settings for an authenticator, with the source for each default value."""

import math
from dataclasses import dataclass
from typing import ClassVar

from totpkit._account.recovery_codes import COSTS
from totpkit._account.throttle import DAY, Throttle
from totpkit._otp.secret import LARGEST_BYTES, STRONG_BYTES
from totpkit._otp.totp import LONGEST_PERIOD, PERIOD
from totpkit._otp.truncation import DIGITS, Algorithm
from totpkit._otp.window import WIDEST, Window
from totpkit._validation import check_type, checked_int, checked_number

_DEFAULT_THROTTLE = Throttle()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Settings for new secrets and for code verification.

    ``digits``, ``algorithm``, ``period`` (in seconds) and ``secret_bytes`` apply to new enrollments,
    while an enrolled device keeps its own parameters. A device can be imported only if its secret has at
    least ``shortest_secret`` bytes and its period is at most ``longest_period`` seconds. Raises
    :class:`InvalidParameterError` if a number is out of range.
    """

    DEFAULT: ClassVar["Policy"]
    RFC: ClassVar["Policy"]
    NIST: ClassVar["Policy"]
    ASVS: ClassVar["Policy"]
    TESTING: ClassVar["Policy"]

    digits: int = 6  # RFC 4226, section 5.3; all apps support 6
    algorithm: Algorithm = Algorithm.SHA1  # RFC 6238, section 1.2; many apps ignore the others
    period: int = PERIOD  # RFC 6238, section 5.2
    secret_bytes: int = 20  # RFC 4226, section 4, R6
    window: Window = Window.DEFAULT  # RFC 6238, section 5.2
    drift_bound: int = 10  # steps; RFC 6238, section 6: the remembered drift should be limited
    throttle: Throttle = _DEFAULT_THROTTLE  # RFC 4226, section 7.3; NIST SP 800-63B-4, section 3.2.2
    enrollment_lifetime: float = 600.0  # seconds until a pending secret expires
    recovery_codes: int = 10  # codes in a set
    recovery_cost: int = 14  # log2 of scrypt's N: 16 MiB and about 50 ms, for codes of 80 bits
    recovery_low: int = 3  # an event reports when this many codes are left
    shortest_secret: int = 1  # bytes, for imports: users already have such secrets on their phones
    longest_period: int = LONGEST_PERIOD  # seconds, for imports too

    def __post_init__(self) -> None:
        check_type("algorithm", self.algorithm, Algorithm)
        check_type("window", self.window, Window)
        check_type("throttle", self.throttle, Throttle)
        checked_int("digits", self.digits, DIGITS[0], DIGITS[-1])
        checked_int("longest_period", self.longest_period, 1, LONGEST_PERIOD)
        checked_int("period", self.period, 1, self.longest_period)
        checked_int("shortest_secret", self.shortest_secret, 1, LARGEST_BYTES)
        checked_int("secret_bytes", self.secret_bytes, max(self.shortest_secret, STRONG_BYTES), LARGEST_BYTES)
        checked_int("drift_bound", self.drift_bound, 0, 100)
        checked_number("enrollment_lifetime", self.enrollment_lifetime, 1.0, DAY)
        checked_int("recovery_codes", self.recovery_codes, 1, 100)
        checked_int("recovery_cost", self.recovery_cost, *COSTS)
        checked_int("recovery_low", self.recovery_low, 0, self.recovery_codes)

    @property
    def code_lifetime(self) -> int:
        """The number of seconds for which a code can be accepted."""
        return self.window.span * self.period

    def guessing_probability(self, *, seconds: float = DAY) -> float:
        """Return the probability that an attacker guesses a valid code within *seconds*.

        The calculation assumes that each guess can match any code in the window (RFC 4226, section 7.3
        and appendix A).
        """
        return self._probability(self.throttle.answers(seconds))

    def describe(self) -> str:
        """Return a short description of the policy, including any limit that it overrides."""
        throttle, window, bits = self.throttle, self.window, self.secret_bytes * 8
        per_day = throttle.answers(DAY)
        waits = (
            f"{throttle.free} without a wait, "
            f"then waits of {throttle.first_wait:g} s to {throttle.longest_wait:g} s"
        )
        lines = {
            "new secrets": f"{bits} bits; {self.digits} digits, {self.algorithm}, {self.period} s",
            "a code is accepted": f"for {self.code_lifetime} s "
            f"({_count(window.past, 'step')} late, {_count(window.future, 'step')} early)",
            "drift": f"followed up to {_count(self.drift_bound, 'step')}",
            "failures": f"{waits if throttle.first_wait else 'no waits'}; disabled after {throttle.cap}",
            "guessing for a day": f"{_count(per_day, 'guess')}, probability {self._probability(per_day):.2g}",
            "guessing until disabled": f"{_count(throttle.cap, 'guess')}, "
            f"probability {self._probability(throttle.cap):.2g}",
        }
        if window.span > WIDEST:
            lines["override"] = f"a window of {window.span} steps; more than {WIDEST} need allow_wide=True"
        return "\n".join(f"{name}: {meaning}" for name, meaning in lines.items())

    def _probability(self, guesses: int) -> float:
        return 1.0 - math.pow(1.0 - self.window.span / 10**self.digits, guesses)


def _count(number: int, noun: str) -> str:
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"


Policy.DEFAULT = Policy()
Policy.RFC = Policy(window=Window.RFC, drift_bound=0)  # RFC 6238, section 5.2
Policy.NIST = Policy(shortest_secret=14, longest_period=120)  # SP 800-63B-4, 3.1.4: 112 bits, 2 minutes
Policy.ASVS = Policy(window=Window.ASVS, drift_bound=0)  # OWASP ASVS 5.0, 6.5.5
Policy.TESTING = Policy(throttle=Throttle(free=100, first_wait=0.0), recovery_cost=1)  # fast, and not secure
