"""The grammar of ``otpauth://`` texts. Knows nothing of the codes they describe.

Source: https://github.com/google/google-authenticator/wiki/Key-Uri-Format, with the
quoting of RFC 3986.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

from totpkit._validation import has_controls, is_unicode
from totpkit.errors import InvalidParameterError, InvalidURIError

LONGEST = 4096
"""Characters; no phone could scan more than 2953 bytes (QR version 40-L, ISO/IEC 18004)."""


@dataclass(frozen=True, slots=True)
class KeyText:
    """A key URI taken apart: its type, its label and its parameters, all unquoted."""

    kind: str
    account: str
    issuer: str
    parameters: Mapping[str, str]


def checked_name(name: str, value: object) -> str:
    """Return an issuer or account that every phone reads back as it is.

    Raises :class:`InvalidParameterError` for anything but a ``str``, and for a colon
    (which separates issuer from account), a leading space (which readers drop), control
    characters and lone surrogates.
    """
    if not isinstance(value, str):
        raise InvalidParameterError(name, f"must be a str, not {type(value).__name__}")
    if ":" in value:
        raise InvalidParameterError(name, "must not hold a colon: it separates issuer from account")
    if value.startswith(" "):
        raise InvalidParameterError(name, "must not begin with a space: phones drop it")
    if has_controls(value):
        raise InvalidParameterError(name, "must not hold control characters")
    if not is_unicode(value):
        raise InvalidParameterError(name, "must be Unicode text without lone surrogates")
    return value


def checked_account(name: str, value: object) -> str:
    """Return an account as :func:`checked_name` does; an empty one is refused too."""
    account = checked_name(name, value)
    if not account:
        raise InvalidParameterError(name, "must not be empty: the phone shows nothing else")
    return account


def build(kind: str, *, account: str, issuer: str, parameters: Mapping[str, str]) -> str:
    """Return the key URI with these parts, legal for every phone.

    Raises :class:`InvalidParameterError` as :func:`checked_name` does, for an empty
    account, and for a whole of more than 4096 characters.
    """
    account, issuer = checked_account("account", account), checked_name("issuer", issuer)
    text = write(kind, account=account, issuer=issuer, parameters=parameters)
    if len(text) > LONGEST:
        raise InvalidParameterError("uri", f"must have at most {LONGEST} characters, not {len(text)}")
    return text


def write(kind: str, *, account: str, issuer: str, parameters: Mapping[str, str]) -> str:
    """Return the key URI with these parts, the issuer before the account and as a parameter."""
    # A colon can only come from a parsed URI; the empty prefix keeps it in the account.
    prefix = f"{quote(issuer, safe='')}:" if issuer or ":" in account else ""
    named = {"issuer": issuer} if issuer else {}
    query = {"secret": parameters["secret"], **named, **parameters}
    pairs = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
    return f"otpauth://{kind}/{prefix}{quote(account, safe='')}?{pairs}"


def read(text: object) -> KeyText:
    """Take a key URI apart.

    Raises :class:`InvalidURIError` if it is no ``otpauth`` URI, repeats a parameter, holds
    control characters, is not UTF-8 under its quoting, or is longer than 4096 characters.
    """
    if not isinstance(text, str):
        raise InvalidURIError(f"a key URI must be a str, not {type(text).__name__}")
    if len(text) > LONGEST:
        raise InvalidURIError(f"a key URI must have at most {LONGEST} characters")
    if has_controls(text):
        raise InvalidURIError("a key URI must not hold control characters")
    scheme, found, rest = text.partition("://")
    if not found or scheme.lower() != "otpauth":
        raise InvalidURIError("a key URI must begin with otpauth://")
    path, _, query = rest.partition("#")[0].partition("?")
    kind, _, label = path.partition("/")
    parameters = _parameters(query)
    issuer, account = _label(label, parameters.get("issuer", ""))
    return KeyText(kind.lower(), account, issuer, parameters)


def _parameters(query: str) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for pair in filter(None, query.split("&")):
        # In a query, services write a space as "+" too (application/x-www-form-urlencoded).
        name, _, value = pair.replace("+", "%20").partition("=")
        name = _unquoted(name)
        if name in parameters:
            raise InvalidURIError("a key URI must not repeat a parameter")
        parameters[name] = _unquoted(value)
    return parameters


def _label(label: str, issuer: str) -> tuple[str, str]:
    """Return issuer and account; the issuer parameter wins over the label's prefix.

    The separator is a literal or quoted colon. Where the parameter stands before it as a
    whole, colons inside it don't separate; else a literal one goes before a quoted one.
    """
    whole = _unquoted(label)
    if issuer and whole.startswith(f"{issuer}:"):
        return issuer, whole[len(issuer) + 1 :].lstrip(" ")
    prefix, colon, account = label.partition(":")
    if colon:
        prefix, account = _unquoted(prefix), _unquoted(account)
    else:
        prefix, colon, account = whole.partition(":")
    if not colon:
        prefix, account = "", whole
    return issuer or prefix, account.lstrip(" ")


def _unquoted(text: str) -> str:
    plain = unquote(text, errors="surrogateescape")
    if not is_unicode(plain):
        raise InvalidURIError("a key URI must be UTF-8 text under its percent-encoding")
    if has_controls(plain):
        raise InvalidURIError("a key URI must not hold control characters")
    return plain
