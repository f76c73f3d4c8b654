"""The events of each operation of the authenticator, and that handlers change no outcome."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.support.answers import START, STEP
from tests.support.authenticators import LABEL, POLICY, WHO, App, both, wrong
from tests.support.fakes import Interrupted, Raced
from totpkit import Reason, StoreError, Throttle, events
from totpkit.events import Event
from totpkit.testing import SoftPhone
from totpkit.vault import Vault

NOW = START + 30


def at(now: float, kind: type[Event], **more: Any) -> Event:
    """Return an event of the account at a time."""
    return kind(account_id=WHO, at=now, **more)


def rejected(reason: Reason, failures: int, now: float = NOW) -> Event:
    """Return the event of a rejected attempt."""
    return at(now, events.CodeRejected, reason=reason, failures=failures)


@pytest.mark.proves("NIST-4.1")
@both
def test_enrollment(runtime: str) -> None:
    """Enrollment reports each new secret, each rejected code and each confirmation, and nothing else."""
    app = App(runtime, policy=replace(POLICY, digits=8))
    phone = app.scan(binding="b")
    assert app.take_events() == [at(START, events.EnrollmentBegun, expires_at=START + 600)]
    ignorant = app.scan(binding="b", ignores_parameters=True)
    assert app.take_events() == []
    for code, binding in ((wrong(phone), "b"), ("x", "b"), (ignorant.code(), "b"), (phone.code(), "other")):
        app.auth.confirm_enrollment(WHO, code, binding=binding)
    assert app.take_events() == [
        rejected(Reason.MISMATCH, 1, START),
        rejected(Reason.MALFORMED, 2, START),
        rejected(Reason.APP_IGNORED_PARAMETERS, 3, START),
        rejected(Reason.EXPIRED, 3, START),
    ]
    app.auth.confirm_enrollment(WHO, phone.code(), binding="b")
    app.clock.advance(5)
    app.auth.confirm_enrollment(WHO, app.scan().code())
    assert app.take_events() == [
        at(START, events.EnrollmentConfirmed, replaced=False),
        at(START + 5, events.EnrollmentBegun, expires_at=START + 605),
        at(START + 5, events.EnrollmentConfirmed, replaced=True),
    ]
    app.scan()
    app.take_events()
    app.auth.cancel_enrollment(WHO)
    assert app.take_events() == []


@pytest.mark.proves("NIST-4.1")
@both
def test_codes(runtime: str) -> None:
    """Every attempt reports its result, and the last failure that the account is disabled."""
    app = App(runtime, policy=replace(POLICY, throttle=Throttle(free=3, cap=4)))
    phone = app.enroll()
    for code in (phone.code(), phone.code(), wrong(phone), "x", "y"):
        app.auth.verify(WHO, code)
    assert app.take_events() == [
        at(NOW, events.CodeAccepted, step=STEP + 1, drift=0),
        rejected(Reason.REPLAYED, 1),
        rejected(Reason.MISMATCH, 2),
        rejected(Reason.MALFORMED, 3),
        at(NOW, events.Throttled, retry_after=30.0),
    ]
    app.clock.advance(30)
    app.fail(1)
    app.auth.verify(WHO, phone.code())
    app.auth.unlock(WHO)
    app.auth.unlock(WHO)
    app.auth.resync(WHO, phone.code(steps=3), phone.code(steps=5))
    app.auth.resync(WHO, phone.code(steps=3), phone.code(steps=4))
    assert app.take_events() == [
        rejected(Reason.MALFORMED, 4, NOW + 30),
        at(NOW + 30, events.Disabled, failures=4),
        rejected(Reason.DISABLED, 4, NOW + 30),
        at(NOW + 30, events.Unlocked),
        rejected(Reason.MISMATCH, 1, NOW + 30),
        at(NOW + 30, events.Resynchronized, drift=4),
    ]
    app.auth.verify("nobody", "000000")
    expected = events.CodeRejected(account_id="nobody", at=NOW + 30, reason=Reason.NOT_ENROLLED, failures=0)
    assert app.take_events() == [expected]


@pytest.mark.proves("NIST-4.1")
@both
def test_recovery(runtime: str) -> None:
    """Recovery codes report that they were issued or used, that few are left, and each rejected code."""
    app = App(runtime, policy=replace(POLICY, recovery_codes=3, recovery_low=1))
    assert app.auth.issue_recovery_codes(WHO) == ()
    assert app.take_events() == []
    app.enroll()
    codes = app.auth.issue_recovery_codes(WHO)
    for code in (codes[0], codes[1], codes[1], "0" * 16, "0", codes[2]):
        app.auth.redeem_recovery_code(WHO, code)
    assert app.take_events() == [
        at(NOW, events.RecoveryCodesIssued, count=3),
        at(NOW, events.RecoveryCodeUsed, left=2),
        at(NOW, events.RecoveryCodeUsed, left=1),
        at(NOW, events.RecoveryCodesLow, left=1),
        rejected(Reason.REPLAYED, 1),
        rejected(Reason.MISMATCH, 2),
        rejected(Reason.MALFORMED, 3),
        at(NOW, events.RecoveryCodeUsed, left=0),
        at(NOW, events.RecoveryCodesLow, left=0),
    ]
    app.fail(5)
    app.take_events()
    app.auth.redeem_recovery_code(WHO, codes[2])
    assert app.take_events() == [at(NOW, events.Throttled, retry_after=30.0)]


def test_disabled_once() -> None:
    """Of parallel attempts, only the one that reaches the cap reports that the account is disabled."""
    app = App(policy=replace(POLICY, throttle=Throttle(free=2, cap=2)))
    app.enroll()
    app.auth.issue_recovery_codes(WHO)
    rival = app.other()
    # Between the write that counts the attempt and the answer.
    intruder = Interrupted(app.store, call=2, intruder=lambda: rival.auth.redeem_recovery_code(WHO, "1" * 16))
    mine = app.other(store=intruder)
    mine.auth.redeem_recovery_code(WHO, "0" * 16)
    assert mine.take_events() == [rejected(Reason.MISMATCH, 1)]
    assert rival.take_events() == [rejected(Reason.MISMATCH, 2), at(NOW, events.Disabled, failures=2)]


@pytest.mark.proves("NIST-4.1")
@both
def test_the_rest(runtime: str) -> None:
    """Showing a secret again, each revocation and forgetting are reported; reading the status is not."""
    app = App(runtime)
    app.enroll()
    for operation in ("provisioning", "status", "revoke", "revoke", "forget", "forget"):
        getattr(app.auth, operation)(WHO)
    kinds = (events.ProvisioningShown, events.Revoked, events.Revoked, events.Forgotten)
    assert app.take_events() == [at(NOW, kind) for kind in kinds]


@pytest.mark.proves("ASVS-13.3")
@both
def test_resealed(runtime: str) -> None:
    """A reseal is reported after the event of the operation that caused it."""
    app = App(runtime, vault=Vault({"old": bytes(32)}))
    phone = app.enroll()
    rotated = app.other(vault=Vault({"new": bytes(range(32)), "old": bytes(32)}))
    rotated.auth.verify(WHO, phone.code())
    rotated.auth.verify(WHO, phone.code())
    assert rotated.take_events() == [
        at(NOW, events.CodeAccepted, step=STEP + 1, drift=0),
        at(NOW, events.Resealed),
        rejected(Reason.REPLAYED, 1),
    ]


Operation = Callable[[App, SoftPhone, tuple[str, ...]], object]
OPERATIONS: dict[str, Operation] = {
    "right code": lambda app, phone, _: app.auth.verify(WHO, phone.code()),
    "wrong code": lambda app, phone, _: app.auth.verify(WHO, wrong(phone)),
    "resync": lambda app, phone, _: app.auth.resync(WHO, phone.code(), phone.code(steps=1)),
    "recovery code": lambda app, _, codes: app.auth.redeem_recovery_code(WHO, codes[0]),
    "wrong recovery code": lambda app, _, __: app.auth.redeem_recovery_code(WHO, "0" * 16),
    "enrollment": lambda app, _, __: app.auth.begin_enrollment(WHO, label=LABEL),
    "confirmation": lambda app, _, __: app.auth.confirm_enrollment(WHO, "000000", binding="b"),
    "codes": lambda app, _, __: app.auth.issue_recovery_codes(WHO),
    "unlock": lambda app, _, __: app.auth.unlock(WHO),
    "revoke": lambda app, _, __: app.auth.revoke(WHO),
    "forget": lambda app, _, __: app.auth.forget(WHO),
}
each_operation = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)


def world(runtime: str) -> tuple[App, SoftPhone, tuple[str, ...]]:
    """Return an app with an enrolled phone, recovery codes, a pending replacement and a failure."""
    app = App(runtime)
    phone = app.enroll()
    codes = app.auth.issue_recovery_codes(WHO)
    app.scan(binding="b")
    app.fail(1)
    app.take_events()
    return app, phone, codes


@both
@each_operation
def test_lost_races(runtime: str, operation: Operation) -> None:
    """An operation reports its result once, however many races it loses, and nothing if it loses them all."""
    found: dict[int, list[type[Event]]] = {}
    for lost in (0, 6, 10**6):
        app, phone, codes = world(runtime)
        raced = app.other(
            store=Raced(app.store, lambda swap, lost=lost, app=app: app.rewrite() if swap < lost else None)
        )
        if lost == 10**6:
            with pytest.raises(StoreError):
                operation(raced, phone, codes)
        else:
            operation(raced, phone, codes)
        found[lost] = [type(event) for event in raced.take_events()]
    assert found[0]
    assert found == {0: found[0], 6: found[0], 10**6: []}


@pytest.mark.proves("T34")
@both
@each_operation
def test_reported_after_the_write(runtime: str, operation: Operation) -> None:
    """When an event is reported, the store has what it reports, and the handler may read it."""
    app, phone, codes = world(runtime)
    seen: list[bytes | None] = []
    operation(app.other(on_event=lambda _: seen.append(app.store.load(WHO))), phone, codes)
    assert set(seen) == {app.store.load(WHO)}


@both
@each_operation
def test_raising_handler(runtime: str, operation: Operation, caplog: pytest.LogCaptureFixture) -> None:
    """A handler that raises changes neither the result nor the record, and is logged."""

    def handler(_: Event) -> None:
        raise ZeroDivisionError("the handler's own")

    results, records = [], []
    for on_event in (None, handler):
        app, phone, codes = world(runtime)
        result = operation(app.other(on_event=on_event), phone, codes)
        results.append(repr(result) if type(result).__name__ in {"Accepted", "Rejected"} else type(result))
        records.append((app.record().failures, app.record().revision))
    assert results[0] == results[1]
    assert records[0] == records[1]
    assert "ZeroDivisionError: the handler's own" in caplog.text
