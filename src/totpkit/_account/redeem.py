"""Issue and redeem recovery codes: the rules.

A recovery code is hashed between two writes, because the hash is slow. The first write counts the
attempt, so that no more attempts are hashed than the throttle allows (T42). The second one spends
the code.
"""

from totpkit._account.attempts import Context, Decision, reserve, settle
from totpkit._account.record import Record
from totpkit._account.recovery_codes import RecoveryCodeSet
from totpkit._otp.result import Accepted, Reason, Rejected


def issue(record: Record, codes: RecoveryCodeSet, generation: int) -> Record:
    """Return the record with *codes* in place of all older ones.

    Returns it unchanged if no device is enrolled, or if the generation is not the one for which the
    codes were made. Hashing them takes a while.
    """
    if record.device is None or record.generation != generation:
        return record
    return record._replace(recovery_codes=codes, generation=record.generation + 1)


def begin(record: Record, symbols: str | None, context: Context) -> tuple[Record, RecoveryCodeSet | Rejected]:
    """Count the attempt in advance, and return the set to hash the code for, or the rejection."""
    if record.device is None:
        return record, Rejected(Reason.NOT_ENROLLED)
    reserved, refused = reserve(record, context)
    if refused is not None:
        return record, refused
    if symbols is None:
        return reserved, Rejected(Reason.MALFORMED)
    return reserved, record.recovery_codes or Rejected(Reason.MISMATCH)


def redeem(record: Record, reserved: Record, salt: bytes, digest: bytes, context: Context) -> Decision:
    """Spend the code of this hash and settle the reserved attempt, or leave it counted as a failure."""
    codes, device = record.recovery_codes, record.device
    if device is None or codes is None or codes.salt != salt:
        return record, Rejected(Reason.MISMATCH)
    remaining = codes.spend(digest)
    if isinstance(remaining, Reason):
        return record, Rejected(remaining)
    return settle(record._replace(recovery_codes=remaining), reserved, context), Accepted(device.last_step)
