"""TOTP, the codes that change with the clock."""

import copy
import dataclasses
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
from totpkit import TOTP, Algorithm, InvalidParameterError, KeyURI, Secret, qr

APPENDIX_B = load("rfc6238")


@pytest.mark.proves("RFC6238-B", "RFC6238-4.2")
@pytest.mark.parametrize("vector", APPENDIX_B["codes"])
def test_appendix_b(vector: dict[str, int | str]) -> None:
    """Steps and codes are those of Appendix B, with the seed of each hash, to the year 2603."""
    raw = bytes.fromhex(APPENDIX_B["secrets"][vector["algorithm"]])
    totp = TOTP(Secret.from_bytes(raw), digits=8, algorithm=Algorithm[str(vector["algorithm"])])
    assert vector["code"] == totp.at(vector["time"])
    assert int(vector["step"], 16) == totp.step(vector["time"])
    assert totp.verify(vector["code"], at=vector["time"])


def test_seeds() -> None:
    """The seeds of Appendix B are 20, 32 and 64 bytes long, each as its hash."""
    assert [len(bytes.fromhex(seed)) for seed in APPENDIX_B["secrets"].values()] == [20, 32, 64]


@given(raw_secrets, digits, algorithms, periods, st.integers(0, 2**40))
def test_second_implementation(raw: bytes, places: int, algorithm: Algorithm, period: int, time: int) -> None:
    """The codes are those of an independent implementation."""
    totp = TOTP(Secret.from_bytes(raw), places, algorithm, period)
    assert naive_otp.decimal(raw, time // period, places, algorithm) == totp.at(time)


@given(pyotp_totps, pyotp_times)
def test_pyotp(totp: TOTP, time: int) -> None:
    """The codes are those of pyotp, told the parameters by a key URI that it reads."""
    peer = pyotp.parse_uri(totp.uri(account="alice", issuer="Acme"))
    assert isinstance(peer, pyotp.TOTP)
    assert peer.at(time) == totp.at(time)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"secret": "JBSWY3DP"}, "secret must be a Secret, made by Secret.from_base32 for one, not str"),
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
def test_refused(arguments: dict[str, object], message: str) -> None:
    """Parameters of the wrong type or out of range are refused with what would be right."""
    with pytest.raises(InvalidParameterError) as caught:
        TOTP(**{"secret": RFC_SECRET} | arguments)  # type: ignore[arg-type]
    assert message == str(caught.value)


@pytest.mark.parametrize("arguments", [{"digits": 6}, {"digits": 8}, {"period": 1}, {"period": 3600}])
def test_bounds(arguments: dict[str, int]) -> None:
    """The bounds themselves are allowed."""
    totp = TOTP(RFC_SECRET, **arguments)
    assert arguments.items() <= {"digits": totp.digits, "period": totp.period}.items()


def test_value() -> None:
    """Equal parameters make equal codes, which cannot be changed but can be copied."""
    totp = TOTP(RFC_SECRET, 8, Algorithm.SHA256, 60, 5)
    assert totp == TOTP(RFC_SECRET, digits=8, algorithm=Algorithm.SHA256, period=60, t0=5)
    assert hash(totp) == hash(TOTP(RFC_SECRET, 8, Algorithm.SHA256, 60, 5))
    assert totp != dataclasses.replace(totp, t0=0)
    assert totp == copy.deepcopy(copy.copy(totp))
    with pytest.raises(dataclasses.FrozenInstanceError):
        totp.period = 30  # type: ignore[misc]
    with pytest.raises(TypeError, match=r"^a Secret cannot be pickled"):
        pickle.dumps(totp)


def test_replaced() -> None:
    """Codes made from others by replacing a parameter are computed by the new one."""
    totp = dataclasses.replace(TOTP(RFC_SECRET), digits=8)
    assert totp.at(59) == "94287082"


def test_repr() -> None:
    """What is printed tells the parameters and not the secret."""
    parameters = "digits=6, algorithm=<Algorithm.SHA1: 'SHA1'>, period=30, t0=0"
    assert f"TOTP(secret=<Secret of 20 bytes>, {parameters})" == repr(TOTP(RFC_SECRET))


@pytest.mark.proves("RFC6238-3-R4")
@given(uri_totps)
def test_parameters_travel(totp: TOTP) -> None:
    """The time step, and all else that a code depends on, travels in the key URI."""
    assert totp == KeyURI.parse(totp.uri(account="alice")).otp


def test_uri() -> None:
    """The key URI leaves out what is the default, and names everything else."""
    secret = Secret.from_base32("JBSWY3DPEHPK3PXP")
    assert TOTP(secret).uri(account="alice") == "otpauth://totp/alice?secret=JBSWY3DPEHPK3PXP"
    full = TOTP(secret, 8, Algorithm.SHA512, 60).uri(account="alice@example.com", issuer="Acme & Söhne")
    assert full == (
        "otpauth://totp/Acme%20%26%20S%C3%B6hne:alice%40example.com?secret=JBSWY3DPEHPK3PXP"
        "&issuer=Acme%20%26%20S%C3%B6hne&algorithm=SHA512&digits=8&period=60"
    )


def test_t0_has_no_uri() -> None:
    """Codes that begin at another time than phones do have no key URI, and no picture."""
    totp = TOTP(RFC_SECRET, t0=1)
    for draw in (totp.uri, totp.qr):
        with pytest.raises(InvalidParameterError, match=r"^t0 must be 0 in a key URI: phones know no other$"):
            draw(account="alice")


def test_qr() -> None:
    """The picture is that of the key URI."""
    totp = TOTP(RFC_SECRET)
    uri = totp.uri(account="alice", issuer="Acme")
    assert qr(uri).svg() == totp.qr(account="alice", issuer="Acme").svg()
