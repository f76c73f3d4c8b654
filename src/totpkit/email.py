"""Sending letters by SMTP. Knows nothing of what is in them.

Standard library only: ``smtplib`` and ``email``.
"""

import re
import smtplib
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import closing, suppress
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from threading import Event, Lock, Thread
from typing import Literal, TypeAlias

from totpkit._bounds import whole, within
from totpkit._letter import Email
from totpkit._text import has_controls, is_unicode
from totpkit.errors import EmailError, InvalidParameterError

__all__ = ["SMTPMailer", "Security"]

Security: TypeAlias = Literal["starttls", "tls", "none"]
"""How the connection is encrypted: after a command in plain text, from its first byte, or not at all."""

_PORTS = {"starttls": 587, "tls": 465, "none": 25}
"""RFC 6409, section 3.1; RFC 8314, section 7.3; RFC 5321, section 4.5.4.2."""

_READY = 220

_HOST = re.compile(r"[^\s\x00-\x20\x7f-\xa0/@]{1,253}")
_PART = r'[^\s\x00-\x20\x7f-\xa0"(),:;<>@\[\]\\]'
_ADDRESS = rf"(?P<local>{_PART}{{1,64}})@(?P<domain>{_PART}{{1,255}})"
# Quoted names and comments (RFC 5322, section 3.4) are left out: not all programs read them alike.
_BARE = re.compile(_ADDRESS)
_NAMED = re.compile(rf'"?(?P<name>[^<>"\x00-\x1f\x7f-\x9f]*?)"? *<{_ADDRESS}>')


class SMTPMailer:
    """A :class:`~totpkit.Mailer` that hands each letter to an SMTP server, on a connection of its own.

    *sender* is an address, or ``Acme <no-reply@acme.example>``. *security* is ``"starttls"``,
    ``"tls"`` from the first byte, or ``"none"``, for a server on this machine; *port* is by
    default 587, 465 or 25. Certificates are verified, by those that the system trusts or as
    *context* says; a server that does not offer STARTTLS gets nothing. *username* and
    *password*, in ASCII, log in, and never without encryption.

    A call ends within *timeout* seconds, whatever the server does, and raises
    :class:`EmailError` if it has not taken the letter. (One that took it, and whose answer was
    lost, delivers it all the same.) Raises :class:`InvalidParameterError` for parameters that
    are not of this form.
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
        if username is not None and security == "none":
            raise InvalidParameterError("security", "must be starttls or tls: no password goes in plain")
        self._host = _checked_host(host)
        self._port = _PORTS[security] if port is None else whole("port", port, 1, 65_535)
        self._security = security
        self._sender = _checked_sender(sender)
        self._timeout = within("timeout", timeout, 0.1, 300.0)
        self._context = _checked_context(context)
        self._log_in = _login(username, password)

    def __call__(self, mail: Email, /) -> None:
        """Send it, or raise :class:`EmailError`, which names no more of the cause than its class."""
        if not isinstance(mail, Email):
            raise InvalidParameterError("mail", f"must be a Email, not {type(mail).__name__}")
        errand = _Errand(self._timeout)
        errand.run(lambda: self._send(mail, errand))
        if not errand.is_done:
            raise EmailError(f"the mail did not leave: {errand.failure}")

    def __repr__(self) -> str:
        return f"<SMTPMailer to {self._host}:{self._port} by {self._security}>"

    def _send(self, mail: Email, errand: "_Errand") -> None:
        to = _recipient(mail.to)
        letter = _letter(mail, self._sender, to)
        with closing(errand.connected(self._host, self._port)) as sock:
            smtp = smtplib.SMTP(local_hostname=_own_name(sock))
            try:
                self._greet(smtp, sock)
                self._log_in(smtp)
                smtp.send_message(letter, self._sender.addr_spec, [to.addr_spec])
                errand.is_done = True
                with suppress(OSError):
                    smtp.putcmd("QUIT")  # the answer is not worth waiting for
            finally:
                smtp.close()

    def _greet(self, smtp: smtplib.SMTP, sock: socket.socket) -> None:
        smtp.sock = self._encrypted(sock) if self._security == "tls" else sock
        if smtp.getreply()[0] != _READY:
            raise ConnectionRefusedError
        if self._security == "starttls":
            smtp.ehlo()
            if not smtp.has_extn("starttls") or smtp.docmd("STARTTLS")[0] != _READY:
                raise smtplib.SMTPNotSupportedError
            smtp.sock = self._encrypted(sock)
            smtp.file = None  # what was sent before the encryption must not be read after it
            smtp.ehlo()

    def _encrypted(self, sock: socket.socket) -> ssl.SSLSocket:
        return self._context.wrap_socket(sock, server_hostname=self._host)


class _Errand:
    """One letter on its way, in a thread of its own: nothing else ends in time.

    A timeout of a socket begins anew with each byte, and resolving a name knows none.
    """

    def __init__(self, timeout: float) -> None:
        self.is_done = False
        self.failure = TimeoutError.__name__
        self._deadline = time.monotonic() + timeout
        self._returned = Event()
        self._lock = Lock()
        self._is_over = False
        self._lifeline: socket.socket | None = None

    def run(self, work: Callable[[], None]) -> None:
        """Let *work* be done until the deadline, and end it then."""
        try:
            Thread(target=self._work, args=(work,), name="totpkit-mail", daemon=True).start()
            self._returned.wait(self._left())
        except RuntimeError as error:  # there are no more threads
            self._failed(error)
        finally:
            self._end()

    def connected(self, host: str, port: int) -> socket.socket:
        """Return a connection that ends at the deadline; each address has its share of the time."""
        failure = OSError()
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        for tried, (family, kind, protocol, _, address) in enumerate(addresses):
            sock = socket.socket(family, kind, protocol)
            try:
                sock.settimeout(max(self._left() / (len(addresses) - tried), 0.001))
                sock.connect(address)
                self._hold(sock)
            except OSError as error:
                failure = error
                sock.close()
            else:
                return sock
        raise failure

    def _work(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - whatever it is, it may quote what was sent
            self._failed(error)
        finally:
            self._returned.set()

    def _failed(self, error: Exception) -> None:
        with self._lock:
            if not self._is_over:  # what the end itself breaks off is no cause
                self.failure = type(error).__name__

    def _left(self) -> float:
        return max(self._deadline - time.monotonic(), 0.0)

    def _hold(self, sock: socket.socket) -> None:
        with self._lock:
            if self._is_over:
                raise TimeoutError
            sock.settimeout(max(self._left(), 0.001))
            # Encryption will take the descriptor away from this object; the copy stays.
            self._lifeline = sock.dup()

    def _end(self) -> None:
        with self._lock:
            self._is_over = True
            if self._lifeline is not None:
                with suppress(OSError), closing(self._lifeline):
                    self._lifeline.shutdown(socket.SHUT_RDWR)  # who reads or writes there now wakes up


def _letter(mail: Email, sender: Address, to: Address) -> EmailMessage:
    letter = EmailMessage(policy=policy.SMTP.clone(cte_type="7bit"))  # any server takes that
    letter["From"] = sender
    letter["To"] = to
    letter["Subject"] = mail.subject
    letter["Date"] = formatdate()
    letter["Message-ID"] = make_msgid(domain=sender.domain)
    letter["Auto-Submitted"] = "auto-generated"  # RFC 3834, section 5: no notice of absence answers it
    letter.set_content(mail.text)
    if mail.html:
        letter.add_alternative(mail.html, subtype="html")
    return letter


def _recipient(to: str) -> Address:
    found = _BARE.fullmatch(to)
    if found is None:
        raise ValueError("not of the form name@domain")
    return Address(username=found["local"], domain=found["domain"])


def _checked_sender(sender: object) -> Address:
    if isinstance(sender, str) and is_unicode(sender):
        found = _BARE.fullmatch(sender) or _NAMED.fullmatch(sender)
        if found is not None:
            return Address(found.groupdict().get("name", ""), found["local"], found["domain"])
    raise InvalidParameterError("sender", "must be of the form name@domain or Name <name@domain>")


def _checked_host(host: object) -> str:
    if isinstance(host, str) and is_unicode(host) and _HOST.fullmatch(host):
        return host
    raise InvalidParameterError("host", "must be the name or the address of a server, without a port")


def _checked_context(context: object) -> ssl.SSLContext:
    if context is None:
        return ssl.create_default_context()
    if isinstance(context, ssl.SSLContext):
        return context
    raise InvalidParameterError("context", f"must be an ssl.SSLContext, not {type(context).__name__}")


def _login(username: object, password: object) -> Callable[[smtplib.SMTP], object]:
    """Return what logs in: a function, as neither ``vars`` nor a pickle looks into one."""
    if username is None and password is None:
        return lambda _: None
    if not (isinstance(username, str) and isinstance(password, str)):
        raise InvalidParameterError("password", "and username must be str, both or neither")
    for name, value in (("username", username), ("password", password)):
        if not value or not value.isascii() or has_controls(value):  # smtplib sends no other
            raise InvalidParameterError(name, "must be ASCII without control characters, and not empty")
    return lambda smtp: smtp.login(username, password)


def _own_name(sock: socket.socket) -> str:
    """Return this end's address (RFC 5321, section 4.1.3): to look up a name would cost a query."""
    address = sock.getsockname()[0]
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"
