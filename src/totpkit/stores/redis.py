"""Records in Redis, swapped by a script on the server. Needs the extra ``totpkit[redis]``.

The server must keep what it has answered for: ``maxmemory-policy noeviction``, and
``appendonly yes`` with ``appendfsync always``.
"""

import os
from collections.abc import Mapping

from totpkit._bounds import whole, within
from totpkit._extras import extra
from totpkit.errors import InvalidParameterError, StoreError
from totpkit.stores._failures import answered, answered_later

with extra("redis"):
    import redis
    import redis.asyncio

__all__ = ["AsyncRedisStore", "RedisStore"]

PREFIX = "totpkit:"
"""What goes before an account id, so that keys of others don't meet ours."""

_FAILURES = (redis.RedisError, OSError)

_SWAP = """
local stored = redis.call('GET', KEYS[1])
if stored and string.sub(stored, 1, 16) == ARGV[3] then return 1 end
if (stored and string.sub(stored, 17) or '') ~= ARGV[1] then return 0 end
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[3] .. ARGV[2]) end
return 1
"""
"""No record is empty, so an empty argument stands for absence.

Before a record stands the mark of the swap that wrote it: a client that lost the answer asks
again, and must not hear that its own write came in between. After a removal there is nothing for
the mark to stand before.
"""

_MARK_BYTES = 16


class RedisStore:
    """A :class:`~totpkit.Store` in Redis, one key an account, by a client of redis-py.

    *prefix* goes before each account id. With *wait_replicas*, a write that so many replicas
    have not acknowledged within *wait_seconds* raises :class:`StoreError`; it may stand all
    the same, which can refuse a code but never accept it twice.

    A client that loses an answer asks again, as often as its own ``retry`` says. A write that
    was done then answers ``True``, a removal that was done ``False``: the value is gone, and
    ``forget`` has no event to tell of it.
    """

    def __init__(
        self, client: redis.Redis, *, prefix: str = PREFIX, wait_replicas: int = 0, wait_seconds: float = 1.0
    ) -> None:
        self._client = client
        self._terms = _Terms(client.connection_pool.connection_kwargs, prefix, wait_replicas, wait_seconds)
        self._script = client.register_script(_SWAP)

    def load(self, account_id: str) -> bytes | None:
        """Return the latest value, or ``None``."""
        key = self._terms.key(account_id)
        return _record(answered(lambda: self._client.get(key), *_FAILURES))

    def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Write *new* if the value is still *old*; tell whether it was."""
        keys, values = [self._terms.key(account_id)], [old or b"", new or b"", os.urandom(_MARK_BYTES)]
        if not self._terms.wait_replicas:
            return _swapped(answered(lambda: self._script(keys, values), *_FAILURES))
        pipeline = self._client.pipeline(transaction=False)  # WAIT counts for its own connection only
        self._script(keys, values, pipeline)
        pipeline.wait(self._terms.wait_replicas, self._terms.wait_milliseconds)
        return self._terms.acknowledged(answered(pipeline.execute, *_FAILURES))


class AsyncRedisStore:
    """:class:`RedisStore`, awaited, by a client of ``redis.asyncio``."""

    def __init__(
        self,
        client: redis.asyncio.Redis,
        *,
        prefix: str = PREFIX,
        wait_replicas: int = 0,
        wait_seconds: float = 1.0,
    ) -> None:
        self._client = client
        self._terms = _Terms(client.connection_pool.connection_kwargs, prefix, wait_replicas, wait_seconds)
        self._script = client.register_script(_SWAP)

    async def load(self, account_id: str) -> bytes | None:
        """Return the latest value, or ``None``."""
        return _record(await answered_later(self._client.get(self._terms.key(account_id)), *_FAILURES))

    async def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Write *new* if the value is still *old*; tell whether it was."""
        keys, values = [self._terms.key(account_id)], [old or b"", new or b"", os.urandom(_MARK_BYTES)]
        if not self._terms.wait_replicas:
            return _swapped(await answered_later(self._script(keys, values), *_FAILURES))
        pipeline = self._client.pipeline(transaction=False)
        await self._script(keys, values, pipeline)
        pipeline.wait(self._terms.wait_replicas, self._terms.wait_milliseconds)
        return self._terms.acknowledged(await answered_later(pipeline.execute(), *_FAILURES))


class _Terms:
    """What both colours have in common: keys, and what counts as written."""

    def __init__(
        self, options: Mapping[str, object], prefix: str, wait_replicas: int, wait_seconds: float
    ) -> None:
        if options.get("decode_responses"):
            raise InvalidParameterError(
                "client", "must be made with decode_responses=False: records are bytes"
            )
        self.wait_replicas = whole("wait_replicas", wait_replicas, 0, 100)
        self.wait_milliseconds = round(within("wait_seconds", wait_seconds, 0.001, 60.0) * 1000)
        self._prefix = prefix.encode()

    def key(self, account_id: str) -> bytes:
        return self._prefix + account_id.encode()

    def acknowledged(self, results: object) -> bool:
        match results:
            case [1, int(replicas)] if replicas >= self.wait_replicas:
                return True
            case [0, _]:
                return False
        raise StoreError(f"fewer than {self.wait_replicas} replicas acknowledged the write in time")


def _swapped(answer: object) -> bool:
    return answer == 1


def _record(value: object) -> bytes | None:
    if value is None:
        return None
    if isinstance(value, bytes):
        return value[_MARK_BYTES:]
    raise StoreError(f"the store answered with {type(value).__name__}, not bytes")
