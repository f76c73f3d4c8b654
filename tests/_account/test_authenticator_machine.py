"""An authenticator against a simple model of it: any order of operations, time jumping both ways.

That the machine can see is proved by faults planted in the rules, each of which it finds.
"""

import copy
import itertools
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
from tests.support.authenticators import ASYNC, SYNC, App
from tests.support.fakes import Planted
from tests.vectors import load
from totpkit import Accepted, Algorithm, KeyURI, Policy, Reason, Rejected, Secret, Status, Throttle, Window
from totpkit._account.enrollment import imported, revoked
from totpkit._account.record import Record
from totpkit._account.recovery_codes import RecoveryCodeSet
from totpkit._otp.totp import TOTP
from totpkit._otp.truncation import NumberAt
from totpkit.stores.memory import MemoryStore
from totpkit.testing import SettableClock
from totpkit.vault import Vault

STEP = 56_666_666
WHOS = ("acct-1", "acct-2")
BINDINGS = ("", "login-1", "login-2")
CROWDED = load("crowded")["secrets"]
SHORT = Throttle(free=2, first_wait=60.0, factor=2.0, longest_wait=300.0, cap=6)
POLICIES = {
    "apps": Policy(throttle=SHORT, drift_bound=2, recovery_codes=3, recovery_cost=1),
    "long": Policy(
        digits=8,
        algorithm=Algorithm.SHA256,
        period=60,
        throttle=SHORT,
        window=Window(3, 2),
        drift_bound=3,
        recovery_codes=2,
        recovery_cost=1,
        recovery_low=1,
    ),
    "strict": Policy(
        throttle=Throttle(free=1, first_wait=0.0, cap=4),
        window=Window.RFC,
        drift_bound=0,
        recovery_codes=3,
        recovery_cost=1,
    ),
}
REACHED: set[tuple[str, str]] = set()
IMPORTED: set[bool] = set()
whos, bindings = st.sampled_from(WHOS), st.sampled_from(BINDINGS)
offsets = st.sampled_from([0, 0, 0, -1, 1, -2, 2, 3, -3, 5])
kinds = st.sampled_from(
    ["right"] * 6 + ["spelled", "spent", "spent", "shared", "wrong", "malformed", "theirs", "ignorant"]
)


class Life(RuleBasedStateMachine):
    """Two accounts, some phones, an attacker who has seen every code, and a clock that jumps."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = SettableClock(30.0 * STEP)
        self.store = MemoryStore()
        self.keys = {"0": bytes(32)}
        self.spent: dict[bytes, list[tuple[str, int]]] = {}
        self.old_recovery: list[str] = []
        self.numbers = itertools.count()

    @initialize(
        colour=st.sampled_from([SYNC, SYNC, SYNC, ASYNC]),
        policy=st.sampled_from(sorted(POLICIES)),
        first=st.integers(0, 7),
    )
    def start(self, colour: str, policy: str, first: int) -> None:
        """Begin with a phone for each account; the first secrets have codes near now that collide."""
        self.colour, self.policy = colour, POLICIES[policy]
        secrets = [bytes.fromhex(found["secret"]) for found in CROWDED[first:] + CROWDED[:first]]
        self.planted = Planted(Vault(self.keys), *secrets)
        self.accounts = {who: Account(self.policy) for who in WHOS}
        self.connect()
        self.clock.advance(-3600)
        for who in WHOS:
            self.enroll(who, "")
        self.clock.advance(3600)

    def connect(self) -> None:
        """Start the authenticator anew, as a process does that begins."""
        self.app = App(
            self.colour, store=self.store, clock=self.clock, policy=self.policy, vault=self.planted
        )

    # Time and keys

    @rule(
        seconds=st.sampled_from([1, 30, 30, 60, 300, 600, 86_400, -30, -60, -600, -3600])
        | st.integers(-90, 90)
    )
    def move_clock(self, seconds: int) -> None:
        """Let time pass, or set the clock, back too."""
        self.clock.advance(seconds)

    @rule(who=whos, early=st.sampled_from([0.0, 0.0, 0.5]))
    def wait_out(self, who: str, early: float) -> None:
        """Go to where a wait ends, or just before it."""
        retry_at = self.accounts[who].retry_at
        if retry_at is not None:
            self.clock.time = retry_at - early

    @rule(place=st.integers(0, 7), offset=st.integers(-1, 1))
    def go_where_codes_collide(self, place: int, offset: int) -> None:
        """Set the clock to steps whose codes are equal."""
        self.clock.time = 30.0 * (CROWDED[place]["steps"][0] + offset)

    @rule()
    def rotate(self) -> None:
        """Put a new key first, and start the authenticator anew."""
        number = len(self.keys)
        self.keys = {str(number): bytes([number % 256] * 32), **self.keys}
        self.planted.cipher = Vault(self.keys)
        self.connect()

    # Operations

    @rule(who=whos, binding=bindings)
    def begin(self, who: str, binding: str) -> None:
        """Ask for a secret to show."""
        account, before = self.accounts[who], self.raw(who)
        again = account.will_show_again(binding, self.clock())
        shown = self.app.auth.begin_enrollment(who, label=f"{who}@example.com", binding=binding)
        codes = KeyURI.parse(shown.uri).otp
        assert isinstance(codes, TOTP)
        fresh = Phone(codes.secret.to_bytes(), codes.digits, codes.algorithm, codes.period)
        assert account.begin(fresh, binding, self.clock()) == fresh
        assert (self.raw(who) == before) == again

    @rule(who=whos, binding=bindings, kind=kinds, offset=offsets)
    def begin_and_confirm(self, who: str, binding: str, kind: str, offset: int) -> None:
        """Begin an enrollment and answer it with some code."""
        self.begin(who, binding)
        self.confirm(who, binding, kind, offset)

    @rule(who=whos, binding=bindings, kind=kinds, offset=offsets)
    def confirm(self, who: str, binding: str, kind: str, offset: int) -> None:
        """Confirm with some code of what is pending."""
        waiting = self.accounts[who].waiting
        code = self.code(waiting.phone if waiting else None, kind, offset)
        answer = self.asked(who, "confirm_enrollment", code, binding)
        self.compare(who, answer, self.accounts[who].confirm(self.plain(code), binding, self.clock()), code)

    @rule(who=whos, binding=bindings)
    def enroll(self, who: str, binding: str) -> None:
        """Begin an enrollment and confirm it, if an attempt is answered."""
        self.begin(who, binding)
        self.confirm(who, binding, "right", 0)

    @rule(
        who=whos,
        first=st.sampled_from(["", "revoke", "forget", "forget and begin", "forget and fail"]),
        known=st.booleans(),
        offset=offsets,
        drift=st.sampled_from([0, 0, 1, -2, 20]),
    )
    def take_over(self, who: str, first: str, known: bool, offset: int, drift: int) -> None:  # noqa: FBT001 - drawn
        """Import a phone, now and then where there was never one; what was spent elsewhere stays spent."""
        if first == "revoke":
            self.revoke(who, again=0)
        elif first:
            self.forget(who, again=0)
        if first in {"forget and begin", "forget and fail"}:
            self.begin(who, "")
        if first == "forget and fail":
            self.confirm(who, "", "malformed", 0)
        phone = Phone(next(self.numbers).to_bytes(20, "big"), 6, "SHA1", 30)
        last = phone.step(self.clock()) + offset if known else None
        totp, account, before = TOTP(Secret.from_bytes(phone.raw)), self.accounts[who], self.raw(who)
        taken = self.app.auth.import_enrollment(who, f"{who}@example.com", totp, last_step=last, drift=drift)
        assert account.take_over(phone, last, drift, self.clock()) == taken
        assert (self.raw(who) == before) == (not taken)
        if taken and account.device:
            self.spent[phone.raw] = [(phone.code(account.device.last_step), account.device.last_step)]
        IMPORTED.add(taken)

    @rule(who=whos, steps=st.integers(1, 4), offset=st.sampled_from([0, -1, 1, -2, 2]))
    def log_in_later(self, who: str, steps: int, offset: int) -> None:
        """Let a few steps pass, and log in with the code that the phone shows, be it slow or fast."""
        self.clock.advance(steps * self.policy.period)
        self.verify(who, "right", offset)

    @rule(who=whos, kind=kinds, offset=offsets)
    def verify(self, who: str, kind: str, offset: int) -> None:
        """Log in with some code."""
        active = self.accounts[who].device
        phone, drift = (active.phone, active.drift) if active else (None, 0)
        code = self.code(phone, kind, offset + drift)
        answer = self.asked(who, "verify", code)
        self.compare(who, answer, self.accounts[who].verify(self.plain(code), self.clock()), code)

    @rule(
        who=whos,
        later=st.sampled_from([0, 60, 600, 3600]),
        offset=st.sampled_from([0, 1, -1, 2, -2, 3, -4]),
        gap=st.sampled_from([1, 1, 1, 1, 1, 0, 2, -1]),
        malformed=st.integers(0, 9),
    )
    def resync(self, who: str, later: int, offset: int, gap: int, malformed: int) -> None:
        """Resynchronise with two codes, consecutive or not."""
        self.clock.advance(later)
        active = self.accounts[who].device
        phone = active.phone if active else Phone(b"x", 6, "SHA1", 30)
        end = phone.step(self.clock()) + offset
        pair = phone.code(end - gap), "x" if malformed == 0 else phone.code(end)
        answer = self.asked(who, "resync", *pair)
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
        """Use some recovery code."""
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
        answer = self.asked(who, "redeem_recovery_code", code)
        self.compare(who, answer, account.redeem(code, self.clock()), None)

    @rule(who=whos)
    def cancel(self, who: str) -> None:
        """Drop what is pending."""
        self.app.auth.cancel_enrollment(who)
        self.accounts[who].waiting = None

    @rule(who=whos)
    def unlock(self, who: str) -> None:
        """Forget failures and wait."""
        self.app.auth.unlock(who)
        self.accounts[who].succeed()

    @precondition(lambda self: any(account.failures >= 4 for account in self.accounts.values()))
    @rule()
    def unlock_all(self) -> None:
        """Forget all failures: so that more is reached than refusals."""
        for who in WHOS:
            self.unlock(who)

    @precondition(lambda self: not all(account.device for account in self.accounts.values()))
    @rule(binding=bindings)
    def enroll_all(self, binding: str) -> None:
        """Enroll whoever is not enrolled: so that more is reached than refusals."""
        for who in WHOS:
            if self.accounts[who].device is None:
                self.unlock(who)
                self.enroll(who, binding)

    @rule(who=whos, again=st.integers(0, 3))
    def revoke(self, who: str, again: int) -> None:
        """End a credential, now and then; where there is none, whenever it is drawn."""
        account = self.accounts[who]
        if again == 0 or not (account.device or account.waiting):
            self.old_recovery += sorted(account.unspent)
            self.app.auth.revoke(who)
            account.revoke(self.clock())

    @rule(who=whos, again=st.integers(0, 5))
    def forget(self, who: str, again: int) -> None:
        """Forget an account, now and then."""
        if again == 0:
            self.app.auth.forget(who)
            self.accounts[who] = Account(self.policy)
            assert self.store.load(who) is None

    @rule(who=whos)
    def show_again(self, who: str) -> None:
        """Show the secret in use again, and seal it anew: it is the same then."""
        active = self.accounts[who].device
        if active is not None:
            assert self.app.auth.provisioning(who).secret.to_bytes() == active.phone.raw
        self.app.auth.reseal(who)
        assert self.app.auth.reseal(who) is False

    # How codes are found, and answers compared

    def code(self, phone: Phone | None, kind: str, offset: int) -> str:
        """Return a code of the kind: right at an offset, spent, shared by two steps, or wrong."""
        phone = phone or Phone(b"x", 6, "SHA1", 30)
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
            "ignorant": Phone(phone.raw, 6, "SHA1", 30).code(int(self.clock()) // 30),
        }.get(kind, right)

    @staticmethod
    def plain(code: str) -> str:
        """Return a code without spaces and dashes."""
        return code.replace(" ", "").replace("-", "")

    def raw(self, who: str) -> bytes | None:
        """Return what is stored."""
        return self.store.load(who)

    def asked(self, who: str, method: str, *arguments: str) -> Accepted | Rejected:
        """Ask the authenticator, and keep what was stored before."""
        self.before = self.raw(who), copy.deepcopy(self.accounts[who])
        answer = getattr(self.app.auth, method)(who, *arguments)
        assert isinstance(answer, Accepted | Rejected)
        REACHED.add((method, "accepted" if answer else answer.reason.value))
        return answer

    def compare(self, who: str, answer: Accepted | Rejected, expected: Any, code: str | None) -> None:
        """Compare an answer with the model's, and what was written with what there was to write."""
        found = (
            ("accepted", answer.step)
            if isinstance(answer, Accepted)
            else (answer.reason.value, answer.retry_after)
        )
        assert expected == found
        raw, account = self.before
        assert (raw == self.raw(who)) == (account == self.accounts[who])
        if code is not None and isinstance(answer, Accepted):
            self.spend(who, self.plain(code), answer.step)

    def spend(self, who: str, code: str, step: int) -> None:
        """Check by all that was ever accepted that this code was not, and keep it."""
        active = self.accounts[who].device
        assert active is not None
        window = self.policy.window
        # What was spent lies too far back for the window, or was another code.
        reach = step - 2 * window.span
        history = self.spent.setdefault(active.phone.raw, [])
        assert all(spent < reach or known != code for known, spent in history)
        assert all(spent < step for _, spent in history)
        history.append((code, step))

    @invariant()
    def same_status(self) -> None:
        """Every account is as the model has it."""
        for who, account in getattr(self, "accounts", {}).items():
            refused, now, active = account.refusal(self.clock()), self.clock(), account.device
            expected = Status(
                enrolled=active is not None,
                pending=account.waiting is not None and now < account.waiting.expires_at,
                retry_after=None if refused is None else refused[1],
                disabled=refused is not None and refused[0] == "disabled",
                recovery_codes_left=len(account.unspent),
                confirmed_at=active and active.confirmed_at,
                last_used_at=active and active.used_at,
                failures=account.failures,
            )
            assert expected == self.app.auth.status(who)
            raw = self.raw(who)
            record = Record.EMPTY if raw is None else read_record(raw)
            assert account.generation == record.generation
            if active is not None:
                assert record.device is not None
                assert (active.last_step, active.drift) == (record.device.last_step, record.device.drift)


# What any run worth its name reaches: a machine that only ever sees refusals would find no fault.
USUAL = {
    *(("verify", came_to) for came_to in ("accepted", "replayed", "mismatch", "throttled")),
    *(("confirm_enrollment", came_to) for came_to in ("accepted", "expired", "mismatch", "throttled")),
    *(("resync", came_to) for came_to in ("accepted", "mismatch")),
    *(("redeem_recovery_code", came_to) for came_to in ("accepted", "mismatch")),
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


def by_step_alone(patch: pytest.MonkeyPatch) -> None:
    """Compare step numbers only: two nearby steps that share a code let it pass twice."""

    def spend(number_at: NumberAt, number: int, low: int, high: int, last_step: int | None) -> int | Reason:
        found = [step for step in range(low, high + 1) if number_at(step) == number]
        if not found:
            return Reason.MISMATCH
        unspent = [step for step in found if last_step is None or step > last_step]
        return max(unspent) if unspent else Reason.REPLAYED

    patch.setattr("totpkit._otp.time_based.spend", spend)


def wrapped(patch: pytest.MonkeyPatch, name: str, change: Callable[..., Any]) -> None:
    """Let a rule's decision pass through *change*, which is given the record before, and the rest."""
    module, _, function = name.rpartition(".")
    rule = getattr(__import__(module, fromlist=[function]), function)

    def wrapper(record: Record, *rest: Any, **named: Any) -> Any:
        return change(record, *rule(record, *rest, **named), *rest)

    patch.setattr(name, wrapper)


def malformed_is_free(patch: pytest.MonkeyPatch) -> None:
    """Do not count what has not the form of a code."""
    wrapped(
        patch,
        "totpkit._account.service.verified",
        lambda before, after, answer, *_: (before if answer == Rejected(Reason.MALFORMED) else after, answer),
    )


def replays_are_free(patch: pytest.MonkeyPatch) -> None:
    """Do not count a code that was spent."""
    wrapped(
        patch,
        "totpkit._account.service.verified",
        lambda before, after, answer, *_: (before if answer == Rejected(Reason.REPLAYED) else after, answer),
    )


def attempts_prolong_the_wait(patch: pytest.MonkeyPatch) -> None:
    """Begin a wait anew with each attempt in it."""

    def change(before: Record, after: Record, answer: Any, _: str, terms: Any) -> Any:
        waits = isinstance(answer, Rejected) and answer.reason is Reason.THROTTLED
        return (replace(before, retry_at=terms.now + 60) if waits else after), answer

    wrapped(patch, "totpkit._account.service.verified", change)


def unlock_forgets_spent_codes(patch: pytest.MonkeyPatch) -> None:
    """Lower the last step when an account is unlock."""

    def unlock(record: Record) -> Record:
        active = record.device and replace(record.device, last_step=0)
        return replace(record, failures=0, retry_at=None, device=active)

    patch.setattr("totpkit._account.service.unlocked", unlock)


def pending_is_anybodys(patch: pytest.MonkeyPatch) -> None:
    """Let any binding confirm what is pending."""
    patch.setattr("totpkit._account.enrollment.compare_digest", lambda *_: True)


def recovery_codes_stay(patch: pytest.MonkeyPatch) -> None:
    """Accept a recovery code without spending it."""
    patch.setattr(
        RecoveryCodeSet, "spend", lambda self, digest: self if digest in self.unspent else Reason.MISMATCH
    )


def failures_move_drift(patch: pytest.MonkeyPatch) -> None:
    """Let a wrong code move the drift."""

    def change(before: Record, after: Record, answer: Any, *_: Any) -> Any:
        if answer == Rejected(Reason.MISMATCH) and before.device is not None:
            return replace(after, device=replace(before.device, drift=before.device.drift + 1)), answer
        return after, answer

    wrapped(patch, "totpkit._account.service.verified", change)


def drift_jumps(patch: pytest.MonkeyPatch) -> None:
    """Adopt the whole drift of a success."""
    patch.setattr("totpkit._account.verify.followed", lambda _, seen, bound: max(-bound, min(bound, seen)))


def drift_without_bound(patch: pytest.MonkeyPatch) -> None:
    """Follow a drift beyond its bound."""
    patch.setattr(
        "totpkit._account.verify.followed", lambda drift, seen, _: drift + (seen > drift) - (seen < drift)
    )


def confirmation_spends_nothing(patch: pytest.MonkeyPatch) -> None:
    """Let the confirmation code pass once more."""

    def change(_: Record, after: Record, answer: Any, *__: Any) -> Any:
        if answer and after.device is not None:
            return replace(after, device=replace(after.device, last_step=after.device.last_step - 1)), answer
        return after, answer

    wrapped(patch, "totpkit._account.service.confirmed", change)


def pending_never_expires(patch: pytest.MonkeyPatch) -> None:
    """Confirm what has expired."""
    patch.setattr("totpkit._account.enrollment.live_pending", lambda record, *_: record.pending)


def ignored_parameters_pass(patch: pytest.MonkeyPatch) -> None:
    """Say of every wrong code that the phone ignored parameters."""
    patch.setattr("totpkit._account.enrollment._ignores_parameters", lambda *_: True)


def success_forgives_nothing(patch: pytest.MonkeyPatch) -> None:
    """Keep counting after a success."""
    wrapped(
        patch,
        "totpkit._account.service.verified",
        lambda before, after, answer, *_: (
            replace(after, failures=before.failures) if answer else after,
            answer,
        ),
    )


def no_cap(patch: pytest.MonkeyPatch) -> None:
    """Answer after the cap."""

    def refuse(record: Record, terms: Any) -> Rejected | None:
        if record.retry_at is not None and terms.now < record.retry_at:
            return Rejected(Reason.THROTTLED, retry_after=record.retry_at - terms.now)
        return None

    for module in ("_verification", "_enrolling", "_recovering", "_accounts"):
        patch.setattr(f"totpkit.{module}.refusal", refuse)


def recovery_has_its_own_budget(patch: pytest.MonkeyPatch) -> None:
    """Answer recovery codes during a wait."""
    patch.setattr("totpkit._account.redeem.refusal", lambda *_: None)


def resync_reaches_back(patch: pytest.MonkeyPatch) -> None:
    """Resynchronise by codes that were spent."""
    resync = TOTP.resync

    def forgetful(self: TOTP, *codes: str, **named: Any) -> Any:
        return resync(self, *codes, **named | {"last_step": None})

    patch.setattr(TOTP, "resync", forgetful)


def revoke_forgives(patch: pytest.MonkeyPatch) -> None:
    """Forget the failures with the credential."""
    patch.setattr(
        "totpkit._account.service.revoked",
        lambda record, now: Record(generation=revoked(record, now).generation),
    )


def revoke_keeps_recovery(patch: pytest.MonkeyPatch) -> None:
    """Leave recovery codes to the next credential."""
    patch.setattr(
        "totpkit._account.service.revoked",
        lambda record, now: replace(revoked(record, now), recovery=record.recovery_codes),
    )


def revoke_ends_nothing_where_nothing_is(patch: pytest.MonkeyPatch) -> None:
    """Leave an account without a secret as it is."""
    patch.setattr(
        "totpkit._account.service.revoked",
        lambda record, now: revoked(record, now) if record.device or record.pending else record,
    )


def revoke_counts_on(patch: pytest.MonkeyPatch) -> None:
    """Count generations without the clock, so that they recur after the account was forgotten."""
    patch.setattr("totpkit._account.service.revoked", lambda record, **_: revoked(record, 0.0))


def import_forgives(patch: pytest.MonkeyPatch) -> None:
    """Forget the failures when a phone is imported."""
    wrapped(
        patch,
        "totpkit._account.service.imported",
        lambda before, after, taken, *_: (
            (replace(after, failures=0, retry_at=None), taken) if taken else (before, taken)
        ),
    )


def import_spends_nothing(patch: pytest.MonkeyPatch) -> None:
    """Let codes pass that were spent elsewhere."""

    def change(_: Record, after: Record, taken: Any, *__: Any) -> Any:
        active = after.device and replace(after.device, last_step=0)
        return (replace(after, device=active) if taken else after), taken

    wrapped(patch, "totpkit._account.service.imported", change)


def import_replaces(patch: pytest.MonkeyPatch) -> None:
    """Put an imported phone in the place of another."""

    def replacing(record: Record, terms: Any, **named: Any) -> Any:
        return imported(replace(record, device=None, generation=0), terms, **named)

    patch.setattr("totpkit._account.service.imported", replacing)


def import_brings_back(patch: pytest.MonkeyPatch) -> None:
    """Import a phone where one was revoked."""

    def returning(record: Record, terms: Any, **named: Any) -> Any:
        fresh = record if record.device else replace(record, generation=0)
        return imported(fresh, terms, **named)

    patch.setattr("totpkit._account.service.imported", returning)


def import_keeps_the_pending(patch: pytest.MonkeyPatch) -> None:
    """Leave a pending secret beside an imported phone."""
    wrapped(
        patch,
        "totpkit._account.service.imported",
        lambda before, after, taken, *_: (replace(after, pending=before.pending) if taken else after, taken),
    )


FAULTS = [
    by_step_alone,
    malformed_is_free,
    replays_are_free,
    attempts_prolong_the_wait,
    unlock_forgets_spent_codes,
    pending_is_anybodys,
    recovery_codes_stay,
    failures_move_drift,
    drift_jumps,
    drift_without_bound,
    confirmation_spends_nothing,
    pending_never_expires,
    ignored_parameters_pass,
    success_forgives_nothing,
    no_cap,
    recovery_has_its_own_budget,
    resync_reaches_back,
    revoke_forgives,
    revoke_keeps_recovery,
    revoke_ends_nothing_where_nothing_is,
    revoke_counts_on,
    import_forgives,
    import_spends_nothing,
    import_replaces,
    import_brings_back,
    import_keeps_the_pending,
]


@pytest.mark.parametrize("plant", FAULTS, ids=lambda plant: plant.__name__)
def test_faults(plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each fault planted in the rules is found by the machine."""
    plant(monkeypatch)
    search = settings(
        EXPLORE,
        max_examples=400,
        phases=[Phase.generate],
        database=None,
        report_multiple_bugs=False,
        derandomize=True,
    )
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Life, settings=search)
