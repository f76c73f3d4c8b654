"""Emailed codes: when one may be sent, and when one is accepted.

NIST SP 800-63B-4, section 3.1.3.2 limits a code to ten minutes and one use.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hmac import compare_digest

from totpkit._account.attempts import Context, Decision, fail, refuse, succeed
from totpkit._account.record import EmailedCode, Record
from totpkit._otp.result import Accepted, Reason, Rejected

HOUR = 3600.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class EmailLimits:
    """How long a code works and how soon the next one may be sent, in seconds, and how many per hour."""

    lifetime: float
    cooldown: float
    hourly: int


def send(
    record: Record, digest: bytes, owner: bytes, limits: EmailLimits, context: Context
) -> tuple[Record, Rejected | None]:
    """Note a code that is about to be sent, in place of any older one, or return why none may be sent.

    Requesting a code neither counts as a failure nor resets the failure count.
    """
    refused = refuse(record, context)
    if refused is not None:
        return record, refused
    known = () if record.emailed is None else record.emailed.sent
    recent = tuple(time for time in known if time > context.now - HOUR)
    ends = [max(recent) + limits.cooldown] if recent else []
    if len(recent) >= limits.hourly:
        ends.append(sorted(recent)[-limits.hourly] + HOUR)
    wait = max(ends, default=context.now) - context.now
    if wait > 0:
        return record, Rejected(Reason.THROTTLED, retry_after=wait)
    expires_at = context.now + limits.lifetime
    emailed = EmailedCode(digest=digest, owner=owner, expires_at=expires_at, sent=(*recent, context.now))
    return record._replace(emailed=emailed), None


def unsend(record: Record, digest: bytes, limits: EmailLimits) -> Record:
    """Return the record after an email failed: its code is worthless and its cooldown is over.

    It still counts towards the hourly limit, because the server may have accepted the email and only
    its reply was lost.
    """
    emailed = record.emailed
    if emailed is None or emailed.digest != digest:
        return record
    sent = (*emailed.sent[:-1], max(emailed.sent[-1] - limits.cooldown, 0.0))
    return record._replace(emailed=emailed._replace(digest=b"", sent=sent))


def live_code(record: Record, owner: bytes, now: float) -> EmailedCode | None:
    """Return the emailed code that *owner* requested and may still use."""
    emailed = record.emailed
    if emailed is None or not emailed.digest or now >= emailed.expires_at:
        return None
    return emailed if compare_digest(emailed.owner, owner) else None


def verify(record: Record, digests: Sequence[bytes] | None, owner: bytes, context: Context) -> Decision:
    """Decide whether a typed code is the one that was emailed, and spend it.

    *digests* are the hashes of the typed code with each key, or ``None`` if it is malformed.
    """
    refused = refuse(record, context)
    if refused is not None:
        return record, refused
    emailed = live_code(record, owner, context.now)
    if emailed is None:
        return record, Rejected(Reason.EXPIRED)
    if digests is None:
        return fail(record, context), Rejected(Reason.MALFORMED)
    if not any([compare_digest(emailed.digest, digest) for digest in digests]):  # noqa: C419 - no early exit
        return fail(record, context), Rejected(Reason.MISMATCH)
    return succeed(record._replace(emailed=emailed._replace(digest=b"")), context), Accepted(0)
