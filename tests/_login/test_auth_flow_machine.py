"""Logins against a simple model of them, and an attacker who tries everything that he holds.

That the machine can see is proved by faults planted in the flow, each of which it finds.
"""

import importlib
import inspect
import textwrap
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.support.authenticators import ASYNC, SYNC
from tests.support.flow_model import ACCOUNTS, ALICE, BOB, KIOSK, MALLORY, PEOPLE, SHAPES
from tests.support.flow_world import Held, World
from totpkit import FlowError

REACHED: set[tuple[str, str]] = set()
LATER = ("code", "recovery", "mailed", "pin", "skip", "send", "replayed code", "spent recovery", "wrong")
ACTS = (
    "provisioning",
    "begin_replacement",
    "confirm_replacement",
    "cancel_replacement",
    "enroll",
    "confirm",
    "new_recovery_codes",
    "switch_off",
)
SHOPS = ("shop", "twin", "old shop")
"""Flows that differ by their names alone, or by their steps alone."""

CHANGES = {
    "phone": ("begin_replacement", "confirm_replacement"),
    "no phone": ("begin_replacement", "cancel_replacement"),
    "codes": ("new_recovery_codes",),
    "off": ("switch_off",),
    "nothing": ("provisioning",),
}
flows, kinds = st.sampled_from(sorted(SHAPES)), st.sampled_from(LATER)
honest = st.sampled_from([ALICE, ALICE, BOB])
recent = st.integers(0, 9).map(lambda number: number // 3)
numbers = st.integers(0, 3)
ways = st.sampled_from(["code", "code", "recovery", "mailed"])


class Life(RuleBasedStateMachine):
    """Alice, Bob and Mallory, each with an account."""

    @initialize(colour=st.sampled_from([SYNC] * 11 + [ASYNC]))
    def start(self, colour: str) -> None:
        """Open the apps; nobody has logged in yet."""
        self.colour = colour
        self.world = World(colour)

    # Time, and the apps

    @rule(seconds=st.sampled_from([1, 30, 30, 60, 300, 301, 600, 86_400, -30, -60, -600]))
    def move_clock(self, seconds: int) -> None:
        """Let time pass, or set the clock, back too."""
        self.world.clock.advance(seconds)

    @rule()
    def wait_out(self) -> None:
        """Go to where all waits have ended."""
        for account in ACCOUNTS.values():
            self.world.wait_out(account)

    @precondition(lambda self: any(account.failures >= 3 for account in self.world.model.accounts.values()))
    @rule()
    def unlock(self) -> None:
        """Forget failures: so that more is reached than refusals."""
        for account in ACCOUNTS.values():
            self.world.unlock(account)

    @rule(who=st.sampled_from(PEOPLE), again=st.integers(0, 2))
    def revoke(self, who: str, again: int) -> None:
        """End a credential, now and then."""
        if again == 0:
            self.world.revoke(ACCOUNTS[who])

    # What anybody does

    def browser(self, who: str, *, kiosk: bool) -> str:
        """Return the binding of somebody's browser, or the kiosk's."""
        return KIOSK if kiosk else f"browser of {who}"

    def arrive(self, who: str, flow: str, number: int, *, kiosk: bool, federated: bool = False) -> None:
        """Begin a login, or in the kiosk go on with what somebody else has begun, and name oneself."""
        binding = self.browser(who, kiosk=kiosk)
        begun = [held for held in self.world.held if (held.place.flow, held.place.stage) == (flow, "first")]
        here = [held for held in begun if held.place.binding == binding]
        held = here[-1] if here and number % 2 else self.world.begin(who, flow, binding)
        kind = "federated" if federated and "federated:google" in SHAPES[flow].first else "password"
        answer = self.world.answer(who, kind, held.place, number)
        self.world.submit(who, flow, held.ticket, answer, binding)

    def pick(self, held: list[Held], place: int) -> Held | None:
        """Return one of these tickets, counted from the newest."""
        return held[-1 - place % len(held)] if held else None

    def respond(self, who: str, place: int, kind: str, number: int) -> None:
        """Answer a challenge of one's own, after the first step."""
        own = [held for held in self.world.held if held.whose == who and held.place.step]
        held = self.pick(own, place)
        if held is not None:
            answer = self.world.answer(who, kind, held.place, number)
            self.world.submit(who, held.place.flow, held.ticket, answer, held.place.binding)

    def serve(self, who: str, act: str, place: int, number: int, flow: str | None = None) -> None:
        """Do something in my account by one of the proofs that somebody holds."""
        held = [proof for proof, whose in self.world.proofs if who in {MALLORY, whose}]
        if held:
            proof = held[-1 - place % len(held)]
            flow = flow or self.world.model.certificates[proof].flow
            self.world.desk(who, act, flow, proof, number)

    # Honest people

    @rule(who=honest, flow=flows, number=numbers, kiosk=st.booleans(), federated=st.booleans())
    def name_oneself(self, who: str, flow: str, number: int, kiosk: bool, federated: bool) -> None:  # noqa: FBT001 - drawn
        """Pass the first step, and leave it there."""
        self.arrive(who, flow, number, kiosk=kiosk, federated=federated)

    @rule(who=honest, flow=flows, number=numbers, kiosk=st.booleans(), way=ways)
    def log_in(self, who: str, flow: str, number: int, kiosk: bool, way: str) -> None:  # noqa: FBT001 - drawn
        """Answer all that is asked."""
        self.complete(who, flow, number, way, kiosk=kiosk)

    @rule(who=honest, place=recent, kind=kinds, number=numbers)
    def go_on(self, who: str, place: int, kind: str, number: int) -> None:
        """Answer one of the challenges that were left."""
        self.respond(who, place, kind, number)

    @rule(who=honest, place=recent)
    def reload(self, who: str, place: int) -> None:
        """Load a page again."""
        held = self.pick([held for held in self.world.held if held.whose == who], place)
        if held is not None:
            self.world.resume(who, held.place.flow, held.ticket, held.place.binding)

    @rule(who=honest, place=recent, act=st.sampled_from(ACTS), number=numbers)
    def my_account(self, who: str, place: int, act: str, number: int) -> None:
        """Do something by a proof of one's own."""
        self.serve(who, act, place, number)

    @rule(
        who=honest,
        flow=st.sampled_from(["shop", "bank"]),
        change=st.sampled_from(sorted(CHANGES)),
        way=st.sampled_from(["code", "code", "code", "mailed"]),
    )
    def change_something(self, who: str, flow: str, change: str, way: str) -> None:
        """Log in, and change one's credential at once."""
        self.complete(who, flow, 0, way, kiosk=False)
        for act in CHANGES[change]:
            self.serve(who, act, 0, 1)
        for place in (0, 1):
            self.serve(who, "provisioning", place, 1)  # by the proofs of before and of after

    @rule(who=honest, flow=st.sampled_from(["shop", "bank"]))
    def lose_the_phone(self, who: str, flow: str) -> None:
        """Log in by a recovery code, which is enough for a new phone and shows no old one."""
        self.change_something(who, "shop", "codes", "code")
        self.complete(who, flow, 0, "recovery", kiosk=False)
        for act in ("provisioning", "new_recovery_codes", *CHANGES["phone"]):
            self.serve(who, act, 0, 1)

    @rule(
        who=st.sampled_from(PEOPLE),
        flow=st.sampled_from(["club", "lounge", "shop"]),
        enroll=st.booleans(),
        again=st.integers(0, 3),
    )
    def skip(self, who: str, flow: str, enroll: bool, again: int) -> None:  # noqa: FBT001 - drawn
        """Try to pass without a phone; then enroll one, revoked or not, or try to step up by none."""
        self.arrive(who, flow, 1, kiosk=False)
        if self.world.held[-1].place.stage == "enrolling":
            self.respond(who, 0, "skip", 0)
        self.revoke(who, again)
        if enroll:
            self.serve(who, "enroll", 0, 1)
            self.serve(who, "confirm", 0, 1)
        elif self.world.proofs:
            proof, _ = self.world.proofs[-1]
            flow = self.world.model.certificates[proof].flow
            self.world.step_up(who, flow, proof, self.browser(who, kiosk=False))

    @rule(who=honest, flow=st.sampled_from(["bank", "shop"]), early=st.sampled_from([0, 0, 1]), place=recent)
    def come_back_late(self, who: str, flow: str, early: int, place: int) -> None:
        """Load a page again at the end of its life, or just before it."""
        self.arrive(who, flow, 0, kiosk=False)
        self.respond(who, 0, "pin", 0)
        held = self.pick([held for held in self.world.held if held.whose == who], place)
        if held is not None:
            self.world.clock.time = held.place.expires_at - early
            self.world.resume(who, held.place.flow, held.ticket, held.place.binding)

    @rule(who=honest, place=recent, way=ways)
    def step_up(self, who: str, place: int, way: str) -> None:
        """Give the second factor alone."""
        held = [proof for proof, whose in self.world.proofs if whose == who]
        if held:
            proof = held[-1 - place % len(held)]
            flow = self.world.model.certificates[proof].flow
            verdict = self.world.step_up(who, flow, proof, self.browser(who, kiosk=False))
            if verdict.kind == "ask":
                self.finish(who, way)

    def complete(self, who: str, flow: str, number: int, way: str, *, kiosk: bool) -> None:
        """Log in, once the phone shows a code that is not spent, and no wait is left."""
        self.world.clock.advance(30.0)
        self.world.wait_out(ACCOUNTS[who])
        self.arrive(who, flow, number, kiosk=kiosk)
        self.finish(who, way)

    def finish(self, who: str, way: str) -> None:
        """Answer the newest challenge, and those after it, as somebody does who holds a phone."""
        for _ in range(3):
            place = self.world.held[-1].place
            if not place.step:
                return
            kind = (
                "code"
                if place.stage == "enrolling"
                else {"recovery": "recovery", "mailed": "mailed"}.get(way)
            )
            kind = "pin" if "pin" in place.factors and kind != "mailed" else kind or "code"
            kind = "code" if kind == "mailed" and "email" not in place.factors else kind
            if kind == "mailed":
                self.respond(who, 0, "send", 0)
            newest = self.world.held[-1]
            self.respond(who, 0, kind, 0)
            if self.world.held[-1] is newest:
                return

    # The attacker

    @rule(flow=flows, number=numbers, kiosk=st.booleans(), then=st.lists(kinds, max_size=2))
    def attack_by_password(self, flow: str, number: int, kiosk: bool, then: list[str]) -> None:  # noqa: FBT001 - drawn
        """Pass a first step, and try what he holds at the next."""
        self.arrive(MALLORY, flow, number, kiosk=kiosk)
        for kind in then:
            self.respond(MALLORY, 0, kind, number)

    @rule(shops=st.permutations(SHOPS), act=st.sampled_from(ACTS), kind=kinds)
    def attack_by_another_app(self, shops: list[str], act: str, kind: str) -> None:
        """Take a ticket of his own, or anybody's proof, to another app with the same keys."""
        self.arrive(MALLORY, shops[0], 0, kiosk=False)
        held = self.world.held[-1]
        answer = self.world.answer(MALLORY, kind, held.place, 0)
        self.world.submit(MALLORY, shops[1], held.ticket, answer, held.place.binding)
        self.serve(MALLORY, act, 0, 0, shops[2])

    @rule(flow=st.sampled_from(["shop", "club", "bank"]), number=numbers)
    def attack_by_mail(self, flow: str, number: int) -> None:
        """Read the code that Alice has asked for over her shoulder, and type it into a login of his own."""
        self.arrive(ALICE, flow, 0, kiosk=False)
        self.respond(ALICE, 0, "send", 0)
        self.arrive(MALLORY, flow, 0, kiosk=False)
        self.respond(MALLORY, 0, "mailed", number)

    @rule(place=recent, kind=kinds, number=numbers)
    def attack_by_answer(self, place: int, kind: str, number: int) -> None:
        """Answer a challenge of his own by whatever he holds."""
        self.respond(MALLORY, place, kind, number)

    @rule(place=recent, kind=kinds, number=numbers, kiosk=st.booleans(), flow=st.none() | flows)
    def attack_by_ticket(self, place: int, kind: str, number: int, kiosk: bool, flow: str | None) -> None:  # noqa: FBT001 - drawn
        """Send anybody's ticket, to any app, from a browser of his own."""
        held = self.pick([held for held in self.world.tickets(MALLORY) if held.place.step], place)
        if held is not None:
            answer = self.world.answer(MALLORY, kind, held.place, number)
            binding = self.browser(MALLORY, kiosk=kiosk)
            flow = flow or held.place.flow
            self.world.submit(MALLORY, flow, held.ticket, answer, binding)
            self.world.resume(MALLORY, flow, held.ticket, binding)

    @rule(place=recent, flow=st.none() | flows, kiosk=st.booleans(), whole=st.booleans())
    def attack_by_step_up(self, place: int, flow: str | None, kiosk: bool, whole: bool) -> None:  # noqa: FBT001 - drawn
        """Begin a step-up by anybody's proof, or by a ticket."""
        proofs = [proof for proof, _ in self.world.proofs]
        proofs = proofs if whole else [held.ticket for held in self.world.tickets(MALLORY)]
        if proofs:
            proof = proofs[-1 - place % len(proofs)]
            known = self.world.model.certificates.get(proof)
            flow = flow or (known.flow if known else "shop")
            self.world.step_up(MALLORY, flow, proof, self.browser(MALLORY, kiosk=kiosk))

    @rule(place=recent, act=st.sampled_from(ACTS), number=numbers, flow=st.none() | flows)
    def attack_by_proof(self, place: int, act: str, number: int, flow: str | None) -> None:
        """Bring anybody's proof to my account."""
        self.serve(MALLORY, act, place, number, flow)

    @rule(place=recent, act=st.sampled_from(ACTS))
    def attack_by_ticket_as_proof(self, place: int, act: str) -> None:
        """Bring a ticket for a proof, and a proof for a ticket."""
        held = self.pick(self.world.tickets(MALLORY), place)
        if held is not None:
            self.world.desk(MALLORY, act, held.place.flow, held.ticket)
        if self.world.proofs:
            proof = self.world.proofs[-1 - place % len(self.world.proofs)][0]
            flow = self.world.model.certificates[proof].flow
            self.world.resume(MALLORY, flow, proof, self.browser(MALLORY, kiosk=False))

    @rule(
        flow=st.sampled_from(["shop", "bank", "club"]),
        pin=st.booleans(),
        times=st.integers(1, 3),
        then=st.none() | ways,
    )
    def attack_by_guesses(self, flow: str, pin: bool, times: int, then: str | None) -> None:  # noqa: FBT001 - drawn
        """Guess at Alice's second factor, with her PIN between the guesses where one is asked for."""
        for _ in range(times):
            self.arrive(MALLORY, flow, 0, kiosk=False)
            held = self.world.held[-1]
            if held.whose == MALLORY and held.place.step:
                self.respond(MALLORY, 0, "pin" if pin else "wrong", 0)
                self.respond(MALLORY, 0, "wrong", 0)
        if then is not None:
            self.complete(ALICE, "bank", 0, then, kiosk=False)

    @precondition(lambda self: self.colour == SYNC)
    @rule(
        first=st.sampled_from([MALLORY, ALICE]),
        kinds=st.tuples(kinds, kinds),
        places=st.tuples(recent, recent),
        by=st.sampled_from(["answer", "answer", "new codes", "revocation"]),
    )
    def race(self, first: str, kinds: tuple[str, str], places: tuple[int, int], by: str) -> None:
        """Answer a challenge at the moment at which another is answered, or the credential changes."""
        rival = ALICE if first == MALLORY else MALLORY
        self.world.store.intruder = {
            "answer": lambda: self.respond(rival, places[1], kinds[1], 0),
            "new codes": lambda: self.serve(ALICE, "new_recovery_codes", places[1], 0),
            "revocation": lambda: self.world.revoke(ACCOUNTS[ALICE]),
        }[by]
        try:
            self.respond(first, places[0], kinds[0], 0)
        finally:
            self.world.store.intruder = None

    @rule(by=st.sampled_from(["new codes", "revocation"]), flow=st.sampled_from(["shop", "bank"]))
    def race_with_a_right_answer(self, by: str, flow: str) -> None:
        """Type the right code at the moment at which the credential changes in another tab."""
        self.complete(ALICE, "shop", 0, "code", kiosk=False)
        self.world.clock.advance(30.0)
        self.arrive(ALICE, flow, 0, kiosk=False)
        self.respond(ALICE, 0, "pin", 0)
        if self.colour == SYNC:
            self.race(ALICE, ("code", "code"), (0, 0), by)

    @invariant()
    def nobody_else_holds_a_phone(self) -> None:
        """Compare all with the model."""
        if hasattr(self, "world"):
            self.world.check()
            REACHED.update(self.world.reached)


# What any run worth its name reaches: a machine that only ever sees refusals would find no fault.
USUAL = {
    *(("in", who) for who in PEOPLE),
    *((factor, "in") for factor in ("totp", "recovery", "email", "skip", "password")),
    *((answer, "ask") for answer in ("PasswordAnswer", "FederatedAnswer", "CustomAnswer")),
    *((answer, "enroll") for answer in ("PasswordAnswer", "CustomAnswer")),
    *(
        (answer, kind)
        for answer in ("CodeAnswer", "RecoveryAnswer", "EmailAnswer", "SkipAnswer")
        for kind in ("again", "denied")
    ),
    *((move, kind) for move, kind in [("mail", "sent"), ("step up", "ask"), ("step up", "denied")]),
    *((move, "again") for move in ("resume", "SendEmail", "CustomAnswer")),
    *((act, came_to) for act in ACTS for came_to in ("accepted", "denied")),
}
EXPLORE = settings(
    max_examples=60,
    stateful_step_count=50,
    suppress_health_check=[HealthCheck.too_slow],
    report_multiple_bugs=False,
)


@pytest.mark.proves("T01", "T17", "T18", "T37", "T38", "T39", "T40", "T44", "T47", "ASVS-6.6.2")
@pytest.mark.proves("FLOW-per-app", "FLOW-no-skip", "FLOW-same-subject", "FLOW-enroll-once")
def test_machine() -> None:
    """No order of calls, tickets, proofs and answers lets anybody in who does not hold every factor."""
    REACHED.clear()
    for examples in (60, 120, 240):  # what one run has not reached, by chance, a longer one will
        run_state_machine_as_test(Life, settings=settings(EXPLORE, max_examples=examples))
        if USUAL <= REACHED:
            break
    assert set() == USUAL - REACHED


# Faults


def rewritten(patch: pytest.MonkeyPatch, where: str, *swaps: tuple[str, str]) -> None:
    """Change the text of a function: *where* names its module, its class if it has one, and itself."""
    module_name, *path = where.split(" ")
    module = importlib.import_module(f"totpkit.{module_name}")
    owner = getattr(module, path[0]) if len(path) > 1 else module
    found = vars(owner)[path[-1]]
    function: Any = found.fget if isinstance(found, property) else found
    text = textwrap.dedent(inspect.getsource(function))
    for old, new in swaps:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    made: dict[str, Any] = {}
    exec(text, vars(module), made)  # noqa: S102 - the package's own text, but for the fault
    patch.setattr(owner, path[-1], made[path[-1]])


FAULTS: dict[str, list[tuple[str, tuple[str, str]]]] = {
    "generation not checked at an attempt": [
        ("_scope Restrictions bound", ("self.generation is not None", "False")),
    ],
    "generation not checked again at the write": [
        ("_scope Restrictions bound", ("self.generation is not None", "False")),
        (
            "flow._later Later submit",
            (
                "factor = _factor_for(",
                """record = await self.checks.accounts.read(visit.at.account_id)
    if record.generation != visit.at.generation:
        return denied(visit.at.stage, Reason.TICKET_INVALID)
    factor = _factor_for(""",
            ),
        ),
    ],
    "login's id taken over from the ticket that began": [
        ("flow._login Login begin", ("at = Position(", "at = Position(login=_new_login(), ")),
        ("flow._login Login _first", ("_new_login()", "visit.at.login")),
    ],
    "binding left out": [
        ("flow._ticket Tickets read", ("if written[0] != bound_to:", "if False:")),
    ],
    "tickets and proofs signed for one purpose": [
        ("flow._flows _login", ('b"proof"', 'b"ticket"')),
    ],
    "skip for the enrolled": [
        (
            "flow._later Later submit",
            (
                "if factor is None:",
                """if isinstance(answer, SkipAnswer):
        record = await self.checks.accounts.read(visit.at.account_id)
        return await self.onward(visit, visit.at._replace(skipped=("totp",)), record)
    if factor is None:""",
            ),
        ),
        (
            "flow._login Login submit",
            ("in ANSWERS[visit.at.stage]", "in ANSWERS[visit.at.stage] or repr(answer) == 'SkipAnswer()'"),
        ),
    ],
    "skip where a phone is required": [
        (
            "flow._later Later _enrolling",
            ('if await flag_of("required", factor.required, at, app)', "if False"),
        ),
    ],
    "enrollment shown to the enrolled": [
        ("flow._later Later _asks", ("record.device is not None", "totp is None")),
    ],
    "name left out": [
        ("flow._flows _login", ('plan.name.encode("utf-8")', 'b""')),
    ],
    "steps left out": [
        ("flow._flows _login", ('plan.shape.encode("ascii")', 'b""')),
    ],
    "proofs of any flow": [
        ("flow._flows _login", ('b"proof", *flow', 'b"proof"')),
    ],
    "own factor on the way forgives": [
        ("_scope Restrictions settled", ("if self.completes", "if True")),
    ],
    "mailed code on the way forgives": [
        ("_scope Restrictions guarded", ("if self.completes else decided", "")),
    ],
    "mailed code of any login": [
        ("_mailed live", ("mailed if compare_digest(mailed.owner, owner) else None", "mailed")),
        ("flow._checks Checks _digests", ('binding.encode("utf-8"), ', "")),
    ],
    "proof of any credential at the desk": [
        ("flow._desk Desk _admitted", ("record.generation != read.generation or ", "")),
    ],
    "proof of any credential for a step-up": [
        ("flow._later Later step_up", ("record.generation != at.generation", "False")),
    ],
    "step-up that enrolls": [
        ("flow._later Later _asks", ("if at.stepping_up", "if False")),
    ],
    "ticket that lives longer with each step": [
        ("flow._ticket Position past", ("(stage, expires_at,", "(stage, expires_at + 600,")),
    ],
    "ticket that lives for ever": [
        ("flow._ticket Tickets read", ("now >= expires_at", "False")),
    ],
    "proof of any age": [
        ("flow._proof Proofs read", ("not -LEEWAY <= now - at <= lifetime", "False")),
    ],
    "secret shown after a recovery code": [
        ("flow._desk by_phone", ("TotpCode.name in proof.factors", "len(proof.factors) > 1")),
    ],
    "mailed code enough for my account": [
        ("flow._desk by_two", ("factor.multi for", "True for")),
    ],
    "recovery code enough for more of them": [
        ("flow._desk by_two_kept", ("if not isinstance(factor, RecoveryCode)", "")),
    ],
    "secret shown to any login": [
        ("flow._ticket Position owner", ("login {self.login}", "login")),
    ],
    "revocation of nothing ends nothing": [
        (
            "_accounts Service revocation",
            (
                "partial(revoked, now=self.ledger.now())",
                "lambda record: revoked(record, self.ledger.now()) if record.device else record",
            ),
        ),
    ],
    "one later step enough": [
        ("flow._later Later onward", ("passed.step == len(self.plan.then)", "passed.step >= 1")),
    ],
}


@pytest.mark.proves("T17")
@pytest.mark.parametrize("fault", FAULTS)
def test_faults(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each fault planted in the flow is found by the machine."""
    texts: dict[str, list[tuple[str, str]]] = {}
    for where, swap in FAULTS[fault]:
        texts.setdefault(where, []).append(swap)
    for where, swaps in texts.items():
        rewritten(monkeypatch, where, *swaps)
    search = settings(EXPLORE, max_examples=600, phases=[Phase.generate], database=None, derandomize=True)
    with pytest.raises((AssertionError, FlowError, ValueError)):
        run_state_machine_as_test(Life, settings=search)
