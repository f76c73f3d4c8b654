"""Key URIs."""

import pickle
import sys
from collections.abc import Iterator

import pyotp
import pytest
from hypothesis import example, given, settings

from tests._otp.test_uri_syntax import BAD_NAMES
from tests.support.strategies import (
    LAST_COUNTER,
    RFC_SECRET,
    anything,
    key_uris,
    mutations,
    pyotp_hotps,
    pyotp_times,
    pyotp_totps,
)
from totpkit import HOTP, TOTP, Algorithm, InvalidParameterError, InvalidURIError, KeyURI, Secret, Steam

SECRET = Secret.from_base32("JBSWY3DPEHPK3PXP")
BASE = "otpauth://totp/alice?secret=JBSWY3DPEHPK3PXP"
HOTP_BASE = "otpauth://hotp/alice?secret=JBSWY3DPEHPK3PXP"
NO_SECRET = "a key URI must have a secret:"  # noqa: S105
NO_ALGORITHM = "algorithm in a key URI must be SHA1, SHA256 or SHA512"
NO_DIGITS = "digits in a key URI must be plain digits, 6 to 8"
NO_PERIOD = "period in a key URI must be plain digits, 1 to 3600"
NO_COUNTER = f"counter in a key URI must be plain digits, 0 to {LAST_COUNTER}"
NO_KIND = "a key URI must be of type totp, hotp or steam"
NO_ENCODER = "encoder in a key URI can only be steam, and not with hotp"


@pytest.mark.proves("T32")
@settings(max_examples=300)
@given(key_uris)
def test_build_then_parse(uri: KeyURI) -> None:
    """Every key URI that can be made reads back as it was, of all three kinds."""
    assert uri == KeyURI.parse(str(uri))


@pytest.mark.proves("T32")
@settings(max_examples=500)
@given(anything | anything.map("otpauth://totp/".__add__) | mutations(key_uris.map(str)))
@example("otpauth://totp/%3Aa:b?secret=AA")
@example("otpauth://totp/:a:b?secret=AA")
@example("otpauth://totp/a:b:c?secret=AA&issuer=b")
@example("otpauth://totp/%20:%20?secret=AA&issuer=%20")
@example("otpauth://totp/a?secret=AA&issuer=%3A")
@example("otpauth://totp/%3A:?secret=AA")
@example("otpauth://steam/a?secret=AA&period=30&digits=5&algorithm=sha1")
@example("otpauth://totp/a?secret=AA&digits=" + "0" * 3000 + "6")
def test_any_text(text: str) -> None:
    """Any text is a key URI or refused by the one error, and what was read is read again from its text."""
    try:
        uri = KeyURI.parse(text)
    except InvalidURIError:
        return
    assert uri == KeyURI.parse(str(uri))
    assert str(uri) == str(KeyURI.parse(str(uri)))


@pytest.mark.proves("T32")
@pytest.mark.parametrize("label", ["é" * 2000, "%C3%A9" * 500 + ":%C3%A9", "<" * 1500])
def test_long_text(label: str) -> None:
    """A text that was read is read again from what it is written as, or was refused for its length."""
    try:
        uri = KeyURI.parse(f"otpauth://totp/{label}?secret=AA")
    except InvalidURIError as error:
        assert str(error) == "a key URI must have at most 4096 characters"  # noqa: PT017 - raising is right too
    else:
        assert uri == KeyURI.parse(str(uri))


@given(pyotp_totps | pyotp_hotps, pyotp_times)
def test_pyotp(codes: TOTP | HOTP, moment: int) -> None:
    """A key URI tells pyotp the same codes."""
    peer = pyotp.parse_uri(str(KeyURI(codes, account="alice@example.com", issuer="Acme & Söhne")))
    assert (peer.name, peer.issuer) == ("alice@example.com", "Acme & Söhne")
    assert isinstance(peer, pyotp.TOTP | pyotp.HOTP)
    assert peer.at(moment) == codes.at(moment)


@pytest.mark.parametrize(
    ("text", "codes", "counter"),
    [
        (BASE, TOTP(SECRET), None),
        (f"{BASE}&algorithm=sha256&digits=8&period=60", TOTP(SECRET, 8, Algorithm.SHA256, 60), None),
        (f"{BASE}&algorithm=Sha512", TOTP(SECRET, algorithm=Algorithm.SHA512), None),
        (f"{BASE}&digits=06&period=030", TOTP(SECRET), None),
        (f"{BASE}&image=https%3A%2F%2Fexample.com%2Flogo.png&counter=x", TOTP(SECRET), None),
        ("otpauth://totp/alice?secret=jbsw%20y3dp-ehpk+3pxp====", TOTP(SECRET), None),
        ("otpauth://totp/alice?secret=AA", TOTP(Secret.from_bytes(b"\0")), None),
        ("otpauth://totp/alice?secret=2FASTEST", TOTP(Secret.from_base32("2FASTEST")), None),
        ("OTPAUTH://TOTP/alice?secret=JBSWY3DPEHPK3PXP", TOTP(SECRET), None),
        (f"{HOTP_BASE}&counter=0", HOTP(SECRET), 0),
        (f"{HOTP_BASE}&counter={LAST_COUNTER}&digits=7", HOTP(SECRET, 7), LAST_COUNTER),
        (f"{HOTP_BASE}&counter=1&period=never", HOTP(SECRET), 1),
        ("otpauth://steam/alice?secret=JBSWY3DPEHPK3PXP", Steam(SECRET), None),
        ("otpauth://steam/alice?secret=JBSWY3DPEHPK3PXP&encoder=steam", Steam(SECRET), None),
        (f"{BASE}&encoder=steam", Steam(SECRET), None),
        (f"{BASE}&encoder=Steam&digits=5&period=30&algorithm=SHA1", Steam(SECRET), None),
    ],
)
def test_tolerated(text: str, codes: TOTP | HOTP | Steam, counter: int | None) -> None:
    """What real services write is read as they meant it."""
    uri = KeyURI.parse(text)
    assert (codes, counter, "alice", "") == (uri.otp, uri.counter, uri.account, uri.issuer)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("otpauth://yaotp/alice?secret=JBSWY3DPEHPK3PXP", NO_KIND),
        ("otpauth:///alice?secret=JBSWY3DPEHPK3PXP", NO_KIND),
        ("otpauth://alice?secret=JBSWY3DPEHPK3PXP", NO_KIND),
        ("otpauth://totp/alice", f"{NO_SECRET} a secret must not be empty"),
        ("otpauth://totp/alice?secret=", f"{NO_SECRET} a secret must not be empty"),
        ("otpauth://totp/alice?secret=%20-=", f"{NO_SECRET} a secret must not be empty"),
        ("otpauth://totp/alice?Secret=JBSWY3DPEHPK3PXP", f"{NO_SECRET} a secret must not be empty"),
        (
            "otpauth://totp/alice?secret=JBSW1",
            f"{NO_SECRET} a base32 secret may hold only the letters A-Z and the digits 2-7",
        ),
        (
            "otpauth://totp/alice?secret=JBS",
            f"{NO_SECRET} a base32 secret cannot have this many characters: one is missing",
        ),
        (f"{BASE}&secret=JBSWY3DPEHPK3PXP", "a key URI must not repeat a parameter"),
        (f"{BASE}&issuer=A&issuer=A", "a key URI must not repeat a parameter"),
        (f"{BASE}&algorithm=MD5", NO_ALGORITHM),
        (f"{BASE}&algorithm=", NO_ALGORITHM),
        (f"{BASE}&algorithm=SHA-1", NO_ALGORITHM),
        (f"{BASE}&algorithm=%C5%BFha1", NO_ALGORITHM),  # a long s, whose upper case is S
        (f"{BASE}&digits=5", NO_DIGITS),
        (f"{BASE}&digits=9", NO_DIGITS),
        (f"{BASE}&digits=", NO_DIGITS),
        (f"{BASE}&digits=%206", NO_DIGITS),
        (f"{BASE}&digits=+6", NO_DIGITS),
        (f"{BASE}&digits=%2B6", NO_DIGITS),
        (f"{BASE}&digits=-6", NO_DIGITS),
        (f"{BASE}&digits=6.0", NO_DIGITS),
        (f"{BASE}&digits=0_6", NO_DIGITS),
        (f"{BASE}&digits=%D9%A6", NO_DIGITS),  # Arabic-Indic six
        (f"{BASE}&digits=%C2%B3", NO_DIGITS),  # superscript three
        (f"{BASE}&digits=six", NO_DIGITS),
        (f"{BASE}&period=0", NO_PERIOD),
        (f"{BASE}&period=3601", NO_PERIOD),
        (f"{BASE}&period=-30", NO_PERIOD),
        (f"{BASE}&period=30s", NO_PERIOD),
        (HOTP_BASE, NO_COUNTER),
        (f"{HOTP_BASE}&counter=", NO_COUNTER),
        (f"{HOTP_BASE}&counter=-1", NO_COUNTER),
        (f"{HOTP_BASE}&counter={2**64}", NO_COUNTER),
        (f"{HOTP_BASE}&counter=1e3", NO_COUNTER),
        (f"{HOTP_BASE}&counter=0&digits=5", NO_DIGITS),
        (f"{HOTP_BASE}&counter=0&encoder=steam", NO_ENCODER),
        (f"{BASE}&encoder=yandex", NO_ENCODER),
        (f"{BASE}&encoder=", NO_ENCODER),
        (f"{BASE}&encoder=steam&digits=6", "digits in a key URI must be plain digits, 5 to 5"),
        (f"{BASE}&encoder=steam&period=60", "period in a key URI must be plain digits, 30 to 30"),
        (f"{BASE}&encoder=steam&algorithm=SHA256", "algorithm in a key URI for Steam must be SHA1"),
    ],
)
def test_refused(text: str, message: str) -> None:
    """Whatever would give wrong codes is refused with what would be right, and without its context."""
    with pytest.raises(InvalidURIError) as caught:
        KeyURI.parse(text)
    assert message == str(caught.value)
    assert caught.value.__context__ is None


def test_not_text() -> None:
    """What is no str is refused by the parser's own error."""
    with pytest.raises(InvalidURIError, match=r"^a key URI must be a str, not bytes$"):
        KeyURI.parse(b"otpauth://totp/alice")  # type: ignore[arg-type]


@pytest.mark.proves("T32")
def test_interpreter_limit(int_digits: int) -> None:
    """However few digits the interpreter converts, a longer number is refused by the one error."""
    with pytest.raises(InvalidURIError, match=r"^digits in a key URI must be plain digits, 6 to 8$"):
        KeyURI.parse(f"{BASE}&digits=9{'0' * int_digits}")


@pytest.fixture
def int_digits() -> Iterator[int]:
    """Let the interpreter convert as few digits as it can be told to, and give their number."""
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(sys.int_info.str_digits_check_threshold)
    yield sys.int_info.str_digits_check_threshold
    sys.set_int_max_str_digits(before)


@pytest.mark.parametrize("name", ["account", "issuer"])
@pytest.mark.parametrize(("value", "problem"), BAD_NAMES)
def test_bad_names(name: str, value: object, problem: str) -> None:
    """Names that phones would show otherwise are refused when the key URI is made."""
    with pytest.raises(InvalidParameterError) as caught:
        KeyURI(TOTP(SECRET), **{"account": "alice"} | {name: value})  # type: ignore[arg-type]
    assert f"{name} {problem}" == str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"account": ""}, "account must not be empty: the phone shows nothing else"),
        ({"account": "a" * 5000}, "uri must have at most 4096 characters, not 5039"),
        ({"otp": SECRET}, "otp must be TOTP, HOTP or Steam, not Secret"),
        ({"otp": None}, "otp must be TOTP, HOTP or Steam, not NoneType"),
        ({"otp": TOTP(SECRET, t0=5)}, "t0 must be 0 in a key URI: phones know no other"),
        ({"counter": 0}, "counter must be None for codes that change with the clock"),
        ({"otp": Steam(SECRET), "counter": 1}, "counter must be None for codes that change with the clock"),
        ({"otp": HOTP(SECRET), "counter": -1}, f"counter must be an int from 0 to {LAST_COUNTER}, not -1"),
        (
            {"otp": HOTP(SECRET), "counter": 2**64},
            f"counter must be an int from 0 to {LAST_COUNTER}, not {2**64}",
        ),
        ({"otp": HOTP(SECRET), "counter": "0"}, f"counter must be an int from 0 to {LAST_COUNTER}, not str"),
    ],
)
def test_bad_arguments(arguments: dict[str, object], message: str) -> None:
    """A key URI that no phone could use is refused when it is made, with what would be right."""
    with pytest.raises(InvalidParameterError) as caught:
        KeyURI(**{"otp": TOTP(SECRET), "account": "alice"} | arguments)  # type: ignore[arg-type]
    assert message == str(caught.value)


def test_counter() -> None:
    """HOTP starts from 0 unless told otherwise, and the other kinds have no counter."""
    assert KeyURI(HOTP(SECRET), account="alice").counter == 0
    assert KeyURI(HOTP(SECRET), account="alice", counter=5).counter == 5
    assert KeyURI(TOTP(SECRET), account="alice").counter is None


def test_value() -> None:
    """The repr keeps the secret, the text does not, and pickling is refused."""
    uri = KeyURI(TOTP(SECRET), account="alice", issuer="Acme")
    assert str(uri) == "otpauth://totp/Acme:alice?secret=JBSWY3DPEHPK3PXP&issuer=Acme"
    assert f"KeyURI(otp={uri.otp!r}, account='alice', issuer='Acme', counter=None)" == repr(uri)
    assert uri != KeyURI(TOTP(RFC_SECRET), account="alice", issuer="Acme")
    with pytest.raises(TypeError, match=r"^a Secret cannot be pickled"):
        pickle.dumps(uri)
