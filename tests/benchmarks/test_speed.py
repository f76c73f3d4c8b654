"""Codes, verification and imports beside those of peers.

Each test asserts that all give the same answers; how fast they were is printed and not asserted.
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
from totpkit import TOTP, Accepted, Secret, Window  # noqa: F401 - for statements

RAW = bytes(range(1, 21))
NOW = 1_700_000_000
MEBIBYTE = bytes(2**20)

ours = TOTP(Secret.from_bytes(RAW))
pyotp_totp = pyotp.TOTP(ours.secret.to_base32())
libpass_totp = passlib.totp.TOTP(key=RAW, format="raw")
cryptography_totp = CryptographyTOTP(RAW, 6, SHA1(), 30)  # noqa: S303 - what phones use
otpauth_totp = otpauth.TOTP(RAW)

CODE = ours.at(NOW)
LAST_STEP = ours.step(NOW) - 1
COUNTER = ours.step(NOW).to_bytes(8, "big")
REFUSALS = (passlib.exc.InvalidTokenError, InvalidToken)
WRONG = next(
    f"{number:06d}"
    for number in range(10**6)
    if f"{number:06d}" not in {ours.at(NOW + 30 * step) for step in range(-9, 9)}
)
BLOCK = RAW.ljust(64, b"\0")
start_inner = hashlib.sha1(bytes(byte ^ 0x36 for byte in BLOCK)).copy  # noqa: S324 - what phones use
start_outer = hashlib.sha1(bytes(byte ^ 0x5C for byte in BLOCK)).copy  # noqa: S324 - likewise


def test_at(rows: list[Row]) -> None:
    """All make the same code."""
    statements = {
        "totpkit": "ours.at(NOW)",
        "pyotp at": "pyotp_totp.at(NOW)",
        "libpass generate": "libpass_totp.generate(NOW).token",
        "cryptography generate": "cryptography_totp.generate(NOW)",
        "otpauth generate": "otpauth_totp.string_code(otpauth_totp.generate(NOW))",
    }
    assert {CODE} == {spelt(answer(statement)) for statement in statements.values()}
    found = race(statements, globals())
    wanted = {"pyotp at": "5", "libpass generate": "1.2"}
    rows += [Row("at", found["totpkit"], name, found[name], wanted.get(name, "")) for name in [*found][1:]]


@pytest.mark.parametrize(("code", "name"), [(WRONG, "wrong"), (CODE, "right")])
def test_verify(rows: list[Row], code: str, name: str) -> None:
    """With a window of one step either way all accept the right code and refuse the wrong one."""
    statements = {
        "totpkit": "ours.verify(code, at=NOW)",
        f"pyotp verify(valid_window=1), {name}": "pyotp_totp.verify(code, for_time=NOW, valid_window=1)",
        f"libpass match(window=30), {name}": caught("libpass_totp.match(code, time=NOW, window=30)"),
    }
    assert {code == CODE} == {verdict(statement, code) for statement in statements.values()}
    found = race(statements, globals() | {"code": code})
    wanted = ["4" if code == WRONG else "", "1"]
    rows += [
        Row(f"verify, window 1/1, {name}", found["totpkit"], peer, found[peer], ratio)
        for peer, ratio in zip([*found][1:], wanted, strict=True)
    ]


@pytest.mark.parametrize(("code", "name"), [(WRONG, "wrong"), (CODE, "right")])
def test_verify_one_step(rows: list[Row], code: str, name: str) -> None:
    """Those that know no window answer alike for the current step."""
    statements = {
        "totpkit": "ours.verify(code, at=NOW, window=Window.ASVS)",
        f"pyotp verify, {name}": "pyotp_totp.verify(code, for_time=NOW)",
        f"cryptography verify, {name}": caught("cryptography_totp.verify(code.encode(), NOW)"),
        f"otpauth verify, {name}": "otpauth_totp.verify(int(code), NOW)",
    }
    assert {code == CODE} == {verdict(statement, code) for statement in statements.values()}
    found = race(statements, globals() | {"code": code})
    rows += [Row(f"verify, window 0/0, {name}", found["totpkit"], peer, found[peer]) for peer in [*found][1:]]


def test_verify_with_last_step(rows: list[Row]) -> None:
    """A last step that reaches below the window is paid for with the codes of the steps between."""
    statements = {
        "with": "ours.verify(CODE, at=NOW, last_step=LAST_STEP)",
        "without": "ours.verify(CODE, at=NOW)",
    }
    assert {Accepted(LAST_STEP + 1)} == {answer(statement) for statement in statements.values()}
    found = race(statements, globals())
    rows.append(Row("verify, last_step one step ago", found["with"], "without last_step", found["without"]))


def by_hand() -> bytes:
    """Make an HMAC of SHA-1 from contexts that have absorbed the secret."""
    inner = start_inner()
    inner.update(COUNTER)
    outer = start_outer()
    outer.update(inner.digest())
    return outer.digest()


def test_floor(rows: list[Row]) -> None:
    """A code takes two compressions of SHA-1 at least: contexts copied and finished by hand."""
    statements = {
        "totpkit": "ours.at(NOW)",
        "by hand": "by_hand()",
        "hmac.digest": "hmac.digest(RAW, COUNTER, 'sha1')",
        "bulk": "hashlib.sha1(MEBIBYTE).digest()",
    }
    assert by_hand() == hmac.digest(RAW, COUNTER, "sha1")
    found = race(statements, globals())
    compressions = [2 * 64 * seconds / len(MEBIBYTE) for seconds in found["bulk"]]
    rows += [
        Row("at", found["totpkit"], "two compressions by hand in hashlib", found["by hand"]),
        Row("at", found["totpkit"], "hmac.digest, nothing else", found["hmac.digest"]),
        Row("at", found["totpkit"], "two compressions at full throughput", compressions),
    ]


def caught(call: str) -> str:
    """Return the statement of an app to whom a peer says no by raising."""
    return f"try:\n    {call}\nexcept REFUSALS:\n    pass"


def answer(statement: str) -> object:
    """Return what the expression is."""
    return eval(statement)  # noqa: S307 - a statement of ours


def verdict(statement: str, code: str) -> bool:
    """Return whether the statement accepts the code."""
    call = statement.removeprefix("try:\n    ").partition("\n")[0]
    try:
        accepted = eval(call, globals() | {"code": code})  # noqa: S307 - likewise
    except REFUSALS:
        return False
    return accepted is None or bool(accepted)


def spelt(code: object) -> str:
    """Return a code as text."""
    return code.decode() if isinstance(code, bytes) else str(code)


def test_import(rows: list[Row]) -> None:
    """Each can be imported in an interpreter of its own."""
    found = race_imports(
        {
            "import totpkit": "import totpkit",
            "from totpkit import TOTP": "from totpkit import TOTP",
            "import pyotp": "import pyotp",
            "import passlib.totp": "import passlib.totp",
            "import otpauth": "import otpauth",
        }
    )
    assert all(found.values())
    for name in ("import totpkit", "from totpkit import TOTP"):
        for peer in ("import pyotp", "import passlib.totp", "import otpauth"):
            wanted = "1" if (name, peer) == ("import totpkit", "import pyotp") else ""
            rows.append(Row(name, found[name], peer, found[peer], wanted))
