"""The table of legal transitions, and that no login moves without it."""

import ast
from pathlib import Path
from typing import get_args

import pytest

import totpkit._login
from totpkit import Answer, CustomAnswer, FlowError
from totpkit._login.later_steps import FACTORS
from totpkit._login.transitions import ANSWERS, TRANSITIONS, Event, Stage, after

ENDS = {Stage.AUTHENTICATED, Stage.DENIED}
TREES = {
    path.stem: ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(Path(totpkit._login.__file__).parent.glob("*.py"))
}


@pytest.mark.proves("T17")
@pytest.mark.parametrize("event", Event)
@pytest.mark.parametrize("stage", Stage)
def test_after(stage: Stage, event: Event) -> None:
    """A pair in the table leads to its stage, and any other pair raises."""
    if (stage, event) in TRANSITIONS:
        assert after(stage, event) is TRANSITIONS[stage, event]
        return
    with pytest.raises(FlowError) as caught:
        after(stage, event)
    assert str(caught.value) == f"illegal transition: stage '{stage.value}', event '{event.value}'"
    assert caught.value.__context__ is None


@pytest.mark.proves("T17", "RFC4226-7.1")
def test_order_of_stages() -> None:
    """No transition leads to the start, back to the first step, out of an end, or past all steps at once."""
    assert Stage.START not in TRANSITIONS.values()
    for (stage, event), target in TRANSITIONS.items():
        assert stage not in ENDS
        assert target is not Stage.FIRST or stage in {Stage.START, Stage.FIRST}
        assert target is not Stage.AUTHENTICATED or stage is not Stage.START
        assert stage is not Stage.ENROLLING or target in {Stage.ENROLLING, Stage.SECOND, *ENDS}
        assert event not in {Event.NOT_OFFERED, Event.WRONG, Event.WAIT, Event.SENT} or target is stage
        assert event is not Event.END or target is Stage.DENIED
        assert (event is Event.COMPLETE) == (target is Stage.AUTHENTICATED)


def test_all_stages_are_reached() -> None:
    """Every stage can be reached from the start, every login can end, and every event is used."""
    reached, ending = {Stage.START}, set(ENDS)
    for _ in Stage:
        reached |= {target for (stage, _), target in TRANSITIONS.items() if stage in reached}
        ending |= {stage for (stage, _), target in TRANSITIONS.items() if target in ending}
    assert reached == ending == set(Stage)
    assert {event for _, event in TRANSITIONS} == set(Event)


@pytest.mark.proves("RFC4226-7.1")
def test_answers() -> None:
    """Every answer has a stage, and the first stage accepts only answers that identify a user."""
    assert {kind for kinds in ANSWERS.values() for kind in kinds} == set(get_args(Answer))
    assert set(ANSWERS) == set(Stage) - ENDS - {Stage.START}
    assert {kind.__name__ for kind in ANSWERS[Stage.FIRST] & ANSWERS[Stage.SECOND]} == {"CustomAnswer"}
    assert not ANSWERS[Stage.FIRST] & ANSWERS[Stage.ENROLLING]
    assert {*FACTORS, CustomAnswer} == ANSWERS[Stage.SECOND] | ANSWERS[Stage.ENROLLING]


# The source


def calls(tree: ast.AST, *names: str) -> list[ast.Call]:
    """Return the calls of functions or methods with one of these names."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [call for call in found if ast.unparse(call.func).rpartition(".")[2] in names]


def callers(*names: str) -> dict[str, set[str]]:
    """Return the functions that call one of these, by module."""
    found = {
        name: {
            function.name
            for function in ast.walk(tree)
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and calls(function, *names)
        }
        for name, tree in TREES.items()
    }
    return {name: functions for name, functions in found.items() if functions}


@pytest.mark.proves("T17")
def test_stages_in_the_source() -> None:
    """Every position in the source gets its stage from the table, from another position or from a ticket."""
    found = {}
    for name, tree in TREES.items():
        given = [call.args[0] for call in calls(tree, "Position") if call.args]
        keywords = [node for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "stage"]
        given += [keyword.value for keyword in keywords]
        if given:
            found[name] = {ast.unparse(stage) for stage in given}
    assert found == {
        "later_steps": {"after(passed.stage, event)"},
        "login": {"Stage.START", "after(Stage.START, Event.BEGIN)", "request.at.stage"},
        "signed": {"Stage(stage)"},  # what a ticket says
    }


@pytest.mark.proves("T17")
def test_results_in_the_source() -> None:
    """Every function in the source that creates a result uses the table, or is called after it was used."""
    creators = callers("Challenge", "Authenticated", "Denied")
    assert creators.pop("my_account")  # self-service is not a login
    assert creators.pop("session") == {"perform"}  # nor is an action without one
    assert creators == {
        "challenge": {"_challenge", "deny"},
        "later_steps": {"authenticate"},
        "login": {"_request"},  # an invalid ticket has no stage
    }
    assert callers("after") == {
        "challenge": {"deny", "not_offered", "repeat"},
        "later_steps": {"advance", "authenticate"},
        "login": {"_not_offered", "_submit_first", "begin"},
    }
