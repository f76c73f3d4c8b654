"""SMTP servers on loopback: one that works, and several that misbehave."""

import datetime as dt
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTPUTF8
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.database_servers import HOST, free_port, wait_until

PASSWORD = "correct horse battery"  # noqa: S105 - only these servers accept it

Behavior = Callable[[socket.socket], None]
"""What a server does with a connection."""


class Inbox:
    """A handler of aiosmtpd that keeps the emails that it gets, and replies *reply* to each."""

    def __init__(self, reply: str = "250 OK") -> None:
        self.reply = reply
        self.emails: list[EmailMessage] = []
        self.raw: list[bytes] = []
        self.recipients: list[str] = []
        self.client_names: list[str] = []

    async def handle_DATA(self, server: object, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Keep an email."""
        del server
        self.raw.append(envelope.content)
        email = message_from_bytes(envelope.content, policy=SMTPUTF8)
        assert isinstance(email, EmailMessage)
        self.emails.append(email)
        self.recipients += envelope.rcpt_tos
        self.client_names.append(session.host_name)
        return self.reply


class SMTPServer(Controller):
    """A server that knows its connections."""

    def __init__(self, inbox: Inbox, **options: Any) -> None:
        self.connections: list[SMTP] = []
        super().__init__(inbox, **options)

    def factory(self) -> SMTP:
        """Accept a connection."""
        connection: SMTP = super().factory()
        self.connections.append(connection)
        return connection

    def is_idle(self) -> bool:
        """Return whether every client has left."""
        return all(connection.transport is None for connection in self.connections)


@contextmanager
def server(inbox: Inbox, **options: Any) -> Iterator[int]:
    """Run a server, and yield its port."""
    controller = SMTPServer(inbox, hostname=HOST, port=free_port(), **options)
    controller.start()
    try:
        yield controller.port
    finally:
        wait_until(controller.is_idle)  # stopping the server would not close open connections
        controller.stop()


def knows_shop(*arguments: object) -> AuthResult:
    """Accept one user name and password; an ``authenticator`` of aiosmtpd."""
    right = arguments[-1] == LoginPassword(b"shop", PASSWORD.encode())
    return AuthResult(success=right, handled=right)


def write_certificate(path: Path) -> None:
    """Write a new key and a self-signed certificate of 127.0.0.1 for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(private + certificate.public_bytes(pem))


def trusting(certificate: Path) -> ssl.SSLContext:
    """Return a client's TLS context that trusts this certificate only."""
    return ssl.create_default_context(cafile=str(certificate))


def serving(certificate: Path) -> ssl.SSLContext:
    """Return a server's TLS context."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


# Servers that misbehave


@contextmanager
def misbehaving(behavior: Behavior) -> Iterator[int]:
    """Run a server that behaves like this with its first connection, and yield its port."""
    with socket.create_server((HOST, 0)) as listener:
        listener.settimeout(30)

        def serve() -> None:
            with suppress(OSError):
                connection, _ = listener.accept()
                connection.settimeout(30)
                with connection:
                    behavior(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join(30)
            assert not thread.is_alive()


def silent(connection: socket.socket) -> None:
    """Send nothing until the client closes the connection."""
    while connection.recv(100):
        pass


def hanging_up(connection: socket.socket) -> None:
    """Close the connection without sending anything."""
    del connection


def dripping(connection: socket.socket) -> None:
    """Send one byte after the other, and never a whole line."""
    while True:
        connection.sendall(b"2")
        time.sleep(0.05)


def endless(connection: socket.socket) -> None:
    """Send a greeting that never ends."""
    while True:
        connection.sendall(b"220-wait\r\n")
        time.sleep(0.05)


def busy(connection: socket.socket) -> None:
    """Greet with an error."""
    connection.sendall(b"421 no time\r\n")
    silent(connection)


def saying(*replies: bytes, then: Behavior = silent, heard: list[bytes] | None = None) -> Behavior:
    """Return a behavior: greet, reply to each line with the next of *replies*, and then behave as *then*."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(b"220 here\r\n")
        lines = connection.makefile("rb")
        for reply in replies:
            line = lines.readline()
            if heard is not None:
                heard.append(line)
            connection.sendall(reply)
        then(connection)

    return behave


def delivery_threads() -> list[threading.Thread]:
    """Return the threads in which emails are being sent."""
    return [thread for thread in threading.enumerate() if thread.name == "totpkit-email"]


def wait_for_deliveries() -> None:
    """Wait until no such thread is left."""
    wait_until(lambda: not delivery_threads())
