"""Deliver a message to an SMTP server before a deadline. Used by :class:`totpkit.email.SMTPMailer`."""

import smtplib
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from threading import Event, Lock, Thread

from totpkit.errors import EmailError

_READY = 220


@dataclass(frozen=True, slots=True)
class Server:
    """The address of an SMTP server, and how to connect to it.

    ``tls`` is ``None`` for an unencrypted connection. With ``starttls``, the connection starts in plain
    text, but it is encrypted before a password or an email is sent.
    """

    host: str
    port: int
    tls: ssl.SSLContext | None
    starttls: bool
    log_in: Callable[[smtplib.SMTP], object]

    def deliver(self, message: EmailMessage, sender: str, recipient: str, *, timeout: float) -> None:
        """Send *message* within *timeout* seconds, or raise :class:`EmailError`."""
        delivery = _Delivery(timeout)
        delivery.run(lambda: self._send(message, sender, recipient, delivery))
        if not delivery.is_done:
            raise EmailError(f"the email was not sent: {delivery.failure}")

    def _send(self, message: EmailMessage, sender: str, recipient: str, delivery: "_Delivery") -> None:
        with closing(delivery.connect(self.host, self.port)) as sock:
            smtp = smtplib.SMTP(local_hostname=_own_name(sock))
            try:
                self._greet(smtp, sock)
                self.log_in(smtp)
                smtp.send_message(message, sender, [recipient])
                delivery.is_done = True
                with suppress(OSError):
                    smtp.putcmd("QUIT")  # the reply would not change anything
            finally:
                smtp.close()

    def _greet(self, smtp: smtplib.SMTP, sock: socket.socket) -> None:
        smtp.sock = sock if self.starttls else self._encrypted(sock)
        if smtp.getreply()[0] != _READY:
            raise ConnectionRefusedError
        if self.starttls:
            smtp.ehlo()
            if not smtp.has_extn("starttls") or smtp.docmd("STARTTLS")[0] != _READY:
                raise smtplib.SMTPNotSupportedError
            smtp.sock = self._encrypted(sock)
            smtp.file = None  # drop plain text that was buffered before encryption (CVE-2011-0411)
            smtp.ehlo()

    def _encrypted(self, sock: socket.socket) -> socket.socket:
        return sock if self.tls is None else self.tls.wrap_socket(sock, server_hostname=self.host)


class _Delivery:
    """Delivers one email in a thread, because that is the only way to enforce a deadline.

    A socket timeout starts over with each byte, and name resolution does not have a timeout at all.
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
        """Run *work*, and abort it at the deadline."""
        try:
            Thread(target=self._work, args=(work,), name="totpkit-email", daemon=True).start()
            self._returned.wait(self._left())
        except RuntimeError as error:  # the process cannot start another thread
            self._fail(error)
        finally:
            self._end()

    def connect(self, host: str, port: int) -> socket.socket:
        """Return a connection that ends at the deadline. All addresses get an equal share of the time."""
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
        except Exception as error:  # noqa: BLE001 - the error may quote what was sent, so only its class is kept
            self._fail(error)
        finally:
            self._returned.set()

    def _fail(self, error: Exception) -> None:
        with self._lock:
            if not self._is_over:  # an error caused by breaking off is not the reason
                self.failure = type(error).__name__

    def _left(self) -> float:
        return max(self._deadline - time.monotonic(), 0.0)

    def _hold(self, sock: socket.socket) -> None:
        with self._lock:
            if self._is_over:
                raise TimeoutError
            sock.settimeout(max(self._left(), 0.001))
            # wrap_socket() detaches the descriptor from this object, so keep a duplicate to shut down.
            self._lifeline = sock.dup()

    def _end(self) -> None:
        with self._lock:
            self._is_over = True
            if self._lifeline is not None:
                with suppress(OSError), closing(self._lifeline):
                    self._lifeline.shutdown(socket.SHUT_RDWR)  # wakes up a blocked read or write


def _own_name(sock: socket.socket) -> str:
    """Return the local address as an EHLO name (RFC 5321, section 4.1.3), to avoid a DNS query."""
    address = sock.getsockname()[0]
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"
