"""The description of a key URI, and the warnings about it."""

import pytest
from hypothesis import assume, given, settings

from tests.support.strategies import hotps, key_uris, steams, uri_totps
from tests.support.terminal import play
from totpkit import HOTP, TOTP, Algorithm, KeyURI, Secret, Steam
from totpkit.migration import MigrationPayload

STRONG = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
ALGORITHM = "many authenticator apps ignore the algorithm and use SHA1"
DIGITS = "many authenticator apps ignore the digits and show 6"
PERIOD = "many authenticator apps ignore the period and use 30 s"
NO_ISSUER = "no issuer: the phone cannot show which service the code is for"
WEAK = "the secret is weak: RFC 4226, section 4, R6 requires 128 bits"


def inspect(text: str) -> list[str]:
    """Return the lines that describe *text*, passed on standard input."""
    played = play("inspect", stdin=text)
    assert (played.status, played.err) == (0, "")
    return played.out.splitlines()


def warnings(text: str) -> list[str]:
    """Return the warnings about *text*."""
    return [line.removeprefix("warning: ") for line in inspect(text) if line.startswith("warning: ")]


@pytest.mark.parametrize(
    ("kind", "more", "last"), [("totp", "", "period     30 s"), ("hotp", "&counter=7", "counter    7")]
)
def test_fields(kind: str, more: str, last: str) -> None:
    """A good key URI is described by its fields, without a warning."""
    assert inspect(f"otpauth://{kind}/Acme:alice%40example.com?secret={STRONG}&issuer=Acme{more}") == [
        f"type       {kind}",
        "issuer     Acme",
        "account    alice@example.com",
        "secret     160 bits",
        "algorithm  SHA1",
        "digits     6",
        last,
    ]


def test_steam() -> None:
    """Both ways to write a Steam key URI are recognized."""
    expected = [
        "type       steam",
        "issuer     Steam",
        "account    alice",
        "secret     160 bits",
        "period     30 s",
        "warning: few authenticator apps support Steam Guard codes",
    ]
    assert inspect(f"otpauth://steam/Steam:alice?secret={STRONG}&issuer=Steam") == expected
    assert inspect(f"otpauth://totp/Steam:alice?secret={STRONG}&issuer=Steam&encoder=steam") == expected


def test_payload() -> None:
    """A migration payload is described by its part of the export and its accounts."""
    strong = Secret.from_base32(STRONG)
    entries = (
        KeyURI(TOTP(strong), account="alice", issuer="Acme"),
        KeyURI(
            HOTP(Secret.from_bytes(b"short"), digits=8, algorithm=Algorithm.SHA256), account="bob", counter=3
        ),
    )
    assert inspect(str(MigrationPayload(entries, batch_size=2, batch_index=1))) == [
        "type       migration payload",
        "part       2 of 2",
        "accounts   2",
        "",
        "type       totp",
        "issuer     Acme",
        "account    alice",
        "secret     160 bits",
        "algorithm  SHA1",
        "digits     6",
        "period     30 s",
        "",
        "type       hotp",
        "issuer     (none)",
        "account    bob",
        "secret     40 bits",
        "algorithm  SHA256",
        "digits     8",
        "counter    3",
        f"warning: {WEAK}",
        f"warning: {ALGORITHM}",
        f"warning: {DIGITS}",
        f"warning: {NO_ISSUER}",
    ]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ("issuer=Acme", []),
        ("issuer=Acme&algorithm=SHA1&digits=6&period=30", []),
        ("issuer=Acme&algorithm=sha512", [ALGORITHM]),
        ("issuer=Acme&digits=7", [DIGITS]),
        ("issuer=Acme&period=60", [PERIOD]),
        ("", [NO_ISSUER]),
    ],
)
def test_warnings(parameters: str, expected: list[str]) -> None:
    """Each parameter that apps ignore has a warning, and the others have none."""
    assert warnings(f"otpauth://totp/alice?secret={STRONG}&{parameters}") == expected


@pytest.mark.parametrize(("nbytes", "expected"), [(15, [WEAK]), (16, [])])
def test_weak(nbytes: int, expected: list[str]) -> None:
    """A base32 secret is described by its length, and has a warning if that is below 128 bits."""
    text = Secret.from_bytes(bytes(nbytes)).to_base32()
    assert inspect(text) == [f"secret     {8 * nbytes} bits", *(f"warning: {each}" for each in expected)]


@pytest.mark.parametrize(
    ("label", "issuer", "expected"),
    [
        ("Acme:alice", "Acme", []),
        ("Acme%3Aalice", "Acme", []),
        ("Acme:%20alice", "Acme", []),
        ("alice", "Acme", []),
        ("Acme:alice", "Other", ["the label contains a different issuer: Acme"]),
        ("acme:alice", "Acme", ["the label contains a different issuer: acme"]),
        ("Ac%20me:alice", "Ac+me", []),
        ("A:B:alice", "A:B", []),
        ("A%E2%80%AE:alice", "Acme", [r"the label contains a different issuer: A\u202e"]),
    ],
)
@pytest.mark.parametrize("order", ["secret={0}&issuer={1}", "%69ssuer={1}&secret={0}"])
def test_label(label: str, issuer: str, expected: list[str], order: str) -> None:
    """A label with a different issuer than the parameter has a warning, if it is certain."""
    assert warnings(f"otpauth://totp/{label}?{order.format(STRONG, issuer)}") == expected


@settings(max_examples=50)
@given(key_uris)
def test_own_label(uri: KeyURI) -> None:
    """No key URI that the library builds has that warning."""
    assert not [warning for warning in warnings(str(uri)) if "different" in warning]


@pytest.mark.proves("T22")
@settings(max_examples=50)
@given(uri_totps | hotps | steams)
def test_no_secret(otp: TOTP | HOTP | Steam) -> None:
    """The secret is never shown."""
    assume(len(otp.secret) >= 5)  # a shorter one could be there by chance
    shown = "\n".join(inspect(str(KeyURI(otp, account="alice", issuer="Acme"))))
    assert otp.secret.to_base32() not in shown
    assert otp.secret.grouped() not in shown
    assert otp.secret.to_bytes().hex() not in shown
