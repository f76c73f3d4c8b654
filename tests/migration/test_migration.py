"""Migration payloads."""

import base64
from urllib.parse import quote

import pytest
from hypothesis import example, given, strategies as st

from tests._otp.test_qr import decoded
from tests.support.strategies import RFC_SECRET, anything, mutations, payloads
from tests.vectors import load
from totpkit import HOTP, TOTP, Algorithm, InvalidParameterError, InvalidPayloadError, KeyURI, Secret, Steam
from totpkit._otp.protobuf import write_field
from totpkit.migration import MigrationPayload

PREFIX = "otpauth-migration://offline?data="
URI = KeyURI(TOTP(RFC_SECRET), account="alice", issuer="Acme")
STEAM = KeyURI(Steam(RFC_SECRET), account="a")
SEVEN_DIGITS = KeyURI(TOTP(RFC_SECRET, digits=7), account="a")
LONG_PERIOD = KeyURI(TOTP(RFC_SECRET, period=60), account="a")


def text_of(message: bytes) -> str:
    """Return the payload text of a protocol buffer."""
    return PREFIX + quote(base64.b64encode(message), safe="")


def account_of(**fields: int | bytes) -> bytes:
    """Return the field of an account, with a valid secret and name by default."""
    numbers = {"secret": 1, "name": 2, "issuer": 3, "algorithm": 4, "digits": 5, "kind": 6, "counter": 7}
    whole = {"secret": b"Hello!\xde\xad\xbe\xef", "name": b"alice"} | fields
    return write_field(1, b"".join(write_field(numbers[name], value) for name, value in whole.items()))


@pytest.mark.parametrize("vector", load("migration")["payloads"])
def test_published(vector: dict[str, object]) -> None:
    """Texts that the app exported, or that importers publish as examples, are read correctly."""
    payload = MigrationPayload.parse(str(vector["text"]))
    assert vector["accounts"] == [str(uri) for uri in payload.entries]
    expected = tuple(vector[name] for name in ("batch_size", "batch_index", "batch_id"))
    assert expected == (payload.batch_size, payload.batch_index, payload.batch_id)


@pytest.mark.proves("T32")
@given(payloads)
def test_build_then_parse(payload: MigrationPayload) -> None:
    """Every payload is read back as it was written."""
    assert payload == MigrationPayload.parse(str(payload))


@pytest.mark.proves("T32")
@given(
    anything
    | anything.map(PREFIX.__add__)
    | mutations(payloads.map(str))
    | st.binary(max_size=100).map(text_of)
    | st.lists(st.binary(max_size=50).map(lambda entry: write_field(1, entry))).map(b"".join).map(text_of)
)
@example(PREFIX + "\ud800")
@example(PREFIX + "%ff")
@example(PREFIX + "é")
def test_any_text(text: str) -> None:
    """Any text is a payload, which can be written and read again, or raises the one error."""
    try:
        payload = MigrationPayload.parse(text)
    except InvalidPayloadError:
        return
    assert payload == MigrationPayload.parse(str(payload))


def test_all_parameters() -> None:
    """Every parameter that the format has is read."""
    accounts = [
        account_of(issuer=b"Acme", algorithm=2, digits=2, kind=2),
        account_of(name=b"Acme:bob", issuer=b"Acme", algorithm=3, kind=1, counter=7),
        account_of(name=b"caf\xc3\xa9", algorithm=0, digits=0, kind=0),
    ]
    payload = MigrationPayload.parse(text_of(b"".join(accounts)))
    secret = Secret.from_bytes(b"Hello!\xde\xad\xbe\xef")
    assert payload.entries == (
        KeyURI(TOTP(secret, digits=8, algorithm=Algorithm.SHA256), account="alice", issuer="Acme"),
        KeyURI(HOTP(secret, algorithm=Algorithm.SHA512), account="bob", issuer="Acme", counter=7),
        KeyURI(TOTP(secret), account="café"),
    )


def test_spellings() -> None:
    """Padding may be missing, other parameters may be present, and a plus may have become a space."""
    message = account_of(secret=b"\xfb\xef\xbe" * 6, name=b">>>???")
    whole = text_of(message)
    assert "%2B" in whole
    payload = MigrationPayload.parse(whole)
    for text in (
        whole.replace("%3D", ""),
        whole.replace("%2B", "+"),
        whole.replace("%2B", "%20"),
        whole.replace("offline?", "offline?x=1&") + "&y=2",
    ):
        assert payload == MigrationPayload.parse(text)


@pytest.mark.parametrize(
    "field", [b"\x10\x01", b"\x38\x05", b"\x7a\x01x", b"\x4d\0\0\0\0", b"\x18\x01\x20\x00"]
)
def test_unknown_fields(field: bytes) -> None:
    """Unknown fields are ignored."""
    assert MigrationPayload.parse(text_of(account_of())) == MigrationPayload.parse(
        text_of(account_of() + field)
    )


NO_PAYLOAD = "must be a str of at most 4096 characters that begins with otpauth-migration://offline?"
UNREADABLE = "contains an account that cannot be read: "
UNKNOWN = "contains an unknown algorithm, code length or type"


@pytest.mark.parametrize(
    ("message", "texts"),
    [
        (
            NO_PAYLOAD,
            ["", PREFIX + "A" * 4096, "otpauth://totp/alice?secret=AA", None, PREFIX.encode()],
        ),
        ("must have one data parameter", [PREFIX.replace("data", "x"), PREFIX + "CgA%3D&data=CgA%3D"]),
        ("data in a migration payload must be base64", [PREFIX + data for data in ("*", "é", "A", "AA=A")]),
        ("is truncated", [PREFIX + "CgE%3D"]),
        ("contains a field of unknown type", [text_of(b"\x0b")]),
        (
            f"{UNREADABLE}a secret must have at least one byte",
            [text_of(account_of(secret=secret)) for secret in (b"", 5)],
        ),
        (f"{UNREADABLE}a key URI must not contain control", [text_of(account_of(name=b"a\nb"))]),
        (
            f"{UNREADABLE}a key URI must contain UTF-8",
            [text_of(account_of(name=b"\xff")), text_of(account_of(issuer=b"\xff"))],
        ),
        ("contains bytes where a number is expected", [text_of(account_of(kind=1, counter=b"5"))]),
        (
            UNKNOWN,
            [
                text_of(account_of(**field))
                for field in ({"algorithm": 4}, {"algorithm": b"1"}, {"digits": 3}, {"kind": 3})
            ],
        ),
        ("is inconsistent: batch_size must be an int from 1 to", [text_of(write_field(3, 0))]),
        ("is inconsistent: batch_index must be an int from 0 to 0, not 1", [text_of(write_field(4, 1))]),
        ("is inconsistent: batch_index must be an int from 0 to 0, not -1", [text_of(write_field(4, -1))]),
        ("is inconsistent: batch_id must be an int from", [text_of(write_field(5, 2**31))]),
    ],
)
def test_rejected(message: str, texts: list[object]) -> None:
    """A bad payload is rejected, with a message that helps and without a context."""
    for text in texts:
        with pytest.raises(InvalidPayloadError) as caught:
            MigrationPayload.parse(text)  # type: ignore[arg-type]
        assert message in str(caught.value)
        assert "a migration payload " in str(caught.value)
        assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"entries": [URI]}, "entries must be a tuple of KeyURI"),
        ({"entries": (str(URI),)}, "entries must be a tuple of KeyURI"),
        (
            {"entries": (URI,) * 100},
            "entries must fit into 4096 characters; use several payloads with one batch_id",
        ),
        (
            {"entries": (KeyURI(Steam(RFC_SECRET), account="a"),)},
            "entries must be TOTP or HOTP with 6 or 8 digits",
        ),
        (
            {"entries": (KeyURI(TOTP(RFC_SECRET, digits=7), account="a"),)},
            "entries must be TOTP or HOTP with 6 or 8 digits",
        ),
        (
            {"entries": (KeyURI(TOTP(RFC_SECRET, period=60), account="a"),)},
            "entries must have a period of 30 seconds",
        ),
        ({"batch_size": 0}, f"batch_size must be an int from 1 to {2**31 - 1}, not 0"),
        ({"batch_size": 2**31}, f"batch_size must be an int from 1 to {2**31 - 1}, not {2**31}"),
        ({"batch_index": 1}, "batch_index must be an int from 0 to 0, not 1"),
        ({"batch_index": -1}, "batch_index must be an int from 0 to 0, not -1"),
        ({"batch_id": 2**31}, f"batch_id must be an int from {-(2**31)} to {2**31 - 1}, not {2**31}"),
        ({"batch_id": "1"}, f"batch_id must be an int from {-(2**31)} to {2**31 - 1}, not str"),
    ],
)
def test_bad_arguments(arguments: dict[str, object], message: str) -> None:
    """What the format cannot describe is rejected at construction, and the message says what it can."""
    with pytest.raises(InvalidParameterError) as caught:
        MigrationPayload(**{"entries": (URI,)} | arguments)  # type: ignore[arg-type]
    assert message == str(caught.value)


def test_value() -> None:
    """The repr hides the secrets, and the QR code contains the text."""
    payload = MigrationPayload((URI,), batch_size=3, batch_index=2, batch_id=-5)
    assert repr(payload) == f"MigrationPayload(entries=({URI!r},), batch_size=3, batch_index=2, batch_id=-5)"
    assert RFC_SECRET.to_base32() not in repr(payload)
    assert str(payload).startswith(PREFIX)
    assert str(payload) == decoded(payload.qr().png())
