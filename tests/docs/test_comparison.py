"""The table in README that sets totpkit beside others: every cell on a Python library, run."""

import importlib.metadata
import pickle
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import passlib.totp
import pyotp
import pytest
from passlib.exc import PasslibRuntimeWarning, TokenError, UsedTokenError

from tests.vectors import load
from totpkit import (
    HOTP,
    TOTP,
    Authenticator,
    AuthFlow,
    Challenge,
    CodeAnswer,
    FirstFactorError,
    InvalidParameterError,
    InvalidURIError,
    KeyURI,
    Password,
    Reason,
    Secret,
    Steam,
    TotpCode,
    Window,
)
from totpkit.migration import MigrationPayload
from totpkit.stores.memory import MemoryStore
from totpkit.vault import PLAINTEXT

README = Path(__file__).parents[2] / "README.md"
CELLS: dict[str, tuple[str, str, str]] = {}

RAW = b"12345678901234567890"
TEXT = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
CODE = "911617"  # of the steps 910737 and 910738
FIRST, SECOND, LATER = (30 * step for step in (910737, 910738, 910739))
WRONG = "000000"

ours = TOTP(Secret.from_bytes(RAW))
theirs = pyotp.TOTP(TEXT)
lib = passlib.totp.TOTP(TEXT)

Test = Callable[[], None]


def row(title: str, *, totpkit: str, pyotp: str, libpass: str) -> Callable[[Test], Test]:
    """Say that the decorated test shows what these cells of a row claim."""
    CELLS[title] = (totpkit, pyotp, libpass)
    return lambda test: test


@row("A login, in which TOTP is never first", totpkit="yes", pyotp="no", libpass="no")
def test_login() -> None:
    """Only ours has a login, and refuses a code at its beginning; the others verify codes alone."""
    auth = Authenticator(MemoryStore(), issuer="Acme", vault=PLAINTEXT)
    flow = AuthFlow(Password(lambda _, __: "acct-1"), TotpCode(auth), name="shop", keys=[b"k" * 32])
    first = flow.submit(flow.begin().ticket, CodeAnswer(CODE))
    assert isinstance(first, Challenge)
    assert first.problem is Reason.NOT_OFFERED
    with pytest.raises(FirstFactorError):
        AuthFlow(TotpCode(auth), name="shop", keys=[b"k" * 32])  # type: ignore[arg-type]
    names = [*dir(pyotp), *dir(pyotp.TOTP), *dir(passlib.totp), *dir(passlib.totp.TOTP)]
    assert [
        name for name in names if re.search("login|password|session|challenge|factor", name.lower())
    ] == []


@row(
    "The same code again",
    totpkit="refused, by `last_step`",
    pyotp="accepted by `verify`; `verify_and_get_timecode` returns the step to compare",
    libpass="refused, by `last_counter`",
)
def test_replay() -> None:
    """A code that was used is refused by those who can be told of it."""
    assert ours.verify(CODE, at=FIRST)
    assert ours.verify(CODE, at=FIRST, last_step=910737).reason is Reason.REPLAYED
    assert theirs.verify(CODE, for_time=FIRST)
    assert theirs.verify(CODE, for_time=FIRST)
    assert theirs.verify_and_get_timecode(CODE, for_time=FIRST) == 910737
    assert lib.match(CODE, time=FIRST).counter == 910737
    with pytest.raises(UsedTokenError):
        lib.match(CODE, time=FIRST, last_counter=910737)


@pytest.mark.proves("T06")
@row(
    "Two nearby steps with the same code",
    totpkit="refused the second time",
    pyotp="accepted twice, comparing steps",
    libpass="accepted twice",
)
def test_collision() -> None:
    """A code that two nearby steps share passes twice where steps are compared."""
    assert ours.verify(CODE, at=LATER, last_step=910737).reason is Reason.REPLAYED
    assert theirs.verify_and_get_timecode(CODE, for_time=LATER, valid_window=1) > 910737
    assert lib.match(CODE, time=LATER, last_counter=910737).counter > 910737


@row("After a match", totpkit="computes the whole window", pyotp="stops", libpass="stops")
def test_early_exit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A match in the first step of the window ends the search of all but ours."""
    computed: list[int] = []

    def counting(compute: Callable[[int], object]) -> Callable[[int], object]:
        def counted(step: int) -> object:
            computed.append(step)
            return compute(step)

        return counted

    watched = TOTP(Secret.from_bytes(RAW))
    object.__setattr__(watched, "_number_at", counting(watched._number_at))
    assert watched.verify(CODE, at=SECOND)
    assert len(computed) == 3
    computed.clear()
    monkeypatch.setattr(theirs, "generate_otp", counting(theirs.generate_otp))
    assert theirs.verify(CODE, for_time=SECOND, valid_window=1)
    assert len(computed) == 1
    computed.clear()
    monkeypatch.setattr(lib, "_generate", counting(lib._generate))
    assert lib.match(CODE, time=SECOND)
    assert len(computed) == 1


@pytest.mark.proves("T03")
@row("Full-width digits as a code", totpkit="refused", pyotp="accepted", libpass="refused")
def test_full_width() -> None:
    """Digits of another width pass for ASCII's in pyotp alone."""
    wide = CODE.translate({ord(digit): ord(digit) + 0xFEE0 for digit in "0123456789"})
    assert ours.verify(wide, at=FIRST).reason is Reason.MALFORMED
    assert theirs.verify(wide, for_time=FIRST)
    with pytest.raises(TokenError):
        lib.match(wide, time=FIRST)


@row("A wrong code", totpkit="falsy, with a reason", pyotp="`False`", libpass="an exception")
def test_wrong() -> None:
    """A wrong code is an answer, or an exception."""
    answer = ours.verify(WRONG, at=FIRST)
    assert not answer
    assert answer.reason is Reason.MISMATCH
    assert theirs.verify(WRONG, for_time=FIRST) is False
    with pytest.raises(TokenError):
        lib.match(WRONG, time=FIRST)


@row(
    "Malformed text as a code",
    totpkit="falsy, with a reason",
    pyotp="`False`; an exception for a lone surrogate",
    libpass="an exception",
)
def test_malformed() -> None:
    """Text that is no code is an answer, or an exception."""
    for text in ("hello", "\ud800"):
        assert ours.verify(text, at=FIRST).reason is Reason.MALFORMED
        with pytest.raises(TokenError):
            lib.match(text, time=FIRST)
    assert theirs.verify("hello", for_time=FIRST) is False
    with pytest.raises(UnicodeEncodeError):
        theirs.verify("\ud800", for_time=FIRST)


@row("Widest window without asking", totpkit="10 steps", pyotp="any", libpass="any")
def test_widest() -> None:
    """Only ours must be asked for a window that is hours wide."""
    assert Window(past=9, future=0).span == 10
    with pytest.raises(InvalidParameterError, match="at most 10 steps"):
        Window(past=10, future=0)
    hours_away = FIRST + 4 * 3600
    assert theirs.verify(ours.at(hours_away), for_time=FIRST, valid_window=500)
    assert lib.match(ours.at(hours_away), time=FIRST, window=5 * 3600)


@row("The secret in `vars()` or a pickle", totpkit="never", pyotp="both", libpass="`vars()`")
def test_shown() -> None:
    """Only ours keeps its secret from whoever dumps the object."""
    with pytest.raises(TypeError):
        vars(ours.secret)
    with pytest.raises(TypeError):
        vars(ours)
    with pytest.raises(TypeError):
        pickle.dumps(ours)
    assert TEXT in vars(theirs).values()
    assert TEXT.encode() in pickle.dumps(theirs)
    fresh = passlib.totp.TOTP(TEXT)
    assert RAW in vars(fresh).values()
    assert not re.search("[A-Z2-7]{32}", repr([ours, ours.secret, fresh, theirs]))


@row("QR pictures", totpkit="SVG, PNG, terminal", pyotp="no", libpass="no")
def test_pictures() -> None:
    """Only ours draws."""
    picture = ours.qr(account="alice")
    assert picture.svg().startswith("<svg")
    assert picture.png().startswith(b"\x89PNG")
    assert "█" in picture.terminal()
    names = [*dir(pyotp), *dir(pyotp.TOTP), *dir(passlib.totp), *dir(passlib.totp.TOTP)]
    assert [name for name in names if "qr" in name.lower()] == []


@row("HOTP", totpkit="yes", pyotp="yes", libpass="no")
def test_hotp() -> None:
    """Counter codes are known to two of the three."""
    assert "755224" == HOTP(ours.secret).at(0) == pyotp.HOTP(TEXT).at(0)
    with pytest.raises(NotImplementedError):
        passlib.totp.TOTP.from_uri(HOTP(ours.secret).uri(account="alice"))


@row("Steam Guard codes", totpkit="yes", pyotp="yes", libpass="no")
def test_steam() -> None:
    """Steam's codes are known to two of the three."""
    assert "WQ9BX" == Steam(ours.secret).at(FIRST) == pyotp.contrib.Steam(TEXT).at(FIRST)
    with pytest.warns(PasslibRuntimeWarning, match="encoder"):
        read = passlib.totp.TOTP.from_uri(f"otpauth://totp/alice?secret={TEXT}&encoder=steam")
    assert read.generate(FIRST).token == CODE


@row("Exports of Google Authenticator", totpkit="reads and writes", pyotp="no", libpass="no")
def test_exports() -> None:
    """Only ours reads what Google Authenticator exports, and writes what it imports."""
    text = load("migration")["payloads"][0]["text"]
    payload = MigrationPayload.parse(text)
    assert payload == MigrationPayload.parse(str(payload))
    with pytest.raises(ValueError, match="Not an otpauth URI"):
        pyotp.parse_uri(text)
    with pytest.raises(ValueError, match="wrong uri scheme"):
        passlib.totp.TOTP.from_uri(text)


@row("Needs at run time", totpkit="itsdangerous, and segno for pictures", pyotp="nothing", libpass="nothing")
def test_needs() -> None:
    """Of the three only ours installs other packages."""

    def needs(package: str) -> list[str]:
        required = importlib.metadata.requires(package) or []
        return [re.split(r"[^\w-]", line)[0] for line in required if "extra ==" not in line]

    assert needs("totpkit") == ["itsdangerous", "segno"]
    assert needs("pyotp") == []
    assert needs("libpass") == []


def test_table() -> None:
    """The table in README has these cells, and names the versions that they were run with."""
    lines = [line for line in README.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    assert {title: (ours, pyotp, libpass) for title, ours, pyotp, libpass, _ in rows} == CELLS
    versions = {name: importlib.metadata.version(name) for name in ("pyotp", "libpass")}
    assert head[2] == f"pyotp {'.'.join(versions['pyotp'].split('.')[:2])}"
    assert head[3] == f"libpass {'.'.join(versions['libpass'].split('.')[:2])} (passlib)"


def test_no_guess() -> None:
    """What README says that totpkit will not guess is refused by its own error."""
    with pytest.raises(InvalidParameterError, match=r"timestamp\(\)"):
        ours.at(datetime(2026, 1, 1, tzinfo=UTC))  # type: ignore[arg-type]
    with pytest.raises(InvalidParameterError, match="must be a str"):
        ours.verify(911617)  # type: ignore[arg-type]
    with pytest.raises(InvalidURIError, match="repeat"):
        KeyURI.parse(f"otpauth://totp/alice?secret={TEXT}&secret={TEXT}")
    with pytest.raises(InvalidParameterError, match="16"):
        Secret.generate(15)
