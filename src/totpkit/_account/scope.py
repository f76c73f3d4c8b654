"""Within what an attempt is made: any, or one login's. Pure; knows nothing of logins."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, TypeAlias, TypeVar

from totpkit._account.attempts import Terms, unlocked
from totpkit._account.record import Record
from totpkit._otp.result import Reason, Rejected

T = TypeVar("T")

Rule: TypeAlias = Callable[[Record, Terms], tuple[Record, T]]
"""A pure decision: what a record becomes, and the outcome."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What holds for an attempt besides the policy.

    It counts only for the *generation* of the credential that the login was begun for,
    ``None`` for any; for another it is refused as *stale*. Only if it *completes* the login
    does a success forget failures: passing one factor refills no guesses for the next.
    *after* names what the login has passed before.
    """

    OPEN: ClassVar["Scope"]

    generation: int | None = None
    stale: Reason = Reason.TICKET_INVALID
    completes: bool = True
    after: tuple[str, ...] = ()

    def bound(self, decide: Rule[T]) -> Rule[T | Rejected]:
        """Return the rule for this generation alone."""

        def decided(record: Record, terms: Terms) -> tuple[Record, T | Rejected]:
            if self.generation is not None and record.generation != self.generation:
                return record, Rejected(self.stale)
            return decide(record, terms)

        return decided

    def guarded(self, decide: Rule[T]) -> Rule[T | Rejected]:
        """Return the rule for this generation alone, without forgiveness on the way through a login."""

        def decided(record: Record, terms: Terms) -> tuple[Record, T]:
            after, outcome = decide(record, terms)
            if after.failures < record.failures:
                after = replace(after, failures=record.failures, retry_at=record.retry_at)
            return after, outcome

        return self.bound(decide if self.completes else decided)

    def settled(self, record: Record, reserved: Record) -> Record:
        """Return the record after an attempt that was counted in advance, and was right.

        On the way through a login it gives back the failure that it was counted as, with the
        wait, unless another failure has come since.
        """
        if self.completes:
            return unlocked(record)
        if record.failures > reserved.failures:
            return replace(record, failures=record.failures - 1)
        if (record.failures, record.retry_at) == (reserved.failures, reserved.retry_at):
            return replace(record, failures=record.failures - 1, retry_at=None)
        return record  # a success has forgiven it already


Scope.OPEN = Scope()
