"""Reading and changing records: load, decide, swap. Knows neither store nor cipher by name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from totpkit._account.attempts import Terms
from totpkit._account.policy import Policy
from totpkit._account.record import Record
from totpkit._account.sealing import IN_USE, Sealing
from totpkit._clock import Clock, whole_seconds
from totpkit._otp.truncation import COUNTERS
from totpkit._ports import AsyncStore, Cipher
from totpkit.errors import InvalidParameterError, RecordError, StoreError

T = TypeVar("T")

_LATEST = COUNTERS // 1000
"""Seconds; generations are counted in thousandths of them, and no stored number may pass ``COUNTERS``."""

_LOST_RACES = 8
"""Swaps that may be lost besides those to attempts, of which the throttle answers only so many."""


@dataclass(frozen=True, slots=True)
class Change(Generic[T]):
    """What was decided at a time: the record before and after, and the outcome.

    It is in the store already; ``before`` and ``after`` are one object if nothing was written.
    ``resealed`` tells whether the secret in use was sealed anew with it.
    """

    account_id: str
    at: float
    before: Record
    after: Record
    outcome: T
    resealed: bool = False


@dataclass(frozen=True, slots=True)
class Ledger:
    """The records of all accounts."""

    store: AsyncStore
    cipher: Cipher
    policy: Policy
    clock: Clock

    def now(self) -> float:
        """Return the time by the clock; :class:`InvalidParameterError` if that is none."""
        return time_by(self.clock)

    async def read(self, account_id: str) -> Record:
        """Return the record, an empty one if there is none; :class:`RecordError` if it is corrupted."""
        return _decoded(await self._load(account_id))

    async def change(
        self, account_id: str, decide: Callable[[Record, Terms], tuple[Record, T]], *, purpose: str = IN_USE
    ) -> Change[T]:
        """Apply a pure decision to the record, again for each race that the swap loses.

        Secrets are opened for *purpose*. Nothing leaves before the swap has succeeded.
        Raises :class:`StoreError` after more lost races than attempts can explain.
        """
        sealing = Sealing(self.cipher, account_id)
        for _ in range(self.policy.throttle.allowance + _LOST_RACES):
            stored = await self._load(account_id)
            before = _decoded(stored)
            terms = Terms(self.policy, self.now(), lambda provision: sealing.codes(provision, purpose))
            after, outcome = decide(before, terms)
            if after is before:
                return Change(account_id, terms.now, before, before, outcome)
            sealed = sealing.resealed(after)
            if await self._swap(account_id, stored, _encoded(sealed, before.revision + 1)):
                resealed = sealed is not after
                return Change(account_id, terms.now, before, sealed, outcome, resealed=resealed)
        raise StoreError("the record changed under every attempt to write it")

    async def erase(self, account_id: str) -> bool:
        """Remove the record, readable or not; tell whether there was one."""
        for _ in range(self.policy.throttle.allowance + _LOST_RACES):
            stored = await self._load(account_id)
            if stored is None:
                return False
            if await self._swap(account_id, stored, None):
                return True
        raise StoreError("the record changed under every attempt to remove it")

    async def _load(self, account_id: str) -> bytes | None:
        stored: object = await self.store.load(account_id)
        if stored is None or isinstance(stored, bytes):
            return stored
        raise StoreError(f"a store must load bytes or None, not {type(stored).__name__}")

    async def _swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        swapped: object = await self.store.swap(account_id, old, new)
        if isinstance(swapped, bool):
            return swapped
        # Anything else may be true of itself, a coroutine that nobody awaited for one.
        raise StoreError(f"a store must answer a swap by True or False, not by {type(swapped).__name__}")


def time_by(clock: Clock) -> float:
    """Return the time by a clock; :class:`InvalidParameterError` if that is none."""
    time = clock()
    if whole_seconds(time) >= _LATEST:
        raise InvalidParameterError(
            "clock", "must return Unix seconds of today, not of millions of years ahead"
        )
    return float(time)


def _encoded(record: Record, revision: int) -> bytes:
    # Nobody counts so far, but whoever tampers may; what is written must be readable again.
    if max(revision, record.generation) > COUNTERS:
        raise RecordError("a stored record's numbers are higher than counting gets")
    return record.to_bytes(revision=revision)


def _decoded(stored: bytes | None) -> Record:
    return Record.EMPTY if stored is None else Record.from_bytes(stored)
