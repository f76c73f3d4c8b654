"""Processes that share a store: a code passes once, and all of them count guesses."""

import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.stores.test_every_store import reasons
from tests.support.authenticators import POLICY, App, wrong
from tests.support.store_urls import opened
from tests.support.workers import SIZE, Crew, call, meet
from totpkit import Reason, Rejected
from totpkit.stores.sqlite import SQLiteStore

FREE = POLICY.throttle.free


@pytest.fixture
def url(crew: Crew, shared_url: str) -> str:
    """Give the URL of each kind of store, for which the crew has an authenticator."""
    crew.at_once(meet, shared_url)
    return shared_url


@pytest.fixture
def app(url: str) -> Iterator[App]:
    """Give an app on the store."""
    with opened(url) as store:
        yield App(store=store)


@pytest.mark.proves("T07", "RFC6238-5.2-once")
def test_one_code(crew: Crew, url: str, app: App, account: str) -> None:
    """Of 16 processes with one code, exactly one accepts it."""
    phone = app.enroll(account)
    for _ in range(20):
        app.clock.advance(30)
        found = reasons(crew.at_once(call, url, app.clock(), "verify", account, phone.code()))
        assert found["accepted"] == 1
        assert found["REPLAYED"] + found["THROTTLED"] == SIZE - 1
        app.auth.unlock(account)
        assert app.auth.verify(account, phone.code()) == Rejected(Reason.REPLAYED)


@pytest.mark.proves("T07", "T19", "T20")
def test_one_confirmation(crew: Crew, url: str, app: App, account: str) -> None:
    """Of 16 processes that confirm one enrollment, exactly one does, and its code is spent."""
    for turn in range(5):
        name = f"{account}-{turn}"
        code = app.scan(name).code()
        found = reasons(crew.at_once(call, url, app.clock(), "confirm_enrollment", name, code))
        assert found == {"accepted": 1, "EXPIRED": SIZE - 1}
        assert app.auth.verify(name, code) == Rejected(Reason.REPLAYED)


@pytest.mark.proves("T11", "RFC4226-7.3")
def test_guesses(crew: Crew, url: str, app: App, account: str) -> None:
    """Of the guesses of 16 processes only the free ones are answered, and each of those counts."""
    phone = app.enroll(account)
    for _ in range(5):
        found = reasons(crew.at_once(call, url, app.clock(), "verify", account, wrong(phone)))
        assert found == {"MISMATCH": FREE, "THROTTLED": SIZE - FREE}
        assert app.auth.status(account).failures == FREE
        assert app.auth.verify(account, phone.code()) == Rejected(Reason.THROTTLED, retry_after=30.0)
        app.auth.unlock(account)
        assert app.auth.verify(account, phone.code())
        app.clock.advance(30)


@pytest.mark.proves("T25", "T28", "NIST-3.1.2")
def test_recovery_code(crew: Crew, url: str, app: App, account: str) -> None:
    """Of 32 uses of one recovery code, two in each of 16 processes, exactly one is accepted."""
    app.enroll(account)
    codes = app.auth.issue_recovery_codes(account)
    for left, code in zip(range(9, 4, -1), codes, strict=False):
        answers = crew.at_once(call, url, app.clock(), "redeem_recovery_code", account, code, threads=2)
        found = reasons(answers)
        assert found["accepted"] == 1
        assert found["REPLAYED"] + found["THROTTLED"] == 2 * SIZE - 1
        app.auth.unlock(account)
        assert app.auth.status(account).recovery_codes_left == left


def first_swap(path: Path) -> bool:
    """Open a file that may not exist yet, and write to it."""
    with closing(SQLiteStore(path)) as store:
        return store.swap("a", None, b"record")


def test_file_created_at_once(crew: Crew, tmp_path: Path) -> None:
    """16 processes of two threads can create one SQLite file at once, and all of them can use it."""
    for turn in range(5):
        path = tmp_path / f"{turn}.db"
        won = crew.at_once(first_swap, path, threads=2)
        assert sorted(won) == [False] * (2 * SIZE - 1) + [True]
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with closing(SQLiteStore(path)) as store:
            assert store.load("a") == b"record"


def count_up(path: Path, rounds: int) -> None:
    """Count in one record, again after each lost race."""
    with closing(SQLiteStore(path)) as store:
        for _ in range(rounds):
            while not store.swap("a", old := store.load("a"), b"%d" % (int(old or b"0") + 1)):
                pass


def test_file_under_load(crew: Crew, tmp_path: Path) -> None:
    """When processes write to one record all the time, none is rejected and no write is lost."""
    crew.at_once(count_up, tmp_path / "x.db", 20, threads=2)
    with closing(SQLiteStore(tmp_path / "x.db")) as store:
        assert store.load("a") == b"%d" % (20 * 2 * SIZE)
