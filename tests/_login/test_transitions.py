"""The table of legal transitions: complete, closed, and the only door."""

import ast
from pathlib import Path
from typing import get_args

import pytest

import totpkit._login
from totpkit import Answer, FlowError
from totpkit._login.transitions import ANSWERS, TRANSITIONS, Event, Stage, after

ENDS = {Stage.AUTHENTICATED, Stage.DENIED}
PAIRS = [(stage, event) for stage in Stage for event in Event]
LEGAL = [pair for pair in PAIRS if pair in TRANSITIONS]
ILLEGAL = [pair for pair in PAIRS if pair not in TRANSITIONS]
HOME = Path(totpkit._login.__file__).parent


@pytest.mark.parametrize(("stage", "event"), LEGAL)
def test_legal(stage: Stage, event: Event) -> None:
    """Of the pairs in the table each leads where it says."""
    assert after(stage, event) is TRANSITIONS[stage, event]


@pytest.mark.proves("T17")
@pytest.mark.parametrize(("stage", "event"), ILLEGAL)
def test_illegal(stage: Stage, event: Event) -> None:
    """No other pair leads anywhere: it is an error, also for whoever has come in or was turned away."""
    with pytest.raises(FlowError) as caught:
        after(stage, event)
    assert str(caught.value) == f"a login at {stage.value} cannot go on by: {event.value}"
    assert caught.value.__context__ is None


@pytest.mark.proves("T17", "RFC4226-7.1")
def test_shape_of_the_table() -> None:
    """Nothing leads back to the start, nothing on from an end, and nothing to a phone but past the first."""
    assert Stage.START not in TRANSITIONS.values()
    assert not {stage for stage, _ in TRANSITIONS} & ENDS
    moved = {pair: to for pair, to in TRANSITIONS.items() if pair[0] is not to}
    assert {to for (stage, _), to in moved.items() if stage is Stage.ENROLLING} == {Stage.SECOND, *ENDS}
    assert Stage.FIRST not in {
        to for (stage, _), to in TRANSITIONS.items() if stage not in {Stage.START, Stage.FIRST}
    }
    assert Stage.AUTHENTICATED not in {to for (stage, _), to in TRANSITIONS.items() if stage is Stage.START}


def test_events_mean_one_thing() -> None:
    """An event that ends a login, completes it, or asks again, does so at every stage."""
    for (stage, event), to in TRANSITIONS.items():
        if event in {Event.NOT_OFFERED, Event.WRONG, Event.WAIT, Event.SENT}:
            assert to is stage
        if event is Event.END:
            assert to is Stage.DENIED
        assert (event is Event.COMPLETE) == (to is Stage.AUTHENTICATED)


def test_every_stage_is_reached() -> None:
    """From the start every stage can be reached, and from every stage an end."""
    reached = {Stage.START}
    for _ in Stage:
        reached |= {to for (stage, _), to in TRANSITIONS.items() if stage in reached}
    assert reached == set(Stage)
    ending = set(ENDS)
    for _ in Stage:
        ending |= {stage for (stage, _), to in TRANSITIONS.items() if to in ending}
    assert ending == set(Stage)
    assert {event for _, event in TRANSITIONS} == set(Event)


@pytest.mark.proves("RFC4226-7.1")
def test_answers() -> None:
    """Every answer has a stage that takes it; only what names somebody is taken before they are known."""
    taken = {kind for kinds in ANSWERS.values() for kind in kinds}
    assert taken == set(get_args(Answer))
    assert set(ANSWERS) == set(Stage) - ENDS - {Stage.START}
    assert {kind.__name__ for kind in ANSWERS[Stage.FIRST] & ANSWERS[Stage.SECOND]} == {"CustomAnswer"}
    assert not ANSWERS[Stage.FIRST] & ANSWERS[Stage.ENROLLING]


# The source


def trees() -> dict[str, ast.Module]:
    """Return the source of the flow, by module."""
    return {path.stem: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(HOME.glob("*.py"))}


def calls(tree: ast.AST, name: str) -> list[ast.Call]:
    """Return the calls of a function, or of a method of that name."""
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and (
            (isinstance(node.func, ast.Name) and node.func.id == name)
            or (isinstance(node.func, ast.Attribute) and node.func.attr == name)
        )
    ]


def stages_given(tree: ast.AST) -> list[ast.expr]:
    """Return what is passed as a stage to whatever makes or changes a position."""
    named = [
        keyword.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "stage"
    ]
    first = [call.args[0] for call in calls(tree, "Position") if call.args]
    return named + first


@pytest.mark.proves("T17")
def test_only_door() -> None:
    """In the source a position gets its stage from the table, its own, or a ticket that was read."""
    given = {
        name: sorted({ast.unparse(stage) for stage in stages_given(tree)}) for name, tree in trees().items()
    }
    assert {name: stages for name, stages in given.items() if stages} == {
        "_later": ["after(passed.stage, event)"],
        "_login": ["Stage.START", "after(Stage.START, Event.BEGIN)", "visit.at.stage"],
        "_ticket": ["Stage(stage)", "stage"],  # what a ticket says, and the position it is made of
    }


@pytest.mark.proves("T17")
def test_every_result_is_a_move() -> None:
    """In the source each function that makes a result takes a move of the table, or has taken one."""
    makers: dict[str, set[str]] = {}
    movers: dict[str, set[str]] = {}
    for name, tree in trees().items():
        for function in ast.walk(tree):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if any(calls(function, kind) for kind in ("Challenge", "Authenticated", "Denied")):
                makers.setdefault(name, set()).add(function.name)
            if calls(function, "after"):
                movers.setdefault(name, set()).add(function.name)
    desk = makers.pop("_desk")  # answers of self-service, which is no login
    assert desk == {"_admitted", "_begun", "_confirmed", "_ended", "_may_enroll", "new_recovery_codes"}
    assert makers.pop("_session") == {"act"}  # nor is an act of nobody
    assert makers == {
        "_finish": {"authenticated"},
        "_login": {"_visit"},  # a ticket that is none stands nowhere
        "_visit": {"challenge", "denied"},
    }
    assert movers == {
        "_asking": {"again", "not_offered"},
        "_finish": {"authenticated"},
        "_later": {"onward"},
        "_login": {"_first", "_not_offered", "begin"},
        "_visit": {"denied"},
    }
