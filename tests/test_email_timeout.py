"""SMTPMailer ends in time, whatever the server does."""

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
    Behaviour,
    Inbox,
    dripping,
    endless,
    errands,
    hanging_up,
    misbehaving,
    saying,
    server,
    serving,
    silent,
    trusting,
    wait_for_errands,
    write_certificate,
)
from totpkit import Email, EmailError
from totpkit.email import Security, SMTPMailer

MAIL = Email(to="alice@example.com", subject="s", text="271828\n")
TIMEOUT = 0.5
GRACE = 10.0
"""What a busy machine may add; the servers here go on for 30 seconds, or for ever."""

PATIENCE = 30.0
"""Time for letters that do leave, on a busy machine too."""

LATE = r"^the mail did not leave: (TimeoutError|SMTPServerDisconnected)$"
"""Who notices first: the mailer that waits, or the socket that it has given as little time."""

HELLO = b"250 here\r\n"
TAKEN = (HELLO, b"250 OK\r\n", b"250 OK\r\n", b"354 go on\r\n")
"""What is replied until the letter itself."""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a file with the key and the certificate of 127.0.0.1."""
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    write_certificate(path)
    return path


@contextmanager
def at_the_deadline() -> Iterator[None]:
    """See that the block raises EmailError when the time is over, and leaves no thread behind."""
    begun = time.monotonic()
    with pytest.raises(EmailError, match=LATE):
        yield
    assert TIMEOUT <= time.monotonic() - begun < TIMEOUT + GRACE
    wait_for_errands()


def mailer(
    port: int, security: Security = "none", host: str = HOST, timeout: float = TIMEOUT, **more: Any
) -> SMTPMailer:
    """Return a mailer with half a second of time, or as much as is said."""
    return SMTPMailer(host, port, sender="a@b.example", security=security, timeout=timeout, **more)


@pytest.mark.parametrize("behaviour", [silent, dripping, endless])
@pytest.mark.parametrize("security", ["starttls", "tls", "none"])
def test_greeting(security: Security, behaviour: Behaviour) -> None:
    """A server that says nothing, drips, or never stops to greet is left at the deadline."""
    if security == "tls" and behaviour is not silent:  # that is no handshake, and said at once
        with misbehaving(behaviour) as port, pytest.raises(EmailError, match="SSL"):
            mailer(port, security, timeout=PATIENCE)(MAIL)
        return
    with misbehaving(behaviour) as port, at_the_deadline():
        mailer(port, security)(MAIL)


@pytest.mark.parametrize("then", [silent, dripping])
@pytest.mark.parametrize("replies", range(len(TAKEN)))
def test_on_the_way(replies: int, then: Behaviour) -> None:
    """So is one that stops after any of its replies."""
    with misbehaving(saying(*TAKEN[:replies], then=then)) as port, at_the_deadline():
        mailer(port)(MAIL)


def test_before_encryption() -> None:
    """So is one that offers STARTTLS and then says nothing more."""
    behaviour = saying(b"250-here\r\n250 STARTTLS\r\n", b"220 go\r\n")
    with misbehaving(behaviour) as port, at_the_deadline():
        mailer(port, "starttls")(MAIL)


@pytest.mark.parametrize("then", [silent, dripping])
def test_encrypted(certificate: Path, then: Behaviour) -> None:
    """So is one that stops once the connection is encrypted."""

    def behaviour(connection: socket.socket) -> None:
        with serving(certificate).wrap_socket(connection, server_side=True) as inner:
            then(inner)

    with misbehaving(behaviour) as port, at_the_deadline():
        mailer(port, "tls", context=trusting(certificate))(MAIL)


def no_queue() -> tuple[socket.socket, ExitStack]:
    """Return a listener that takes no more connections, so that the next is not answered."""
    clients = ExitStack()
    listener = clients.enter_context(socket.create_server((HOST, 0), backlog=0))
    for _ in range(8):
        client = clients.enter_context(socket.socket())
        client.settimeout(0)
        client.connect_ex(listener.getsockname())
    return listener, clients


def test_no_answer() -> None:
    """A host that does not answer at all is left at the deadline."""
    listener, clients = no_queue()
    with clients, at_the_deadline():
        mailer(listener.getsockname()[1])(MAIL)


def looking_up(monkeypatch: pytest.MonkeyPatch, answer: Callable[..., object]) -> None:
    """Let names be looked up so."""
    monkeypatch.setattr(socket, "getaddrinfo", answer)


def addresses(*ports: int) -> list[tuple[object, ...]]:
    """Return what a lookup finds: this machine, at each of the ports."""
    return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (HOST, port)) for port in ports]


def test_next_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several addresses one that refuses, or does not answer, leaves time for the next."""
    inbox = Inbox()
    listener, clients = no_queue()
    with clients, server(inbox) as port:
        found = addresses(free_port(), listener.getsockname()[1], port)
        looking_up(monkeypatch, lambda *_, **__: found)
        mailer(port, host="mail.example.com", timeout=3.0)(MAIL)  # so that a half is left for the last
        assert len(inbox.letters) == 1


def test_name_that_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that resolves too late is left at the deadline, and nobody is connected to after it."""
    inbox = Inbox()
    found = threading.Event()
    connected: list[object] = []
    connect = socket.socket.connect
    monkeypatch.setattr(
        socket.socket, "connect", lambda sock, to: (connected.append(to), connect(sock, to))[1]
    )
    with server(inbox) as port:
        connected.clear()

        def slow(*_: object, **__: object) -> list[tuple[object, ...]]:
            assert found.wait(30)
            return addresses(port)

        looking_up(monkeypatch, slow)
        begun = time.monotonic()
        with pytest.raises(EmailError, match="TimeoutError"):
            mailer(port, host="mail.example.com")(MAIL)
        assert TIMEOUT <= time.monotonic() - begun < TIMEOUT + GRACE
        assert len(errands()) == 1  # the system's own lookup cannot be ended
        found.set()
        wait_for_errands()
    assert inbox.letters == []


def test_not_late() -> None:
    """A server that wakes up after the deadline gets no letter: the caller was told that it did not leave."""
    heard: list[bytes] = []
    awake = threading.Event()

    def behaviour(connection: socket.socket) -> None:
        assert awake.wait(30)
        saying(*TAKEN, heard=heard)(connection)

    with misbehaving(behaviour) as port:
        with at_the_deadline():
            mailer(port)(MAIL)
        awake.set()
    assert b"".join(heard) == b""


def test_farewell() -> None:
    """A letter that was taken has left, however long the server takes to say good-bye."""
    heard: list[bytes] = []

    def taking(connection: socket.socket) -> None:
        lines = connection.makefile("rb")
        connection.sendall(b"220 here\r\n")
        for reply in TAKEN:
            lines.readline()
            connection.sendall(reply)
        while lines.readline() != b".\r\n":
            pass
        connection.sendall(b"250 OK\r\n")
        heard.append(lines.readline())
        dripping(connection)

    with misbehaving(taking) as port:
        begun = time.monotonic()
        mailer(port, timeout=PATIENCE)(MAIL)
        assert time.monotonic() - begun < PATIENCE
    assert heard == [b"QUIT\r\n"]
    wait_for_errands()


def test_hung_up_at_the_end() -> None:
    """So has one whose server hangs up after it."""

    def taking(connection: socket.socket) -> None:
        saying(*TAKEN, then=hanging_up)(connection)
        time.sleep(0.05)
        connection.sendall(b"250 OK\r\n")

    with misbehaving(taking) as port:
        mailer(port, timeout=PATIENCE)(MAIL)


def test_many() -> None:
    """Many letters at once wait for none but their own server."""
    inbox = Inbox()
    over = threading.Event()

    def stuck(_: socket.socket) -> None:
        assert over.wait(PATIENCE)

    with misbehaving(stuck) as away, server(inbox) as port, ThreadPoolExecutor(9) as pool:
        first = pool.submit(mailer(away, timeout=PATIENCE), MAIL)
        wait_until(lambda: len(errands()) == 1)
        others = [pool.submit(mailer(port, timeout=PATIENCE), MAIL) for _ in range(8)]
        for other in others:
            other.result()
        assert not first.done()
        over.set()
        with pytest.raises(EmailError):
            first.result()
    assert len(inbox.letters) == 8


def test_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while a letter is on its way passes, and ends the connection."""

    def interrupted(*_: object) -> NoReturn:
        wait_until(lambda: bool(errands()))
        raise KeyboardInterrupt

    with misbehaving(silent) as port:
        monkeypatch.setattr(threading.Event, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            mailer(port, timeout=300.0)(MAIL)
        monkeypatch.undo()
        wait_for_errands()


def test_no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no thread can be started any more, the letter does not leave."""

    def refused(_: threading.Thread) -> NoReturn:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    with pytest.raises(EmailError, match=r"^the mail did not leave: RuntimeError$"):
        mailer(25)(MAIL)
