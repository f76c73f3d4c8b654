"""TOTP."""

import copy
import dataclasses
import inspect
import pickle

import pyotp
import pytest
from hypothesis import given, strategies as st

from tests.support import naive_otp
from tests.support.strategies import (
    RFC_SECRET,
    algorithms,
    digits,
    periods,
    pyotp_times,
    pyotp_totps,
    raw_secrets,
    uri_totps,
)
from tests.vectors import load
from totpkit import HOTP, TOTP, Algorithm, InvalidParameterError, KeyURI, Secret, qr

APPENDIX_B = load("rfc6238")


@pytest.mark.proves("RFC6238-B", "RFC6238-4.2")
@pytest.mark.parametrize("vector", APPENDIX_B["codes"])
def test_appendix_b(vector: dict[str, int | str]) -> None:
    """Steps and codes are those of Appendix B, with the seed for each hash, to the year 2603."""
    raw = bytes.fromhex(APPENDIX_B["secrets"][vector["algorithm"]])
    totp = TOTP(Secret.from_bytes(raw), digits=8, algorithm=Algorithm[str(vector["algorithm"])])
    assert vector["code"] == totp.at(vector["time"])
    assert int(vector["step"], 16) == totp.step(vector["time"])
    assert totp.verify(vector["code"], at=vector["time"])


@given(raw_secrets, digits, algorithms, periods, st.integers(0, 2**40))
def test_second_implementation(raw: bytes, places: int, algorithm: Algorithm, period: int, time: int) -> None:
    """The codes are those of the second implementation."""
    totp = TOTP(Secret.from_bytes(raw), digits=places, algorithm=algorithm, period=period)
    assert naive_otp.decimal(raw, time // period, places, algorithm) == totp.at(time)


@given(pyotp_totps, pyotp_times)
def test_pyotp(totp: TOTP, time: int) -> None:
    """The codes are those of pyotp, which gets the parameters from the key URI."""
    peer = pyotp.parse_uri(totp.uri(account="alice", issuer="Acme"))
    assert isinstance(peer, pyotp.TOTP)
    assert peer.at(time) == totp.at(time)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"secret": "JBSWY3DP"}, "secret must be a Secret, for example from Secret.from_base32, not str"),
        ({"digits": 5}, "digits must be an int from 6 to 8, not 5"),
        ({"digits": 9}, "digits must be an int from 6 to 8, not 9"),
        ({"digits": "6"}, "digits must be an int from 6 to 8, not str"),
        ({"period": 0}, "period must be an int from 1 to 3600, not 0"),
        ({"period": 3601}, "period must be an int from 1 to 3600, not 3601"),
        ({"period": 30.0}, "period must be an int from 1 to 3600, not 30.0"),
        ({"t0": -1}, f"t0 must be an int from 0 to {2**64 - 1}, not -1"),
        ({"t0": 2**64}, f"t0 must be an int from 0 to {2**64 - 1}, not {2**64}"),
        ({"t0": 0.0}, f"t0 must be an int from 0 to {2**64 - 1}, not 0.0"),
        (
            {"algorithm": "SHA1"},
            "algorithm must be Algorithm.SHA1 or Algorithm.SHA256 or Algorithm.SHA512, not str",
        ),
    ],
)
def test_bad_parameters(arguments: dict[str, object], message: str) -> None:
    """Parameters of the wrong type or out of range are rejected, and the message says what is allowed."""
    with pytest.raises(InvalidParameterError) as caught:
        TOTP(**{"secret": RFC_SECRET} | arguments)  # type: ignore[arg-type]
    assert message == str(caught.value)


@pytest.mark.parametrize("arguments", [{"digits": 6}, {"digits": 8}, {"period": 1}, {"period": 3600}])
def test_bounds(arguments: dict[str, int]) -> None:
    """The bounds themselves are allowed."""
    totp = TOTP(RFC_SECRET, **arguments)
    assert arguments.items() <= {"digits": totp.digits, "period": totp.period}.items()


def test_value() -> None:
    """A TOTP is an immutable value that can be copied but not pickled."""
    totp = TOTP(RFC_SECRET, digits=8, algorithm=Algorithm.SHA256, period=60, t0=5)
    assert totp == dataclasses.replace(totp) == copy.deepcopy(copy.copy(totp))
    assert hash(totp) == hash(dataclasses.replace(totp))
    assert totp != dataclasses.replace(totp, t0=0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        totp.period = 30  # type: ignore[misc]
    with pytest.raises(TypeError, match=r"^Secret cannot be pickled"):
        pickle.dumps(totp)


@pytest.mark.parametrize("kind", [TOTP, HOTP])
def test_keyword_only(kind: type[TOTP | HOTP]) -> None:
    """Only the secret can be passed by position."""
    parameters = [*inspect.signature(kind).parameters.values()][1:]
    assert {parameter.kind for parameter in parameters} == {inspect.Parameter.KEYWORD_ONLY}


def test_replace() -> None:
    """Replacing a parameter changes the codes."""
    assert dataclasses.replace(TOTP(RFC_SECRET), digits=8).at(59) == "94287082"


def test_repr() -> None:
    """The repr shows the parameters and not the secret."""
    parameters = "digits=6, algorithm=<Algorithm.SHA1: 'SHA1'>, period=30, t0=0"
    assert f"TOTP(secret=<Secret of 20 bytes>, {parameters})" == repr(TOTP(RFC_SECRET))


@pytest.mark.proves("RFC6238-3-R4")
@given(uri_totps)
def test_parameters_in_uri(totp: TOTP) -> None:
    """The key URI contains the time step and everything else that a code depends on."""
    assert totp == KeyURI.parse(totp.uri(account="alice")).otp


def test_uri() -> None:
    """The key URI omits default values, and quotes the names."""
    secret = Secret.from_base32("JBSWY3DPEHPK3PXP")
    assert TOTP(secret).uri(account="alice") == "otpauth://totp/alice?secret=JBSWY3DPEHPK3PXP"
    totp = TOTP(secret, digits=8, algorithm=Algorithm.SHA512, period=60)
    assert totp.uri(account="alice@example.com", issuer="Acme & Söhne") == (
        "otpauth://totp/Acme%20%26%20S%C3%B6hne:alice%40example.com?secret=JBSWY3DPEHPK3PXP"
        "&issuer=Acme%20%26%20S%C3%B6hne&algorithm=SHA512&digits=8&period=60"
    )


def test_t0_has_no_uri() -> None:
    """A TOTP with another t0 than authenticator apps use has no key URI and no QR code."""
    totp = TOTP(RFC_SECRET, t0=1)
    for draw in (totp.uri, totp.qr):
        with pytest.raises(InvalidParameterError, match=r"^t0 must be 0 in a key URI; authenticator apps "):
            draw(account="alice")


def test_qr() -> None:
    """The QR code contains the key URI."""
    totp = TOTP(RFC_SECRET)
    uri = totp.uri(account="alice", issuer="Acme")
    assert qr(uri).svg() == totp.qr(account="alice", issuer="Acme").svg()
