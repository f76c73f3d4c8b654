"""A second, naive implementation of what an authenticator remembers of an account.

It shares no rule with totpkit. Codes come from :mod:`tests.support.naive_otp`, recovery codes are sets of
texts, and every answer is computed from what has happened so far.
"""

import re
from dataclasses import dataclass, field, replace
from itertools import product

from tests.support import naive_otp
from totpkit import Policy

Answer = tuple[str, float | int | None]
"""A reason and the seconds to wait, or "accepted" and the step."""

NOT_ENROLLED: Answer = ("not_enrolled", None)


@dataclass(frozen=True)
class Phone:
    """A secret, and how codes are made from it."""

    raw: bytes
    digits: int = 6
    algorithm: str = "SHA1"
    period: int = 30

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
class Device:
    """An enrolled phone."""

    phone: Phone
    last_step: int
    drift: int
    confirmed_at: float
    used_at: float


@dataclass
class Pending:
    """A phone that was shown its secret."""

    phone: Phone
    binding: str
    expires_at: float


@dataclass
class Account:
    """The state of an account."""

    policy: Policy
    device: Device | None = None
    pending: Pending | None = None
    failures: int = 0
    retry_at: float | None = None
    unspent: set[str] = field(default_factory=set)
    spent: set[str] = field(default_factory=set)
    generation: int = 0

    def refuse(self, now: float) -> Answer | None:
        """Return why nothing is answered now."""
        if self.failures >= self.policy.throttle.cap:
            return "disabled", None
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
        """Reset the failure count."""
        self.failures, self.retry_at = 0, None

    def begin(self, new: Phone, binding: str, now: float) -> Phone:
        """Return the phone that is shown its secret: the pending one, or a new one."""
        pending = self.live_pending(binding, now)
        if pending is None:
            self.pending = pending = Pending(new, binding, now + self.policy.enrollment_lifetime)
        return pending.phone

    def live_pending(self, binding: str, now: float) -> Pending | None:
        """Return what a binding may still confirm."""
        pending = self.pending
        return pending if pending and pending.binding == binding and now < pending.expires_at else None

    def confirm(self, code: str, binding: str, now: float) -> Answer:
        """Answer the first code of a pending phone."""
        refused = self.refuse(now)
        if refused is not None:
            return refused
        pending = self.live_pending(binding, now)
        if pending is None:
            return "expired", None
        found = self.judge(pending.phone, code, now)
        if isinstance(found, str):
            others = [self.judge(phone, code, now) for phone in pending.phone.ignorant()]
            ignored = any(isinstance(other, int) for other in others)
            self.fail(now)
            return "app_ignored_parameters" if ignored else found, None
        self.enroll(pending.phone, found, self.follow(0, found - pending.phone.step(now)), now)
        self.succeed()
        return "accepted", found

    def import_device(self, phone: Phone, last_step: int | None, drift: int, now: float) -> bool:
        """Enroll a phone from another program, if there has never been one."""
        if self.generation:
            return False
        drift = self.bound(drift)
        if last_step is None:
            last_step = phone.step(now) + drift + self.policy.window.future
        self.enroll(phone, last_step, drift, now)
        return True

    def enroll(self, phone: Phone, last_step: int, drift: int, now: float) -> None:
        """Put a phone in place of any other."""
        self.device, self.pending = Device(phone, last_step, drift, now, now), None
        self.begin_generation(now)

    def verify(self, code: str, now: float) -> Answer:
        """Answer a code."""
        device, refused = self.device, self.refuse(now)
        if device is None:
            return NOT_ENROLLED
        if refused is not None:
            return refused
        found = self.judge(device.phone, code, now, device.drift, device.last_step)
        if isinstance(found, str):
            self.fail(now)
            return found, None
        self.use(found, self.follow(device.drift, found - device.phone.step(now)), now)
        return "accepted", found

    def resync(self, code1: str, code2: str, now: float) -> Answer:
        """Answer two consecutive codes."""
        device, refused = self.device, self.refuse(now)
        if device is None:
            return NOT_ENROLLED
        if refused is not None:
            return refused
        form = f"[0-9]{{{device.phone.digits}}}"
        middle, bound = device.phone.step(now), self.policy.drift_bound
        ends = [
            end
            for end in range(max(middle - bound, 1), middle + bound + 1)
            if (device.phone.code(end - 1), device.phone.code(end)) == (code1, code2)
        ]
        if not (re.fullmatch(form, code1) and re.fullmatch(form, code2)):
            reason = "malformed"
        elif not ends:
            reason = "mismatch"
        elif max(ends) - 1 <= device.last_step:
            reason = "replayed"
        else:
            self.use(max(ends), max(ends) - middle, now)
            return "accepted", max(ends)
        self.fail(now)
        return reason, None

    def redeem(self, typed: str, now: float) -> Answer:
        """Answer a recovery code."""
        device, refused = self.device, self.refuse(now)
        if device is None:
            return NOT_ENROLLED
        if refused is not None:
            return refused
        code = re.sub("[- ]", "", typed).upper().replace("O", "0").replace("I", "1").replace("L", "1")
        if code in self.unspent:
            self.unspent.remove(code)
            self.spent.add(code)
            self.succeed()
            return "accepted", device.last_step
        self.fail(now)
        if code in self.spent:
            return "replayed", None
        return "mismatch" if re.fullmatch("[0-9A-HJKMNP-TV-Z]{16}", code) else "malformed", None

    def issue(self, codes: tuple[str, ...]) -> None:
        """Put recovery codes in place of all others."""
        if codes:
            self.unspent, self.spent = {code.replace("-", "") for code in codes}, set()
            self.generation += 1

    def revoke(self, now: float) -> None:
        """Remove everything but the failures."""
        self.begin_generation(now)
        self.device = self.pending = None
        self.unspent, self.spent = set(), set()

    def begin_generation(self, now: float) -> None:
        """End all older logins."""
        self.generation = max(self.generation + 1, int(now * 1000))

    def judge(
        self, phone: Phone, code: str, now: float, drift: int = 0, last_step: int | None = None
    ) -> int | str:
        """Return the step that a code is accepted for, or the reason to reject it."""
        middle, window = phone.step(now) + drift, self.policy.window
        return naive_otp.verify(
            phone.code,
            f"[0-9]{{{phone.digits}}}",
            code,
            low=middle - window.past,
            high=middle + window.future,
            last_step=last_step,
        )

    def follow(self, drift: int, observed: int) -> int:
        """Return the drift to remember."""
        return self.bound(drift + 1 if observed > drift else drift - 1 if observed < drift else drift)

    def bound(self, drift: int) -> int:
        """Return the drift within its bound."""
        bound = self.policy.drift_bound
        return bound if drift > bound else max(drift, -bound)

    def use(self, step: int, drift: int, now: float) -> None:
        """Remember an accepted code."""
        assert self.device is not None
        self.device = replace(self.device, last_step=step, drift=drift, used_at=now)
        self.succeed()
