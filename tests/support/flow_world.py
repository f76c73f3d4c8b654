"""Several apps' logins, the people who use them, and an attacker; each move is compared with the model.

The attacker owns a browser and an account, knows Alice's password and PIN, and has planted a login
in the kiosk's browser. He holds every ticket of the others' own browsers, every proof, every code
once it is spent, and every mailed code that he has not asked for himself.
"""

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from tests.support.authenticators import POLICY
from tests.support.flow_model import (
    ACCOUNTS,
    BOB,
    DIGITS,
    KIOSK,
    KNOWN,
    MAIL_LIFE,
    MALLORY,
    PASSWORDS,
    PENDING_LIFE,
    PEOPLE,
    PERIOD,
    SHAPES,
    Account,
    Certificate,
    Letter,
    Model,
    Pending,
    Place,
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
TERMS = replace(POLICY, digits=DIGITS, drift_bound=0, throttle=SHORT, recovery_codes=3, recovery_low=1)
PROMPTS = {CodePrompt: "totp", RecoveryPrompt: "recovery", EmailPrompt: "email", CustomPrompt: "pin"}


class Pin(SecondFactor):
    """A number that an account's owner knows."""

    name = "pin"
    methods = ("pin",)

    def check(self, account_id: str, answer: CustomAnswer) -> bool:
        """Compare the numbers."""
        return answer.data.get("pin") == pin_of(account_id)


class Intruded:
    """A store before whose next swap somebody else may act, once."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.intruder: Callable[[], None] | None = None

    def load(self, account_id: str) -> bytes | None:
        """Load."""
        return self.store.load(account_id)

    def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Let the intruder act; then swap."""
        intruder, self.intruder = self.intruder, None
        if intruder is not None:
            intruder()
        return self.store.swap(account_id, old, new)


@dataclass(frozen=True)
class Held:
    """A ticket, whose, and where it stands."""

    ticket: str
    whose: str
    place: Place


class World:
    """All of it."""

    def __init__(self, colour: str) -> None:
        self.store = Intruded()
        self.shop = shop = Shop(colour, store=self.store, policy=TERMS)
        shop.passwords = dict(PASSWORDS)
        shop.addresses = {account: f"{who}@example.com" for who, account in ACCOUNTS.items()}
        self.clock = shop.clock
        self.flows = {key: self._flow(key) for key in SHAPES}
        self.desks = {key: shop.desk(flow) for key, flow in self.flows.items()}
        self.model = Model()
        self.held: list[Held] = []
        self.proofs: list[tuple[str, str]] = []
        self.seen: dict[bytes, set[str]] = {}
        self.recovery: dict[str, str] = {}
        self.typed: list[str] = []
        self.redeemed: list[str] = []
        self.letters: list[Letter] = []
        self.reached: set[tuple[str, str]] = set()

    def _flow(self, key: str) -> Any:
        shop, shape = self.shop, SHAPES[key]
        made = {
            "totp": lambda: shop.totp(required=shape.required, enroll=shape.enroll),
            "recovery": shop.recovery,
            "email": shop.email,
            "pin": Pin,
        }
        steps = []
        for names in shape.then:
            factors = [made[name]() for name in names]
            step = factors[0]
            for factor in factors[1:]:
                step |= factor
            steps.append(step)
        first: Any = shop.password()
        if "federated:google" in shape.first:
            first |= Federated("google")
        return shop.built(first, *steps, name=shape.name, keys=KEYS)

    # What people have

    def tickets(self, who: str, binding: str | None = None) -> list[Held]:
        """Return the tickets that somebody can send, the attacker those of others too."""
        own = [held for held in self.held if held.whose == who]
        if who == MALLORY:
            open_ = [held for held in self.held if held.place.binding != KIOSK or held.place.stage == "first"]
            own = [held for held in self.held if held in own or held in open_]
        return [held for held in own if binding is None or held.place.binding == binding]

    def secrets(self, who: str) -> list[bytes]:
        """Return the secrets that somebody has been shown."""
        return [secret for secret, eyes in self.seen.items() if who in eyes]

    def knows(self, who: str, secret: bytes | None) -> bool:
        """Return whether somebody has been shown a secret."""
        return secret is not None and who in self.seen.get(secret, set())

    def code(self, who: str, account: Account, place: Place) -> str:
        """Return the code of the phone that somebody would look at: of the secret on show, or in use."""
        owner = ("login", place.login)
        pending = account.waiting(owner, self.clock())
        wanted = pending.secret if pending and place.stage == "enrolling" else account.secret
        if not self.knows(who, wanted):
            wanted = next(iter(reversed(self.secrets(who))), b"no phone")
        assert wanted is not None
        return decimal(wanted, int(self.clock() // PERIOD), DIGITS)

    def answer(self, who: str, kind: str, place: Place, number: int) -> Answer:  # noqa: C901, PLR0911 - a table
        """Return what somebody can answer, by what they hold."""
        subject = place.account or ACCOUNTS[who if who != MALLORY or number % 2 else "alice"]
        account = self.model.accounts[subject]
        match kind:
            case "password":
                name = next(name for name, known in ACCOUNTS.items() if known == subject)
                right = subject in KNOWN[who]
                return PasswordAnswer(name, f"pw of {name}" if right else "guess")
            case "federated":
                return FederatedAnswer("google", ACCOUNTS[who])
            case "code":
                return CodeAnswer(self.code(who, account, place))
            case "replayed code":
                return CodeAnswer(self.typed[-1 - number % len(self.typed)] if self.typed else "00000000")
            case "recovery":
                mine = [code for code, holder in self.recovery.items() if holder == who]
                mine = [code for code in mine if code in account.recovery] or mine or ["none"]
                return RecoveryAnswer(mine[number % len(mine)])
            case "spent recovery":
                return RecoveryAnswer(
                    self.redeemed[-1 - number % len(self.redeemed)] if self.redeemed else ""
                )
            case "mailed":
                letters = [letter.code for letter in self.letters if letter.account == ACCOUNTS[who]]
                if who == MALLORY:
                    letters += [letter.code for letter in self.letters if letter.asker != MALLORY]
                return EmailAnswer(letters[-1 - number % min(len(letters), 2)] if letters else "000000")
            case "pin":
                right = place.account in KNOWN[who]
                return CustomAnswer("pin", {"pin": pin_of(place.account) if right else "0000"})
            case "send":
                return SendEmail()
            case "skip":
                return SkipAnswer()
        return CodeAnswer("12345678")

    # Moves

    def begin(self, who: str, flow: str, binding: str) -> Held:
        """Open a login page."""
        challenge = self.flows[flow].begin(binding=binding)
        place = Place(flow, binding, "first", self.clock() + 86_400.0)
        return self._hold(who, challenge, place)

    def submit(self, who: str, flow: str, ticket: str, answer: Answer, binding: str) -> Verdict:
        """Answer a challenge."""
        letters = 0

        def expected() -> Verdict:
            nonlocal letters
            letters = len(self.shop.mailbox)  # an intruder may ask for one of their own
            return self.model.expected(flow, ticket, answer, binding, self.clock(), self.status())

        verdicts, result = self.watched(
            expected, lambda: self.flows[flow].submit(ticket, answer, binding=binding)
        )
        verdict = self.compared(verdicts, result)
        if len(self.shop.mailbox) > letters:
            place = self.model.standing(flow, ticket, binding, self.clock())
            assert isinstance(answer, SendEmail)
            assert place is not None
            self._post(who, place)
        if verdict.counted:
            standing = self.model.places[ticket]
            self.model.accounts[standing.account].failures += 1
        if verdict.kind == "in":
            assert verdict.place is not None
            assert result.failures == self.model.accounts[verdict.place.account].failures
        if verdict.by:
            self._passed(who, verdict, answer, flow, ticket)
        self._arrived(who, verdict, result, ticket)
        kind = type(answer).__name__ if verdict.kind != "in" else verdict.by or "skip"
        self.reached.add((kind, verdict.kind))
        return verdict

    def resume(self, who: str, flow: str, ticket: str, binding: str) -> None:
        """Load a page again."""
        expected = lambda: self.model.resumed(flow, ticket, binding, self.clock(), self.status())  # noqa: E731
        verdicts, result = self.watched(expected, lambda: self.flows[flow].resume(ticket, binding=binding))
        verdict = self.compared(verdicts, result)
        self._arrived(who, verdict, result, ticket)
        self.reached.add(("resume", verdict.kind))

    def step_up(self, who: str, flow: str, proof: str, binding: str) -> Verdict:
        """Ask for the second factor alone."""

        def expected() -> Verdict:
            known = self.model.certificates.get(proof)
            status = self.status()[known.account] if known else None
            return self.model.stepped_up(flow, proof, binding, self.clock(), status)

        verdicts, result = self.watched(
            expected, lambda: self.flows[flow].begin_step_up(proof, binding=binding)
        )
        verdict = self.compared(verdicts, result)
        self._arrived(who, verdict, result, "")
        self.reached.add(("step up", verdict.kind))
        return verdict

    def desk(self, who: str, act: str, flow: str, proof: str, number: int = 0) -> None:
        """Do something in "my account"; whoever stole a fresh proof of enough has stolen the session."""
        known = self.model.entitled(act, flow, proof, self.clock(), self.status())
        stolen = (proof, who) not in self.proofs
        if known is not None and stolen:
            return
        account = self.model.accounts[known.account] if known else Account()
        pending = account.waiting(("self", known.login), self.clock()) if known else None
        status = self.status()[known.account] if known else None
        arguments = [proof]
        if act in {"confirm", "confirm_replacement"}:
            secrets = [pending.secret] if pending else self.secrets(who)[-1:] or [b"none"]
            arguments.append(
                decimal(secrets[0], int(self.clock() // PERIOD), DIGITS) if number else "12345678"
            )
        answer = getattr(self.desks[flow], act)(*arguments)
        self.reached.add((act, "denied" if known is None else "accepted"))
        if known is None:
            assert isinstance(answer, Denied)
            return
        assert not isinstance(answer, Denied)
        assert status is not None
        if len(arguments) > 1:
            self._confirmed(who, known, account, pending, answer, arguments[1], waits=refused(status))
            return
        self._served(who, act, known, account, answer)

    def unlock(self, account_id: str) -> None:
        """Forget failures and wait."""
        self.shop.auth.unlock(account_id)
        self.model.accounts[account_id].failures = 0

    def wait_out(self, account_id: str) -> None:
        """Go to where a wait ends."""
        self.clock.advance(self.shop.auth.status(account_id).retry_after or 0.0)

    def revoke(self, account_id: str) -> None:
        """End a credential."""
        self.shop.auth.revoke(account_id)
        self._end(self.model.accounts[account_id])

    def status(self) -> dict[str, Any]:
        """Return what the authenticator says of every account."""
        return {account: self.shop.auth.status(account) for account in self.model.accounts}

    # Comparing

    def watched(self, expected: Callable[[], Verdict], move: Callable[[], Any]) -> tuple[list[Verdict], Any]:
        """Make a move; return what it may come to, as it was before and after an intruder, and the result."""
        verdicts = [expected()]
        intruder = self.store.intruder

        def intrude() -> None:
            assert intruder is not None
            intruder()
            verdicts.insert(0, expected())
            verdicts.append(Verdict("denied"))

        if intruder is not None:
            self.store.intruder = intrude
        try:
            result = move()
        finally:
            self.store.intruder = None
        return verdicts, result

    def compared(self, verdicts: list[Verdict], result: Any) -> Verdict:
        """Return the verdict that a result is by; it must be the first, or that of a lost race."""
        kind = {Challenge: "on", Authenticated: "in", Denied: "denied"}[type(result)]
        kinds = [
            {"again": "on", "ask": "on", "enroll": "on"}.get(found.kind, found.kind) for found in verdicts
        ]
        expected = kinds if len(kinds) > 1 else kinds[:1]
        allowed = {expected[0], *expected[2:]}
        assert kind in allowed, (verdicts, result)
        return verdicts[0] if kind == kinds[0] else Verdict("denied")

    def _arrived(self, who: str, verdict: Verdict, result: Any, ticket: str) -> None:
        match verdict.kind:
            case "again":
                assert result.ticket == ticket
                self._seen(who, result, self.model.places[ticket])
            case "ask" | "enroll":
                assert verdict.place is not None
                # Who passes a step once more, by the same ticket, gets the same next one.
                assert self.model.places.get(result.ticket, verdict.place) == verdict.place
                self._hold(who, result, verdict.place)
            case "in":
                assert verdict.place is not None
                self._let_in(who, verdict, result)

    def _hold(self, who: str, challenge: Challenge, place: Place) -> Held:
        # Of one moment two pages that begin alike may have one ticket.
        held = Held(challenge.ticket, who, place)
        self.model.places[challenge.ticket] = place
        self.held.append(held)
        self._seen(who, challenge, place)
        return held

    def _seen(self, who: str, challenge: Challenge, place: Place) -> None:
        """Check that somebody is asked for what they must be, and note the secret that they see."""
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
        assert enrollments[0].optional is not SHAPES[place.flow].required
        self._shown(who, account, ("login", place.login), enrollments[0].secret)

    def _shown(self, who: str, account: Account, owner: tuple[str, int], grouped: str) -> None:
        """Note a secret on show: the one that was, to the same owner; else a new one, to nobody before."""
        text = grouped.replace(" ", "")
        secret = base64.b32decode(text + "=" * (-len(text) % 8))
        pending = account.waiting(owner, self.clock())
        if pending is None:
            assert secret not in self.seen, "a secret was shown to a second login"
            account.pending = Pending(owner, secret, self.clock() + PENDING_LIFE)
        else:
            assert secret == pending.secret
        self.seen.setdefault(secret, set()).add(who)

    def _post(self, who: str, place: Place) -> None:
        mail = self.shop.mailbox[-1]
        assert mail.to == self.shop.addresses[place.account]
        found = re.search(r"\b[0-9]{6}\b", mail.text)
        assert found is not None
        letter = Letter(found[0], place.account, place.login, who, self.clock() + MAIL_LIFE)
        self.model.accounts[place.account].letter = letter
        self.letters.append(letter)
        self.reached.add(("mail", "sent"))

    def _passed(self, who: str, verdict: Verdict, answer: Answer, flow: str, ticket: str) -> None:
        """Note what a right answer changes, and that all have seen a code that is spent now."""
        before = self.model.places[ticket]
        if before.stage == "first":
            return
        account = self.model.accounts[before.account]
        match verdict.by:
            case "totp" if before.stage == "enrolling":
                assert isinstance(answer, CodeAnswer)
                assert account.pending is not None
                self._promote(account, account.pending.secret, verdict.step)
                self.typed.append(answer.code)
            case "totp":
                assert isinstance(answer, CodeAnswer)
                assert verdict.step > account.last_step
                account.last_step = verdict.step
                self.typed.append(answer.code)
            case "recovery":
                assert isinstance(answer, RecoveryAnswer)
                assert self.recovery[answer.code] == who
                account.recovery.remove(answer.code)
                self.redeemed.append(answer.code)
            case "email":
                assert account.letter is not None
                account.letter.spent = True
        if before.step == len(SHAPES[flow].then):
            account.failures = 0

    def _let_in(self, who: str, verdict: Verdict, result: Authenticated) -> None:
        """Check that whoever was let in holds every factor that the flow asks for."""
        place = verdict.place
        assert place is not None
        account = self.model.accounts[result.account_id]
        assert (result.account_id, result.factors, result.skipped) == (
            place.account,
            place.passed,
            place.skipped,
        )
        first, *then = result.factors
        if first == "password" and not place.stepping_up:
            assert result.account_id in KNOWN[who]
        steps = SHAPES[place.flow].then
        assert len(then) + len(result.skipped) == len(steps)
        for factor in then:
            assert self._holds(who, factor, result.account_id, account), (who, result)
        if result.skipped:
            assert account.secret is None
            assert not SHAPES[place.flow].required
        assert ("mfa" in result.methods) == any(factor != "email" for factor in then)
        if then:
            account.failures = 0
        certificate = Certificate(
            place.flow, result.account_id, account.epoch, result.factors, self.clock(), place.login
        )
        self._certify(who, result.proof, certificate)
        self.reached.add(("in", who))

    def _holds(self, who: str, factor: str, account_id: str, account: Account) -> bool:
        match factor:
            case "totp":
                return self.knows(who, account.secret)
            case "recovery":
                return True  # whose it was has been checked when it was spent
            case "email":
                return account_id == ACCOUNTS[who]
            case "pin":
                return account_id in KNOWN[who]
        return False

    def _certify(self, who: str, proof: str, certificate: Certificate) -> None:
        self.model.certificates[proof] = certificate
        self.proofs.append((proof, who))

    # What self-service does

    def _confirmed(
        self,
        who: str,
        known: Certificate,
        account: Account,
        pending: Pending | None,
        answer: Any,
        code: str,
        *,
        waits: bool,
    ) -> None:
        step = matching(pending.secret, code, self.clock(), 0) if pending else None
        if waits or pending is None or step is None:
            assert not answer
            account.failures += pending is not None and not waits
            return
        assert isinstance(answer, Confirmed)
        assert self.knows(who, pending.secret)
        self._promote(account, pending.secret, step)
        self.typed.append(code)
        account.failures = 0
        factors = tuple(dict.fromkeys((*known.factors, "totp")))
        self._certify(who, answer.proof, replace(known, epoch=account.epoch, factors=factors))

    def _served(self, who: str, act: str, known: Certificate, account: Account, answer: Any) -> None:
        match act:
            case "provisioning":
                assert isinstance(answer, Enrollment)
                assert answer.secret.to_bytes() == account.secret
                assert self.knows(who, account.secret)
            case "begin_replacement" | "enroll":
                assert isinstance(answer, Enrollment)
                self._shown(who, account, ("self", known.login), answer.secret.grouped())
            case "cancel_replacement":
                account.pending = None
            case "new_recovery_codes":
                account.recovery = set(answer)
                account.epoch = next(self.model.numbers)
                self.recovery |= dict.fromkeys(answer, who)
                self._certify(who, answer.proof, replace(known, epoch=account.epoch))
            case "switch_off":
                self._end(account)

    def _promote(self, account: Account, secret: bytes, step: int) -> None:
        account.secret, account.last_step, account.pending = secret, step, None
        account.epoch = next(self.model.numbers)

    def _end(self, account: Account) -> None:
        account.epoch = next(self.model.numbers)
        account.secret, account.pending, account.recovery, account.last_step = None, None, set(), 0

    # What must hold at any time

    def check(self) -> None:
        """Compare what is stored with the model: every phone is in its owner's hands alone."""
        for account_id, status in self.status().items():
            account = self.model.accounts[account_id]
            assert status.enrolled == (account.secret is not None)
            assert status.failures == account.failures
            assert status.recovery_codes_left == len(account.recovery)
            if account.secret is not None:
                shown = self.shop.auth.provisioning(account_id)
                assert shown.secret.to_bytes() == account.secret
        assert all(len(eyes) == 1 for eyes in self.seen.values())
        # Nobody but Bob has anything that begins as Bob.
        bobs = self.model.accounts[ACCOUNTS[BOB]].secret
        assert bobs is None or self.seen[bobs] == {BOB}
        assert set(PEOPLE) >= {who for eyes in self.seen.values() for who in eyes}
