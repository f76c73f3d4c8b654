"""The syntax of otpauth URIs."""

from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import example, given, strategies as st

from tests.support.strategies import accounts, anything, key_uris, mutations, names
from totpkit import InvalidParameterError, InvalidURIError
from totpkit._otp.uri_syntax import KeyText, build, checked_name, read, write

PARAMETERS = {"secret": "JBSWY3DPEHPK3PXP"}
UNRESERVED = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
COLON = "must not contain a colon, which separates issuer and account"
CONTROLS = "must not contain control characters"
# Values that are neither an account nor an issuer, and the end of the message.
BAD_NAMES = [
    *[(name, COLON) for name in ("Acme:alice", ":")],
    *[(name, CONTROLS) for name in ("ali\nce", "alice\0", "ali\x7fce", "ali\x9fce")],
    (" alice", "must not begin with a space, which authenticator apps drop"),
    ("alice\ud800", "must be Unicode text without lone surrogates"),
    (None, "must be a str, not NoneType"),
    (b"alice", "must be a str, not bytes"),
]


@given(accounts, names)
@example("!\"#$%&'()*+,-./;<=>?@[]^_`{|}~ é", "+ /?#&=%@ ü")
def test_built(account: str, issuer: str) -> None:
    """The standard library and we read both names back, and reserved characters are quoted."""
    text = build("totp", account=account, issuer=issuer, parameters=PARAMETERS | {"digits": "8"})
    parts = urlsplit(text)
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    label = [unquote(part) for part in parts.path.removeprefix("/").split(":")]
    assert label == ([issuer, account] if issuer else [account])
    named = [("issuer", issuer)] if issuer else []
    assert parse_qsl(parts.query) == [("secret", "JBSWY3DPEHPK3PXP"), *named, ("digits", "8")]
    assert set(parts.path.removeprefix("/")) <= UNRESERVED | set("%:")
    assert parts.path.count(":") == bool(issuer)
    assert set(parts.query) <= UNRESERVED | set("=&%")
    parameters = PARAMETERS | dict(named) | {"digits": "8"}
    assert KeyText("totp", account, issuer, parameters) == read(text)


@pytest.mark.parametrize("name", ["account", "issuer"])
@pytest.mark.parametrize(("value", "problem"), BAD_NAMES)
def test_bad_names(name: str, value: object, problem: str) -> None:
    """A name that some app would show differently is rejected, and the message says why."""
    with pytest.raises(InvalidParameterError) as caught:
        build("totp", **{"account": "alice", "issuer": ""} | {name: value}, parameters=PARAMETERS)  # type: ignore[arg-type]
    assert f"{name} {problem}" == str(caught.value)


def test_no_account() -> None:
    """The account must not be empty."""
    with pytest.raises(InvalidParameterError, match=r"^account must not be empty; the authenticator app "):
        build("totp", account="", issuer="Acme", parameters=PARAMETERS)


@given(anything)
def test_checked_name(text: str) -> None:
    """Any text is returned unchanged or raises the one error."""
    try:
        assert text == checked_name("account", text)
    except InvalidParameterError as error:
        assert error.parameter == "account"  # noqa: PT017 - it may also not raise


def test_longest() -> None:
    """At most 4096 characters are allowed."""
    room = 4096 - len(build("totp", account="a", issuer="", parameters=PARAMETERS)) + 1
    assert len(build("totp", account="a" * room, issuer="", parameters=PARAMETERS)) == 4096
    with pytest.raises(InvalidParameterError, match=r"^uri must have at most 4096 characters, not 4097$"):
        build("totp", account="a" * (room + 1), issuer="", parameters=PARAMETERS)
    assert read("otpauth://totp/" + "a" * 4081).account == "a" * 4081
    with pytest.raises(InvalidURIError, match=r"^a key URI must have at most 4096 characters$"):
        read("otpauth://totp/" + "a" * 4082)


@pytest.mark.parametrize(
    ("label", "query", "issuer", "account"),
    [
        ("alice", "", "", "alice"),
        ("", "", "", ""),
        ("Acme:alice", "", "Acme", "alice"),
        ("Acme%3Aalice", "", "Acme", "alice"),
        ("Acme%3aalice", "", "Acme", "alice"),
        ("Acme:%20alice", "", "Acme", "alice"),
        ("Acme:  alice", "", "Acme", "alice"),
        ("Acme%3A%20alice", "", "Acme", "alice"),
        ("Big%20Corp:alice", "", "Big Corp", "alice"),
        ("Acme:alice", "issuer=Acme", "Acme", "alice"),
        ("Acme:%20alice", "issuer=Acme", "Acme", "alice"),
        ("Old:alice", "issuer=New", "New", "alice"),
        ("alice", "issuer=Acme", "Acme", "alice"),
        ("alice", "issuer=", "", "alice"),
        ("Acme:alice", "issuer=", "Acme", "alice"),
        ("Microsoft:Org:alice", "issuer=Microsoft", "Microsoft", "Org:alice"),
        ("Microsoft:Org:alice", "", "Microsoft", "Org:alice"),
        ("Microsoft%3AOrg:alice", "", "Microsoft:Org", "alice"),
        ("A%3AB:alice", "issuer=A%3AB", "A:B", "alice"),
        ("A:B:alice", "issuer=A%3AB", "A:B", "alice"),
        ("A%3AB%3Aalice", "issuer=A%3AB", "A:B", "alice"),
        ("A:Bobby", "issuer=A%3AB", "A:B", "Bobby"),
        (":alice", "", "", "alice"),
        ("Acme:", "", "Acme", ""),
        ("Acme:alice", "issuer=Big+Corp", "Big Corp", "alice"),
        ("a+b", "", "", "a+b"),
        ("a%2Bb", "", "", "a+b"),
        ("caf%C3%A9:alice", "", "café", "alice"),
        ("café:alice", "", "café", "alice"),
        ("a/b", "", "", "a/b"),
    ],
)
def test_labels(label: str, query: str, issuer: str, account: str) -> None:
    """Labels that services write are split as apps split them, and the issuer parameter wins."""
    parts = read(f"otpauth://totp/{label}?{query}")
    assert (issuer, account) == (parts.issuer, parts.account)


@pytest.mark.parametrize(
    ("text", "kind", "parameters"),
    [
        ("otpauth://totp/a?x=1&y=2", "totp", {"x": "1", "y": "2"}),
        ("OTPAUTH://TOTP/a?x=1", "totp", {"x": "1"}),
        ("otpauth://totp", "totp", {}),
        ("otpauth://", "", {}),
        ("otpauth://totp/a?", "totp", {}),
        ("otpauth://totp/a?&&x=1&", "totp", {"x": "1"}),
        ("otpauth://totp/a?x", "totp", {"x": ""}),
        ("otpauth://totp/a?x=", "totp", {"x": ""}),
        ("otpauth://totp/a?x=1=2", "totp", {"x": "1=2"}),
        ("otpauth://totp/a?x=a+b%2Bc", "totp", {"x": "a b+c"}),
        ("otpauth://totp/a?%78=1", "totp", {"x": "1"}),
        ("otpauth://totp/a?x=1#y=2", "totp", {"x": "1"}),
        ("otpauth://totp/a?x=1?2", "totp", {"x": "1?2"}),
        ("otpauth://totp/a?X=1&x=2", "totp", {"X": "1", "x": "2"}),
    ],
)
def test_parts(text: str, kind: str, parameters: dict[str, str]) -> None:
    """A key URI is split as in RFC 3986, and a plus in the query is a space."""
    parts = read(text)
    assert (kind, parameters) == (parts.kind, parts.parameters)


@pytest.mark.parametrize(
    ("message", "texts"),
    [
        (
            "a key URI must begin with otpauth://",
            [
                "",
                "https://example.com/",
                "otpauth:totp/a",
                " otpauth://totp/a",
                "otpauth-migration://offline?",
            ],
        ),
        ("a key URI must not repeat a parameter", ["otpauth://a/b?x=1&x=1", "otpauth://a/b?x=1&%78=2"]),
        (
            "a key URI must not contain control characters",
            [f"otpauth://totp/{rest}" for rest in ("a?x=1\n", "a%00?x=1", "a?x=%0A", "a?%7F=1", "a%C2%85")],
        ),
        (
            "a key URI must contain UTF-8 text in its percent-encoding",
            [f"otpauth://totp/{rest}" for rest in ("a%FF", "a?x=%C3", "a?%ED%A0%80=1", "a\ud800")],
        ),
        ("a key URI must be a str, not NoneType", [None]),
        ("a key URI must be a str, not bytes", [b"otpauth://totp/a"]),
    ],
)
def test_rejected(message: str, texts: list[object]) -> None:
    """A text that is not a key URI is rejected, and the message says what one looks like."""
    for text in texts:
        with pytest.raises(InvalidURIError) as caught:
            read(text)
        assert message == str(caught.value)


@pytest.mark.proves("T32")
@given(anything | anything.map("otpauth://".__add__) | mutations(key_uris.map(str)))
def test_any_text(text: str) -> None:
    """Any text is split or raises the one error, and its parts can be written and read again."""
    try:
        parts = read(text)
    except InvalidURIError:
        return
    if "secret" in parts.parameters:
        written = write(parts.kind, account=parts.account, issuer=parts.issuer, parameters=parts.parameters)
        assert (parts.account, parts.issuer) == (read(written).account, read(written).issuer)


@given(st.sampled_from(["totp", "hotp", "steam"]), accounts, names)
def test_secret_first(kind: str, account: str, issuer: str) -> None:
    """The secret comes first, so that a reader that truncates long URIs keeps it."""
    text = build(kind, account=account, issuer=issuer, parameters={"digits": "8", "secret": "AA"})
    assert text.partition("?")[2].startswith("secret=AA&")
