"""An authenticator and a simple model of it agree in any order of operations, while the clock jumps.

Faults planted in the rules show that the machine can find them.
"""

import copy
import itertools
import pkgutil
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.support.account_model import Account, Phone
from tests.support.answers import MALFORMED, MISMATCH, REPLAYED, STEP, throttled
from tests.support.authenticators import ASYNC, POLICY, SYNC, App
from tests.support.fakes import Planted
from tests.vectors import load
from totpkit import TOTP, Accepted, Algorithm, KeyURI, Reason, Rejected, Secret, Status, Throttle, Window
from totpkit._account.attempts import fail
from totpkit._account.record import Record
from totpkit._otp.truncation import NumberAt
from totpkit.stores.memory import MemoryStore
from totpkit.testing import SettableClock
from totpkit.vault import Vault

WHOS = ("acct-1", "acct-2")
CROWDED = load("crowded")["secrets"]
SHORT = Throttle(free=2, first_wait=60.0, factor=2.0, longest_wait=300.0, cap=6)
APPS = replace(POLICY, throttle=SHORT, drift_bound=2, recovery_codes=3)
ONE_TRY, WIDE = Throttle(free=1, first_wait=0.0, cap=4), Window(3, 2)
POLICIES = {
    "apps": APPS,
    "long": replace(
        APPS, digits=8, algorithm=Algorithm.SHA256, period=60, window=Window(3, 2), drift_bound=3
    ),
    "strict": replace(APPS, throttle=ONE_TRY, window=Window.RFC, drift_bound=0),
}
REACHED: set[tuple[str, str]] = set()
IMPORTED: set[bool] = set()
whos, bindings = st.sampled_from(WHOS), st.sampled_from(["", "login-1", "login-2"])
offsets = st.sampled_from([0, 0, 0, -1, 1, -2, 2, 3, -3, 5])
kinds = st.sampled_from(
    ["right"] * 6 + ["spelled", "spent", "spent", "shared", "wrong", "malformed", "theirs", "ignorant"]
)


class Life(RuleBasedStateMachine):
    """Two accounts, several phones, an attacker who has seen every code, and a clock that jumps."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = SettableClock(30.0 * STEP)
        self.store = MemoryStore()
        self.keys = {"0": bytes(32)}
        self.spent: dict[bytes, list[tuple[str, int]]] = {}
        self.old_recovery: list[str] = []
        self.numbers = itertools.count()

    @initialize(
        runtime=st.sampled_from([SYNC, SYNC, SYNC, ASYNC]),
        policy=st.sampled_from(sorted(POLICIES)),
        first=st.integers(0, 7),
    )
    def start(self, runtime: str, policy: str, first: int) -> None:
        """Begin with a phone for each account. The first secrets have equal codes near now."""
        self.runtime, self.policy = runtime, POLICIES[policy]
        secrets = [bytes.fromhex(found["secret"]) for found in CROWDED[first:] + CROWDED[:first]]
        self.planted = Planted(Vault(self.keys), *secrets)
        self.accounts = {who: Account(self.policy) for who in WHOS}
        self.restart()
        self.clock.advance(-3600)
        for who in WHOS:
            self.enroll(who, "")
        self.clock.advance(3600)

    def restart(self) -> None:
        """Make a new authenticator, as a new process does."""
        parts: dict[str, Any] = {"store": self.store, "clock": self.clock, "vault": self.planted}
        self.app = App(self.runtime, policy=self.policy, **parts)

    # Time and keys

    @rule(
        seconds=st.sampled_from([1, 30, 30, 60, 300, 600, 86_400, -30, -60, -600, -3600])
        | st.integers(-90, 90)
    )
    def move_clock(self, seconds: int) -> None:
        """Let time pass, or set the clock back."""
        self.clock.advance(seconds)

    @rule(who=whos, early=st.sampled_from([0.0, 0.0, 0.5]))
    def wait_out(self, who: str, early: float) -> None:
        """Go to the end of a wait, or just before it."""
        self.clock.time = (self.accounts[who].retry_at or self.clock.time + early) - early

    @rule(place=st.integers(0, 7), offset=st.integers(-1, 1))
    def go_to_equal_codes(self, place: int, offset: int) -> None:
        """Set the clock to steps whose codes are equal."""
        self.clock.time = 30.0 * (CROWDED[place]["steps"][0] + offset)

    @rule()
    def rotate(self) -> None:
        """Put a new key first, and restart."""
        number = len(self.keys)
        self.keys = {str(number): bytes([number % 256] * 32), **self.keys}
        self.planted.cipher = Vault(self.keys)
        self.restart()

    # Operations

    @rule(who=whos, binding=bindings)
    def begin(self, who: str, binding: str) -> None:
        """Begin an enrollment."""
        account, before = self.accounts[who], self.raw(who)
        again = account.live_pending(binding, self.clock()) is not None
        shown = self.app.auth.begin_enrollment(who, label=f"{who}@example.com", binding=binding)
        codes = KeyURI.parse(shown.uri).otp
        assert isinstance(codes, TOTP)
        new = Phone(codes.secret.to_bytes(), codes.digits, codes.algorithm, codes.period)
        assert account.begin(new, binding, self.clock()) == new
        assert (self.raw(who) == before) == again

    @rule(who=whos, binding=bindings, kind=kinds, offset=offsets)
    def begin_and_confirm(self, who: str, binding: str, kind: str, offset: int) -> None:
        """Begin an enrollment and answer it with some code."""
        self.begin(who, binding)
        self.confirm(who, binding, kind, offset)

    @rule(who=whos, binding=bindings, kind=kinds, offset=offsets)
    def confirm(self, who: str, binding: str, kind: str, offset: int) -> None:
        """Confirm with some code of the pending phone."""
        pending = self.accounts[who].pending
        code = self.code(pending.phone if pending else None, kind, offset)
        answer = self.ask(who, "confirm_enrollment", code, binding=binding)
        self.compare(who, answer, self.accounts[who].confirm(plain(code), binding, self.clock()), code)

    @rule(who=whos, binding=bindings)
    def enroll(self, who: str, binding: str) -> None:
        """Begin an enrollment and confirm it, if an attempt is answered."""
        self.begin_and_confirm(who, binding, "right", 0)

    @rule(
        who=whos,
        first=st.sampled_from(["", "revoke", "forget", "forget and begin", "forget and fail"]),
        known=st.booleans(),
        offset=offsets,
        drift=st.sampled_from([0, 0, 1, -2, 20]),
    )
    def import_device(self, who: str, first: str, known: bool, offset: int, drift: int) -> None:  # noqa: FBT001
        """Import a phone, also where there was never one. What was spent elsewhere stays spent."""
        if first == "revoke":
            self.revoke(who, again=0)
        elif first:
            self.forget(who, again=0)
        if first in {"forget and begin", "forget and fail"}:
            self.begin(who, "")
        if first == "forget and fail":
            self.confirm(who, "", "malformed", 0)
        phone = Phone(next(self.numbers).to_bytes(20, "big"))
        last_step = phone.step(self.clock()) + offset if known else None
        totp, account, before = TOTP(Secret.from_bytes(phone.raw)), self.accounts[who], self.raw(who)
        imported = self.app.auth.import_enrollment(
            who, label=f"{who}@example.com", totp=totp, last_step=last_step, drift=drift
        )
        assert account.import_device(phone, last_step, drift, self.clock()) == imported
        assert (self.raw(who) == before) == (not imported)
        if imported and account.device:
            self.spent[phone.raw] = [(phone.code(account.device.last_step), account.device.last_step)]
        IMPORTED.add(imported)

    @rule(who=whos, steps=st.integers(1, 4), offset=st.sampled_from([0, -1, 1, -2, 2]))
    def log_in_later(self, who: str, steps: int, offset: int) -> None:
        """Let a few steps pass, and log in with the code of a phone that may be slow or fast."""
        self.clock.advance(steps * self.policy.period)
        self.verify(who, "right", offset)

    @rule(who=whos, kind=kinds, offset=offsets)
    def verify(self, who: str, kind: str, offset: int) -> None:
        """Log in with some code."""
        device = self.accounts[who].device
        phone, drift = (device.phone, device.drift) if device else (None, 0)
        code = self.code(phone, kind, offset + drift)
        answer = self.ask(who, "verify", code)
        self.compare(who, answer, self.accounts[who].verify(plain(code), self.clock()), code)

    @rule(
        who=whos,
        later=st.sampled_from([0, 60, 600, 3600]),
        offset=st.sampled_from([0, 1, -1, 2, -2, 3, -4]),
        gap=st.sampled_from([1, 1, 1, 1, 1, 0, 2, -1]),
        malformed=st.integers(0, 9),
    )
    def resync(self, who: str, later: int, offset: int, gap: int, malformed: int) -> None:
        """Resynchronize with two codes, consecutive or not."""
        self.clock.advance(later)
        device = self.accounts[who].device
        phone = device.phone if device else Phone(b"x")
        end = phone.step(self.clock()) + offset
        pair = phone.code(end - gap), "x" if malformed == 0 else phone.code(end)
        answer = self.ask(who, "resync", *pair)
        self.compare(who, answer, self.accounts[who].resync(*pair, self.clock()), pair[1])

    @rule(who=whos)
    def issue(self, who: str) -> None:
        """Issue new recovery codes."""
        self.old_recovery += sorted(self.accounts[who].unspent)
        codes = self.app.auth.issue_recovery_codes(who)
        assert len(codes) == (self.policy.recovery_codes if self.accounts[who].device else 0)
        self.accounts[who].issue(codes)

    @rule(who=whos, kind=st.sampled_from(["unspent"] * 4 + ["spent", "old", "wrong", "malformed"]))
    def redeem(self, who: str, kind: str) -> None:
        """Redeem some recovery code."""
        account = self.accounts[who]
        if kind == "unspent" and not account.unspent:
            self.issue(who)
        codes = {
            "unspent": sorted(account.unspent)[:1],
            "spent": sorted(account.spent)[:1],
            "old": self.old_recovery[-1:],
            "malformed": ["no recovery code"],
        }
        code = ([*codes.get(kind, []), "0" * 16])[0].lower().replace("0", "o")
        answer = self.ask(who, "redeem_recovery_code", code)
        self.compare(who, answer, account.redeem(code, self.clock()), None)

    @rule(who=whos)
    def cancel(self, who: str) -> None:
        """Cancel the enrollment."""
        self.app.auth.cancel_enrollment(who)
        self.accounts[who].pending = None

    @rule(who=whos)
    def unlock(self, who: str) -> None:
        """Reset the failure count and the wait."""
        self.app.auth.unlock(who)
        self.accounts[who].succeed()

    @precondition(lambda self: any(account.failures >= 4 for account in self.accounts.values()))
    @rule()
    def unlock_all(self) -> None:
        """Unlock both accounts, so that more than rejections is reached."""
        for who in WHOS:
            self.unlock(who)

    @precondition(lambda self: not all(account.device for account in self.accounts.values()))
    @rule(binding=bindings)
    def enroll_all(self, binding: str) -> None:
        """Enroll the accounts that are not, so that more than rejections is reached."""
        for who in WHOS:
            if self.accounts[who].device is None:
                self.unlock(who)
                self.enroll(who, binding)

    @rule(who=whos, again=st.integers(0, 3))
    def revoke(self, who: str, again: int) -> None:
        """Revoke an account now and then, or always if it has no phone."""
        account = self.accounts[who]
        if again == 0 or not (account.device or account.pending):
            self.old_recovery += sorted(account.unspent)
            self.app.auth.revoke(who)
            account.revoke(self.clock())

    @rule(who=whos, again=st.integers(0, 5))
    def forget(self, who: str, again: int) -> None:
        """Forget an account now and then."""
        if again == 0:
            self.app.auth.forget(who)
            self.accounts[who] = Account(self.policy)
            assert self.store.load(who) is None

    @rule(who=whos)
    def show_again(self, who: str) -> None:
        """Show the enrolled secret again, and reseal it, which does not change it."""
        device = self.accounts[who].device
        if device is not None:
            assert self.app.auth.provisioning(who).secret.to_bytes() == device.phone.raw
        self.app.auth.reseal(who)
        assert self.app.auth.reseal(who) is False

    # How codes are found, and answers compared

    def code(self, phone: Phone | None, kind: str, offset: int) -> str:
        """Return a code of the kind: right at an offset, spent, shared by two steps, or wrong."""
        phone = phone or Phone(b"x")
        spent = self.spent.get(phone.raw, [])
        shared = [found["code"] for found in CROWDED if found["secret"] == phone.raw.hex()]
        step = max(phone.step(self.clock()) + offset, 0)
        right = phone.code(step)
        others = [account.device.phone for account in self.accounts.values() if account.device]
        return {
            "spelled": f" {right[:3]}-{right[3:]} ",
            "spent": spent[-1 - abs(offset) % len(spent)][0] if spent else right,
            "shared": shared[0] if shared else right,
            "wrong": f"{(int(right) + 1) % 10**phone.digits:0{phone.digits}d}",
            "malformed": "no code",
            "theirs": others[-1].code(step) if others else right,
            "ignorant": Phone(phone.raw).code(int(self.clock()) // 30),
        }.get(kind, right)

    def raw(self, who: str) -> bytes | None:
        """Return the stored record."""
        return self.store.load(who)

    def ask(self, who: str, method: str, *arguments: str, **named: str) -> Accepted | Rejected:
        """Call the authenticator, and keep the state before."""
        self.before = self.raw(who), copy.deepcopy(self.accounts[who])
        answer = getattr(self.app.auth, method)(who, *arguments, **named)
        assert isinstance(answer, Accepted | Rejected)
        REACHED.add((method, "accepted" if answer else answer.reason.value))
        return answer

    def compare(self, who: str, answer: Accepted | Rejected, expected: Any, code: str | None) -> None:
        """Compare an answer with the model's, and check that only a change was written."""
        accepted = isinstance(answer, Accepted)
        found = ("accepted", answer.step) if accepted else (answer.reason.value, answer.retry_after)
        assert expected == found
        raw, account = self.before
        assert (raw == self.raw(who)) == (account == self.accounts[who])
        if code is not None and accepted:
            self.spend(who, plain(code), answer.step)

    def spend(self, who: str, code: str, step: int) -> None:
        """Check that this code was never accepted before, and remember it."""
        device = self.accounts[who].device
        assert device is not None
        reach = step - 2 * self.policy.window.span  # an equal code of an older step is another code
        history = self.spent.setdefault(device.phone.raw, [])
        assert all(spent < reach or known != code for known, spent in history)
        assert all(spent < step for _, spent in history)
        history.append((code, step))

    @invariant()
    def same_status(self) -> None:
        """Compare every account with the model."""
        for who, account in getattr(self, "accounts", {}).items():
            refused, now, device = account.refuse(self.clock()), self.clock(), account.device
            expected = Status(
                enrolled=device is not None,
                pending=account.pending is not None and now < account.pending.expires_at,
                retry_after=refused and refused[1],
                disabled=refused is not None and refused[0] == "disabled",
                recovery_codes_left=len(account.unspent),
                confirmed_at=device and device.confirmed_at,
                last_used_at=device and device.used_at,
                failures=account.failures,
            )
            assert expected == self.app.auth.status(who)
            record = self.app.record(who)
            assert account.generation == record.generation
            if device is not None:
                assert record.device is not None
                assert (device.last_step, device.drift) == (record.device.last_step, record.device.drift)


def plain(code: str) -> str:
    """Return a code without spaces and dashes."""
    return code.replace(" ", "").replace("-", "")


# What every useful run reaches: a machine that only sees rejections would find no fault.
USUAL = {
    *(("verify", result) for result in ("accepted", "replayed", "mismatch", "throttled")),
    *(("confirm_enrollment", result) for result in ("accepted", "expired", "mismatch", "throttled")),
    *(("resync", result) for result in ("accepted", "mismatch")),
    *(("redeem_recovery_code", result) for result in ("accepted", "mismatch")),
}
EXPLORE = settings(max_examples=100, stateful_step_count=60, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.proves(
    "T01", "T05", "T06", "T08", "T19", "T20", "T28", "T37", "T43", "RFC6238-5.2-once", "RFC6238-6"
)
def test_machine() -> None:
    """In no order of operations, times and codes does an authenticator differ from the model."""
    REACHED.clear()
    IMPORTED.clear()
    run_state_machine_as_test(Life, settings=EXPLORE)
    assert set() == USUAL - REACHED
    assert {True, False} == IMPORTED


# Faults


Make = Callable[[Any], Any]


def changed(change: Callable[[Record, Record, Any], Record]) -> Make:
    """Return a fault that changes the record a rule returns, given the old and new ones and the outcome."""

    def make(rule: Callable[..., tuple[Record, Any]]) -> Callable[..., tuple[Record, Any]]:
        def faulty(record: Record, *rest: Any, **named: Any) -> tuple[Record, Any]:
            new, outcome = rule(record, *rest, **named)
            return change(record, new, outcome), outcome

        return faulty

    return make


def with_device(record: Record, **changes: Any) -> Record:
    """Return the record with a changed device, if it has one."""
    return record._replace(device=record.device and record.device._replace(**changes))


def spend_steps(number_at: NumberAt, number: int, low: int, high: int, last_step: int | None) -> int | Reason:
    """Compare step numbers only, so that two nearby steps that share a code accept it twice."""
    found = [step for step in range(low, high + 1) if number_at(step) == number]
    unspent = [step for step in found if last_step is None or step > last_step]
    return max(unspent) if unspent else Reason.REPLAYED if found else Reason.MISMATCH


def refuse_without_cap(record: Record, context: Any) -> Rejected | None:
    """Answer after the cap."""
    return throttled(record.retry_at - context.now) if context.now < (record.retry_at or 0) else None


def extend_wait(_: Record, new: Record, got: Any) -> Record:
    """Extend the wait with each attempt in it."""
    waits = isinstance(got, Rejected) and got.reason is Reason.THROTTLED
    return new._replace(retry_at=(new.retry_at or 0) + 60) if waits else new


def move_drift(_: Record, new: Record, got: Any) -> Record:
    """Let a wrong code move the drift."""
    return with_device(new, drift=new.device.drift + 1) if new.device and got == MISMATCH else new


def spend_nothing(_: Record, new: Record, got: Any) -> Record:
    """Accept the confirmation code once more."""
    return with_device(new, last_step=new.device.last_step - 1) if new.device and got else new


ACCOUNT = "totpkit._account."
VERIFY, IMPORT, REVOKE = (
    ACCOUNT + "verify.verify",
    ACCOUNT + "enrollment.import_device",
    ACCOUNT + "enrollment.revoke",
)
FAULTS: dict[str, tuple[str, Make]] = {
    "spent codes are compared by step": ("totpkit._otp.time_based.spend", lambda _: spend_steps),
    "malformed codes are free": (VERIFY, changed(lambda old, new, got: old if got == MALFORMED else new)),
    "replays are free": (VERIFY, changed(lambda old, new, got: old if got == REPLAYED else new)),
    "attempts extend the wait": (VERIFY, changed(extend_wait)),
    "failures move the drift": (VERIFY, changed(move_drift)),
    "success forgives nothing": (
        VERIFY,
        changed(lambda old, new, got: new._replace(failures=old.failures) if got else new),
    ),
    "unlock forgets spent codes": (
        ACCOUNT + "service.unlock",
        lambda unlock: lambda record: with_device(unlock(record), last_step=0),
    ),
    "any binding confirms": (ACCOUNT + "enrollment.compare_digest", lambda _: lambda *_: True),
    "recovery codes stay": (
        ACCOUNT + "recovery_codes.RecoveryCodeSet.spend",
        lambda _: lambda codes, digest: codes if digest in codes.unspent else Reason.MISMATCH,
    ),
    "drift jumps": (
        ACCOUNT + "verify.follow",
        lambda _: lambda _, seen, bound: max(-bound, min(bound, seen)),
    ),
    "drift has no bound": (
        ACCOUNT + "verify.follow",
        lambda _: lambda drift, seen, _: drift + (seen > drift) - (seen < drift),
    ),
    "confirmation spends nothing": (ACCOUNT + "enrollment.confirm", changed(spend_nothing)),
    "secrets stay pending": (
        ACCOUNT + "enrollment.live_pending",
        lambda _: lambda record, *_: record.pending,
    ),
    "every app ignores parameters": (ACCOUNT + "enrollment._ignores_parameters", lambda _: lambda *_: True),
    "verify has no cap": (ACCOUNT + "verify.refuse", lambda _: refuse_without_cap),
    "confirm has no cap": (ACCOUNT + "enrollment.refuse", lambda _: refuse_without_cap),
    "recovery codes are not throttled": (
        ACCOUNT + "redeem.reserve",
        lambda _: lambda record, context: (fail(record, context), None),
    ),
    "resync accepts spent codes": (
        "totpkit._otp.time_based.Timed.resync",
        lambda resync: lambda *codes, **named: resync(*codes, **named | {"last_step": None}),
    ),
    "revoke forgives": (
        REVOKE,
        lambda revoke: lambda record, now: Record(generation=revoke(record, now).generation),
    ),
    "revoke keeps recovery codes": (
        REVOKE,
        lambda revoke: lambda record, now: revoke(record, now)._replace(recovery_codes=record.recovery_codes),
    ),
    "revoke needs a phone": (
        REVOKE,
        lambda revoke: lambda record, now: revoke(record, now) if record.device or record.pending else record,
    ),
    "generations recur": (REVOKE, lambda revoke: lambda record, **_: revoke(record, 0.0)),
    "import forgives": (
        IMPORT,
        changed(lambda _, new, got: new._replace(failures=0, retry_at=None) if got else new),
    ),
    "import spends nothing": (
        IMPORT,
        changed(lambda _, new, got: with_device(new, last_step=0) if got else new),
    ),
    "import keeps a pending secret": (
        IMPORT,
        changed(lambda old, new, got: new._replace(pending=old.pending) if got else new),
    ),
    "import replaces a phone": (
        IMPORT,
        lambda rule: (
            lambda old, *rest, **named: rule(old._replace(device=None, generation=0), *rest, **named)
        ),
    ),
    "import brings back a revoked phone": (
        IMPORT,
        lambda rule: (
            lambda old, *rest, **named: rule(
                old if old.device else old._replace(generation=0), *rest, **named
            )
        ),
    ),
}
FIND = settings(
    EXPLORE,
    max_examples=400,
    phases=[Phase.generate],
    database=None,
    report_multiple_bugs=False,
    derandomize=True,
)


@pytest.mark.parametrize(("target", "make"), FAULTS.values(), ids=FAULTS)
def test_faults(target: str, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine finds each fault planted in the rules."""
    monkeypatch.setattr(target, make(pkgutil.resolve_name(target)))
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Life, settings=FIND)
