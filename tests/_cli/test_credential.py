"""The credential that a command works on."""

import pytest
from hypothesis import given, settings

from tests.support.strategies import RFC_SECRET, key_uris
from tests.support.terminal import Played, play
from totpkit import HOTP, TOTP, Algorithm, KeyURI, Secret, Steam
from totpkit.migration import MigrationPayload

TEXT = RFC_SECRET.to_base32()
URI = f"otpauth://totp/Acme:alice?secret={TEXT}&issuer=Acme&digits=8"
COUNTED = f"otpauth://hotp/Acme:alice?secret={TEXT}&issuer=Acme&counter=5"
BESIDE_URI = "cannot stand beside a key URI, which says it"
NOT_CLOCK = "has no meaning for codes that change with a counter"
NOT_COUNTER = "has no meaning for codes that change with the clock"
NOT_STEAM = "is the same for all of Steam's codes"


def made(text: str, *options: str) -> KeyURI:
    """Return the key URI that the command prints."""
    played = play("uri", *options, stdin=text)
    assert (played.status, played.err) == (0, "")
    return KeyURI.parse(played.out.removesuffix("\n"))


def refused(command: str, text: str, *options: str) -> str:
    """Return the one line of an error."""
    played = play(command, *options, stdin=text)
    assert (played.status, played.out) == (2, "")
    return played.err.removeprefix("totpkit: ").removesuffix("\n")


@pytest.mark.parametrize(
    ("options", "otp"),
    [
        ([], TOTP(RFC_SECRET)),
        (["--digits", "8"], TOTP(RFC_SECRET, 8)),
        (["--algorithm", "SHA256"], TOTP(RFC_SECRET, 6, Algorithm.SHA256)),
        (["--algorithm", "sha512"], TOTP(RFC_SECRET, 6, Algorithm.SHA512)),
        (["--period", "60"], TOTP(RFC_SECRET, 6, Algorithm.SHA1, 60)),
        (["--hotp", "--digits", "7"], HOTP(RFC_SECRET, 7)),
        (["--steam"], Steam(RFC_SECRET)),
    ],
)
def test_options(options: list[str], otp: TOTP | HOTP | Steam) -> None:
    """Options complete a secret in base32."""
    assert made(TEXT, "--account", "alice", *options).otp == otp


def test_names() -> None:
    """Account and issuer go into the key URI, and the issuer may be left out."""
    assert made(TEXT, "--account", "alice") == KeyURI(TOTP(RFC_SECRET), account="alice")
    acme = KeyURI(TOTP(RFC_SECRET), account="al ice", issuer="Ac me")
    assert made(TEXT, "--account", "al ice", "--issuer", "Ac me") == acme


def test_account_needed() -> None:
    """Without an account there is no key URI of a bare secret."""
    expected = "--account is needed with a secret in base32: the phone shows it"
    assert refused("uri", TEXT, "--issuer", "Acme") == expected


def test_counter() -> None:
    """A counter starts where the option says, else at 0."""
    assert made(TEXT, "--account", "alice", "--hotp").counter == 0
    assert made(TEXT, "--account", "alice", "--hotp", "--counter", "9").counter == 9


@settings(max_examples=50)
@given(key_uris)
def test_uri_stays(uri: KeyURI) -> None:
    """A key URI that nothing is changed of comes out as it went in."""
    assert made(str(uri)) == uri


def test_uri_of_others_stays() -> None:
    """So does one with names that only others may write."""
    text = f"otpauth://totp/Microsoft:Org:user?secret={TEXT}&issuer=Microsoft"
    assert made(text).account == "Org:user"


def test_uri_renamed() -> None:
    """Names and a counter go before those that a key URI had; the rest stays."""
    acme = KeyURI.parse(URI)
    assert made(URI, "--account", "bob") == KeyURI(acme.otp, account="bob", issuer="Acme")
    assert made(URI, "--issuer", "Other") == KeyURI(acme.otp, account="alice", issuer="Other")
    assert made(URI, "--issuer", "") == KeyURI(acme.otp, account="alice")
    counted = KeyURI(HOTP(RFC_SECRET), account="alice", issuer="Acme", counter=0)
    assert made(COUNTED, "--counter", "0") == counted
    assert made(COUNTED, "--account", "alice").counter == 5


def test_uri_counts() -> None:
    """The parameters of a key URI count for codes too."""
    assert play("code", "--at", "59", stdin=URI) == Played(0, "94287082  1 s left\n", "")


@pytest.mark.parametrize(
    ("command", "text", "options", "problem"),
    [
        ("code", URI, ["--digits", "8"], f"--digits {BESIDE_URI}"),
        ("code", URI, ["--algorithm", "SHA1"], f"--algorithm {BESIDE_URI}"),
        ("code", URI, ["--period", "30"], f"--period {BESIDE_URI}"),
        ("verify", URI, ["--hotp"], f"--hotp {BESIDE_URI}"),
        ("uri", URI, ["--steam"], f"--steam {BESIDE_URI}"),
        ("code", TEXT, ["--hotp", "--period", "30"], f"--period {NOT_CLOCK}"),
        ("code", TEXT, ["--hotp", "--at", "0"], f"--at {NOT_CLOCK}"),
        ("code", TEXT, ["--hotp", "--watch"], f"--watch {NOT_CLOCK}"),
        ("code", COUNTED, ["--watch"], f"--watch {NOT_CLOCK}"),
        ("verify", COUNTED, ["--at", "59"], f"--at {NOT_CLOCK}"),
        ("code", TEXT, ["--counter", "0"], f"--counter {NOT_COUNTER}"),
        ("uri", URI, ["--counter", "5"], f"--counter {NOT_COUNTER}"),
        ("qr", TEXT, ["--steam", "--counter", "5"], f"--counter {NOT_COUNTER}"),
        ("code", TEXT, ["--steam", "--digits", "6"], f"--digits {NOT_STEAM}"),
        ("code", TEXT, ["--steam", "--algorithm", "SHA1"], f"--algorithm {NOT_STEAM}"),
        ("code", TEXT, ["--steam", "--period", "30"], f"--period {NOT_STEAM}"),
    ],
)
def test_no_effect(command: str, text: str, options: list[str], problem: str) -> None:
    """An option that would have no effect is an error, also at its default value."""
    assert refused(command, text, *options) == problem


@pytest.mark.parametrize("text", ["otpauth://totp/a", "https://example.com", f"otpauth:{TEXT}"])
def test_no_uri(text: str) -> None:
    """What has a colon is held for a key URI."""
    assert "key URI" in refused("code", text)


@pytest.mark.parametrize("command", ["code", "verify", "uri", "qr"])
def test_export(command: str) -> None:
    """An export of Google Authenticator is called what it is, with the command that reads it."""
    expected = "this is an export of Google Authenticator, of one or many accounts; totpkit inspect reads it"
    export = str(MigrationPayload((KeyURI(TOTP(RFC_SECRET), account="alice"),)))
    assert refused(command, export) == refused(command, export, "--digits", "8") == expected
    assert play("inspect", stdin=export).status == 0


def test_spelled() -> None:
    """A secret is read as people type it."""
    spelled = Secret.from_base32(TEXT).grouped().lower()
    assert play("code", "--at", "59", stdin=spelled) == Played(0, "287082  1 s left\n", "")
