"""What a flow says to those who put it into an app, in the log: nothing that a visitor is told."""

import logging
from collections.abc import Callable

import pytest

from tests.support.authenticators import WHO, both
from tests.support.flows import KEYS, Person, Result, Shop, Steps, phone_then_mail, ready, usual
from totpkit import (
    Authenticated,
    AuthFlow,
    Challenge,
    Denied,
    FlowError,
    Password,
    Reason,
    RecoveryCode,
    TotpCode,
)

LOCKS_OUT = (
    "one step of the flow {} asks everybody for a recovery code at every login, until all are used up: "
    "if it is meant in place of the phone, join the two by |, as in TotpCode(auth) | RecoveryCode(auth)"
)
BOUND_ELSEWHERE = (
    "a ticket was refused: it was issued for another binding; give the same to begin, resume and submit"
)


def logged(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Return level and text of what went to the library's logger since the last look."""
    found = [(log.levelname, log.getMessage()) for log in caplog.records if log.name == "totpkit"]
    caplog.clear()
    return found


class PaperCode(RecoveryCode):
    """A recovery code by another name."""

    name = "paper"


MISJOINED: dict[str, tuple[Steps, str]] = {
    "after": (lambda shop: (shop.totp(), shop.recovery()), "password;totp;recovery"),
    "before": (lambda shop: (shop.recovery(), shop.totp()), "password;recovery;totp"),
    "after a choice": (
        lambda shop: (shop.totp() | shop.email(), shop.recovery()),
        "password;totp|email;recovery",
    ),
    "further on": (
        lambda shop: (shop.totp(), shop.email(), shop.recovery()),
        "password;totp;email;recovery",
    ),
    "optional": (lambda shop: (shop.totp(required=False), shop.recovery()), "password;totp;recovery"),
    "two kinds": (
        lambda shop: (shop.totp(), shop.recovery() | PaperCode(shop.own)),
        "password;totp;recovery|paper",
    ),
}


@both
@pytest.mark.parametrize(("then", "shape"), MISJOINED.values(), ids=MISJOINED)
def test_recovery_alone(colour: str, then: Steps, shape: str, caplog: pytest.LogCaptureFixture) -> None:
    """A flow that takes a recovery code besides the phone's is built, and warned of once."""
    Shop(colour, first=Shop.password, then=then)
    assert logged(caplog) == [("WARNING", LOCKS_OUT.format(shape))]


LEGITIMATE: dict[str, Steps] = {
    "none": lambda _: (),
    "all": usual,
    "phone": lambda shop: (shop.totp(),),
    "joined": lambda shop: (shop.totp() | shop.recovery(),),
    "joined the other way": lambda shop: (shop.recovery() | shop.totp(),),
    "joined, then mail": lambda shop: (shop.totp() | shop.recovery(), shop.email()),
    "phone, then mail": phone_then_mail,
    "phone, then a choice": lambda shop: (shop.totp(), shop.recovery() | shop.email()),
    "recovery, for lost phones": lambda shop: (shop.recovery(),),
    "mail and recovery, for lost phones": lambda shop: (shop.email(), shop.recovery()),
}


@both
@pytest.mark.parametrize("then", LEGITIMATE.values(), ids=LEGITIMATE)
def test_nothing_to_warn_of(colour: str, then: Steps, caplog: pytest.LogCaptureFixture) -> None:
    """A flow in which nobody needs a recovery code besides the phone's is built in silence."""
    caplog.set_level(logging.DEBUG)
    Shop(colour, then=then)
    assert logged(caplog) == []


def test_refused_in_silence(caplog: pytest.LogCaptureFixture) -> None:
    """Steps that make no flow raise, and are not warned of besides."""
    shop = Shop()
    with pytest.raises(FlowError):
        AuthFlow(
            Password(lambda *_: None),
            TotpCode(shop.own),
            RecoveryCode(shop.own),
            TotpCode(shop.own),
            name="shop",
            keys=KEYS,
        )
    assert logged(caplog) == []


def arrived(alice: Person) -> Challenge:
    """Return the challenge of somebody who has given the password."""
    challenge = alice.come_in()
    assert isinstance(challenge, Challenge)
    return challenge


STAGES: dict[str, Callable[[Person], Challenge]] = {"first": Person.begin, "second": arrived}
CALLS: dict[str, Callable[[Person, str, str], Result]] = {
    "resume": lambda alice, ticket, binding: alice.reload(ticket, binding=binding),
    "submit": lambda alice, ticket, binding: alice.answer(ticket, alice.code(), binding=binding),
}
each_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
each_stage = pytest.mark.parametrize("begun", STAGES.values(), ids=STAGES)


@both
@each_call
@each_stage
@pytest.mark.parametrize(
    ("given", "later"), [("browser 1", "browser 2"), ("browser 1", ""), ("", "browser 1")]
)
def test_another_binding(
    colour: str,
    call: Callable[[Person, str, str], Result],
    begun: Callable[[Person], Challenge],
    given: str,
    later: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A ticket that comes back with another binding is refused as a forged one is, and the log says why."""
    _, alice = ready(colour)
    alice.binding = given
    ticket = begun(alice).ticket
    caplog.set_level(logging.DEBUG, "totpkit")
    assert call(alice, ticket, later) == Denied(Reason.TICKET_INVALID) == call(alice, f"{ticket}A", given)
    texts = caplog.text
    assert logged(caplog) == [("INFO", BOUND_ELSEWHERE)]
    assert [text for text in (ticket, "browser", WHO, "alice") if text in texts] == []


@both
@each_call
def test_other_refusals(
    colour: str, call: Callable[[Person, str, str], Result], caplog: pytest.LogCaptureFixture
) -> None:
    """A ticket that is forged, of another flow or key, or too old, is no matter of its binding."""
    shop, alice = ready(colour)
    ticket = arrived(alice).ticket
    strangers = [shop.again(name="bank"), shop.again(keys=[b"o" * 32]), shop.again(then=phone_then_mail)]
    caplog.set_level(logging.DEBUG, "totpkit")
    for other in strangers:
        stranger = Person(other)
        stranger.phone = alice.phone
        assert call(stranger, ticket, "browser 2") == Denied(Reason.TICKET_INVALID)
    for text in ("", "x", ticket[:-1], ticket[1:], f"{ticket} "):
        assert call(alice, text, "browser 2") == Denied(Reason.TICKET_INVALID)
    assert isinstance(alice.reload(ticket), Challenge)
    shop.clock.advance(600)
    assert call(alice, ticket, alice.binding) == Denied(Reason.TICKET_EXPIRED)
    assert logged(caplog) == []


@both
def test_own_binding(colour: str, caplog: pytest.LogCaptureFixture) -> None:
    """A login that keeps its binding says nothing of it."""
    _, alice = ready(colour)
    caplog.set_level(logging.DEBUG, "totpkit")
    assert isinstance(alice.log_in(), Authenticated)
    assert [text for _, text in logged(caplog) if "binding" in text] == []
