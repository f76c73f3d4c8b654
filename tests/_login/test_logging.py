"""What a flow logs for developers, and never tells visitors."""

import logging
from collections.abc import Callable

import pytest

from tests.support.authenticators import WHO, both
from tests.support.flows import Person, Result, Shop, Steps, all_factors, phone_only, phone_then_email, ready
from totpkit import Challenge, Denied, FlowError, Reason, RecoveryCode

LOCKS_OUT = (
    "a step of the flow {} asks every user for a recovery code at every login, until all codes are used up. "
    "If the recovery code should replace the code from the device, join the two factors with |, as in "
    "TotpCode(auth) | RecoveryCode(auth)"
)
OTHER_BINDING = (
    "a ticket was rejected because it was issued for another binding; "
    "pass the same binding to begin, resume and submit"
)


def logged(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Return the level and text of what the library has logged since the last call."""
    found = [(log.levelname, log.getMessage()) for log in caplog.records if log.name == "totpkit"]
    caplog.clear()
    return found


class PaperCode(RecoveryCode):
    """A recovery code with another name."""

    name = "paper"


LOCKING_OUT: dict[str, Steps] = {
    "totp;recovery": lambda shop: (shop.totp(), shop.recovery()),
    "recovery;totp": lambda shop: (shop.recovery(), shop.totp()),
    "totp|email;recovery": lambda shop: (shop.totp() | shop.email(), shop.recovery()),
    "totp;email;recovery": lambda shop: (shop.totp(required=False), shop.email(), shop.recovery()),
    "totp;recovery|paper": lambda shop: (shop.totp(), shop.recovery() | PaperCode(shop.own)),
}
HARMLESS: dict[str, Steps] = {
    "none": lambda _: (),
    "all": all_factors,
    "phone": phone_only,
    "recovery or phone": lambda shop: (shop.recovery() | shop.totp(),),
    "recovery or phone, then email": lambda shop: (shop.totp() | shop.recovery(), shop.email()),
    "phone, then email": phone_then_email,
    "phone, then alternatives": lambda shop: (shop.totp(), shop.recovery() | shop.email()),
    "recovery without a phone": lambda shop: (shop.email(), shop.recovery()),
}


@both
@pytest.mark.parametrize(("shape", "then"), LOCKING_OUT.items(), ids=LOCKING_OUT)
def test_flow_that_locks_out(runtime: str, shape: str, then: Steps, caplog: pytest.LogCaptureFixture) -> None:
    """A flow that asks for a recovery code besides the phone logs one warning."""
    Shop(runtime, first=Shop.password, then=then)
    assert logged(caplog) == [("WARNING", LOCKS_OUT.format(f"password;{shape}"))]


@both
@pytest.mark.parametrize("then", HARMLESS.values(), ids=HARMLESS)
def test_harmless_flow(runtime: str, then: Steps, caplog: pytest.LogCaptureFixture) -> None:
    """A flow in which nobody needs a recovery code besides the phone logs nothing."""
    caplog.set_level(logging.DEBUG)
    Shop(runtime, then=then)
    assert logged(caplog) == []


def test_rejected_flow(caplog: pytest.LogCaptureFixture) -> None:
    """Steps that do not fit together raise, and log no warning."""
    with pytest.raises(FlowError):
        Shop(then=lambda shop: (shop.totp(), shop.recovery(), shop.totp()))
    assert logged(caplog) == []


CALLS: dict[str, Callable[[Person, str, str], Result]] = {
    "resume": lambda alice, ticket, binding: alice.reload(ticket, binding=binding),
    "submit": lambda alice, ticket, binding: alice.answer(ticket, alice.code(), binding=binding),
}
each_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


@both
@each_call
@pytest.mark.parametrize("begin", [Person.begin, Person.enter_password])
@pytest.mark.parametrize(
    ("binding", "other"), [("browser 1", "browser 2"), ("browser 1", ""), ("", "browser 1")]
)
def test_other_binding(
    runtime: str,
    call: Callable[[Person, str, str], Result],
    begin: Callable[[Person], Challenge],
    binding: str,
    other: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A ticket with another binding is rejected like a forged one, and the log says why and nothing more."""
    _, alice = ready(runtime)
    alice.binding = binding
    ticket = begin(alice).ticket
    caplog.set_level(logging.DEBUG, "totpkit")
    assert call(alice, ticket, other) == Denied(Reason.TICKET_INVALID) == call(alice, f"{ticket}A", binding)
    text = caplog.text
    assert logged(caplog) == [("INFO", OTHER_BINDING)]
    assert [word for word in (ticket, "browser", WHO, "alice") if word in text] == []


@both
@each_call
def test_other_rejections(
    runtime: str, call: Callable[[Person, str, str], Result], caplog: pytest.LogCaptureFixture
) -> None:
    """A ticket that is forged, expired, or of another flow is not reported as a problem of its binding."""
    shop, alice = ready(runtime)
    ticket = alice.enter_password().ticket
    others = [shop.again(name="bank"), shop.again(keys=[b"o" * 32]), shop.again(then=phone_then_email)]
    caplog.set_level(logging.DEBUG, "totpkit")
    for other in map(Person, others):
        other.phone = alice.phone
        assert call(other, ticket, "browser 2") == Denied(Reason.TICKET_INVALID)
    for text in ("", "x", ticket[:-1], ticket[1:], f"{ticket} "):
        assert call(alice, text, "browser 2") == Denied(Reason.TICKET_INVALID)
    assert isinstance(alice.reload(ticket), Challenge)
    shop.clock.advance(600)
    assert call(alice, ticket, alice.binding) == Denied(Reason.TICKET_EXPIRED)
    assert logged(caplog) == []
    alice.log_in()
    assert "binding" not in caplog.text
