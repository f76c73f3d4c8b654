"""The demo."""

import io
import re

import pytest

from tests.consoles import Clock, Played, play, scanned, written
from totpkit import KeyURI, Secret
from totpkit._cli import run
from totpkit._console import Console

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
        self.typed = otp.at(int(self.clock()))
        return f"{self.typed}\n"


def with_person(*mistakes: str) -> tuple[Played, str]:
    """Play the demo with a person, and tell the code that their phone showed."""
    clock, screen, err = Clock(1_700_000_000), io.StringIO(), io.StringIO()
    person = Person(screen, clock, mistakes)
    console = Console(stdin=person, stdout=screen, stderr=err, environ={}, clock=clock, sleep=clock.sleep)
    status = run(["demo"], console)
    return Played(status, screen.getvalue(), written(err)), person.typed


def test_person() -> None:
    """Somebody who scans the picture and types the code is accepted once, and then refused."""
    played, _ = with_person()
    assert played.status == 0
    assert played.out.count("accepted: step 56666666, drift 0") == 1
    assert played.out.count("rejected:") == 1
    assert played.out.index("accepted:") < played.out.index(REFUSED)
    assert NOBODY not in played.out


def test_person_prompted() -> None:
    """The prompts for a code go to the terminal, apart from what could be piped on."""
    played, _ = with_person("000")
    assert played.err == "   The code that it shows: " * 2


def test_way_out() -> None:
    """Whoever is asked for a code is told before how to go on without a phone, and how to leave."""
    hint = "2. The phone proves that it has the secret. (No phone? Ctrl-D. Enough? Ctrl-C.)\n"
    played, _ = with_person()
    assert played.out.count(hint) == 1
    assert len(hint) <= 80
    for unattended in (play("demo", "--auto", typing=True), play("demo", stdin="123\n")):
        assert "Ctrl" not in unattended.out + unattended.err


def test_mistakes() -> None:
    """Wrong codes are named wrong, and asked for again."""
    played, _ = with_person("", "12345", "no code")
    assert played.status == 0
    assert played.out.count("rejected: malformed (not the form of such a code)") == 3
    assert played.out.count("accepted:") == 1


def test_wrong_code() -> None:
    """A code of the right form that no phone shows now is a mismatch."""
    clock = Clock(1_700_000_000)
    wrong = [str(number) for number in range(100000, 100008)]  # three of them may be right by chance
    played = play("demo", stdin="\n".join(wrong), clock=clock)
    assert played.status == 0
    assert "rejected: mismatch (not a code that is due)" in played.out


def test_the_secret_by_hand() -> None:
    """The secret stands in groups of four beside the picture, and both are the same."""
    played = play("demo", "--auto")
    [grouped] = re.findall(r"The secret: ((?:[A-Z2-7]{4} ){7}[A-Z2-7]{4})$", played.out, re.MULTILINE)
    uri = KeyURI.parse(scanned(played.out))
    assert Secret.from_base32(grouped) == uri.otp.secret
    assert str(uri) == shown_uri(played.out)
    assert (uri.issuer, uri.account) == ("Demo", "alice")


def test_auto() -> None:
    """Unattended, the code is the one that a phone with the shown key URI makes."""
    played = play("demo", "--auto", clock=Clock(1_700_000_000))
    code = KeyURI.parse(shown_uri(played.out)).otp.at(1_700_000_000)
    assert (played.status, played.err) == (0, "")
    assert played.out.endswith(
        "2. The phone proves that it has the secret.\n"
        f"   The code that it shows: {code}\n"
        "   accepted: step 56666666, drift 0\n"
        "3. The same code again, as somebody who has watched would type it:\n"
        f"   {REFUSED}\n"
        "Done. The account Demo in the phone can be removed.\n"
    )
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
    assert played.out.index(NOBODY) < played.out.index("accepted:") < played.out.index(REFUSED)


def test_fits() -> None:
    """Picture, secret and prompt fit 80 by 24 together, and a smaller terminal is told."""
    assert play("demo", "--auto", screen=True, size=(80, 24)).err == ""
    small = play("demo", "--auto", screen=True, size=(80, 23))
    assert re.fullmatch(r"totpkit: the picture needs \d+ columns and 24 lines, [^\n]+ by hand\n", small.err)
    out = play("demo", "--auto").out
    picture_and_below = out[out.index("█") : out.index("   The code that it shows")]
    assert picture_and_below.count("\n") == 23
    assert all(len(line) <= 80 for line in out.splitlines())


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
