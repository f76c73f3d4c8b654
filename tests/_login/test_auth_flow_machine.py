"""Logins compared with a simple model, and an attacker who tries everything that he has.

Faults that are planted in the flow prove that the machine finds them.
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
from tests.support.flow_model import (
    ACCOUNTS,
    ALICE,
    BOB,
    KIOSK,
    LEEWAY,
    MALLORY,
    PEOPLE,
    SHAPES,
    STEP_UP_AGE,
)
from tests.support.flow_world import Held, World
from totpkit import FlowError

REACHED: set[tuple[str, str]] = set()
LATER = ("code", "recovery", "emailed", "pin", "skip", "send", "replayed code", "spent recovery", "wrong")
METHODS = (
    *("provisioning", "begin_enrollment", "confirm_enrollment", "cancel_enrollment"),
    *("new_recovery_codes", "switch_off"),
)
SHOPS = ("shop", "twin", "old shop")
"""Flows that differ only in their names, or only in their steps."""

CHANGES = {
    "new phone": ("begin_enrollment", "confirm_enrollment"),
    "cancelled": ("begin_enrollment", "cancel_enrollment"),
    "codes": ("new_recovery_codes",),
    "off": ("switch_off",),
    "nothing": ("provisioning",),
}
flows, kinds, methods = st.sampled_from(sorted(SHAPES)), st.sampled_from(LATER), st.sampled_from(METHODS)
honest = st.sampled_from([ALICE, ALICE, BOB])
recent = st.integers(0, 9).map(lambda number: number // 3)
numbers = st.integers(0, 3)
ways = st.sampled_from(["code", "code", "recovery", "emailed"])


class Life(RuleBasedStateMachine):
    """Alice, Bob and Mallory, each with an account."""

    @initialize(runtime=st.sampled_from([SYNC] * 11 + [ASYNC]))
    def start(self, runtime: str) -> None:
        """Start the apps."""
        self.runtime = runtime
        self.world = World(runtime)

    # Time and the apps

    @rule(seconds=st.sampled_from([1, 30, 30, 60, 300, 301, 600, 86_400, -30, -60, -600]))
    def move_clock(self, seconds: int) -> None:
        """Move the clock forward or back."""
        self.world.clock.advance(seconds)

    @rule()
    def wait_out(self) -> None:
        """Move the clock to the end of all waits."""
        for account in ACCOUNTS.values():
            self.world.wait_out(account)

    @precondition(lambda self: any(account.failures >= 3 for account in self.world.model.accounts.values()))
    @rule()
    def unlock(self) -> None:
        """Reset the failures, so that not every later answer is refused."""
        for account in ACCOUNTS.values():
            self.world.unlock(account)

    @rule(who=st.sampled_from(PEOPLE), unless=st.integers(0, 2))
    def revoke(self, who: str, unless: int) -> None:
        """Revoke a credential now and then."""
        if unless == 0:
            self.world.revoke(ACCOUNTS[who])

    # What anyone does

    def browser(self, who: str, *, kiosk: bool = False) -> str:
        """Return the binding of someone's browser, or of the kiosk."""
        return KIOSK if kiosk else f"browser of {who}"

    def arrive(
        self, who: str, flow: str, number: int = 0, *, kiosk: bool = False, federated: bool = False
    ) -> None:
        """Begin a login, or continue one that was begun in the same browser, and pass the first step."""
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

    def respond(self, who: str, place: int, kind: str, number: int = 0) -> None:
        """Answer one of one's own challenges after the first step."""
        held = self.pick([held for held in self.world.held if held.whose == who and held.place.step], place)
        if held is not None:
            answer = self.world.answer(who, kind, held.place, number)
            self.world.submit(who, held.place.flow, held.ticket, answer, held.place.binding)

    def proof(self, who: str, place: int = 0) -> tuple[str, str] | None:
        """Return one of the proofs that someone has, and its flow. The attacker has all of them."""
        proofs = [text for text, whose in self.world.proofs if who in {MALLORY, whose}]
        if not proofs:
            return None
        text = proofs[-1 - place % len(proofs)]
        return text, self.world.model.proofs[text].flow

    def serve(
        self, who: str, method: str, place: int = 0, *, right: bool = True, flow: str | None = None
    ) -> None:
        """Call a method of self-service with one of the proofs that someone has."""
        proof = self.proof(who, place)
        if proof is not None:
            self.world.self_service(who, method, flow or proof[1], proof[0], right=right)

    # Honest users

    @rule(who=honest, flow=flows, number=numbers, kiosk=st.booleans(), federated=st.booleans())
    def pass_first_step(self, who: str, flow: str, number: int, kiosk: bool, federated: bool) -> None:  # noqa: FBT001 - drawn
        """Pass the first step, and stop there."""
        self.arrive(who, flow, number, kiosk=kiosk, federated=federated)

    @rule(who=honest, flow=flows, number=numbers, kiosk=st.booleans(), way=ways)
    def log_in(self, who: str, flow: str, number: int, kiosk: bool, way: str) -> None:  # noqa: FBT001 - drawn
        """Answer everything that is asked."""
        self.complete(who, flow, way, number, kiosk=kiosk)

    @rule(who=honest, place=recent, kind=kinds, number=numbers)
    def continue_login(self, who: str, place: int, kind: str, number: int) -> None:
        """Answer one of the abandoned challenges."""
        self.respond(who, place, kind, number)

    @rule(who=honest, place=recent)
    def reload(self, who: str, place: int) -> None:
        """Load a page again."""
        held = self.pick([held for held in self.world.held if held.whose == who], place)
        if held is not None:
            self.world.resume(who, held.place.flow, held.ticket, held.place.binding)

    @rule(who=honest, place=recent, method=methods, right=st.integers(0, 3).map(bool))
    def use_self_service(self, who: str, place: int, method: str, right: bool) -> None:  # noqa: FBT001 - drawn
        """Call a method of self-service with one's own proof."""
        self.serve(who, method, place, right=right)

    @rule(
        who=honest,
        flow=st.sampled_from(["shop", "bank"]),
        change=st.sampled_from(sorted(CHANGES)),
        way=st.sampled_from(["code", "code", "code", "emailed"]),
    )
    def change_credential(self, who: str, flow: str, change: str, way: str) -> None:
        """Log in, and change the credential at once."""
        self.complete(who, flow, way)
        for method in CHANGES[change]:
            self.serve(who, method)
        for place in (0, 1):  # the proofs from before and after
            self.serve(who, "provisioning", place)

    @rule(who=honest, flow=st.sampled_from(["shop", "bank"]))
    def lose_the_phone(self, who: str, flow: str) -> None:
        """Log in with a recovery code, which is enough for a new phone but shows no secret."""
        self.change_credential(who, "shop", "codes", "code")
        self.complete(who, flow, "recovery")
        for method in ("provisioning", "new_recovery_codes", *CHANGES["new phone"]):
            self.serve(who, method)

    @rule(
        who=st.sampled_from(PEOPLE),
        flow=st.sampled_from(["club", "lounge", "shop"]),
        enroll=st.booleans(),
        unless=st.integers(0, 3),
    )
    def skip(self, who: str, flow: str, enroll: bool, unless: int) -> None:  # noqa: FBT001 - drawn
        """Try to log in without a phone, and then to enroll one or to step up without one."""
        self.arrive(who, flow, 1)
        if self.world.held[-1].place.stage == "enrolling":
            self.respond(who, 0, "skip")
        self.revoke(who, unless)
        if enroll:
            for method in CHANGES["new phone"]:
                self.serve(who, method)
        elif self.world.proofs:
            text, _ = self.world.proofs[-1]
            self.world.step_up(who, self.world.model.proofs[text].flow, text, self.browser(who))

    @rule(who=honest, flow=st.sampled_from(["bank", "shop"]), early=st.sampled_from([0, 0, 1]), place=recent)
    def return_late(self, who: str, flow: str, early: int, place: int) -> None:
        """Load a page again when its ticket expires, or just before."""
        self.arrive(who, flow)
        self.respond(who, 0, "pin")
        held = self.pick([held for held in self.world.held if held.whose == who], place)
        if held is not None:
            self.world.clock.time = held.place.expires_at - early
            self.world.resume(who, held.place.flow, held.ticket, held.place.binding)

    @rule(who=honest, age=st.sampled_from([-LEEWAY - 1, -LEEWAY, STEP_UP_AGE, STEP_UP_AGE + 1]))
    def return_with_a_proof(self, who: str, age: float) -> None:
        """Use a proof at the end of its life, or after the clock was set back."""
        proof = self.proof(who)
        if proof is not None:
            self.world.clock.time = self.world.model.proofs[proof[0]].at + age
            self.serve(who, "provisioning")
            self.world.step_up(who, proof[1], proof[0], self.browser(who))

    @rule(who=honest, place=recent, way=ways)
    def step_up(self, who: str, place: int, way: str) -> None:
        """Pass only the second factor."""
        proof = self.proof(who, place)
        if proof is not None and self.world.step_up(who, proof[1], proof[0], self.browser(who)).kind == "ask":
            self.finish(who, way)

    def complete(self, who: str, flow: str, way: str, number: int = 0, *, kiosk: bool = False) -> None:
        """Log in when the phone shows an unspent code and no wait is left."""
        self.world.clock.advance(30.0)
        self.world.wait_out(ACCOUNTS[who])
        self.arrive(who, flow, number, kiosk=kiosk)
        self.finish(who, way)

    def finish(self, who: str, way: str) -> None:
        """Answer the newest challenge and those after it."""
        for _ in range(3):
            newest = self.world.held[-1]
            if not newest.place.step:
                return
            kind = "code" if newest.place.stage == "enrolling" else way
            if "pin" in newest.place.factors and kind != "emailed":
                kind = "pin"
            if kind == "emailed" and "email" not in newest.place.factors:
                kind = "code"
            if kind == "emailed":
                self.respond(who, 0, "send")
            self.respond(who, 0, kind)
            if self.world.held[-1] is newest:
                return

    # The attacker

    @rule(flow=flows, number=numbers, kiosk=st.booleans(), then=st.lists(kinds, max_size=2))
    def attack_with_the_password(self, flow: str, number: int, kiosk: bool, then: list[str]) -> None:  # noqa: FBT001 - drawn
        """Pass a first step, and try what he has at the next one."""
        self.arrive(MALLORY, flow, number, kiosk=kiosk)
        for kind in then:
            self.respond(MALLORY, 0, kind, number)

    @rule(shops=st.permutations(SHOPS), method=methods, kind=kinds)
    def attack_another_app(self, shops: list[str], method: str, kind: str) -> None:
        """Take his own ticket, or anyone's proof, to another app with the same keys."""
        self.arrive(MALLORY, shops[0])
        held = self.world.held[-1]
        answer = self.world.answer(MALLORY, kind, held.place, 0)
        self.world.submit(MALLORY, shops[1], held.ticket, answer, held.place.binding)
        self.serve(MALLORY, method, flow=shops[2], right=False)

    @rule(flow=st.sampled_from(["shop", "club", "bank"]), number=numbers)
    def attack_with_an_email(self, flow: str, number: int) -> None:
        """Read a code that Alice has requested, and enter it in a login of his own."""
        self.arrive(ALICE, flow)
        self.respond(ALICE, 0, "send")
        self.arrive(MALLORY, flow)
        self.respond(MALLORY, 0, "emailed", number)

    @rule(place=recent, kind=kinds, number=numbers)
    def attack_with_an_answer(self, place: int, kind: str, number: int) -> None:
        """Answer his own challenge with anything that he has."""
        self.respond(MALLORY, place, kind, number)

    @rule(place=recent, kind=kinds, number=numbers, kiosk=st.booleans(), flow=st.none() | flows)
    def attack_with_a_ticket(self, place: int, kind: str, number: int, kiosk: bool, flow: str | None) -> None:  # noqa: FBT001 - drawn
        """Send anyone's ticket to any app, from his own browser."""
        held = self.pick([held for held in self.world.tickets(MALLORY) if held.place.step], place)
        if held is not None:
            answer = self.world.answer(MALLORY, kind, held.place, number)
            binding, flow = self.browser(MALLORY, kiosk=kiosk), flow or held.place.flow
            self.world.submit(MALLORY, flow, held.ticket, answer, binding)
            self.world.resume(MALLORY, flow, held.ticket, binding)

    @rule(place=recent, flow=st.none() | flows, kiosk=st.booleans(), ticket=st.booleans())
    def attack_with_a_step_up(self, place: int, flow: str | None, kiosk: bool, ticket: bool) -> None:  # noqa: FBT001 - drawn
        """Begin a step-up with anyone's proof, or with a ticket."""
        held = self.pick(self.world.tickets(MALLORY), place)
        found = (held.ticket, "shop") if ticket and held else self.proof(MALLORY, place)
        if found is not None:
            self.world.step_up(MALLORY, flow or found[1], found[0], self.browser(MALLORY, kiosk=kiosk))

    @rule(place=recent, method=methods, right=st.booleans(), flow=st.none() | flows)
    def attack_with_a_proof(self, place: int, method: str, right: bool, flow: str | None) -> None:  # noqa: FBT001 - drawn
        """Use anyone's proof for self-service."""
        self.serve(MALLORY, method, place, right=right, flow=flow)

    @rule(place=recent, method=methods)
    def attack_with_a_ticket_as_proof(self, place: int, method: str) -> None:
        """Use a ticket as a proof, and a proof as a ticket."""
        held = self.pick(self.world.tickets(MALLORY), place)
        if held is not None:
            self.world.self_service(MALLORY, method, held.place.flow, held.ticket)
        proof = self.proof(MALLORY, place)
        if proof is not None:
            self.world.resume(MALLORY, proof[1], proof[0], self.browser(MALLORY))

    @rule(
        flow=st.sampled_from(["shop", "bank", "club"]),
        pin=st.booleans(),
        times=st.integers(1, 3),
        then=st.none() | ways,
    )
    def attack_with_guesses(self, flow: str, pin: bool, times: int, then: str | None) -> None:  # noqa: FBT001 - drawn
        """Guess at Alice's second factor, with her PIN between the guesses."""
        for _ in range(times):
            self.arrive(MALLORY, flow)
            held = self.world.held[-1]
            if held.whose == MALLORY and held.place.step:
                self.respond(MALLORY, 0, "pin" if pin else "wrong")
                self.respond(MALLORY, 0, "wrong")
        if then is not None:
            self.complete(ALICE, "bank", then)

    @precondition(lambda self: self.runtime == SYNC)
    @rule(
        first=st.sampled_from([MALLORY, ALICE]),
        kinds=st.tuples(kinds, kinds),
        places=st.tuples(recent, recent),
        change=st.sampled_from(["answer", "answer", "new codes", "revocation"]),
    )
    def race(self, first: str, kinds: tuple[str, str], places: tuple[int, int], change: str) -> None:
        """Answer a challenge at the moment of another answer, or of a change of the credential."""
        rival = ALICE if first == MALLORY else MALLORY
        self.world.store.intruder = {
            "answer": lambda: self.respond(rival, places[1], kinds[1]),
            "new codes": lambda: self.serve(ALICE, "new_recovery_codes", places[1]),
            "revocation": lambda: self.world.revoke(ACCOUNTS[ALICE]),
        }[change]
        try:
            self.respond(first, places[0], kinds[0])
        finally:
            self.world.store.intruder = None

    @rule(change=st.sampled_from(["new codes", "revocation"]), flow=st.sampled_from(["shop", "bank"]))
    def race_with_a_right_answer(self, change: str, flow: str) -> None:
        """Enter the right code at the moment at which the credential changes in another tab."""
        self.complete(ALICE, "shop", "code")
        self.world.clock.advance(30.0)
        self.arrive(ALICE, flow)
        self.respond(ALICE, 0, "pin")
        if self.runtime == SYNC:
            self.race(ALICE, ("code", "code"), (0, 0), change)

    @invariant()
    def matches_the_model(self) -> None:
        """Compare the store with the model."""
        if hasattr(self, "world"):
            self.world.check()
            REACHED.update(self.world.reached)


# What a run must reach. A machine that sees only refusals would find no fault.
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
    *((request, kind) for request, kind in [("email", "sent"), ("step up", "ask"), ("step up", "denied")]),
    *((request, "again") for request in ("resume", "SendEmail", "CustomAnswer")),
    *((method, kind) for method in METHODS for kind in ("accepted", "denied")),
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
    """No order of calls, tickets, proofs and answers lets in anyone who does not have every factor."""
    REACHED.clear()
    for examples in (60, 120, 240):  # a longer run reaches what a shorter one has missed by chance
        run_state_machine_as_test(Life, settings=settings(EXPLORE, max_examples=examples))
        if USUAL <= REACHED:
            break
    assert set() == USUAL - REACHED


# Faults


def rewrite(patch: pytest.MonkeyPatch, where: str, old: str, new: str) -> None:
    """Change the source of a function. *where* names a module, a class if it has one, and the function."""
    module_name, *path = where.split(" ")
    module = importlib.import_module(f"totpkit.{module_name}")
    owner = getattr(module, path[0]) if len(path) > 1 else module
    found = vars(owner)[path[-1]]
    function: Any = found.fget if isinstance(found, property) else found
    text = textwrap.dedent(inspect.getsource(function))
    assert text.count(old) == 1, old
    changed: dict[str, Any] = {}
    exec(text.replace(old, new), function.__globals__, changed)  # noqa: S102 - the package's source with one fault
    patch.setattr(owner, path[-1], changed[path[-1]])


ANY_GENERATION = ("_account.attempts Restrictions exclude", "self.generation is not None", "False")
FAULTS: dict[str, list[tuple[str, str, str]]] = {
    "generation not checked": [ANY_GENERATION],
    "generation checked only before the write": [
        ANY_GENERATION,
        (
            "_login.later_steps LaterSteps submit",
            "factor = _factor_for(",
            """record = await self.service.read(request.at.account_id)
    if record.generation != request.at.generation:
        return deny(request.at.stage, Reason.TICKET_INVALID)
    factor = _factor_for(""",
        ),
    ],
    "login id taken from the first ticket": [
        ("_login.login Login begin", "at = Position(", "at = Position(login=_new_login(), "),
        ("_login.login Login _submit_first", "_new_login()", "request.at.login"),
    ],
    "binding not checked": [("_login.signed Tickets read", "if owner != bound_to:", "if False:")],
    "skip for enrolled accounts": [
        (
            "_login.later_steps LaterSteps submit",
            "if factor is None:",
            """if isinstance(answer, SkipAnswer):
        record = await self.service.read(request.at.account_id)
        return await self.advance(request, request.at._replace(skipped=("totp",)), record)
    if factor is None:""",
        ),
        (
            "_login.login Login submit",
            "if type(answer) not",
            "if repr(answer) != 'SkipAnswer()' and type(answer) not",
        ),
    ],
    "skip where a phone is required": [
        (
            "_login.later_steps LaterSteps _submit_enrollment",
            'if await ask_flag("required", factor.required, at, app)',
            "if False",
        )
    ],
    "enrollment shown to enrolled accounts": [
        ("_login.later_steps LaterSteps _next_event", "record.device is not None", "totp is None")
    ],
    "name left out of the keys": [("_login.auth_flow build_login", 'steps.name.encode("utf-8")', 'b""')],
    "steps left out of the keys": [("_login.auth_flow build_login", 'steps.shape.encode("ascii")', 'b""')],
    "proofs of any flow": [("_login.auth_flow build_login", 'b"proof", *flow', 'b"proof"')],
    "custom factor resets failures": [
        ("_login.other_factors settle", "if context.restrictions.completes", "if True")
    ],
    "emailed code resets failures": [
        ("_account.email_code succeed", " if context.restrictions.completes else record", "")
    ],
    "emailed code of any login": [
        (
            "_account.email_code live_code",
            "emailed if compare_digest(emailed.owner, owner) else None",
            "emailed",
        ),
        ("_login.other_factors OtherFactors _digests", 'at.binding.encode("utf-8"), ', ""),
    ],
    "self-service with a proof of any credential": [
        ("_login.my_account MyAccount _admit", "record.generation != read.generation or ", "")
    ],
    "any login replaces a phone": [
        ("_login.my_account MyAccount _admit", "first_device and record.device is None", "first_device")
    ],
    "step-up with a proof of any credential": [
        ("_login.later_steps LaterSteps step_up", "record.generation != at.generation", "False")
    ],
    "step-up that enrolls": [("_login.later_steps LaterSteps _next_event", "if at.stepping_up", "if False")],
    "ticket extended by each step": [
        (
            "_login.signed Position after_factor",
            "self._replace(",
            "self._replace(expires_at=self.expires_at + 600, ",
        )
    ],
    "ticket that never expires": [("_login.signed Tickets read", "now >= expires_at", "False")],
    "proof of any age": [("_login.signed Proofs read", "not -CLOCK_LEEWAY <= now - at <= lifetime", "False")],
    "secret shown after a recovery code": [
        ("_login.my_account device_code", "TotpCode.name in proof.factors", "len(proof.factors) > 1")
    ],
    "emailed code enough for self-service": [
        ("_login.my_account second_factor", "factor.multi for", "True for")
    ],
    "recovery code enough for new ones": [
        ("_login.my_account lasting_factor", "if not isinstance(factor, RecoveryCode)", "")
    ],
    "secret shown to any login": [("_login.signed Position binding", "login {self.login}", "login")],
    "revocation without a phone ends nothing": [
        (
            "_account.service Service revoke",
            "partial(enrollment.revoke, now=self.records.now())",
            "lambda record: enrollment.revoke(record, self.records.now()) if record.device else record",
        )
    ],
    "one later step enough": [
        ("_login.later_steps LaterSteps advance", "self.steps.is_last(passed.step)", "passed.step >= 1")
    ],
}
"""The functions in which each fault is planted, with the text to replace and the new one."""


@pytest.mark.proves("T17")
@pytest.mark.parametrize("fault", FAULTS)
def test_faults(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine finds each fault that is planted in the flow."""
    for where, old, new in FAULTS[fault]:
        rewrite(monkeypatch, where, old, new)
    search = settings(EXPLORE, max_examples=600, phases=[Phase.generate], database=None, derandomize=True)
    with pytest.raises((AssertionError, FlowError, ValueError)):
        run_state_machine_as_test(Life, settings=search)
