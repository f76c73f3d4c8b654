"""Processes that do one thing at the same moment.

They are forked from a server that has imported what they need once, and know nothing of the
process that runs the tests but what it sends them.
"""

import multiprocessing
from collections.abc import Callable, Iterator
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
"""What a process of a crew closes when it ends."""

auths: dict[str, Authenticator] = {}
clock = SettableClock()


class Crew:
    """So many processes, each at the other end of a pipe."""

    def __init__(self, size: int = SIZE) -> None:
        self._barrier = context.Barrier(size)  # its name lives as long as it does
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
        """Let all call *work* at the same moment, each in so many threads; return what they get."""
        for pipe in self._pipes:
            pipe.send((work, arguments, threads))
        answers: list[T] = []
        for pipe in self._pipes:
            assert pipe.poll(PATIENCE), "a process did not answer"
            found = pipe.recv()
            if isinstance(found, BaseException):
                raise found
            answers += found
        return answers

    def dismiss(self) -> None:
        """End the processes."""
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join(PATIENCE)
            assert process.exitcode == 0


def serve(pipe: Connection, barrier: Barrier) -> None:
    """Do what comes through the pipe until it ends; runs in a process of its own."""
    with open_at_end:
        while True:
            try:
                work, arguments, threads = pipe.recv()
            except EOFError:
                return
            try:
                pipe.send(in_threads(work, arguments, threads, barrier))
            except Exception as error:  # noqa: BLE001 - it is raised where the work came from
                pipe.send(error)


def in_threads(work: Callable[..., T], arguments: Any, threads: int, barrier: Barrier) -> list[T]:
    """Return what each thread gets that starts at the same moment as all of all processes."""
    together = Barrier(threads, action=lambda: barrier.wait(PATIENCE))

    def started(_: int) -> T:
        together.wait(PATIENCE)
        return work(*arguments)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(started, range(threads)))


def meet(url: str) -> None:
    """Make an authenticator on the store of this URL, so that only calls are left to do at once."""
    store = open_at_end.enter_context(opened(url))
    store.load("nobody")
    auths[url] = Authenticator(store, issuer="Acme", vault=PLAINTEXT, policy=POLICY, clock=clock)


def call(url: str, time: float, method: str, *arguments: str) -> Answer:
    """Call a method of the authenticator, at this time by its clock."""
    clock.time = time
    answer: Answer = getattr(auths[url], method)(*arguments)
    return answer


@pytest.fixture(scope="session")
def crew() -> Iterator[Crew]:
    """Give processes that last as long as the tests."""
    crew = Crew()
    yield crew
    crew.dismiss()
