"""Tests of totpkit._account.recovery_codes."""

import os
import re

import pytest
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from hypothesis import given, settings, strategies as st

from tests.support.strategies import anything, spellings
from totpkit import InvalidParameterError, Reason
from totpkit._account.recovery_codes import COSTS, RecoveryCodeSet, new_recovery_code, read_recovery_code

SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LOOKALIKES = {"0": "0oO", "1": "1iIlL"}
raw_codes = st.binary(min_size=10, max_size=10)


def code_of(raw: bytes) -> str:
    """Return the recovery code of these random bytes."""
    return new_recovery_code(lambda size: raw[:size])


def symbols_of(raw: bytes) -> str:
    """Return the same code without dashes."""
    return code_of(raw).replace("-", "")


@pytest.mark.proves("NIST-3.1.2")
@given(raw_codes)
def test_new_code(raw: bytes) -> None:
    """A code contains all of its 80 random bits, in four groups of four symbols."""
    code = code_of(raw)
    assert re.fullmatch(rf"([{SYMBOLS}]{{4}}-){{3}}[{SYMBOLS}]{{4}}", code)
    number = 0
    for symbol in code.replace("-", ""):
        number = number * 32 + SYMBOLS.index(symbol)
    assert int.from_bytes(raw, "big") == number


@pytest.mark.proves("NIST-3.1.2", "RFC4226-7.5")
def test_random() -> None:
    """Codes come from the operating system's random generator, and do not repeat."""
    assert len({new_recovery_code() for _ in range(1000)}) == 1000
    assert new_recovery_code.__defaults__ == (os.urandom,)


@given(raw_codes, st.data())
def test_read(raw: bytes, data: st.DataObject) -> None:
    """Case, spaces and dashes are ignored, O is read as 0, and I and L are read as 1."""
    symbols = symbols_of(raw)
    typed = "".join(data.draw(st.sampled_from(LOOKALIKES.get(s, s + s.lower()))) for s in symbols)
    assert read_recovery_code(data.draw(spellings(typed))) == symbols


@pytest.mark.proves("T32", "T03")
@given(anything | st.text(SYMBOLS + "ouIL -", min_size=10, max_size=24))
def test_read_any_text(text: str) -> None:
    """Any text is read as the one spelling of a code, or is malformed."""
    compact = text.replace(" ", "").replace("-", "")
    symbols = read_recovery_code(text)
    if re.fullmatch("[0-9A-Za-z]{16}", compact) and not set("uU") & set(compact):
        assert symbols is not None
        assert re.fullmatch(f"[{SYMBOLS}]{{16}}", symbols)
    else:
        assert symbols is None


@pytest.mark.proves("T03")
@pytest.mark.parametrize(
    "typed",
    ["", "0" * 15, "0" * 17, "U" * 16, "0" * 15 + "\n", "0" * 15 + "\u0660", "\uff10" * 16, "\u0131" * 16],
)
def test_malformed(typed: str) -> None:
    """A text of another length or with another symbol is malformed."""
    assert read_recovery_code(typed) is None


@pytest.mark.parametrize("typed", [None, 1234567890123456, b"0" * 16, ["0"] * 16])
def test_not_a_str(typed: object) -> None:
    """Anything but a ``str`` raises."""
    with pytest.raises(InvalidParameterError, match=r"^code must be a str"):
        read_recovery_code(typed)


@pytest.mark.proves("NIST-3.1.2")
@pytest.mark.parametrize("cost", [1, 2, 3, 10, 14])
def test_hash(cost: int) -> None:
    """Another implementation of scrypt computes the same hash with N = 2**cost, r = 8 and p = 1."""
    symbols = symbols_of(bytes(range(10)))
    codes = RecoveryCodeSet.of([symbols], cost=cost, entropy=lambda size: b"s" * size)
    independent = Scrypt(salt=b"s" * 16, length=32, n=2**cost, r=8, p=1).derive(symbols.encode())
    assert codes == RecoveryCodeSet(b"s" * 16, cost, unspent=independent)


@pytest.mark.parametrize("cost", range(COSTS[0], COSTS[1] + 1))
def test_memory(cost: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every cost that a policy allows gets the memory that OpenSSL wants, and less than its limit."""
    limits: list[int] = []

    def scrypt(_: bytes, *, n: int, r: int, p: int, maxmem: int, **_rest: object) -> bytes:
        limits.append(maxmem)
        # What OpenSSL counts: B and V (RFC 7914, section 6), and T and X (section 5).
        assert 128 * r * p + 128 * r * n + 256 * r <= maxmem < 2**31
        return b""

    monkeypatch.setattr("totpkit._account.recovery_codes.hashlib.scrypt", scrypt)
    RecoveryCodeSet(b"", cost, b"").hash("0" * 16)
    assert len(limits) == 1


@pytest.mark.proves("NIST-3.1.2")
def test_salted() -> None:
    """Each set has its own salt, and contains no plain code."""
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
    """Each code is spent once, in any order, and is REPLAYED after that; any other is a MISMATCH."""
    known = [symbols_of(raw) for raw in raws]
    codes = RecoveryCodeSet.of(known, cost=1)
    spent: set[str] = set()
    for place in tries:
        symbols = known[place] if place < len(known) else symbols_of(b"\xff" * 10)
        outcome = codes.spend(codes.hash(symbols))
        if symbols in spent:
            assert outcome is Reason.REPLAYED
        elif symbols in known:
            assert isinstance(outcome, RecoveryCodeSet)
            codes = outcome
            spent.add(symbols)
        else:
            assert outcome is Reason.MISMATCH
        assert codes.left == len(known) - len(spent)
        assert codes._replace(unspent=b"", spent=b"") == RecoveryCodeSet(codes.salt, 1, b"")


@pytest.mark.proves("T24")
@pytest.mark.parametrize("place", [0, 2, 4, None])
def test_constant_time(place: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hash is compared with every hash of the set, in constant time, whether and wherever it matches."""
    known = [symbols_of(bytes([n] * 10)) for n in range(5)]
    codes = RecoveryCodeSet.of(known, cost=1)
    for symbols in known[:2]:
        left = codes.spend(codes.hash(symbols))
        assert isinstance(left, RecoveryCodeSet)
        codes = left
    digest = codes.hash("0" * 16 if place is None else known[place])
    compared: list[bytes] = []

    def compare_digest(one: bytes, other: bytes) -> bool:
        compared.append(one)
        return one == other

    monkeypatch.setattr("totpkit._account.recovery_codes.compare_digest", compare_digest)
    codes.spend(digest)
    assert b"".join(compared) == codes.spent + codes.unspent
    assert len(compared) == 5
