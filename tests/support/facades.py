"""Every class that checks codes, behind one small interface, for the attacks that apply to all of them."""

import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import SimpleNamespace
from typing import Any, ClassVar, Literal, NamedTuple, Self, TypeAlias

import pytest

import totpkit
from tests.support.authenticators import ASYNC, LABEL, POLICY, SYNC, WHO, App, Blocking, wrong
from tests.support.fakes import Gate, Planted
from totpkit import TOTP, Accepted, Answer, Authenticated, Challenge, CodeAnswer, Denied, Reason, Rejected
from totpkit.stores.memory import MemoryStore
from totpkit.stores.threaded import ThreadedStore
from totpkit.testing import SettableClock, SoftPhone

Outcome: TypeAlias = Literal[True] | Rejected
Handle: TypeAlias = Any
"""How far a login or an enrollment has got. Each facade has its own kind."""

RIGHT_PASSWORD = totpkit.PasswordAnswer("alice", "pw")
RIGHT_PIN, WRONG_PIN = (totpkit.CustomAnswer("pin", {"pin": pin}) for pin in ("1234", "4321"))


class Attempt(NamedTuple):
    """One way to pass the second factor, with its right and its wrong answer."""

    handle: Handle
    right: Answer
    wrong: Answer


class Enrolling(NamedTuple):
    """An enrollment in progress, and the phone that has scanned its QR code."""

    handle: Handle
    phone: SoftPhone


@dataclass
class Facade:
    """The interface, and its simplest form: codes whose last step the app stores itself."""

    policy: totpkit.Policy = POLICY
    store: Any = field(default_factory=MemoryStore)
    clock: SettableClock = field(default_factory=SettableClock)
    kind: ClassVar[Callable[[totpkit.Secret], Any]] = TOTP

    def __post_init__(self) -> None:
        self.codes = self.kind(totpkit.Secret.from_bytes(b"12345678901234567890"))
        self.period: int = self.codes.period

    def enroll(self, secret: bytes | None = None) -> Any:
        """Return an enrolled phone, one step after its first code."""
        if secret is not None:
            self.codes = self.kind(totpkit.Secret.from_bytes(secret))
        codes = self.codes
        phone = SimpleNamespace(code=lambda *, steps=0: codes.at(self.clock() + steps * self.period))
        assert self.submit(phone.code())
        self.clock.advance(self.period)
        return phone

    def arrive(self) -> Handle:
        """Do everything that comes before the code."""

    def answer(self, handle: Handle, answer: Answer) -> Outcome:
        """Answer a challenge, and return whether that passed."""
        assert handle is None
        assert isinstance(answer, CodeAnswer)
        stored = self.store.load(WHO)
        last_step = None if stored is None else int(stored)
        at, window = self.clock(), self.policy.window
        found = self.codes.verify(answer.code, at=at, window=window, last_step=last_step)
        if found and not self.store.swap(WHO, stored, b"%d" % found.step):
            return Rejected(Reason.REPLAYED)
        return _outcome(found)

    def submit(self, code: str) -> Outcome:
        """Submit a code in a new login."""
        return self.answer(self.arrive(), CodeAnswer(code))

    def elsewhere(self, code: str) -> Iterator[object]:
        """Use a code in every other place, and yield the results, none of which may be true."""
        yield self.codes.resync(code, code, at=self.clock(), last_step=int(self.store.load(WHO)))

    def other(self, store: Any = None) -> Self:
        """Return another facade on the same store, such as another process."""
        return type(self)(self.policy, self.store if store is None else store, self.clock)

    def others(self, number: int, *, gated: bool) -> list[Self]:
        """Return other facades. If they are *gated*, all of them load before any of them swaps."""
        store = Gate(self.store, number) if gated else self.store
        return [self.other(store) for _ in range(number)]


class EightDigitsByHand(Facade):
    """Codes of other parameters."""

    kind = staticmethod(partial(TOTP, digits=8, algorithm=totpkit.Algorithm.SHA512, period=60))


class SteamByHand(Facade):
    """Steam Guard codes."""

    kind = totpkit.Steam


class Account(Facade):
    """The authenticator of either runtime, and what all logins on it have in common."""

    runtime = SYNC

    def __post_init__(self) -> None:
        super().__post_init__()
        shared: dict[str, Any] = {"policy": self.policy, "store": self.store, "clock": self.clock}
        self.app = App(self.runtime, async_store=ThreadedStore, **shared)
        self.auth = self.app.auth

    @property
    def failures(self) -> int:
        """The number of failures since the last success."""
        return self.auth.status(WHO).failures

    def enroll(self, secret: bytes | None = None) -> Any:
        """Enroll a phone without a login."""
        secrets = [] if secret is None else [secret]
        return self.app.other(vault=Planted(self.app.vault, *secrets)).enroll()

    def answer(self, handle: Handle, answer: Answer) -> Outcome:
        """Verify or redeem a code."""
        del handle
        assert isinstance(answer, CodeAnswer | totpkit.RecoveryAnswer)
        check = self.auth.verify if isinstance(answer, CodeAnswer) else self.auth.redeem_recovery_code
        return _outcome(check(WHO, answer.code))

    def elsewhere(self, code: str) -> Iterator[object]:
        """Use a code in the other methods."""
        yield self.auth.confirm_enrollment(WHO, code)
        yield self.auth.redeem_recovery_code(WHO, code)
        yield self.auth.resync(WHO, code, code)

    def attempts(self, phone: SoftPhone) -> list[Attempt]:
        """Return every way to pass, with all that comes before the answer done."""
        codes = self.auth.issue_recovery_codes(WHO)
        handle = self.arrive()
        return [
            Attempt(handle, CodeAnswer(phone.code()), CodeAnswer(wrong(phone))),
            Attempt(handle, totpkit.RecoveryAnswer(codes[0]), totpkit.RecoveryAnswer("0" * 16)),
        ]

    def harmless(self) -> Iterator[object]:
        """Do what must not reset the failure count, one thing at a time."""
        stranger = self.app.scan("acct-2")
        yield self.auth.confirm_enrollment("acct-2", stranger.code())
        yield self.auth.begin_enrollment(WHO, label=LABEL, binding="b")
        for name in ("status", "provisioning", "cancel_enrollment", "issue_recovery_codes"):
            yield getattr(self.auth, name)(WHO)
        yield self.clock.advance(30 * 86_400)
        yield self.auth.revoke(WHO)

    def begin(self, browser: str) -> Enrolling | None:
        """Begin an enrollment, or return ``None`` if the account has a phone by now."""
        return Enrolling(browser, self.app.scan(binding=browser))

    def confirm(self, handle: Handle, code: str) -> Outcome:
        """Confirm an enrollment."""
        return _outcome(self.auth.confirm_enrollment(WHO, code, binding=handle))

    def switch_off(self) -> None:
        """Remove the phone."""
        self.auth.revoke(WHO)


class AsyncAccount(Account):
    """The async authenticator."""

    runtime = ASYNC


class Pin(totpkit.SecondFactor):
    """A second factor of the app's own."""

    name = "pin"

    def check(self, account_id: str, answer: totpkit.CustomAnswer) -> bool:
        """Return whether it is the PIN."""
        del account_id
        return answer == RIGHT_PIN


class Flow(Account):
    """A login of either runtime, with every kind of second factor. A handle has a binding and a result."""

    flow_class: Any = totpkit.AuthFlow
    self_service_class: Any = totpkit.SelfService

    def __post_init__(self) -> None:
        super().__post_init__()
        own: Any = self.auth.auth if isinstance(self.auth, Blocking) else self.auth
        self.mailbox: list[totpkit.Email] = []
        later = totpkit.TotpCode(own, required=False) | totpkit.RecoveryCode(own) | Pin()
        later |= totpkit.EmailCode(own, mailer=self.mailbox.append, address_of=lambda _: "alice@example.com")
        first = totpkit.Password(lambda name, password: WHO if (name, password) == ("alice", "pw") else None)
        first_step = first | totpkit.Federated("google")
        self.own_flow = self.flow_class(first_step, later, name="shop", keys=[b"k" * 32], clock=self.clock)
        self.flow, self.self_service = (
            self.blocking(self.own_flow),
            self.blocking(self.self_service_class(own, self.own_flow)),
        )
        self.recent: deque[Handle] = deque(maxlen=2)
        self.proof = ""

    def blocking(self, component: Any) -> Any:
        """Return a component with methods that block."""
        return component if self.runtime == SYNC else Blocking(component)

    def log_in(self, browser: str) -> Handle:
        """Log in with the password."""
        page = self.flow.begin(binding=browser)
        return browser, self.flow.submit(page.ticket, RIGHT_PASSWORD, binding=browser)

    def arrive(self) -> Handle:
        """Log in with the password, and remember the login."""
        self.recent.append(self.log_in("browser"))
        return self.recent[-1]

    def result(self, handle: Handle, answer: Answer) -> Any:
        """Return what an answer leads to."""
        browser, page = handle
        return self.flow.submit(page.ticket, answer, binding=browser) if isinstance(page, Challenge) else page

    def answer(self, handle: Handle, answer: Answer) -> Outcome:
        """Answer the challenge of a login."""
        result = self.result(handle, answer)
        if isinstance(result, Authenticated):
            self.proof = result.proof
        return _outcome(result)

    def elsewhere(self, code: str) -> Iterator[object]:
        """Use a code in earlier logins, as codes of other kinds, in a step-up, and in self-service."""
        for handle in (*self.recent, self.arrive()):
            for answer in (CodeAnswer(code), totpkit.RecoveryAnswer(code), totpkit.EmailAnswer(code)):
                yield self.answer(handle, answer)
        page = self.flow.begin_step_up(self.proof, binding="b")
        yield _outcome(Flow.result(self, ("b", page), CodeAnswer(code)))
        yield isinstance(self.self_service.confirm_enrollment(self.proof, code), Accepted)
        yield from super().elsewhere(code)

    def attempts(self, phone: SoftPhone) -> list[Attempt]:
        """Return every way to pass, after a code was sent by email."""
        found = super().attempts(phone)
        handle = found[0].handle
        self.result(handle, totpkit.SendEmail())
        emailed = re.findall(r"\b[0-9]{6}\b", self.mailbox[-1].text)[0]
        found.append(Attempt(handle, totpkit.EmailAnswer(emailed), totpkit.EmailAnswer("x")))
        return [*found, Attempt(handle, RIGHT_PIN, WRONG_PIN)]

    def harmless(self) -> Iterator[object]:
        """Log in with the password, ask for an email, begin a step-up, and use self-service."""
        yield (handle := self.arrive())
        for answer in (totpkit.SendEmail(), totpkit.SkipAnswer(), RIGHT_PASSWORD):
            yield self.result(handle, answer)
        page = self.flow.begin(binding="b")
        yield self.flow.submit(page.ticket, totpkit.FederatedAnswer("google", WHO), binding="b")
        yield self.flow.begin_step_up(self.proof, binding="b")
        yield self.self_service.begin_enrollment(self.proof)
        yield self.self_service.cancel_enrollment(self.proof)
        yield from super().harmless()

    def begin(self, browser: str) -> Enrolling | None:
        """Log in to an account without a phone."""
        handle = self.log_in(browser)
        prompts = handle[1].prompts if isinstance(handle[1], Challenge) else ()
        found = [prompt for prompt in prompts if isinstance(prompt, totpkit.EnrollmentPrompt)]
        return Enrolling(handle, SoftPhone(found[0].uri, clock=self.clock)) if found else None

    def confirm(self, handle: Handle, code: str) -> Outcome:
        """Finish the login with the first code."""
        return self.answer(handle, CodeAnswer(code))

    def switch_off(self) -> None:
        """Remove the phone with the proof of the last login."""
        assert self.self_service.switch_off(self.proof) is None


class AsyncFlow(Flow):
    """The async login."""

    runtime, flow_class, self_service_class = ASYNC, totpkit.AsyncAuthFlow, totpkit.AsyncSelfService


class InSession(Flow):
    """A login in a session, to which visitors send forms. A handle has the session and the result."""

    login_class: Any = totpkit.SessionLogin

    def __post_init__(self) -> None:
        super().__post_init__()
        self.login = self.blocking(self.login_class(self.own_flow))

    def log_in(self, browser: str) -> Handle:
        """Log in with the password."""
        del browser
        session: dict[str, str] = {}
        self.login.challenge(session)
        form = {"type": "password", "username": "alice", "password": "pw"}
        page = self.login.answer(session, form)
        return session, page

    def result(self, handle: Handle, answer: Answer) -> Any:
        """Send a form, or an answer that the app has made, in a copy of the session."""
        session, page = dict(handle[0]), handle[1]
        if not isinstance(page, Challenge):
            return page
        if isinstance(answer, CodeAnswer | totpkit.RecoveryAnswer | totpkit.EmailAnswer):
            kind = type(answer).__name__.removesuffix("Answer").lower()
            return self.login.answer(session, {"type": kind, "code": answer.code})
        return self.login.submit(session, answer)


class AsyncInSession(InSession):
    """The async login in a session."""

    runtime, flow_class, self_service_class = ASYNC, totpkit.AsyncAuthFlow, totpkit.AsyncSelfService
    login_class = totpkit.AsyncSessionLogin


def _outcome(result: Accepted | Rejected | Authenticated | Challenge | Denied) -> Outcome:
    match result:
        case Rejected():
            return result
        case Accepted() | Authenticated():
            return True
        case Challenge(problem=reason, retry_after=wait) | Denied(reason, wait):
            assert reason is not None
            return Rejected(reason, wait if reason is Reason.THROTTLED else None)


Kinds: TypeAlias = Mapping[str, type[Facade]]
BY_HAND: Kinds = {"TOTP": Facade}
BY_HAND_TOO: Kinds = {"TOTP of 60 s": EightDigitsByHand, "Steam": SteamByHand}
ACCOUNTS: Kinds = {
    "Authenticator": Account,
    "AsyncAuthenticator": AsyncAccount,
    "AuthFlow": Flow,
    "AsyncAuthFlow": AsyncFlow,
    "SessionLogin": InSession,
    "AsyncSessionLogin": AsyncInSession,
}


def facades(*kinds: Kinds) -> pytest.MarkDecorator:
    """Run a test with each of these facades."""
    found = {name: kind for some in kinds for name, kind in some.items()}
    return pytest.mark.parametrize("facade", found.values(), ids=found)


def crowds(*kinds: Kinds) -> pytest.MarkDecorator:
    """Run a test of many threads with each facade. A gate would block the event loop of an async one."""
    found = {name: (kind, False) for some in kinds for name, kind in some.items()}
    found |= {f"{name}, gated": (kind, True) for name, (kind, _) in found.items() if "Async" not in name}
    return pytest.mark.parametrize(("facade", "gated"), found.values(), ids=found)
