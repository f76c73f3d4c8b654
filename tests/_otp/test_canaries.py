"""Canaries: secrets and codes driven through every way of failing and of being printed."""

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

# Made here, so that no line of source that a traceback quotes holds it.
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
    # In base64 bytes look different at each of three places, as in the middle of a payload.
    *(base64.b64encode(bytes(before) + RAW).decode()[4:-4] for before in range(3)),
    CODE,
]
# A message that quoted a part of a secret would give that part away.
PIECES = [form[start : start + 8] for form in FORMS for start in range(0, max(len(form) - 7, 1), 4)]

ERRORS: dict[str, Callable[[], object]] = {
    "base32 with a digit too many": lambda: Secret.from_base32(TEXT + "1"),
    "base32 with a foreign letter": lambda: Secret.from_base32(TEXT + "é"),
    "base32 with a control character": lambda: Secret.from_base32(TEXT + "\n"),
    "base32 cut short": lambda: Secret.from_base32(TEXT[:-2]),
    "base32 with a surrogate": lambda: Secret.from_base32(TEXT + "\ud800"),
    "base32 as bytes": lambda: Secret.from_base32(TEXT.encode()),  # type: ignore[arg-type]
    "bytes as text": lambda: Secret.from_bytes(TEXT),  # type: ignore[arg-type]
    "bytes as bytearray": lambda: Secret.from_bytes(bytearray(RAW)),  # type: ignore[arg-type]
    "entropy that is text": lambda: Secret.generate(entropy=lambda _: TEXT),  # type: ignore[arg-type,return-value]
    "size that is a secret": lambda: Secret.generate(TEXT),  # type: ignore[arg-type]
    "changed": lambda: setattr(SECRET, "_raw", RAW),
    "deleted": lambda: delattr(SECRET, "_raw"),
    "vars of a secret": lambda: vars(SECRET),
    "pickled secret": lambda: pickle.dumps(SECRET),
    "state of a secret": SECRET.__getstate__,
    "pickled TOTP": lambda: pickle.dumps(TOTP(SECRET)),
    "pickled HOTP": lambda: pickle.dumps(HOTP(SECRET)),
    "pickled Steam": lambda: pickle.dumps(Steam(SECRET)),
    "pickled key URI": lambda: pickle.dumps(KeyURI.parse(URI)),
    "pickled payload": lambda: pickle.dumps(MigrationPayload.parse(PAYLOAD)),
    "TOTP of text": lambda: TOTP(TEXT),  # type: ignore[arg-type]
    "TOTP of bytes": lambda: TOTP(RAW),  # type: ignore[arg-type]
    "HOTP of text": lambda: HOTP(TEXT),  # type: ignore[arg-type]
    "Steam of text": lambda: Steam(TEXT),  # type: ignore[arg-type]
    "digits that are a secret": lambda: TOTP(SECRET, TEXT),  # type: ignore[arg-type]
    "algorithm that is a secret": lambda: TOTP(SECRET, 6, TEXT),  # type: ignore[arg-type]
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
    "account with a surrogate": lambda: TOTP(SECRET).qr(account=f"{TEXT}\ud800"),
    "account too long": lambda: HOTP(SECRET).uri(account=TEXT * 200),
    "t0 in a key URI": lambda: TOTP(SECRET, t0=1).uri(account="a"),
    "key URI of a secret": lambda: KeyURI(SECRET, account="a"),  # type: ignore[arg-type]
    "key URI of text": lambda: KeyURI(TEXT, account="a"),  # type: ignore[arg-type]
    "key URI with a counter": lambda: KeyURI(TOTP(SECRET), account="a", counter=int(CODE)),
    "key URI as bytes": lambda: KeyURI.parse(URI.encode()),  # type: ignore[arg-type]
    "key URI of another scheme": lambda: KeyURI.parse(URI.replace("otpauth", "https")),
    "key URI of another type": lambda: KeyURI.parse(URI.replace("totp", "hmac")),
    "key URI with two secrets": lambda: KeyURI.parse(f"{URI}&secret={TEXT}"),
    "key URI with a bad secret": lambda: KeyURI.parse(f"otpauth://totp/a?secret={TEXT}1"),
    "key URI with a foreign secret": lambda: KeyURI.parse(f"otpauth://totp/a?secret={TEXT}%C3%A9"),
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
    "payload with two data": lambda: MigrationPayload.parse(f"{PAYLOAD}&data={PAYLOAD}"),
    "payload too long": lambda: MigrationPayload.parse(PAYLOAD + "A" * 5000),
    "payload of secrets": lambda: MigrationPayload((SECRET,)),  # type: ignore[arg-type]
    "payload of Steam": lambda: MigrationPayload((KeyURI(Steam(SECRET), account="a"),)),
    "payload of 7 digits": lambda: MigrationPayload((KeyURI(TOTP(SECRET, 7), account="a"),)),
    "picture of a secret": lambda: qr(SECRET),  # type: ignore[arg-type]
    "picture of bytes": lambda: qr(URI.encode()),  # type: ignore[arg-type]
    "picture of too much": lambda: qr(URI * 200),
    "picture of a surrogate": lambda: qr(f"{URI}\ud800"),
    "picture saved by a bad ending": lambda: qr(URI).save(Path(TEXT)),
    "picture of a bad size": lambda: qr(URI).png(scale=TEXT),  # type: ignore[arg-type]
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
    """Return which forms of the canaries, whole or in part, stand in the text."""
    return [place for place, piece in enumerate(PIECES) if piece in text]


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the error and all that it remembers."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        found = waiting.pop()
        if found is not None and id(found) not in seen:
            seen.add(id(found))
            yield found
            waiting += [found.__cause__, found.__context__]


def told(error: BaseException) -> Iterator[str]:
    """Yield all that the error and what it remembers can be made to say."""
    for found in chain(error):
        yield from (repr(found), str(found), f"{found!s:>9}", repr(found.args), repr(vars(found)))
        yield repr(getattr(found, "__notes__", None))
        yield repr([getattr(found, name, None) for name in ("object", "doc", "obj")])
        yield pickle.dumps(found.args).decode("latin-1")
    yield "".join(traceback.TracebackException.from_exception(error).format(chain=True))


@pytest.mark.proves("T22")
@pytest.mark.parametrize("provoke", ERRORS.values(), ids=ERRORS)
def test_errors(provoke: Callable[[], object]) -> None:
    """No error tells the secret or the code that provoked it, nor does any that it remembers."""
    with pytest.raises(OURS) as caught:
        provoke()
    for text in told(caught.value):
        assert leaks(text) == []


@pytest.mark.proves("T22")
@pytest.mark.parametrize("make", SHOWN.values(), ids=SHOWN)
def test_shown(make: Callable[[], object], caplog: pytest.LogCaptureFixture) -> None:
    """Nothing that holds a secret shows it when printed, logged, taken apart or copied."""
    value = make()
    logging.getLogger("app").warning("%s %r", [value], {"value": value})
    texts = [repr(value), repr([value]), repr(copy.copy(value)), repr(copy.deepcopy(value)), caplog.text]
    if isinstance(value, KeyURI | MigrationPayload):
        assert leaks(str(value)) != []  # their text is what they are for
    else:
        texts += [str(value), f"{value}"]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        texts.append(repr(dataclasses.asdict(value)))
    for text in texts:
        assert leaks(text) == []


@pytest.mark.proves("T22", "T32")
@given(mutations(st.sampled_from([URI, PAYLOAD, URI.replace("totp", "steam"), URI.replace("totp", "hotp")])))
def test_parsers(text: str) -> None:
    """However a key URI or a payload is spoiled, the error tells nothing of the secret in it."""
    for parse in (KeyURI.parse, MigrationPayload.parse, Secret.from_base32):
        try:
            parse(text)
        except (InvalidURIError, InvalidPayloadError, InvalidSecretError) as error:
            assert not any(leaks(said) for said in told(error))  # noqa: PT017 - raising is not required


def test_canaries_sing() -> None:
    """The canaries are found where they are: an error that did quote one would be seen."""
    for form in FORMS:
        assert leaks(f"-{form}-") != []
        try:
            try:
                raise InvalidParameterError("x", form)  # noqa: TRY301 - a context is what is looked for
            except InvalidParameterError:
                raise ValueError  # noqa: B904 - likewise
        except ValueError as error:
            assert any(leaks(said) for said in told(error))  # noqa: PT017 - likewise
