"""Verifying by a record: what a code changes in it. Knows nothing of storage.

Every rule is pure: a record, an input and a time give the next record and an outcome.
Where nothing is to be written the record comes back as the same object.
"""

from totpkit._account.attempts import Terms, failed, refusal
from totpkit._account.record import Credential, Record
from totpkit._otp.result import Accepted, Reason, Rejected

Decided = tuple[Record, Accepted | Rejected]


def verified(record: Record, code: str, terms: Terms) -> Decided:
    """Decide whether *code* is right for the account and unspent; follow its drift by a step."""
    active, refused = record.active, refusal(record, terms)
    if active is None:
        return record, Rejected(Reason.NOT_ENROLLED)
    if refused is not None:
        return record, refused
    codes, window, last_step = terms.open_codes(active.provision), terms.policy.window, active.last_step
    drift = bounded(active.drift, terms.policy.drift_bound)
    outcome = codes.verify(code, at=terms.now, window=window, last_step=last_step, drift=drift)
    if isinstance(outcome, Rejected):
        return failed(record, terms), outcome
    drift = followed(drift, outcome.drift, terms.policy.drift_bound)
    return _used(record, active, outcome.step, drift, terms.now), outcome


def resynced(record: Record, code1: str, code2: str, terms: Terms) -> Decided:
    """Decide whether two consecutive codes tell how far a clock is off; adopt that drift.

    Source: RFC 4226, section 7.4. The look-around is the policy's bound on drift.
    """
    active, refused = record.active, refusal(record, terms)
    if active is None:
        return record, Rejected(Reason.NOT_ENROLLED)
    if refused is not None:
        return record, refused
    codes, bound = terms.open_codes(active.provision), terms.policy.drift_bound
    outcome = codes.resync(code1, code2, at=terms.now, look_around=bound, last_step=active.last_step)
    if isinstance(outcome, Rejected):
        return failed(record, terms), outcome
    return _used(record, active, outcome.step, outcome.drift, terms.now), outcome


def followed(drift: int, seen: int, bound: int) -> int:
    """Return *drift* moved one step towards *seen*, within *bound* (RFC 6238, section 6)."""
    return bounded(drift + (seen > drift) - (seen < drift), bound)


def bounded(drift: int, bound: int) -> int:
    """Return *drift*, or the *bound* that it passes: one remembered under another policy may."""
    return max(-bound, min(bound, drift))


def _used(record: Record, active: Credential, step: int, drift: int, now: float) -> Record:
    # dataclasses.replace would take as long as a code.
    credential = Credential(
        provision=active.provision,
        confirmed_at=active.confirmed_at,
        last_used_at=now,
        last_step=step,
        drift=drift,
    )
    return Record(
        revision=record.revision,
        generation=record.generation,
        active=credential,
        pending=record.pending,
        recovery=record.recovery,
        mailed=record.mailed,
    )
