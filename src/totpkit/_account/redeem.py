"""Rules for issuing and redeeming recovery codes.

Hashing a recovery code is slow, so it happens between two writes to the store. The first write counts the
attempt, so that an attacker cannot cause more hashing than the throttle allows (T42). The second write
marks the code as used.
"""

from totpkit._account.attempts import Context, Decision, reserve, settle
from totpkit._account.record import Record
from totpkit._account.recovery_codes import RecoveryCodeSet
from totpkit._otp.result import Accepted, Reason, Rejected


def issue(record: Record, codes: RecoveryCodeSet, generation: int) -> Record:
    """Replace all recovery codes in the record with new ones.

    The record stays unchanged if no device is enrolled, or if the account's generation changed while the
    new codes were being hashed.
    """
    if record.device is None or record.generation != generation:
        return record
    return record._replace(recovery_codes=codes, generation=record.generation + 1)


def begin(record: Record, symbols: str | None, context: Context) -> tuple[Record, RecoveryCodeSet | Rejected]:
    """Count the attempt in advance, and return the stored recovery codes or a rejection."""
    if record.device is None:
        return record, Rejected(Reason.NOT_ENROLLED)
    reserved, refused = reserve(record, context)
    if refused is not None:
        return record, refused
    if symbols is None:
        return reserved, Rejected(Reason.MALFORMED)
    return reserved, record.recovery_codes or Rejected(Reason.MISMATCH)


def redeem(record: Record, reserved: Record, salt: bytes, digest: bytes, context: Context) -> Decision:
    """Mark the recovery code with this hash as used, or count the attempt as a failure."""
    codes, device = record.recovery_codes, record.device
    if device is None or codes is None or codes.salt != salt:
        return record, Rejected(Reason.MISMATCH)
    remaining = codes.spend(digest)
    if isinstance(remaining, Reason):
        return record, Rejected(remaining)
    return settle(record._replace(recovery_codes=remaining), reserved, context), Accepted(device.last_step)
