"""The demo."""

import io
import re
import sqlite3
import stat
import tempfile
from contextlib import closing
from pathlib import Path
from typing import NoReturn

import pytest

from tests.support.terminal import Clock, Played, play, scanned, written
from totpkit import KeyURI, Secret
from totpkit._cli.console import CommandError, Console
from totpkit._cli.main import run
from totpkit.stores.sqlite import SQLiteStore

pytestmark = pytest.mark.usefixtures("quick_codes")

PASSWORD = "correct horse battery staple"  # noqa: S105 - of this test
LOGGED_IN = "   Logged in as alice, by password and totp.\n"
NO_ANSWER = "No answer. The demo continues and plays the phone itself."
REPLAYED = "rejected: replayed (this code was already used)"
PROMPT, NEXT_PROMPT = "   Code from the app: ", "   Next code (there is a new one every 30 seconds): "


def shown_uri(out: str) -> str:
    """Return the key URI in the text."""
    [found] = re.finditer(r"^otpauth://\S+$", out, re.MULTILINE)
    return found[0]


class User(io.StringIO):
    """A user at the terminal, whose phone scans the QR code on it and shows a code in time."""

    def __init__(self, screen: io.StringIO, clock: Clock, mistakes: tuple[str, ...]) -> None:
        super().__init__()
        self.screen, self.clock, self.mistakes = screen, clock, list(mistakes)
        self.typed = ""

    def isatty(self) -> bool:
        """Return ``True``."""
        return True

    def readline(self, _size: int = -1, /) -> str:  # type: ignore[override]  # of both its bases
        """Type a mistake, or the code that the phone shows."""
        if self.mistakes:
            return f"{self.mistakes.pop(0)}\n"
        otp = KeyURI.parse(scanned(self.screen.getvalue())).otp
        if otp.at(int(self.clock())) == self.typed:
            self.clock.now += 30  # wait for the next code
        self.typed = otp.at(int(self.clock()))
        return f"{self.typed}\n"


def with_user(*mistakes: str) -> Played:
    """Run the demo with a user who types some mistakes first."""
    clock, screen, err = Clock(1_700_000_000), io.StringIO(), io.StringIO()
    console = Console(
        stdin=User(screen, clock, mistakes),
        stdout=screen,
        stderr=err,
        environ={},
        clock=clock,
        sleep=clock.sleep,
        ask_hidden=lambda _: PASSWORD,
    )
    status = run(["demo"], console)
    return Played(status, screen.getvalue(), written(err))


def test_user() -> None:
    """A user enrolls a phone and logs in again with the next code. The used code is rejected first."""
    played = with_user("000")
    assert played.status == 0
    assert played.out.count(LOGGED_IN) == 2
    assert played.out.index(LOGGED_IN) < played.out.index(REPLAYED) < played.out.rindex(LOGGED_IN)
    assert played.out.count("rejected: malformed (not in the form of a code)") == 1
    assert played.out.count("otpauth://") == 1
    assert NO_ANSWER not in played.out
    assert PASSWORD not in played.out + played.err
    assert played.err == PROMPT * 2 + NEXT_PROMPT  # apart from the output, which may go into a pipe


def test_hint() -> None:
    """Before the first code, a user is told how to continue without a phone and how to quit."""
    out = with_user().out
    hint = "(Press Ctrl-D to continue without a phone, or Ctrl-C to quit.)"
    assert re.search(rf"\n   Secret: .+\n   {re.escape(hint)}\n", out)
    assert out.count("Ctrl") == 2
    for unattended in (play("demo", "--auto", typing=True), play("demo", stdin="123\n")):
        assert "Ctrl" not in unattended.out + unattended.err


def test_recovery_codes() -> None:
    """Ten recovery codes are shown once, after the first login."""
    out = play("demo", "--auto").out
    codes = re.findall(r"[0-9A-HJKMNP-TV-Z]{4}(?:-[0-9A-HJKMNP-TV-Z]{4}){3}", out)
    assert len(set(codes)) == len(codes) == 10
    assert out.index(LOGGED_IN) < out.index(codes[0])


@pytest.mark.proves("RFC4226-7.1")
def test_never_first() -> None:
    """A flow that begins with TOTP is refused, and the demo shows the error."""
    out = " ".join(play("demo", "--auto").out.split())
    assert re.search(r"No, the app does not start: [^.]*first factor", out)


def test_nothing_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo deletes its file at the end."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    seen: set[Path] = set()

    class Observer(Clock):
        """Look for the file whenever the demo asks for the time."""

        def __call__(self) -> float:
            seen.update(tmp_path.glob("totpkit-demo-*/demo.db"))
            return super().__call__()

    assert play("demo", "--auto", clock=Observer()).status == 0
    assert len(seen) == 1
    assert list(tmp_path.iterdir()) == []


def test_wrong_codes() -> None:
    """Wrong codes are a mismatch, and after several the next attempt has to wait."""
    clock = Clock(1_700_000_000, sleeps=9)
    wrong = [str(number) for number in range(100000, 100008)]  # some of them may be right by chance
    played = play("demo", stdin="\n".join(wrong), typing=True, clock=clock)
    assert played.status == 0
    assert "rejected: mismatch (not the expected code)" in played.out
    assert "Too many wrong codes. Waiting 30 s before the next attempt." in played.out
    assert clock.slept[0] == 30


def test_wrong_codes_from_a_pipe() -> None:
    """Without a terminal, a stream of wrong codes neither runs forever nor waits."""
    clock = Clock(1_700_000_000)
    played = play("demo", stdin="y\n" * 1000, clock=clock)
    assert (played.status, clock.slept) == (0, [])
    assert played.out.count("rejected: malformed") == 3
    assert played.out.count("Too many wrong codes. The demo continues and plays the phone itself.") == 1
    assert played.out.count(LOGGED_IN) == 2


def test_terminal_that_shows() -> None:
    """If the terminal would show the password, the demo generates one."""

    def refuse(_: str) -> NoReturn:
        raise CommandError("this terminal would show the secret")

    played = play("demo", typing=True, ask_hidden=refuse)
    assert played.status == 0
    assert "   Password for this demo: (generated)\n" in played.out


def test_file_kept(tmp_path: Path) -> None:
    """A named file is kept, readable only by its owner, and the next demo can use it too."""
    path = tmp_path / "demo.db"
    for demos in (1, 2):
        played = play("demo", "--auto", "--file", str(path))
        assert (played.status, played.err) == (0, "")
        assert "in a SQLite file that stays when the demo ends" in played.out.replace("\n", " ")
        assert played.out.count("Secret: ") == 1
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("SELECT count(*) FROM totpkit").fetchone() == (demos,)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [found.name for found in tmp_path.iterdir()] == ["demo.db"]


def test_file_with_records(tmp_path: Path) -> None:
    """The demo does not change other records in the file."""
    with closing(SQLiteStore(tmp_path / "app.db")) as store:
        for account_id in ("alice", "acct-1"):
            store.swap(account_id, None, b"a record")
        assert play("demo", "--auto", "--file", str(tmp_path / "app.db")).status == 0
        assert [store.load(account_id) for account_id in ("alice", "acct-1")] == [b"a record"] * 2


@pytest.mark.proves("T22")
@pytest.mark.parametrize("name", ["CANARY/CANARY", "CANARY.txt", "CANARY\0", "CANARY" * 200, ""])
def test_file_refused(tmp_path: Path, name: str) -> None:
    """A file that cannot be created, or is not a store, is an error of one line without the name."""
    (tmp_path / "CANARY.txt").write_text("not a database, but a note that somebody needs\n" * 100)
    played = play("demo", "--auto", "--file", f"{tmp_path}/{name}" if name else "")
    message = "totpkit: cannot use the --file file; it must be a new file or a totpkit store\n"
    assert played == Played(2, "", message)
    assert (tmp_path / "CANARY.txt").read_text().startswith("not a database")


def test_too_slow() -> None:
    """A user who takes longer than the login lasts gets an error of one line."""
    clock = Clock(1_700_000_000)

    class Slow(io.StringIO):
        def readline(self, _size: int = -1, /) -> str:  # type: ignore[override]  # of both its bases
            clock.now += 601
            return "123456\n"

    err = io.StringIO()
    console = Console(stdin=Slow(), stdout=io.StringIO(), stderr=err, environ={}, clock=clock)
    assert run(["demo"], console) == 2
    assert err.getvalue() == "totpkit: the login has ended (ticket_expired); run the demo again\n"


def test_auto() -> None:
    """Unattended, the codes belong to the secret that is shown as text, QR code and key URI."""
    played = play("demo", "--auto", clock=Clock(1_700_000_000))
    assert (played.status, played.err) == (0, "")
    uri = KeyURI.parse(scanned(played.out))
    [grouped] = re.findall(r"Secret: ((?:[A-Z2-7]{4} ){7}[A-Z2-7]{4})$", played.out, re.MULTILINE)
    assert Secret.from_base32(grouped) == uri.otp.secret
    assert str(uri) == shown_uri(played.out)
    assert (uri.issuer, uri.account) == ("Demo", "alice")
    assert f"{PROMPT}{uri.otp.at(1_700_000_000)}\n{LOGGED_IN}" in played.out
    assert f"   {REPLAYED}\n{NEXT_PROMPT}{uri.otp.at(1_700_000_030)}\n{LOGGED_IN}" in played.out
    assert played.out.endswith('Done. You can delete the account "Demo" from your phone.\n')
    assert NO_ANSWER not in played.out
    assert shown_uri(play("demo", "--auto").out) != str(uri)


def test_auto_reads_nothing() -> None:
    """Unattended, no input is read."""
    stdin = io.StringIO("123456\n")
    console = Console(stdin=stdin, stdout=io.StringIO(), stderr=io.StringIO(), environ={})
    assert run(["demo", "--auto"], console) == 0
    assert stdin.tell() == 0


@pytest.mark.parametrize("stdin", ["", "123\n", "123\n456"])
@pytest.mark.parametrize("typing", [True, False])
def test_no_answer(stdin: str, *, typing: bool) -> None:
    """When the input ends, the demo says so and plays the phone itself."""
    played = play("demo", stdin=stdin, typing=typing)
    assert played.status == 0
    assert played.out.count(NO_ANSWER) == 1
    assert played.out.index(NO_ANSWER) < played.out.index(LOGGED_IN) < played.out.index(REPLAYED)


def test_fits() -> None:
    """QR code, secret and prompt fit 80 by 24 together, and a smaller terminal gets an error."""
    assert play("demo", "--auto", screen=True, size=(80, 23)).err == ""
    small = play("demo", "--auto", screen=True, size=(80, 22))
    assert re.fullmatch(r"totpkit: the QR code needs \d+ columns and 23 lines, [^\n]+ by hand\n", small.err)
    auto, attended = play("demo", "--auto").out, with_user().out
    assert auto[auto.index("█") : auto.index(PROMPT)].count("\n") == 22
    # One line more is for the prompt, which goes to standard error.
    assert attended[attended.index("█") : attended.index("   Logged in")].count("\n") == 23
    assert all(len(line) <= 80 for line in (auto + attended).splitlines())


def test_no_blocks() -> None:
    """If the output's encoding has no block characters, the demo continues without the QR code."""
    raw = io.BytesIO()
    stdout = io.TextIOWrapper(raw, encoding="ascii")
    console = Console(stdin=io.StringIO(), stdout=stdout, stderr=io.StringIO(), environ={})
    assert run(["demo", "--auto"], console) == 0
    out = raw.getvalue().decode("ascii")
    assert "(No QR code: the encoding of this output has no block characters.)" in out
    assert REPLAYED in out
