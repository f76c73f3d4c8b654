"""Signed text: tickets, proofs, and the keys that sign them."""

import base64
import os
import string
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import assume, example, given, strategies as st
from itsdangerous import Signer

from tests.support.strategies import anything
from totpkit import AuthFlow, Federated, InvalidParameterError, Reason
from totpkit._login.auth_flow import login_of
from totpkit._login.signed import (
    CLOCK_LEEWAY,
    MAX_LENGTH,
    PROOF_LIFETIME,
    Position,
    Proof,
    Proofs,
    Signature,
    SigningKeys,
    Tickets,
    framed,
)
from totpkit._login.transitions import ANSWERS, Stage

KEY, NEW, FOREIGN = (bytes([letter]) * 32 for letter in b"knf")
NOW = 1_700_000_000.0
ALPHABET = set(string.ascii_letters + string.digits + "-_.")

# Without lone surrogates: JSON joins two of them into one character. Account ids never contain any.
texts = st.text(st.characters(exclude_categories=["Cs"]))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=12) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=12,
)
unsigned = anything | st.text("AZaz09-_.", max_size=80) | st.none() | st.binary() | st.integers()

names = st.text(string.ascii_letters + string.digits + ":._-", min_size=1, max_size=20)
account_ids = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=255)
logins = st.text(string.ascii_letters + string.digits + "-_", min_size=22, max_size=22)
positions = st.builds(
    Position,
    stage=st.sampled_from(list(ANSWERS)),
    expires_at=st.floats(NOW, 2**40, exclude_min=True),
    step=st.integers(0, 20),
    account_id=account_ids,
    generation=st.integers(0, 2**40),
    login=logins,
    passed=st.lists(names, max_size=4).map(tuple),
    skipped=st.lists(names, max_size=4).map(tuple),
    enrolled=st.booleans(),
    stepping_up=st.booleans(),
)
proof_values = st.builds(
    Proof,
    account_id=account_ids,
    factors=st.lists(names, min_size=1, max_size=4).map(tuple),
    at=st.floats(NOW - PROOF_LIFETIME, NOW),
    generation=st.integers(0, 2**40),
    login=logins,
)

POSITION = Position(
    stage=Stage.SECOND,
    expires_at=NOW + 600.0,
    step=3,
    account_id="8c8d9f0e-8f0c-4f5e-9c51-0f6c1c6f0a11",
    generation=12,
    login="A" * 22,
    passed=("federated:google", "totp", "recovery"),
)
PROOF = Proof("acct-1", ("password", "totp"), NOW, 3, "A" * 22)


def signature(keys: Sequence[bytes] = (KEY,), purpose: bytes = b"ticket", flow: bytes = b"shop") -> Signature:
    """Return the signature of one flow for one purpose."""
    return Signature(SigningKeys(keys).derive(purpose, flow))


def tickets(keys: Sequence[bytes] = (KEY,), flow: bytes = b"shop") -> Tickets:
    """Return the writer and reader of one flow's tickets."""
    return Tickets(signature(keys, b"ticket", flow))


def proofs(keys: Sequence[bytes] = (KEY,), flow: bytes = b"shop") -> Proofs:
    """Return the writer and reader of one flow's proofs."""
    return Proofs(signature(keys, b"proof", flow))


class Format(NamedTuple):
    """A kind of signed text: how to write and read it, one value, and the result for anything else."""

    purpose: bytes
    value: object
    invalid: Reason | None
    write: Callable[..., str]
    read: Callable[..., object]


FORMATS = {
    "ticket": Format(
        b"ticket",
        POSITION,
        Reason.TICKET_INVALID,
        lambda *keys: tickets(*keys).write(POSITION, "b"),
        lambda text, *keys: tickets(*keys).read(text, "b", NOW),
    ),
    "proof": Format(
        b"proof",
        PROOF,
        Reason.PROOF_INVALID,
        lambda *keys: proofs(*keys).write(PROOF),
        lambda text, *keys: proofs(*keys).read(text, NOW, PROOF_LIFETIME),
    ),
    "value": Format(
        b"ticket",
        [1, "acct-1", 1.5],
        None,
        lambda *keys: signature(*keys).sign([1, "acct-1", 1.5]),
        lambda text, *keys: signature(*keys).read(text),
    ),
}
each_format = pytest.mark.parametrize("kind", FORMATS.values(), ids=FORMATS)


def types(values: Sequence[object]) -> list[type]:
    """Return the types of some values."""
    return [type(value) for value in values]


# What was written is read


@given(json_values)
def test_round_trip(value: Any) -> None:
    """A signed JSON value is read back, and its text is safe in a form field, a cookie or a JSON body."""
    text = signature().sign(value)
    assert set(text) <= ALPHABET
    if len(text) <= MAX_LENGTH:
        assert signature().read(text) == value


@given(positions, texts)
@example(POSITION._replace(enrolled=True), "")
@example(POSITION._replace(stepping_up=True), "")
@example(
    POSITION._replace(account_id="é" * 127, passed=("f" * 64,) * 4, skipped=("g" * 64,) * 4), ""
)  # the longest there is
def test_ticket_round_trip(position: Position, binding: str) -> None:
    """A position is read back with the same binding, with the same values and types."""
    read = tickets().read(tickets().write(position, binding), binding, NOW)
    assert read == position
    assert isinstance(read, Position)
    assert types(read) == types(position)


@given(proof_values)
def test_proof_round_trip(proof: Proof) -> None:
    """A proof is read back with the same values and types."""
    read = proofs().read(proofs().write(proof), NOW, PROOF_LIFETIME)
    assert read == proof
    assert isinstance(read, Proof)
    assert types(read) == types(proof)


def test_max_length() -> None:
    """A text of exactly the maximum length is read, and a longer one is not."""
    texts_by_length = {len(text): text for text in (signature().sign("x" * n) for n in range(3030, 3050))}
    longer = min(length for length in texts_by_length if length > MAX_LENGTH)
    assert signature().read(texts_by_length[MAX_LENGTH]) == "x" * 3037
    assert longer == MAX_LENGTH + 2  # base64 has no text of one character more
    assert signature().read(texts_by_length[longer]) is None
    assert signature().read(texts_by_length[MAX_LENGTH] + "A") is None


# Nothing else is read


@pytest.mark.proves("T32", "T33")
@each_format
@given(text=unsigned)
def test_unsigned(kind: Format, text: object) -> None:
    """Any value that was not signed is rejected without an exception."""
    assert kind.read(text) is kind.invalid


@pytest.mark.proves("T33", "T44")
@each_format
def test_tampered(kind: Format) -> None:
    """A text that is changed, cut or extended anywhere is rejected, and so is a payload of one's own."""
    text = kind.write()
    assert kind.read(text) == kind.value
    mac, forged = text.rsplit(".", 1)[1], base64.urlsafe_b64encode(b"[2]").rstrip(b"=").decode()
    changed = {f"{forged}.{mac}", f"{forged}.", forged, f".{mac}", f"{forged}.{text}", f"{text}.{mac}"}
    for place in range(len(text)):
        rest = text[place + 1 :]
        changed |= {text[:place], rest, text[:place] + rest}
        changed |= {text[:place] + other + rest for other in ALPHABET}
        changed |= {
            text[:place] + added + text[place:] for added in ("A", "=", "====", " ", "!!!!", "\n", "\0")
        }
    assert {kind.read(other) for other in changed - {text}} == {kind.invalid}


@pytest.mark.proves("T33", "ASVS-13.3")
@each_format
def test_rotation(kind: Format) -> None:
    """The first key signs and all keys verify, so a text is read until its key is removed."""
    old, new = kind.write([KEY]), kind.write([NEW, KEY])
    assert kind.read(old, [NEW, KEY]) == kind.read(new, [KEY, NEW]) == kind.value
    assert kind.read(old, [NEW]) is kind.read(new, [KEY]) is kind.invalid
    assert kind.write([KEY, NEW]) == old != new


@pytest.mark.proves("T33", "T44")
@each_format
@pytest.mark.parametrize("flow", [b"other", b"", b"shop "])
def test_other_flow(kind: Format, flow: bytes) -> None:
    """A text of one flow or key is rejected by another flow and by another key."""
    assert kind.read(kind.write(), [KEY], flow) is kind.invalid
    assert kind.read(kind.write(), [FOREIGN]) is kind.invalid


@pytest.mark.proves("T44")
@given(proof_values)
@example(PROOF)
def test_proofs_are_not_tickets(proof: Proof) -> None:
    """A flow does not accept a proof as a ticket, nor a ticket as a proof: their keys and shapes differ."""
    position = POSITION._replace(account_id=proof.account_id, login=proof.login, passed=proof.factors)
    ticket = tickets().write(position, "")
    assert tickets().read(ticket, "", NOW) == position
    assert tickets().read(proofs().write(proof), "", NOW) is Reason.TICKET_INVALID
    assert proofs().read(ticket, NOW, PROOF_LIFETIME) is Reason.PROOF_INVALID
    login = login_of(AuthFlow(Federated("google"), name="shop", keys=[KEY]))
    assert login.tickets._signature.read(login.proofs.write(proof)) is None


SHAPES: dict[str, list[tuple[type, ...]]] = {
    "ticket": [(str,), (str,), (int, float), (int,), (str,), (int,), (str,), (str,), (str,), (int,)],
    "proof": [(str,), (str,), (int, float), (int,), (str,)],
}


def has_shape(value: object, kind: str) -> bool:
    """Return whether a signed value has the shape of a ticket or a proof."""
    shape = SHAPES[kind]
    if not isinstance(value, list) or len(value) != len(shape):
        return False
    fits = all(isinstance(item, allowed) for item, allowed in zip(value, shape, strict=True))
    return fits and (kind == "proof" or value[1] in set(ANSWERS))


@st.composite
def other_shapes(draw: st.DrawFn, kind: str) -> object:
    """Draw any JSON value, or what was signed with one element changed, removed or added."""
    value: Any = signature((KEY,), FORMATS[kind].purpose).read(FORMATS[kind].write())
    place = draw(st.integers(0, len(value) - 1))
    changed = [*value[:place], *draw(st.lists(json_values, max_size=2)), *value[place + 1 :]]
    extended = [*value, *draw(st.lists(json_values, min_size=1, max_size=2))]
    return draw(json_values | st.sampled_from([changed, extended, value[:place]]))


@pytest.mark.proves("T32", "T33")
@pytest.mark.parametrize("kind", SHAPES)
@given(data=st.data())
def test_other_shapes(kind: str, data: st.DataObject) -> None:
    """What the flow's own key signed in another shape, as an older version may have, is rejected."""
    value: Any = data.draw(other_shapes(kind))
    assume(not has_shape(value, kind))
    text = signature((KEY,), FORMATS[kind].purpose).sign(value)
    assert FORMATS[kind].read(text) is FORMATS[kind].invalid


@pytest.mark.parametrize("stage", [*sorted(set(Stage) - set(ANSWERS)), "", "third"])
def test_stages_without_a_ticket(stage: str) -> None:
    """A ticket of a stage that issues none, or of an unknown stage, is rejected."""
    value: Any = signature().read(FORMATS["ticket"].write())
    assert FORMATS["ticket"].read(signature().sign([value[0], stage, *value[2:]])) is Reason.TICKET_INVALID


@each_format
@given(raw=st.binary())
@example(raw=base64.urlsafe_b64encode(b"[" * 2000))
@example(raw=base64.urlsafe_b64encode('["é"]'.encode("latin-1")))
@example(raw=b"A")
def test_signed_but_unreadable(kind: Format, raw: bytes) -> None:
    """Bytes that were signed with the right key but are not base64 or not JSON are rejected."""
    keys = SigningKeys([KEY]).derive(kind.purpose, b"shop")
    text = Signer(keys, salt=b"", key_derivation="none", digest_method="sha256").sign(raw).decode("latin-1")
    read = kind.read(text)
    assert read is kind.invalid or (kind.invalid is None and read is not None)


# Tickets


@pytest.mark.proves("T44")
@given(positions, texts, texts)
def test_binding(position: Position, binding: str, other: str) -> None:
    """A ticket is rejected with any binding but its own."""
    assume(binding != other)
    assert tickets().read(tickets().write(position, binding), other, NOW) is Reason.TICKET_INVALID


@pytest.mark.parametrize("binding", [None, 1, b"browser", "\ud800"])
def test_invalid_binding(binding: Any) -> None:
    """A binding that is not a text of Unicode characters raises, whatever the ticket is."""
    for call in (lambda: tickets().write(POSITION, binding), lambda: tickets().read("x", binding, NOW)):
        with pytest.raises(InvalidParameterError, match="binding"):
            call()


@pytest.mark.proves("T44")
def test_ticket_expiry() -> None:
    """A ticket is read until it expires; another browser does not learn that it has expired."""
    ticket = tickets().write(POSITION, "b")
    assert tickets().read(ticket, "b", NOW + 599.999) == POSITION
    assert tickets().read(ticket, "b", NOW + 600.0) is Reason.TICKET_EXPIRED
    assert tickets().read(ticket, "b", NOW + 1e9) is Reason.TICKET_EXPIRED
    assert tickets().read(ticket, "other", NOW + 600.0) is Reason.TICKET_INVALID


@pytest.mark.proves("T44")
@given(positions, names, st.integers(0, 2**40))
def test_after_factor(position: Position, factor: str, generation: int) -> None:
    """Passing a factor adds it, keeps the expiry, and records a confirmed enrollment."""
    assert position.after_factor(factor, generation) == position._replace(
        passed=(*position.passed, factor),
        generation=generation,
        enrolled=position.enrolled or position.stage is Stage.ENROLLING,
    )


@pytest.mark.proves("T37", "T44")
def test_bindings_of_a_login() -> None:
    """A login and its self-service have different bindings, which depend only on the random login id."""
    further = POSITION._replace(step=4, stage=Stage.ENROLLING, generation=0).after_factor("totp", 5)
    assert POSITION.binding == further.binding == f"login {'A' * 22}"
    others = [POSITION._replace(login="B" * 22), PROOF, PROOF._replace(login="B" * 22)]
    assert len({POSITION.binding, *(other.binding for other in others)}) == 4


# Proofs


@pytest.mark.proves("ASVS-7.5.1")
@pytest.mark.parametrize("lifetime", [1.0, 300.0, PROOF_LIFETIME])
def test_proof_age(lifetime: float) -> None:
    """A proof is read until its lifetime ends, and up to a minute before its time, in case clocks differ."""
    text = proofs().write(PROOF)
    for age in (lifetime, lifetime / 2, 0.0, -CLOCK_LEEWAY):
        assert proofs().read(text, NOW + age, lifetime) == PROOF
    for age in (lifetime + 0.001, lifetime + 1e9, -CLOCK_LEEWAY - 0.001, -1e9):
        assert proofs().read(text, NOW + age, lifetime) is Reason.PROOF_EXPIRED


# Keys


@pytest.mark.proves("T33", "T44")
def test_purposes() -> None:
    """What was signed for one purpose verifies only for the same purpose and key."""
    scopes: list[tuple[bytes, ...]] = [(b"ticket", b"shop"), (b"proof", b"shop"), (b"tickets", b"hop"), ()]
    scopes += [(b"ticketshop",), (b"ticket", b"shop", b""), (b"ticket", b"", b"shop"), (b"ticket", b"shop ")]
    signatures = [Signature(SigningKeys([key]).derive(*scope)) for scope in scopes for key in (KEY, FOREIGN)]
    for one in signatures:
        assert [other.read(one.sign([1])) == [1] for other in signatures] == [
            one is other for other in signatures
        ]


def test_keys_are_derived() -> None:
    """The app's own key verifies nothing by itself, and no hash of a code is a signing key."""
    signing = SigningKeys([KEY])
    assert Signature([KEY]).read(signature().sign([1])) is None
    assert not set(signing.derive(b"mail")) & set(signing.digests(b"mail"))
    assert [len(digest) for digest in SigningKeys([KEY, NEW]).digests(b"x")] == [32, 32]


@given(st.lists(st.binary(max_size=6), max_size=4), st.lists(st.binary(max_size=6), max_size=4))
def test_framed(one: list[bytes], other: list[bytes]) -> None:
    """Different lists of parts give different bytes."""
    assert (framed(*one) == framed(*other)) == (one == other)


NO_LIST = "must be a list of at least one signing key, the newest first"
NO_KEY = "must be bytes, 32 or more for each key, as from os.urandom(32)"


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        *((keys, NO_LIST) for keys in ((), [], None, KEY, KEY.decode(), {"k": KEY}, {KEY})),
        *((keys, NO_KEY) for keys in ([KEY[:31]], [KEY, b""], [KEY.decode()], [bytearray(KEY)], [None])),
    ],
    ids=repr,
)
def test_invalid_keys(keys: Any, problem: str) -> None:
    """Invalid keys raise an error that says what is right and shows no key."""
    with pytest.raises(InvalidParameterError) as caught:
        SigningKeys(keys)
    assert str(caught.value) == f"keys {problem}"
    assert "kkkk" not in repr(caught.value)


@pytest.mark.proves("T22")
def test_keys_are_hidden_and_copied() -> None:
    """No key and no derived key is in a repr, and changing the app's list later has no effect."""
    keys = [os.urandom(32)]
    signing = SigningKeys(keys)
    signer = Signature(signing.derive(b"ticket"))
    for shown in (repr(signing), str(signing), repr([signing, signer])):
        for key in (keys[0], *signing.derive(b"ticket")):
            assert repr(key)[2:-1] not in shown
            assert key.hex() not in shown
    keys[0] = FOREIGN
    assert Signature(signing.derive(b"ticket")).read(signer.sign([1])) == [1]
