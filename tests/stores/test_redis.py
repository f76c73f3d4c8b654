"""RedisStore and AsyncRedisStore, on a real server."""

import asyncio
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.support.database_servers import HOST, Server, running_redis, wait_until
from totpkit import AsyncStore, InvalidParameterError, Store, StoreError
from totpkit.stores.redis import AsyncRedisStore, RedisStore
from totpkit.testing import AsyncStoreContract, StoreContract


class TestRedis(StoreContract):
    """Redis passes the suite."""

    @pytest.fixture(autouse=True)
    def _client(self, redis_url: str) -> Iterator[None]:
        with redis.Redis.from_url(redis_url) as self.client:
            yield

    def make_store(self) -> Store:
        """Return a store on the test's client."""
        return RedisStore(self.client)


class TestAsyncRedis(AsyncStoreContract):
    """Redis passes the async suite."""

    @pytest.fixture(autouse=True)
    def _client(self, redis_url: str) -> Iterator[None]:
        self.client = redis.asyncio.Redis.from_url(redis_url)
        yield
        self.run(self.client.aclose())

    def make_async_store(self) -> AsyncStore:
        """Return a store on the test's client."""
        return AsyncRedisStore(self.client)


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    """Give a client of the server."""
    with redis.Redis.from_url(redis_url) as client:
        yield client


def test_prefix(client: redis.Redis, account: str) -> None:
    """Stores with different prefixes share no records, and a key is the prefix and the account id."""
    one, other = RedisStore(client, prefix="one:"), RedisStore(client, prefix="other:")
    assert one.swap(account, None, b"record") is True
    assert other.load(account) is None
    assert client.keys(f"*{account}") == [f"one:{account}".encode()]
    assert one.swap(account, b"record", None) is True
    assert client.keys(f"*{account}") == []


@pytest.mark.parametrize(
    ("client_options", "options", "message"),
    [
        ({"decode_responses": True}, {}, "client must be created with decode_responses=False, because"),
        ({}, {"prefix": 5}, "prefix must be a str, not int"),
        ({}, {"prefix": None}, "prefix must be a str, not NoneType"),
        ({}, {"prefix": b"totpkit:"}, "prefix must be a str, not bytes"),
        ({}, {"wait_replicas": -1}, "wait_replicas must be an int from 0 to 100, not -1"),
        ({}, {"wait_replicas": 1.5}, "wait_replicas must be an int from 0 to 100, not 1.5"),
        ({}, {"wait_seconds": 0}, "wait_seconds must be a number from 0.001 to 60, not 0"),
        ({}, {"wait_seconds": 61}, "wait_seconds must be a number from 0.001 to 60, not 61"),
    ],
)
@pytest.mark.parametrize("library", [redis, redis.asyncio])
def test_options_refused(
    library: Any, client_options: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    """A client that decodes replies and a parameter of the wrong type or out of range are refused."""
    store = RedisStore if library is redis else AsyncRedisStore
    with pytest.raises(InvalidParameterError, match=f"^{message}"):
        store(library.Redis(**client_options), **options)


def test_decoded_reply(client: redis.Redis, account: str) -> None:
    """If a client decodes a reply later, the text is an error and not a record."""
    store = RedisStore(client)
    assert store.swap(account, None, b"record") is True
    client.set_response_callback("GET", lambda _, **options: f"text, {options}")
    with pytest.raises(StoreError, match=r"^the store answered with str, not bytes$"):
        store.load(account)


def test_script_forgotten(client: redis.Redis, account: str) -> None:
    """If the server no longer knows the script, for example after a restart, it is loaded again."""
    store, waiting = RedisStore(client), RedisStore(client, wait_replicas=1, wait_seconds=0.001)
    assert store.swap(account, None, b"one") is True
    client.script_flush()
    assert store.swap(account, b"one", b"two") is True
    client.script_flush()
    with pytest.raises(StoreError, match="replicas"):
        waiting.swap(account, b"two", b"three")
    assert store.load(account) == b"three"


def test_other_type(client: redis.Redis, account: str) -> None:
    """A key of another type with our prefix is an error."""
    client.lpush(f"totpkit:{account}", "1")
    store = RedisStore(client)
    for work in (lambda: store.load(account), lambda: store.swap(account, None, b"1")):
        with pytest.raises(StoreError, match=r"^the store did not answer: \w*ResponseError$"):
            work()


# Lost replies.


@contextmanager
def losing_replies(port: int) -> Iterator[tuple[int, list[int]]]:
    """Give a port that forwards to the server, and a list with the number of swap replies to lose.

    When a reply is lost, the client's connection closes after the server has run the command.
    """
    with closing(socket.create_server((HOST, 0))) as listener, socket.socket() as stop:
        to_lose = [0]

        def forward(client_end: socket.socket) -> None:
            with client_end, closing(socket.create_connection((HOST, port))) as server:
                lose = False
                while True:
                    (readable, *_), _, _ = select.select([client_end, server], [], [], 10)
                    data = readable.recv(1 << 16)
                    if not data or (lose and readable is server):
                        return
                    if readable is client_end and b"EVALSHA" in data and to_lose[0]:
                        to_lose[0] -= 1
                        lose = True
                    (server if readable is client_end else client_end).sendall(data)

        def serve() -> None:
            while (client_end := listener.accept()[0]).getpeername() != stop.getsockname():
                threads.append(threading.Thread(target=forward, args=(client_end,)))
                threads[-1].start()
            client_end.close()

        threads = [threading.Thread(target=serve)]
        threads[0].start()
        try:
            yield listener.getsockname()[1], to_lose
        finally:
            stop.connect(listener.getsockname())
            for thread in threads:
                thread.join()


@pytest.mark.parametrize("waiting", [False, True])
def test_lost_reply(redis_server: Server, client: redis.Redis, account: str, *, waiting: bool) -> None:
    """A client that retries after a lost reply gets the result of its own write."""
    options = {"wait_replicas": 1, "wait_seconds": 0.001} if waiting else {}
    with (
        losing_replies(redis_server.port) as (port, to_lose),
        redis.Redis(HOST, port, retry=Retry(NoBackoff(), 1)) as unlucky,
    ):
        store, plain = RedisStore(unlucky, **options), RedisStore(client)
        swap = swap_without_replica if waiting else RedisStore.swap
        assert plain.swap(account, None, b"0") is True
        assert swap(store, account, b"0", b"1") is True
        to_lose[0] = 1
        assert swap(store, account, b"1", b"2") is True
        assert to_lose == [0]
        assert plain.load(account) == b"2"
        to_lose[0] = 1
        assert swap(store, account, b"1", b"3") is False
        to_lose[0] = 2
        with pytest.raises(StoreError, match=r"^the store did not answer: ConnectionError$"):
            store.swap(account, b"2", b"4")
        assert plain.load(account) == b"4"
        # A deletion leaves nothing that could name its swap, so the retry returns False.
        to_lose[0] = 1
        assert swap(store, account, b"4", None) is False
        assert plain.load(account) is None
        to_lose[0] = 1
        assert swap(store, account, None, None) is True


def swap_without_replica(store: Store, account: str, old: bytes | None, new: bytes | None) -> bool:
    """Swap with a store that waits for a replica when there is none, and return whether it wrote."""
    try:
        return store.swap(account, old, new)
    except StoreError as error:
        return "replicas" in str(error)


# Replicas.


@pytest.fixture
def replica(redis_server: Server) -> Iterator[Server]:
    """Give a replica of the server that is up to date."""
    follow = ("--replicaof", f"{HOST} {redis_server.port}")
    with running_redis(*follow) as server, redis.Redis(HOST, redis_server.port) as client:
        client.set("before", "replicas")
        wait_until(lambda: client.wait(1, 100) == 1)
        yield server


def test_replica(client: redis.Redis, replica: Server, account: str) -> None:
    """A write that a replica acknowledges succeeds, and is then on the replica."""
    with redis.Redis(HOST, replica.port) as other:
        store = RedisStore(client, wait_replicas=1, wait_seconds=10)
        assert store.swap(account, None, b"one") is True
        assert RedisStore(other).load(account) == b"one"
        assert store.swap(account, None, b"two") is False
        assert store.swap(account, b"one", None) is True
        assert RedisStore(other).load(account) is None


def test_replica_async(redis_url: str, replica: Server, account: str) -> None:
    """The async store waits for replicas too."""
    assert replica

    async def work() -> None:
        async with redis.asyncio.Redis.from_url(redis_url) as client:
            store = AsyncRedisStore(client, wait_replicas=1, wait_seconds=10)
            assert await store.swap(account, None, b"one") is True
            assert await store.swap(account, None, b"two") is False
            impatient = AsyncRedisStore(client, wait_replicas=2, wait_seconds=0.01)
            with pytest.raises(StoreError, match=r"^fewer than 2 replicas acknowledged"):
                await impatient.swap(account, b"one", b"two")

    asyncio.run(work())


def test_silent_replica(client: redis.Redis, replica: Server, account: str) -> None:
    """If the replica does not acknowledge in time, a write is an error, but it may have been done."""
    store, impatient = (RedisStore(client, wait_replicas=1, wait_seconds=seconds) for seconds in (10, 0.2))
    assert store.swap(account, None, b"one") is True
    with replica.paused(), pytest.raises(StoreError, match=r"^fewer than 1 replicas acknowledged the write"):
        impatient.swap(account, b"one", b"two")
    assert store.load(account) == b"two"
    assert store.swap(account, b"two", b"three") is True
    replica.stop()
    with pytest.raises(StoreError, match=r"^fewer than 1 replicas acknowledged the write"):
        impatient.swap(account, b"three", b"four")
    assert impatient.swap(account, b"three", b"five") is False
