"""The rules of ``verify`` and ``resync``. :mod:`totpkit._otp.replay` rejects replayed codes."""

from totpkit._account.attempts import Context, Decision, fail, refuse, succeed
from totpkit._account.record import EnrolledDevice, Record
from totpkit._otp.result import Reason, Rejected


def verify(record: Record, code: str, context: Context) -> Decision:
    """Decide whether *code* is right for the account and unspent, and move the drift by one step at most."""
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
    """Decide whether two consecutive codes show how far the device's clock is off, and adopt that drift.

    RFC 4226, section 7.4. The search is limited by the policy's drift bound.
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
    """Return *drift* moved by one step towards *observed*, within *bound* (RFC 6238, section 6)."""
    return bounded(drift + (observed > drift) - (observed < drift), bound)


def bounded(drift: int, bound: int) -> int:
    """Return *drift* limited to *bound*, which another policy may have exceeded."""
    return max(-bound, min(bound, drift))


def _accept(record: Record, device: EnrolledDevice, step: int, drift: int, context: Context) -> Record:
    used = device._replace(last_used_at=context.now, last_step=step, drift=drift)
    return succeed(record._replace(device=used), context)
