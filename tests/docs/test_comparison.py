"""Check every cell about a Python library in the comparison with other libraries."""

import importlib.metadata
import pickle
import re
from collections.abc import Callable
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

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "comparison.md"
CELLS: dict[str, tuple[str, str, str]] = {}

RAW = b"12345678901234567890"
TEXT = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
CODE = "911617"  # of the steps 910737 and 910738
FIRST, SECOND, THIRD = (30 * step for step in (910737, 910738, 910739))
WRONG = "000000"

ours = TOTP(Secret.from_bytes(RAW))
theirs = pyotp.TOTP(TEXT)
lib = passlib.totp.TOTP(TEXT)

Test = Callable[[], None]


def row(title: str, *, totpkit: str, pyotp: str, libpass: str) -> Callable[[Test], Test]:
    """Register the cells of a row that the decorated test checks."""
    CELLS[title] = (totpkit, pyotp, libpass)
    return lambda test: test


@row("A login in which TOTP is never first", totpkit="yes", pyotp="no", libpass="no")
def test_login() -> None:
    """Only totpkit has a login, which rejects a code as the first answer. The others only verify codes."""
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
    """A used code is rejected where the last accepted step can be passed."""
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
    pyotp="accepted twice when comparing steps",
    libpass="accepted twice",
)
def test_collision() -> None:
    """A code that two nearby steps share is accepted twice by libraries that compare steps."""
    assert ours.verify(CODE, at=THIRD, last_step=910737).reason is Reason.REPLAYED
    assert theirs.verify_and_get_timecode(CODE, for_time=THIRD, valid_window=1) > 910737
    assert lib.match(CODE, time=THIRD, last_counter=910737).counter > 910737


@row("After a match", totpkit="computes the whole window", pyotp="stops", libpass="stops")
def test_early_exit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only totpkit continues after a match in the first step of the window."""
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
    """Only pyotp accepts full-width digits."""
    wide = CODE.translate({ord(digit): ord(digit) + 0xFEE0 for digit in "0123456789"})
    assert ours.verify(wide, at=FIRST).reason is Reason.MALFORMED
    assert theirs.verify(wide, for_time=FIRST)
    with pytest.raises(TokenError):
        lib.match(wide, time=FIRST)


@row("A wrong code", totpkit="falsy, with a reason", pyotp="`False`", libpass="an exception")
def test_wrong() -> None:
    """A wrong code gives a falsy result or an exception."""
    result = ours.verify(WRONG, at=FIRST)
    assert not result
    assert result.reason is Reason.MISMATCH
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
    """Text that is not a code gives a falsy result or an exception."""
    for text in ("hello", "\ud800"):
        assert ours.verify(text, at=FIRST).reason is Reason.MALFORMED
        with pytest.raises(TokenError):
            lib.match(text, time=FIRST)
    assert theirs.verify("hello", for_time=FIRST) is False
    with pytest.raises(UnicodeEncodeError):
        theirs.verify("\ud800", for_time=FIRST)


@row("Widest window without opting in", totpkit="10 steps", pyotp="any", libpass="any")
def test_widest() -> None:
    """Only totpkit requires opting in to a window that is hours wide."""
    assert Window(past=9, future=0).span == 10
    with pytest.raises(InvalidParameterError, match="at most 10 steps"):
        Window(past=10, future=0)
    hours_away = FIRST + 4 * 3600
    assert theirs.verify(ours.at(hours_away), for_time=FIRST, valid_window=500)
    assert lib.match(ours.at(hours_away), time=FIRST, window=5 * 3600)


@row("The secret in `vars()` or a pickle", totpkit="never", pyotp="both", libpass="`vars()`")
def test_shown() -> None:
    """Only totpkit hides its secret from ``vars()`` and pickle."""
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


@row("QR codes", totpkit="SVG, PNG, terminal", pyotp="no", libpass="no")
def test_qr_codes() -> None:
    """Only totpkit draws QR codes."""
    code = ours.qr(account="alice")
    assert code.svg().startswith("<svg")
    assert code.png().startswith(b"\x89PNG")
    assert "█" in code.terminal()
    names = [*dir(pyotp), *dir(pyotp.TOTP), *dir(passlib.totp), *dir(passlib.totp.TOTP)]
    assert [name for name in names if "qr" in name.lower()] == []


@row("HOTP", totpkit="yes", pyotp="yes", libpass="no")
def test_hotp() -> None:
    """Libpass does not support HOTP."""
    assert "755224" == HOTP(ours.secret).at(0) == pyotp.HOTP(TEXT).at(0)
    with pytest.raises(NotImplementedError):
        passlib.totp.TOTP.from_uri(HOTP(ours.secret).uri(account="alice"))


@row("Steam Guard codes", totpkit="yes", pyotp="yes", libpass="no")
def test_steam() -> None:
    """Libpass ignores the Steam encoder."""
    assert "WQ9BX" == Steam(ours.secret).at(FIRST) == pyotp.contrib.Steam(TEXT).at(FIRST)
    with pytest.warns(PasslibRuntimeWarning, match="encoder"):
        read = passlib.totp.TOTP.from_uri(f"otpauth://totp/alice?secret={TEXT}&encoder=steam")
    assert read.generate(FIRST).token == CODE


@row("Google Authenticator exports", totpkit="reads and writes", pyotp="no", libpass="no")
def test_exports() -> None:
    """Only totpkit reads and writes the exports of Google Authenticator."""
    text = load("migration")["payloads"][0]["text"]
    payload = MigrationPayload.parse(text)
    assert payload == MigrationPayload.parse(str(payload))
    with pytest.raises(ValueError, match="Not an otpauth URI"):
        pyotp.parse_uri(text)
    with pytest.raises(ValueError, match="wrong uri scheme"):
        passlib.totp.TOTP.from_uri(text)


@row(
    "Runtime dependencies", totpkit="itsdangerous, and segno for QR codes", pyotp="nothing", libpass="nothing"
)
def test_dependencies() -> None:
    """Only totpkit installs other packages."""

    def dependencies(package: str) -> list[str]:
        requirements = importlib.metadata.requires(package) or []
        return [re.split(r"[^\w-]", line)[0] for line in requirements if "extra ==" not in line]

    assert dependencies("totpkit") == ["itsdangerous", "segno"]
    assert dependencies("pyotp") == []
    assert dependencies("libpass") == []


def test_table() -> None:
    """The table has exactly these cells, and names the versions that are installed here."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    assert {title: (ours, pyotp, libpass) for title, ours, pyotp, libpass, _ in rows} == CELLS
    versions = {name: importlib.metadata.version(name) for name in ("pyotp", "libpass")}
    assert head[2] == f"pyotp {'.'.join(versions['pyotp'].split('.')[:2])}"
    assert head[3] == f"libpass {'.'.join(versions['libpass'].split('.')[:2])} (passlib)"
