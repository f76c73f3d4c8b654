"""RedisStore and AsyncRedisStore, against a real server."""

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

from tests.support.database_servers import HOST, Server, free_port, redis_at, running_redis, wait_until
from tests.support.store_urls import run_with
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
        """Return a store on the client of the test."""
        return RedisStore(self.client)


class TestAsyncRedis(AsyncStoreContract):
    """So it does awaited."""

    @pytest.fixture(autouse=True)
    def _client(self, redis_url: str) -> Iterator[None]:
        self.client = redis.asyncio.Redis.from_url(redis_url)
        yield
        self.run(self.client.aclose())

    def make_async_store(self) -> AsyncStore:
        """Return a store on the client of the test."""
        return AsyncRedisStore(self.client)


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    """Give a client of the server."""
    with redis.Redis.from_url(redis_url) as client:
        yield client


def test_prefix(client: redis.Redis, account: str) -> None:
    """Stores with different prefixes have nothing in common, and the prefix stands before the id."""
    one, other = RedisStore(client, prefix="one:"), RedisStore(client, prefix="other:")
    assert one.swap(account, None, b"record") is True
    assert other.load(account) is None
    assert client.keys(f"*{account}") == [f"one:{account}".encode()]
    assert one.swap(account, b"record", None) is True
    assert client.keys(f"*{account}") == []


@pytest.mark.parametrize("kind", [RedisStore, AsyncRedisStore])
def test_decoding_client(kind: Any) -> None:
    """A client that decodes what it reads is refused: records are bytes."""
    library = redis if kind is RedisStore else redis.asyncio
    with pytest.raises(InvalidParameterError, match=r"^client must be made with decode_responses=False"):
        kind(library.Redis(decode_responses=True))


def test_decoding_pool(client: redis.Redis, account: str) -> None:
    """Text from a client that decodes after all is a failure, not a record."""
    store = RedisStore(client)
    assert store.swap(account, None, b"record") is True
    client.set_response_callback("GET", lambda _, **options: f"text, {options}")
    with pytest.raises(StoreError, match=r"^the store answered with str, not bytes$"):
        store.load(account)


@pytest.mark.parametrize(
    "options", [{"wait_replicas": -1}, {"wait_replicas": 1.5}, {"wait_seconds": 0}, {"wait_seconds": 61}]
)
def test_options(client: redis.Redis, options: dict[str, float]) -> None:
    """Numbers out of range are refused."""
    (name,) = options
    with pytest.raises(InvalidParameterError, match=f"^{name} must be "):
        RedisStore(client, **options)


def test_script_forgotten(client: redis.Redis, account: str) -> None:
    """A server that has forgotten the script, as after a restart, is taught it again."""
    store, waiting = RedisStore(client), RedisStore(client, wait_replicas=1, wait_seconds=0.001)
    assert store.swap(account, None, b"one") is True
    client.script_flush()
    assert store.swap(account, b"one", b"two") is True
    client.script_flush()
    with pytest.raises(StoreError, match="replicas"):
        waiting.swap(account, b"two", b"three")
    assert store.load(account) == b"three"


def test_not_ours(client: redis.Redis, account: str) -> None:
    """A key of another type under our prefix is a failure."""
    client.lpush(f"totpkit:{account}", "1")
    store = RedisStore(client)
    for work in (lambda: store.load(account), lambda: store.swap(account, None, b"1")):
        with pytest.raises(StoreError, match=r"^the store did not answer: \w*ResponseError$"):
            work()


# Answers that get lost.


@contextmanager
def losing_answers(port: int) -> Iterator[tuple[int, list[int]]]:
    """Give a port that leads to the server's, and how many answers to a swap it will lose.

    Whoever loses one sees the connection close, after the server has done what it was asked.
    """
    with closing(socket.create_server((HOST, 0))) as listener, socket.socket() as stop:
        to_lose = [0]

        def relay(there: socket.socket) -> None:
            with there, closing(socket.create_connection((HOST, port))) as server:
                lose = False
                while True:
                    (readable, *_), _, _ = select.select([there, server], [], [], 10)
                    said = readable.recv(1 << 16)
                    if not said or (lose and readable is server):
                        return
                    if readable is there and b"EVALSHA" in said and to_lose[0]:
                        to_lose[0] -= 1
                        lose = True
                    (server if readable is there else there).sendall(said)

        def serve() -> None:
            while (there := listener.accept()[0]).getpeername() != stop.getsockname():
                threads.append(threading.Thread(target=relay, args=(there,)))
                threads[-1].start()
            there.close()

        threads = [threading.Thread(target=serve)]
        threads[0].start()
        try:
            yield listener.getsockname()[1], to_lose
        finally:
            stop.connect(listener.getsockname())
            for thread in threads:
                thread.join()


@pytest.mark.parametrize("waiting", [False, True])
def test_lost_answer(redis_server: Server, account: str, *, waiting: bool) -> None:
    """A client that asks again after it has lost an answer is told of its own write, each time once."""
    options = {"wait_replicas": 1, "wait_seconds": 0.001} if waiting else {}
    again = Retry(NoBackoff(), 1)
    with (
        losing_answers(redis_server.port) as (port, to_lose),
        redis.Redis(HOST, port, retry=again) as client,
        redis.Redis(HOST, redis_server.port) as direct,
    ):
        store, plain = RedisStore(client, **options), RedisStore(direct)
        swap = store.swap if not waiting else lambda *values: acknowledged(store, *values)
        assert plain.swap(account, None, b"0") is True
        assert swap(account, b"0", b"1") is True
        to_lose[0] = 1
        assert swap(account, b"1", b"2") is True
        assert to_lose == [0]
        assert plain.load(account) == b"2"
        to_lose[0] = 1
        assert swap(account, b"1", b"3") is False
        to_lose[0] = 2
        with pytest.raises(StoreError, match=r"^the store did not answer: ConnectionError$"):
            store.swap(account, b"2", b"4")
        assert plain.load(account) == b"4"


def test_lost_answer_to_a_removal(redis_server: Server, account: str) -> None:
    """A removal whose answer is lost leaves no mark: asked again, it tells that it did nothing. It did."""
    with (
        losing_answers(redis_server.port) as (port, to_lose),
        redis.Redis(HOST, port, retry=Retry(NoBackoff(), 1)) as client,
        redis.Redis(HOST, redis_server.port) as direct,
    ):
        store, plain = RedisStore(client), RedisStore(direct)
        assert store.swap(account, None, b"1") is True
        to_lose[0] = 1
        assert store.swap(account, b"1", None) is False
        assert to_lose == [0]
        assert plain.load(account) is None
        to_lose[0] = 1
        assert store.swap(account, None, None) is True


def acknowledged(store: Store, account: str, old: bytes, new: bytes) -> bool:
    """Swap by a store that waits for a replica where there is none."""
    try:
        return store.swap(account, old, new)
    except StoreError as error:
        return "replicas" in str(error)


# Replicas.


@pytest.fixture
def replica(redis_server: Server) -> Iterator[Server]:
    """Give a replica of the server, up to date."""
    follow = ("--replicaof", f"{HOST} {redis_server.port}")
    with running_redis(*follow) as server, redis.Redis(HOST, redis_server.port) as client:
        client.set("before", "replicas")
        wait_until(lambda: client.wait(1, 100) == 1)
        yield server


def test_replica(redis_server: Server, replica: Server, account: str) -> None:
    """With a replica that acknowledges, a write passes; it is on the replica then."""
    with redis.Redis(HOST, redis_server.port) as client, redis.Redis(HOST, replica.port) as other:
        store = RedisStore(client, wait_replicas=1, wait_seconds=10)
        assert store.swap(account, None, b"one") is True
        assert RedisStore(other).load(account) == b"one"
        assert store.swap(account, None, b"two") is False
        assert store.swap(account, b"one", None) is True
        assert RedisStore(other).load(account) is None


def test_replica_later(redis_server: Server, replica: Server, account: str) -> None:
    """So it does awaited."""

    async def work(_: AsyncStore) -> None:
        async with redis.asyncio.Redis(host=HOST, port=redis_server.port) as client:
            store = AsyncRedisStore(client, wait_replicas=1, wait_seconds=10)
            assert await store.swap(account, None, b"one") is True
            assert await store.swap(account, None, b"two") is False
            impatient = AsyncRedisStore(client, wait_replicas=2, wait_seconds=0.01)
            with pytest.raises(StoreError, match=r"^fewer than 2 replicas acknowledged"):
                await impatient.swap(account, b"one", b"two")

    run_with(redis_at(replica), work)


def test_silent_replica(redis_server: Server, replica: Server, account: str) -> None:
    """With a replica that says nothing, a write is a failure, though it may stand."""
    with redis.Redis(HOST, redis_server.port) as client:
        store, hasty = (RedisStore(client, wait_replicas=1, wait_seconds=seconds) for seconds in (10, 0.2))
        assert store.swap(account, None, b"one") is True
        with replica.paused(), pytest.raises(StoreError, match=r"^fewer than 1 replicas acknowledged"):
            hasty.swap(account, b"one", b"two")
        assert store.load(account) == b"two"
        assert store.swap(account, b"two", b"three") is True


def test_replica_gone(redis_server: Server, replica: Server, account: str) -> None:
    """With the replica gone, a write is a failure; a lost race is none."""
    with redis.Redis(HOST, redis_server.port) as client:
        store, hasty = (RedisStore(client, wait_replicas=1, wait_seconds=seconds) for seconds in (10, 0.2))
        assert store.swap(account, None, b"one") is True
        replica.stop()
        with pytest.raises(StoreError, match=r"^fewer than 1 replicas acknowledged the write"):
            hasty.swap(account, b"one", b"two")
        assert hasty.swap(account, b"one", b"three") is False


def test_nobody_there(account: str) -> None:
    """With no server at all every call is a failure that names the driver's class alone."""
    with redis.Redis(HOST, free_port(), retry=Retry(NoBackoff(), 0)) as client:
        store = RedisStore(client)
        for work in (lambda: store.load(account), lambda: store.swap(account, None, b"one")):
            with pytest.raises(StoreError, match=r"^the store did not answer: ConnectionError$"):
                work()
