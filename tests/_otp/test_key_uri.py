"""Key URIs."""

import pickle
import sys
from collections.abc import Iterator

import pyotp
import pytest
from hypothesis import example, given, settings

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
NO_SECRET = "a key URI must have a valid secret:"  # noqa: S105
NO_ALGORITHM = "algorithm in a key URI must be SHA1, SHA256 or SHA512"
NO_DIGITS = "digits in a key URI must be a number from 6 to 8, in ASCII digits only"
NO_PERIOD = "period in a key URI must be a number from 1 to 3600, in ASCII digits only"
NO_COUNTER = f"counter in a key URI must be a number from 0 to {LAST_COUNTER}, in ASCII digits only"
# The last two are an Arabic-Indic six and a superscript three.
BAD_DIGITS = ["5", "9", "", "%206", "+6", "%2B6", "-6", "6.0", "0_6", "six", "%D9%A6", "%C2%B3"]
BAD_COUNTER = f"counter must be an int from 0 to {LAST_COUNTER}"
NO_KIND = "a key URI must be of type totp, hotp or steam"
NO_ENCODER = "encoder in a key URI must be steam, and only with type totp or steam"


@pytest.mark.proves("T32")
@settings(max_examples=300)
@given(key_uris)
def test_build_then_parse(uri: KeyURI) -> None:
    """Every key URI of the three kinds is read back as it was written."""
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
    """Any text is a key URI, which can be written and read again, or raises the one error."""
    try:
        uri = KeyURI.parse(text)
    except InvalidURIError:
        return
    assert uri == KeyURI.parse(str(uri))
    assert str(uri) == str(KeyURI.parse(str(uri)))


@pytest.mark.proves("T32")
@pytest.mark.parametrize("label", ["é" * 2000, "%C3%A9" * 500 + ":%C3%A9", "<" * 1500])
def test_long_text(label: str) -> None:
    """A text that gets longer when it is written is rejected, so that every key URI can be read again."""
    try:
        uri = KeyURI.parse(f"otpauth://totp/{label}?secret=AA")
    except InvalidURIError as error:
        assert str(error) == "a key URI must have at most 4096 characters"  # noqa: PT017 - it may also not raise
    else:
        assert uri == KeyURI.parse(str(uri))


@given(pyotp_totps | pyotp_hotps, pyotp_times)
def test_pyotp(codes: TOTP | HOTP, moment: int) -> None:
    """Pyotp computes the same codes from a key URI."""
    peer = pyotp.parse_uri(str(KeyURI(codes, account="alice@example.com", issuer="Acme & Söhne")))
    assert (peer.name, peer.issuer) == ("alice@example.com", "Acme & Söhne")
    assert isinstance(peer, pyotp.TOTP | pyotp.HOTP)
    assert peer.at(moment) == codes.at(moment)


@pytest.mark.parametrize(
    ("text", "codes", "counter"),
    [
        (BASE, TOTP(SECRET), None),
        (
            f"{BASE}&algorithm=sha256&digits=8&period=60",
            TOTP(SECRET, digits=8, algorithm=Algorithm.SHA256, period=60),
            None,
        ),
        (f"{BASE}&algorithm=Sha512", TOTP(SECRET, algorithm=Algorithm.SHA512), None),
        (f"{BASE}&digits=06&period=030", TOTP(SECRET), None),
        (f"{BASE}&image=https%3A%2F%2Fexample.com%2Flogo.png&counter=x", TOTP(SECRET), None),
        ("otpauth://totp/alice?secret=jbsw%20y3dp-ehpk+3pxp====", TOTP(SECRET), None),
        ("otpauth://totp/alice?secret=AA", TOTP(Secret.from_bytes(b"\0")), None),
        ("otpauth://totp/alice?secret=2FASTEST", TOTP(Secret.from_base32("2FASTEST")), None),
        ("OTPAUTH://TOTP/alice?secret=JBSWY3DPEHPK3PXP", TOTP(SECRET), None),
        (f"{HOTP_BASE}&counter=0", HOTP(SECRET), 0),
        (f"{HOTP_BASE}&counter={LAST_COUNTER}&digits=7", HOTP(SECRET, digits=7), LAST_COUNTER),
        (f"{HOTP_BASE}&counter=1&period=never", HOTP(SECRET), 1),
        ("otpauth://steam/alice?secret=JBSWY3DPEHPK3PXP", Steam(SECRET), None),
        ("otpauth://steam/alice?secret=JBSWY3DPEHPK3PXP&encoder=steam", Steam(SECRET), None),
        (f"{BASE}&encoder=steam", Steam(SECRET), None),
        (f"{BASE}&encoder=Steam&digits=5&period=30&algorithm=SHA1", Steam(SECRET), None),
    ],
)
def test_tolerated(text: str, codes: TOTP | HOTP | Steam, counter: int | None) -> None:
    """Key URIs that services write are read as they mean them."""
    uri = KeyURI.parse(text)
    assert (codes, counter, "alice", "") == (uri.otp, uri.counter, uri.account, uri.issuer)


@pytest.mark.parametrize(
    ("message", "texts"),
    [
        ("a key URI must be a str, not bytes", [b"otpauth://totp/alice"]),
        (NO_KIND, [f"otpauth://{kind}alice?secret=JBSWY3DPEHPK3PXP" for kind in ("yaotp/", "/", "")]),
        (
            f"{NO_SECRET} a secret must not be empty",
            [f"otpauth://totp/alice{query}" for query in ("", "?secret=", "?secret=%20-=", "?Secret=JBSW")],
        ),
        (
            f"{NO_SECRET} a base32 secret may contain only the letters A-Z and the digits 2-7",
            ["otpauth://totp/alice?secret=JBSW1"],
        ),
        (
            f"{NO_SECRET} a base32 secret cannot have this length; check for a missing character",
            ["otpauth://totp/alice?secret=JBS"],
        ),
        ("a key URI must not repeat a parameter", [f"{BASE}&secret=JBSWY3DPEHPK3PXP", f"{BASE}&x=A&x=A"]),
        # The last one has a long s, whose upper case is S.
        (NO_ALGORITHM, [f"{BASE}&algorithm={value}" for value in ("MD5", "", "SHA-1", "%C5%BFha1")]),
        (NO_DIGITS, [f"{BASE}&digits={value}" for value in BAD_DIGITS]),
        (NO_DIGITS, [f"{HOTP_BASE}&counter=0&digits=5"]),
        (NO_PERIOD, [f"{BASE}&period={value}" for value in ("0", "3601", "-30", "30s")]),
        (NO_COUNTER, [HOTP_BASE, *(f"{HOTP_BASE}&counter={value}" for value in ("", "-1", 2**64, "1e3"))]),
        (NO_ENCODER, [f"{HOTP_BASE}&counter=0&encoder=steam", f"{BASE}&encoder=yandex", f"{BASE}&encoder="]),
        (
            "digits in a key URI must be a number from 5 to 5, in ASCII digits only",
            [f"{BASE}&encoder=steam&digits=6"],
        ),
        (
            "period in a key URI must be a number from 30 to 30, in ASCII digits only",
            [f"{BASE}&encoder=steam&period=60"],
        ),
        ("algorithm in a key URI for Steam must be SHA1", [f"{BASE}&encoder=steam&algorithm=SHA256"]),
    ],
)
def test_rejected(message: str, texts: list[object]) -> None:
    """What would lead to wrong codes is rejected, with a message that helps and without a context."""
    for text in texts:
        with pytest.raises(InvalidURIError) as caught:
            KeyURI.parse(text)  # type: ignore[arg-type]
        assert message == str(caught.value)
        assert caught.value.__context__ is None


@pytest.mark.proves("T32")
def test_interpreter_limit(int_digits: int) -> None:
    """A number with more digits than the interpreter converts raises the one error."""
    with pytest.raises(InvalidURIError, match=f"^{NO_DIGITS}$"):
        KeyURI.parse(f"{BASE}&digits=9{'0' * int_digits}")


@pytest.fixture
def int_digits() -> Iterator[int]:
    """Configure the interpreter to convert as few digits as possible, and return their number."""
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(sys.int_info.str_digits_check_threshold)
    yield sys.int_info.str_digits_check_threshold
    sys.set_int_max_str_digits(before)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"account": ""}, "account must not be empty; the authenticator app shows it"),
        ({"issuer": "a:b"}, "issuer must not contain a colon, which separates issuer and account"),
        ({"account": "a" * 5000}, "uri must have at most 4096 characters, not 5039"),
        ({"otp": SECRET}, "otp must be TOTP, HOTP or Steam, not Secret"),
        ({"otp": None}, "otp must be TOTP, HOTP or Steam, not NoneType"),
        ({"otp": TOTP(SECRET, t0=5)}, "t0 must be 0 in a key URI; authenticator apps support no other"),
        ({"counter": 0}, "counter must be None for time-based codes"),
        ({"otp": Steam(SECRET), "counter": 1}, "counter must be None for time-based codes"),
        ({"otp": HOTP(SECRET), "counter": -1}, f"{BAD_COUNTER}, not -1"),
        ({"otp": HOTP(SECRET), "counter": 2**64}, f"{BAD_COUNTER}, not {2**64}"),
        ({"otp": HOTP(SECRET), "counter": "0"}, f"{BAD_COUNTER}, not str"),
    ],
)
def test_bad_arguments(arguments: dict[str, object], message: str) -> None:
    """A key URI that no app could use is rejected at construction, and the message says why."""
    with pytest.raises(InvalidParameterError) as caught:
        KeyURI(**{"otp": TOTP(SECRET), "account": "alice"} | arguments)  # type: ignore[arg-type]
    assert message == str(caught.value)


def test_counter() -> None:
    """HOTP starts at 0 by default, and the other kinds have no counter."""
    assert KeyURI(HOTP(SECRET), account="alice").counter == 0
    assert KeyURI(HOTP(SECRET), account="alice", counter=5).counter == 5
    assert KeyURI(TOTP(SECRET), account="alice").counter is None


def test_value() -> None:
    """The repr hides the secret, the text contains it, and pickling raises."""
    uri = KeyURI(TOTP(SECRET), account="alice", issuer="Acme")
    assert str(uri) == "otpauth://totp/Acme:alice?secret=JBSWY3DPEHPK3PXP&issuer=Acme"
    assert f"KeyURI(otp={uri.otp!r}, account='alice', issuer='Acme', counter=None)" == repr(uri)
    assert uri != KeyURI(TOTP(RFC_SECRET), account="alice", issuer="Acme")
    with pytest.raises(TypeError, match=r"^Secret cannot be pickled"):
        pickle.dumps(uri)
