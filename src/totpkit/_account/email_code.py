"""Codes sent by mail: when one may be sent, and what it is worth. Pure; knows nothing of letters.

Source: NIST SP 800-63B-4, section 3.1.3.2, for the ten minutes and the single use.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hmac import compare_digest

from totpkit._account.attempts import Terms, failed, refusal
from totpkit._account.record import Mailed, Record
from totpkit._account.verify import Decided
from totpkit._otp.result import Accepted, Reason, Rejected

HOUR = 3600.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class EmailLimits:
    """How long a code works, how soon the next can be sent, in seconds; and how many in an hour."""

    lifetime: float
    cooldown: float
    hourly: int


def sent(
    record: Record, digest: bytes, owner: bytes, mail_terms: EmailLimits, terms: Terms
) -> tuple[Record, Rejected | None]:
    """Note a code that is about to be sent, in place of any older one, or why none is.

    Asking for codes neither counts as a failure nor forgives one.
    """
    refused = refusal(record, terms)
    if refused is not None:
        return record, refused
    known = () if record.mailed is None else record.mailed.sent
    recent = tuple(time for time in known if time > terms.now - HOUR)
    waits = [max(recent) + mail_terms.cooldown] if recent else []
    waits += [sorted(recent)[-mail_terms.hourly] + HOUR] if len(recent) >= mail_terms.hourly else []
    wait = max(waits, default=terms.now) - terms.now
    if wait > 0:
        return record, Rejected(Reason.THROTTLED, retry_after=wait)
    expires_at = terms.now + mail_terms.lifetime
    mailed = Mailed(digest=digest, owner=owner, expires_at=expires_at, sent=(*recent, terms.now))
    return replace(record, mailed=mailed), None


def unsent(record: Record, digest: bytes, mail_terms: EmailLimits) -> Record:
    """Return the record after a mail that did not leave: its code is worth nothing, its cooldown over.

    It counts for the hour all the same: a server may have taken it and only its answer was lost.
    """
    mailed = record.mailed
    if mailed is None or mailed.digest != digest:
        return record
    sent = (*mailed.sent[:-1], max(mailed.sent[-1] - mail_terms.cooldown, 0.0))
    return replace(record, mailed=replace(mailed, digest=b"", sent=sent))


def live(record: Record, owner: bytes, now: float) -> Mailed | None:
    """Return the mailed code that *owner* asked for and may still use."""
    mailed = record.mailed
    if mailed is None or not mailed.digest or now >= mailed.expires_at:
        return None
    return mailed if compare_digest(mailed.owner, owner) else None


def mail_checked(record: Record, digests: Sequence[bytes] | None, owner: bytes, terms: Terms) -> Decided:
    """Decide whether a typed code of these hashes, one of each key, is the one that was mailed; spend it."""
    refused = refusal(record, terms)
    if refused is not None:
        return record, refused
    mailed = live(record, owner, terms.now)
    if mailed is None:
        return record, Rejected(Reason.EXPIRED)
    if digests is None:
        return failed(record, terms), Rejected(Reason.MALFORMED)
    if not any([compare_digest(mailed.digest, digest) for digest in digests]):  # noqa: C419 - no early exit
        return failed(record, terms), Rejected(Reason.MISMATCH)
    spent = replace(record, mailed=replace(mailed, digest=b""), failures=0, retry_at=None)
    return spent, Accepted(0)
