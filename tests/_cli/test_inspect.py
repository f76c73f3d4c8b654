"""What a key URI says, and what is doubtful about it."""

import pytest
from hypothesis import assume, given, settings

from tests.support.strategies import hotps, key_uris, steams, uri_totps
from tests.support.terminal import play
from totpkit import HOTP, TOTP, Algorithm, KeyURI, Secret, Steam
from totpkit.migration import MigrationPayload

STRONG = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


def inspect(text: str) -> list[str]:
    """Return the lines on *text*, given on standard input."""
    played = play("inspect", stdin=text)
    assert (played.status, played.err) == (0, "")
    return played.out.splitlines()


def warnings(text: str) -> list[str]:
    """Return the warnings about *text*."""
    return [line.removeprefix("warning: ") for line in inspect(text) if line.startswith("warning: ")]


def test_totp() -> None:
    """A sound key URI gives its fields and no warning."""
    assert inspect(f"otpauth://totp/Acme:alice%40example.com?secret={STRONG}&issuer=Acme") == [
        "type       totp",
        "issuer     Acme",
        "account    alice@example.com",
        "secret     160 bits",
        "algorithm  SHA1",
        "digits     6",
        "period     30 s",
    ]


def test_hotp() -> None:
    """A counter stands in place of a period."""
    assert inspect(f"otpauth://hotp/Acme:alice?secret={STRONG}&issuer=Acme&counter=7") == [
        "type       hotp",
        "issuer     Acme",
        "account    alice",
        "secret     160 bits",
        "algorithm  SHA1",
        "digits     6",
        "counter    7",
    ]


def test_steam() -> None:
    """Steam's codes are told from others, in either of the two ways to write them."""
    expected = [
        "type       steam",
        "issuer     Steam",
        "account    alice",
        "secret     160 bits",
        "period     30 s",
        "warning: few phone apps know Steam's codes",
    ]
    assert inspect(f"otpauth://steam/Steam:alice?secret={STRONG}&issuer=Steam") == expected
    assert inspect(f"otpauth://totp/Steam:alice?secret={STRONG}&issuer=Steam&encoder=steam") == expected


def test_bare_secret() -> None:
    """A secret in base32 has only a length, and perhaps a weakness."""
    assert inspect(STRONG) == ["secret     160 bits"]
    assert inspect("JBSW Y3DP EHPK 3PXP") == [
        "secret     80 bits",
        "warning: the secret is weak: RFC 4226, section 4, R6 requires 128 bits",
    ]


def test_payload() -> None:
    """A migration payload gives its part of the export and the accounts in it."""
    strong = Secret.from_base32(STRONG)
    entries = (
        KeyURI(TOTP(strong), account="alice", issuer="Acme"),
        KeyURI(HOTP(Secret.from_bytes(b"short"), 8, Algorithm.SHA256), account="bob", counter=3),
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
        "warning: the secret is weak: RFC 4226, section 4, R6 requires 128 bits",
        "warning: many phone apps ignore the algorithm and use SHA1",
        "warning: many phone apps ignore the digits and show 6",
        "warning: no issuer: the phone cannot say whose code it is",
    ]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ("issuer=Acme", []),
        ("issuer=Acme&algorithm=SHA1&digits=6&period=30", []),
        ("issuer=Acme&algorithm=sha512", ["many phone apps ignore the algorithm and use SHA1"]),
        ("issuer=Acme&digits=7", ["many phone apps ignore the digits and show 6"]),
        ("issuer=Acme&period=60", ["many phone apps ignore the period and use 30 s"]),
        ("", ["no issuer: the phone cannot say whose code it is"]),
    ],
)
def test_warnings(parameters: str, expected: list[str]) -> None:
    """Each parameter that phones ignore gets its warning, and the others none."""
    assert warnings(f"otpauth://totp/alice?secret={STRONG}&{parameters}") == expected


@pytest.mark.parametrize(("nbytes", "weak"), [(15, True), (16, False)])
def test_weak(nbytes: int, weak: bool) -> None:  # noqa: FBT001 - a column of the table
    """A secret of fewer than 128 bits is called weak."""
    assert bool(warnings(Secret.from_bytes(bytes(nbytes)).to_base32())) == weak


@pytest.mark.parametrize(
    ("label", "issuer", "expected"),
    [
        ("Acme:alice", "Acme", []),
        ("Acme%3Aalice", "Acme", []),
        ("Acme:%20alice", "Acme", []),
        ("alice", "Acme", []),
        ("Acme:alice", "Other", ["the label names another issuer: Acme"]),
        ("acme:alice", "Acme", ["the label names another issuer: acme"]),
        ("Ac%20me:alice", "Ac+me", []),
        ("A:B:alice", "A:B", []),
        ("A%E2%80%AE:alice", "Acme", [r"the label names another issuer: A\u202e"]),
    ],
)
@pytest.mark.parametrize("order", ["secret={0}&issuer={1}", "%69ssuer={1}&secret={0}"])
def test_label(label: str, issuer: str, expected: list[str], order: str) -> None:
    """A label that names another issuer than the parameter is told, where it is plain."""
    assert warnings(f"otpauth://totp/{label}?{order.format(STRONG, issuer)}") == expected


@settings(max_examples=50)
@given(key_uris)
def test_own_label(uri: KeyURI) -> None:
    """No key URI of ours is said to name two issuers."""
    assert not [warning for warning in warnings(str(uri)) if "another" in warning]


@pytest.mark.proves("T22")
@settings(max_examples=50)
@given(uri_totps | hotps | steams)
def test_no_secret(otp: TOTP | HOTP | Steam) -> None:
    """No secret is shown, whatever codes are inspected."""
    assume(len(otp.secret) >= 5)  # a shorter one could stand there by chance
    shown = "\n".join(inspect(str(KeyURI(otp, account="alice", issuer="Acme"))))
    assert otp.secret.to_base32() not in shown
    assert otp.secret.grouped() not in shown
    assert otp.secret.to_bytes().hex() not in shown
