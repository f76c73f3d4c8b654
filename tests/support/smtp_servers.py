"""Post offices for tests: SMTP servers on loopback that work, and some that don't."""

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

PASSWORD = "correct horse battery"  # noqa: S105 - of these servers

Behaviour = Callable[[socket.socket], None]
"""What a server does with a connection."""


class Inbox:
    """Takes letters over, as the handler of a server; *answer* is what it says to each."""

    def __init__(self, answer: str = "250 OK") -> None:
        self.answer = answer
        self.letters: list[EmailMessage] = []
        self.raw: list[bytes] = []
        self.recipients: list[str] = []
        self.hello: list[str] = []

    async def handle_DATA(self, server: object, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Keep a letter."""
        del server
        self.raw.append(envelope.content)
        letter = message_from_bytes(envelope.content, policy=SMTPUTF8)
        assert isinstance(letter, EmailMessage)
        self.letters.append(letter)
        self.recipients += envelope.rcpt_tos
        self.hello.append(session.host_name)
        return self.answer


class Office(Controller):
    """A server that knows its connections."""

    def __init__(self, inbox: Inbox, **options: Any) -> None:
        self.connections: list[SMTP] = []
        super().__init__(inbox, **options)

    def factory(self) -> SMTP:
        """Take a connection."""
        connection: SMTP = super().factory()
        self.connections.append(connection)
        return connection

    def idle(self) -> bool:
        """Tell whether every client has gone: what is open when it stops stays open."""
        return all(connection.transport is None for connection in self.connections)


@contextmanager
def server(inbox: Inbox, **options: Any) -> Iterator[int]:
    """Run a server, and give its port."""
    office = Office(inbox, hostname=HOST, port=free_port(), **options)
    office.start()
    try:
        yield office.port
    finally:
        wait_until(office.idle)
        office.stop()


def knows_shop(*arguments: object) -> AuthResult:
    """Accept one name and password, as the authenticator of a server."""
    right = arguments[-1] == LoginPassword(b"shop", PASSWORD.encode())
    return AuthResult(success=right, handled=right)


def write_certificate(path: Path) -> None:
    """Write a new key, and a certificate of 127.0.0.1 for it that nobody else has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = dt.datetime.now(dt.UTC)
    made = (
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
    path.write_bytes(private + made.public_bytes(pem))


def trusting(certificate: Path) -> ssl.SSLContext:
    """Return a client's context that trusts this certificate alone."""
    return ssl.create_default_context(cafile=str(certificate))


def serving(certificate: Path) -> ssl.SSLContext:
    """Return a server's context."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


# Servers that misbehave


@contextmanager
def misbehaving(behaviour: Behaviour) -> Iterator[int]:
    """Run a server that does this with its first connection, and give its port."""
    with socket.create_server((HOST, 0)) as listener:
        listener.settimeout(30)

        def serve() -> None:
            with suppress(OSError):
                connection, _ = listener.accept()
                connection.settimeout(30)
                with connection:
                    behaviour(connection)

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
    """Say nothing until the other end closes."""
    while connection.recv(100):
        pass


def hanging_up(connection: socket.socket) -> None:
    """Say nothing, and close."""
    del connection


def dripping(connection: socket.socket) -> None:
    """Say one byte after the other, and never a whole line."""
    while True:
        connection.sendall(b"2")
        time.sleep(0.05)


def endless(connection: socket.socket) -> None:
    """Greet in ever more lines."""
    while True:
        connection.sendall(b"220-wait\r\n")
        time.sleep(0.05)


def busy(connection: socket.socket) -> None:
    """Say that it has no time."""
    connection.sendall(b"421 no time\r\n")
    silent(connection)


def saying(*replies: bytes, then: Behaviour = silent, heard: list[bytes] | None = None) -> Behaviour:
    """Return a behaviour: greet, reply to each line by the next of *replies*, and then do as told."""

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


def errands() -> list[threading.Thread]:
    """Return the threads in which letters are on their way."""
    return [thread for thread in threading.enumerate() if thread.name == "totpkit-email"]


def wait_for_errands() -> None:
    """Wait until no thread is left behind."""
    wait_until(lambda: not errands())
