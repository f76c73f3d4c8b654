"""Store records in Redis.

The store requires the extra ``totpkit[redis]``. The server must never lose a write that it has
acknowledged. To make sure of this, configure it with ``maxmemory-policy noeviction``, ``appendonly
yes`` and ``appendfsync always``.
"""

import os
from collections.abc import Mapping
from typing import Protocol

from totpkit._extras import extra
from totpkit._validation import checked_int, checked_number
from totpkit.errors import InvalidParameterError, StoreError
from totpkit.stores._failures import translate_errors, translate_errors_async

with extra("redis"):
    import redis
    import redis.asyncio
    from redis.client import Pipeline

__all__ = ["AsyncRedisStore", "RedisStore"]

PREFIX = "totpkit:"
"""The default key prefix. It separates totpkit's keys from those of other programs."""

_FAILURES = (redis.RedisError, OSError)

# A record is never empty, so an empty argument means that the record is absent.
#
# Each record is stored after the random id of the swap that wrote it. A client that lost the reply
# sends the script again. Without the id, it would find its own write and report a lost race. A
# deletion leaves nothing that could carry an id.
_SWAP = """
local stored = redis.call('GET', KEYS[1])
if stored and string.sub(stored, 1, 16) == ARGV[3] then return 1 end
if (stored and string.sub(stored, 17) or '') ~= ARGV[1] then return 0 end
if ARGV[2] == '' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[3] .. ARGV[2]) end
return 1
"""

_SWAP_ID_BYTES = 16


class RedisStore:
    """A :class:`~totpkit.Store` that uses one Redis key for each account.

    The *client* must be a redis-py client. The name of each key consists of *prefix* and the
    account id. If you set *wait_replicas* (0 to 100), each write waits until that many replicas
    have acknowledged it. If this takes longer than *wait_seconds* (0.001 to 60), the write raises
    :class:`StoreError`, even though Redis may have stored the new value. A code can then become
    invalid without ever having been accepted. However, no code is accepted twice.

    If the connection fails before a reply arrives, the client may send the command again, depending
    on its ``retry`` setting. If Redis had already executed the first command, a repeated write
    still returns ``True``, but a repeated deletion returns ``False``. In this case, ``forget``
    deletes the record but emits no event.

    Raises :class:`InvalidParameterError` if the client decodes replies, or if another parameter has
    the wrong type or is out of range.
    """

    def __init__(
        self, client: redis.Redis, *, prefix: str = PREFIX, wait_replicas: int = 0, wait_seconds: float = 1.0
    ) -> None:
        self._client = client
        self._settings = _Settings(
            client.connection_pool.connection_kwargs, prefix, wait_replicas, wait_seconds
        )
        self._script = client.register_script(_SWAP)

    def load(self, account_id: str) -> bytes | None:
        """Return the latest value, or ``None`` if there is none."""
        key = self._settings.key(account_id)
        return _record(translate_errors(lambda: self._client.get(key), *_FAILURES))

    def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Replace *old* with *new* if *old* is still the stored value.

        Return whether the value was replaced.
        """
        keys, values = [self._settings.key(account_id)], [old or b"", new or b"", os.urandom(_SWAP_ID_BYTES)]
        if not self._settings.wait_replicas:
            return _is_swapped(translate_errors(lambda: self._script(keys, values), *_FAILURES))
        # WAIT counts only the writes of its own connection (https://redis.io/docs/latest/commands/wait/),
        # and a pipeline sends both commands on one connection.
        pipeline = _new_pipeline(self._client)
        self._script(keys, values, pipeline)
        self._settings.wait(pipeline)
        return self._settings.is_acknowledged(translate_errors(pipeline.execute, *_FAILURES))


class AsyncRedisStore:
    """The async version of :class:`RedisStore`, for clients from ``redis.asyncio``."""

    def __init__(
        self,
        client: redis.asyncio.Redis,
        *,
        prefix: str = PREFIX,
        wait_replicas: int = 0,
        wait_seconds: float = 1.0,
    ) -> None:
        self._client = client
        self._settings = _Settings(
            client.connection_pool.connection_kwargs, prefix, wait_replicas, wait_seconds
        )
        self._script = client.register_script(_SWAP)

    async def load(self, account_id: str) -> bytes | None:
        """Return the latest value, or ``None`` if there is none."""
        key = self._settings.key(account_id)
        return _record(await translate_errors_async(self._client.get(key), *_FAILURES))

    async def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Replace *old* with *new* if *old* is still the stored value.

        Return whether the value was replaced.
        """
        keys, values = [self._settings.key(account_id)], [old or b"", new or b"", os.urandom(_SWAP_ID_BYTES)]
        if not self._settings.wait_replicas:
            return _is_swapped(await translate_errors_async(self._script(keys, values), *_FAILURES))
        pipeline = self._client.pipeline(transaction=False)
        await self._script(keys, values, pipeline)
        self._settings.wait(pipeline)
        return self._settings.is_acknowledged(await translate_errors_async(pipeline.execute(), *_FAILURES))


class _Settings:
    """Validated settings that both stores share."""

    def __init__(
        self, options: Mapping[str, object], prefix: str, wait_replicas: int, wait_seconds: float
    ) -> None:
        if options.get("decode_responses"):
            raise InvalidParameterError(
                "client", "must be created with decode_responses=False, because records are bytes"
            )
        if not isinstance(prefix, str):
            raise InvalidParameterError("prefix", f"must be a str, not {type(prefix).__name__}")
        self.wait_replicas = checked_int("wait_replicas", wait_replicas, 0, 100)
        self._wait_milliseconds = round(checked_number("wait_seconds", wait_seconds, 0.001, 60.0) * 1000)
        self._prefix = prefix.encode()

    def key(self, account_id: str) -> bytes:
        return self._prefix + account_id.encode()

    def wait(self, pipeline: "_Pipeline") -> None:
        pipeline.wait(self.wait_replicas, self._wait_milliseconds)

    def is_acknowledged(self, replies: list[object]) -> bool:
        match replies:
            case [1, int(replicas)] if replicas >= self.wait_replicas:
                return True
            case [0, _]:
                return False
            case _:
                raise StoreError(f"fewer than {self.wait_replicas} replicas acknowledged the write in time")


# redis-py annotates these methods incompletely.


class _Client(Protocol):
    def pipeline(self, *, transaction: bool) -> Pipeline: ...


class _Pipeline(Protocol):
    def wait(self, num_replicas: int, timeout: int) -> object: ...


def _new_pipeline(client: _Client) -> Pipeline:
    return client.pipeline(transaction=False)


def _is_swapped(reply: object) -> bool:
    return reply == 1


def _record(value: object) -> bytes | None:
    if value is None:
        return None
    if isinstance(value, bytes):
        return value[_SWAP_ID_BYTES:]
    raise StoreError(f"the store answered with {type(value).__name__}, not bytes")
