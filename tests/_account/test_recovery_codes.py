"""Recovery codes and their hashes."""

import os
import re
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from hypothesis import given, settings, strategies as st

from tests.support.strategies import anything, spellings
from totpkit import InvalidParameterError, Reason
from totpkit._account.recovery_codes import COSTS, RecoveryCodeSet, new_recovery_code, read_recovery_code

SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
OTHER_HAND = {"0": "0oO", "1": "1iIlL"}
raw_codes = st.binary(min_size=10, max_size=10)


def made(raw: bytes) -> str:
    """Return the recovery code of these random bytes."""
    return new_recovery_code(lambda size: raw[:size])


@pytest.mark.proves("NIST-3.1.2")
@given(raw_codes)
def test_new_code(raw: bytes) -> None:
    """A code writes all of its 80 random bits, in four groups of four symbols that are hard to confuse."""
    code = made(raw)
    assert re.fullmatch(rf"([{SYMBOLS}]{{4}}-){{3}}[{SYMBOLS}]{{4}}", code)
    number = 0
    for symbol in code.replace("-", ""):
        number = number * 32 + SYMBOLS.index(symbol)
    assert int.from_bytes(raw, "big") == number


@pytest.mark.proves("NIST-3.1.2", "RFC4226-7.5")
def test_random() -> None:
    """Codes come from the operating system's random generator: no two of many are equal."""
    assert len({new_recovery_code() for _ in range(1000)}) == 1000
    assert new_recovery_code.__defaults__ == (os.urandom,)


@given(raw_codes, st.data())
def test_read(raw: bytes, data: st.DataObject) -> None:
    """Case, spaces and dashes are forgiven, and O for 0, I or L for 1: all spellings are one code."""
    plain = made(raw).replace("-", "")
    typed = "".join(data.draw(st.sampled_from(OTHER_HAND.get(s, s + s.lower()))) for s in plain)
    assert read_recovery_code(data.draw(spellings(typed))) == plain


@pytest.mark.proves("T32", "T03")
@given(anything | st.text(SYMBOLS + "ouIL -", min_size=10, max_size=24))
def test_read_any_text(text: str) -> None:
    """Of any text either the one spelling of a code is read, or nothing."""
    compact = text.replace(" ", "").replace("-", "")
    read = read_recovery_code(text)
    if re.fullmatch("[0-9A-Za-z]{16}", compact) and not set("uU") & set(compact):
        assert read is not None
        assert re.fullmatch(f"[{SYMBOLS}]{{16}}", read)
    else:
        assert read is None


@pytest.mark.proves("T03")
@pytest.mark.parametrize(
    "typed",
    [
        "",
        "0",
        "0" * 15,
        "0" * 17,
        "U" * 16,
        "0" * 15 + "\n",
        "0" * 15 + "\u0660",
        "\uff10" * 16,
        "\u0131" * 16,
    ],
)
def test_malformed(typed: str) -> None:
    """What has another length, or another symbol, has not the form of a code."""
    assert read_recovery_code(typed) is None


@pytest.mark.parametrize("typed", [None, 1234567890123456, b"0" * 16, ["0"] * 16])
def test_no_text(typed: object) -> None:
    """Anything but a str is the caller's mistake."""
    with pytest.raises(InvalidParameterError, match=r"^code must be a str"):
        read_recovery_code(typed)


@pytest.mark.proves("NIST-3.1.2")
@pytest.mark.parametrize("cost", [1, 2, 3, 10, 14])
def test_hash(cost: int) -> None:
    """A hash is scrypt with r 8, p 1 and 2 to the cost, by another implementation too."""
    code = made(bytes(range(10))).replace("-", "")
    found = RecoveryCodeSet.of([code], cost=cost, entropy=lambda size: b"s" * size)
    independent = Scrypt(salt=b"s" * 16, length=32, n=2**cost, r=8, p=1).derive(code.encode())
    assert found == RecoveryCodeSet(b"s" * 16, cost, unspent=independent)


@pytest.mark.parametrize("cost", range(COSTS[0], COSTS[1] + 1))
def test_memory(cost: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every cost that a policy admits is given the memory it needs, and no more than can be asked for."""
    asked: list[int] = []

    def scrypt(_: bytes, *, n: int, r: int, p: int, maxmem: int, **_rest: object) -> bytes:
        asked.append(maxmem)
        # What OpenSSL counts: RFC 7914, section 6, B and V; section 5, T and X.
        assert 128 * r * p + 128 * r * n + 256 * r <= maxmem < 2**31
        return b""

    monkeypatch.setattr("totpkit._account.recovery_codes.hashlib.scrypt", scrypt)
    RecoveryCodeSet(b"", cost, b"").hash("0" * 16)
    assert len(asked) == 1


@pytest.mark.proves("NIST-3.1.2")
def test_salted() -> None:
    """Each set has a salt of its own, and no code stands in it in plain."""
    codes = [new_recovery_code() for _ in range(3)]
    one, other = (RecoveryCodeSet.of(codes, cost=1) for _ in range(2))
    assert one.salt != other.salt
    assert len(one.salt) == 16
    assert one.unspent != other.unspent
    for code in codes:
        for form in (code, code.replace("-", "")):
            assert form.encode() not in one.unspent + one.salt


@pytest.mark.proves("T25", "NIST-3.1.2")
@settings(max_examples=50)
@given(st.lists(raw_codes, min_size=1, max_size=6, unique=True), st.lists(st.integers(0, 7), max_size=12))
def test_spend(raws: list[bytes], tries: list[int]) -> None:
    """Each code is spent once, in any order; then it is replayed, and what is no code is a mismatch."""
    codes = [made(raw).replace("-", "") for raw in raws]
    recovery = RecoveryCodeSet.of(codes, cost=1)
    spent: set[str] = set()
    for place in tries:
        code = codes[place] if place < len(codes) else made(b"\xff" * 10).replace("-", "")
        answer = recovery.spend(recovery.hash(code))
        if code in spent:
            assert answer is Reason.REPLAYED
        elif code in codes:
            assert isinstance(answer, RecoveryCodeSet)
            recovery = answer
            spent.add(code)
        else:
            assert answer is Reason.MISMATCH
        assert recovery.left == len(codes) - len(spent)
        assert replace(recovery, unspent=b"", spent=b"") == RecoveryCodeSet(recovery.salt, 1, b"")


@pytest.mark.proves("T24")
@pytest.mark.parametrize("place", [0, 2, 4, None])
def test_all_compared(place: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spent or not, first or last or none: the hash is compared with all of the set, in constant time."""
    codes = [made(bytes([n] * 10)).replace("-", "") for n in range(5)]
    recovery = RecoveryCodeSet.of(codes, cost=1)
    for code in codes[:2]:
        left = recovery.spend(recovery.hash(code))
        assert isinstance(left, RecoveryCodeSet)
        recovery = left
    digest = recovery.hash("0" * 16 if place is None else codes[place])
    compared: list[bytes] = []

    def counting(known: bytes, other: bytes) -> bool:
        compared.append(known)
        return known == other

    monkeypatch.setattr("totpkit._account.recovery_codes.compare_digest", counting)
    recovery.spend(digest)
    rows = recovery.spent + recovery.unspent
    assert [rows[start : start + 32] for start in range(0, 160, 32)] == compared
