"""Describe a key URI and warn about likely problems, without showing the secret."""

from collections.abc import Iterator
from urllib.parse import unquote

from totpkit._cli.credential import MIGRATION
from totpkit._cli.output import printable
from totpkit._otp import uri_syntax
from totpkit._otp.hotp import HOTP
from totpkit._otp.key_uri import KeyURI
from totpkit._otp.secret import STRONG_BYTES, Secret
from totpkit._otp.steam import Steam
from totpkit._otp.totp import PERIOD, TOTP
from totpkit._otp.truncation import DIGITS, Algorithm
from totpkit.migration import MigrationPayload


def inspection(text: str) -> Iterator[str]:
    """Yield a description of a key URI, a migration payload or a base32 secret, line by line.

    The exception for invalid text depends on the format that the text appears to have.
    """
    if text.startswith(MIGRATION):
        yield from _of_payload(MigrationPayload.parse(text))
    elif ":" in text:
        uri = KeyURI.parse(text)
        yield from _fields(uri)
        yield from _warnings(uri)
        yield from _label_warning(text, uri)
    else:
        secret = Secret.from_base32(text)
        yield _field("secret", f"{8 * len(secret)} bits")
        yield from _secret_warning(secret)


def _of_payload(payload: MigrationPayload) -> Iterator[str]:
    yield _field("type", "migration payload")
    yield _field("part", f"{payload.batch_index + 1} of {payload.batch_size}")
    yield _field("accounts", str(len(payload.entries)))
    for uri in payload.entries:
        yield ""
        yield from _fields(uri)
        yield from _warnings(uri)


def _fields(uri: KeyURI) -> Iterator[str]:
    otp = uri.otp
    yield _field("type", otp.kind)
    yield _field("issuer", printable(uri.issuer) or "(none)")
    yield _field("account", printable(uri.account) or "(none)")
    yield _field("secret", f"{8 * len(otp.secret)} bits")
    if isinstance(otp, TOTP | HOTP):
        yield _field("algorithm", otp.algorithm)
        yield _field("digits", str(otp.digits))
    yield (
        _field("counter", str(uri.counter)) if isinstance(otp, HOTP) else _field("period", f"{otp.period} s")
    )


def _field(name: str, value: str) -> str:
    return f"{name:<9}  {value}"


def _warnings(uri: KeyURI) -> Iterator[str]:
    otp = uri.otp
    yield from _secret_warning(otp.secret)
    if isinstance(otp, Steam):
        yield _warning("few authenticator apps support Steam Guard codes")
    else:
        if otp.algorithm is not Algorithm.SHA1:
            yield _warning("many authenticator apps ignore the algorithm and use SHA1")
        if otp.digits != DIGITS[0]:
            yield _warning(f"many authenticator apps ignore the digits and show {DIGITS[0]}")
    if isinstance(otp, TOTP) and otp.period != PERIOD:
        yield _warning(f"many authenticator apps ignore the period and use {PERIOD} s")
    if not uri.issuer:
        yield _warning("no issuer: the phone cannot show which service the code is for")


def _secret_warning(secret: Secret) -> Iterator[str]:
    if secret.weak:
        yield _warning(f"the secret is weak: RFC 4226, section 4, R6 requires {8 * STRONG_BYTES} bits")


def _label_warning(text: str, uri: KeyURI) -> Iterator[str]:
    """Warn if the label and the issuer parameter contain different issuers."""
    head, _, query = text.partition("?")
    others = [pair for pair in query.split("&") if unquote(pair.partition("=")[0]) != "issuer"]
    label = uri_syntax.read(f"{head}?{'&'.join(others)}")
    # Without the issuer parameter, a label with several colons is split at the first one. A different
    # account shows that this happened, and then the issuer of the label says nothing.
    if label.issuer and label.issuer != uri.issuer and label.account == uri.account:
        yield _warning(f"the label contains a different issuer: {printable(label.issuer)}")


def _warning(problem: str) -> str:
    return f"warning: {problem}"
