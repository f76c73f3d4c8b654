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
WITH_URI = "cannot be used with a key URI, which sets it already"
NOT_CLOCK = "does not apply to counter-based codes"
NOT_COUNTER = "does not apply to time-based codes"
NOT_STEAM = "cannot be changed for Steam Guard codes"


def printed(text: str, *options: str) -> KeyURI:
    """Return the key URI that the command prints."""
    played = play("uri", *options, stdin=text)
    assert (played.status, played.err) == (0, "")
    return KeyURI.parse(played.out.removesuffix("\n"))


def error(command: str, text: str, *options: str) -> str:
    """Return the error that the command prints."""
    played = play(command, *options, stdin=text)
    assert (played.status, played.out) == (2, "")
    return played.err.removeprefix("totpkit: ").removesuffix("\n")


@pytest.mark.parametrize(
    ("options", "uri"),
    [
        ([], KeyURI(TOTP(RFC_SECRET), account="al ice")),
        (["--issuer", "Ac me"], KeyURI(TOTP(RFC_SECRET), account="al ice", issuer="Ac me")),
        (["--digits", "8"], KeyURI(TOTP(RFC_SECRET, digits=8), account="al ice")),
        (["--algorithm", "SHA256"], KeyURI(TOTP(RFC_SECRET, algorithm=Algorithm.SHA256), account="al ice")),
        (["--algorithm", "sha512"], KeyURI(TOTP(RFC_SECRET, algorithm=Algorithm.SHA512), account="al ice")),
        (["--period", "60"], KeyURI(TOTP(RFC_SECRET, period=60), account="al ice")),
        (["--hotp", "--digits", "7"], KeyURI(HOTP(RFC_SECRET, digits=7), account="al ice", counter=0)),
        (["--hotp", "--counter", "9"], KeyURI(HOTP(RFC_SECRET), account="al ice", counter=9)),
        (["--steam"], KeyURI(Steam(RFC_SECRET), account="al ice")),
    ],
)
def test_options(options: list[str], uri: KeyURI) -> None:
    """Options complete a base32 secret. The issuer is optional, and the counter is 0 by default."""
    assert printed(TEXT, "--account", "al ice", *options) == uri


def test_account_required() -> None:
    """A base32 secret has no key URI without an account."""
    expected = "--account is required with a base32 secret; the phone shows this name"
    assert error("uri", TEXT, "--issuer", "Acme") == expected


@settings(max_examples=50)
@given(key_uris)
def test_uri_unchanged(uri: KeyURI) -> None:
    """Without options a key URI is printed unchanged."""
    assert printed(str(uri)) == uri


def test_foreign_uri_unchanged() -> None:
    """A key URI with names that only other programs write is printed unchanged too."""
    text = f"otpauth://totp/Microsoft:Org:user?secret={TEXT}&issuer=Microsoft"
    assert printed(text).account == "Org:user"


def test_uri_renamed() -> None:
    """Names and a counter replace those of a key URI, and the rest is unchanged."""
    acme = KeyURI.parse(URI)
    assert printed(URI, "--account", "bob") == KeyURI(acme.otp, account="bob", issuer="Acme")
    assert printed(URI, "--issuer", "Other") == KeyURI(acme.otp, account="alice", issuer="Other")
    assert printed(URI, "--issuer", "") == KeyURI(acme.otp, account="alice")
    counted = KeyURI(HOTP(RFC_SECRET), account="alice", issuer="Acme", counter=0)
    assert printed(COUNTED, "--counter", "0") == counted
    assert printed(COUNTED, "--account", "alice").counter == 5


@pytest.mark.parametrize(
    ("text", "out"),
    [
        (URI, "94287082  1 s left\n"),
        (Secret.from_base32(TEXT).grouped().lower(), "287082  1 s left\n"),
    ],
)
def test_code(text: str, out: str) -> None:
    """Codes use the parameters of a key URI. A secret may be written as people type it."""
    assert play("code", "--at", "59", stdin=text) == Played(0, out, "")


@pytest.mark.parametrize(
    ("command", "text", "options", "problem"),
    [
        ("code", URI, ["--digits", "8"], f"--digits {WITH_URI}"),
        ("code", URI, ["--algorithm", "SHA1"], f"--algorithm {WITH_URI}"),
        ("code", URI, ["--period", "30"], f"--period {WITH_URI}"),
        ("verify", URI, ["--hotp"], f"--hotp {WITH_URI}"),
        ("uri", URI, ["--steam"], f"--steam {WITH_URI}"),
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
    """An option that would have no effect is an error, even with its default value."""
    assert error(command, text, *options) == problem


@pytest.mark.parametrize("text", ["otpauth://totp/a", "https://example.com", f"otpauth:{TEXT}"])
def test_no_uri(text: str) -> None:
    """A text with a colon is read as a key URI."""
    assert "key URI" in error("code", text)


@pytest.mark.parametrize("command", ["code", "verify", "uri", "qr"])
def test_export(command: str) -> None:
    """A Google Authenticator export is an error that names the command that can read it."""
    expected = (
        "this is a Google Authenticator export, which may contain several accounts; "
        "use totpkit inspect to read it"
    )
    export = str(MigrationPayload((KeyURI(TOTP(RFC_SECRET), account="alice"),)))
    assert error(command, export) == error(command, export, "--digits", "8") == expected
    assert play("inspect", stdin=export).status == 0
