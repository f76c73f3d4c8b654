"""Counting attempts: who is still answered, and what a failure costs. Knows nothing of storage."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from totpkit._account.policy import Policy
from totpkit._account.record import Provision, Record
from totpkit._otp.result import Reason, Rejected
from totpkit._otp.totp import TOTP


@dataclass(frozen=True, slots=True)
class Terms:
    """What an attempt is decided by, besides the record and the input.

    ``open_codes`` opens a sealed secret; it is called only for an attempt that is answered.
    """

    policy: Policy
    now: float
    open_codes: Callable[[Provision], TOTP]


def refusal(record: Record, terms: Terms) -> Rejected | None:
    """Return why no attempt is answered, or ``None`` if one is.

    Whoever is refused so has nothing computed and nothing written: an attempt during a
    wait neither prolongs it nor is counted.
    """
    if record.failures >= terms.policy.throttle.cap:
        return Rejected(Reason.DISABLED)
    if record.retry_at is not None and terms.now < record.retry_at:
        return Rejected(Reason.THROTTLED, retry_after=record.retry_at - terms.now)
    return None


def failed(record: Record, terms: Terms) -> Record:
    """Return the record with one failure more, and the wait that it begins."""
    failures = record.failures + 1
    wait = terms.policy.throttle.wait(failures)
    return replace(record, failures=failures, retry_at=terms.now + wait if wait else None)


def unlocked(record: Record) -> Record:
    """Return the record without failures or wait; itself if it has none."""
    if not record.failures and record.retry_at is None:
        return record
    return replace(record, failures=0, retry_at=None)
