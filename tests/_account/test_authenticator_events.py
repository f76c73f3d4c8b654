"""What each operation of the authenticator tells, and that telling changes nothing."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.support.authenticators import LABEL, POLICY, SYNC, WHO, App, both, wrong
from tests.support.fakes import Faulty, Interrupted, Raced
from totpkit import FlowError, Reason, Rejected, StoreError, Throttle, events
from totpkit.events import Event
from totpkit.stores.memory import MemoryStore
from totpkit.testing import SoftPhone
from totpkit.vault import Vault

START = 1_700_000_000.0
STEP = 56_666_666
NOW = START + 30


def at(now: float, kind: type[Event], **more: Any) -> Event:
    """Return an event of the account at a time."""
    return kind(account_id=WHO, at=now, **more)


def refused(reason: Reason, failures: int, now: float = NOW) -> Event:
    """Return the event of a refuse."""
    return at(now, events.CodeRejected, reason=reason, failures=failures)


@pytest.mark.proves("NIST-4.1")
@both
def test_enrollment(colour: str) -> None:
    """Enrollment tells when a secret was made, each refuse, and the confirmation; what is not new is not."""
    app = App(colour)
    phone = SoftPhone(app.auth.begin_enrollment(WHO, label=LABEL, binding="b").uri, clock=app.clock)
    assert app.told() == [at(START, events.EnrollmentBegun, expires_at=START + 600)]
    app.auth.begin_enrollment(WHO, label=LABEL, binding="b")
    assert app.told() == []
    app.auth.confirm_enrollment(WHO, wrong(phone), binding="b")
    app.auth.confirm_enrollment(WHO, "x", binding="b")
    app.auth.confirm_enrollment(WHO, phone.code(), binding="other")
    assert app.told() == [
        refused(Reason.MISMATCH, 1, START),
        refused(Reason.MALFORMED, 2, START),
        refused(Reason.EXPIRED, 2, START),
    ]
    app.auth.confirm_enrollment(WHO, phone.code(), binding="b")
    assert app.told() == [at(START, events.EnrollmentConfirmed, replaced=False)]
    app.clock.advance(5)
    new = SoftPhone(app.auth.begin_enrollment(WHO, label=LABEL).uri, clock=app.clock)
    app.auth.confirm_enrollment(WHO, new.code())
    assert app.told() == [
        at(START + 5, events.EnrollmentBegun, expires_at=START + 605),
        at(START + 5, events.EnrollmentConfirmed, replaced=True),
    ]
    app.auth.begin_enrollment(WHO, label=LABEL)
    app.told()
    app.auth.cancel_enrollment(WHO)
    app.auth.cancel_enrollment(WHO)
    assert app.told() == []


@both
def test_ignored_parameters(colour: str) -> None:
    """A phone that ignored parameters is told as the reason of a refuse."""
    app = App(colour, policy=replace(POLICY, digits=8))
    uri = app.auth.begin_enrollment(WHO, label=LABEL).uri
    app.told()
    app.auth.confirm_enrollment(WHO, SoftPhone(uri, clock=app.clock, ignores_parameters=True).code())
    assert app.told() == [refused(Reason.APP_IGNORED_PARAMETERS, 1, START)]


@pytest.mark.proves("NIST-4.1")
@both
def test_codes(colour: str) -> None:
    """Every attempt tells what it came to: accepted, refused, throttled, and the end once."""
    app = App(colour, policy=replace(POLICY, throttle=Throttle(free=3, cap=4)))
    phone = app.enroll()
    app.auth.verify(WHO, phone.code())
    app.auth.verify(WHO, phone.code())
    app.auth.verify(WHO, wrong(phone))
    app.auth.verify(WHO, "x")
    app.clock.advance(10)
    app.auth.verify(WHO, "x")
    assert app.told() == [
        at(NOW, events.CodeAccepted, step=STEP + 1, drift=0),
        refused(Reason.REPLAYED, 1),
        refused(Reason.MISMATCH, 2),
        refused(Reason.MALFORMED, 3),
        at(NOW + 10, events.Throttled, retry_after=20.0),
    ]
    app.clock.advance(20)
    app.auth.verify(WHO, "x")
    app.auth.verify(WHO, phone.code())
    assert app.told() == [
        refused(Reason.MALFORMED, 4, NOW + 30),
        at(NOW + 30, events.Disabled, failures=4),
        refused(Reason.DISABLED, 4, NOW + 30),
    ]
    app.auth.unlock(WHO)
    app.auth.unlock(WHO)
    assert app.told() == [at(NOW + 30, events.Unlocked)]
    app.auth.verify("nobody", "000000")
    expected = events.CodeRejected(account_id="nobody", at=NOW + 30, reason=Reason.NOT_ENROLLED, failures=0)
    assert app.told() == [expected]


@pytest.mark.proves("NIST-4.1")
@both
def test_resync(colour: str) -> None:
    """A resynchronisation tells the drift that it adopted, or why it was refused."""
    app = App(colour)
    phone = app.enroll()
    app.auth.resync(WHO, phone.code(3), phone.code(5))
    app.auth.resync(WHO, phone.code(3), phone.code(4))
    assert app.told() == [refused(Reason.MISMATCH, 1), at(NOW, events.Resynchronized, drift=4)]


@pytest.mark.proves("NIST-4.1")
@both
def test_recovery(colour: str) -> None:
    """Recovery codes tell when they are issued, used, and few; refusals tell the reason."""
    app = App(colour, policy=replace(POLICY, recovery_codes=3, recovery_low=1))
    assert app.auth.issue_recovery_codes(WHO) == ()
    assert app.told() == []
    app.enroll()
    codes = app.auth.issue_recovery_codes(WHO)
    assert app.told() == [at(NOW, events.RecoveryCodesIssued, count=3)]
    app.auth.redeem_recovery_code(WHO, codes[0])
    assert app.told() == [at(NOW, events.RecoveryCodeUsed, left=2)]
    app.auth.redeem_recovery_code(WHO, codes[1])
    assert app.told() == [at(NOW, events.RecoveryCodeUsed, left=1), at(NOW, events.RecoveryCodesLow, left=1)]
    app.auth.redeem_recovery_code(WHO, codes[1])
    app.auth.redeem_recovery_code(WHO, "0" * 16)
    app.auth.redeem_recovery_code(WHO, "0")
    assert app.told() == [
        refused(Reason.REPLAYED, 1),
        refused(Reason.MISMATCH, 2),
        refused(Reason.MALFORMED, 3),
    ]
    app.auth.redeem_recovery_code(WHO, codes[2])
    assert app.told() == [at(NOW, events.RecoveryCodeUsed, left=0), at(NOW, events.RecoveryCodesLow, left=0)]
    app.fail(5)
    app.told()
    app.auth.redeem_recovery_code(WHO, codes[2])
    assert app.told() == [at(NOW, events.Throttled, retry_after=30.0)]


@pytest.mark.proves("NIST-4.1", "NIST-3.2.2")
@both
@pytest.mark.parametrize("typed", ["0" * 16, "0"])
def test_recovery_disables(colour: str, typed: str) -> None:
    """The wrong recovery code that reaches the cap tells of the end."""
    app = App(colour, policy=replace(POLICY, throttle=Throttle(free=1, cap=1)))
    app.enroll()
    app.auth.issue_recovery_codes(WHO)
    app.told()
    answer = app.auth.redeem_recovery_code(WHO, typed)
    assert isinstance(answer, Rejected)
    assert app.told() == [refused(answer.reason, 1), at(NOW, events.Disabled, failures=1)]


def test_disabled_once() -> None:
    """Of parallel attempts one alone tells of the end: the one that reached it."""
    app = App(policy=replace(POLICY, throttle=Throttle(free=2, cap=2)))
    app.enroll()
    app.auth.issue_recovery_codes(WHO)
    app.told()
    rival = app.other()

    def act() -> None:
        rival.auth.redeem_recovery_code(WHO, "1" * 16)

    # Between the write that counts the attempt and the answer.
    mine = app.other(store=Interrupted(app.store, call=2, intruder=act))
    mine.auth.redeem_recovery_code(WHO, "0" * 16)
    assert mine.told() == [refused(Reason.MISMATCH, 1)]
    assert rival.told() == [refused(Reason.MISMATCH, 2), at(NOW, events.Disabled, failures=2)]


@pytest.mark.proves("NIST-4.1")
@both
def test_the_rest(colour: str) -> None:
    """Showing a secret again, each revocation, and forgetting are told; asking for the status is not."""
    app = App(colour)
    app.enroll()
    app.auth.provisioning(WHO)
    assert app.told() == [at(NOW, events.ProvisioningShown)]
    app.auth.status(WHO)
    assert app.told() == []
    app.auth.revoke(WHO)
    app.auth.revoke(WHO)
    assert app.told() == [at(NOW, events.Revoked)] * 2
    app.auth.forget(WHO)
    app.auth.forget(WHO)
    assert app.told() == [at(NOW, events.Forgotten)]


@pytest.mark.proves("ASVS-13.3")
@both
def test_resealed(colour: str) -> None:
    """That a secret was sealed anew is told after what brought it about."""
    app = App(colour, vault=Vault({"old": bytes(32)}))
    phone = app.enroll()
    rotated = app.other(vault=Vault({"new": bytes(range(32)), "old": bytes(32)}))
    rotated.auth.verify(WHO, phone.code())
    rotated.auth.verify(WHO, phone.code())
    assert rotated.told() == [
        at(NOW, events.CodeAccepted, step=STEP + 1, drift=0),
        at(NOW, events.Resealed),
        refused(Reason.REPLAYED, 1),
    ]


OPERATIONS: dict[str, Callable[[App, SoftPhone, tuple[str, ...]], object]] = {
    "right code": lambda app, phone, _: app.auth.verify(WHO, phone.code()),
    "wrong code": lambda app, phone, _: app.auth.verify(WHO, wrong(phone)),
    "resync": lambda app, phone, _: app.auth.resync(WHO, phone.code(), phone.code(1)),
    "recovery code": lambda app, _, codes: app.auth.redeem_recovery_code(WHO, codes[0]),
    "wrong recovery code": lambda app, _, __: app.auth.redeem_recovery_code(WHO, "0" * 16),
    "enrollment": lambda app, _, __: app.auth.begin_enrollment(WHO, label=LABEL),
    "confirmation": lambda app, _, __: app.auth.confirm_enrollment(WHO, "000000", binding="b"),
    "codes": lambda app, _, __: app.auth.issue_recovery_codes(WHO),
    "unlock": lambda app, _, __: app.auth.unlock(WHO),
    "revoke": lambda app, _, __: app.auth.revoke(WHO),
    "forget": lambda app, _, __: app.auth.forget(WHO),
}


def world(colour: str, **choices: Any) -> tuple[App, SoftPhone, tuple[str, ...]]:
    """Return an app with an enrolled phone, recovery codes, a pending replacement and a failure."""
    app = App(colour, **choices)
    phone = app.enroll()
    codes = app.auth.issue_recovery_codes(WHO)
    app.auth.begin_enrollment(WHO, label=LABEL, binding="b")
    app.fail(1)
    app.told()
    return app, phone, codes


@both
@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_none_for_a_lost_race(colour: str, operation: Callable[..., object]) -> None:
    """However many races an operation loses, it tells once what it came to; if the store failed, nothing."""
    app, phone, codes = world(colour)

    def rival(swap: int, last: int) -> None:
        if swap < last:
            app.rewrite()

    quiet = app.other(store=Raced(app.store, lambda swap: rival(swap, 10**6)))
    with pytest.raises(StoreError):
        operation(quiet, phone, codes)
    assert quiet.told() == []
    raced = app.other(store=Raced(app.store, lambda swap: rival(swap, 6)))
    operation(raced, phone, codes)
    told = raced.told()
    again, phone_again, codes_again = world(colour)
    operation(again, phone_again, codes_again)
    assert [type(event) for event in told] == [type(event) for event in again.told()]


@pytest.mark.proves("T34")
@both
@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_told_after_the_write(colour: str, operation: Callable[..., object]) -> None:
    """When an event is told, what it tells is in the store already, and the handler may ask about it."""
    seen: list[tuple[Event, bytes | None]] = []
    store = MemoryStore()
    app, phone, codes = world(colour, store=store)
    listening = app.other(on_event=lambda event: seen.append((event, store.load(WHO))))
    operation(listening, phone, codes)
    assert seen
    assert {stored for _, stored in seen} == {store.load(WHO)}


@both
@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_raising_handler(
    colour: str, operation: Callable[..., object], caplog: pytest.LogCaptureFixture
) -> None:
    """A handler that raises changes neither the answer nor the record, and is logged."""

    def handler(_: Event) -> None:
        raise ZeroDivisionError("the handler's own")

    answers, records = [], []
    for on_event in (None, handler):
        app, phone, codes = world(colour)
        answers.append(operation(app.other(on_event=on_event), phone, codes))
        records.append(app.record())
    kinds = [type(answer) for answer in answers]
    assert kinds[0] is kinds[1]
    if kinds[0].__name__ in {"Accepted", "Rejected"}:
        assert answers[0] == answers[1]
    assert records[0].failures == records[1].failures
    assert records[0].revision == records[1].revision
    assert "ZeroDivisionError: the handler's own" in caplog.text


def test_late_handler(caplog: pytest.LogCaptureFixture) -> None:
    """An async handler is refused by the sync face if it can be seen, else logged; the outcome stands."""

    async def handler(_: Event) -> None:
        await asyncio.sleep(0)

    with pytest.raises(FlowError):
        App(SYNC, on_event=handler)
    app, phone, _ = world(SYNC)
    hidden = app.other(on_event=lambda event: handler(event))  # noqa: PLW0108 - hides what it is
    assert hidden.auth.verify(WHO, phone.code())
    assert "FlowError" in caplog.text


def test_handler_of_either_kind() -> None:
    """The async face awaits an async handler."""
    told: list[Event] = []

    async def handler(event: Event) -> None:
        await asyncio.sleep(0)
        told.append(event)

    app = App("async", on_event=handler)
    app.enroll()
    kinds = [type(event).__name__ for event in told]
    assert kinds == ["EnrollmentBegun", "EnrollmentConfirmed"]


@both
def test_logged(colour: str, caplog: pytest.LogCaptureFixture) -> None:
    """Every event is logged under totpkit as it is told, and nothing else is."""
    caplog.set_level(logging.DEBUG)
    app, phone, codes = world(colour)
    caplog.clear()
    for operation in OPERATIONS.values():
        operation(app, phone, codes)
    told = app.told()
    ours = [log.getMessage() for log in caplog.records if log.name == "totpkit"]
    assert ours == [str(event) for event in told]
    assert {log.name for log in caplog.records} <= {"totpkit", "asyncio"}


@pytest.mark.proves("T34")
def test_none_when_the_store_fails() -> None:
    """An operation whose store fails tells nothing."""
    for operation in OPERATIONS.values():
        for after in (False, True):
            app, phone, codes = world(SYNC)
            failing = app.other(store=Faulty(app.store, call=0, after=after))
            with pytest.raises(StoreError):
                operation(failing, phone, codes)
            assert failing.told() == []
