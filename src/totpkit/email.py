"""Send codes by email: a message class, a template, and a mailer that uses SMTP."""

import re
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from html import escape
from string import Formatter
from typing import Literal, Protocol, TypeAlias

from totpkit._smtp import Server
from totpkit._validation import checked_int, checked_number, has_controls, is_unicode
from totpkit.errors import EmailError, InvalidParameterError

__all__ = ["AsyncMailer", "Email", "EmailTemplate", "Mailer", "SMTPMailer", "Security"]

PLACEHOLDERS = frozenset({"code", "minutes", "issuer"})
"""The placeholders that a template may contain."""

_TEXT = """\
Your code for {issuer} is {code}

It works once, for {minutes} minutes, in the browser in which you asked for it.
If you did not try to sign in, someone else knows your password. Change it.
"""

_HTML = """\
<p>Your code for {issuer} is</p>
<p style="font-size: 2em; letter-spacing: 0.1em"><strong>{code}</strong></p>
<p>It works once, for {minutes} minutes, in the browser in which you asked for it.</p>
<p>If you did not try to sign in, someone else knows your password. Change it.</p>
"""

Security: TypeAlias = Literal["starttls", "tls", "none"]
"""How the connection is encrypted: after a STARTTLS command, from the first byte, or not at all."""

_PORTS = {"starttls": 587, "tls": 465, "none": 25}
"""RFC 6409, section 3.1; RFC 8314, section 7.3; RFC 5321, section 4.5.4.2."""

_HOST = re.compile(r"[^\s\x00-\x20\x7f-\xa0/@]{1,253}")
_PART = r'[^\s\x00-\x20\x7f-\xa0"(),:;<>@\[\]\\]'
_ADDRESS = rf"(?P<local>{_PART}{{1,64}})@(?P<domain>{_PART}{{1,255}})"
# Quoted names and comments (RFC 5322, section 3.4) are rejected: programs disagree on how to read them.
_BARE = re.compile(_ADDRESS)
_NAMED = re.compile(rf'"?(?P<name>[^<>"\x00-\x1f\x7f-\x9f]*?)"? *<{_ADDRESS}>')


@dataclass(frozen=True, slots=True, kw_only=True)
class Email:
    """An email to a single address, with plain text and an optional HTML version."""

    to: str = field(repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)
    html: str = field(default="", repr=False)


class Mailer(Protocol):
    """A callable that sends an email, or raises :class:`EmailError` if that fails."""

    def __call__(self, email: Email, /) -> object:
        """Send *email*. The return value is ignored."""


class AsyncMailer(Protocol):
    """A :class:`Mailer` that returns an awaitable."""

    async def __call__(self, email: Email, /) -> object:
        """Send *email*. The return value is ignored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailTemplate:
    """A template for emailed codes, with the placeholders ``{code}``, ``{minutes}`` and ``{issuer}``.

    ``{minutes}`` is replaced with the number of minutes for which the code is valid. To include a literal
    brace, write it twice, as in :meth:`str.format`. ``html`` can be empty. Values that are inserted into
    the HTML are escaped. Raises :class:`InvalidParameterError` if a placeholder is unknown, if the text
    or the HTML does not contain ``{code}``, or if the subject has more than one line.
    """

    subject: str = "Your code for {issuer}"
    text: str = _TEXT
    html: str = _HTML

    def __post_init__(self) -> None:
        for name, value in (("subject", self.subject), ("text", self.text), ("html", self.html)):
            placeholders = _placeholders(name, value)
            if "code" not in placeholders and name != "subject" and value:
                raise InvalidParameterError(name, "must contain {code}, or nobody could log in with it")
        if not self.text:
            raise InvalidParameterError("text", "must not be empty: some mail programs do not show HTML")
        if has_controls(self.subject):
            raise InvalidParameterError("subject", "must be one line without control characters")

    def render(self, *, to: str, code: str, minutes: int, issuer: str) -> Email:
        """Return the email for the address *to*."""
        values = {"code": code, "minutes": str(minutes), "issuer": issuer}
        escaped = {name: escape(value) for name, value in values.items()}
        return Email(
            to=to,
            subject=self.subject.format_map(values),
            text=self.text.format_map(values),
            html=self.html.format_map(escaped),
        )


class SMTPMailer:
    """A :class:`Mailer` that sends each email over a new SMTP connection.

    *sender* is an email address, or a name and an address, such as ``Acme <no-reply@acme.example>``.
    *security* is ``"starttls"``, ``"tls"`` (encrypted from the start) or ``"none"``. Use ``"none"`` only
    for a server on the same machine. *port* defaults to 587, 465 or 25, depending on *security*.
    Certificates are verified against the system's trust store, unless you pass a different *context*.
    With ``"starttls"``, no email is sent if the server does not offer STARTTLS. *username* and *password*
    must be ASCII, and they require an encrypted connection.

    Each call returns within *timeout* seconds (0.1 to 300), even if the server hangs. A call raises
    :class:`EmailError` if the server does not accept the email. If the server's reply is lost, the call
    raises :class:`EmailError` even though the email may have been delivered. The constructor raises
    :class:`InvalidParameterError` for invalid parameters.
    """

    def __init__(
        self,
        host: str,
        *,
        sender: str,
        port: int | None = None,
        username: str | None = None,
        password: str | None = None,
        security: Security = "starttls",
        timeout: float = 10.0,
        context: ssl.SSLContext | None = None,
    ) -> None:
        if security not in _PORTS:
            raise InvalidParameterError("security", f"must be one of {', '.join(_PORTS)}")
        if username is not None and security == "none":
            raise InvalidParameterError(
                "security", "must be starttls or tls: a password must not be sent in plain text"
            )
        self._sender = _checked_sender(sender)
        self._timeout = checked_number("timeout", timeout, 0.1, 300.0)
        self._security = security
        tls = _checked_context(context)
        self._server = Server(
            host=_checked_host(host),
            port=_PORTS[security] if port is None else checked_int("port", port, 1, 65_535),
            tls=None if security == "none" else tls,
            starttls=security == "starttls",
            log_in=_login(username, password),
        )

    def __call__(self, email: Email, /) -> None:
        """Send *email*, or raise an :class:`EmailError` that contains only the class name of the cause."""
        if not isinstance(email, Email):
            raise InvalidParameterError("email", f"must be an Email, not {type(email).__name__}")
        try:
            recipient = _recipient(email.to)
            message = _message(email, self._sender, recipient)
        except Exception as error:  # noqa: BLE001 - the error may quote the address or the text
            problem = type(error).__name__
        else:
            sender = self._sender.addr_spec
            self._server.deliver(message, sender, recipient.addr_spec, timeout=self._timeout)
            return
        raise EmailError(f"the email was not sent: {problem}")

    def __repr__(self) -> str:
        return f"<SMTPMailer to {self._server.host}:{self._server.port} by {self._security}>"


def _placeholders(name: str, template: object) -> set[str]:
    if not isinstance(template, str) or not is_unicode(template):
        raise InvalidParameterError(name, "must be a str without lone surrogates")
    try:
        parts = list(Formatter().parse(template))
    except ValueError:
        parts = [("", "{", "", None)]
    found: set[str] = set()
    for _, placeholder, form, conversion in parts:
        if placeholder is None:
            continue
        if placeholder not in PLACEHOLDERS or form or conversion:
            known = ", ".join(f"{{{word}}}" for word in sorted(PLACEHOLDERS))
            raise InvalidParameterError(
                name, f"may contain no placeholders except {known}; double other braces"
            )
        found.add(placeholder)
    return found


def _message(email: Email, sender: Address, recipient: Address) -> EmailMessage:
    message = EmailMessage(policy=policy.SMTP.clone(cte_type="7bit"))  # every server accepts 7bit
    message["From"] = sender
    message["To"] = recipient
    message["Subject"] = email.subject
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=sender.domain)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834, section 5: suppresses out-of-office replies
    message.set_content(email.text)
    if email.html:
        message.add_alternative(email.html, subtype="html")
    return message


def _recipient(to: str) -> Address:
    found = _BARE.fullmatch(to)
    if found is None:
        raise ValueError("must have the form name@domain")
    return Address(username=found["local"], domain=found["domain"])


def _checked_sender(sender: object) -> Address:
    if isinstance(sender, str) and is_unicode(sender):
        found = _BARE.fullmatch(sender) or _NAMED.fullmatch(sender)
        if found is not None:
            return Address(found.groupdict().get("name", ""), found["local"], found["domain"])
    raise InvalidParameterError("sender", "must have the form name@domain or Name <name@domain>")


def _checked_host(host: object) -> str:
    if isinstance(host, str) and is_unicode(host) and _HOST.fullmatch(host):
        return host
    raise InvalidParameterError("host", "must be a host name or an IP address, without a port")


def _checked_context(context: object) -> ssl.SSLContext:
    if context is None:
        return ssl.create_default_context()
    if isinstance(context, ssl.SSLContext):
        return context
    raise InvalidParameterError("context", f"must be an ssl.SSLContext, not {type(context).__name__}")


def _login(username: object, password: object) -> Callable[[smtplib.SMTP], object]:
    """Return a function that logs in to the server.

    This is a closure, so that ``vars`` and ``pickle`` cannot reveal the password.
    """
    if username is None and password is None:
        return lambda _: None
    if not (isinstance(username, str) and isinstance(password, str)):
        raise InvalidParameterError("password", "and username must be str, both or neither")
    for name, value in (("username", username), ("password", password)):
        if not value or not value.isascii() or has_controls(value):  # smtplib cannot send anything else
            raise InvalidParameterError(name, "must be ASCII without control characters, and not empty")
    return lambda smtp: smtp.login(username, password)
