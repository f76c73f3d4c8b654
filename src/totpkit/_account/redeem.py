"""Redeeming a recovery code: reserved, hashed, settled. Pure; knows nothing of storage.

The hash is slow, so it is computed between two writes: the first counts the attempt, and
no more attempts are hashed than the throttle answers; the second spends the code.
"""

from collections.abc import Callable
from dataclasses import replace

from totpkit._account.attempts import Terms, failed, refusal, unlocked
from totpkit._account.record import Record
from totpkit._account.recovery_codes import RecoverySet
from totpkit._account.verify import Decided
from totpkit._otp.result import Accepted, Reason, Rejected

Reserved = tuple[Record, RecoverySet | Rejected]


def issued(record: Record, codes: RecoverySet, generation: int) -> Record:
    """Return the record with these codes in place of all older ones.

    It comes back as it is without a credential, or if that is no longer the *generation*
    that the codes were made for: hashing them takes a while.
    """
    if record.active is None or record.generation != generation:
        return record
    return replace(record, recovery=codes, generation=record.generation + 1)


def reserved(record: Record, symbols: str | None, terms: Terms) -> Reserved:
    """Count an attempt in advance; the set to hash it against, or why there is nothing to hash."""
    if record.active is None:
        return record, Rejected(Reason.NOT_ENROLLED)
    refused = refusal(record, terms)
    if refused is not None:
        return record, refused
    counted = failed(record, terms)
    if symbols is None:
        return counted, Rejected(Reason.MALFORMED)
    return counted, record.recovery or Rejected(Reason.MISMATCH)


def settled(
    record: Record, salt: bytes, digest: bytes, forgive: Callable[[Record], Record] = unlocked
) -> Decided:
    """Spend the code of this hash and *forgive* the reserved attempt, or leave it counted."""
    recovery, active = record.recovery, record.active
    if active is None or recovery is None or recovery.salt != salt:
        return record, Rejected(Reason.MISMATCH)
    left = recovery.spend(digest)
    if isinstance(left, Reason):
        return record, Rejected(left)
    return forgive(replace(record, recovery=left)), Accepted(active.last_step)
