"""Steam Guard codes."""

import copy
import dataclasses

import pyotp.contrib
import pytest
from hypothesis import given, strategies as st

from tests.support import naive_otp
from tests.support.strategies import (
    RFC_SECRET,
    anything,
    foreign_digits,
    misspellings,
    pyotp_times,
    raw_pyotp_secrets,
    raw_secrets,
    spellings,
)
from tests.vectors import load
from totpkit import Accepted, InvalidParameterError, Reason, Rejected, Secret, Steam, qr
from totpkit._otp.steam import _letters

LETTERS = set(naive_otp.STEAM + naive_otp.STEAM.lower())


@pytest.mark.parametrize("vector", load("steam")["codes"])
def test_vectors(vector: dict[str, int | str]) -> None:
    """The codes are those that other projects have published."""
    steam = Steam(Secret.from_bytes(bytes.fromhex(str(vector["secret"]))))
    assert vector["code"] == steam.at(vector["time"])


@given(raw_secrets, st.integers(0, 2**40))
def test_second_implementation(raw: bytes, time: int) -> None:
    """The codes are those of the second implementation."""
    assert naive_otp.steam(raw, time // 30) == Steam(Secret.from_bytes(raw)).at(time)


@given(raw_pyotp_secrets, pyotp_times)
def test_pyotp(raw: bytes, time: int) -> None:
    """The codes are those of pyotp."""
    secret = Secret.from_bytes(raw)
    assert pyotp.contrib.Steam(secret.to_base32()).at(time) == Steam(secret).at(time)


@given(st.integers(0, 26**5 - 1))
def test_every_number(number: int) -> None:
    """Each number has its own code, which is read back as that number."""
    code = _letters(number)
    assert code == "".join(naive_otp.STEAM[number // 26**place % 26] for place in range(5))
    assert number == Steam(RFC_SECRET)._read(code)


@pytest.mark.proves("T03")
@given(st.text(naive_otp.STEAM, min_size=5, max_size=5), st.data())
def test_read(code: str, data: st.DataObject) -> None:
    """A text is a code exactly if five of the 26 letters and digits remain, in either case."""
    text = data.draw(misspellings(code) | spellings(code) | spellings(code.lower()) | anything)
    rest = text.replace(" ", "").replace("-", "")
    wellformed = len(rest) == 5 and set(rest) <= LETTERS
    assert wellformed == (Steam(RFC_SECRET)._read(text) is not None)
    if wellformed:
        assert Steam(RFC_SECRET)._read(rest.upper()) == Steam(RFC_SECRET)._read(text)


@pytest.mark.proves("T03")
@given(foreign_digits)
def test_foreign_digits(digit: str) -> None:
    """A text with a digit from another script is not a code."""
    assert Steam(RFC_SECRET)._read("2345" + digit) is None


@pytest.mark.proves("T03")
def test_ligature() -> None:
    """A ligature whose upper case is two letters of the alphabet is not part of a code."""
    assert "\ufb00".upper() == "FF"
    assert Steam(RFC_SECRET)._read("2FF34") is not None
    assert Steam(RFC_SECRET)._read("2\ufb0034") is None


@pytest.mark.parametrize("letter", sorted(set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") - set(naive_otp.STEAM)))
def test_letters_left_out(letter: str) -> None:
    """Letters and digits that look like others are not part of a code."""
    assert Steam(RFC_SECRET).verify("2345" + letter) == Rejected(Reason.MALFORMED)


def test_verify() -> None:
    """A code is accepted in either case, and only once."""
    steam = Steam(Secret.from_bytes(b"1234567890abcdefghij"))
    step = 1469184207 // 30
    assert Accepted(step) == steam.verify("P2QJN", at=1469184207)
    assert Accepted(step, drift=-1) == steam.verify("p2-q jn", at=1469184237)
    assert steam.verify("p2qjn", at=1469184207, last_step=step) == Rejected(Reason.REPLAYED)
    assert steam.verify("P2QJM", at=1469184207) == Rejected(Reason.MISMATCH)


def test_value() -> None:
    """A Steam is an immutable value with a fixed period, made of a Secret."""
    steam = Steam(RFC_SECRET)
    assert steam == Steam(Secret.from_bytes(RFC_SECRET.to_bytes())) == copy.deepcopy(steam)
    assert (steam.period, steam.t0) == (30, 0)
    assert repr(steam) == "Steam(secret=<Secret of 20 bytes>, period=30, t0=0)"
    with pytest.raises(dataclasses.FrozenInstanceError):
        steam.period = 60  # type: ignore[misc]
    with pytest.raises(TypeError):
        Steam(RFC_SECRET, period=60)  # type: ignore[call-arg]
    with pytest.raises(InvalidParameterError, match=r"^secret must be a Secret, .*, not str$"):
        Steam("JBSWY3DPEHPK3PXP")  # type: ignore[arg-type]


def test_uri() -> None:
    """The key URI and its QR code have the type steam, the encoder, and Steam as the default issuer."""
    steam = Steam(Secret.from_base32("JBSWY3DPEHPK3PXP"))
    expected = "otpauth://steam/Steam:gabe?secret=JBSWY3DPEHPK3PXP&issuer=Steam&encoder=steam"
    assert expected == steam.uri(account="gabe")
    assert qr(expected).svg() == steam.qr(account="gabe").svg()
    anonymous = "otpauth://steam/gabe?secret=JBSWY3DPEHPK3PXP&encoder=steam"
    assert anonymous == steam.uri(account="gabe", issuer="")
    assert qr(anonymous).svg() == steam.qr(account="gabe", issuer="").svg()
