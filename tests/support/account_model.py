"""What an authenticator must remember of an account, written once more as naively as can be.

It shares no rule with totpkit: codes come from :mod:`tests.support.naive_otp`, what is spent is a list of codes,
and every answer is worked out from what has happened so far.
"""

import re
from dataclasses import dataclass, field, replace
from itertools import product

from tests.support import naive_otp
from totpkit import Policy

Answer = tuple[str, float | int | None]
"""A reason and the seconds to wait, or "accepted" and the step."""

NOT_ENROLLED: Answer = ("not_enrolled", None)
EXPIRED: Answer = ("expired", None)
DISABLED: Answer = ("disabled", None)


@dataclass(frozen=True)
class Phone:
    """A secret, and how codes are made from it."""

    raw: bytes
    digits: int
    algorithm: str
    period: int

    def code(self, step: int) -> str:
        """Return the code of a step."""
        return naive_otp.decimal(self.raw, step, self.digits, self.algorithm)

    def step(self, now: float) -> int:
        """Return the step at a time."""
        return int(now) // self.period

    def ignorant(self) -> list["Phone"]:
        """Return the phones that ignore some of the parameters."""
        kinds = product({self.digits, 6}, {self.algorithm, "SHA1"}, {self.period, 30})
        return [phone for kind in kinds if (phone := Phone(self.raw, *kind)) != self]


@dataclass
class Active:
    """A phone in use."""

    phone: Phone
    last_step: int
    drift: int
    confirmed_at: float
    used_at: float


@dataclass
class Waiting:
    """A phone that was shown its secret."""

    phone: Phone
    binding: str
    expires_at: float


@dataclass
class Account:
    """An account: what is in use, what waits, what went wrong."""

    policy: Policy
    active: Active | None = None
    waiting: Waiting | None = None
    failures: int = 0
    retry_at: float | None = None
    unspent: set[str] = field(default_factory=set)
    spent: set[str] = field(default_factory=set)
    generation: int = 0

    def refuse(self, now: float) -> Answer | None:
        """Return why nothing is answered now."""
        if self.failures >= self.policy.throttle.cap:
            return DISABLED
        if self.retry_at is not None and self.retry_at > now:
            return "throttled", self.retry_at - now
        return None

    def fail(self, now: float) -> None:
        """Count a failure, and begin its wait."""
        throttle = self.policy.throttle
        self.failures += 1
        wait = throttle.first_wait
        for _ in range(self.failures - throttle.free):
            wait = min(wait * throttle.factor, throttle.longest_wait)
        self.retry_at = now + wait if self.failures >= throttle.free and wait else None

    def succeed(self) -> None:
        """Forget all failures."""
        self.failures, self.retry_at = 0, None

    def begin(self, fresh: Phone, binding: str, now: float) -> Phone:
        """Return the phone that is shown: the one that waits, or a fresh one."""
        if self.waiting is None or self.waiting.binding != binding or self.waiting.expires_at <= now:
            self.waiting = Waiting(fresh, binding, now + self.policy.enrollment_lifetime)
        return self.waiting.phone

    def will_show_again(self, binding: str, now: float) -> bool:
        """Return whether the phone that waits is the one to show."""
        return self.waiting is not None and self.waiting.binding == binding and now < self.waiting.expires_at

    def confirm(self, code: str, binding: str, now: float) -> Answer:
        """Answer the first code of a phone that waits."""
        refused = self.refusal(now)
        if refused is not None:
            return refused
        if self.waiting is None or not self.will_show_again(binding, now):
            return EXPIRED
        phone = self.waiting.phone
        verdict = self.look(phone, code, now, drift=0, last_step=None)
        if isinstance(verdict, str):
            known = any(
                isinstance(self.look(other, code, now, drift=0, last_step=None), int)
                for other in phone.ignorant()
            )
            self.fail(now)
            return "app_ignored_parameters" if known else verdict, None
        drift = self.follow(0, verdict - phone.step(now))
        self.device = Active(phone, verdict, drift, now, now)
        self.waiting = None
        self.turn_over(now)
        self.succeed()
        return "accepted", verdict

    def take_over(self, phone: Phone, last_step: int | None, drift: int, now: float) -> bool:
        """Take a phone that another program enrolled, if there has never been one."""
        if self.generation:
            return False
        bound = self.policy.drift_bound
        drift = bound if drift > bound else max(drift, -bound)
        if last_step is None:
            last_step = phone.step(now) + drift + self.policy.window.future
        self.device = Active(phone, last_step, drift, now, now)
        self.waiting = None
        self.turn_over(now)
        return True

    def verify(self, code: str, now: float) -> Answer:
        """Answer a code."""
        if self.device is None:
            return NOT_ENROLLED
        refused = self.refusal(now)
        if refused is not None:
            return refused
        active = self.device
        verdict = self.look(active.phone, code, now, drift=active.drift, last_step=active.last_step)
        if isinstance(verdict, str):
            self.fail(now)
            return verdict, None
        self.use(verdict, self.follow(active.drift, verdict - active.phone.step(now)), now)
        return "accepted", verdict

    def resync(self, one: str, other: str, now: float) -> Answer:
        """Answer two consecutive codes."""
        if self.device is None:
            return NOT_ENROLLED
        refused = self.refusal(now)
        if refused is not None:
            return refused
        active, form = self.device, f"[0-9]{{{self.device.phone.digits}}}"
        middle, bound = active.phone.step(now), self.policy.drift_bound
        ends = [
            end
            for end in range(max(middle - bound, 1), middle + bound + 1)
            if (active.phone.code(end - 1), active.phone.code(end)) == (one, other)
        ]
        if not (re.fullmatch(form, one) and re.fullmatch(form, other)):
            verdict: Answer = ("malformed", None)
        elif not ends:
            verdict = ("mismatch", None)
        elif max(ends) - 1 <= active.last_step:
            verdict = ("replayed", None)
        else:
            self.use(max(ends), max(ends) - middle, now)
            return "accepted", max(ends)
        self.fail(now)
        return verdict

    def redeem(self, typed: str, now: float) -> Answer:
        """Answer a recovery code."""
        if self.device is None:
            return NOT_ENROLLED
        refused = self.refusal(now)
        if refused is not None:
            return refused
        code = (
            typed.replace("-", "")
            .replace(" ", "")
            .upper()
            .replace("O", "0")
            .replace("I", "1")
            .replace("L", "1")
        )
        if code in self.unspent:
            self.unspent.remove(code)
            self.spent.add(code)
            self.succeed()
            return "accepted", self.device.last_step
        self.fail(now)
        if code in self.spent:
            return "replayed", None
        return "mismatch" if re.fullmatch("[0-9A-HJKMNP-TV-Z]{16}", code) else "malformed", None

    def issue(self, codes: tuple[str, ...]) -> None:
        """Take new recovery codes in place of all others."""
        if codes:
            self.unspent, self.spent = {code.replace("-", "") for code in codes}, set()
            self.generation += 1

    def revoke(self, now: float) -> None:
        """Drop all but the failures."""
        self.turn_over(now)
        self.device = self.waiting = None
        self.unspent, self.spent = set(), set()

    def turn_over(self, now: float) -> None:
        """Begin a new generation."""
        self.generation = max(self.generation + 1, int(now * 1000))

    def look(self, phone: Phone, code: str, now: float, *, drift: int, last_step: int | None) -> int | str:
        """Return what a code is worth."""
        middle, window = phone.step(now) + drift, self.policy.window
        return naive_otp.verify(
            phone.code,
            f"[0-9]{{{phone.digits}}}",
            code,
            low=middle - window.past,
            high=middle + window.future,
            last_step=last_step,
        )

    def follow(self, drift: int, seen: int) -> int:
        """Return the drift to remember after one was seen."""
        moved = drift + 1 if seen > drift else drift - 1 if seen < drift else drift
        bound = self.policy.drift_bound
        return bound if moved > bound else max(moved, -bound)

    def use(self, step: int, drift: int, now: float) -> None:
        """Remember a code that was accepted."""
        assert self.device is not None
        self.device = replace(self.device, last_step=step, drift=drift, used_at=now)
        self.succeed()
