"""The shared secret."""

import base64
import copy
import inspect
import os
import pickle
import tracemalloc

import pytest
from hypothesis import example, given, strategies as st

from tests.support.strategies import anything, forgiven_base32, raw_secrets, secrets
from totpkit import InvalidParameterError, InvalidSecretError, Secret

BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


@pytest.mark.proves("RFC4226-R6")
def test_generated_length() -> None:
    """A new secret has 160 bits by default, and at least 128."""
    assert len(Secret.generate()) == 20
    assert [len(Secret.generate(size)) for size in (16, 32, 1024)] == [16, 32, 1024]
    assert not Secret.generate(16).weak


@pytest.mark.proves("RFC4226-R6")
@pytest.mark.parametrize("nbytes", [15, 1, 0, -1, 1025, 20.0, "20", None, True])
def test_generate_out_of_range(nbytes: object) -> None:
    """A new secret with fewer than 128 bits is rejected."""
    with pytest.raises(InvalidParameterError, match=r"^nbytes must be an int from 16 to 1024, not "):
        Secret.generate(nbytes)  # type: ignore[arg-type]


@pytest.mark.proves("RFC4226-R6")
@given(raw_secrets)
def test_weak(raw: bytes) -> None:
    """An imported secret of any length works, and a short one is weak."""
    secret = Secret.from_bytes(raw)
    assert raw == secret.to_bytes()
    assert (len(raw) < 16) == secret.weak


@pytest.mark.proves("RFC4226-7.5")
def test_random() -> None:
    """A new secret comes from the operating system's generator, or from the one passed."""
    assert inspect.signature(Secret.generate).parameters["entropy"].default is os.urandom
    assert Secret.generate(16, entropy=lambda nbytes: b"x" * nbytes).to_bytes() == b"x" * 16
    assert Secret.generate() != Secret.generate()


@pytest.mark.parametrize(
    ("entropy", "problem"),
    [
        (lambda _: b"weak", "must return 20 bytes, not 4"),
        (None, "must be callable, not NoneType"),
        (b"x" * 20, "must be callable, not bytes"),
    ],
)
def test_bad_entropy(entropy: object, problem: str) -> None:
    """A source that is not callable or returns too few bytes is rejected."""
    with pytest.raises(InvalidParameterError, match=f"^entropy {problem}$"):
        Secret.generate(entropy=entropy)  # type: ignore[arg-type]


@given(raw_secrets, st.data())
@example(bytes(1024), None)
def test_base32(raw: bytes, data: st.DataObject | None) -> None:
    """The text is the same as the standard library's, and every accepted spelling returns the bytes."""
    secret = Secret.from_bytes(raw)
    text = base64.b32encode(raw).decode().rstrip("=")
    assert text == secret.to_base32()
    assert secret == Secret.from_base32(text) == Secret.from_base32(secret.grouped())
    if data is not None:
        assert raw == Secret.from_base32(data.draw(forgiven_base32(text))).to_bytes()


def test_loose_bits() -> None:
    """Bits after the last whole byte are dropped, as authenticator apps do."""
    assert [Secret.from_base32(text).to_bytes() for text in ("AA", "AB", "AC", "AD")] == [b"\0"] * 4
    assert Secret.from_base32("AE").to_bytes() == b"\1"


@given(anything | st.text(BASE32, max_size=40))
@example("\u017f" * 8)  # its upper case is S
@example("\u0131" * 8)  # its upper case is I
@example("JBSWY3DP\nEHPK3PXP")
@example("JBSWY3DP\tEHPK3PXP")
@example("JBSWY3D0")
@example("JBSWY3D1")
@example("JBSWY3D8")
@example("JBSWY3D9")
@example("AA=A")
@example("=AA")
@example("====")
@example(" - ")
@example("\ud800")
def test_any_text(text: str) -> None:
    """Any text is a secret of as many bytes as base32 encodes in it, or raises the one error."""
    symbols = text.replace(" ", "").replace("-", "").rstrip("=")
    legal = symbols and set(symbols) <= set(BASE32 + BASE32.lower()) and len(symbols) % 8 not in {1, 3, 6}
    if legal:
        assert len(symbols) * 5 // 8 == len(Secret.from_base32(text))
    else:
        with pytest.raises(InvalidSecretError):
            Secret.from_base32(text)


def test_long_text() -> None:
    """Text of more than 4096 characters is rejected before any of it is copied."""
    assert len(Secret.from_base32("A" * 4096)) == 2560
    text = "a " * 5_000_000
    tracemalloc.start()
    try:
        for longer in (text, text[:4097]):
            with pytest.raises(InvalidSecretError, match=r"^a base32 secret must have at most 4096 char"):
                Secret.from_base32(longer)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


NOT_BASE32 = "a base32 secret may contain only the letters A-Z and the digits 2-7"
BAD_LENGTH = "a base32 secret cannot have this length; check for a missing character"


@pytest.mark.parametrize(
    ("make", "value", "message"),
    [
        (Secret.from_base32, "", "a secret must not be empty"),
        (Secret.from_base32, " -=", "a secret must not be empty"),
        (Secret.from_base32, "O0I1", NOT_BASE32),
        (Secret.from_base32, "ABC", BAD_LENGTH),
        (Secret.from_base32, b"JBSWY3DP", "a base32 secret must be a str, not bytes"),
        (Secret.from_base32, None, "a base32 secret must be a str, not NoneType"),
        (Secret.from_bytes, b"", "a secret must have at least one byte"),
        (Secret.from_bytes, "JBSWY3DP", "a secret must be bytes, not str"),
        (Secret.from_bytes, bytearray(20), "a secret must be bytes, not bytearray"),
        (Secret.from_bytes, memoryview(b"x"), "a secret must be bytes, not memoryview"),
        (Secret.from_bytes, 20, "a secret must be bytes, not int"),
    ],
)
def test_rejected(make: object, value: object, message: str) -> None:
    """What cannot be a secret is rejected, and the message says what was wrong."""
    with pytest.raises(InvalidSecretError) as caught:
        make(value)  # type: ignore[operator]
    assert message == str(caught.value)


def test_constructor() -> None:
    """The constructor names the methods to use instead."""
    with pytest.raises(TypeError, match=r"^use Secret\.generate, Secret\.from_base32 or Secret\.from_bytes$"):
        Secret()


def test_grouped() -> None:
    """The text for typing is in groups of four, of which the last may be shorter."""
    assert Secret.from_base32("jbsw y3dp-ehpk 3pxp").grouped() == "JBSW Y3DP EHPK 3PXP"
    assert Secret.from_base32("JBSWY3A").grouped() == "JBSW Y3A"


@given(secrets, secrets)
def test_equality(one: Secret, other: Secret) -> None:
    """Secrets are equal, with equal hashes, exactly if their bytes are equal."""
    assert (one.to_bytes() == other.to_bytes()) == (one == other)
    assert one == Secret.from_bytes(one.to_bytes())
    assert hash(one) == hash(Secret.from_bytes(one.to_bytes()))
    assert (one == one.to_bytes()) is False
    assert (one == one.to_base32()) is False


@pytest.mark.proves("T24")
def test_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets are compared with ``hmac.compare_digest``."""
    compared = []
    monkeypatch.setattr("hmac.compare_digest", lambda *pair: compared.append(pair) or True)
    assert Secret.from_bytes(b"a") == Secret.from_bytes(b"b")
    assert compared == [(b"a", b"b")]


@pytest.mark.proves("T22")
def test_shows_only_its_length() -> None:
    """However a secret is printed, only its length is visible."""
    secret = Secret.from_bytes(b"12345678901234567890")
    texts = [repr(secret), str(secret), f"{secret}", f"{secret!r}", "%s" % secret, format(secret)]  # noqa: UP031 - one more way to print
    assert set(texts) == {"<Secret of 20 bytes>"}
    with pytest.raises(TypeError):
        vars(secret)


@pytest.mark.proves("T22")
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_not_pickled(protocol: int) -> None:
    """No protocol pickles a secret, and the message says what to do instead."""
    with pytest.raises(TypeError, match=r"^Secret cannot be pickled: store it sealed by a vault$"):
        pickle.dumps(Secret.generate(), protocol)


def test_immutable() -> None:
    """A secret cannot be changed, and a copy is the same object."""
    secret = Secret.generate()
    assert copy.copy(secret) is copy.deepcopy([secret])[0] is secret
    for name in ("_raw", "weak", "other"):
        with pytest.raises(AttributeError, match=r"^a Secret cannot be changed$"):
            setattr(secret, name, b"x")
        with pytest.raises(AttributeError, match=r"^a Secret cannot be changed$"):
            delattr(secret, name)


def test_bytes_subclass() -> None:
    """A subclass of bytes, which might print its content, is converted to bytes."""

    class Loud(bytes):
        __slots__ = ()

    assert type(Secret.from_bytes(Loud(b"x" * 20)).to_bytes()) is bytes
