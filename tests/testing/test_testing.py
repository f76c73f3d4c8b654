"""The clock and the soft phone in totpkit.testing. tests/stores tests the suite for stores."""

import pytest
from hypothesis import given, strategies as st

from tests.support import strategies as own
from tests.support.strategies import RFC_SECRET
from totpkit import HOTP, TOTP, InvalidURIError, KeyURI
from totpkit.testing import SettableClock, SoftPhone

NOW = 1_700_000_000.0


def test_clock() -> None:
    """The clock shows the same time until it is set or moved forward or back."""
    clock = SettableClock()
    assert (clock(), clock()) == (NOW, NOW)
    clock.advance(30)
    assert clock() == NOW + 30
    clock.advance(-60.5)
    assert clock() == NOW - 30.5
    clock.time = 59.0
    assert (clock(), SettableClock(7)()) == (59.0, 7)


@given(own.uri_totps, own.accounts, own.names, st.integers(-90, 90), st.integers(-2, 2), st.booleans())
def test_phone(totp: TOTP, account: str, issuer: str, slow: int, steps: int, ignores: object) -> None:
    """A phone shows the codes of the key URI by its own clock, or ignores the parameters of the URI."""
    clock = SettableClock()
    uri = str(KeyURI(otp=totp, account=account, issuer=issuer))
    phone = SoftPhone(uri, clock=clock, slow=slow, ignores_parameters=bool(ignores))
    expected = TOTP(totp.secret) if ignores else totp
    for moment in (NOW, NOW - totp.period):
        clock.time = moment
        assert phone.code() == expected.at(moment - slow)
        assert phone.code(steps=steps) == expected.at(moment - slow + steps * expected.period)


def test_misuse() -> None:
    """The repr of a phone hides the secret, and the number of steps is keyword-only."""
    phone = SoftPhone(TOTP(RFC_SECRET).uri(account="a"), clock=SettableClock())
    assert RFC_SECRET.to_base32() not in repr(phone)
    with pytest.raises(TypeError):
        phone.code(1)  # type: ignore[misc]


def test_hotp() -> None:
    """A phone rejects a key URI of HOTP."""
    with pytest.raises(InvalidURIError, match=r"^a soft phone needs a key URI of type totp$"):
        SoftPhone(HOTP(RFC_SECRET).uri(account="a"), clock=SettableClock())
