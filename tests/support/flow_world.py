"""The logins of several apps, their users and an attacker. Every request is compared with the model.

The attacker has a browser and an account, knows Alice's password and PIN, and has planted a login in the
browser of the kiosk. He has every ticket of the other users' own browsers, every proof, every code once
it is spent, and every emailed code that he has not requested himself.
"""

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_
from typing import Any

from tests.support.authenticators import POLICY
from tests.support.flow_model import (
    ACCOUNTS,
    BOB,
    DIGITS,
    EMAIL_LIFETIME,
    FIRST_LIFETIME,
    KIOSK,
    KNOWN,
    MALLORY,
    PASSWORDS,
    PENDING_LIFETIME,
    PEOPLE,
    PERIOD,
    SHAPES,
    Account,
    Emailed,
    Model,
    Pending,
    Place,
    ProofOf,
    Verdict,
    matching,
    pin_of,
    refused,
)
from tests.support.flows import KEYS, Shop
from tests.support.naive_otp import decimal
from totpkit import (
    Answer,
    Authenticated,
    Challenge,
    CodeAnswer,
    CodePrompt,
    Confirmed,
    CustomAnswer,
    CustomPrompt,
    Denied,
    EmailAnswer,
    EmailPrompt,
    Enrollment,
    EnrollmentPrompt,
    Federated,
    FederatedAnswer,
    PasswordAnswer,
    RecoveryAnswer,
    RecoveryPrompt,
    SecondFactor,
    SendEmail,
    SkipAnswer,
    Throttle,
)
from totpkit.stores.memory import MemoryStore

SHORT = Throttle(free=3, first_wait=60.0, factor=2.0, longest_wait=300.0, cap=8)
WORLD_POLICY = replace(POLICY, digits=DIGITS, drift_bound=0, throttle=SHORT, recovery_codes=3, recovery_low=1)
PROMPTS = {CodePrompt: "totp", RecoveryPrompt: "recovery", EmailPrompt: "email", CustomPrompt: "pin"}


class Pin(SecondFactor):
    """A number that the owner of an account knows."""

    name = "pin"
    methods = ("pin",)

    def check(self, account_id: str, answer: CustomAnswer) -> bool:
        """Compare the numbers."""
        return answer.data.get("pin") == pin_of(account_id)


class IntrudedStore:
    """A store that calls an intruder once, before the next swap."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.intruder: Callable[[], None] | None = None

    def load(self, account_id: str) -> bytes | None:
        """Load the record."""
        return self.store.load(account_id)

    def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Call the intruder, then swap."""
        intruder, self.intruder = self.intruder, None
        if intruder is not None:
            intruder()
        return self.store.swap(account_id, old, new)


@dataclass(frozen=True)
class Held:
    """A ticket, whose it is, and what it stands for."""

    ticket: str
    whose: str
    place: Place


class World:
    """The apps, what the people have, and the model."""

    def __init__(self, runtime: str) -> None:
        self.store = IntrudedStore()
        self.shop = shop = Shop(runtime, store=self.store, policy=WORLD_POLICY)
        shop.passwords = dict(PASSWORDS)
        shop.addresses = {account: f"{who}@example.com" for who, account in ACCOUNTS.items()}
        self.clock = shop.clock
        self.flows = {key: self._flow(key) for key in SHAPES}
        self.own = {key: shop.self_service(flow) for key, flow in self.flows.items()}
        self.model = Model()
        self.held: list[Held] = []
        self.proofs: list[tuple[str, str]] = []
        self.seen: dict[bytes, set[str]] = {}
        self.recovery: dict[str, str] = {}
        self.typed: list[str] = []
        self.redeemed: list[str] = []
        self.emailed: list[Emailed] = []
        self.reached: set[tuple[str, str]] = set()

    def _flow(self, key: str) -> Any:
        shop, shape = self.shop, SHAPES[key]
        factors: dict[str, Callable[[], Any]] = {
            "totp": lambda: shop.totp(required=shape.required, enroll=shape.enroll),
            "recovery": shop.recovery,
            "email": shop.email,
            "pin": Pin,
            "password": shop.password,
            "federated:google": lambda: Federated("google"),
        }
        steps = [reduce(or_, [factors[name]() for name in names]) for names in (shape.first, *shape.later)]
        return shop.built(*steps, name=shape.name, keys=KEYS)

    # What people have

    def tickets(self, who: str) -> list[Held]:
        """Return the tickets that someone can send. The attacker has those of other people too."""
        return [
            held
            for held in self.held
            if held.whose == who
            or (who == MALLORY and (held.place.binding != KIOSK or held.place.stage == "first"))
        ]

    def knows(self, who: str, secret: bytes | None) -> bool:
        """Return whether someone has been shown a secret."""
        return secret is not None and who in self.seen.get(secret, set())

    def code(self, who: str, account: Account, place: Place) -> str:
        """Return the code of the phone that someone would use for a login."""
        pending = account.pending_for(("login", place.login), self.clock())
        secret = pending.secret if pending and place.stage == "enrolling" else account.secret
        if not self.knows(who, secret):
            secret = self._newest_secret(who)
        assert secret is not None
        return decimal(secret, int(self.clock() // PERIOD), DIGITS)

    def _newest_secret(self, who: str) -> bytes:
        return [b"no phone", *(secret for secret, people in self.seen.items() if who in people)][-1]

    def answer(self, who: str, kind: str, place: Place, number: int) -> Answer:
        """Return what someone can answer with what they have. *number* selects among several."""
        account_id = place.account or ACCOUNTS[who if who != MALLORY or number % 2 else "alice"]
        account = self.model.accounts[account_id]
        answers: dict[str, Callable[[], Answer]] = {
            "password": lambda: self._password(who, account_id),
            "federated": lambda: FederatedAnswer("google", ACCOUNTS[who]),
            "code": lambda: CodeAnswer(self.code(who, account, place)),
            "replayed code": lambda: CodeAnswer(_pick(self.typed, number, "00000000")),
            "recovery": lambda: RecoveryAnswer(self._recovery_code(who, account, number)),
            "spent recovery": lambda: RecoveryAnswer(_pick(self.redeemed, number, "")),
            "emailed": lambda: EmailAnswer(_pick(self._emailed_codes(who)[-2:], number, "000000")),
            "pin": lambda: CustomAnswer(
                "pin", {"pin": pin_of(place.account) if place.account in KNOWN[who] else "0000"}
            ),
            "send": SendEmail,
            "skip": SkipAnswer,
            "wrong": lambda: CodeAnswer("12345678"),
        }
        return answers[kind]()

    def _password(self, who: str, account_id: str) -> PasswordAnswer:
        name = next(name for name, known in ACCOUNTS.items() if known == account_id)
        return PasswordAnswer(name, f"pw of {name}" if account_id in KNOWN[who] else "guess")

    def _recovery_code(self, who: str, account: Account, number: int) -> str:
        codes = [code for code, owner in self.recovery.items() if owner == who]
        return _pick([code for code in codes if code in account.recovery] or codes, number, "none")

    def _emailed_codes(self, who: str) -> list[str]:
        codes = [emailed.code for emailed in self.emailed if emailed.account == ACCOUNTS[who]]
        if who == MALLORY:
            codes += [emailed.code for emailed in self.emailed if emailed.requested_by != MALLORY]
        return codes

    # Requests

    def begin(self, who: str, flow: str, binding: str) -> Held:
        """Open a login page."""
        challenge = self.flows[flow].begin(binding=binding)
        return self._hold(who, challenge, Place(flow, binding, "first", self.clock() + FIRST_LIFETIME))

    def submit(self, who: str, flow: str, ticket: str, answer: Answer, binding: str) -> Verdict:
        """Answer a challenge."""
        emails = 0

        def expected() -> Verdict:
            nonlocal emails
            emails = len(self.shop.mailbox)  # an intruder may request one too
            return self.model.submitted(flow, ticket, answer, binding, self.clock(), self.status())

        verdict, result = self.compare(
            expected, lambda: self.flows[flow].submit(ticket, answer, binding=binding)
        )
        if len(self.shop.mailbox) > emails:
            place = self.model.place_of(flow, ticket, binding, self.clock())
            assert isinstance(answer, SendEmail)
            assert place is not None
            self._receive_email(who, place)
        if verdict.counted:
            self.model.accounts[self.model.places[ticket].account].failures += 1
        if verdict.kind == "in":
            assert verdict.place is not None
            assert result.failures == self.model.accounts[verdict.place.account].failures
        if verdict.by:
            self._passed(who, verdict, answer, ticket)
        self._arrived(who, verdict, result, ticket)
        kind = type(answer).__name__ if verdict.kind != "in" else verdict.by or "skip"
        self.reached.add((kind, verdict.kind))
        return verdict

    def resume(self, who: str, flow: str, ticket: str, binding: str) -> None:
        """Load a page again."""
        verdict, result = self.compare(
            lambda: self.model.resumed(flow, ticket, binding, self.clock(), self.status()),
            lambda: self.flows[flow].resume(ticket, binding=binding),
        )
        self._arrived(who, verdict, result, ticket)
        self.reached.add(("resume", verdict.kind))

    def step_up(self, who: str, flow: str, text: str, binding: str) -> Verdict:
        """Begin a step-up."""

        def expected() -> Verdict:
            proof = self.model.proofs.get(text)
            status = self.status()[proof.account] if proof else None
            return self.model.stepped_up(flow, text, binding, self.clock(), status)

        verdict, result = self.compare(
            expected, lambda: self.flows[flow].begin_step_up(text, binding=binding)
        )
        self._arrived(who, verdict, result, "")
        self.reached.add(("step up", verdict.kind))
        return verdict

    def self_service(self, who: str, method: str, flow: str, text: str, *, right: bool = False) -> None:
        """Call a method of self-service. A thief with a proof that is enough is not modeled."""
        proof = self.model.admitted(method, flow, text, self.clock(), self.status())
        if proof is not None and (text, who) not in self.proofs:
            return
        account = self.model.accounts[proof.account] if proof else Account()
        pending = account.pending_for(("self", proof.login), self.clock()) if proof else None
        waits = proof is not None and refused(self.status()[proof.account])
        arguments = [text]
        if method == "confirm_enrollment":
            secret = pending.secret if pending else self._newest_secret(who)
            arguments.append(decimal(secret, int(self.clock() // PERIOD), DIGITS) if right else "12345678")
        result = getattr(self.own[flow], method)(*arguments)
        self.reached.add((method, "denied" if proof is None else "accepted"))
        assert isinstance(result, Denied) == (proof is None)
        if proof is not None and len(arguments) > 1:
            self._confirmed(who, proof, None if waits else pending, result, arguments[1])
            account.failures += pending is not None and not waits and not result
        elif proof is not None:
            self._served(who, method, proof, account, result)

    def unlock(self, account_id: str) -> None:
        """Reset the failures."""
        self.shop.auth.unlock(account_id)
        self.model.accounts[account_id].failures = 0

    def wait_out(self, account_id: str) -> None:
        """Move the clock to the end of the wait."""
        self.clock.advance(self.shop.auth.status(account_id).retry_after or 0.0)

    def revoke(self, account_id: str) -> None:
        """Revoke a credential."""
        self.shop.auth.revoke(account_id)
        self._end(self.model.accounts[account_id])

    def status(self) -> dict[str, Any]:
        """Return the status of every account."""
        return {account: self.shop.auth.status(account) for account in self.model.accounts}

    # Comparing

    def compare(self, expected: Callable[[], Verdict], request: Callable[[], Any]) -> tuple[Verdict, Any]:
        """Make a request, and return the verdict that its result must match, and the result.

        With an intruder, the verdict is the one after it acted, or "denied" for a lost race.
        """
        verdicts = [expected()]
        intruder = self.store.intruder

        def intrude() -> None:
            assert intruder is not None
            intruder()
            verdicts[:] = [expected(), Verdict("denied")]

        if intruder is not None:
            self.store.intruder = intrude
        try:
            result = request()
        finally:
            self.store.intruder = None
        kind = {Challenge: "on", Authenticated: "in", Denied: "denied"}[type(result)]
        kinds = [
            {"again": "on", "ask": "on", "enroll": "on"}.get(found.kind, found.kind) for found in verdicts
        ]
        assert kind in kinds, (verdicts, result)
        return verdicts[kinds.index(kind)], result

    def _arrived(self, who: str, verdict: Verdict, result: Any, ticket: str) -> None:
        match verdict.kind:
            case "again":
                assert result.ticket == ticket
                self._seen(who, result, self.model.places[ticket])
            case "ask" | "enroll":
                assert verdict.place is not None
                # Passing a step again with the same ticket may give the same next ticket.
                assert self.model.places.get(result.ticket, verdict.place) == verdict.place
                self._hold(who, result, verdict.place)
            case "in":
                self._let_in(who, verdict, result)

    def _hold(self, who: str, challenge: Challenge, place: Place) -> Held:
        held = Held(challenge.ticket, who, place)
        self.model.places[challenge.ticket] = place
        self.held.append(held)
        self._seen(who, challenge, place)
        return held

    def _seen(self, who: str, challenge: Challenge, place: Place) -> None:
        """Check the prompts of a challenge, and note the secret that it shows."""
        enrollments = [prompt for prompt in challenge.prompts if isinstance(prompt, EnrollmentPrompt)]
        if place.stage == "first":
            assert enrollments == []
            return
        account = self.model.accounts[place.account]
        if place.stage == "second":
            usable = set(place.factors) - (set() if account.secret else {"recovery"})
            assert {PROMPTS.get(type(prompt)) for prompt in challenge.prompts} == usable
            return
        assert len(challenge.prompts) == len(enrollments) == 1
        assert account.secret is None, "an enrolled account was offered an enrollment"
        assert enrollments[0].optional is not place.shape.required
        self._shown(who, account, ("login", place.login), enrollments[0].secret)

    def _shown(self, who: str, account: Account, owner: tuple[str, int], grouped: str) -> None:
        """Note a secret that was shown: the same one to the same owner, otherwise a new one."""
        text = grouped.replace(" ", "")
        secret = base64.b32decode(text + "=" * (-len(text) % 8))
        pending = account.pending_for(owner, self.clock())
        if pending is None:
            assert secret not in self.seen, "a secret was shown to a second login"
            account.pending = Pending(owner, secret, self.clock() + PENDING_LIFETIME)
        else:
            assert secret == pending.secret
        self.seen.setdefault(secret, set()).add(who)

    def _receive_email(self, who: str, place: Place) -> None:
        email = self.shop.mailbox[-1]
        assert email.to == self.shop.addresses[place.account]
        found = re.search(r"\b[0-9]{6}\b", email.text)
        assert found is not None
        emailed = Emailed(found[0], place.account, place.login, who, self.clock() + EMAIL_LIFETIME)
        self.model.accounts[place.account].emailed = emailed
        self.emailed.append(emailed)
        self.reached.add(("email", "sent"))

    def _passed(self, who: str, verdict: Verdict, answer: Answer, ticket: str) -> None:
        """Note what a right answer changes, and that everyone knows the spent code now."""
        before = self.model.places[ticket]
        if before.stage == "first":
            return
        account = self.model.accounts[before.account]
        match answer:
            case CodeAnswer(code):
                self.typed.append(code)
                if before.stage == "enrolling":
                    assert account.pending is not None
                    self._enroll(account, account.pending.secret, verdict.step)
                assert verdict.step > account.last_step or before.stage == "enrolling"
                account.last_step = verdict.step
            case RecoveryAnswer(code):
                assert self.recovery[code] == who
                account.recovery.remove(code)
                self.redeemed.append(code)
            case EmailAnswer():
                assert account.emailed is not None
                account.emailed.spent = True
        if before.step == len(before.shape.later):
            account.failures = 0

    def _let_in(self, who: str, verdict: Verdict, result: Authenticated) -> None:
        """Check that whoever was let in has every factor that the flow asks for."""
        place = verdict.place
        assert place is not None
        account = self.model.accounts[result.account_id]
        found = (result.account_id, result.factors, result.skipped)
        assert found == (place.account, place.passed, place.skipped)
        first, *later = result.factors
        if first == "password" and not place.stepping_up:
            assert result.account_id in KNOWN[who]
        assert len(later) + len(result.skipped) == len(place.shape.later)
        for factor in later:
            assert self._has(who, factor, result.account_id, account), (who, result)
        if result.skipped:
            assert account.secret is None
            assert not place.shape.required
        assert ("mfa" in result.methods) == any(factor != "email" for factor in later)
        if later:
            account.failures = 0
        proof = ProofOf(
            place.flow, result.account_id, account.epoch, result.factors, self.clock(), place.login
        )
        self._hold_proof(who, result.proof, proof)
        self.reached.add(("in", who))

    def _has(self, who: str, factor: str, account_id: str, account: Account) -> bool:
        match factor:
            case "totp":
                return self.knows(who, account.secret)
            case "email":
                return account_id == ACCOUNTS[who]
            case "pin":
                return account_id in KNOWN[who]
        return factor == "recovery"  # whose code it was was checked when it was spent

    def _hold_proof(self, who: str, text: str, proof: ProofOf) -> None:
        self.model.proofs[text] = proof
        self.proofs.append((text, who))

    # What self-service changes

    def _confirmed(self, who: str, proof: ProofOf, pending: Pending | None, result: Any, code: str) -> None:
        account = self.model.accounts[proof.account]
        step = matching(pending.secret, code, self.clock(), 0) if pending else None
        if pending is None or step is None:
            assert not result
            return
        assert isinstance(result, Confirmed)
        assert self.knows(who, pending.secret)
        self._enroll(account, pending.secret, step)
        self.typed.append(code)
        account.failures = 0
        factors = tuple(dict.fromkeys((*proof.factors, "totp")))
        self._hold_proof(who, result.proof, replace(proof, epoch=account.epoch, factors=factors))

    def _served(self, who: str, method: str, proof: ProofOf, account: Account, result: Any) -> None:
        match method:
            case "provisioning":
                assert isinstance(result, Enrollment)
                assert result.secret.to_bytes() == account.secret
                assert self.knows(who, account.secret)
            case "begin_enrollment":
                assert isinstance(result, Enrollment)
                self._shown(who, account, ("self", proof.login), result.secret.grouped())
            case "cancel_enrollment":
                account.pending = None
            case "new_recovery_codes":
                account.recovery = set(result)
                account.epoch = next(self.model.numbers)
                self.recovery |= dict.fromkeys(result, who)
                self._hold_proof(who, result.proof, replace(proof, epoch=account.epoch))
            case "switch_off":
                self._end(account)

    def _enroll(self, account: Account, secret: bytes, step: int) -> None:
        account.secret, account.last_step, account.pending = secret, step, None
        account.epoch = next(self.model.numbers)

    def _end(self, account: Account) -> None:
        account.epoch = next(self.model.numbers)
        account.secret, account.pending, account.recovery, account.last_step = None, None, set(), 0

    # What always holds

    def check(self) -> None:
        """Compare the store with the model. Every secret has been shown to one person only."""
        for account_id, status in self.status().items():
            account = self.model.accounts[account_id]
            assert status.enrolled == (account.secret is not None)
            assert (status.failures, status.recovery_codes_left) == (account.failures, len(account.recovery))
            if account.secret is not None:
                assert self.shop.auth.provisioning(account_id).secret.to_bytes() == account.secret
        assert all(len(people) == 1 and people <= set(PEOPLE) for people in self.seen.values())
        of_bob = self.model.accounts[ACCOUNTS[BOB]].secret
        assert of_bob is None or self.seen[of_bob] == {BOB}


def _pick(texts: list[str], number: int, default: str) -> str:
    """Return one of the texts, counted from the newest."""
    return texts[-1 - number % len(texts)] if texts else default
