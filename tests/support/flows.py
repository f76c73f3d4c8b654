"""An app whose users log in with a flow of either runtime, and users with a browser and a phone."""

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
    SkipAnswer,
    TotpCode,
)
from totpkit.testing import SoftPhone

KEYS = [b"k" * 32]
BOB = "acct-2"
OF_ALICE, OF_BOB = PasswordAnswer("alice", "pw"), PasswordAnswer("bob", "pw of bob")
START = 1_700_000_000.0
ADDRESS = "alice@example.com"

FIRST = (PasswordPrompt(), FederatedPrompt("google"))
"""The prompts of the first step of the default flow."""
SECOND = (CodePrompt(8), RecoveryPrompt(), EmailPrompt("a***@example.com"))
"""The prompts of its second step, for an account with a phone."""

EIGHT = replace(POLICY, digits=8)
"""Two phones show the same code of 6 digits too often for a test."""

Result = Challenge | Authenticated | Denied
Steps = Callable[["Shop"], Sequence[SecondFactor]]


def in_runtime(runtime: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a callback for a runtime: with the async one, a coroutine function that suspends."""
    if runtime == SYNC:
        return function

    @functools.wraps(function)
    async def suspend(*args: Any, **named: Any) -> Any:
        await asyncio.sleep(0)
        return function(*args, **named)

    return suspend


def all_factors(shop: "Shop") -> tuple[SecondFactor, ...]:
    """Return one later step with all second factors of the library."""
    return (shop.totp() | shop.recovery() | shop.email(),)


def phone_only(shop: "Shop") -> tuple[SecondFactor, ...]:
    """Return one later step with the phone alone."""
    return (shop.totp(),)


def email_only(shop: "Shop") -> tuple[SecondFactor, ...]:
    """Return one later step with an emailed code alone."""
    return (shop.email(),)


def phone_then_email(shop: "Shop") -> tuple[SecondFactor, ...]:
    """Return two later steps, the phone and then an emailed code."""
    return (shop.totp(), shop.email())


def email_then_phone(shop: "Shop") -> tuple[SecondFactor, ...]:
    """Return two later steps, an emailed code and then the phone."""
    return (shop.email(), shop.totp())


def phone(**flags: Any) -> Steps:
    """Return one later step with the phone alone, with these flags."""
    return lambda shop: (shop.totp(**flags),)


class Shop(App):
    """An app with a login flow of either runtime. It keeps the emails that it sends."""

    def __init__(
        self,
        runtime: str = SYNC,
        *,
        first: Callable[["Shop"], FirstFactor] | None = None,
        then: Steps = all_factors,
        name: str = "shop",
        keys: Sequence[bytes] = KEYS,
        **parts: Any,
    ) -> None:
        super().__init__(runtime, **{"policy": EIGHT, **parts})
        self.mailbox: list[Email] = []
        self.passwords = {("alice", "pw"): WHO, ("bob", "pw of bob"): BOB}
        self.addresses: dict[str, str | None] = {WHO: ADDRESS, BOB: "bob@example.com"}
        self.first = self.first_step() if first is None else first(self)
        self.flow: Any = self.built(self.first, *then(self), name=name, keys=keys)

    @property
    def own(self) -> Any:
        """The authenticator itself, not behind blocking calls."""
        return self.auth if self.runtime == SYNC else self.auth.auth  # type: ignore[attr-defined]

    def built(self, *steps: Any, name: Any = "shop", keys: Any = KEYS, clock: Any = None) -> Any:
        """Return another flow of this app, with methods that block."""
        clock = self.clock if clock is None else clock
        if self.runtime == SYNC:
            return AuthFlow(*steps, name=name, keys=keys, clock=clock)
        return Blocking(AsyncAuthFlow(*steps, name=name, keys=keys, clock=clock))

    def self_service(self, flow: Any = None, **parts: Any) -> Any:
        """Return self-service of a flow, with methods that block."""
        flow = self.flow if flow is None else flow
        if self.runtime == SYNC:
            return SelfService(self.own, flow, **parts)
        return Blocking(AsyncSelfService(self.own, flow.auth, **parts))

    def again(self, **changes: Any) -> "Shop":
        """Return another app with the same store and clock, such as another process."""
        same = {"store": self.store, "clock": self.clock, "policy": self.policy, "vault": self.vault}
        return Shop(self.runtime, **{**same, **changes})

    # Factors

    def first_step(self) -> FirstFactor:
        """Return the default first step."""
        return self.password() | Federated("google")

    def password(self) -> Password:
        """Return the passwords of the app as a factor."""
        return Password(in_runtime(self.runtime, self._check_password))

    def totp(self, **flags: Any) -> TotpCode:
        """Return the phone as a factor."""
        flags.setdefault("label_of", self._label_of)
        callbacks = {name: in_runtime(self.runtime, flag) for name, flag in flags.items() if callable(flag)}
        return TotpCode(self.own, **{**flags, **callbacks})

    def recovery(self) -> RecoveryCode:
        """Return recovery codes as a factor."""
        return RecoveryCode(self.own)

    def email(self, **parts: Any) -> EmailCode:
        """Return emailed codes as a factor. They are sent to the mailbox of the app."""
        parts.setdefault("mailer", in_runtime(self.runtime, self.mailbox.append))
        parts.setdefault("address_of", in_runtime(self.runtime, self.addresses.get))
        return EmailCode(self.own, **parts)

    def emailed_code(self, place: int = -1) -> str:
        """Return the code in an email."""
        found = re.search(r"\b[0-9]{6,8}\b", self.mailbox[place].text)
        assert found is not None
        return found[0]

    def _check_password(self, username: str, password: str) -> str | None:
        return self.passwords.get((username, password))

    def _label_of(self, account_id: str) -> str:
        return LABEL if account_id == WHO else f"label of {account_id[:4]}"


class Person:
    """A user with a browser and a password, and with a phone after an enrollment."""

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
        """Answer a challenge, or the one that has this ticket."""
        ticket = challenge if isinstance(challenge, str) else challenge.ticket
        return self.shop.flow.submit(ticket, answer, **{"binding": self.binding, **named})

    def reload(self, challenge: Challenge | str, **named: Any) -> Any:
        """Load the page of a challenge again."""
        ticket = challenge if isinstance(challenge, str) else challenge.ticket
        return self.shop.flow.resume(ticket, **{"binding": self.binding, **named})

    def step_up(self, proof: str) -> Any:
        """Begin a step-up."""
        return self.shop.flow.begin_step_up(proof, binding=self.binding)

    def enter_password(self) -> Any:
        """Begin a login, and answer the first step."""
        return self.answer(self.begin(), self.credentials)

    def send_email(self, challenge: Challenge) -> EmailAnswer:
        """Request a code by email, and return the right answer."""
        self.answer(challenge, SendEmail())
        return EmailAnswer(self.shop.emailed_code())

    def pass_step(self, challenge: Any) -> Any:
        """Answer a later step, with the phone if it is asked for."""
        kinds = {type(prompt) for prompt in challenge.prompts}
        if EnrollmentPrompt in kinds:
            self.scan(challenge)
        by_phone = bool(kinds & {EnrollmentPrompt, CodePrompt})
        return self.answer(challenge, self.code() if by_phone else self.send_email(challenge))

    def scan(self, challenge: Challenge) -> SoftPhone:
        """Scan the QR code of an enrollment."""
        (prompt,) = challenge.prompts
        assert isinstance(prompt, EnrollmentPrompt)
        self.phone = SoftPhone(prompt.uri, clock=self.shop.clock)
        return self.phone

    def code(self, steps: int = 0) -> CodeAnswer:
        """Return the code that the phone shows now, or *steps* steps later."""
        assert self.phone is not None
        return CodeAnswer(self.phone.code(steps=steps))

    def wrong(self) -> CodeAnswer:
        """Return a code that the phone does not show."""
        assert self.phone is not None
        return CodeAnswer(wrong(self.phone))

    def enroll(self) -> Authenticated:
        """Log in for the first time, and return the result one step later, with its events discarded."""
        result = self.log_in()
        assert result.enrolled
        self.shop.events.clear()
        return result

    def log_in(self) -> Authenticated:
        """Log in, with the phone where it is asked for, and return the result one step later."""
        result = self.enter_password()
        while isinstance(result, Challenge):
            assert result.problem is None
            result = self.pass_step(result)
        self.shop.clock.advance(self.shop.policy.period)
        return lets_in(result)

    def skip(self) -> Authenticated:
        """Log in, and skip the phone."""
        return lets_in(self.answer(self.enter_password(), SkipAnswer()))


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
    """Return a result that must be the same challenge as before, with this problem."""
    assert isinstance(result, Challenge), result
    assert (result.problem, result.retry_after) == (problem, retry_after)
    assert (result.ticket, result.prompts) == (before.ticket, before.prompts)
    return result


def lets_in(result: Result) -> Authenticated:
    """Return a result that must be a finished login."""
    assert isinstance(result, Authenticated), result
    return result


def ready(runtime: str = SYNC, **parts: Any) -> tuple[Shop, Person]:
    """Return an app and a user who has enrolled there."""
    shop = Shop(runtime, **parts)
    alice = Person(shop)
    alice.enroll()
    return shop, alice
