"""Sending letters by SMTP, with the standard library. Knows nothing of what they say."""

import smtplib
import socket
import ssl
from contextlib import suppress
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import localtime, make_msgid
from threading import Event, Thread
from typing import Literal, TypeAlias

from totpkit._bounds import whole, within
from totpkit._letter import Mail
from totpkit._text import has_controls
from totpkit.errors import InvalidParameterError, MailError

__all__ = ["SMTPMailer", "Security"]

Security: TypeAlias = Literal["starttls", "tls", "none"]

_PORTS: dict[str, int] = {"starttls": 587, "tls": 465, "none": 25}


class SMTPMailer:
    """Hands a :class:`Mail` to an SMTP server; a mailer for :class:`EmailedCode`.

    *security* is ``"starttls"`` (port 587), ``"tls"`` (465), or ``"none"`` (25) for a server on
    this machine; with the first two the server's certificate is verified by *context*, the
    system's by default, and nothing is sent in plain. ``username`` and ``password`` log in,
    never without TLS. Whatever happens, a call returns or raises within *timeout* seconds.

    A call raises :class:`MailError` if the letter was not taken over; it names the kind of
    failure, and neither address nor content. The constructor raises
    :class:`InvalidParameterError`.
    """

    def __init__(
        self,
        host: str,
        port: int | None = None,
        *,
        sender: str,
        username: str | None = None,
        password: str | None = None,
        security: Security = "starttls",
        timeout: float = 10.0,
        context: ssl.SSLContext | None = None,
    ) -> None:
        if security not in _PORTS:
            raise InvalidParameterError("security", f"must be one of {', '.join(_PORTS)}")
        if (username is None) != (password is None):
            raise InvalidParameterError("password", "goes with a username, and a username with a password")
        if username is not None and security == "none":
            raise InvalidParameterError(
                "security", "must be starttls or tls: a password is not sent in plain"
            )
        self._host = _text("host", host)
        self._port = whole("port", _PORTS[security] if port is None else port, 1, 65_535)
        self._sender = _text("sender", sender)
        self._login = None if username is None or password is None else (username, password)
        self._security = security
        self._timeout = within("timeout", timeout, 0.1, 600.0)
        self._context = ssl.create_default_context() if context is None else context

    def __call__(self, mail: Mail, /) -> None:
        """Send a letter, or raise :class:`MailError`."""
        delivery = _Delivery(self, mail)
        # A server can keep each wait short and the whole endless, and a name can take long to
        # resolve: only from outside can it be ended in time.
        Thread(target=delivery.run, name="totpkit-mail", daemon=True).start()
        if not delivery.done.wait(self._timeout):
            delivery.abandon()
            raise MailError("the mail did not leave in time")
        if delivery.failure is not None:
            raise MailError(f"the mail did not leave: {delivery.failure}")

    def __repr__(self) -> str:
        return f"<SMTPMailer to {self._host}:{self._port} by {self._security}>"

    def connection(self) -> smtplib.SMTP:
        """Return what will speak to the server; nothing is connected yet."""
        server: smtplib.SMTP = (
            smtplib.SMTP_SSL(timeout=self._timeout, context=self._context)
            if self._security == "tls"
            else smtplib.SMTP(timeout=self._timeout)
        )
        # TLS verifies this name; of the standard library only the constructor that connects sets it.
        setattr(server, "_host", self._host)  # noqa: B010 - type checkers do not know it
        return server

    def deliver(self, mail: Mail, server: smtplib.SMTP) -> None:
        """Connect and send a letter; raise what the standard library does."""
        message = _message(self._sender, mail)
        server.connect(self._host, self._port)
        if self._security == "starttls":
            server.starttls(context=self._context)
        if self._login is not None:
            server.login(*self._login)
        server.send_message(message)


class _Delivery:
    """One letter on its way, in a thread that can be left behind."""

    def __init__(self, mailer: SMTPMailer, mail: Mail) -> None:
        self.done = Event()
        self.failure: str | None = None
        self._mailer = mailer
        self._mail = mail
        self._server = mailer.connection()

    def run(self) -> None:
        """Deliver it; note the kind of what went wrong, which is all that may be told."""
        try:
            with self._server:
                self._mailer.deliver(self._mail, self._server)
        except (OSError, ValueError, IndexError) as error:
            self.failure = type(error).__name__
        finally:
            self.done.set()

    def abandon(self) -> None:
        """Cut the connection: the thread ends, and the letter does not leave late."""
        sock = self._server.sock
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


def _message(sender: str, mail: Mail) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["From"], message["Subject"] = sender, mail.subject
    message["To"] = Address(
        addr_spec=mail.to
    )  # one address and no line ends: ValueError, or IndexError if empty
    message["Date"], message["Message-ID"] = localtime(), make_msgid(domain="totpkit.invalid")
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834, section 5: nobody shall answer by machine
    message.set_content(mail.text)
    if mail.html:
        message.add_alternative(mail.html, subtype="html")
    return message


def _text(name: str, value: object) -> str:
    if isinstance(value, str) and value and not has_controls(value):
        return value
    raise InvalidParameterError(name, "must be a str of one character or more, and of no control characters")
