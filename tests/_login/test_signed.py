"""Signed text: whose keys it takes, and for what."""

import base64
import os
import pickle
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.support.strategies import anything
from totpkit import AuthFlow, InvalidParameterError, Password
from totpkit._login.signed import LONGEST, Signature, SigningKeys, framed

OLD, NEW, FOREIGN = (bytes([letter]) * 32 for letter in b"onf")
ALPHABET = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | anything,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(anything, inner, max_size=3),
    max_leaves=8,
)


def signature(*keys: bytes, purpose: bytes = b"ticket") -> Signature[Any]:
    """Return what signs by the first of the keys, for one purpose."""
    return Signature(SigningKeys(keys).keys_for(purpose))


@given(json_values)
def test_round_trip(value: Any) -> None:
    """What was signed is read back, and its text is safe in a form field, a cookie or a JSON body."""
    text = signature(NEW).sign(value)
    assert set(text) <= ALPHABET
    if len(text) <= LONGEST:
        assert signature(NEW).read(text) == value


@pytest.mark.proves("ASVS-13.3", "T33")
def test_rotation() -> None:
    """The first key signs and all verify: an old one goes on verifying until it is taken away."""
    before, during, after = signature(OLD), signature(NEW, OLD), signature(NEW)
    assert during.read(before.sign("x")) == "x"
    assert after.read(during.sign("x")) == "x"
    assert before.read(during.sign("x")) is None
    assert after.read(before.sign("x")) is None
    assert signature(OLD, NEW).read(during.sign("x")) == "x"
    assert signature(OLD, NEW).sign("x") == before.sign("x") != during.sign("x")


@pytest.mark.proves("T33", "T44")
def test_purposes_apart() -> None:
    """What was signed for one purpose, or by another key, verifies for no other."""
    scopes: list[tuple[bytes, ...]] = [
        (b"ticket", b"shop"),
        (b"proof", b"shop"),
        (b"ticket", b"shop "),
        (b"tickets", b"hop"),
    ]
    scopes += [(b"ticketshop",), (b"ticket", b"shop", b""), (b"ticket", b"", b"shop"), ()]
    signed = [Signature[Any](SigningKeys([NEW]).keys_for(*scope)) for scope in scopes]
    for one in signed:
        assert [other.read(one.sign([1])) == [1] for other in signed] == [other is one for other in signed]
        assert Signature[Any](SigningKeys([FOREIGN]).keys_for(*scopes[0])).read(one.sign([1])) is None


def test_keys_are_derived() -> None:
    """The app's own key verifies nothing by itself, and no hash of a code is a signing key."""
    signing = SigningKeys([NEW])
    assert Signature[Any]([NEW]).read(signature(NEW).sign(1)) is None
    assert not set(signing.keys_for(b"mail")) & set(signing.digests(b"mail"))
    assert [len(digest) for digest in SigningKeys([NEW, OLD]).digests(b"x")] == [32, 32]


@given(st.lists(st.binary(max_size=6), max_size=4), st.lists(st.binary(max_size=6), max_size=4))
def test_framed(one: list[bytes], other: list[bytes]) -> None:
    """No two lists of parts are framed alike."""
    assert (framed(*one) == framed(*other)) == (one == other)


@pytest.mark.proves("T32", "T33")
@given(anything | st.text("AZaz09-_.", max_size=80) | st.none() | st.binary() | st.integers())
def test_any_text(text: object) -> None:
    """Any text that was not signed reads as nothing, and raises nothing."""
    assert signature(NEW, OLD).read(text) is None


@pytest.mark.proves("T33")
def test_tampered() -> None:
    """One changed character anywhere, one left out, one added: the text reads as nothing."""
    text = signature(NEW).sign([1, "acct-1", 1.5])
    read = signature(NEW).read
    assert read(text) == [1, "acct-1", 1.5]
    for place in range(len(text)):
        for letter in ALPHABET - {text[place]}:
            assert read(text[:place] + letter + text[place + 1 :]) is None, place
        assert read(text[:place] + text[place + 1 :]) is None
        assert read(text[:place]) is None
        assert read(text[place:] if place else "") is None
    for added in ("A", "=", "====", " ", "!!!!", "\n", ".", "\0"):
        for place in (0, 3, text.index("."), text.index(".") + 1, len(text) - 1, len(text)):
            assert read(text[:place] + added + text[place:]) is None, (added, place)


@pytest.mark.proves("T33")
def test_resigned_by_nobody() -> None:
    """A payload of the attacker's with the signature of another one, or with none, is refused."""
    text = signature(NEW).sign([1])
    forged = base64.urlsafe_b64encode(b"[2]").rstrip(b"=").decode()
    _, mac = text.rsplit(".", 1)
    for other in (f"{forged}.{mac}", f"{forged}.", forged, f".{mac}", f"{text}.{mac}", f"{forged}.{text}"):
        assert signature(NEW).read(other) is None


def test_longest() -> None:
    """A text of more characters than ours ever have is not looked at."""
    whole = signature(NEW).sign("x" * (LONGEST // 2))
    assert signature(NEW).read(whole) is not None
    assert signature(NEW).read(signature(NEW).sign("x" * LONGEST)) is None


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ((), "must be a list of at least one signing key, the newest first"),
        ([], "must be a list of at least one signing key, the newest first"),
        (None, "must be a list of at least one signing key, the newest first"),
        (NEW, "must be a list of at least one signing key, the newest first"),
        (NEW.decode(), "must be a list of at least one signing key, the newest first"),
        ({"k": NEW}, "must be a list of at least one signing key, the newest first"),
        ({NEW}, "must be a list of at least one signing key, the newest first"),
        ([NEW[:31]], "must be bytes of 32 or more: os.urandom(32)"),
        ([NEW, b""], "must be bytes of 32 or more: os.urandom(32)"),
        ([NEW.decode()], "must be bytes of 32 or more: os.urandom(32)"),
        ([bytearray(NEW)], "must be bytes of 32 or more: os.urandom(32)"),
        ([None], "must be bytes of 32 or more: os.urandom(32)"),
    ],
    ids=repr,
)
def test_bad_keys(keys: Any, problem: str) -> None:
    """Keys that are none, too short or not a list are refused, with what would be right and no key."""
    with pytest.raises(InvalidParameterError) as caught:
        SigningKeys(keys)
    assert str(caught.value) == f"keys {problem}"
    assert "nnnn" not in repr(caught.value)


@pytest.mark.proves("T22")
def test_shows_no_key() -> None:
    """Neither the keys nor what was derived from them shows in print, and later changes don't reach in."""
    keys = [os.urandom(32)]
    signing = SigningKeys(keys)
    signer = Signature[Any](signing.keys_for(b"ticket"))
    for held in (signing, signer, [signing, signer]):
        for key in (keys[0], *signing.keys_for(b"ticket")):
            assert repr(key)[2:-1] not in repr(held) + str(held)
            assert key.hex() not in repr(held)
    text = signer.sign(1)
    keys[0] = FOREIGN
    assert Signature[Any](signing.keys_for(b"ticket")).read(text) == 1


@pytest.mark.proves("T22")
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_no_pickle_of_keys(protocol: int) -> None:
    """Signing keys are not pickled along with what holds them, a whole flow for one."""
    flow = AuthFlow(Password(_nobody), name="shop", keys=[NEW])
    for held in (SigningKeys([NEW]), signature(NEW), flow):
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(held, protocol)
    for part in (SigningKeys([NEW]), signature(NEW)):
        with pytest.raises(TypeError, match="cannot be pickled"):
            part.__getstate__()


def _nobody(username: str, password: str) -> None:
    del username, password
