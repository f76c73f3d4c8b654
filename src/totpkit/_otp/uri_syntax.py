"""Split ``otpauth://`` URIs into their parts and put them together again.

The format is described at https://github.com/google/google-authenticator/wiki/Key-Uri-Format.
Values are percent-encoded as in RFC 3986.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

from totpkit._validation import has_controls, is_unicode
from totpkit.errors import InvalidParameterError, InvalidURIError

LONGEST = 4096
"""In characters. QR codes cannot contain more than 2953 bytes (ISO/IEC 18004, version 40-L)."""


@dataclass(frozen=True, slots=True)
class KeyText:
    """The parts of a key URI after percent-decoding."""

    kind: str
    account: str
    issuer: str
    parameters: Mapping[str, str]


def checked_name(name: str, value: object) -> str:
    """Check that authenticator apps can display an issuer or account name, and return it.

    Raises :class:`InvalidParameterError` if *value* is not a ``str``. The text must not contain
    colons, control characters or lone surrogates, and must not begin with a space. *name* is used
    in the error message.
    """
    if not isinstance(value, str):
        raise InvalidParameterError(name, f"must be a str, not {type(value).__name__}")
    if ":" in value:
        raise InvalidParameterError(name, "must not contain a colon, which separates issuer and account")
    if value.startswith(" "):
        raise InvalidParameterError(name, "must not begin with a space, which authenticator apps drop")
    if has_controls(value):
        raise InvalidParameterError(name, "must not contain control characters")
    if not is_unicode(value):
        raise InvalidParameterError(name, "must be Unicode text without lone surrogates")
    return value


def checked_account(name: str, value: object) -> str:
    """Check an account in the same way as :func:`checked_name`, but don't allow an empty one."""
    account = checked_name(name, value)
    if not account:
        raise InvalidParameterError(name, "must not be empty; the authenticator app shows it")
    return account


def build(kind: str, *, account: str, issuer: str, parameters: Mapping[str, str]) -> str:
    """Build a key URI, and check that every authenticator app can read it.

    Raises :class:`InvalidParameterError` if the account is empty, if :func:`checked_name` rejects
    the account or the issuer, or if the URI is longer than 4096 characters.
    """
    account, issuer = checked_account("account", account), checked_name("issuer", issuer)
    text = write(kind, account=account, issuer=issuer, parameters=parameters)
    if len(text) > LONGEST:
        raise InvalidParameterError("uri", f"must have at most {LONGEST} characters, not {len(text)}")
    return text


def write(kind: str, *, account: str, issuer: str, parameters: Mapping[str, str]) -> str:
    """Build a key URI. The issuer is written both to the label and to a parameter."""
    # An account with a colon comes from a parsed URI. An empty prefix keeps the colon in the account.
    prefix = f"{quote(issuer, safe='')}:" if issuer or ":" in account else ""
    named = {"issuer": issuer} if issuer else {}
    query = {"secret": parameters["secret"], **named, **parameters}
    pairs = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
    return f"otpauth://{kind}/{prefix}{quote(account, safe='')}?{pairs}"


def read(text: object) -> KeyText:
    """Split a key URI into its parts.

    Raises :class:`InvalidURIError` if *text* is not an ``otpauth`` URI or is longer than 4096
    characters. Repeated parameters, control characters and invalid UTF-8 also raise this error.
    """
    if not isinstance(text, str):
        raise InvalidURIError(f"a key URI must be a str, not {type(text).__name__}")
    if len(text) > LONGEST:
        raise InvalidURIError(f"a key URI must have at most {LONGEST} characters")
    if has_controls(text):
        raise InvalidURIError("a key URI must not contain control characters")
    scheme, separator, rest = text.partition("://")
    if not separator or scheme.lower() != "otpauth":
        raise InvalidURIError("a key URI must begin with otpauth://")
    path, _, query = rest.partition("#")[0].partition("?")
    kind, _, label = path.partition("/")
    parameters = _parameters(query)
    issuer, account = _label(label, parameters.get("issuer", ""))
    return KeyText(kind.lower(), account, issuer, parameters)


def _parameters(query: str) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for pair in filter(None, query.split("&")):
        # In a query, some services write a space as "+" (application/x-www-form-urlencoded).
        name, _, value = pair.replace("+", "%20").partition("=")
        name = _unquoted(name)
        if name in parameters:
            raise InvalidURIError("a key URI must not repeat a parameter")
        parameters[name] = _unquoted(value)
    return parameters


def _label(label: str, issuer: str) -> tuple[str, str]:
    """Return the issuer and the account from a label.

    If the URI has an issuer parameter, it takes precedence over the issuer in the label. A label
    that begins with this parameter is split directly after it, even if the issuer contains colons.
    Any other label is split at its first literal colon. If there is no literal colon, it is split
    at the first percent-encoded one.
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
        raise InvalidURIError("a key URI must contain UTF-8 text in its percent-encoding")
    if has_controls(plain):
        raise InvalidURIError("a key URI must not contain control characters")
    return plain
