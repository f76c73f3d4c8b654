"""Processes and threads that do one thing at the same moment.

The processes are forked from a server that has imported what they need.
"""

import multiprocessing
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from multiprocessing.connection import Connection
from threading import Barrier
from typing import Any, TypeVar

import pytest

from tests.support.authenticators import POLICY, Answer
from tests.support.store_urls import opened
from totpkit import Authenticator
from totpkit.testing import SettableClock
from totpkit.vault import PLAINTEXT

T = TypeVar("T")

SIZE = 16
PATIENCE = 60.0

context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(["tests.support.workers", "redis", "sqlalchemy", "django.db", "psycopg"])

open_at_end = ExitStack()
"""What a process closes when it ends."""

auths: dict[str, Authenticator] = {}
clock = SettableClock()


class Crew:
    """Several processes, each at the other end of a pipe."""

    def __init__(self, size: int = SIZE) -> None:
        self._barrier = context.Barrier(size)  # kept, because its name is removed with it
        self._pipes: list[Connection] = []
        self._processes = []
        for _ in range(size):
            here, there = context.Pipe()
            process = context.Process(target=serve, args=(there, self._barrier), daemon=True)
            process.start()
            there.close()
            self._pipes.append(here)
            self._processes.append(process)

    def at_once(self, work: Callable[..., T], *arguments: Any, threads: int = 1) -> list[T]:
        """Call *work* in all processes at the same moment, in so many threads each; return the results."""
        for pipe in self._pipes:
            pipe.send((work, arguments, threads))
        results: list[T] = []
        for pipe in self._pipes:
            assert pipe.poll(PATIENCE), "a process did not answer"
            found = pipe.recv()
            if isinstance(found, BaseException):
                raise found
            results += found
        return results

    def dismiss(self) -> None:
        """End the processes."""
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join(PATIENCE)
            assert process.exitcode == 0


def serve(pipe: Connection, barrier: Barrier) -> None:
    """Do the work that comes through the pipe until it is closed. Runs in its own process."""
    with open_at_end:
        while True:
            try:
                work, arguments, threads = pipe.recv()
            except EOFError:
                return
            try:
                together = [lambda: work(*arguments)] * threads  # noqa: B023 - called before the next round
                pipe.send(at_once(together, lambda: barrier.wait(PATIENCE)))
            except Exception as error:  # noqa: BLE001 - raised where the work came from
                pipe.send(error)


def at_once(works: Sequence[Callable[[], T]], ready: Callable[[], Any] | None = None) -> list[T]:
    """Start all *works* at the same moment, each in its own thread, and return their results.

    *ready* is called once when all threads are ready, and delays the start.
    """
    barrier = Barrier(len(works), action=ready)

    def start(work: Callable[[], T]) -> T:
        barrier.wait(PATIENCE)
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(start, works))


def meet(url: str) -> None:
    """Make an authenticator on the store of this URL, so that only calls are left to do at once."""
    store = open_at_end.enter_context(opened(url))
    store.load("nobody")
    auths[url] = Authenticator(store, issuer="Acme", vault=PLAINTEXT, policy=POLICY, clock=clock)


def call(url: str, time: float, method: str, *arguments: str) -> Answer:
    """Call a method of the authenticator at this time."""
    clock.time = time
    answer: Answer = getattr(auths[url], method)(*arguments)
    return answer


@pytest.fixture(scope="session")
def crew() -> Iterator[Crew]:
    """Give processes that live until all tests are done."""
    crew = Crew()
    yield crew
    crew.dismiss()


@pytest.fixture
def frequent_switches() -> Iterator[None]:
    """Let threads take turns as often as possible."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)
