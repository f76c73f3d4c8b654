"""Codes, verification and imports compared with other libraries.

Each test asserts that all libraries return the same results. It prints their speed but does not assert it.
"""

import hashlib
import hmac

import otpauth
import passlib.exc
import passlib.totp
import pyotp
import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor import InvalidToken
from cryptography.hazmat.primitives.twofactor.totp import TOTP as CryptographyTOTP  # noqa: N811

from tests.benchmarks.race import Row, race, race_imports
from totpkit import TOTP, Accepted, Secret, Window  # noqa: F401 - used in statements

RAW = bytes(range(1, 21))
NOW = 1_700_000_000
MEBIBYTE = bytes(2**20)

ours = TOTP(Secret.from_bytes(RAW))
pyotp_totp = pyotp.TOTP(ours.secret.to_base32())
libpass_totp = passlib.totp.TOTP(key=RAW, format="raw")
cryptography_totp = CryptographyTOTP(RAW, 6, SHA1(), 30)  # noqa: S303 - the default of TOTP
otpauth_totp = otpauth.TOTP(RAW)

CODE = ours.at(NOW)
LAST_STEP = ours.step(NOW) - 1
COUNTER = ours.step(NOW).to_bytes(8, "big")
REJECTIONS = (passlib.exc.InvalidTokenError, InvalidToken)
WRONG = next(
    f"{number:06d}"
    for number in range(10**6)
    if f"{number:06d}" not in {ours.at(NOW + 30 * step) for step in range(-9, 9)}
)
BLOCK = RAW.ljust(64, b"\0")
start_inner = hashlib.sha1(bytes(byte ^ 0x36 for byte in BLOCK)).copy  # noqa: S324 - the default of TOTP
start_outer = hashlib.sha1(bytes(byte ^ 0x5C for byte in BLOCK)).copy  # noqa: S324 - see above


def test_at(rows: list[Row]) -> None:
    """All libraries generate the same code."""
    statements = {
        "totpkit": "ours.at(NOW)",
        "pyotp at": "pyotp_totp.at(NOW)",
        "libpass generate": "libpass_totp.generate(NOW).token",
        "cryptography generate": "cryptography_totp.generate(NOW)",
        "otpauth generate": "otpauth_totp.string_code(otpauth_totp.generate(NOW))",
    }
    codes = [eval(statement) for statement in statements.values()]  # noqa: S307 - our own text
    assert {CODE} == {code.decode() if isinstance(code, bytes) else str(code) for code in codes}
    times = race(statements, globals())
    wanted = {"pyotp at": "5.5", "libpass generate": "1.4"}
    rows += [Row("at", times["totpkit"], name, times[name], wanted.get(name, "")) for name in [*times][1:]]


@pytest.mark.parametrize(("code", "name"), [(WRONG, "wrong"), (CODE, "right")])
def test_verify(rows: list[Row], code: str, name: str) -> None:
    """With one step in either direction, all accept the right code and reject the wrong one."""
    statements = {
        "totpkit": "ours.verify(code, at=NOW)",
        f"pyotp verify(valid_window=1), {name}": "pyotp_totp.verify(code, for_time=NOW, valid_window=1)",
        f"libpass match(window=30), {name}": caught("libpass_totp.match(code, time=NOW, window=30)"),
    }
    assert {code == CODE} == {accepts(statement, code) for statement in statements.values()}
    times = race(statements, globals() | {"code": code})
    wanted = ["5", ""] if code == WRONG else ["", "1.05"]
    rows += [
        Row(f"verify, window 1/1, {name}", times["totpkit"], peer, times[peer], ratio)
        for peer, ratio in zip([*times][1:], wanted, strict=True)
    ]


@pytest.mark.parametrize(("code", "name"), [(WRONG, "wrong"), (CODE, "right")])
def test_verify_one_step(rows: list[Row], code: str, name: str) -> None:
    """The libraries without a window return the same for the current step."""
    statements = {
        "totpkit": "ours.verify(code, at=NOW, window=Window.ASVS)",
        f"pyotp verify, {name}": "pyotp_totp.verify(code, for_time=NOW)",
        f"cryptography verify, {name}": caught("cryptography_totp.verify(code.encode(), NOW)"),
        f"otpauth verify, {name}": "otpauth_totp.verify(int(code), NOW)",
    }
    assert {code == CODE} == {accepts(statement, code) for statement in statements.values()}
    times = race(statements, globals() | {"code": code})
    rows += [Row(f"verify, window 0/0, {name}", times["totpkit"], peer, times[peer]) for peer in [*times][1:]]


def test_verify_with_last_step(rows: list[Row]) -> None:
    """A recent last step means that the codes of the steps before the window are computed too."""
    assert ours.verify(CODE, at=NOW, last_step=LAST_STEP) == Accepted(LAST_STEP + 1)
    times = race(
        {
            "with": "ours.verify(CODE, at=NOW, last_step=LAST_STEP)",
            "without": "ours.verify(CODE, at=NOW)",
        },
        globals(),
    )
    rows.append(Row("verify, last_step one step ago", times["with"], "without last_step", times["without"]))


def by_hand() -> bytes:
    """Return an HMAC-SHA1, computed from states that have absorbed the secret."""
    inner = start_inner()
    inner.update(COUNTER)
    outer = start_outer()
    outer.update(inner.digest())
    return outer.digest()


def test_floor(rows: list[Row]) -> None:
    """A code needs at least two compressions of SHA-1. This measures how fast they can be."""
    statements = {
        "totpkit": "ours.at(NOW)",
        "by hand": "by_hand()",
        "hmac.digest": "hmac.digest(RAW, COUNTER, 'sha1')",
        "bulk": "hashlib.sha1(MEBIBYTE).digest()",
    }
    assert by_hand() == hmac.digest(RAW, COUNTER, "sha1")
    times = race(statements, globals())
    compressions = [2 * 64 * seconds / len(MEBIBYTE) for seconds in times["bulk"]]
    rows += [
        Row("at", times["totpkit"], "two compressions by hand in hashlib", times["by hand"]),
        Row("at", times["totpkit"], "hmac.digest, nothing else", times["hmac.digest"]),
        Row("at", times["totpkit"], "two compressions at full throughput", compressions),
    ]


def caught(call: str) -> str:
    """Return the statement that an app needs for a library that raises for a wrong code."""
    return f"try:\n    {call}\nexcept REJECTIONS:\n    pass"


def accepts(statement: str, code: str) -> bool:
    """Return whether a statement accepts the code."""
    call = statement.removeprefix("try:\n    ").partition("\n")[0]
    try:
        accepted = eval(call, globals() | {"code": code})  # noqa: S307 - our own text
    except REJECTIONS:
        return False
    return accepted is None or bool(accepted)


def test_import(rows: list[Row]) -> None:
    """Every library can be imported in a new interpreter."""
    times = race_imports(
        {
            "import totpkit": "import totpkit",
            "from totpkit import TOTP": "from totpkit import TOTP",
            "import pyotp": "import pyotp",
            "import passlib.totp": "import passlib.totp",
            "import otpauth": "import otpauth",
        }
    )
    assert all(times.values())
    for name in ("import totpkit", "from totpkit import TOTP"):
        for peer in ("import pyotp", "import passlib.totp", "import otpauth"):
            wanted = "1" if (name, peer) == ("import totpkit", "import pyotp") else ""
            rows.append(Row(name, times[name], peer, times[peer], wanted))
