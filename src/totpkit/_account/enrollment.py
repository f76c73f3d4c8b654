"""Enrolling in two phases: a secret is shown, then its first code confirms it; and importing. Pure.

Knows nothing of storage; see :mod:`totpkit._account.verify` for the shape of the rules.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from hmac import compare_digest
from itertools import product

from totpkit._account.attempts import Terms, failed, refusal, unlocked
from totpkit._account.record import Credential, Pending, Provision, Record
from totpkit._account.throttle import DAY
from totpkit._account.verify import Decided, bounded, followed
from totpkit._bounds import whole
from totpkit._otp.decimal import DIGITS
from totpkit._otp.result import Reason, Rejected
from totpkit._otp.totp import PERIOD, TOTP
from totpkit._otp.truncation import COUNTERS, Algorithm
from totpkit._text import is_unicode
from totpkit.errors import InvalidParameterError


def owner_of(binding: str) -> bytes:
    """Return the hash under which a binding is stored: records are read by more eyes than sessions.

    Raises :class:`InvalidParameterError` for anything but a ``str`` that UTF-8 can write.
    """
    if not isinstance(binding, str):
        raise InvalidParameterError("binding", f"must be a str, not {type(binding).__name__}")
    if not is_unicode(binding):
        raise InvalidParameterError("binding", "must be a str without lone surrogates")
    return hashlib.sha256(binding.encode("utf-8")).digest()


def live_pending(record: Record, owner: bytes, now: float) -> Pending | None:
    """Return the secret that *owner* was shown and may still confirm."""
    pending = record.pending
    if pending is None or now >= pending.expires_at or not compare_digest(pending.owner, owner):
        return None
    return pending


def begun(
    record: Record, owner: bytes, terms: Terms, *, make: Callable[[], Provision]
) -> tuple[Record, Pending]:
    """Decide which secret is pending for *owner*: the same while it lives, else a new one."""
    pending = live_pending(record, owner, terms.now)
    if pending is not None:
        return record, pending
    expires_at = terms.now + terms.policy.enrollment_lifetime
    pending = Pending(provision=make(), owner=owner, expires_at=expires_at)
    return replace(record, pending=pending), pending


def confirmed(
    record: Record,
    code: str,
    owner: bytes,
    terms: Terms,
    *,
    promote: Callable[[Provision], Provision],
) -> Decided:
    """Decide whether *code* is the first of the secret pending for *owner*; spend it if so.

    *promote* seals the secret anew for its life as a credential.
    """
    refused = refusal(record, terms)
    if refused is not None:
        return record, refused
    pending = live_pending(record, owner, terms.now)
    if pending is None:
        return record, Rejected(Reason.EXPIRED)
    codes = terms.open_codes(pending.provision)
    outcome = codes.verify(code, at=terms.now, window=terms.policy.window)
    if isinstance(outcome, Rejected):
        ignored = _ignores_parameters(codes, code, terms)
        reason = Reason.APP_IGNORED_PARAMETERS if ignored else outcome.reason
        return failed(record, terms), Rejected(reason)
    drift = followed(0, outcome.drift, terms.policy.drift_bound)
    taken = _with_credential(record, promote(pending.provision), outcome.step, drift, terms)
    return unlocked(taken), outcome


def check_import(totp: TOTP, last_step: int | None, drift: int, terms: Terms) -> None:
    """Refuse what cannot be a credential's, or may not be under the policy.

    Raises :class:`InvalidParameterError` for anything but a :class:`TOTP` that phones make,
    for a weaker one than the policy takes over, and for steps that are none.
    """
    policy = terms.policy
    # Exactly: a record keeps the parameters of this kind of codes and of no other.
    if type(totp) is not TOTP:
        raise InvalidParameterError("totp", f"must be a TOTP, not {type(totp).__name__}")
    if totp.t0:
        raise InvalidParameterError("totp", "must have a t0 of 0: phones know no other")
    if len(totp.secret) < policy.shortest_secret:
        least, found = policy.shortest_secret, len(totp.secret)
        raise InvalidParameterError("totp", f"must have a secret of {least} bytes or more, not of {found}")
    if totp.period > policy.longest_period:
        most, found = policy.longest_period, totp.period
        raise InvalidParameterError("totp", f"must have a period of {most} seconds or less, not of {found}")
    # A Unix time in place of its step would shut the account for a thousand years.
    if last_step is not None and whole("last_step", last_step, 0, COUNTERS - 1) > totp.step(terms.now + DAY):
        raise InvalidParameterError(
            "last_step", f"must be a step and not seconds: {last_step} is more than a day ahead of the clock"
        )
    whole("drift", drift, -COUNTERS, COUNTERS)


def imported(
    record: Record, terms: Terms, *, totp: TOTP, provision: Provision, last_step: int | None, drift: int
) -> tuple[Record, bool]:
    """Decide whether a phone from elsewhere is taken into use: only where there has never been one.

    *provision* is *totp*, sealed. Without a *last_step* all that the window admits now is
    spent. Failures stay: nobody has shown a code.
    """
    # Not by what is in use: an import that is run once more must not bring back a lost phone.
    if record.generation:
        return record, False
    drift = bounded(drift, terms.policy.drift_bound)
    if last_step is None:
        last_step = max(totp.step(terms.now) + drift + terms.policy.window.future, 0)
    return _with_credential(record, provision, last_step, drift, terms), True


def cancelled(record: Record) -> Record:
    """Return the record without a pending secret; itself if it has none."""
    return record if record.pending is None else replace(record, pending=None)


def revoked(record: Record, now: float) -> Record:
    """Return the record without anything that lets in, in a new generation, whatever it had.

    A login may be under way without a phone too, and its proof enrolls one. What stays is a
    stub: failures are not forgotten, nor when codes were mailed, so that no limit begins anew.
    """
    mailed = None if record.mailed is None else replace(record.mailed, digest=b"")
    generation = _next_generation(record, now)
    return replace(record, active=None, pending=None, recovery=None, mailed=mailed, generation=generation)


def _with_credential(
    record: Record, provision: Provision, last_step: int, drift: int, terms: Terms
) -> Record:
    credential = Credential(
        provision=provision,
        confirmed_at=terms.now,
        last_used_at=terms.now,
        last_step=last_step,
        drift=drift,
    )
    generation = _next_generation(record, terms.now)
    return replace(record, active=credential, pending=None, generation=generation)


def _next_generation(record: Record, now: float) -> int:
    # By the clock, so that a generation doesn't recur after the account was forgotten.
    return max(record.generation + 1, int(now * 1000))


def _ignores_parameters(codes: TOTP, code: str, terms: Terms) -> bool:
    """Return whether a phone that ignores algorithm, digits or period would show *code*."""
    algorithms = {codes.algorithm, Algorithm.SHA1}
    kinds = product({codes.digits, DIGITS[0]}, algorithms, {codes.period, PERIOD})
    ignorant = [TOTP(codes.secret, digits, algorithm, period) for digits, algorithm, period in kinds]
    window = terms.policy.window
    return any(other.verify(code, at=terms.now, window=window) for other in ignorant if other != codes)
