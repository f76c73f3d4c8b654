"""Count attempts, and apply the limits that the policy sets for them.

Every rule in this package is a pure function that takes a record, an input and a :class:`Context`, and
returns the next record and an outcome. If nothing needs to be written, the rule returns the same record
object.
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
    """Additional conditions for an attempt that is part of a login.

    An attempt is rejected with the reason ``stale`` if the record's generation is not ``generation``,
    unless ``generation`` is ``None``. A success resets the failure count only if it ``completes`` the
    login, because passing one factor must not allow more guesses at the next factor (T40). ``after``
    names the factors that the login has already passed.
    """

    NONE: ClassVar["Restrictions"]

    generation: int | None = None
    stale: Reason = Reason.TICKET_INVALID
    completes: bool = True
    after: tuple[str, ...] = ()

    def exclude(self, record: Record) -> bool:
        """Return whether the account's credentials have changed since the login began."""
        return self.generation is not None and record.generation != self.generation


Restrictions.NONE = Restrictions()


class Context(NamedTuple):
    """The policy, the time and other values that a rule needs besides the record and the input.

    ``open_secret`` decrypts a secret. Rules call this function only if the attempt is allowed.
    """

    policy: Policy
    now: float
    open_secret: Callable[[SealedSecret], TOTP]
    restrictions: Restrictions = Restrictions.NONE


Rule: TypeAlias = Callable[[Record, Context], tuple[Record, T]]
"""A pure function that returns the next record and the outcome."""

Decision: TypeAlias = tuple[Record, Answer]


def refuse(record: Record, context: Context) -> Rejected | None:
    """Return a rejection if the account is throttled or disabled, or ``None`` if attempts are allowed.

    Attempts during a wait do not count as failures, and they do not extend the wait.
    """
    if record.failures >= context.policy.throttle.cap:
        return Rejected(Reason.DISABLED)
    if record.retry_at is not None and context.now < record.retry_at:
        return Rejected(Reason.THROTTLED, retry_after=record.retry_at - context.now)
    return None


def fail(record: Record, context: Context) -> Record:
    """Add one failure to the record, and start a wait if the policy requires one."""
    failures = record.failures + 1
    wait = context.policy.throttle.wait(failures)
    return record._replace(failures=failures, retry_at=context.now + wait if wait else None)


def succeed(record: Record, context: Context) -> Record:
    """Update the record after a success. Failures are reset only if the login is complete."""
    return unlock(record) if context.restrictions.completes else record


def unlock(record: Record) -> Record:
    """Reset the failures and end the wait. Return the same object if nothing changes."""
    if not record.failures and record.retry_at is None:
        return record
    return record._replace(failures=0, retry_at=None)


def reserve(record: Record, context: Context) -> tuple[Record, Rejected | None]:
    """Count an attempt before it is checked, so that parallel requests gain no extra guesses."""
    refused = refuse(record, context)
    return (record, refused) if refused is not None else (fail(record, context), None)


def settle(record: Record, reserved: Record, context: Context) -> Record:
    """Update the record after an attempt that was counted in advance has succeeded.

    If the login is not complete yet, only the failure that was counted in advance is removed. The wait
    after that failure is also removed, unless another failure has been counted since then.
    """
    if context.restrictions.completes:
        return unlock(record)
    if record.failures > reserved.failures:
        return record._replace(failures=record.failures - 1)
    if (record.failures, record.retry_at) == (reserved.failures, reserved.retry_at):
        return record._replace(failures=record.failures - 1, retry_at=None)
    return record  # another success has reset the count in the meantime
