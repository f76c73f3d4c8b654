"""What users write, with the types that they get: ``mypy --strict`` must find nothing here."""

import os
import time
from pathlib import Path
from typing import assert_never, assert_type

from totpkit import (
    HOTP,
    QR,
    TOTP,
    Accepted,
    Algorithm,
    InvalidParameterError,
    InvalidPayloadError,
    InvalidSecretError,
    InvalidURIError,
    KeyURI,
    Reason,
    Rejected,
    Secret,
    Steam,
    TotpkitError,
    Window,
    qr,
)
from totpkit.migration import MigrationPayload

secret = Secret.generate()
assert_type(secret, Secret)
assert_type(Secret.generate(32, entropy=os.urandom), Secret)
assert_type(Secret.from_base32("jbsw y3dp-ehpk 3pxp"), Secret)
assert_type(Secret.from_bytes(b"x"), Secret)
assert_type(secret.to_base32(), str)
assert_type(secret.to_bytes(), bytes)
assert_type(secret.grouped(), str)
assert_type(secret.weak, bool)
assert_type(len(secret), int)

totp = TOTP(secret, digits=8, algorithm=Algorithm.SHA256, period=60, t0=0)
assert_type(totp.secret, Secret)
assert_type(totp.digits, int)
assert_type(totp.algorithm, Algorithm)
assert_type(totp.period, int)
assert_type(totp.t0, int)
assert_type(totp.at(time.time()), str)
assert_type(totp.at(59), str)
assert_type(totp.now(), str)
assert_type(totp.step(59.5), int)
assert_type(totp.remaining(59), float)
assert_type(totp.uri(account="alice", issuer="Acme"), str)
assert_type(totp.qr(account="alice"), QR)
assert_type(
    totp.verify("123456", at=59.5, window=Window(past=2, future=0), last_step=None, drift=1),
    Accepted | Rejected,
)

hotp = HOTP(secret, 6, Algorithm.SHA1)
assert_type(hotp.at(0), str)
assert_type(hotp.verify("123456", last_step=5, look_ahead=3), Accepted | Rejected)
assert_type(hotp.uri(account="alice", counter=5), str)
assert_type(hotp.qr(account="alice", counter=5), QR)

steam = Steam(secret)
assert_type(steam.now(), str)
assert_type(steam.verify("2BCDF", last_step=1), Accepted | Rejected)

assert_type(Window.DEFAULT, Window)
assert_type(Window(20, 20, allow_wide=True).span, int)

uri = KeyURI.parse("otpauth://totp/alice?secret=JBSWY3DPEHPK3PXP")
assert_type(uri, KeyURI)
assert_type(uri.otp, TOTP | HOTP | Steam)
assert_type(uri.account, str)
assert_type(uri.issuer, str)
assert_type(uri.counter, int | None)
assert_type(str(KeyURI(totp, account="alice", issuer="Acme")), str)

payload = MigrationPayload((uri,), batch_size=2, batch_index=1, batch_id=7)
assert_type(MigrationPayload.parse(str(payload)), MigrationPayload)
assert_type(payload.entries, tuple[KeyURI, ...])

picture = qr(str(uri))
assert_type(picture, QR)
assert_type(picture.svg(scale=4), str)
assert_type(picture.png(), bytes)
assert_type(picture.data_uri(), str)
assert_type(picture.terminal(ansi=True), str)


def save(directory: Path) -> None:
    """Save a picture by either kind of path."""
    picture.save(directory / "code.png")
    picture.save(str(directory / "code.svg"), scale=4)


def last_step_after(answer: Accepted | Rejected) -> int | None:
    """Match both answers, and know that there is no third."""
    match answer:
        case Accepted(step=step, drift=drift):
            assert_type(drift, int)
            return assert_type(step, int)
        case Rejected(reason=reason, retry_after=wait):
            assert_type(reason, Reason)
            assert_type(reason.public == "wrong", bool)
            assert_type(wait, float | None)
            return None
        case _:
            assert_never(answer)


def narrowed(answer: Accepted | Rejected) -> Reason | int:
    """Ask an answer for its truth, which tells the two apart."""
    if answer:
        return assert_type(answer, Accepted).step
    return assert_type(answer, Rejected).reason


def read(text: str) -> KeyURI | str:
    """Catch what somebody may have sent."""
    try:
        return KeyURI.parse(text)
    except InvalidURIError as error:
        return str(error)


def evidence(error: TotpkitError) -> str:
    """Read the evidence of an error."""
    if isinstance(error, InvalidParameterError):
        return assert_type(error.parameter, str) + assert_type(error.problem, str)
    if isinstance(error, InvalidSecretError | InvalidPayloadError | ValueError):
        return "bad value"
    return "other"
