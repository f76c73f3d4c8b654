"""The words of a login: answers, prompts and results, as values and as JSON."""

import dataclasses
import json
import pickle
from typing import Any, get_args

import pytest
from hypothesis import example, given, strategies as st

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

SENT: dict[str, tuple[dict[str, object], VisitorAnswer]] = {
    "password": (
        {"type": "password", "username": "alice", "password": "pw"},
        PasswordAnswer("alice", "pw"),
    ),
    "code": ({"type": "code", "code": "123456"}, CodeAnswer("123456")),
    "recovery": ({"type": "recovery", "code": "0123-4567"}, RecoveryAnswer("0123-4567")),
    "send_email": ({"type": "send_email"}, SendEmail()),
    "email": ({"type": "email", "code": "654321"}, EmailAnswer("654321")),
    "skip": ({"type": "skip"}, SkipAnswer()),
    "custom": ({"type": "custom", "factor": "key", "data": {"a": 1}}, CustomAnswer("key", {"a": 1})),
    "custom without data": ({"type": "custom", "factor": "key"}, CustomAnswer("key")),
}

PROMPTS: dict[str, tuple[Prompt, dict[str, object]]] = {
    "password": (PasswordPrompt(), {"type": "password"}),
    "federated": (FederatedPrompt("google"), {"type": "federated", "provider": "google"}),
    "enrollment": (
        EnrollmentPrompt(uri=URI, secret=GROUPED, digits=6, optional=True),
        {
            "type": "enrollment",
            "uri": URI,
            "secret": GROUPED,
            "qr": qr(URI).data_uri(),
            "digits": 6,
            "optional": True,
        },
    ),
    "code": (CodePrompt(8), {"type": "code", "digits": 8}),
    "recovery": (RecoveryPrompt(), {"type": "recovery"}),
    "email": (EmailPrompt("a***@b.c"), {"type": "email", "address_hint": "a***@b.c", "sent": False}),
    "custom": (CustomPrompt("key", {"q": [1]}), {"type": "custom", "factor": "key", "data": {"q": [1]}}),
}

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
    "authenticated": Authenticated(
        account_id="acct-1", factors=("password",), methods=("pwd",), at=1.0, proof=CANARY
    ),
    "confirmed": Confirmed(1, 0, CANARY),
}


# What visitors send


@pytest.mark.parametrize(("sent", "answer"), SENT.values(), ids=SENT)
def test_parse_answer(sent: dict[str, object], answer: VisitorAnswer) -> None:
    """Each kind of answer is read by its type and its fields' names; further fields are ignored."""
    assert parse_answer(sent) == answer
    assert parse_answer(json.loads(json.dumps(sent))) == answer
    assert parse_answer({**sent, "csrf": "x", "provider": "google", "account_id": "acct-1"}) == answer


def test_every_visitor_answer_can_be_sent() -> None:
    """All that a visitor may answer can be parsed, and an answer of the app's own is not among it."""
    assert {type(answer) for _, answer in SENT.values()} == set(get_args(VisitorAnswer))
    assert set(get_args(Answer)) - set(get_args(VisitorAnswer)) == {FederatedAnswer}


@pytest.mark.proves("T32")
@pytest.mark.parametrize(
    "sent",
    [
        None,
        "code",
        b"{}",
        [],
        [("type", "skip")],
        {},
        {"type": None},
        {"type": 1},
        {"type": ["code"]},
        {"type": ""},
        {"type": "Code", "code": "123456"},
        {"type": "code "},
        {"type": "code"},
        {"type": "code", "code": 123456},
        {"type": "code", "code": None},
        {"type": "code", "code": ["123456"]},
        {"type": "recovery"},
        {"type": "email", "code": True},
        {"type": "password", "username": "alice"},
        {"type": "password", "password": "pw"},
        {"type": "password", "username": "alice", "password": {"$ne": ""}},
        {"type": "custom"},
        {"type": "custom", "factor": 1},
        {"type": "custom", "factor": "key", "data": "x"},
        {"type": "custom", "factor": "key", "data": None},
        {"type": "custom", "factor": "key", "data": [1]},
    ],
    ids=repr,
)
def test_no_answer(sent: Any) -> None:
    """What is no answer is refused by one error, which quotes nothing of it."""
    with pytest.raises(InvalidPayloadError) as caught:
        parse_answer(sent)
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
_forms = st.dictionaries(_words | anything, _words | _json, max_size=8) | st.builds(
    lambda form, kind: {**form, "type": kind}, st.dictionaries(_words, _words | _json), _words
)


@pytest.mark.proves("T32", "T41")
@given(_forms | _json)
@example({"type": "federated", "provider": "google", "account_id": "google:1"})
@example({"type": "FederatedAnswer", "provider": "google", "account_id": "google:1"})
@example({"type": "custom", "factor": "federated:google", "data": {"account_id": "google:1"}})
def test_parse_anything(sent: Any) -> None:
    """Whatever is sent is a visitor's answer or refused by one error; never is it a provider's word."""
    try:
        answer: object = parse_answer(sent)
    except InvalidPayloadError:
        return
    assert isinstance(answer, get_args(VisitorAnswer))
    assert not isinstance(answer, FederatedAnswer)


@pytest.mark.proves("T41")
@given(_words | st.sampled_from(["Federated", "federated:google", "google", "answer"]) | anything)
def test_no_type_means_a_provider(kind: str) -> None:
    """No type of an answer makes the word of a provider of what a visitor sends with it."""
    fields = {"provider": "google", "account_id": "google:1", "username": "a", "password": "b"}
    fields |= {"code": "123456", "factor": "federated:google"}
    try:
        answer: object = parse_answer({"type": kind, **fields})
    except InvalidPayloadError:
        return
    assert not isinstance(answer, FederatedAnswer)


@pytest.mark.parametrize("value", [None, 123456, b"123456", True, ["123456"]], ids=repr)
def test_fields_are_texts(value: Any) -> None:
    """An answer made of anything but texts is the caller's mistake, told by the field's name."""
    for make, name in (
        (lambda: PasswordAnswer(value, "pw"), "username"),
        (lambda: PasswordAnswer("alice", value), "password"),
        (lambda: FederatedAnswer(value, "google:1"), "provider"),
        (lambda: FederatedAnswer("google", value), "account_id"),
        (lambda: CodeAnswer(value), "code"),
        (lambda: RecoveryAnswer(value), "code"),
        (lambda: EmailAnswer(value), "code"),
        (lambda: CustomAnswer(value), "factor"),
        (lambda: CustomAnswer("key", value), "data"),
    ):
        with pytest.raises(InvalidParameterError) as caught:
            make()
        assert caught.value.parameter == name
        assert "123456" not in str(caught.value)


# What is shown


@pytest.mark.parametrize(("prompt", "shown"), PROMPTS.values(), ids=PROMPTS)
def test_prompts_as_json(prompt: Prompt, shown: dict[str, object]) -> None:
    """A prompt tells a JSON front end its kind and its fields."""
    assert prompt.to_dict() == shown
    assert json.loads(json.dumps(prompt.to_dict())) == shown


def test_every_prompt_is_told_apart() -> None:
    """Each kind of prompt has a type of its own."""
    assert {type(prompt) for prompt, _ in PROMPTS.values()} == set(get_args(Prompt))
    assert len({shown["type"] for _, shown in PROMPTS.values()}) == len(PROMPTS)


@pytest.mark.proves("ASVS-6.3.8")
@pytest.mark.parametrize("reason", [None, *Reason])
def test_results_as_json(reason: Reason | None) -> None:
    """A result tells a JSON front end all that a visitor may know, of its reason only the public form."""
    prompts = tuple(prompt for prompt, _ in PROMPTS.values())
    challenge = Challenge(
        ticket="ticket", prompts=prompts, problem=reason, retry_after=1.5, seconds_left=599.0
    )
    public = None if reason is None else reason.public
    assert json.loads(json.dumps(challenge.to_dict())) == {
        "type": "challenge",
        "ticket": "ticket",
        "prompts": [shown for _, shown in PROMPTS.values()],
        "problem": public,
        "retry_after": 1.5,
        "seconds_left": 599.0,
    }
    if reason is not None:
        assert json.loads(json.dumps(Denied(reason, 2.5).to_dict())) == {
            "type": "denied",
            "problem": public,
            "retry_after": 2.5,
        }


@pytest.mark.proves("T45")
@pytest.mark.parametrize("result", [HIDING["challenge"], Denied(Reason.DISABLED)], ids=["asks", "denied"])
def test_no_truth(result: Any) -> None:
    """A result that lets nobody in has no truth value, whichever way it is asked for."""
    for ask in (bool, lambda value: not value, lambda value: value and True, lambda value: 1 if value else 0):
        with pytest.raises(
            FlowError, match=r"^a result is no yes or no: match it, or ask isinstance\(result, \.\.\.\)$"
        ):
            ask(result)


@pytest.mark.proves("T22")
@pytest.mark.parametrize("value", HIDING.values(), ids=HIDING)
def test_reprs_hide(value: Any) -> None:
    """What an answer, a prompt or a result holds in confidence is in none of its reprs."""
    for text in (repr(value), str(value), f"{value}", repr([value]), repr({1: (value,)})):
        assert CANARY not in text
    assert CANARY in repr(dataclasses.astuple(value))


@pytest.mark.proves("T22")
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_no_pickles(protocol: int) -> None:
    """What is for one request only cannot be pickled, by no protocol; the error says what to keep."""
    answers = [answer for _, answer in SENT.values() if not isinstance(answer, SendEmail | SkipAnswer)]
    values = [*answers, *HIDING.values(), FederatedAnswer("google", "google:1")]
    for value in values:
        if isinstance(value, Authenticated):
            continue  # for the session to keep, as its proof is
        with pytest.raises(TypeError, match=r"cannot be pickled.*keep the ticket$") as caught:
            pickle.dumps(value, protocol)
        assert CANARY not in str(caught.value)
    for plain in (Denied(Reason.EXPIRED), CodePrompt(6), EmailPrompt("a***"), HIDING["authenticated"]):
        assert pickle.loads(pickle.dumps(plain, protocol)) == plain  # noqa: S301 - made here


def test_values_are_frozen() -> None:
    """No field of an answer, prompt or result can be changed after it was made, and none added."""
    for value in (*HIDING.values(), *(answer for _, answer in SENT.values()), Denied(Reason.EXPIRED)):
        for field in dataclasses.fields(value):
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(value, field.name, "other")
        assert not hasattr(value, "__dict__")


def test_success_as_json() -> None:
    """What has succeeded tells a JSON front end no more than what to show next: no proof, account, step."""
    done = Authenticated(account_id="acct-1", factors=("password",), methods=("pwd",), at=1.0, proof="proof")
    assert done.to_dict() == {"type": "authenticated", "enrolled": False}
    assert dataclasses.replace(done, enrolled=True).to_dict() == {"type": "authenticated", "enrolled": True}
    assert Confirmed(7, 1, "proof").to_dict() == {"type": "accepted"}
    codes = NewRecoveryCodes.of(("AAAA", "BBBB"), "proof")
    assert json.loads(json.dumps(codes.to_dict())) == {"type": "recovery_codes", "codes": ["AAAA", "BBBB"]}
