"""A simple model of the logins of several apps: who is where, who knows what, and what must come next.

It shares nothing with the package but the answer classes, and computes codes with :mod:`naive_otp`.
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from tests.support.naive_otp import decimal
from totpkit import (
    Answer,
    CodeAnswer,
    CustomAnswer,
    EmailAnswer,
    FederatedAnswer,
    PasswordAnswer,
    RecoveryAnswer,
    SendEmail,
    SkipAnswer,
    Status,
)

DIGITS, PERIOD = 8, 30
TICKET_LIFETIME, FIRST_LIFETIME, PENDING_LIFETIME, EMAIL_LIFETIME = 600.0, 86_400.0, 600.0, 600.0
SELF_SERVICE_AGE, STEP_UP_AGE, LEEWAY = 300.0, 30 * 86_400.0, 60.0

ALICE, BOB, MALLORY = "alice", "bob", "mallory"
PEOPLE = (ALICE, BOB, MALLORY)
ACCOUNTS = {ALICE: "acct-a", BOB: "acct-b", MALLORY: "acct-m"}
PASSWORDS = {(who, f"pw of {who}"): account for who, account in ACCOUNTS.items()}
KNOWN = {ALICE: {ACCOUNTS[ALICE]}, BOB: {ACCOUNTS[BOB]}, MALLORY: {ACCOUNTS[MALLORY], ACCOUNTS[ALICE]}}
"""The accounts whose password and PIN each person knows. The attacker knows Alice's too."""

KIOSK = "kiosk"
"""A shared browser. The attacker has chosen its binding, and the ticket that begins a login there."""


@dataclass(frozen=True)
class Shape:
    """A flow: its name, its steps, and its flags for accounts without a phone."""

    name: str
    first: tuple[str, ...]
    later: tuple[tuple[str, ...], ...]
    required: bool = True
    enroll: bool = True


ALL = ("totp", "recovery", "email")
SHAPES: Mapping[str, Shape] = {
    "shop": Shape("shop", ("password", "federated:google"), (ALL,)),
    "twin": Shape("twin", ("password", "federated:google"), (ALL,)),
    "old shop": Shape("shop", ("password", "federated:google"), (("totp", "email"),)),
    "club": Shape("club", ("password",), (("totp", "email"),), required=False),
    "lounge": Shape("lounge", ("password",), (("totp", "recovery"),), required=False, enroll=False),
    "den": Shape("den", ("password",), (("pin", "recovery"), ("totp",)), required=False),
    "mine": Shape("mine", ("password",), (("pin",), ("totp",)), required=False, enroll=False),
    "bank": Shape("bank", ("password",), (("pin", "email"), ("totp", "recovery"))),
}


@dataclass(frozen=True)
class Place:
    """What a ticket stands for."""

    flow: str
    binding: str
    stage: str
    expires_at: float
    step: int = 0
    account: str = ""
    epoch: int = 0
    login: int = 0
    passed: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    stepping_up: bool = False
    enrolled: bool = False

    @property
    def shape(self) -> Shape:
        """The flow."""
        return SHAPES[self.flow]

    @property
    def factors(self) -> tuple[str, ...]:
        """The alternatives of the step."""
        return self.shape.later[self.step - 1] if self.step else self.shape.first


@dataclass(frozen=True)
class ProofOf:
    """What a proof stands for."""

    flow: str
    account: str
    epoch: int
    factors: tuple[str, ...]
    at: float
    login: int


@dataclass
class Pending:
    """A secret that was shown to a login, or to the self-service of a proof."""

    owner: tuple[str, int]
    secret: bytes
    expires_at: float


@dataclass
class Emailed:
    """An emailed code, and who requested it in which login."""

    code: str
    account: str
    login: int
    requested_by: str
    expires_at: float
    spent: bool = False


@dataclass
class Account:
    """The state of an account. Each change of the credential begins a new epoch."""

    epoch: int = 0
    secret: bytes | None = None
    last_step: int = 0
    pending: Pending | None = None
    recovery: set[str] = field(default_factory=set)
    emailed: Emailed | None = None
    failures: int = 0

    def pending_for(self, owner: tuple[str, int], now: float) -> Pending | None:
        """Return the secret that this owner was shown and may still confirm."""
        pending = self.pending
        return pending if pending and pending.owner == owner and now < pending.expires_at else None


@dataclass(frozen=True)
class Verdict:
    """What must come next ("again", "denied", "ask", "enroll" or "in"), where, and which factor passed."""

    kind: str
    place: Place | None = None
    by: str = ""
    step: int = 0
    counted: bool = False


AGAIN, WRONG, DENIED = Verdict("again"), Verdict("again", counted=True), Verdict("denied")


class Model:
    """The accounts, and what every request must lead to."""

    def __init__(self) -> None:
        self.accounts = {account: Account() for account in ACCOUNTS.values()}
        self.places: dict[str, Place] = {}
        self.proofs: dict[str, ProofOf] = {}
        self.numbers: Iterator[int] = itertools.count(1)

    def submitted(
        self, flow: str, ticket: str, answer: Answer, binding: str, now: float, status: Mapping[str, Status]
    ) -> Verdict:
        """Return what an answer must lead to."""
        place = self.place_of(flow, ticket, binding, now)
        if place is None:
            return DENIED
        if place.stage == "first":
            return self._first(place, answer, now, status)
        return self._later(place, answer, now, status[place.account])

    def resumed(
        self, flow: str, ticket: str, binding: str, now: float, status: Mapping[str, Status]
    ) -> Verdict:
        """Return what a reload must lead to."""
        place = self.place_of(flow, ticket, binding, now)
        if place is None or place.stage == "first":
            return AGAIN if place else DENIED
        return self._shown(place, now, status[place.account])

    def place_of(self, flow: str, ticket: str, binding: str, now: float) -> Place | None:
        """Return what a ticket stands for, if it is valid in this flow and browser."""
        place = self.places.get(ticket)
        fits = place and (place.flow, place.binding) == (flow, binding) and now < place.expires_at
        return place if fits else None

    def stepped_up(self, flow: str, text: str, binding: str, now: float, status: Status | None) -> Verdict:
        """Return what a step-up must begin with."""
        proof = self.proofs.get(text)
        if proof is None or status is None or proof.flow != flow:
            return DENIED
        if not -LEEWAY <= now - proof.at <= STEP_UP_AGE or proof.epoch != self.accounts[proof.account].epoch:
            return DENIED
        place = Place(flow, binding, "start", now + TICKET_LIFETIME, 0, proof.account, proof.epoch)
        place = replace(place, login=next(self.numbers), passed=proof.factors[:1], stepping_up=True)
        return self._next(place, status)

    def admitted(
        self, method: str, flow: str, text: str, now: float, status: Mapping[str, Status]
    ) -> ProofOf | None:
        """Return what a proof stands for, if it is enough for a method of self-service in this flow."""
        proof = self.proofs.get(text)
        if proof is None or proof.flow != flow or not -LEEWAY <= now - proof.at <= SELF_SERVICE_AGE:
            return None
        account = self.accounts[proof.account]
        needed = {"provisioning": {"totp"}, "new_recovery_codes": {"totp", "pin"}}
        enough = bool(set(proof.factors) & needed.get(method, {"totp", "recovery", "pin"}))
        if account.secret is None:
            enough = method.endswith("_enrollment")
        fits = proof.epoch == account.epoch and enough and not status[proof.account].disabled
        return proof if fits else None

    def _first(self, place: Place, answer: Answer, now: float, status: Mapping[str, Status]) -> Verdict:
        account, by = None, ""
        match answer:
            case PasswordAnswer(username, password):
                account, by = PASSWORDS.get((username, password)), "password"
            case FederatedAnswer("google", account_id) if "federated:google" in place.factors:
                account, by = account_id, "federated:google"
        if account is None:
            return AGAIN
        passed = Place(place.flow, place.binding, "first", now + TICKET_LIFETIME, 0, account)
        passed = replace(passed, epoch=self.accounts[account].epoch, login=next(self.numbers), passed=(by,))
        return replace(self._next(passed, status[account]), by=by)

    def _later(self, place: Place, answer: Answer, now: float, status: Status) -> Verdict:
        account, by = self.accounts[place.account], factor_of(answer)
        enrolling = place.stage == "enrolling"
        offered = by in place.factors
        if isinstance(answer, SkipAnswer):
            offered = enrolling and not place.shape.required
        elif enrolling:
            offered = by == "totp"
        elif by == "recovery" and account.secret is None:
            offered = False
        if not offered or account.epoch != place.epoch or refused(status) or isinstance(answer, SendEmail):
            return self._shown(place, now, status)
        if isinstance(answer, SkipAnswer):
            return self._next(replace(place, skipped=(*place.skipped, "totp")), status)
        pending = account.pending_for(("login", place.login), now)
        if enrolling and pending is None:
            return DENIED
        step = self.right(place, answer, pending, now)
        if step is None:
            expired = isinstance(answer, EmailAnswer) and live_code(account.emailed, place, now) is None
            return AGAIN if expired else WRONG
        passed = replace(place, passed=(*place.passed, by), enrolled=place.enrolled or enrolling)
        return replace(self._next(passed, status, enrolled=True), by=by, step=step)

    def right(self, place: Place, answer: Answer, pending: Pending | None, now: float) -> int | None:
        """Return the step of a right answer (0 if it has none), or ``None`` for a wrong one."""
        account = self.accounts[place.account]
        match answer:
            case CodeAnswer(code) if pending and place.stage == "enrolling":
                return matching(pending.secret, code, now, 0)
            case CodeAnswer(code) if account.secret:
                return matching(account.secret, code, now, account.last_step)
            case RecoveryAnswer(code) if code in account.recovery:
                return 0
            case EmailAnswer(code) if live_code(account.emailed, place, now) == code:
                return 0
            case CustomAnswer("pin", {"pin": pin}) if pin == pin_of(place.account):
                return 0
        return None

    def _shown(self, place: Place, now: float, status: Status) -> Verdict:
        account = self.accounts[place.account]
        if account.epoch != place.epoch or status.disabled:
            return DENIED
        if place.stage == "enrolling" and account.pending_for(("login", place.login), now) is None:
            return DENIED
        return AGAIN

    def _next(self, place: Place, status: Status, *, enrolled: bool = False) -> Verdict:
        shape = place.shape
        if place.step == len(shape.later):
            return Verdict("in", place)
        at = replace(place, step=place.step + 1)
        if status.disabled:
            return DENIED
        if self.accounts[at.account].secret is not None or (enrolled and place.enrolled):
            return Verdict("ask", replace(at, stage="second"))
        if "totp" not in at.factors:
            return DENIED if set(at.factors) == {"recovery"} else Verdict("ask", replace(at, stage="second"))
        if shape.enroll and not at.stepping_up:
            return Verdict("enroll", replace(at, stage="enrolling"))
        passes = not at.stepping_up and not shape.required
        return self._next(replace(at, skipped=(*at.skipped, "totp")), status) if passes else DENIED


def matching(secret: bytes, code: str, now: float, last_step: int) -> int | None:
    """Return the step near now, and after the last one, that has this code."""
    step = int(now // PERIOD)
    near = (step + 1, step, step - 1)
    return next((at for at in near if at > last_step and decimal(secret, at, DIGITS) == code), None)


def live_code(emailed: Emailed | None, place: Place, now: float) -> str | None:
    """Return the emailed code that works in a login."""
    if emailed is None or emailed.spent or emailed.login != place.login or now >= emailed.expires_at:
        return None
    return emailed.code


def factor_of(answer: Answer) -> str:
    """Return the name of the factor that an answer is for."""
    match answer:
        case CodeAnswer() | SkipAnswer():
            return "totp"
        case RecoveryAnswer():
            return "recovery"
        case SendEmail() | EmailAnswer():
            return "email"
        case CustomAnswer(name):
            return name
    return "none of the later steps"


def refused(status: Status) -> bool:
    """Return whether no attempt is answered."""
    return status.disabled or status.retry_after is not None


def pin_of(account: str) -> str:
    """Return the PIN of an account."""
    return f"pin of {account}"
