"""kill -9 in the middle of verification: what was answered stays answered."""

import random
import signal
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.authenticators import Answer, App, wrong
from tests.support.database_servers import (
    postgresql_at,
    redis_at,
    running_postgresql,
    running_redis,
    wait_until,
)
from tests.support.store_urls import opened
from tests.support.workers import PATIENCE, context
from totpkit import Accepted, Policy, Reason, Rejected, Store, StoreError, Throttle
from totpkit.stores.sqlite import SQLiteStore
from totpkit.testing import SoftPhone

POLICY = Policy(throttle=Throttle(free=100, first_wait=0.0), recovery_cost=1)
START = 1_700_000_010.0

Told = list[tuple[int, Answer]]

chance = random.Random()  # noqa: S311 - it chooses moments to kill at


class State(NamedTuple):
    """What is known of an account after so many attempts: the last right one, and the wrong ones since."""

    attempts: int
    right: int
    failures: int

    def after(self) -> "State":
        """Return the state after one attempt more."""
        if is_right(self.attempts):
            return State(self.attempts + 1, self.attempts, 0)
        return State(self.attempts + 1, self.right, self.failures + 1)


def is_right(attempt: int) -> bool:
    """Return whether this attempt is made with the right code: every third is."""
    return attempt % 3 == 2


def moment(attempt: int) -> float:
    """Return the time of an attempt: each has a step of its own."""
    return START + 30 * attempt


def attempts_by(app: App, account: str, uri: str, first: int) -> Iterator[tuple[int, Answer]]:
    """Make attempts for ever; yield the number and the answer of each."""
    phone = SoftPhone(uri, clock=app.clock)
    for attempt in count(first):
        app.clock.time = moment(attempt)
        yield attempt, app.auth.verify(account, phone.code() if is_right(attempt) else wrong(phone))


class Victim:
    """An account on which attempts are made until somebody is killed, and what was told of them."""

    def __init__(self, app: App, account: str) -> None:
        self.app, self.account = app, account
        self.app.clock.time = moment(-1)
        self.uri = app.auth.begin_enrollment(account, label="alice").uri
        self.phone = SoftPhone(self.uri, clock=app.clock)
        assert app.auth.confirm_enrollment(account, self.phone.code())
        self.state = State(0, -1, 0)

    def check(self, told: Iterable[tuple[int, Answer]]) -> None:
        """All that was told has happened, and at most one attempt more."""
        known = self.state
        for attempt, answer in told:
            right = Accepted(self.step(attempt)) if is_right(attempt) else Rejected(Reason.MISMATCH)
            assert (attempt, answer) == (known.attempts, right)
            known = known.after()
        found = self.found()
        assert found in {(known.right, known.failures), (known.after().right, known.after().failures)}
        self.state = known if found == (known.right, known.failures) else known.after()
        if known.right >= 0:
            self.app.clock.time = moment(known.right)
            assert self.app.auth.verify(self.account, self.phone.code()) == Rejected(Reason.REPLAYED)
            self.app.auth.unlock(self.account)
            self.state = self.state._replace(failures=0)

    def found(self) -> tuple[int, int]:
        """Return the last right attempt and the failures since, as the store has them."""
        active = self.app.record(self.account).device
        assert active is not None
        return active.last_step - self.step(0), self.app.auth.status(self.account).failures

    def step(self, attempt: int) -> int:
        """Return the step of an attempt."""
        return int(moment(attempt)) // 30


# The app is killed.


def attempt_in_process(path: Path, account: str, uri: str, first: int, pipe: Connection) -> None:
    """Make attempts for ever, and tell each answer after it was given; runs in a process of its own."""
    app = App(store=SQLiteStore(path), policy=POLICY)
    for told in attempts_by(app, account, uri, first):
        pipe.send(told)


def told_before_death(path: Path, victim: Victim, seconds: float, *, after_first: bool) -> Told:
    """Return what a process tells that is killed so many seconds after its start, or its first word."""
    here, there = context.Pipe(duplex=False)
    arguments = path, victim.account, victim.uri, victim.state.attempts, there
    process = context.Process(target=attempt_in_process, args=arguments)
    process.start()
    there.close()
    if after_first:
        assert here.poll(PATIENCE)
    time.sleep(seconds)
    process.kill()
    process.join()
    with here:
        return list(said(here))


def said(pipe: Connection) -> Iterator[tuple[int, Answer]]:
    """Yield what was told before the end; a kill may have cut the last word off."""
    with suppress(EOFError, OSError):
        while True:
            yield pipe.recv()


@pytest.mark.proves("T35", "RFC6238-5.2-once")
def test_app_killed(tmp_path: Path) -> None:
    """Of three processes that verify on one file and are killed, again and again, nothing told is lost."""
    path = tmp_path / "totpkit.db"
    victims = [Victim(App(store=SQLiteStore(path), policy=POLICY), f"account-{n}") for n in range(3)]
    for turn in range(12):
        with ThreadPoolExecutor(len(victims)) as pool:
            lives = [
                pool.submit(
                    told_before_death, path, victim, chance.uniform(0, 0.1), after_first=turn % 2 == 0
                )
                for victim in victims
            ]
        for victim, life in zip(victims, lives, strict=True):
            victim.check(life.result())
    assert all(victim.state.attempts >= 6 for victim in victims)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


# The server is killed.


def told_before_failure(victim: Victim) -> Told:
    """Return the answers to attempts that are made until the store fails."""
    told: Told = []
    with suppress(StoreError):
        for answer in attempts_by(victim.app, victim.account, victim.uri, victim.state.attempts):
            told.append(answer)
    return told


@pytest.mark.proves("T34", "T35")
@pytest.mark.parametrize("kind", ["redis", "postgresql"])
def test_server_killed(kind: str, account: str) -> None:
    """A server that is killed while it works fails, and when it is back nothing told is lost."""
    running, at = (running_redis, redis_at) if kind == "redis" else (running_postgresql, postgresql_at)
    how = signal.SIGKILL if kind == "redis" else signal.SIGQUIT  # PostgreSQL's orphans would outlive it
    with running() as server, opened(at(server)) as store:
        victim = Victim(App(store=store, policy=POLICY), account)
        for _ in range(4):
            death = threading.Timer(chance.uniform(0.05, 0.3), server.stop, [how])
            death.start()
            told = told_before_failure(victim)
            death.join()
            server.start()
            wait_until(lambda: is_back(store))
            victim.check(told)
        assert victim.state.attempts >= 6


def is_back(store: Store) -> bool:
    """Return whether the store answers."""
    with suppress(StoreError):
        return store.load("nobody") is None
    return False
