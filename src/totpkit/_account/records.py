"""Load records, apply rules to them, and write the results with compare-and-swap."""

from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from totpkit._account.attempts import Answer, Context, Restrictions, Rule
from totpkit._account.policy import Policy
from totpkit._account.record import EMPTY_RECORD, Record
from totpkit._account.record_json import read_record, write_record
from totpkit._account.sealing import Sealing
from totpkit._otp.result import Rejected
from totpkit._otp.truncation import COUNTERS
from totpkit._ports import AsyncStore, Cipher
from totpkit._validation import Clock, check_methods, check_type, whole_seconds
from totpkit.errors import InvalidParameterError, StoreError

T = TypeVar("T")
U = TypeVar("U")

_LATEST = COUNTERS // 1000
"""The latest time, in seconds. Generations count milliseconds and must not exceed ``COUNTERS``."""

_LOST_RACES = 8
"""How many swaps may fail because of writes other than attempts, which the throttle limits."""


class Update(NamedTuple, Generic[T]):
    """The result of applying a rule: the record before and after the change, and the outcome.

    The change has already been stored. ``before`` and ``after`` are the same object if nothing was
    written. ``resealed`` says whether the device's secret was also encrypted again with a newer key.
    """

    account_id: str
    at: float
    before: Record
    after: Record
    outcome: T
    resealed: bool = False

    def with_outcome(self, outcome: Answer) -> "Update[Answer]":
        """Return a copy with another outcome."""
        return Update(self.account_id, self.at, self.before, self.after, outcome, resealed=self.resealed)

    def following(self, first: "Update[U]") -> "Update[T]":
        """Combine this update with the *first* update for the same attempt.

        If the attempt was rejected, ``after`` is taken from the first update. Other attempts may have
        failed between the two updates, and they report their failures themselves.
        """
        after = first.after if isinstance(self.outcome, Rejected) else self.after
        resealed = first.resealed or self.resealed
        return self._replace(before=first.before, after=after, resealed=resealed)


@dataclass(frozen=True, slots=True)
class Records:
    """Loads and updates the records in a store."""

    store: AsyncStore
    cipher: Cipher
    policy: Policy
    clock: Clock

    def now(self) -> float:
        """Return the current time, or raise :class:`InvalidParameterError` if the clock is invalid."""
        return read_clock(self.clock)

    async def read(self, account_id: str) -> Record:
        """Return the account's record, or an empty record if nothing is stored.

        Raises :class:`RecordError` if the record is corrupted.
        """
        return _decoded(await self._load(account_id))

    async def update(
        self,
        account_id: str,
        rule: Rule[T],
        restrictions: Restrictions = Restrictions.NONE,
        *,
        pending: bool = False,
    ) -> Update[T | Rejected]:
        """Apply a rule to the account's record, and return the result after it has been stored.

        If another request changes the record in the meantime, the rule is applied again to the new
        record. Set *pending* if the rule decrypts the pending secret instead of the enrolled one. Raises
        :class:`StoreError` if the record changes more often than other attempts could explain.
        """
        sealing = Sealing(self.cipher, account_id)
        open_secret = sealing.open_pending if pending else sealing.open_enrolled
        for _ in range(self.policy.throttle.allowance + _LOST_RACES):
            stored = await self._load(account_id)
            before, now = _decoded(stored), self.now()
            if restrictions.exclude(before):
                return Update(account_id, now, before, before, Rejected(restrictions.stale))
            after, outcome = rule(before, Context(self.policy, now, open_secret, restrictions))
            if after is before:
                return Update(account_id, now, before, before, outcome)
            sealed = sealing.try_reseal(after)
            written = write_record(sealed, revision=before.revision + 1)
            if _checked_bool(await self.store.swap(account_id, stored, written)):
                return Update(account_id, now, before, sealed, outcome, resealed=sealed is not after)
        raise StoreError("the record changed during every attempt to write it")

    async def erase(self, account_id: str) -> bool:
        """Delete the account's record, even if it is corrupted. Return whether there was a record."""
        for _ in range(self.policy.throttle.allowance + _LOST_RACES):
            stored = await self._load(account_id)
            if stored is None:
                return False
            if _checked_bool(await self.store.swap(account_id, stored, None)):
                return True
        raise StoreError("the record changed during every attempt to delete it")

    async def _load(self, account_id: str) -> bytes | None:
        stored: object = await self.store.load(account_id)
        if stored is None or isinstance(stored, bytes):
            return stored
        raise StoreError(f"a store must load bytes or None, not {type(stored).__name__}")


def check_components(
    *, store: object, vault: object, policy: object, clock: object, on_event: object
) -> None:
    """Raise :class:`InvalidParameterError` if an authenticator cannot use one of the components."""
    check_methods("store", store, "load", "swap")
    check_methods("vault", vault, "seal", "open", "is_current")
    check_type("policy", policy, Policy)
    if not callable(clock):
        raise InvalidParameterError("clock", f"must be callable, not {type(clock).__name__}")
    if on_event is not None and not callable(on_event):
        raise InvalidParameterError("on_event", f"must be callable or None, not {type(on_event).__name__}")


def read_clock(clock: Clock) -> float:
    """Return the time from a clock, or raise :class:`InvalidParameterError` if the time is not valid."""
    time = clock()
    if whole_seconds(time) >= _LATEST:
        raise InvalidParameterError("clock", "must return Unix seconds, not a time millions of years ahead")
    return float(time)


def _decoded(stored: bytes | None) -> Record:
    return EMPTY_RECORD if stored is None else read_record(stored)


def _checked_bool(swapped: object) -> bool:
    if isinstance(swapped, bool):
        return swapped
    # Other objects may be truthy without meaning success, such as a coroutine that was not awaited.
    raise StoreError(f"a store must return True or False from swap, not {type(swapped).__name__}")
