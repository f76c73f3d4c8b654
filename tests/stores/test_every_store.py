"""What an authenticator guarantees on every store: single use, throttling, separate accounts."""

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

import pytest

from tests.support.authenticators import POLICY, App, wrong
from tests.support.store_urls import run_with
from totpkit import Accepted, AsyncAuthenticator, AsyncStore, Reason, Rejected, Store
from totpkit.testing import SettableClock, SoftPhone
from totpkit.vault import PLAINTEXT

T = TypeVar("T")

RIVALS = 16
FREE = POLICY.throttle.free


def at_once(rivals: int, work: Callable[[], T]) -> list[T]:
    """Return the results of this many threads that start the work at the same moment."""
    barrier = Barrier(rivals)

    def run(_: int) -> T:
        barrier.wait()
        return work()

    with ThreadPoolExecutor(rivals) as pool:
        return list(pool.map(run, range(rivals)))


def reasons(results: list[Accepted | Rejected]) -> Counter[str]:
    """Count the results by reason, or as "accepted"."""
    return Counter("accepted" if result else result.reason.name for result in results)


@pytest.mark.proves("T07", "RFC6238-5.2-once")
def test_one_code(store: Store, account: str) -> None:
    """If many threads submit the same code, exactly one is accepted."""
    app = App(store=store)
    phone = app.enroll(account)
    for _ in range(3):
        app.clock.advance(30)
        code = phone.code()
        found = reasons(at_once(RIVALS, lambda code=code: app.auth.verify(account, code)))
        assert found["accepted"] == 1
        assert found["REPLAYED"] + found["THROTTLED"] == RIVALS - 1
        app.auth.unlock(account)


@pytest.mark.proves("T11", "RFC4226-7.3")
def test_guesses(store: Store, account: str) -> None:
    """If many threads guess, no more guesses are checked than the throttle allows, and each one counts."""
    app = App(store=store)
    phone = app.enroll(account)
    found = reasons(at_once(RIVALS, lambda: app.auth.verify(account, wrong(phone))))
    assert found == {"MISMATCH": FREE, "THROTTLED": RIVALS - FREE}
    assert app.auth.status(account).failures == FREE
    assert app.auth.verify(account, phone.code()) == Rejected(Reason.THROTTLED, retry_after=30.0)


@pytest.mark.proves("T25", "NIST-3.1.2")
def test_recovery_code(store: Store, account: str) -> None:
    """If 30 threads use the same recovery code, exactly one is accepted."""
    app = App(store=store)
    app.enroll(account)
    code, *others = app.auth.issue_recovery_codes(account)
    found = reasons(at_once(30, lambda: app.auth.redeem_recovery_code(account, code)))
    assert found["accepted"] == 1
    assert app.auth.status(account).recovery_codes_left == len(others)
    app.auth.unlock(account)
    assert app.auth.redeem_recovery_code(account, code) == Rejected(Reason.REPLAYED)


@pytest.mark.proves("T46")
def test_ids_stay_apart(store: Store, account: str) -> None:
    """Account ids that differ only in case, accents or a trailing space are different accounts."""
    app = App(store=store)
    ids = [account + end for end in ("a", "A", "a ", "\u00e1", "a\u0301", "\uff41", "\u00df", "ss")]
    phones = {name: app.enroll(name) for name in ids[::2]}
    for place, name in enumerate(ids):
        assert app.auth.status(name).enrolled is (place % 2 == 0)
    for name, phone in phones.items():
        app.clock.advance(30)
        for other in ids:
            reason = Reason.MISMATCH if other in phones else Reason.NOT_ENROLLED
            if other != name:
                assert app.auth.verify(other, phone.code()) == Rejected(reason)
        assert app.auth.verify(name, phone.code())
        app.fail(1, name)
    assert [app.auth.status(name).failures for name in phones] == [4, 3, 2, 1]


@pytest.mark.proves("T47")
def test_revoked(store: Store, account: str) -> None:
    """After revoke, no old code works and the failures stay. After forget, nothing is stored."""
    app = App(store=store)
    phone = app.enroll(account)
    code, *_ = app.auth.issue_recovery_codes(account)
    app.fail(2, account)
    app.auth.revoke(account)
    assert app.auth.verify(account, phone.code()) == Rejected(Reason.NOT_ENROLLED)
    assert app.auth.redeem_recovery_code(account, code) == Rejected(Reason.NOT_ENROLLED)
    assert app.auth.status(account).failures == 2
    app.auth.forget(account)
    assert store.load(account) is None


@pytest.mark.proves("T07", "T11", "RFC6238-5.2-once")
def test_async(async_url: str, account: str) -> None:
    """On async stores, one of many tasks with one code is accepted, and guesses are throttled."""

    async def work(store: AsyncStore) -> None:
        clock = SettableClock()
        auth = AsyncAuthenticator(store, issuer="Acme", vault=PLAINTEXT, policy=POLICY, clock=clock)
        phone = SoftPhone((await auth.begin_enrollment(account, label="alice")).uri, clock=clock)
        assert await auth.confirm_enrollment(account, phone.code())
        clock.advance(30)
        found = reasons(await asyncio.gather(*[auth.verify(account, phone.code()) for _ in range(RIVALS)]))
        assert found["accepted"] == 1
        assert found["REPLAYED"] + found["THROTTLED"] == RIVALS - 1
        await auth.unlock(account)
        guess = wrong(phone)
        found = reasons(await asyncio.gather(*[auth.verify(account, guess) for _ in range(RIVALS)]))
        assert found == {"MISMATCH": FREE, "THROTTLED": RIVALS - FREE}
        await auth.unlock(account)
        code, *others = await auth.issue_recovery_codes(account)
        uses = [auth.redeem_recovery_code(account, code) for _ in range(30)]
        assert reasons(await asyncio.gather(*uses))["accepted"] == 1
        assert (await auth.status(account)).recovery_codes_left == len(others)

    run_with(async_url, work)
