"""Count attempts: whether one is answered at all, and what a failure or a success changes.

Every rule in this package is a pure function from a record, an input and a :class:`Context` to the
next record and an outcome. If nothing has to be written, the record comes back as the same object.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, TypeAlias, TypeVar

from totpkit._account.policy import Policy
from totpkit._account.record import Record, SealedSecret
from totpkit._otp.result import Accepted, Reason, Rejected
from totpkit._otp.totp import TOTP

T = TypeVar("T")

Answer: TypeAlias = Accepted | Rejected


@dataclass(frozen=True, slots=True)
class Restrictions:
    """What a login in progress requires of an attempt.

    The attempt counts only if the record still has this ``generation`` (``None``: any); otherwise
    it is rejected as ``stale``. A success resets the failure count only if it ``completes`` the
    login, so that passing one factor does not give back guesses for the next (T40). ``after`` names
    the factors that the login has passed already.
    """

    NONE: ClassVar["Restrictions"]

    generation: int | None = None
    stale: Reason = Reason.TICKET_INVALID
    completes: bool = True
    after: tuple[str, ...] = ()

    def exclude(self, record: Record) -> bool:
        """Return whether the credential has changed since the login began."""
        return self.generation is not None and record.generation != self.generation


Restrictions.NONE = Restrictions()


class Context(NamedTuple):
    """What a rule bases its decision on, apart from the record and the input.

    ``open_secret`` opens a sealed secret. Rules call it only for attempts that are answered.
    """

    policy: Policy
    now: float
    open_secret: Callable[[SealedSecret], TOTP]
    restrictions: Restrictions = Restrictions.NONE


Rule: TypeAlias = Callable[[Record, Context], tuple[Record, T]]
"""A pure decision: the next record, and the outcome."""

Decision: TypeAlias = tuple[Record, Answer]


def refuse(record: Record, context: Context) -> Rejected | None:
    """Return why no attempt is answered now, or ``None`` if one is.

    A refused attempt computes nothing and writes nothing, so it neither extends a wait nor counts.
    """
    if record.failures >= context.policy.throttle.cap:
        return Rejected(Reason.DISABLED)
    if record.retry_at is not None and context.now < record.retry_at:
        return Rejected(Reason.THROTTLED, retry_after=record.retry_at - context.now)
    return None


def fail(record: Record, context: Context) -> Record:
    """Return the record with one more failure and the wait that begins with it."""
    failures = record.failures + 1
    wait = context.policy.throttle.wait(failures)
    return record._replace(failures=failures, retry_at=context.now + wait if wait else None)


def succeed(record: Record, context: Context) -> Record:
    """Return the record after a success, which resets the failures only if it completes the login."""
    return unlock(record) if context.restrictions.completes else record


def unlock(record: Record) -> Record:
    """Return the record without failures or wait, or the same object if it has neither."""
    if not record.failures and record.retry_at is None:
        return record
    return record._replace(failures=0, retry_at=None)


def reserve(record: Record, context: Context) -> tuple[Record, Rejected | None]:
    """Count an attempt before it is checked, so that parallel guesses gain nothing."""
    refused = refuse(record, context)
    return (record, refused) if refused is not None else (fail(record, context), None)


def settle(record: Record, reserved: Record, context: Context) -> Record:
    """Return the record after a reserved attempt turned out to be right.

    If the login continues, only the failure that was counted in advance is taken back, together with
    its wait unless another failure has been counted since.
    """
    if context.restrictions.completes:
        return unlock(record)
    if record.failures > reserved.failures:
        return record._replace(failures=record.failures - 1)
    if (record.failures, record.retry_at) == (reserved.failures, reserved.retry_at):
        return record._replace(failures=record.failures - 1, retry_at=None)
    return record  # another success has reset the count in the meantime
