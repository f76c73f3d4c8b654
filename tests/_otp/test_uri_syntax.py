"""The grammar of otpauth texts."""

from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import example, given, strategies as st

from tests.support.strategies import accounts, anything, key_uris, mutations, names
from totpkit import InvalidParameterError, InvalidURIError
from totpkit._otp.uri_syntax import KeyText, build, checked_name, read, write

PARAMETERS = {"secret": "JBSWY3DPEHPK3PXP"}
UNRESERVED = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
# What is no name whatever it stands for, and the message's end.
BAD_NAMES = [
    ("Acme:alice", "must not hold a colon: it separates issuer from account"),
    (":", "must not hold a colon: it separates issuer from account"),
    (" alice", "must not begin with a space: phones drop it"),
    ("ali\nce", "must not hold control characters"),
    ("alice\0", "must not hold control characters"),
    ("ali\x7fce", "must not hold control characters"),
    ("ali\x9fce", "must not hold control characters"),
    ("alice\ud800", "must be Unicode text without lone surrogates"),
    (None, "must be a str, not NoneType"),
    (b"alice", "must be a str, not bytes"),
]


@given(accounts, names)
@example("!\"#$%&'()*+,-./;<=>?@[]^_`{|}~ é", "+ /?#&=%@ ü")
def test_built(account: str, issuer: str) -> None:
    """The standard library reads both names back; all but RFC 3986's unreserved characters is quoted."""
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


@given(accounts, names)
def test_read_back(account: str, issuer: str) -> None:
    """What is built reads back as it was."""
    text = build("totp", account=account, issuer=issuer, parameters=PARAMETERS)
    named = {"issuer": issuer} if issuer else {}
    assert KeyText("totp", account, issuer, PARAMETERS | named) == read(text)


@pytest.mark.parametrize("name", ["account", "issuer"])
@pytest.mark.parametrize(("value", "problem"), BAD_NAMES)
def test_bad_names(name: str, value: object, problem: str) -> None:
    """A name that some phone would show otherwise is refused with what is wrong with it."""
    with pytest.raises(InvalidParameterError) as caught:
        build("totp", **{"account": "alice", "issuer": ""} | {name: value}, parameters=PARAMETERS)  # type: ignore[arg-type]
    assert f"{name} {problem}" == str(caught.value)


def test_no_account() -> None:
    """A phone needs an account to show."""
    with pytest.raises(
        InvalidParameterError, match=r"^account must not be empty: the phone shows nothing else$"
    ):
        build("totp", account="", issuer="Acme", parameters=PARAMETERS)


@given(anything)
def test_checked_name(text: str) -> None:
    """Any text is a name as it is, or refused by the one error."""
    try:
        assert text == checked_name("account", text)
    except InvalidParameterError as error:
        assert error.parameter == "account"  # noqa: PT017 - raising is right too


def test_longest() -> None:
    """4096 characters are allowed, and not one more."""
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
    """Labels as real services write them are split as phones split them; the issuer parameter wins."""
    found = read(f"otpauth://totp/{label}?{query}")
    assert (issuer, account) == (found.issuer, found.account)


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
    """A key URI is taken apart as RFC 3986 has it, in the query a plus is a space."""
    found = read(text)
    assert (kind, parameters) == (found.kind, found.parameters)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a key URI must begin with otpauth://"),
        ("https://example.com/", "a key URI must begin with otpauth://"),
        ("otpauth:totp/a", "a key URI must begin with otpauth://"),
        (" otpauth://totp/a", "a key URI must begin with otpauth://"),
        ("otpauth-migration://offline?data=x", "a key URI must begin with otpauth://"),
        ("otpauth://totp/a?x=1&x=1", "a key URI must not repeat a parameter"),
        ("otpauth://totp/a?x=1&%78=2", "a key URI must not repeat a parameter"),
        ("otpauth://totp/a?x=1\n", "a key URI must not hold control characters"),
        ("otpauth://totp/a%00?x=1", "a key URI must not hold control characters"),
        ("otpauth://totp/a?x=%0A", "a key URI must not hold control characters"),
        ("otpauth://totp/a?%7F=1", "a key URI must not hold control characters"),
        ("otpauth://totp/a%C2%85", "a key URI must not hold control characters"),
        ("otpauth://totp/a%FF", "a key URI must be UTF-8 text under its percent-encoding"),
        ("otpauth://totp/a?x=%C3", "a key URI must be UTF-8 text under its percent-encoding"),
        ("otpauth://totp/a?%ED%A0%80=1", "a key URI must be UTF-8 text under its percent-encoding"),
        ("otpauth://totp/a\ud800", "a key URI must be UTF-8 text under its percent-encoding"),
        (None, "a key URI must be a str, not NoneType"),
        (b"otpauth://totp/a", "a key URI must be a str, not bytes"),
    ],
)
def test_refused(text: object, message: str) -> None:
    """What is no key URI is refused with what would be right."""
    with pytest.raises(InvalidURIError) as caught:
        read(text)
    assert message == str(caught.value)


@pytest.mark.proves("T32")
@given(anything | anything.map("otpauth://".__add__) | mutations(key_uris.map(str)))
def test_any_text(text: str) -> None:
    """Any text is taken apart or refused by the one error, and its parts written again read the same."""
    try:
        found = read(text)
    except InvalidURIError:
        return
    if "secret" in found.parameters:
        again = read(
            write(found.kind, account=found.account, issuer=found.issuer, parameters=found.parameters)
        )
        assert (found.account, found.issuer) == (again.account, again.issuer)


@given(st.sampled_from(["totp", "hotp", "steam"]), accounts, names)
def test_secret_first(kind: str, account: str, issuer: str) -> None:
    """The secret stands first, so that a reader that cuts long texts keeps it."""
    text = build(kind, account=account, issuer=issuer, parameters={"digits": "8", "secret": "AA"})
    assert text.partition("?")[2].startswith("secret=AA&")
