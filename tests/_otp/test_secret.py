"""The shared secret."""

import base64
import copy
import inspect
import os
import pickle

import pytest
from hypothesis import example, given, strategies as st

from tests.support.strategies import anything, forgiven_base32, raw_secrets, secrets
from totpkit import InvalidParameterError, InvalidSecretError, Secret

BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


@pytest.mark.proves("RFC4226-R6")
def test_generated_length() -> None:
    """A secret we issue has 160 bits, or as many more or less as asked for, but 128 at least."""
    assert len(Secret.generate()) == 20
    assert [len(Secret.generate(size)) for size in (16, 32, 1024)] == [16, 32, 1024]
    assert not Secret.generate(16).weak


@pytest.mark.proves("RFC4226-R6")
@pytest.mark.parametrize("nbytes", [15, 1, 0, -1, 1025, 20.0, "20", None, True])
def test_generate_refuses(nbytes: object) -> None:
    """We issue no secret under 128 bits, and the message says how long it must be."""
    with pytest.raises(InvalidParameterError, match=r"^nbytes must be an int from 16 to 1024, not "):
        Secret.generate(nbytes)  # type: ignore[arg-type]


@pytest.mark.proves("RFC4226-R6")
@given(raw_secrets)
def test_weak(raw: bytes) -> None:
    """An imported secret of any length works, and a short one is called weak."""
    secret = Secret.from_bytes(raw)
    assert raw == secret.to_bytes()
    assert (len(raw) < 16) == secret.weak


@pytest.mark.proves("RFC4226-7.5")
def test_random() -> None:
    """A new secret comes from the operating system's generator, or the one passed."""
    assert inspect.signature(Secret.generate).parameters["entropy"].default is os.urandom
    assert Secret.generate(16, entropy=lambda nbytes: b"x" * nbytes).to_bytes() == b"x" * 16
    assert Secret.generate() != Secret.generate()


def test_poor_entropy() -> None:
    """A source that returns fewer bytes than asked for is refused: the secret would be weak."""
    with pytest.raises(InvalidParameterError, match=r"^entropy must return 20 bytes, not 4$"):
        Secret.generate(entropy=lambda _: b"weak")


@pytest.mark.parametrize("entropy", [None, 20, b"x" * 20])
def test_no_entropy(entropy: object) -> None:
    """What is no source of random bytes is refused by name."""
    with pytest.raises(InvalidParameterError, match=r"^entropy must be callable, not "):
        Secret.generate(entropy=entropy)  # type: ignore[arg-type]


@given((st.integers(16, 64) | st.just(1024)).map(Secret.generate), st.data())
def test_generated_rereads(secret: Secret, data: st.DataObject) -> None:
    """Every generated secret is read back from any forgiven spelling of its base32 text."""
    assert secret == Secret.from_base32(secret.to_base32())
    assert secret == Secret.from_base32(secret.grouped())
    if len(secret) <= 64:  # drawing every character of a longer one takes its time
        assert secret == Secret.from_base32(data.draw(forgiven_base32(secret.to_base32())))


@given(raw_secrets, st.data())
def test_base32_agrees(raw: bytes, data: st.DataObject) -> None:
    """The text is the standard library's, and every forgiven spelling gives the bytes back."""
    text = base64.b32encode(raw).decode().rstrip("=")
    assert text == Secret.from_bytes(raw).to_base32()
    assert raw == Secret.from_base32(data.draw(forgiven_base32(text))).to_bytes()


@given(st.text(BASE32, min_size=1, max_size=40))
def test_base32_lengths(text: str) -> None:
    """A text of the alphabet is a secret exactly if some bytes encode to that length."""
    if len(text) % 8 in {1, 3, 6}:
        with pytest.raises(InvalidSecretError, match=r"cannot have this many characters: one is missing"):
            Secret.from_base32(text)
    else:
        assert len(text) * 5 // 8 == len(Secret.from_base32(text))


def test_loose_bits() -> None:
    """Bits beyond the last whole byte are dropped, as phones do."""
    assert [Secret.from_base32(text).to_bytes() for text in ("AA", "AB", "AC", "AD")] == [b"\0"] * 4
    assert Secret.from_base32("AE").to_bytes() == b"\1"


@given(anything)
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
def test_base32_text(text: str) -> None:
    """Any text is a secret of the bytes that base32 says, or refused by the one error."""
    symbols = text.replace(" ", "").replace("-", "").rstrip("=")
    legal = symbols and set(symbols) <= set(BASE32 + BASE32.lower()) and len(symbols) % 8 not in {1, 3, 6}
    if legal:
        assert len(symbols) * 5 // 8 == len(Secret.from_base32(text))
    else:
        with pytest.raises(InvalidSecretError):
            Secret.from_base32(text)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Secret.from_base32(""), "a secret must not be empty"),
        (lambda: Secret.from_base32(" -="), "a secret must not be empty"),
        (
            lambda: Secret.from_base32("O0I1"),
            "a base32 secret may hold only the letters A-Z and the digits 2-7",
        ),
        (
            lambda: Secret.from_base32("ABC"),
            "a base32 secret cannot have this many characters: one is missing",
        ),
        (lambda: Secret.from_base32(b"JBSWY3DP"), "a base32 secret must be a str, not bytes"),
        (lambda: Secret.from_base32(None), "a base32 secret must be a str, not NoneType"),
        (lambda: Secret.from_bytes(b""), "a secret must have at least one byte"),
        (lambda: Secret.from_bytes("JBSWY3DP"), "a secret must be bytes, not str"),
        (lambda: Secret.from_bytes(bytearray(20)), "a secret must be bytes, not bytearray"),
        (lambda: Secret.from_bytes(memoryview(b"x")), "a secret must be bytes, not memoryview"),
        (lambda: Secret.from_bytes(20), "a secret must be bytes, not int"),
    ],
)
def test_refused(make: object, message: str) -> None:
    """What cannot be a secret is refused with what was wrong."""
    with pytest.raises(InvalidSecretError) as caught:
        make()  # type: ignore[operator]
    assert message == str(caught.value)


def test_constructor() -> None:
    """The bare constructor says which ways there are."""
    with pytest.raises(TypeError, match=r"^use Secret\.generate, Secret\.from_base32 or Secret\.from_bytes$"):
        Secret()


def test_grouped() -> None:
    """The text for typing by hand stands in groups of four, the last as long as it is."""
    assert Secret.from_base32("jbsw y3dp-ehpk 3pxp").grouped() == "JBSW Y3DP EHPK 3PXP"
    assert Secret.from_base32("JBSWY3A").grouped() == "JBSW Y3A"


@given(secrets, secrets)
def test_equality(one: Secret, other: Secret) -> None:
    """Secrets are equal, and hash alike, exactly if their bytes are equal."""
    assert (one.to_bytes() == other.to_bytes()) == (one == other)
    assert one == Secret.from_bytes(one.to_bytes())
    assert hash(one) == hash(Secret.from_bytes(one.to_bytes()))
    assert (one == one.to_bytes()) is False
    assert (one == one.to_base32()) is False


@pytest.mark.proves("T24")
def test_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Equality of secrets is left to the comparison that takes the same time anywhere."""
    compared = []
    monkeypatch.setattr("hmac.compare_digest", lambda *pair: compared.append(pair) or True)
    assert Secret.from_bytes(b"a") == Secret.from_bytes(b"b")
    assert compared == [(b"a", b"b")]


@pytest.mark.proves("T22")
def test_shows_only_its_length() -> None:
    """However it is printed, a secret tells its length and nothing else."""
    secret = Secret.from_bytes(b"12345678901234567890")
    texts = [repr(secret), str(secret), f"{secret}", f"{secret!r}", "%s" % secret, format(secret)]  # noqa: UP031 - one more way to print
    assert set(texts) == {"<Secret of 20 bytes>"}
    with pytest.raises(TypeError):
        vars(secret)


@pytest.mark.proves("T22")
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_not_pickled(protocol: int) -> None:
    """Pickling is refused by every protocol, with what to do instead."""
    with pytest.raises(TypeError, match=r"^a Secret cannot be pickled; store it sealed by a vault$"):
        pickle.dumps(Secret.generate(), protocol)


def test_copied() -> None:
    """A copy is the same secret, for what cannot change needs no other."""
    secret = Secret.generate()
    assert copy.copy(secret) is secret
    assert copy.deepcopy([secret])[0] is secret


def test_unchangeable() -> None:
    """A secret cannot be changed."""
    secret = Secret.generate()
    for name in ("_raw", "weak", "other"):
        with pytest.raises(AttributeError, match=r"^a Secret cannot be changed$"):
            setattr(secret, name, b"x")
        with pytest.raises(AttributeError, match=r"^a Secret cannot be changed$"):
            delattr(secret, name)


def test_bytes_subclass() -> None:
    """What a subclass of bytes would show is not kept."""

    class Loud(bytes):
        __slots__ = ()

    assert type(Secret.from_bytes(Loud(b"x" * 20)).to_bytes()) is bytes
