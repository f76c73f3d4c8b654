"""One way to run_sync both faces of a flow, with an app around it and people before it."""

import asyncio
import functools
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from tests.support.authenticators import LABEL, POLICY, SYNC, WHO, App, Blocking, wrong
from totpkit import (
    Answer,
    AsyncAuthFlow,
    AsyncSelfService,
    Authenticated,
    AuthFlow,
    Challenge,
    CodeAnswer,
    CodePrompt,
    Denied,
    Email,
    EmailAnswer,
    EmailCode,
    EmailPrompt,
    EnrollmentPrompt,
    Federated,
    FederatedPrompt,
    FirstFactor,
    Password,
    PasswordAnswer,
    PasswordPrompt,
    Reason,
    RecoveryCode,
    RecoveryPrompt,
    SecondFactor,
    SelfService,
    SendEmail,
    TotpCode,
)
from totpkit.testing import SoftPhone

KEYS = [b"k" * 32]
BOB = "acct-2"
OF_ALICE, OF_BOB = PasswordAnswer("alice", "pw"), PasswordAnswer("bob", "pw of bob")
START = 1_700_000_000.0
ADDRESS = "alice@example.com"

FIRST = (PasswordPrompt(), FederatedPrompt("google"))
"""What the usual flow asks first,"""
SECOND = (CodePrompt(8), RecoveryPrompt(), EmailPrompt("a***@example.com"))
"""and of an account with a phone then."""

EIGHT = replace(POLICY, digits=8)
"""Of two phones, codes of 6 digits are the same too often for a test."""

Result = Challenge | Authenticated | Denied
Steps = Callable[["Shop"], Sequence[SecondFactor]]


def coloured(colour: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a callable of the app's for one colour: for the async one it suspends."""
    if colour == SYNC:
        return function

    @functools.wraps(function)
    async def later(*args: Any, **named: Any) -> Any:
        await asyncio.sleep(0)
        return function(*args, **named)

    return later


def usual(shop: "Shop") -> tuple[SecondFactor, ...]:
    """Return one later step with all of the library's second factors."""
    return (shop.totp() | shop.recovery() | shop.email(),)


def phone_only(shop: "Shop") -> tuple[SecondFactor, ...]:
    """Return one later step with the phone alone."""
    return (shop.totp(),)


def phone_then_mail(shop: "Shop") -> tuple[SecondFactor, ...]:
    """Return two later steps: the phone, then a mailed code."""
    return (shop.totp(), shop.email())


def mail_then_phone(shop: "Shop") -> tuple[SecondFactor, ...]:
    """Return two later steps: a mailed code, then the phone."""
    return (shop.email(), shop.totp())


class Shop(App):
    """An app whose people log in by a flow of either colour; it keeps the mail that it sends."""

    def __init__(
        self,
        colour: str = SYNC,
        *,
        first: Callable[["Shop"], FirstFactor] | None = None,
        then: Steps = usual,
        name: str = "shop",
        keys: Sequence[bytes] = KEYS,
        **parts: Any,
    ) -> None:
        super().__init__(colour, **{"policy": EIGHT, **parts})
        self.mailbox: list[Email] = []
        self.passwords = {("alice", "pw"): WHO, ("bob", "pw of bob"): BOB}
        self.addresses: dict[str, str | None] = {WHO: ADDRESS, BOB: "bob@example.com"}
        self.first = self.either() if first is None else first(self)
        self.flow: Any = self.built(self.first, *then(self), name=name, keys=keys)

    @property
    def own(self) -> Any:
        """The authenticator itself, of whichever colour."""
        return self.auth if self.colour == SYNC else self.auth.auth  # type: ignore[attr-defined]

    def built(self, *steps: Any, name: Any = "shop", keys: Any = KEYS, clock: Any = None) -> Any:
        """Return another flow of this app, its methods to be called."""
        clock = self.clock if clock is None else clock
        if self.colour == SYNC:
            return AuthFlow(*steps, name=name, keys=keys, clock=clock)
        return Blocking(AsyncAuthFlow(*steps, name=name, keys=keys, clock=clock))

    def desk(self, flow: Any = None, **parts: Any) -> Any:
        """Return self-service for the flow, its methods to be called."""
        flow = self.flow if flow is None else flow
        if self.colour == SYNC:
            return SelfService(self.own, flow, **parts)
        return Blocking(AsyncSelfService(self.own, flow.auth, **parts))

    def again(self, **changes: Any) -> "Shop":
        """Return another app on the same store, by the same clock: another process, or tomorrow's."""
        same = {"store": self.store, "clock": self.clock, "policy": self.policy, "vault": self.vault}
        return Shop(self.colour, **{**same, **changes})

    # Factors

    def either(self) -> FirstFactor:
        """Return the usual first step."""
        return self.password() | Federated("google")

    def password(self) -> Password:
        """Return the app's passwords as a factor."""
        return Password(coloured(self.colour, self._check_password))

    def totp(self, **flags: Any) -> TotpCode:
        """Return the phone as a factor."""
        flags = {
            name: coloured(self.colour, flag) if callable(flag) else flag for name, flag in flags.items()
        }
        flags.setdefault("label_of", coloured(self.colour, self._label_of))
        return TotpCode(self.own, **flags)

    def recovery(self) -> RecoveryCode:
        """Return recovery codes as a factor."""
        return RecoveryCode(self.own)

    def email(self, **terms: Any) -> EmailCode:
        """Return mailed codes as a factor, by the app's mailbox."""
        terms.setdefault("mailer", coloured(self.colour, self.mailbox.append))
        terms.setdefault("address_of", coloured(self.colour, self.addresses.get))
        return EmailCode(self.own, **terms)

    def mailed_code(self, place: int = -1) -> str:
        """Return the code in a letter."""
        found = re.search(r"\b[0-9]{6,8}\b", self.mailbox[place].text)
        assert found is not None
        return found[0]

    def _check_password(self, username: str, password: str) -> str | None:
        return self.passwords.get((username, password))

    def _label_of(self, account_id: str) -> str:
        return LABEL if account_id == WHO else f"label of {account_id[:4]}"


class Person:
    """Somebody with a browser and a password, and with a phone once they have scanned a picture."""

    def __init__(
        self, shop: Shop, credentials: PasswordAnswer = OF_ALICE, *, binding: str = "browser 1"
    ) -> None:
        self.shop = shop
        self.credentials = credentials
        self.binding = binding
        self.phone: SoftPhone | None = None

    def begin(self) -> Challenge:
        """Open the login page."""
        return self.shop.flow.begin(binding=self.binding)

    def answer(self, challenge: Challenge | str, answer: Answer, **named: Any) -> Any:
        """Answer a challenge, or by its ticket."""
        ticket = challenge if isinstance(challenge, str) else challenge.ticket
        return self.shop.flow.submit(ticket, answer, **{"binding": self.binding, **named})

    def reload(self, challenge: Challenge | str, **named: Any) -> Any:
        """Load the page of a challenge again."""
        ticket = challenge if isinstance(challenge, str) else challenge.ticket
        return self.shop.flow.resume(ticket, **{"binding": self.binding, **named})

    def step_up(self, proof: str) -> Any:
        """Begin a step-up."""
        return self.shop.flow.begin_step_up(proof, binding=self.binding)

    def come_in(self) -> Any:
        """Begin a login and give name and password."""
        return self.answer(self.begin(), self.credentials)

    def on_from(self, challenge: Any) -> Any:
        """Answer rightly whatever is asked, the phone first."""
        kinds = {type(prompt) for prompt in challenge.prompts}
        if EnrollmentPrompt in kinds:
            self.scan(challenge)
        if kinds & {EnrollmentPrompt, CodePrompt}:
            return self.answer(challenge, self.code())
        self.answer(challenge, SendEmail())
        return self.answer(challenge, EmailAnswer(self.shop.mailed_code()))

    def scan(self, challenge: Challenge) -> SoftPhone:
        """Take the secret that is shown into the phone."""
        (prompt,) = challenge.prompts
        assert isinstance(prompt, EnrollmentPrompt)
        self.phone = SoftPhone(prompt.uri, clock=self.shop.clock)
        return self.phone

    def code(self, steps: int = 0) -> CodeAnswer:
        """Type the phone's code, or the one so many steps later."""
        assert self.phone is not None
        return CodeAnswer(self.phone.code(steps))

    def wrong(self) -> CodeAnswer:
        """Type a code that the phone does not show."""
        assert self.phone is not None
        return CodeAnswer(wrong(self.phone))

    def enroll(self) -> Authenticated:
        """Log in for the first time with a phone; return that login, a step later, with no events told."""
        result = self.log_in()
        assert result.enrolled
        self.shop.events.clear()
        return result

    def log_in(self) -> Authenticated:
        """Log in, by the phone where it is asked for; return that login, a step later."""
        result = self.come_in()
        while isinstance(result, Challenge):
            assert result.problem is None
            result = self.on_from(result)
        self.shop.clock.advance(self.shop.policy.period)
        return lets_in(result)


def asks(
    result: Result, *kinds: type, problem: Reason | None = None, retry_after: float | None = None
) -> Challenge:
    """Return a result that must be a challenge with prompts of these kinds, and with this problem."""
    assert isinstance(result, Challenge), result
    assert [type(prompt) for prompt in result.prompts] == list(kinds)
    assert (result.problem, result.retry_after) == (problem, retry_after)
    return result


def asks_again(
    result: Result, before: Challenge, problem: Reason | None, retry_after: float | None = None
) -> Challenge:
    """Return a result that must be the same challenge once more, with this problem."""
    assert isinstance(result, Challenge), result
    assert (result.problem, result.retry_after) == (problem, retry_after)
    assert (result.ticket, result.prompts) == (before.ticket, before.prompts)
    return result


def lets_in(result: Result) -> Authenticated:
    """Return a result that must be a finished login."""
    assert isinstance(result, Authenticated), result
    return result


def ready(colour: str, **parts: Any) -> tuple[Shop, Person]:
    """Return an app and somebody who has enrolled there."""
    shop = Shop(colour, **parts)
    alice = Person(shop)
    alice.enroll()
    return shop, alice
