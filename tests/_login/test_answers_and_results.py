"""Answers, prompts and results, as values and as JSON."""

import ast
import dataclasses
import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import example, given, strategies as st

import totpkit
from tests.support.strategies import anything
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
    EnrollmentPrompt,
    FederatedAnswer,
    FederatedPrompt,
    FlowError,
    InvalidParameterError,
    InvalidPayloadError,
    NewRecoveryCodes,
    PasswordAnswer,
    PasswordPrompt,
    Prompt,
    Reason,
    RecoveryAnswer,
    RecoveryPrompt,
    SendEmail,
    SkipAnswer,
    VisitorAnswer,
    parse_answer,
    qr,
)

URI = "otpauth://totp/Acme:alice?secret=JBSWY3DPEHPK3PXP&issuer=Acme"
GROUPED = "JBSW Y3DP EHPK 3PXP"
CANARY = "hidden-" + str(271828 * 31415)

FORMS: dict[str, tuple[dict[str, object], VisitorAnswer]] = {
    "password": ({"username": "alice", "password": "pw"}, PasswordAnswer("alice", "pw")),
    "code": ({"code": "123456"}, CodeAnswer("123456")),
    "recovery": ({"code": "0123-4567"}, RecoveryAnswer("0123-4567")),
    "send_email": ({}, SendEmail()),
    "email": ({"code": "654321"}, EmailAnswer("654321")),
    "skip": ({}, SkipAnswer()),
    "custom": ({"factor": "key", "data": {"a": 1}}, CustomAnswer("key", {"a": 1})),
}
ANSWERS = [answer for _, answer in FORMS.values()]

PROMPTS: dict[str, tuple[Prompt, dict[str, object]]] = {
    "password": (PasswordPrompt(), {}),
    "federated": (FederatedPrompt("google"), {"provider": "google"}),
    "enrollment": (
        EnrollmentPrompt(uri=URI, secret=GROUPED, digits=6, optional=True),
        {"uri": URI, "secret": GROUPED, "qr": qr(URI).data_uri(), "digits": 6, "optional": True},
    ),
    "code": (CodePrompt(8), {"digits": 8}),
    "recovery": (RecoveryPrompt(), {}),
    "email": (EmailPrompt("a***@b.c"), {"address_hint": "a***@b.c", "sent": False}),
    "custom": (CustomPrompt("key", {"q": [1]}), {"factor": "key", "data": {"q": [1]}}),
}
PROMPTS_AS_JSON = [{"type": kind, **fields} for kind, (_, fields) in PROMPTS.items()]

AUTHENTICATED = Authenticated(
    account_id="acct-1", factors=("password",), methods=("pwd",), at=1.0, proof=CANARY
)
HIDING: dict[str, Any] = {
    "password": PasswordAnswer(CANARY, CANARY),
    "code": CodeAnswer(CANARY),
    "recovery": RecoveryAnswer(CANARY),
    "email": EmailAnswer(CANARY),
    "custom": CustomAnswer("key", {"answer": CANARY}),
    "enrollment": EnrollmentPrompt(uri=f"otpauth://totp/{CANARY}", secret=CANARY, digits=6),
    "custom prompt": CustomPrompt("key", {"question": CANARY}),
    "challenge": Challenge(
        ticket=CANARY,
        prompts=(EnrollmentPrompt(uri=CANARY, secret=CANARY, digits=6), CustomPrompt("key", {"q": CANARY})),
        seconds_left=1.0,
    ),
    "authenticated": AUTHENTICATED,
    "confirmed": Confirmed(1, 0, CANARY),
}


# Answers from visitors


@pytest.mark.parametrize(("kind", "fields", "answer"), [(kind, *FORMS[kind]) for kind in FORMS], ids=FORMS)
def test_parse_answer(kind: str, fields: dict[str, object], answer: VisitorAnswer) -> None:
    """Each kind of answer is read by its type and the names of its fields, and other fields are ignored."""
    form = {"type": kind, **fields}
    assert parse_answer(form) == parse_answer(json.loads(json.dumps(form))) == answer
    assert parse_answer({**form, "csrf": "x", "provider": "google", "account_id": "acct-1"}) == answer


def test_visitor_answers() -> None:
    """Visitors can send every kind of answer but a FederatedAnswer, and custom data is optional."""
    assert {type(answer) for answer in ANSWERS} == set(get_args(VisitorAnswer))
    assert set(get_args(Answer)) - set(get_args(VisitorAnswer)) == {FederatedAnswer}
    assert parse_answer({"type": "custom", "factor": "key"}) == CustomAnswer("key")


@pytest.mark.proves("T32")
@pytest.mark.parametrize(
    "form",
    [
        *(None, "code", b"{}", [], [("type", "skip")], {}, {"type": None}, {"type": 1}, {"type": ["code"]}),
        *({"type": ""}, {"type": "Code", "code": "123456"}, {"type": "code "}, {"type": "code"}),
        *({"type": "code", "code": code} for code in (123456, None, ["123456"], "12345\ud800")),
        *({"type": "recovery"}, {"type": "email", "code": True}),
        *({"type": "password", "username": "alice"}, {"type": "password", "password": "pw"}),
        {"type": "password", "username": "alice", "password": {"$ne": ""}},
        *({"type": "custom"}, {"type": "custom", "factor": 1}),
        *({"type": "custom", "factor": "key", "data": data} for data in ("x", None, [1])),
    ],
    ids=repr,
)
def test_invalid_forms(form: Any) -> None:
    """A form that is not an answer raises one kind of error, which quotes nothing from it."""
    with pytest.raises(InvalidPayloadError) as caught:
        parse_answer(form)
    assert not {"123456", "alice", "pw", "$ne"} & set(str(caught.value).split())


_words = st.sampled_from(
    [
        *["type", "code", "username", "password", "factor", "data", "provider", "account_id"],
        *["recovery", "send_email", "email", "skip", "custom", "federated", "FederatedAnswer"],
    ]
)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _words | anything,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_words | anything, inner, max_size=4),
    max_leaves=8,
)
_kinds = _words | st.sampled_from(["Federated", "federated:google", "google", "answer"]) | anything
_fields = dict.fromkeys(["provider", "account_id", "username", "password", "code", "factor"], "google:1")
_forms = st.dictionaries(_words | anything, _words | _json, max_size=8) | st.builds(
    lambda form, kind: {**form, "type": kind},
    st.dictionaries(_words, _words | _json) | st.just(_fields),
    _kinds,
)


@pytest.mark.proves("T32", "T41")
@given(_forms | _json)
@example({"type": "federated", "provider": "google", "account_id": "google:1"})
@example({"type": "FederatedAnswer", "provider": "google", "account_id": "google:1"})
@example({"type": "custom", "factor": "federated:google", "data": {"account_id": "google:1"}})
def test_parse_anything(form: Any) -> None:
    """Any input is either parsed as a visitor's answer or rejected, and never becomes a FederatedAnswer."""
    try:
        answer: object = parse_answer(form)
    except InvalidPayloadError:
        return
    assert isinstance(answer, get_args(VisitorAnswer))
    assert not isinstance(answer, FederatedAnswer)


@pytest.mark.parametrize("value", [None, 123456, b"123456", True, ["123456"]], ids=repr)
@pytest.mark.parametrize(
    ("create", "name"),
    [
        (lambda value: PasswordAnswer(value, "pw"), "username"),
        (lambda value: PasswordAnswer("alice", value), "password"),
        (lambda value: FederatedAnswer(value, "google:1"), "provider"),
        (lambda value: FederatedAnswer("google", value), "account_id"),
        (CodeAnswer, "code"),
        (RecoveryAnswer, "code"),
        (EmailAnswer, "code"),
        (CustomAnswer, "factor"),
        (lambda value: CustomAnswer("key", value), "data"),
    ],
)
def test_fields_are_texts(create: Callable[[Any], object], name: str, value: Any) -> None:
    """A field of an answer that is not a text raises an error that names the field and not the value."""
    with pytest.raises(InvalidParameterError) as caught:
        create(value)
    assert caught.value.parameter == name
    assert "123456" not in str(caught.value)


# FederatedAnswer, which only the app can vouch for


VISITORS = re.compile(r"\*\*|request|form|json|parse|sent|payload|body|args|query|cookie", re.IGNORECASE)
"""Names for what a visitor has sent."""
ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "docs" / "examples").glob("*.py")]


@pytest.mark.proves("T41")
def test_package_creates_no_federated_answer() -> None:
    """Nothing in the package calls FederatedAnswer."""
    for path in Path(totpkit.__file__).parent.rglob("*.py"):
        calls = [
            node
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call)
        ]
        assert not [call for call in calls if ast.unparse(call.func).endswith("FederatedAnswer")], path


@pytest.mark.proves("T41", "T48")
def test_pages_use_federated_answers_safely() -> None:
    """No page makes a FederatedAnswer from what a visitor sent or without the provider's prefix."""
    pages = [page.read_text(encoding="utf-8") for page in PAGES if "_build" not in page.parts]
    calls = [call for page in pages for call in re.findall(r"(?<!class )\bFederatedAnswer\(([^\n]+)\)", page)]
    assert calls != []
    for call in calls:
        provider, account_id = (argument.strip() for argument in call.split(",", 1))
        assert VISITORS.search(call) is None, call
        assert account_id.startswith(f"{provider[:-1]}:"), call


# Results and prompts


def test_prompts_as_json() -> None:
    """Each kind of prompt tells a JSON client its type and its fields."""
    shown = [prompt.to_dict() for prompt, _ in PROMPTS.values()]
    assert shown == json.loads(json.dumps(shown)) == PROMPTS_AS_JSON
    assert {type(prompt) for prompt, _ in PROMPTS.values()} == set(get_args(Prompt))


@pytest.mark.proves("ASVS-6.3.8")
@pytest.mark.parametrize("reason", [None, *Reason])
def test_results_as_json(reason: Reason | None) -> None:
    """A result tells a JSON client everything that a visitor may know, with the reason in its public form."""
    prompts = tuple(prompt for prompt, _ in PROMPTS.values())
    challenge = Challenge(
        ticket="ticket", prompts=prompts, problem=reason, retry_after=1.5, seconds_left=599.0
    )
    public = None if reason is None else reason.public
    assert json.loads(json.dumps(challenge.to_dict())) == {
        "type": "challenge",
        "ticket": "ticket",
        "prompts": PROMPTS_AS_JSON,
        "problem": public,
        "retry_after": 1.5,
        "seconds_left": 599.0,
    }
    if reason is not None:
        shown = {"type": "denied", "problem": public, "retry_after": 2.5}
        assert json.loads(json.dumps(Denied(reason, 2.5).to_dict())) == shown


def test_successes_as_json() -> None:
    """A success tells a JSON client what to show next, but no proof, account or step."""
    for enrolled in (False, True):
        result = dataclasses.replace(AUTHENTICATED, enrolled=enrolled)
        assert result.to_dict() == {"type": "authenticated", "enrolled": enrolled}
    assert Confirmed(7, 1, "proof").to_dict() == {"type": "accepted"}
    codes = NewRecoveryCodes.of(("AAAA", "BBBB"), "proof")
    assert json.loads(json.dumps(codes.to_dict())) == {"type": "recovery_codes", "codes": ["AAAA", "BBBB"]}


@pytest.mark.proves("T45")
@pytest.mark.parametrize(
    "result", [HIDING["challenge"], Denied(Reason.DISABLED)], ids=["challenge", "denied"]
)
@pytest.mark.parametrize(
    "test", [bool, lambda value: not value, lambda value: value and True, lambda value: [] if value else 0]
)
def test_no_truth_value(result: Any, test: Callable[[object], object]) -> None:
    """A challenge or a denial raises in every kind of truth test."""
    with pytest.raises(FlowError, match=r"^a login result has no truth value; use match or isinstance\(\)$"):
        test(result)


@pytest.mark.proves("T22")
@pytest.mark.parametrize("value", HIDING.values(), ids=HIDING)
def test_reprs_hide_secrets(value: Any) -> None:
    """The secrets in an answer, a prompt or a result are in none of its reprs."""
    for text in (repr(value), str(value), f"{value}", repr([value]), repr({1: (value,)})):
        assert CANARY not in text
    assert CANARY in repr(dataclasses.astuple(value))


@pytest.mark.proves("T22")
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickling(protocol: int) -> None:
    """A value with a secret for one request cannot be pickled, and the error says what to keep."""
    secret = [answer for answer in ANSWERS if not isinstance(answer, SendEmail | SkipAnswer)]
    secret += [
        value for value in HIDING.values() if value is not AUTHENTICATED
    ]  # its proof is for the session
    for value in [*secret, FederatedAnswer("google", "google:1")]:
        with pytest.raises(TypeError, match=r"cannot be pickled.*keep the ticket instead$") as caught:
            pickle.dumps(value, protocol)
        assert CANARY not in str(caught.value)
    codes = NewRecoveryCodes.of(("AAAA", "BBBB"), "proof")
    with pytest.raises(TypeError, match=r"cannot be pickled: show the codes and keep no copy$"):
        pickle.dumps(codes, protocol)
    for plain in (Denied(Reason.EXPIRED), CodePrompt(6), EmailPrompt("a***"), AUTHENTICATED):
        assert pickle.loads(pickle.dumps(plain, protocol)) == plain  # noqa: S301 - made here


def test_values_are_frozen() -> None:
    """No field of an answer, prompt or result can be changed, and no attribute can be added."""
    for value in (*HIDING.values(), *ANSWERS, Denied(Reason.EXPIRED)):
        for field in dataclasses.fields(value):
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(value, field.name, "other")
        assert not hasattr(value, "__dict__")
