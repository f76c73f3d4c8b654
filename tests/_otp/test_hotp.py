"""HOTP."""

import copy
import dataclasses
import pickle

import pytest
from hypothesis import given, settings, strategies as st

from tests.support import naive_otp
from tests.support.strategies import (
    LAST_COUNTER,
    RFC_SECRET,
    algorithms,
    anything,
    counters,
    digits,
    hotps,
    misspellings,
    raw_secrets,
    spellings,
)
from tests.vectors import load
from totpkit import HOTP, Accepted, Algorithm, InvalidParameterError, KeyURI, Reason, Rejected, Secret, qr

APPENDIX_D = load("rfc4226")
NO_COUNTER = f"counter must be an int from 0 to {LAST_COUNTER}, not "


@pytest.mark.proves("RFC4226-D")
@pytest.mark.parametrize("vector", APPENDIX_D["codes"])
def test_appendix_d(vector: dict[str, int | str]) -> None:
    """The codes are those of Appendix D."""
    hotp = HOTP(Secret.from_bytes(bytes.fromhex(APPENDIX_D["secret"])))
    assert vector["code"] == hotp.at(vector["counter"])


@pytest.mark.proves("RFC4226-5.3")
@given(raw_secrets, digits, algorithms, counters)
def test_second_implementation(raw: bytes, places: int, algorithm: Algorithm, counter: int) -> None:
    """The codes are those of the second implementation, with leading zeros."""
    hotp = HOTP(Secret.from_bytes(raw), digits=places, algorithm=algorithm)
    assert naive_otp.decimal(raw, counter, places, algorithm) == hotp.at(counter)


@pytest.mark.parametrize("counter", [-1, 2**64, 0.0, "0", None, True])
def test_bad_counter(counter: object) -> None:
    """A counter is an int of 8 bytes."""
    with pytest.raises(InvalidParameterError, match=f"^{NO_COUNTER}"):
        HOTP(RFC_SECRET).at(counter)  # type: ignore[arg-type]
    with pytest.raises(InvalidParameterError, match=f"^{NO_COUNTER}"):
        HOTP(RFC_SECRET).uri(account="alice", counter=counter)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "parameter"),
    [
        ({"secret": "JBSWY3DPEHPK3PXP"}, "secret"),
        ({"digits": 5}, "digits"),
        ({"digits": 9}, "digits"),
        ({"algorithm": "SHA1"}, "algorithm"),
    ],
)
def test_bad_parameters(arguments: dict[str, object], parameter: str) -> None:
    """Parameters of the wrong type or out of range are rejected at construction."""
    with pytest.raises(InvalidParameterError) as caught:
        HOTP(**{"secret": RFC_SECRET} | arguments)  # type: ignore[arg-type]
    assert parameter == caught.value.parameter


@settings(max_examples=300)
@given(
    hotps,
    st.none() | counters | st.integers(0, 30),
    st.integers(0, 100) | st.integers(0, 5),
    st.integers(-12, 12),
    st.data(),
)
def test_verify(hotp: HOTP, last_step: int | None, look_ahead: int, offset: int, data: st.DataObject) -> None:
    """Verification returns the same as the second implementation, for any arguments."""
    low = 0 if last_step is None else last_step + 1
    raw = hotp.secret.to_bytes()

    def code_at(counter: int) -> str:
        return naive_otp.decimal(raw, counter, hotp.digits, hotp.algorithm)

    code = code_at(min(max(low + offset, 0), LAST_COUNTER))
    text = data.draw(spellings(code) | misspellings(code) | anything)
    form = f"[0-9]{{{hotp.digits}}}"
    expected = naive_otp.verify(code_at, form, text, low=low, high=low + look_ahead, last_step=last_step)
    result = hotp.verify(text, last_step=last_step, look_ahead=look_ahead)
    assert (Accepted(expected) if isinstance(expected, int) else Rejected(Reason(expected))) == result


@pytest.mark.proves("RFC4226-7.2")
@given(hotps, counters, st.integers(0, 100), st.integers(0, 100))
def test_counter_moves(hotp: HOTP, last_step: int, look_ahead: int, skipped: int) -> None:
    """After a match, the search continues at the next counter. Codes beyond the look-ahead fail."""
    counter = last_step + 1 + skipped
    if counter > LAST_COUNTER:
        return
    result = hotp.verify(hotp.at(counter), last_step=last_step, look_ahead=look_ahead)
    if skipped > look_ahead:
        assert not result or result.step < counter
    elif isinstance(result, Accepted):
        assert counter <= result.step <= last_step + 1 + look_ahead
        again = hotp.verify(hotp.at(counter), last_step=result.step, look_ahead=look_ahead)
        assert not again or result.step < again.step
    else:  # it equals a code that was spent shortly before
        assert result == Rejected(Reason.REPLAYED)


@pytest.mark.proves("RFC4226-7.2")
def test_look_ahead() -> None:
    """Codes that were generated but never sent are skipped, and the skipped codes are spent."""
    hotp = HOTP(RFC_SECRET)
    assert hotp.verify("755224") == Accepted(0)
    assert hotp.verify("969429", last_step=0) == Rejected(Reason.MISMATCH)
    assert hotp.verify("969429", last_step=0, look_ahead=2) == Accepted(3)
    assert hotp.verify("969429", last_step=3, look_ahead=2) == Rejected(Reason.REPLAYED)
    assert hotp.verify("287082", last_step=3, look_ahead=2) == Rejected(Reason.REPLAYED)
    assert hotp.verify("338314", last_step=3, look_ahead=2) == Accepted(4)


@pytest.mark.proves("RFC4226-7.2")
@pytest.mark.parametrize(
    ("name", "values", "bounds"),
    [
        ("look_ahead", [-1, 101, 1.0, None, True], "from 0 to 100"),
        ("last_step", [-1, 1.0, "1", True], "of 0 or more"),
    ],
)
def test_bad_arguments(name: str, values: list[object], bounds: str) -> None:
    """The look-ahead is bounded, and the last step is not negative."""
    for value in values:
        with pytest.raises(InvalidParameterError, match=f"^{name} must be an int {bounds}, not "):
            HOTP(RFC_SECRET).verify("755224", **{name: value})  # type: ignore[arg-type]


def test_last_counter() -> None:
    """After the last counter there is no code, and verifying one does not raise."""
    hotp = HOTP(RFC_SECRET)
    code = hotp.at(LAST_COUNTER)
    assert hotp.verify(code, last_step=LAST_COUNTER - 1, look_ahead=100) == Accepted(LAST_COUNTER)
    assert hotp.verify(code, last_step=LAST_COUNTER, look_ahead=100) == Rejected(Reason.REPLAYED)
    assert hotp.verify(code, last_step=2**70) == Rejected(Reason.MISMATCH)


@pytest.mark.proves("T32")
@given(hotps, anything, st.none() | st.integers(0), st.integers(0, 100))
def test_no_text_raises(hotp: HOTP, text: str, last_step: int | None, look_ahead: int) -> None:
    """No text raises, including lone surrogates."""
    result = hotp.verify(text, last_step=last_step, look_ahead=look_ahead)
    assert isinstance(result, Accepted | Rejected)


def test_value() -> None:
    """An HOTP is an immutable value that can be copied but not pickled."""
    hotp = HOTP(RFC_SECRET, digits=8, algorithm=Algorithm.SHA256)
    assert hotp == dataclasses.replace(hotp) == copy.deepcopy(copy.copy(hotp))
    assert hash(hotp) == hash(dataclasses.replace(hotp))
    assert hotp != dataclasses.replace(hotp, digits=6)
    with pytest.raises(dataclasses.FrozenInstanceError):
        hotp.digits = 6  # type: ignore[misc]
    with pytest.raises(TypeError, match=r"^Secret cannot be pickled"):
        pickle.dumps(hotp)


def test_repr() -> None:
    """The repr shows the parameters and not the secret."""
    expected = "HOTP(secret=<Secret of 20 bytes>, digits=6, algorithm=<Algorithm.SHA1: 'SHA1'>)"
    assert expected == repr(HOTP(RFC_SECRET))


def test_uri() -> None:
    """The key URI and its QR code contain the counter to start from, and omit default values."""
    hotp = HOTP(Secret.from_base32("JBSWY3DPEHPK3PXP"))
    expected = "otpauth://hotp/Acme:alice?secret=JBSWY3DPEHPK3PXP&issuer=Acme&counter=7"
    assert expected == hotp.uri(account="alice", issuer="Acme", counter=7)
    assert expected == str(KeyURI(hotp, account="alice", issuer="Acme", counter=7))
    assert qr(expected).svg() == hotp.qr(account="alice", issuer="Acme", counter=7).svg()
    assert hotp.uri(account="alice") == "otpauth://hotp/alice?secret=JBSWY3DPEHPK3PXP&counter=0"
