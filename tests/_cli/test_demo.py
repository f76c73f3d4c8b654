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
NOBODY = "Nobody answers: from here the demo plays the phone itself."
REFUSED = "rejected: replayed (a code is good for one use)"


def shown_uri(out: str) -> str:
    """Return the key URI that stands in the text."""
    [found] = re.finditer(r"^otpauth://\S+$", out, re.MULTILINE)
    return found[0]


class Person(io.StringIO):
    """Somebody at the terminal, whose phone scans the picture on it and shows a code in time."""

    def __init__(self, screen: io.StringIO, clock: Clock, mistakes: tuple[str, ...]) -> None:
        super().__init__()
        self.screen, self.clock, self.mistakes = screen, clock, list(mistakes)
        self.typed = ""

    def isatty(self) -> bool:
        """Sit at a terminal."""
        return True

    def readline(self, _size: int = -1, /) -> str:  # type: ignore[override]  # of both its bases
        """Type a mistake, or else what the phone shows."""
        if self.mistakes:
            return f"{self.mistakes.pop(0)}\n"
        otp = KeyURI.parse(scanned(self.screen.getvalue())).otp
        if otp.at(int(self.clock())) == self.typed:
            self.clock.now += 30  # somebody who waits for the next code
        self.typed = otp.at(int(self.clock()))
        return f"{self.typed}\n"


def with_person(*mistakes: str) -> tuple[Played, str]:
    """Play the demo with a person, and tell the code that their phone showed."""
    clock, screen, err = Clock(1_700_000_000), io.StringIO(), io.StringIO()
    person = Person(screen, clock, mistakes)
    console = Console(
        stdin=person,
        stdout=screen,
        stderr=err,
        environ={},
        clock=clock,
        sleep=clock.sleep,
        ask_hidden=lambda _: PASSWORD,
    )
    status = run(["demo"], console)
    return Played(status, screen.getvalue(), written(err)), person.typed


def test_person() -> None:
    """Somebody enrolls a phone, logs in again by its next code alone, and the used one is refused between."""
    played, _ = with_person()
    assert played.status == 0
    assert played.out.count(LOGGED_IN) == 2
    assert played.out.count("rejected:") == 1
    assert played.out.index(LOGGED_IN) < played.out.index(REFUSED) < played.out.rindex(LOGGED_IN)
    assert played.out.count("otpauth://") == 1
    assert NOBODY not in played.out


def test_password_hidden() -> None:
    """What is typed as a password is shown nowhere."""
    played, _ = with_person()
    assert PASSWORD not in played.out + played.err


def test_recovery_codes() -> None:
    """Ten recovery codes are shown, once, after the first login."""
    out = play("demo", "--auto").out
    codes = re.findall(r"[0-9A-HJKMNP-TV-Z]{4}(?:-[0-9A-HJKMNP-TV-Z]{4}){3}", out)
    assert len(set(codes)) == len(codes) == 10
    assert out.index(LOGGED_IN) < out.index(codes[0])


@pytest.mark.proves("RFC4226-7.1")
def test_never_first() -> None:
    """A flow that begins with TOTP is refused, and the demo says by which words."""
    out = play("demo", "--auto").out
    assert "   Refused when the app starts: a login must begin with a first factor" in out


def test_nothing_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file that the demo stores in goes when it ends."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    seen: set[Path] = set()

    class Looking(Clock):
        """Look for the file whenever the demo asks for the time."""

        def __call__(self) -> float:
            seen.update(tmp_path.glob("totpkit-demo-*/demo.db"))
            return super().__call__()

    assert play("demo", "--auto", clock=Looking()).status == 0
    assert len(seen) == 1
    assert list(tmp_path.iterdir()) == []


def test_person_prompted() -> None:
    """The prompts for a code go to the terminal, apart from what could be piped on."""
    played, _ = with_person("000")
    assert played.err == "   The code that it shows: " * 2 + "   The next code, within half a minute: "


def test_way_out() -> None:
    """Whoever is asked for a code is told right before how to go on without a phone, and how to leave."""
    played, _ = with_person()
    assert re.search(r"\n   The secret: .+\n   \(No phone\? Ctrl-D\. Enough\? Ctrl-C\.\)\n", played.out)
    assert played.out.count("Ctrl") == 2
    for unattended in (play("demo", "--auto", typing=True), play("demo", stdin="123\n")):
        assert "Ctrl" not in unattended.out + unattended.err


def test_mistakes() -> None:
    """Wrong codes are named wrong, and asked for again."""
    played, _ = with_person("", "12345", "no code")
    assert played.status == 0
    assert played.out.count("rejected: malformed (not the form of such a code)") == 3
    assert played.out.count(LOGGED_IN) == 2


def test_wrong_codes() -> None:
    """Codes of the right form that no phone shows are a mismatch, and after some the next try has to wait."""
    clock = Clock(1_700_000_000, sleeps=9)
    wrong = [str(number) for number in range(100000, 100008)]  # some of them may be right by chance
    played = play("demo", stdin="\n".join(wrong), typing=True, clock=clock)
    assert played.status == 0
    assert "rejected: mismatch (not a code that is due)" in played.out
    assert "Guessing is slow: the next try counts in 30 s." in played.out
    assert clock.slept[0] == 30


def test_wrong_codes_of_nobody() -> None:
    """Where nobody sits at a terminal, a stream of wrong codes neither goes on for ever nor has to wait."""
    clock = Clock(1_700_000_000)
    played = play("demo", stdin="y\n" * 1000, clock=clock)
    assert (played.status, clock.slept) == (0, [])
    assert played.out.count("rejected: malformed") == 3
    assert played.out.count("None of these is right: from here the demo plays the phone itself.") == 1
    assert played.out.count(LOGGED_IN) == 2


def test_terminal_that_shows() -> None:
    """On a terminal that would show the password, one is made up."""

    def refused(_: str) -> NoReturn:
        raise CommandError("this terminal would show the secret")

    played = play("demo", typing=True, ask_hidden=refused)
    assert played.status == 0
    assert "   A password, for this demo: (made up)\n" in played.out


def test_file_stays(tmp_path: Path) -> None:
    """A file that is named stays, for its owner alone, and can be used by the next demo too."""
    path = tmp_path / "demo.db"
    for demos in (1, 2):
        played = play("demo", "--auto", "--file", str(path))
        assert (played.status, played.err) == (0, "")
        assert "on a SQLite file that stays when the demo ends" in played.out
        assert played.out.count("The secret: ") == 1
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("SELECT count(*) FROM totpkit").fetchone() == (demos,)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [found.name for found in tmp_path.iterdir()] == ["demo.db"]


def test_file_of_others(tmp_path: Path) -> None:
    """Records that are in the file already are left as they are."""
    store = SQLiteStore(tmp_path / "app.db")
    for account_id in ("alice", "acct-1"):
        store.swap(account_id, None, b"a record")
    store.close()
    assert play("demo", "--auto", "--file", str(tmp_path / "app.db")).status == 0
    assert [store.load(account_id) for account_id in ("alice", "acct-1")] == [b"a record"] * 2
    store.close()


@pytest.mark.proves("T22")
@pytest.mark.parametrize("name", ["CANARY/CANARY", "CANARY.txt", "CANARY\0", "CANARY" * 200, ""])
def test_file_refused(tmp_path: Path, name: str) -> None:
    """A file that cannot be made, or is no store, is an error of one line that does not repeat its name."""
    (tmp_path / "CANARY.txt").write_text("not a database, but a note that somebody needs\n" * 100)
    played = play("demo", "--auto", "--file", f"{tmp_path}/{name}" if name else "")
    assert (played.status, played.out) == (2, "")
    assert re.fullmatch(r"totpkit: the file of --file can be neither made nor used: [^\n]+\n", played.err)
    assert "CANARY" not in played.err
    assert (tmp_path / "CANARY.txt").read_text().startswith("not a database")


def test_too_slow() -> None:
    """Whoever takes longer than the login lives is told so in one line."""
    clock = Clock(1_700_000_000)

    class Slow(io.StringIO):
        def readline(self, _size: int = -1, /) -> str:  # type: ignore[override]  # of both its bases
            clock.now += 601
            return "123456\n"

    err = io.StringIO()
    console = Console(stdin=Slow(), stdout=io.StringIO(), stderr=err, environ={}, clock=clock)
    assert run(["demo"], console) == 2
    assert err.getvalue() == "totpkit: the login has ended: ticket_expired; begin again\n"


def test_the_secret_by_hand() -> None:
    """The secret stands in groups of four beside the picture, and both are the same."""
    played = play("demo", "--auto")
    [grouped] = re.findall(r"The secret: ((?:[A-Z2-7]{4} ){7}[A-Z2-7]{4})$", played.out, re.MULTILINE)
    uri = KeyURI.parse(scanned(played.out))
    assert Secret.from_base32(grouped) == uri.otp.secret
    assert str(uri) == shown_uri(played.out)
    assert (uri.issuer, uri.account) == ("Demo", "alice")


def test_auto() -> None:
    """Unattended, the codes are those that a phone with the shown key URI makes."""
    played = play("demo", "--auto", clock=Clock(1_700_000_000))
    otp = KeyURI.parse(shown_uri(played.out)).otp
    assert (played.status, played.err) == (0, "")
    assert f"   The code that it shows: {otp.at(1_700_000_000)}\n{LOGGED_IN}" in played.out
    assert f"   {REFUSED}\n   The next code, within half a minute: {otp.at(1_700_000_030)}\n" in played.out
    assert played.out.endswith("Done. The account Demo in the phone can be removed.\n")
    assert NOBODY not in played.out


def test_auto_reads_nothing() -> None:
    """Unattended, no input is touched."""
    stdin = io.StringIO("123456\n")
    console = Console(stdin=stdin, stdout=io.StringIO(), stderr=io.StringIO(), environ={})
    assert run(["demo", "--auto"], console) == 0
    assert stdin.tell() == 0


def test_new_each_time() -> None:
    """Every demo has a secret of its own."""
    assert shown_uri(play("demo", "--auto").out) != shown_uri(play("demo", "--auto").out)


@pytest.mark.parametrize("stdin", ["", "123\n", "123\n456"])
@pytest.mark.parametrize("typing", [True, False])
def test_nobody(stdin: str, *, typing: bool) -> None:
    """When the input ends, the demo says so in a line and plays the phone itself."""
    played = play("demo", stdin=stdin, typing=typing)
    assert played.status == 0
    assert played.out.count(NOBODY) == 1
    assert played.out.index(NOBODY) < played.out.index(LOGGED_IN) < played.out.index(REFUSED)


def test_fits() -> None:
    """Picture, secret and prompt fit 80 by 24 together, and a smaller terminal is told."""
    assert play("demo", "--auto", screen=True, size=(80, 23)).err == ""
    small = play("demo", "--auto", screen=True, size=(80, 22))
    assert re.fullmatch(r"totpkit: the picture needs \d+ columns and 23 lines, [^\n]+ by hand\n", small.err)
    out = play("demo", "--auto").out
    picture_and_below = out[out.index("█") : out.index("   The code that it shows")]
    assert picture_and_below.count("\n") == 22
    assert all(len(line) <= 80 for line in out.splitlines())
    asked, _ = with_person()
    picture_and_hints = asked.out[asked.out.index("█") : asked.out.index("   Logged in")]
    assert picture_and_hints.count("\n") == 23  # and the prompt, which goes to standard error
    assert all(len(line) <= 80 for line in asked.out.splitlines())


def test_no_blocks() -> None:
    """Where the encoding has no block characters, the demo goes on without the picture."""
    raw = io.BytesIO()
    stdout = io.TextIOWrapper(raw, encoding="ascii")
    assert (
        run(["demo", "--auto"], Console(stdin=io.StringIO(), stdout=stdout, stderr=io.StringIO(), environ={}))
        == 0
    )
    out = raw.getvalue().decode("ascii")
    assert "(No picture: the encoding of this output has no block characters.)" in out
    assert REFUSED in out
