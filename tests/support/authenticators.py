"""One way to run_sync both faces of the authenticator, so that each behaviour is tested in both."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest

from tests.support.fakes import Later
from totpkit import (
    Accepted,
    AsyncAuthenticator,
    AsyncStore,
    Authenticator,
    Cipher,
    Policy,
    Rejected,
    Store,
)
from totpkit._account.record import Record
from totpkit.events import Event
from totpkit.stores.memory import MemoryStore
from totpkit.testing import SettableClock, SoftPhone
from totpkit.vault import PLAINTEXT

SYNC, ASYNC = "sync", "async"
both = pytest.mark.parametrize("colour", [SYNC, ASYNC])

POLICY = Policy(recovery_cost=1)
"""The default, but for hashes that would take long."""

WHO = "acct-1"
LABEL = "alice@example.com"
Answer = Accepted | Rejected


class Blocking:
    """Something async behind blocking calls, each in an event loop of its own."""

    def __init__(self, auth: Any) -> None:
        self.auth = auth

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.auth, name)

        def call(*args: Any, **named: Any) -> Any:
            async def run() -> Any:
                return await method(*args, **named)

            return asyncio.run(run())

        return call


class App:
    """An app with an authenticator of either colour, a clock that obeys, and all events in a list."""

    def __init__(
        self,
        colour: str = SYNC,
        *,
        store: Store | None = None,
        async_store: Callable[[Store], AsyncStore] = Later,
        clock: SettableClock | None = None,
        policy: Policy = POLICY,
        vault: Cipher = PLAINTEXT,
        issuer: str = "Acme",
        on_event: Callable[[Event], Any] | None = None,
    ) -> None:
        self.colour = colour
        self.store = MemoryStore() if store is None else store
        self.clock = SettableClock() if clock is None else clock
        self.policy = policy
        self.vault = vault
        self.events: list[Event] = []
        tell = self.events.append if on_event is None else on_event
        if colour == SYNC:
            self.auth = Authenticator(
                self.store, issuer=issuer, vault=vault, policy=policy, clock=self.clock, on_event=tell
            )
        else:
            self.auth = cast(
                "Authenticator",
                Blocking(
                    AsyncAuthenticator(
                        async_store(self.store),
                        issuer=issuer,
                        vault=vault,
                        policy=policy,
                        clock=self.clock,
                        on_event=tell,
                    )
                ),
            )

    def other(self, **changes: Any) -> "App":
        """Return another app on the same store, by the same clock: another process, or tomorrow's."""
        same = {"store": self.store, "clock": self.clock, "policy": self.policy, "vault": self.vault}
        return App(self.colour, **{**same, **changes})

    def enroll(self, account_id: str = WHO, *, slow: float = 0.0) -> SoftPhone:
        """Return the phone of an account that has just enrolled it, a step later, with no events told."""
        shown = self.auth.begin_enrollment(account_id, label=LABEL)
        phone = SoftPhone(shown.uri, clock=self.clock, slow=slow)
        assert self.auth.confirm_enrollment(account_id, phone.code())
        self.clock.advance(self.policy.period)
        self.events.clear()
        return phone

    def told(self) -> list[Event]:
        """Return the events since it was last asked."""
        told = list(self.events)
        self.events.clear()
        return told

    def record(self, account_id: str = WHO) -> Record:
        """Return what is stored of an account."""
        stored = self.store.load(account_id)
        return Record.EMPTY if stored is None else read_record(stored)

    def rewrite(self, account_id: str = WHO, **changes: Any) -> None:
        """Change fields of the record behind the authenticator's back."""
        stored, record = self.store.load(account_id), self.record(account_id)
        written = replace(record, **changes).to_bytes(revision=record.revision + 1)
        assert self.store.swap(account_id, stored, written)

    def fail(self, times: int, account_id: str = WHO) -> list[Answer]:
        """Try that many malformed codes, and return the answers."""
        return [self.auth.verify(account_id, "wrong") for _ in range(times)]


def wrong(phone: SoftPhone) -> str:
    """Return a code that the phone shows at no step near now."""
    near = {phone.code(steps) for steps in range(-30, 31)}
    return next(code for code in (f"{n:0{len(phone.code())}d}" for n in range(100)) if code not in near)
