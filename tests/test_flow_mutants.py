"""Faults planted in the flow, each of which the machine of :mod:`tests.test_flow_machine` finds.

A machine that finds none of them proves nothing by passing.
"""

import importlib
import inspect
import textwrap
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.test_flow_machine import EXPLORE, Life
from totpkit import FlowError


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
        ("_scope Scope bound", ("self.generation is not None", "False")),
    ],
    "generation not checked again at the write": [
        ("_scope Scope bound", ("self.generation is not None", "False")),
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
        ("flow._ticket Tickets read", (" or written[0] != bound_to", "")),
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
        ("flow._later Later _asks", ("record.active is not None", "totp is None")),
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
        ("_scope Scope settled", ("if self.completes", "if True")),
    ],
    "mailed code on the way forgives": [
        ("_scope Scope guarded", ("if self.completes else decided", "")),
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
        ("flow._desk by_phone", ("Totp.name in proof.factors", "len(proof.factors) > 1")),
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
    "one later step enough": [
        ("flow._later Later onward", ("passed.step == len(self.plan.then)", "passed.step >= 1")),
    ],
    "one login for all": [
        ("flow._login _new_login", ("secrets.token_urlsafe(16)", '"login"')),
    ],
    "every browser is the same": [
        ("flow._ticket _hashed", ("owner_of(binding)", 'owner_of("")')),
    ],
    "every step completes": [
        ("flow._plan Plan completes", ("number == len(self.then)", "True")),
    ],
    "spent code accepted again": [
        ("_verification verified", ("last_step=last_step", "last_step=None")),
    ],
    "code of the confirmation accepted again": [
        ("_enrolling confirmed", ("last_step=outcome.step", "last_step=0")),
    ],
    "spent recovery code accepted again": [
        ("_recovering settled", ("replace(record, recovery=left)", "record")),
    ],
    "spent mailed code accepted again": [
        ("_mailed mail_checked", ('replace(mailed, digest=b"")', "mailed")),
    ],
    "skip that forgives": [
        ("flow._later Later _forgive", ("and len(passed.passed) > 1", "")),
    ],
}


LOUD = {
    "tickets and proofs signed for one purpose": ValueError,
    "step-up that enrolls": FlowError,
}
"""What the flow itself stumbles over, where it is no assertion that fails."""


def planted(patch: pytest.MonkeyPatch, fault: str, *, harmless: bool = False) -> None:
    """Plant a fault; a harmless one only compiles the same functions anew, as they are."""
    texts: dict[str, list[tuple[str, str]]] = {}
    for where, (old, new) in FAULTS[fault]:
        texts.setdefault(where, []).append((old, old if harmless else new))
    for where, swaps in texts.items():
        rewritten(patch, where, *swaps)


def search(examples: int) -> settings:
    """Return how long to look for a fault: the same examples each time, none made smaller."""
    return settings(
        EXPLORE,
        max_examples=examples,
        phases=[Phase.generate],
        database=None,
        derandomize=True,
        print_blob=False,
    )


@pytest.mark.proves("T17")
@pytest.mark.parametrize("fault", FAULTS)
def test_faults(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each fault planted in the flow is found by the machine."""
    planted(monkeypatch, fault)
    with pytest.raises(LOUD.get(fault, AssertionError)):
        run_state_machine_as_test(Life, settings=search(600))


def test_planting_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Functions compiled anew from their own text let the machine pass: it is the faults that it finds."""
    for fault in FAULTS:
        planted(monkeypatch, fault, harmless=True)
    run_state_machine_as_test(Life, settings=search(30))
