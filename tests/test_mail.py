"""SMTPMailer, against real servers on loopback."""

import datetime as dt
import ipaddress
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage  # noqa: TC003 - no blocks for type checkers
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.servers import HOST, free_port
from totpkit import InvalidParameterError, Mail, MailError, MailTemplate
from totpkit.mail import Security, SMTPMailer

CODE = "271828"
TO = "alice.liddell@example.com"
SENDER = "Shop <no-reply@shop.example>"
PASSWORD = "correct horse"  # noqa: S105 - of this test
MAIL = MailTemplate().mail(TO, code=CODE, minutes=10, issuer="Acme & Söhne")


class Inbox:
    """Takes letters over, as a server's handler."""

    def __init__(self, answer: str = "250 OK") -> None:
        self.answer = answer
        self.letters: list[EmailMessage] = []
        self.recipients: list[str] = []

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """Keep a letter."""
        del server, session
        self.letters.append(message_from_bytes(envelope.content, policy=default))  # type: ignore[arg-type]
        self.recipients += envelope.rcpt_tos
        return self.answer


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a file with the key and the certificate of 127.0.0.1, signed by itself."""
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
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def trusting(certificate: Path) -> ssl.SSLContext:
    """Return a client's context that trusts this certificate alone."""
    return ssl.create_default_context(cafile=str(certificate))


def serving(certificate: Path) -> ssl.SSLContext:
    """Return a server's context."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@contextmanager
def server(inbox: Inbox, **options: Any) -> Iterator[int]:
    """Run a server on loopback, and give its port."""
    controller = Controller(inbox, hostname=HOST, port=free_port(), **options)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


def logged_in(*_args: object) -> AuthResult:
    """Accept one name and password."""
    credentials = _args[-1]
    assert isinstance(credentials, LoginPassword)
    right = credentials == LoginPassword(b"shop", PASSWORD.encode())
    return AuthResult(success=right, handled=right)


@pytest.mark.parametrize("security", ["starttls", "tls", "none"])
def test_sent(certificate: Path, security: Security) -> None:
    """A letter arrives as it was written, in text and in HTML, by each kind of connection."""
    inbox = Inbox()
    options: dict[str, dict[str, Any]] = {
        "starttls": {"tls_context": serving(certificate), "require_starttls": True},
        "tls": {"ssl_context": serving(certificate)},
        "none": {},
    }
    with server(inbox, **options[security]) as port:
        mailer = SMTPMailer(HOST, port, sender=SENDER, security=security, context=trusting(certificate))
        mailer(MAIL)
    (letter,) = inbox.letters
    assert inbox.recipients == [TO]
    assert (letter["To"], letter["From"], letter["Subject"]) == (TO, SENDER, MAIL.subject)
    assert letter["Auto-Submitted"] == "auto-generated"
    text, html = letter.get_body(("plain",)), letter.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().replace("\r\n", "\n") == MAIL.text
    assert html.get_content().replace("\r\n", "\n") == MAIL.html


def test_text_alone() -> None:
    """A letter without HTML has one part."""
    inbox = Inbox()
    with server(inbox) as port:
        SMTPMailer(HOST, port, sender=SENDER, security="none")(Mail(to=TO, subject="s", text=f"{CODE}\n"))
    assert inbox.letters[0].get_content_type() == "text/plain"
    assert inbox.letters[0].get_content() == f"{CODE}\r\n"


def test_login(certificate: Path) -> None:
    """A name and a password log in, under TLS; wrong ones are an error."""
    inbox = Inbox()
    options = {"tls_context": serving(certificate), "authenticator": logged_in, "auth_required": True}
    with server(inbox, **options) as port:
        context = trusting(certificate)
        good = SMTPMailer(HOST, port, sender=SENDER, username="shop", password=PASSWORD, context=context)
        good(MAIL)
        assert len(inbox.letters) == 1
        bad = SMTPMailer(HOST, port, sender=SENDER, username="shop", password="guess", context=context)  # noqa: S106
        with pytest.raises(MailError, match="SMTPAuthenticationError"):
            bad(MAIL)
    assert len(inbox.letters) == 1


def test_no_starttls() -> None:
    """Where a server does not offer STARTTLS, nothing is sent in plain."""
    inbox = Inbox()
    with server(inbox) as port, pytest.raises(MailError, match="SMTPNotSupportedError"):
        SMTPMailer(HOST, port, sender=SENDER)(MAIL)
    assert inbox.letters == []


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_strange_certificate(certificate: Path, security: Security) -> None:
    """A certificate that nobody vouches for, or of another host, is an error; nothing is sent."""
    inbox = Inbox()
    kind = "tls_context" if security == "starttls" else "ssl_context"
    with server(inbox, **{kind: serving(certificate)}) as port:
        with pytest.raises(MailError, match="SSLCertVerificationError"):
            SMTPMailer(HOST, port, sender=SENDER, security=security)(MAIL)
        other = SMTPMailer("localhost", port, sender=SENDER, security=security, context=trusting(certificate))
        with pytest.raises(MailError, match="SSLCertVerificationError"):
            other(MAIL)
    assert inbox.letters == []


def test_refused() -> None:
    """A server that does not take the letter over is an error."""
    inbox = Inbox("554 no")
    with server(inbox) as port, pytest.raises(MailError, match="SMTPDataError"):
        SMTPMailer(HOST, port, sender=SENDER, security="none")(MAIL)


def test_nobody_there() -> None:
    """A port without a server, and a name without an address, are errors."""
    with pytest.raises(MailError, match="ConnectionRefusedError"):
        SMTPMailer(HOST, free_port(), sender=SENDER)(MAIL)
    with pytest.raises(MailError, match=r"gaierror|in time"):
        SMTPMailer("nobody.invalid", sender=SENDER)(MAIL)


@pytest.mark.parametrize(
    "address",
    ["", "nobody", "a@example.com, b@example.com", "a@example.com\r\nBcc: b@example.com", "a b@c.d"],
)
def test_addresses(address: str) -> None:
    """What is not one address is an error: it names no second recipient, and no further header."""
    inbox = Inbox()
    with server(inbox) as port, pytest.raises(MailError):
        SMTPMailer(HOST, port, sender=SENDER, security="none")(Mail(to=address, subject="s", text="t"))
    assert inbox.letters == []


def test_subject_of_two_lines() -> None:
    """A subject with a line end names no further header."""
    inbox = Inbox()
    mail = Mail(to=TO, subject="s\r\nBcc: b@example.com", text="t")
    with server(inbox) as port, pytest.raises(MailError):
        SMTPMailer(HOST, port, sender=SENDER, security="none")(mail)
    assert inbox.letters == []


def silent(connection: socket.socket) -> None:
    """Say nothing, and hear nothing."""
    connection.settimeout(3)
    while connection.recv(1):
        pass


def dripping(connection: socket.socket) -> None:
    """Say one byte after the other, and never a whole line."""
    for _ in range(60):
        connection.send(b"2")
        time.sleep(0.05)


def endless(connection: socket.socket) -> None:
    """Greet in ever more lines."""
    for _ in range(60):
        connection.send(b"220-wait\r\n")
        time.sleep(0.05)


@pytest.mark.parametrize("behaviour", [silent, dripping, endless])
def test_in_time(behaviour: Callable[[socket.socket], None]) -> None:
    """Whatever a server does, a call ends in time, and its thread soon after."""
    with socket.create_server((HOST, 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                try:
                    behaviour(connection)
                except OSError:
                    return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        mailer = SMTPMailer(HOST, listener.getsockname()[1], sender=SENDER, security="none", timeout=0.5)
        begun = time.monotonic()
        with pytest.raises(MailError, match=r"in time|did not leave"):
            mailer(MAIL)
        assert time.monotonic() - begun < 1.5
        deadline = time.monotonic() + 2
        while any(thread.name == "totpkit-mail" for thread in threading.enumerate()):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_name_that_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call ends in time although the name of the server is still being looked up."""
    found = threading.Event()

    def looked_up(*_args: object, **_more: object) -> list[object]:
        found.wait(5)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    begun = time.monotonic()
    with pytest.raises(MailError, match="in time"):
        SMTPMailer("mail.example.com", sender=SENDER, timeout=0.2)(MAIL)
    assert time.monotonic() - begun < 1
    found.set()


@pytest.mark.proves("T22")
def test_nothing_told(certificate: Path) -> None:
    """No error and no repr tells the address, the code or the password, nor remembers who does."""
    inbox = Inbox(f"554 no mail for {TO} with {CODE}")
    errors = []
    with server(inbox) as port:
        mailer = SMTPMailer(HOST, port, sender=SENDER, security="none")
        for mail in (MAIL, Mail(to=TO + ",", subject=CODE, text=CODE)):
            with pytest.raises(MailError) as raised:
                mailer(mail)
            errors.append(raised.value)
    login = SMTPMailer(HOST, sender=SENDER, username="shop", password=PASSWORD, context=trusting(certificate))
    texts = [repr(login), repr(MAIL), str(MAIL), *map(str, errors), *map(repr, errors)]
    assert [text for text in texts for canary in (TO, CODE, PASSWORD) if canary in text] == []
    assert [(error.__cause__, error.__context__) for error in errors] == [(None, None)] * 2


@pytest.mark.parametrize(
    ("parameter", "more"),
    [
        ("host", {"host": ""}),
        ("host", {"host": None}),
        ("port", {"port": 0}),
        ("port", {"port": "25"}),
        ("sender", {"sender": "a@b.c\r\nBcc: d@e.f"}),
        ("security", {"security": "ssl"}),
        ("security", {"security": "none", "username": "a", "password": "b"}),
        ("password", {"username": "a"}),
        ("password", {"password": "b"}),
        ("timeout", {"timeout": 0}),
        ("timeout", {"timeout": float("nan")}),
    ],
)
def test_mistakes(parameter: str, more: dict[str, Any]) -> None:
    """What cannot be a mailer is told when it is made; a password goes with TLS alone."""
    with pytest.raises(InvalidParameterError) as raised:
        SMTPMailer(**{"host": HOST, "sender": SENDER, **more})
    assert raised.value.parameter == parameter


def test_ports() -> None:
    """Each kind of connection has its port: 587 and 465 (RFC 8314, section 3), and 25."""
    ports = {
        kind: repr(SMTPMailer("mail.example.com", sender=SENDER, security=kind))
        for kind in ("starttls", "tls", "none")
    }
    assert ports == {
        "starttls": "<SMTPMailer to mail.example.com:587 by starttls>",
        "tls": "<SMTPMailer to mail.example.com:465 by tls>",
        "none": "<SMTPMailer to mail.example.com:25 by none>",
    }


def test_errors_are_of_the_kinds_caught() -> None:
    """What the standard library raises for a mail that does not leave is one of what is caught."""
    assert issubclass(smtplib.SMTPException, OSError)
    assert issubclass(ssl.SSLError, OSError)
    assert issubclass(UnicodeError, ValueError)
