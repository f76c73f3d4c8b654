"""Enroll a device in two steps: show a secret, then confirm it with the first code from the app.

This module also contains the rules for importing a device, canceling an enrollment and revoking a device.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from hmac import compare_digest
from itertools import product

from totpkit._account.attempts import Context, Decision, fail, refuse, succeed
from totpkit._account.record import EnrolledDevice, PendingDevice, Record, SealedSecret
from totpkit._account.throttle import DAY
from totpkit._account.verify import bounded, follow
from totpkit._otp.qr import QR, qr
from totpkit._otp.result import Reason, Rejected
from totpkit._otp.secret import Secret
from totpkit._otp.totp import PERIOD, TOTP
from totpkit._otp.truncation import COUNTERS, DIGITS, Algorithm
from totpkit._validation import checked_int, is_unicode
from totpkit.errors import InvalidParameterError


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrollment:
    """A secret to show to its owner, as a QR code or as text to type.

    ``expires_at`` is the time in Unix seconds at which a pending secret expires, and ``None`` for an
    enrolled secret. Treat this object like a password: show it only to its owner, prevent caching, and do
    not keep a copy.
    """

    uri: str = field(repr=False)
    secret: Secret = field(repr=False)
    label: str
    issuer: str
    expires_at: float | None = None

    def qr(self) -> QR:
        """Return the QR code to scan. The same secret always has the same QR code."""
        return qr(self.uri)

    def to_dict(self) -> dict[str, object]:
        """Return a dictionary for a web page or a JSON client, with the QR code as a ``data:`` URI."""
        return {
            "type": "enrollment",
            "uri": self.uri,
            "secret": self.secret.grouped(),
            "qr": self.qr().data_uri(),
            "label": self.label,
            "issuer": self.issuer,
            "expires_at": self.expires_at,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The status of an account's second factor. It contains nothing secret.

    Times are in Unix seconds. ``retry_after`` is the number of seconds until the next attempt is allowed,
    or ``None`` if there is no wait. A throttled or ``disabled`` account is still ``enrolled``.
    """

    enrolled: bool = False
    pending: bool = False
    retry_after: float | None = None
    disabled: bool = False
    recovery_codes_left: int = 0
    confirmed_at: float | None = None
    last_used_at: float | None = None
    failures: int = 0


def hash_binding(binding: str) -> bytes:
    """Hash a binding before it is stored, because the binding may be a session id.

    Raises :class:`InvalidParameterError` unless *binding* is a ``str`` that can be encoded as UTF-8.
    """
    if not isinstance(binding, str):
        raise InvalidParameterError("binding", f"must be a str, not {type(binding).__name__}")
    if not is_unicode(binding):
        raise InvalidParameterError("binding", "must be a str without lone surrogates")
    return hashlib.sha256(binding.encode("utf-8")).digest()


def live_pending(record: Record, owner: bytes, now: float) -> PendingDevice | None:
    """Return the pending secret for *owner*, or ``None`` if it has expired or does not exist."""
    pending = record.pending
    if pending is None or now >= pending.expires_at or not compare_digest(pending.owner, owner):
        return None
    return pending


def begin(
    record: Record, owner: bytes, context: Context, *, new_secret: Callable[[], SealedSecret]
) -> tuple[Record, PendingDevice]:
    """Return the pending secret for *owner*, and create a new one if necessary."""
    pending = live_pending(record, owner, context.now)
    if pending is not None:
        return record, pending
    expires_at = context.now + context.policy.enrollment_lifetime
    pending = PendingDevice(secret=new_secret(), owner=owner, expires_at=expires_at)
    return record._replace(pending=pending), pending


def confirm(
    record: Record,
    code: str,
    owner: bytes,
    context: Context,
    *,
    promote: Callable[[SealedSecret], SealedSecret],
) -> Decision:
    """Enroll the pending secret for *owner* if *code* is correct, and mark the code as used.

    *promote* encrypts the pending secret again as an enrolled secret.
    """
    refused = refuse(record, context)
    if refused is not None:
        return record, refused
    pending = live_pending(record, owner, context.now)
    if pending is None:
        return record, Rejected(Reason.EXPIRED)
    totp = context.open_secret(pending.secret)
    outcome = totp.verify(code, at=context.now, window=context.policy.window)
    if isinstance(outcome, Rejected):
        ignored = _ignores_parameters(totp, code, context)
        reason = Reason.APP_IGNORED_PARAMETERS if ignored else outcome.reason
        return fail(record, context), Rejected(reason)
    drift = follow(0, outcome.drift, context.policy.drift_bound)
    enrolled = _enroll(record, promote(pending.secret), outcome.step, drift, context)
    return succeed(enrolled, context), outcome


def check_import(totp: TOTP, last_step: int | None, drift: int, context: Context) -> None:
    """Raise :class:`InvalidParameterError` if this device cannot be imported.

    The device must be a :class:`TOTP` that authenticator apps support. The policy must allow the secret
    and the period, and *last_step* and *drift* must be in range.
    """
    policy = context.policy
    if type(totp) is not TOTP:  # exactly, because a record stores the parameters of this class and no other
        raise InvalidParameterError("totp", f"must be a TOTP, not {type(totp).__name__}")
    if totp.t0:
        raise InvalidParameterError("totp", "must have a t0 of 0, the only one that apps support")
    if len(totp.secret) < policy.shortest_secret:
        least, found = policy.shortest_secret, len(totp.secret)
        raise InvalidParameterError("totp", f"must have a secret of at least {least} bytes, not {found}")
    if totp.period > policy.longest_period:
        most, found = policy.longest_period, totp.period
        raise InvalidParameterError("totp", f"must have a period of at most {most} seconds, not {found}")
    # A Unix time passed as a step would lock the account for a thousand years.
    latest = totp.step(context.now + DAY)
    if last_step is not None and checked_int("last_step", last_step, 0, COUNTERS - 1) > latest:
        raise InvalidParameterError(
            "last_step", f"must be a step, not seconds: {last_step} is more than a day ahead of the clock"
        )
    checked_int("drift", drift, -COUNTERS, COUNTERS)


def import_device(
    record: Record, context: Context, *, totp: TOTP, secret: SealedSecret, last_step: int | None, drift: int
) -> tuple[Record, bool]:
    """Enroll a device from another program, but only if the account has never had a device.

    *secret* is the encrypted form of *totp*. If *last_step* is ``None``, all codes that are valid at the
    moment count as used. The failure count is kept, because the user has not entered a code.
    """
    # Checked by generation, so that a repeated import cannot bring back a lost device.
    if record.generation:
        return record, False
    drift = bounded(drift, context.policy.drift_bound)
    if last_step is None:
        last_step = max(totp.step(context.now) + drift + context.policy.window.future, 0)
    return _enroll(record, secret, last_step, drift, context), True


def cancel(record: Record) -> Record:
    """Remove the pending secret from the record. Return the same object if there is none."""
    return record if record.pending is None else record._replace(pending=None)


def revoke(record: Record, now: float) -> Record:
    """Remove all credentials from the record, and start a new generation.

    The generation increases even if the account has no device, because a login in progress could
    otherwise still enroll one. The failure count and the times of emailed codes are kept, so that all
    rate limits stay in force.
    """
    emailed = None if record.emailed is None else record.emailed._replace(digest=b"")
    generation = next_generation(record, now)
    return record._replace(
        device=None, pending=None, recovery_codes=None, emailed=emailed, generation=generation
    )


def next_generation(record: Record, now: float) -> int:
    """Return the next generation number, which is based on the clock and not reused after ``forget``."""
    return max(record.generation + 1, int(now * 1000))


def _enroll(record: Record, secret: SealedSecret, last_step: int, drift: int, context: Context) -> Record:
    device = EnrolledDevice(
        secret=secret,
        confirmed_at=context.now,
        last_used_at=context.now,
        last_step=last_step,
        drift=drift,
    )
    return record._replace(device=device, pending=None, generation=next_generation(record, context.now))


def _ignores_parameters(totp: TOTP, code: str, context: Context) -> bool:
    """Return whether *code* is from an app that ignores the algorithm, digits or period in the QR code."""
    algorithms = {totp.algorithm, Algorithm.SHA1}
    variants = product({totp.digits, DIGITS[0]}, algorithms, {totp.period, PERIOD})
    others = [
        TOTP(totp.secret, digits=digits, algorithm=algorithm, period=period)
        for digits, algorithm, period in variants
    ]
    window = context.policy.window
    return any(other.verify(code, at=context.now, window=window) for other in others if other != totp)
