"""Rules for sending codes by email and for accepting them.

NIST SP 800-63B-4, section 3.1.3.2, limits out-of-band codes to ten minutes and a single use.
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
    """Limits for emailed codes: their lifetime, the time between two emails, and the number per hour.

    ``lifetime`` and ``cooldown`` are in seconds.
    """

    lifetime: float
    cooldown: float
    hourly: int


def send(
    record: Record, digest: bytes, owner: bytes, limits: EmailLimits, context: Context
) -> tuple[Record, Rejected | None]:
    """Store the hash of a new emailed code, or return the reason why the email may not be sent.

    The new code replaces any older code. Requesting a code does not count as a failure, and it does not
    reset the failure count.
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
    """Invalidate a code that could not be emailed, and allow the user to request another one at once.

    The failed email still counts towards the hourly limit, because the mail server may have accepted the
    email before the connection was lost.
    """
    emailed = record.emailed
    if emailed is None or emailed.digest != digest:
        return record
    sent = (*emailed.sent[:-1], max(emailed.sent[-1] - limits.cooldown, 0.0))
    return record._replace(emailed=emailed._replace(digest=b"", sent=sent))


def live_code(record: Record, owner: bytes, now: float) -> EmailedCode | None:
    """Return the emailed code for *owner* if it is still valid, or ``None`` if it is not."""
    emailed = record.emailed
    if emailed is None or not emailed.digest or now >= emailed.expires_at:
        return None
    return emailed if compare_digest(emailed.owner, owner) else None


def verify(record: Record, digests: Sequence[bytes] | None, owner: bytes, context: Context) -> Decision:
    """Check a code that the user typed against the emailed code, and mark it as used if it matches.

    *digests* contains one hash of the typed code for each signing key, or is ``None`` if the code is
    malformed.
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
