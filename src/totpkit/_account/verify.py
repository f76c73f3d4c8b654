"""Rules for verifying codes from a device and for resynchronizing its clock."""

from totpkit._account.attempts import Context, Decision, fail, refuse, succeed
from totpkit._account.record import EnrolledDevice, Record
from totpkit._otp.result import Reason, Rejected


def verify(record: Record, code: str, context: Context) -> Decision:
    """Check a code from the device, and adjust the stored clock drift by at most one time step."""
    device = record.device
    if device is None:
        return record, Rejected(Reason.NOT_ENROLLED)
    refused = refuse(record, context)
    if refused is not None:
        return record, refused
    totp, policy = context.open_secret(device.secret), context.policy
    drift = bounded(device.drift, policy.drift_bound)
    outcome = totp.verify(code, at=context.now, window=policy.window, last_step=device.last_step, drift=drift)
    if isinstance(outcome, Rejected):
        return fail(record, context), outcome
    drift = follow(drift, outcome.drift, policy.drift_bound)
    return _accept(record, device, outcome.step, drift, context), outcome


def resync(record: Record, code1: str, code2: str, context: Context) -> Decision:
    """Use two consecutive codes to measure the drift of the device's clock, and store the drift.

    This implements RFC 4226, section 7.4. The policy's ``drift_bound`` limits the search.
    """
    device = record.device
    if device is None:
        return record, Rejected(Reason.NOT_ENROLLED)
    refused = refuse(record, context)
    if refused is not None:
        return record, refused
    totp, bound = context.open_secret(device.secret), context.policy.drift_bound
    outcome = totp.resync(code1, code2, at=context.now, look_around=bound, last_step=device.last_step)
    if isinstance(outcome, Rejected):
        return fail(record, context), outcome
    return _accept(record, device, outcome.step, outcome.drift, context), outcome


def follow(drift: int, observed: int, bound: int) -> int:
    """Move *drift* one step towards *observed*, but not beyond *bound* (RFC 6238, section 6)."""
    return bounded(drift + (observed > drift) - (observed < drift), bound)


def bounded(drift: int, bound: int) -> int:
    """Limit *drift* to *bound*, because another policy may have allowed a larger drift."""
    return max(-bound, min(bound, drift))


def _accept(record: Record, device: EnrolledDevice, step: int, drift: int, context: Context) -> Record:
    used = device._replace(last_used_at=context.now, last_step=step, drift=drift)
    return succeed(record._replace(device=used), context)
