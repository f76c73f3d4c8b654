"""What totpkit.testing has besides the suite for stores: a clock and a soft phone."""

import pytest
from hypothesis import given

from tests.support import strategies as own
from tests.support.strategies import RFC_SECRET
from totpkit import HOTP, TOTP, Algorithm, InvalidURIError, KeyURI
from totpkit.testing import SettableClock, SoftPhone

NOW = 1_700_000_000.0


def test_clock() -> None:
    """The clock stands still until it is set or moved, either way."""
    clock = SettableClock()
    assert (clock(), clock()) == (NOW, NOW)
    clock.advance(30)
    assert clock() == NOW + 30
    clock.advance(-60.5)
    assert clock() == NOW - 30.5
    clock.time = 59.0
    assert (clock(), SettableClock(7)()) == (59.0, 7)


@given(own.uri_totps, own.accounts, own.names)
def test_phone(totp: TOTP, account: str, issuer: str) -> None:
    """A phone that has scanned a key URI shows the codes of its parameters by the clock."""
    clock = SettableClock()
    phone = SoftPhone(str(KeyURI(otp=totp, account=account, issuer=issuer)), clock=clock)
    assert phone.code() == totp.at(NOW)
    assert phone.code(2) == totp.at(NOW + 2 * totp.period)
    clock.advance(-totp.period)
    assert phone.code() == totp.at(NOW - totp.period) == phone.code(0)


@given(own.uri_totps)
def test_ignorant_phone(totp: TOTP) -> None:
    """A phone that ignores the parameters takes the secret alone, as many apps do."""
    phone = SoftPhone(totp.uri(account="a"), clock=SettableClock(), ignores_parameters=True)
    assert phone.code() == TOTP(totp.secret).at(NOW)
    assert phone.code(1) == TOTP(totp.secret).at(NOW + 30)


def test_slow_phone() -> None:
    """A phone whose clock lags shows older codes; one that is fast, newer ones."""
    totp = TOTP(RFC_SECRET, 8, Algorithm.SHA256, 60)
    slow = SoftPhone(totp.uri(account="a"), clock=SettableClock(), slow=90)
    fast = SoftPhone(totp.uri(account="a"), clock=SettableClock(), slow=-90)
    assert (slow.code(), fast.code()) == (totp.at(NOW - 90), totp.at(NOW + 90))


def test_counter_refused() -> None:
    """A phone of this kind does not take codes by counter."""
    with pytest.raises(InvalidURIError, match=r"^a soft phone scans only key URIs of type totp$"):
        SoftPhone(HOTP(RFC_SECRET).uri(account="a"), clock=SettableClock())


def test_shows_nothing() -> None:
    """A phone does not print its secret."""
    totp = TOTP(RFC_SECRET)
    shown = repr(SoftPhone(totp.uri(account="a"), clock=SettableClock()))
    assert totp.secret.to_base32() not in shown
