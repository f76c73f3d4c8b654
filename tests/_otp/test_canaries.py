"""Secrets and codes do not appear in any error, repr or log."""

import base64
import copy
import dataclasses
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from tests.support.strategies import mutations
from totpkit import (
    HOTP,
    TOTP,
    InvalidParameterError,
    InvalidPayloadError,
    InvalidSecretError,
    InvalidURIError,
    KeyURI,
    Secret,
    Steam,
    TotpkitError,
    qr,
)
from totpkit.migration import MigrationPayload

# Computed, so that no source line in a traceback contains it.
RAW = bytes(range(65, 85))
TEXT = base64.b32encode(RAW).decode()
CODE = str(271828 + 1)
URI = f"otpauth://totp/alice?secret={TEXT}"
SECRET = Secret.from_bytes(RAW)
PAYLOAD = str(MigrationPayload((KeyURI(TOTP(SECRET), account="alice"),)))

FORMS = [
    TEXT,
    TEXT.lower(),
    SECRET.grouped(),
    RAW.decode(),
    RAW.hex(),
    # The base64 form depends on the position modulo three, as in the middle of a payload.
    *(base64.b64encode(bytes(before) + RAW).decode()[4:-4] for before in range(3)),
    CODE,
]
# A message must not quote a part of a secret either.
PIECES = [form[start : start + 8] for form in FORMS for start in range(0, max(len(form) - 7, 1), 4)]

ERRORS: dict[str, Callable[[], object]] = {
    "base32 with a digit too many": lambda: Secret.from_base32(TEXT + "1"),
    "base32 with a foreign letter": lambda: Secret.from_base32(TEXT + "é"),
    "base32 cut short": lambda: Secret.from_base32(TEXT[:-2]),
    "base32 as bytes": lambda: Secret.from_base32(TEXT.encode()),  # type: ignore[arg-type]
    "bytes as text": lambda: Secret.from_bytes(TEXT),  # type: ignore[arg-type]
    "entropy that is text": lambda: Secret.generate(entropy=lambda _: TEXT),  # type: ignore[arg-type,return-value]
    "size that is a secret": lambda: Secret.generate(TEXT),  # type: ignore[arg-type]
    "changed": lambda: setattr(SECRET, "_raw", RAW),
    "deleted": lambda: delattr(SECRET, "_raw"),
    "vars of a secret": lambda: vars(SECRET),
    "pickled secret": lambda: pickle.dumps(SECRET),
    "state of a secret": SECRET.__getstate__,
    "pickled QR code": lambda: pickle.dumps(qr(URI)),
    "base32 too long": lambda: Secret.from_base32(TEXT * 200),
    "pickled TOTP": lambda: pickle.dumps(TOTP(SECRET)),
    "pickled HOTP": lambda: pickle.dumps(HOTP(SECRET)),
    "pickled Steam": lambda: pickle.dumps(Steam(SECRET)),
    "pickled key URI": lambda: pickle.dumps(KeyURI.parse(URI)),
    "pickled payload": lambda: pickle.dumps(MigrationPayload.parse(PAYLOAD)),
    "TOTP of text": lambda: TOTP(TEXT),  # type: ignore[arg-type]
    "digits that are a secret": lambda: TOTP(SECRET, digits=TEXT),  # type: ignore[arg-type]
    "algorithm that is a secret": lambda: TOTP(SECRET, algorithm=TEXT),  # type: ignore[arg-type]
    "period that is a secret": lambda: TOTP(SECRET, period=TEXT),  # type: ignore[arg-type]
    "t0 that is a secret": lambda: TOTP(SECRET, t0=RAW),  # type: ignore[arg-type]
    "time that is a secret": lambda: TOTP(SECRET).at(TEXT),  # type: ignore[arg-type]
    "time that is a code": lambda: TOTP(SECRET).verify("1", at=CODE),  # type: ignore[arg-type]
    "counter that is a code": lambda: HOTP(SECRET).at(CODE),  # type: ignore[arg-type]
    "code that is a number": lambda: TOTP(SECRET).verify(int(CODE)),  # type: ignore[arg-type]
    "code that is bytes": lambda: HOTP(SECRET).verify(CODE.encode()),  # type: ignore[arg-type]
    "window that is a code": lambda: TOTP(SECRET).verify("1", window=CODE),  # type: ignore[arg-type]
    "last step that is a code": lambda: TOTP(SECRET).verify("1", last_step=CODE),  # type: ignore[arg-type]
    "drift that is a code": lambda: TOTP(SECRET).verify("1", drift=CODE),  # type: ignore[arg-type]
    "look-ahead that is a code": lambda: HOTP(SECRET).verify("1", look_ahead=CODE),  # type: ignore[arg-type]
    "account with a colon": lambda: TOTP(SECRET).uri(account=f"{TEXT}:{CODE}"),
    "account that is bytes": lambda: TOTP(SECRET).uri(account=RAW),  # type: ignore[arg-type]
    "issuer with a control character": lambda: TOTP(SECRET).uri(account="a", issuer=f"{TEXT}\n"),
    "account too long": lambda: HOTP(SECRET).uri(account=TEXT * 200),
    "t0 in a key URI": lambda: TOTP(SECRET, t0=1).uri(account="a"),
    "key URI of a secret": lambda: KeyURI(SECRET, account="a"),  # type: ignore[arg-type]
    "key URI with a counter": lambda: KeyURI(TOTP(SECRET), account="a", counter=int(CODE)),
    "key URI as bytes": lambda: KeyURI.parse(URI.encode()),  # type: ignore[arg-type]
    "key URI of another scheme": lambda: KeyURI.parse(URI.replace("otpauth", "https")),
    "key URI of another type": lambda: KeyURI.parse(URI.replace("totp", "hmac")),
    "key URI with two secrets": lambda: KeyURI.parse(f"{URI}&secret={TEXT}"),
    "key URI with a bad secret": lambda: KeyURI.parse(f"otpauth://totp/a?secret={TEXT}1"),
    "key URI with a short secret": lambda: KeyURI.parse(f"otpauth://totp/a?secret={TEXT[:-2]}"),
    "key URI with a bad algorithm": lambda: KeyURI.parse(f"{URI}&algorithm={TEXT}"),
    "key URI with bad digits": lambda: KeyURI.parse(f"{URI}&digits={CODE}"),
    "key URI with a bad period": lambda: KeyURI.parse(f"{URI}&period={TEXT}"),
    "key URI with a bad encoder": lambda: KeyURI.parse(f"{URI}&encoder={TEXT}"),
    "key URI without a counter": lambda: KeyURI.parse(URI.replace("totp", "hotp")),
    "key URI with a control character": lambda: KeyURI.parse(f"{URI}%0A"),
    "key URI that is not UTF-8": lambda: KeyURI.parse(f"{URI}%FF"),
    "key URI with a surrogate": lambda: KeyURI.parse(f"{URI}\ud800"),
    "key URI too long": lambda: KeyURI.parse(f"{URI}&x=" + "x" * 5000),
    "payload as bytes": lambda: MigrationPayload.parse(PAYLOAD.encode()),  # type: ignore[arg-type]
    "payload of another scheme": lambda: MigrationPayload.parse(URI),
    "payload cut short": lambda: MigrationPayload.parse(PAYLOAD[: PAYLOAD.index("data=") + 25]),
    "payload that is not base64": lambda: MigrationPayload.parse(PAYLOAD + "*"),
    "payload too long": lambda: MigrationPayload.parse(PAYLOAD + "A" * 5000),
    "payload of secrets": lambda: MigrationPayload((SECRET,)),  # type: ignore[arg-type]
    "payload of Steam": lambda: MigrationPayload((KeyURI(Steam(SECRET), account="a"),)),
    "payload of 7 digits": lambda: MigrationPayload((KeyURI(TOTP(SECRET, digits=7), account="a"),)),
    "QR code of a secret": lambda: qr(SECRET),  # type: ignore[arg-type]
    "QR code of bytes": lambda: qr(URI.encode()),  # type: ignore[arg-type]
    "QR code of too much": lambda: qr(URI * 200),
    "QR code saved with a bad ending": lambda: qr(URI).save(Path(TEXT)),
    "QR code with a bad scale": lambda: qr(URI).png(scale=TEXT),  # type: ignore[arg-type]
}
OURS = (TotpkitError, TypeError, AttributeError)

SHOWN: dict[str, Callable[[], object]] = {
    "Secret": lambda: SECRET,
    "TOTP": lambda: TOTP(SECRET),
    "HOTP": lambda: HOTP(SECRET),
    "Steam": lambda: Steam(SECRET),
    "KeyURI": lambda: KeyURI.parse(URI),
    "MigrationPayload": lambda: MigrationPayload.parse(PAYLOAD),
    "QR": lambda: qr(URI),
    "Accepted": lambda: TOTP(SECRET).verify(TOTP(SECRET).now()),
    "Rejected": lambda: TOTP(SECRET).verify(CODE + "9"),
}


def leaks(text: str) -> list[int]:
    """Return which pieces of the secret or the code the text contains."""
    return [place for place, piece in enumerate(PIECES) if piece in text]


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the error and every error that it refers to."""
    if error is not None:
        yield error
        yield from chain(error.__cause__)
        yield from chain(error.__context__)


def texts_of(error: BaseException) -> Iterator[str]:
    """Yield everything that an app could print of the error and of the errors that it refers to."""
    for linked in chain(error):
        yield from (repr(linked), str(linked), f"{linked!s:>9}", repr(linked.args), repr(vars(linked)))
        yield repr(getattr(linked, "__notes__", None))
        yield repr([getattr(linked, name, None) for name in ("object", "doc", "obj")])
        yield pickle.dumps(linked.args).decode("latin-1")
    yield "".join(traceback.TracebackException.from_exception(error).format(chain=True))


@pytest.mark.proves("T22")
@pytest.mark.parametrize("provoke", ERRORS.values(), ids=ERRORS)
def test_errors(provoke: Callable[[], object]) -> None:
    """No error, and no error that it refers to, contains the secret or the code that caused it."""
    with pytest.raises(OURS) as caught:
        provoke()
    for text in texts_of(caught.value):
        assert leaks(text) == []


@pytest.mark.proves("T22")
@pytest.mark.parametrize("make", SHOWN.values(), ids=SHOWN)
def test_shown(make: Callable[[], object], caplog: pytest.LogCaptureFixture) -> None:
    """No object that contains a secret shows it when printed, logged, converted or copied."""
    value = make()
    logging.getLogger("app").warning("%s %r", [value], {"value": value})
    texts = [repr(value), repr([value]), repr(copy.copy(value)), repr(copy.deepcopy(value)), caplog.text]
    if isinstance(value, KeyURI | MigrationPayload):
        assert leaks(str(value)) != []  # they exist to be written
    else:
        texts += [str(value), f"{value}"]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        texts.append(repr(dataclasses.asdict(value)))
    for text in texts:
        assert leaks(text) == []


@pytest.mark.proves("T22", "T32")
@given(mutations(st.sampled_from([URI, PAYLOAD, URI.replace("totp", "steam"), URI.replace("totp", "hotp")])))
def test_parsers(text: str) -> None:
    """However a key URI or a payload is damaged, the error does not contain the secret in it."""
    for parse in (KeyURI.parse, MigrationPayload.parse, Secret.from_base32):
        try:
            parse(text)
        except (InvalidURIError, InvalidPayloadError, InvalidSecretError) as error:
            assert not any(leaks(text) for text in texts_of(error))  # noqa: PT017 - raising is not required


def test_leaks_are_found() -> None:
    """These tests fail for an error that quotes a secret or a code, even in its context."""
    for form in FORMS:
        assert leaks(f"-{form}-") != []
        try:
            try:
                raise InvalidParameterError("x", form)  # noqa: TRY301 - a context is what is looked for
            except InvalidParameterError:
                raise ValueError  # noqa: B904 - likewise
        except ValueError as error:
            assert any(leaks(text) for text in texts_of(error))  # noqa: PT017 - likewise
