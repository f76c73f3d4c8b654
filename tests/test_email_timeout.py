"""Tests that totpkit.email.SMTPMailer ends in time, whatever the server does."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.support.database_servers import HOST, free_port, wait_until
from tests.support.smtp_servers import (
    Behavior,
    Inbox,
    delivery_threads,
    dripping,
    endless,
    hanging_up,
    misbehaving,
    saying,
    server,
    serving,
    silent,
    trusting,
    wait_for_deliveries,
    write_certificate,
)
from totpkit import Email, EmailError
from totpkit.email import Security, SMTPMailer

EMAIL = Email(to="alice@example.com", subject="s", text="271828\n")
TIMEOUT = 0.5
GRACE = 10.0
"""Seconds that a busy machine may add. The servers here go on for 30 seconds, or forever."""

PATIENCE = 30.0
"""Seconds for deliveries that succeed, on a busy machine too."""

LATE = r"^the email was not sent: (TimeoutError|SMTPServerDisconnected)$"
"""Either the waiting mailer notices first, or its socket, whose timeout is as long."""

REPLIES = (b"250 here\r\n", b"250 OK\r\n", b"250 OK\r\n", b"354 go on\r\n")
"""The replies up to the message itself."""


@contextmanager
def deadline() -> Iterator[None]:
    """Check that the block raises EmailError at the deadline, and leaves no thread behind."""
    begin = time.monotonic()
    with pytest.raises(EmailError, match=LATE):
        yield
    assert TIMEOUT <= time.monotonic() - begin < TIMEOUT + GRACE
    wait_for_deliveries()


def mailer(
    port: int, security: Security = "none", host: str = HOST, timeout: float = TIMEOUT, **settings: Any
) -> SMTPMailer:
    """Return a mailer with a timeout of half a second, or another one."""
    return SMTPMailer(host, port=port, sender="a@b.example", security=security, timeout=timeout, **settings)


@pytest.mark.parametrize("behavior", [silent, dripping, endless])
@pytest.mark.parametrize("security", ["starttls", "none"])
def test_greeting(security: Security, behavior: Behavior) -> None:
    """The mailer gives up at the deadline if the greeting does not come, drips, or never ends."""
    with misbehaving(behavior) as port, deadline():
        mailer(port, security)(EMAIL)


def test_no_handshake() -> None:
    """The same is true of a TLS handshake that does not begin; another greeting fails at once."""
    with misbehaving(silent) as port, deadline():
        mailer(port, "tls")(EMAIL)
    with misbehaving(dripping) as port, pytest.raises(EmailError, match="SSL"):
        mailer(port, "tls", timeout=PATIENCE)(EMAIL)


@pytest.mark.parametrize("then", [silent, dripping])
@pytest.mark.parametrize("replies", range(len(REPLIES)))
def test_stops_replying(replies: int, then: Behavior) -> None:
    """The mailer gives up at the deadline if the server stops after any of its replies."""
    with misbehaving(saying(*REPLIES[:replies], then=then)) as port, deadline():
        mailer(port)(EMAIL)


def test_stops_before_encryption() -> None:
    """The mailer gives up at the deadline if the server accepts STARTTLS and then stops."""
    behavior = saying(b"250-here\r\n250 STARTTLS\r\n", b"220 go\r\n")
    with misbehaving(behavior) as port, deadline():
        mailer(port, "starttls")(EMAIL)


@pytest.mark.parametrize("then", [silent, dripping])
def test_stops_after_encryption(tmp_path: Path, then: Behavior) -> None:
    """The mailer gives up at the deadline if the server stops once the connection is encrypted."""
    certificate = tmp_path / "server.pem"
    write_certificate(certificate)

    def behavior(connection: socket.socket) -> None:
        with serving(certificate).wrap_socket(connection, server_side=True) as inner:
            then(inner)

    with misbehaving(behavior) as port, deadline():
        mailer(port, "tls", context=trusting(certificate))(EMAIL)


def full_backlog() -> tuple[socket.socket, ExitStack]:
    """Return a listener with a full backlog, which does not answer the next connection."""
    clients = ExitStack()
    listener = clients.enter_context(socket.create_server((HOST, 0), backlog=0))
    for _ in range(8):
        client = clients.enter_context(socket.socket())
        client.settimeout(0)
        client.connect_ex(listener.getsockname())
    return listener, clients


def test_no_answer() -> None:
    """The mailer gives up at the deadline if the host does not answer at all."""
    listener, clients = full_backlog()
    with clients, deadline():
        mailer(listener.getsockname()[1])(EMAIL)


def resolve_with(monkeypatch: pytest.MonkeyPatch, getaddrinfo: Callable[..., object]) -> None:
    """Resolve names with this function."""
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def addresses(*ports: int) -> list[tuple[object, ...]]:
    """Return what name resolution finds: this machine, with each of the ports."""
    return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (HOST, port)) for port in ports]


def test_next_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that refuses or does not answer leaves time for the next one."""
    inbox = Inbox()
    listener, clients = full_backlog()
    with clients, server(inbox) as port:
        found = addresses(free_port(), listener.getsockname()[1], port)
        resolve_with(monkeypatch, lambda *_, **__: found)
        mailer(port, host="mail.example.com", timeout=3.0)(EMAIL)  # leaves half of it for the last one
        assert len(inbox.emails) == 1


def test_slow_name_resolution(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mailer gives up at the deadline if the name resolves too late, and sends nothing after it."""
    inbox = Inbox()
    resolved = threading.Event()
    with server(inbox) as port:

        def getaddrinfo(*_: object, **__: object) -> list[tuple[object, ...]]:
            assert resolved.wait(30)
            return addresses(port)

        resolve_with(monkeypatch, getaddrinfo)
        begin = time.monotonic()
        with pytest.raises(EmailError, match="TimeoutError"):
            mailer(port, host="mail.example.com")(EMAIL)
        assert TIMEOUT <= time.monotonic() - begin < TIMEOUT + GRACE
        assert len(delivery_threads()) == 1  # the system's name resolution cannot be interrupted
        resolved.set()
        wait_for_deliveries()
    assert inbox.emails == []


def test_not_sent_late() -> None:
    """A server that wakes up after the deadline gets nothing, because the caller was told of a failure."""
    heard: list[bytes] = []
    awake = threading.Event()

    def behavior(connection: socket.socket) -> None:
        assert awake.wait(30)
        saying(*REPLIES, heard=heard)(connection)

    with misbehaving(behavior) as port:
        with deadline():
            mailer(port)(EMAIL)
        awake.set()
    assert b"".join(heard) == b""


def test_quit() -> None:
    """An accepted email counts as sent, however long the server takes to reply to QUIT."""
    heard: list[bytes] = []

    def accepting(connection: socket.socket) -> None:
        lines = connection.makefile("rb")
        connection.sendall(b"220 here\r\n")
        for reply in REPLIES:
            lines.readline()
            connection.sendall(reply)
        while lines.readline() != b".\r\n":
            pass
        connection.sendall(b"250 OK\r\n")
        heard.append(lines.readline())
        dripping(connection)

    with misbehaving(accepting) as port:
        begin = time.monotonic()
        mailer(port, timeout=PATIENCE)(EMAIL)
        assert time.monotonic() - begin < PATIENCE
    assert heard == [b"QUIT\r\n"]
    wait_for_deliveries()


def test_hung_up_after_accepting() -> None:
    """An accepted email counts as sent, even if the server hangs up right after it."""

    def accepting(connection: socket.socket) -> None:
        saying(*REPLIES, then=hanging_up)(connection)
        time.sleep(0.05)
        connection.sendall(b"250 OK\r\n")

    with misbehaving(accepting) as port:
        mailer(port, timeout=PATIENCE)(EMAIL)


def test_parallel() -> None:
    """Emails that are sent at the same time wait only for their own server."""
    inbox = Inbox()
    over = threading.Event()

    def stuck(_: socket.socket) -> None:
        assert over.wait(PATIENCE)

    with misbehaving(stuck) as stuck_port, server(inbox) as port, ThreadPoolExecutor(9) as pool:
        first = pool.submit(mailer(stuck_port, timeout=PATIENCE), EMAIL)
        wait_until(lambda: len(delivery_threads()) == 1)
        others = [pool.submit(mailer(port, timeout=PATIENCE), EMAIL) for _ in range(8)]
        for other in others:
            other.result()
        assert not first.done()
        over.set()
        with pytest.raises(EmailError):
            first.result()
    assert len(inbox.emails) == 8


def test_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A KeyboardInterrupt during a delivery is not suppressed, and ends the connection."""

    def interrupted(*_: object) -> NoReturn:
        wait_until(lambda: bool(delivery_threads()))
        raise KeyboardInterrupt

    with misbehaving(silent) as port:
        monkeypatch.setattr(threading.Event, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            mailer(port, timeout=300.0)(EMAIL)
        monkeypatch.undo()
        wait_for_deliveries()


def test_no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """If no thread can be started, the email is not sent."""

    def refused(_: threading.Thread) -> NoReturn:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    with pytest.raises(EmailError, match=r"^the email was not sent: RuntimeError$"):
        mailer(25)(EMAIL)
