"""SMTPMailer, with real servers on loopback."""

import pickle
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests._otp.test_canaries import told
from tests.support.database_servers import HOST, free_port
from tests.support.flows import ADDRESS, Person, Shop, lets_in
from tests.support.smtp_servers import (
    PASSWORD,
    Inbox,
    busy,
    hanging_up,
    knows_shop,
    misbehaving,
    saying,
    server,
    serving,
    trusting,
    wait_for_errands,
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
from totpkit.email import Security, SMTPMailer, _own_name

CODE = "271828"
TO = "alice.liddell@example.com"
SENDER = "Shop <no-reply@shop.example>"
MAIL = EmailTemplate().render(TO, code=CODE, minutes=10, issuer="Acme & Söhne")


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    """See that no thread is left behind by any test."""
    yield
    wait_for_errands()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a file with the key and the certificate of 127.0.0.1."""
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    write_certificate(path)
    return path


def plain(port: int, **more: Any) -> SMTPMailer:
    """Return a mailer to a server that does not encrypt."""
    return SMTPMailer(HOST, port, **{"sender": SENDER, "security": "none", **more})


def encrypting(security: Security, certificate: Path) -> dict[str, Any]:
    """Return the options of a server for a kind of connection."""
    options: dict[Security, dict[str, Any]] = {
        "starttls": {"tls_context": serving(certificate), "require_starttls": True},
        "tls": {"ssl_context": serving(certificate)},
        "none": {},
    }
    return options[security]


# Letters


@pytest.mark.parametrize("security", ["starttls", "tls", "none"])
def test_sent(certificate: Path, security: Security) -> None:
    """A letter arrives as it was written, in text and in HTML, by each kind of connection."""
    inbox = Inbox()
    with server(inbox, **encrypting(security, certificate)) as port:
        mailer = SMTPMailer(HOST, port, sender=SENDER, security=security, context=trusting(certificate))
        mailer(MAIL)
    (letter,) = inbox.letters
    assert inbox.recipients == [TO]
    assert (letter["To"], letter["From"], letter["Subject"]) == (TO, SENDER, MAIL.subject)
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["Message-ID"].endswith("@shop.example>")
    assert letter["Date"].datetime is not None
    text, html = letter.get_body(("plain",)), letter.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().replace("\r\n", "\n") == MAIL.text
    assert html.get_content().replace("\r\n", "\n") == MAIL.html


def test_seven_bits() -> None:
    """What goes over the wire is ASCII in short lines, for servers that take nothing else."""
    inbox = Inbox()
    with server(inbox) as port:
        plain(port, sender="Söhne <a@b.example>")(
            Email(to=TO, subject="Ein Schlüssel", text="für Söhne\n", html="<p>" + "ü" * 2000)
        )
    assert inbox.raw[0].isascii()
    assert max(map(len, inbox.raw[0].split(b"\r\n"))) <= 998
    assert (inbox.letters[0]["Subject"], inbox.letters[0]["From"]) == ("Ein Schlüssel", "Söhne <a@b.example>")


def test_text_alone() -> None:
    """A letter without HTML has one part."""
    inbox = Inbox()
    with server(inbox) as port:
        plain(port)(Email(to=TO, subject="s", text=f"{CODE}\n"))
    assert inbox.letters[0].get_content_type() == "text/plain"
    assert inbox.letters[0].get_content() == f"{CODE}\r\n"


def test_dots() -> None:
    """A line that is a dot ends no letter."""
    inbox = Inbox()
    with server(inbox) as port:
        plain(port)(Email(to=TO, subject="s", text="one\n.\nMAIL FROM:<eve@example.com>\n..\n"))
    (letter,) = inbox.letters
    assert letter.get_content() == "one\r\n.\r\nMAIL FROM:<eve@example.com>\r\n..\r\n"


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
    """The sender is an address, with a name if it is wished."""
    inbox = Inbox()
    with server(inbox) as port:
        plain(port, sender=sender)(MAIL)
    assert inbox.letters[0]["From"] == shown


@pytest.mark.parametrize("to", ["jörg@example.com", "joerg@bücher.example"])
def test_any_letters(to: str) -> None:
    """An address outside ASCII goes to a server that offers SMTPUTF8, as it is written, and to no other."""
    inbox = Inbox()
    mail = Email(to=to, subject="s", text=CODE)
    with server(inbox, enable_SMTPUTF8=True) as port:
        plain(port)(mail)
    assert inbox.recipients == [to]
    assert inbox.letters[0]["To"] == to
    with server(inbox, enable_SMTPUTF8=False) as port, pytest.raises(EmailError, match=r"SMTPNotSupported"):
        plain(port)(mail)
    assert len(inbox.letters) == 1


@pytest.mark.parametrize(
    "address",
    [
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
    ],
)
def test_addresses(address: Any) -> None:
    """What is not one bare address is an error: it names no second recipient, and no further header."""
    inbox = Inbox()
    with server(inbox) as port, pytest.raises(EmailError):
        plain(port)(Email(to=address, subject="s", text="t"))
    assert (inbox.letters, inbox.recipients) == ([], [])


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_subject_of_two_lines(end: str) -> None:
    """A subject with a line end names no further header."""
    inbox = Inbox()
    with server(inbox) as port, pytest.raises(EmailError, match="ValueError"):
        plain(port)(Email(to=TO, subject=f"s{end}Bcc: b@example.com", text="t"))
    assert inbox.letters == []


def test_no_mail() -> None:
    """What is no letter is the caller's mistake."""
    with pytest.raises(InvalidParameterError, match=r"^mail must be a Email, not str$"):
        SMTPMailer(HOST, sender=SENDER)(CODE)  # type: ignore[arg-type]


# Who is spoken to


def test_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mailer calls itself by its address: to look up its name could take longer than the letter."""
    inbox = Inbox()
    with server(inbox) as port:
        askers: list[str] = []
        monkeypatch.setattr(
            socket, "getfqdn", lambda *_: askers.append(threading.current_thread().name) or "here.example"
        )
        plain(port)(MAIL)
    assert {"MainThread", "totpkit-email"}.isdisjoint(askers)
    assert inbox.hello == ["[127.0.0.1]"]


def test_own_name_of_six() -> None:
    """An address of IPv6 is tagged as one (RFC 5321, section 4.1.3)."""

    class Six(socket.socket):
        def getsockname(self) -> tuple[str, int, int, int]:
            return ("::1", 25, 0, 0)

    with Six() as end:
        assert _own_name(end) == "[IPv6:::1]"


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_login(certificate: Path, security: Security) -> None:
    """A name and a password log in, once the connection is encrypted; wrong ones are an error."""
    inbox = Inbox()
    options = encrypting(security, certificate)
    with server(inbox, authenticator=knows_shop, auth_require_tls=security == "starttls", **options) as port:
        parts: dict[str, Any] = {
            "sender": SENDER,
            "username": "shop",
            "security": security,
            "context": trusting(certificate),
        }
        SMTPMailer(HOST, port, password=PASSWORD, **parts)(MAIL)
        assert len(inbox.letters) == 1
        with pytest.raises(EmailError, match="SMTPAuthenticationError"):
            SMTPMailer(HOST, port, password="guess", **parts)(MAIL)  # noqa: S106 - wrong
    assert len(inbox.letters) == 1


def test_login_needed(certificate: Path) -> None:
    """A server that wants a login takes nothing without one."""
    inbox = Inbox()
    options = encrypting("starttls", certificate)
    with (
        server(inbox, authenticator=knows_shop, auth_required=True, **options) as port,
        pytest.raises(EmailError, match="SMTPSenderRefused"),
    ):
        SMTPMailer(HOST, port, sender=SENDER, context=trusting(certificate))(MAIL)
    assert inbox.letters == []


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
    """Where a server offers no STARTTLS, or not now, nothing more is said to it: no name, no letter."""
    heard: list[bytes] = []
    rest: list[bytes] = []
    behaviour = saying(*replies, heard=heard, then=lambda connection: rest.append(connection.recv(100)))
    with misbehaving(behaviour) as port, pytest.raises(EmailError, match="SMTPNotSupportedError"):
        SMTPMailer(HOST, port, sender=SENDER, username="shop", password=PASSWORD)(MAIL)
    assert [line.split()[0] for line in heard] == [b"ehlo", b"STARTTLS"][: len(replies)]
    assert rest == [b""]


def test_no_letter_in_plain() -> None:
    """Nor does a letter go to a server that would take it as it is, unless that is asked for by name."""
    inbox = Inbox()
    with server(inbox) as port:
        with pytest.raises(EmailError, match="SMTPNotSupportedError"):
            SMTPMailer(HOST, port, sender=SENDER)(MAIL)
        assert (inbox.letters, inbox.recipients) == ([], [])
        plain(port)(MAIL)
    assert len(inbox.letters) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_strange_certificate(certificate: Path, security: Security) -> None:
    """A certificate that nobody vouches for, or of another host, is an error; nothing is sent."""
    inbox = Inbox()
    with server(inbox, **encrypting(security, certificate)) as port:
        with pytest.raises(EmailError, match="SSLCertVerificationError"):
            SMTPMailer(HOST, port, sender=SENDER, security=security)(MAIL)
        other = SMTPMailer("localhost", port, sender=SENDER, security=security, context=trusting(certificate))
        with pytest.raises(EmailError, match="SSLCertVerificationError"):
            other(MAIL)
    assert inbox.letters == []


def test_said_before_encryption(certificate: Path) -> None:
    """What somebody on the way appends to the plain answer is not believed once it is encrypted."""
    heard: list[bytes] = []

    def encrypted(connection: socket.socket) -> None:
        with serving(certificate).wrap_socket(connection, server_side=True) as inner:
            lines = inner.makefile("rb")
            for _ in range(2):
                heard.append(lines.readline())
                inner.sendall(b"250 no logins here\r\n")

    behaviour = saying(
        b"250-here\r\n250 STARTTLS\r\n", b"220 go\r\n250-here\r\n250 AUTH PLAIN\r\n", then=encrypted
    )
    with misbehaving(behaviour) as port:
        mailer = SMTPMailer(
            HOST, port, sender=SENDER, username="shop", password=PASSWORD, context=trusting(certificate)
        )
        with pytest.raises(EmailError, match="SMTPNotSupportedError"):
            mailer(MAIL)
    assert heard[0].startswith(b"ehlo ")
    assert not any(line.startswith(b"AUTH") for line in heard)


def test_refused() -> None:
    """A server that does not take the letter, or its reader, is an error."""
    inbox = Inbox("554 no")
    with server(inbox) as port, pytest.raises(EmailError, match="SMTPDataError"):
        plain(port)(MAIL)
    rejecting = saying(b"250 here\r\n", b"250 OK\r\n", f"550 {TO} unknown\r\n".encode(), b"250 OK\r\n")
    with misbehaving(rejecting) as port, pytest.raises(EmailError, match="SMTPRecipientsRefused"):
        plain(port)(MAIL)


def test_no_service() -> None:
    """A server that greets by refusing, and one that hangs up, are errors."""
    with misbehaving(busy) as port, pytest.raises(EmailError, match="ConnectionRefusedError"):
        plain(port)(MAIL)
    with misbehaving(hanging_up) as port, pytest.raises(EmailError, match="SMTPServerDisconnected"):
        plain(port)(MAIL)


def test_nobody_there() -> None:
    """A port without a server, and a name without an address, are errors."""
    with pytest.raises(EmailError, match="ConnectionRefusedError"):
        plain(free_port())(MAIL)
    with pytest.raises(EmailError, match=r"gaierror|TimeoutError"):
        SMTPMailer("nobody.invalid", sender=SENDER)(MAIL)


# A flow that mails by it


@pytest.mark.proves("MAIL-off")
def test_flow() -> None:
    """A flow's code arrives by SMTP in the words of the app's template, and lets its reader in."""
    inbox = Inbox()
    template = EmailTemplate(subject="Hello from {issuer}", text="Type {code}.\n", html="")
    with server(inbox) as port:
        shop = Shop(then=lambda shop: (shop.email(mailer=plain(port), template=template),))
        alice = Person(shop)
        page = alice.come_in()
        assert inbox.letters == []
        page = alice.answer(page, SendEmail())
    (letter,) = inbox.letters
    assert (letter["To"], letter["Subject"]) == (ADDRESS, "Hello from Acme")
    found = re.fullmatch(r"Type (\d{6})\.\r\n", letter.get_content())
    assert found is not None
    assert lets_in(alice.answer(page, EmailAnswer(found[1]))).factors == ("password", "email")


def test_flow_without_server() -> None:
    """A code that did not leave costs no wait: the next is sent at once."""
    inbox = Inbox()
    mailers = [plain(free_port())]

    def send(mail: Email) -> None:
        mailers[-1](mail)

    shop = Shop(then=lambda shop: (shop.email(mailer=send),))
    alice = Person(shop)
    page = alice.come_in()
    with pytest.raises(EmailError, match="ConnectionRefusedError"):
        alice.answer(page, SendEmail())
    with server(inbox) as port:
        mailers.append(plain(port))
        page = alice.answer(page, SendEmail())
    assert (page.problem, page.prompts) == (None, (EmailPrompt("a***@example.com", sent=True),))
    assert len(inbox.letters) == 1


# What is told


@pytest.mark.proves("T22")
def test_nothing_told(certificate: Path) -> None:
    """No error tells the address, the code or the password, nor remembers who does."""
    quoting = f"554 no {TO} {CODE} {PASSWORD}"
    credentials: dict[str, Any] = {"username": "shop", "password": f"{PASSWORD} no more"}
    mailers = []
    with (
        server(Inbox(quoting)) as refusing,
        server(Inbox(), tls_context=serving(certificate), authenticator=knows_shop) as closed,
        misbehaving(saying(f"{quoting}\r\n".encode(), f"{quoting}\r\n".encode())) as rude,
    ):
        mailers += [(plain(refusing), MAIL), (plain(rude), MAIL)]
        login = SMTPMailer(HOST, closed, sender=SENDER, context=trusting(certificate), **credentials)
        mailers.append((login, MAIL))
        mails = [Email(to=f"{TO},", subject=CODE, text=CODE), Email(to=TO, subject=f"{CODE}\n", text=CODE)]
        mails += [
            Email(to=TO, subject=CODE, text=f"{CODE}\ud800"),
            Email(to=f"é{TO}", subject=CODE, text=CODE),
        ]
        mailers += [(plain(refusing), mail) for mail in mails]
        for mailer, mail in mailers:
            with pytest.raises(EmailError) as caught:
                mailer(mail)
            assert re.fullmatch(r"the mail did not leave: \w+", str(caught.value))
            assert (caught.value.__cause__, caught.value.__context__) == (None, None)
            for text in told(caught.value):
                assert [canary for canary in (TO, CODE, PASSWORD) if canary in text] == []


@pytest.mark.proves("T22")
def test_mailer_not_told() -> None:
    """A mailer shows its password neither when printed nor when taken apart, and is not pickled."""
    mailer = SMTPMailer(HOST, sender=SENDER, username="shop", password=PASSWORD)
    assert PASSWORD not in f"{mailer} {mailer!r} {vars(mailer)}"
    with pytest.raises((TypeError, AttributeError, pickle.PicklingError)) as caught:
        pickle.dumps(mailer)
    assert PASSWORD not in str(caught.value)


@pytest.mark.proves("T22")
@pytest.mark.parametrize(
    ("parameter", "more"),
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
        ("security", {"security": "none", "username": "a", "password": PASSWORD}),
        ("security", {"host": "localhost", "security": "none", "username": "a", "password": PASSWORD}),
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
def test_mistakes(parameter: str, more: dict[str, Any]) -> None:
    """What cannot be a mailer is told when it is made, and no password is quoted."""
    with pytest.raises(InvalidParameterError) as raised:
        SMTPMailer(**{"host": HOST, "sender": SENDER, **more})
    assert raised.value.parameter == parameter
    assert PASSWORD not in str(raised.value)


def test_ports() -> None:
    """Each kind of connection has its port: 587 and 465 (RFC 8314, section 3), and 25."""
    kinds: tuple[Security, ...] = ("starttls", "tls", "none")
    assert [repr(SMTPMailer("mail.example.com", sender=SENDER, security=kind)) for kind in kinds] == [
        "<SMTPMailer to mail.example.com:587 by starttls>",
        "<SMTPMailer to mail.example.com:465 by tls>",
        "<SMTPMailer to mail.example.com:25 by none>",
    ]


def test_verified() -> None:
    """Without a context of the app's, certificates and names are verified."""
    context = SMTPMailer(HOST, sender=SENDER)._context
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
