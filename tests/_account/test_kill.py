"""kill -9 in the middle of a verification loses nothing that was answered."""

import random
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
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

Answers = list[tuple[int, Answer]]

chance = random.Random()  # noqa: S311 - chooses when to kill


class State(NamedTuple):
    """What is known of an account after some attempts: the last right one, and the failures since."""

    attempts: int
    right: int
    failures: int

    def after(self) -> "State":
        """Return the state after one more attempt."""
        if is_right(self.attempts):
            return State(self.attempts + 1, self.attempts, 0)
        return State(self.attempts + 1, self.right, self.failures + 1)


def is_right(attempt: int) -> bool:
    """Return whether this attempt uses the right code, as every third one does."""
    return attempt % 3 == 2


def moment(attempt: int) -> float:
    """Return the time of an attempt. Each has its own step."""
    return START + 30 * attempt


def attempts_by(app: App, account: str, uri: str, first: int) -> Iterator[tuple[int, Answer]]:
    """Make attempts forever, and yield the number and the answer of each."""
    phone = SoftPhone(uri, clock=app.clock)
    for attempt in count(first):
        app.clock.time = moment(attempt)
        yield attempt, app.auth.verify(account, phone.code() if is_right(attempt) else wrong(phone))


class Victim:
    """An account on which attempts are made until something is killed."""

    def __init__(self, app: App, account: str) -> None:
        self.app, self.account = app, account
        self.app.clock.time = moment(-1)
        self.uri = app.auth.begin_enrollment(account, label="alice").uri
        self.phone = SoftPhone(self.uri, clock=app.clock)
        assert app.auth.confirm_enrollment(account, self.phone.code())
        self.state = State(0, -1, 0)

    def check(self, answers: Answers) -> None:
        """Check that the store has everything that was answered, and at most one more attempt."""
        known = self.state
        for attempt, answer in answers:
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
        """Return the last right attempt and the failures since, from the store."""
        last_step = self.app.device(self.account).last_step
        return last_step - self.step(0), self.app.auth.status(self.account).failures

    def step(self, attempt: int) -> int:
        """Return the step of an attempt."""
        return int(moment(attempt)) // 30


# Kill the app


def attempt_in_process(path: Path, account: str, uri: str, first: int, pipe: Connection) -> None:
    """Make attempts forever, and send each answer. Runs in its own process."""
    app = App(store=SQLiteStore(path), policy=POLICY)
    for numbered in attempts_by(app, account, uri, first):
        pipe.send(numbered)


def answers_before_kill(path: Path, victim: Victim, seconds: float, *, after_first: bool) -> Answers:
    """Return the answers of a process that is killed some seconds after its start or its first answer."""
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
    answers: Answers = []
    with here, suppress(EOFError, OSError):  # the kill may have cut off the last answer
        while True:
            answers.append(here.recv())
    return answers


@pytest.mark.proves("T35", "RFC6238-5.2-once")
def test_app_killed(tmp_path: Path) -> None:
    """Killing three processes that verify on one file, again and again, loses no answer."""
    path = tmp_path / "totpkit.db"
    victims = [Victim(App(store=SQLiteStore(path), policy=POLICY), f"account-{n}") for n in range(3)]
    for turn in range(12):
        with ThreadPoolExecutor(len(victims)) as pool:
            lives = [
                pool.submit(
                    answers_before_kill, path, victim, chance.uniform(0, 0.1), after_first=turn % 2 == 0
                )
                for victim in victims
            ]
        for victim, life in zip(victims, lives, strict=True):
            victim.check(life.result())
    assert all(victim.state.attempts >= 6 for victim in victims)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


# Kill the server


def answers_before_failure(victim: Victim) -> Answers:
    """Return the answers to attempts that are made until the store fails."""
    answers: Answers = []
    with suppress(StoreError):
        for numbered in attempts_by(victim.app, victim.account, victim.uri, victim.state.attempts):
            answers.append(numbered)
    return answers


@pytest.mark.proves("T34", "T35")
@pytest.mark.parametrize("kind", ["redis", "postgresql"])
def test_server_killed(kind: str, account: str) -> None:
    """Killing a server makes its store fail, and loses no answer."""
    running, at = (running_redis, redis_at) if kind == "redis" else (running_postgresql, postgresql_at)
    how = signal.SIGKILL if kind == "redis" else signal.SIGQUIT  # PostgreSQL's orphans would outlive it
    with running() as server, opened(at(server)) as store:
        victim = Victim(App(store=store, policy=POLICY), account)
        for _ in range(4):
            death = threading.Timer(chance.uniform(0.05, 0.3), server.stop, [how])
            death.start()
            answers = answers_before_failure(victim)
            death.join()
            server.start()
            wait_until(lambda: is_back(store))
            victim.check(answers)
        assert victim.state.attempts >= 6


def is_back(store: Store) -> bool:
    """Return whether the store answers again."""
    with suppress(StoreError):
        return store.load("nobody") is None
    return False
