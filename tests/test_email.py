"""Tests of totpkit.email.SMTPMailer, with real servers on loopback."""

import pickle
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests._otp.test_canaries import texts_of
from tests.support.database_servers import HOST, free_port
from tests.support.flows import ADDRESS, Person, Shop, lets_in
from tests.support.smtp_servers import (
    PASSWORD,
    Inbox,
    busy,
    delivery_threads,
    hanging_up,
    knows_shop,
    misbehaving,
    saying,
    server,
    serving,
    trusting,
    wait_for_deliveries,
    write_certificate,
)
from totpkit import (
    Email,
    EmailAnswer,
    EmailError,
    EmailPrompt,
    EmailTemplate,
    InvalidParameterError,
    SendEmail,
)
from totpkit._smtp import _own_name
from totpkit.email import Security, SMTPMailer

CODE = "271828"
TO = "alice.liddell@example.com"
SENDER = "Shop <no-reply@shop.example>"
EMAIL = EmailTemplate().render(to=TO, code=CODE, minutes=10, issuer="Acme & Söhne")


@pytest.fixture(autouse=True)
def _no_thread_left() -> Iterator[None]:
    """Check that no test leaves a thread behind."""
    yield
    wait_for_deliveries()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with a key and a certificate of 127.0.0.1."""
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    write_certificate(path)
    return path


def mailer(port: int, host: str = HOST, **settings: Any) -> SMTPMailer:
    """Return a mailer for a server on this port."""
    return SMTPMailer(host, port=port, **{"sender": SENDER, **settings})


def plain(port: int, **settings: Any) -> SMTPMailer:
    """Return a mailer for a server that does not encrypt."""
    return mailer(port, security="none", **settings)


def encrypting(security: Security, certificate: Path) -> dict[str, Any]:
    """Return the options of a server for this kind of connection."""
    options: dict[Security, dict[str, Any]] = {
        "starttls": {"tls_context": serving(certificate), "require_starttls": True},
        "tls": {"ssl_context": serving(certificate)},
        "none": {},
    }
    return options[security]


# Messages


@pytest.mark.parametrize("security", ["starttls", "tls", "none"])
def test_sent(certificate: Path, security: Security) -> None:
    """An email arrives unchanged, as text and as HTML, by each kind of connection."""
    inbox = Inbox()
    with server(inbox, **encrypting(security, certificate)) as port:
        mailer(port, security=security, context=trusting(certificate))(EMAIL)
    (email,) = inbox.emails
    assert inbox.recipients == [TO]
    assert (email["To"], email["From"], email["Subject"]) == (TO, SENDER, EMAIL.subject)
    assert email["Auto-Submitted"] == "auto-generated"
    assert email["Message-ID"].endswith("@shop.example>")
    assert email["Date"].datetime is not None
    text, html = email.get_body(("plain",)), email.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().replace("\r\n", "\n") == EMAIL.text
    assert html.get_content().replace("\r\n", "\n") == EMAIL.html


def test_seven_bits() -> None:
    """Only ASCII in short lines is sent, for servers that accept nothing else."""
    inbox = Inbox()
    email = Email(to=TO, subject="Ein Schlüssel", text="für Söhne\n", html="<p>" + "ü" * 2000)
    with server(inbox) as port:
        plain(port, sender="Söhne <a@b.example>")(email)
    assert inbox.raw[0].isascii()
    assert max(map(len, inbox.raw[0].split(b"\r\n"))) <= 998
    assert (inbox.emails[0]["Subject"], inbox.emails[0]["From"]) == ("Ein Schlüssel", "Söhne <a@b.example>")


def test_dots_without_html() -> None:
    """An email without HTML has one part, and a line with a dot does not end it."""
    inbox = Inbox()
    text = "one\n.\nMAIL FROM:<eve@example.com>\n..\n"
    with server(inbox) as port:
        plain(port)(Email(to=TO, subject="s", text=text))
    (email,) = inbox.emails
    assert email.get_content_type() == "text/plain"
    assert email.get_content() == text.replace("\n", "\r\n")


@pytest.mark.parametrize(
    ("sender", "shown"),
    [
        ("no-reply@shop.example", "no-reply@shop.example"),
        ("<no-reply@shop.example>", "no-reply@shop.example"),
        ("Shop Inc. <no-reply@shop.example>", '"Shop Inc." <no-reply@shop.example>'),
        ('"Shop, Inc." <no-reply@shop.example>', '"Shop, Inc." <no-reply@shop.example>'),
    ],
)
def test_sender(sender: str, shown: str) -> None:
    """The sender is an address, with or without a name."""
    inbox = Inbox()
    with server(inbox) as port:
        plain(port, sender=sender)(EMAIL)
    assert inbox.emails[0]["From"] == shown


@pytest.mark.parametrize("to", ["jörg@example.com", "joerg@bücher.example"])
def test_unicode_address(to: str) -> None:
    """An address that is not ASCII is sent as it is, but only to a server that offers SMTPUTF8."""
    inbox = Inbox()
    email = Email(to=to, subject="s", text=CODE)
    with server(inbox, enable_SMTPUTF8=True) as port:
        plain(port)(email)
    assert inbox.recipients == [to]
    assert inbox.emails[0]["To"] == to
    with server(inbox, enable_SMTPUTF8=False) as port, pytest.raises(EmailError, match=r"SMTPNotSupported"):
        plain(port)(email)
    assert len(inbox.emails) == 1


ADDRESSES = [
    "",
    "nobody",
    "@example.com",
    "a@",
    "a@example.com, b@example.com",
    "a@example.com,b@example.com",
    "<a@example.com>",
    "Alice <a@example.com>",
    "a@example.com (Alice)",
    "a@example.com\r\nBcc: b@example.com",
    "a@example.com\nRCPT TO:<b@example.com>",
    "a@example.com\r",
    "a@example.com\0",
    "a@example.com\x85b",
    "a b@example.com",
    '"a@b"@example.com',
    "a@b@example.com",
    "a@example.com> SIZE=1",
    "team: a@example.com;",
    "\ud800@example.com",
    None,
]


def test_invalid_address_or_subject() -> None:
    """Anything but one bare address, and a subject of two lines, raises before anything is sent."""
    inbox = Inbox()
    emails = [Email(to=address, subject="s", text="t") for address in ADDRESSES]  # type: ignore[arg-type]
    emails += [Email(to=TO, subject=f"s{end}Bcc: b@example.com", text="t") for end in ("\r\n", "\n", "\r")]
    with server(inbox) as port:
        for email in emails:
            with pytest.raises(EmailError):
                plain(port)(email)
    assert (inbox.emails, inbox.recipients) == ([], [])


def test_not_an_email() -> None:
    """A mailer takes an Email."""
    with pytest.raises(InvalidParameterError, match=r"^email must be an Email, not str$"):
        mailer(25)(CODE)  # type: ignore[arg-type]


# Connections


def test_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mailer introduces itself with its address, because looking up its name could take long."""
    inbox = Inbox()
    getfqdn = socket.getfqdn

    def resolve(name: str = "") -> str:
        assert threading.current_thread() not in delivery_threads()
        return getfqdn(name)

    monkeypatch.setattr(socket, "getfqdn", resolve)
    with server(inbox) as port:
        plain(port)(EMAIL)
    assert inbox.client_names == ["[127.0.0.1]"]


def test_own_name_ipv6() -> None:
    """An IPv6 address is tagged as such (RFC 5321, section 4.1.3)."""

    class IPv6Socket(socket.socket):
        def getsockname(self) -> tuple[str, int, int, int]:
            return ("::1", 25, 0, 0)

    with IPv6Socket() as sock:
        assert _own_name(sock) == "[IPv6:::1]"


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_login(certificate: Path, security: Security) -> None:
    """A user name and password are sent over an encrypted connection; wrong ones are an error."""
    inbox = Inbox()
    options = encrypting(security, certificate)
    settings: dict[str, Any] = {
        "username": "shop",
        "security": security,
        "context": trusting(certificate),
    }
    with server(inbox, authenticator=knows_shop, auth_require_tls=security == "starttls", **options) as port:
        mailer(port, password=PASSWORD, **settings)(EMAIL)
        assert len(inbox.emails) == 1
        with pytest.raises(EmailError, match="SMTPAuthenticationError"):
            mailer(port, password="guess", **settings)(EMAIL)  # noqa: S106 - wrong
    assert len(inbox.emails) == 1


@pytest.mark.parametrize(
    "replies",
    [
        (b"250 here\r\n",),
        (b"250-here\r\n250 AUTH PLAIN LOGIN\r\n",),
        (b"250-here\r\n250-AUTH PLAIN LOGIN\r\n250 STARTTLS\r\n", b"454 not now\r\n"),
        (b"502 what\r\n",),
    ],
)
def test_no_starttls(replies: tuple[bytes, ...]) -> None:
    """To a server that does not offer STARTTLS, or not now, neither credentials nor an email are sent."""
    heard: list[bytes] = []
    rest: list[bytes] = []
    behavior = saying(*replies, heard=heard, then=lambda connection: rest.append(connection.recv(100)))
    with misbehaving(behavior) as port, pytest.raises(EmailError, match="SMTPNotSupportedError"):
        mailer(port, username="shop", password=PASSWORD)(EMAIL)
    assert [line.split()[0] for line in heard] == [b"ehlo", b"STARTTLS"][: len(replies)]
    assert rest == [b""]


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_untrusted_certificate(certificate: Path, security: Security) -> None:
    """With an untrusted certificate, or one of another host, nothing is sent."""
    inbox = Inbox()
    untrusting = {"security": security}
    other_name = {"host": "localhost", "security": security, "context": trusting(certificate)}
    with server(inbox, **encrypting(security, certificate)) as port:
        for settings in (untrusting, other_name):
            with pytest.raises(EmailError, match="SSLCertVerificationError"):
                mailer(port, **settings)(EMAIL)
    assert inbox.emails == []


def test_injected_before_encryption(certificate: Path) -> None:
    """What an attacker appends to the plain reply is not read after the encryption (CVE-2011-0411)."""
    heard: list[bytes] = []

    def encrypted(connection: socket.socket) -> None:
        with serving(certificate).wrap_socket(connection, server_side=True) as inner:
            lines = inner.makefile("rb")
            for _ in range(2):
                heard.append(lines.readline())
                inner.sendall(b"250 no logins here\r\n")

    injected = b"220 go\r\n250-here\r\n250 AUTH PLAIN\r\n"
    behavior = saying(b"250-here\r\n250 STARTTLS\r\n", injected, then=encrypted)
    with misbehaving(behavior) as port, pytest.raises(EmailError, match="SMTPNotSupportedError"):
        mailer(port, username="shop", password=PASSWORD, context=trusting(certificate))(EMAIL)
    assert heard[0].startswith(b"ehlo ")
    assert not any(line.startswith(b"AUTH") for line in heard)


def test_refused() -> None:
    """It is an error if the server does not accept the email, or its recipient."""
    with server(Inbox("554 no")) as port, pytest.raises(EmailError, match="SMTPDataError"):
        plain(port)(EMAIL)
    rejecting = saying(b"250 here\r\n", b"250 OK\r\n", f"550 {TO} unknown\r\n".encode(), b"250 OK\r\n")
    with misbehaving(rejecting) as port, pytest.raises(EmailError, match="SMTPRecipientsRefused"):
        plain(port)(EMAIL)


def test_no_service() -> None:
    """It is an error if the server greets with an error or hangs up."""
    with misbehaving(busy) as port, pytest.raises(EmailError, match="ConnectionRefusedError"):
        plain(port)(EMAIL)
    with misbehaving(hanging_up) as port, pytest.raises(EmailError, match="SMTPServerDisconnected"):
        plain(port)(EMAIL)


def test_no_server() -> None:
    """It is an error if nothing listens on the port, or the name has no address."""
    with pytest.raises(EmailError, match="ConnectionRefusedError"):
        plain(free_port())(EMAIL)
    with pytest.raises(EmailError, match=r"gaierror|TimeoutError"):
        mailer(25, "nobody.invalid")(EMAIL)


# In a flow


@pytest.mark.proves("MAIL-off")
def test_flow() -> None:
    """An unsent code can be requested again at once; it arrives in the app's words, and logs the user in."""
    inbox = Inbox()
    template = EmailTemplate(subject="Hello from {issuer}", text="Type {code}.\n", html="")
    mailers = [plain(free_port())]

    def send(email: Email) -> None:
        mailers[-1](email)

    shop = Shop(then=lambda shop: (shop.email(mailer=send, template=template),))
    alice = Person(shop)
    challenge = alice.enter_password()
    with pytest.raises(EmailError, match="ConnectionRefusedError"):
        alice.answer(challenge, SendEmail())
    with server(inbox) as port:
        mailers.append(plain(port))
        challenge = alice.answer(challenge, SendEmail())
    assert (challenge.problem, challenge.prompts) == (None, (EmailPrompt("a***@example.com", sent=True),))
    (email,) = inbox.emails
    assert (email["To"], email["Subject"]) == (ADDRESS, "Hello from Acme")
    found = re.fullmatch(r"Type (\d{6})\.\r\n", email.get_content())
    assert found is not None
    assert lets_in(alice.answer(challenge, EmailAnswer(found[1]))).factors == ("password", "email")


# Secrets in messages


@pytest.mark.proves("T22")
def test_errors_quote_nothing(certificate: Path) -> None:
    """No error contains the address, the code or the password, and none refers to one that does."""
    quoting = f"554 no {TO} {CODE} {PASSWORD}"
    settings: dict[str, Any] = {"username": "shop", "password": f"{PASSWORD} no more"}
    with (
        server(Inbox(quoting)) as refusing,
        server(Inbox(), tls_context=serving(certificate), authenticator=knows_shop) as closed,
        misbehaving(saying(f"{quoting}\r\n".encode(), f"{quoting}\r\n".encode())) as rude,
    ):
        attempts = [
            (plain(refusing), EMAIL),
            (plain(rude), EMAIL),
            (mailer(closed, context=trusting(certificate), **settings), EMAIL),
            (plain(refusing), Email(to=f"{TO},", subject=CODE, text=CODE)),
            (plain(refusing), Email(to=TO, subject=f"{CODE}\n", text=CODE)),
            (plain(refusing), Email(to=TO, subject=CODE, text=f"{CODE}\ud800")),
            (plain(refusing), Email(to=f"é{TO}", subject=CODE, text=CODE)),
        ]
        for failing, email in attempts:
            with pytest.raises(EmailError, match=r"^the email was not sent: \w+$") as caught:
                failing(email)
            assert (caught.value.__cause__, caught.value.__context__) == (None, None)
            for text in texts_of(caught.value):
                assert [canary for canary in (TO, CODE, PASSWORD) if canary in text] == []


@pytest.mark.proves("T22")
def test_repr() -> None:
    """A mailer shows its password neither in its repr nor in its attributes, and cannot be pickled."""
    secret = mailer(25, username="shop", password=PASSWORD)
    assert PASSWORD not in f"{secret} {secret!r} {vars(secret)}"
    with pytest.raises((TypeError, AttributeError, pickle.PicklingError)) as caught:
        pickle.dumps(secret)
    assert PASSWORD not in str(caught.value)


LOGIN = {"username": "a", "password": PASSWORD}


@pytest.mark.proves("T22")
@pytest.mark.parametrize(
    ("parameter", "settings"),
    [
        ("host", {"host": ""}),
        ("host", {"host": None}),
        ("host", {"host": "smtp://mail.example.com"}),
        ("host", {"host": "mail.example.com\r\n"}),
        ("host", {"host": "\ud800"}),
        ("port", {"port": 0}),
        ("port", {"port": 65_536}),
        ("port", {"port": "25"}),
        ("sender", {"sender": ""}),
        ("sender", {"sender": None}),
        ("sender", {"sender": "Shop"}),
        ("sender", {"sender": "a@b.c, d@e.f"}),
        ("sender", {"sender": "a@b.c\r\nBcc: d@e.f"}),
        ("sender", {"sender": "Shop\r\nBcc: d@e.f <a@b.c>"}),
        ("sender", {"sender": "Shop <a@b.c"}),
        ("sender", {"sender": "\ud800 <a@b.c>"}),
        ("security", {"security": "ssl"}),
        ("security", {"security": "none", **LOGIN}),
        ("security", {"host": "localhost", "security": "none", **LOGIN}),
        ("password", {"username": "a"}),
        ("password", {"password": PASSWORD}),
        ("password", {"username": "a", "password": PASSWORD.encode()}),
        ("password", {"username": "a", "password": ""}),
        ("password", {"username": "a", "password": f"{PASSWORD}é"}),
        ("password", {"username": "a", "password": f"{PASSWORD}\0"}),
        ("username", {"username": "é", "password": PASSWORD}),
        ("timeout", {"timeout": 0}),
        ("timeout", {"timeout": 301}),
        ("timeout", {"timeout": float("nan")}),
        ("context", {"context": "default"}),
    ],
)
def test_invalid_settings(parameter: str, settings: dict[str, Any]) -> None:
    """Invalid settings raise at construction, and no password is quoted."""
    with pytest.raises(InvalidParameterError) as caught:
        SMTPMailer(**{"host": HOST, "sender": SENDER, **settings})
    assert caught.value.parameter == parameter
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(("security", "port"), [("starttls", 587), ("tls", 465), ("none", 25)])
def test_default_port(security: Security, port: int) -> None:
    """Each kind of connection has its default port (RFC 8314, section 3)."""
    expected = f"<SMTPMailer to mail.example.com:{port} by {security}>"
    assert repr(SMTPMailer("mail.example.com", sender=SENDER, security=security)) == expected


def test_default_context() -> None:
    """By default, certificates and host names are verified."""
    context = SMTPMailer(HOST, sender=SENDER)._server.tls
    assert context is not None
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
