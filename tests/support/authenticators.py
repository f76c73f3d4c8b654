"""An app with an authenticator of either runtime, so that one test covers the sync and the async class."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any, TypeVar, cast

import pytest

from tests.support.fakes import Later
from totpkit import Accepted, AsyncAuthenticator, AsyncStore, Authenticator, Cipher, Policy, Rejected, Store
from totpkit._account.record import EMPTY_RECORD, EnrolledDevice, Record
from totpkit._account.record_json import read_record, write_record
from totpkit.events import Event
from totpkit.stores.memory import MemoryStore
from totpkit.testing import SettableClock, SoftPhone
from totpkit.vault import PLAINTEXT

T = TypeVar("T")

SYNC, ASYNC = "sync", "async"
both = pytest.mark.parametrize("runtime", [SYNC, ASYNC])

POLICY = Policy(recovery_cost=1)
"""The default policy, except that recovery codes are hashed quickly."""

WHO = "acct-1"
LABEL = "alice@example.com"
Answer = Accepted | Rejected


@cache
def event_loop() -> asyncio.AbstractEventLoop:
    """Return the one event loop of all tests, which runs in its own thread."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="event loop", daemon=True).start()
    return loop


def wait_for(call: Callable[[], Any]) -> Any:
    """Call a function in the event loop, and return what it returns, awaited if that is possible."""

    async def run() -> tuple[Any, BaseException | None]:
        try:
            result = call()
            return (await result if isinstance(result, Awaitable) else result), None
        except BaseException as error:  # noqa: BLE001 - raised below, because some errors would end the loop
            return None, error

    result, error = asyncio.run_coroutine_threadsafe(run(), event_loop()).result(timeout=60)
    if error is not None:
        raise error
    return result


class Blocking:
    """The methods of an async class as blocking calls, which may come from several threads."""

    def __init__(self, auth: Any) -> None:
        self.auth = auth

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.auth, name)
        return lambda *args, **named: wait_for(lambda: method(*args, **named))


class App:
    """An app with an authenticator of either runtime, a settable clock, and a list of all events."""

    def __init__(
        self,
        runtime: str = SYNC,
        *,
        store: Store | None = None,
        async_store: Callable[[Store], AsyncStore] = Later,
        clock: SettableClock | None = None,
        policy: Policy = POLICY,
        vault: Cipher = PLAINTEXT,
        issuer: str = "Acme",
        on_event: Callable[[Event], Any] | None = None,
    ) -> None:
        self.runtime = runtime
        self.store = MemoryStore() if store is None else store
        self.clock = SettableClock() if clock is None else clock
        self.policy = policy
        self.vault = vault
        self.events: list[Event] = []
        handler = self.events.append if on_event is None else on_event
        settings: dict[str, Any] = {
            "issuer": issuer,
            "vault": vault,
            "policy": policy,
            "clock": self.clock,
            "on_event": handler,
        }
        if runtime == SYNC:
            self.auth = Authenticator(self.store, **settings)
        else:
            blocking = Blocking(AsyncAuthenticator(async_store(self.store), **settings))
            self.auth = cast("Authenticator", blocking)

    def other(self, **changes: Any) -> "App":
        """Return another app with the same store and clock, such as another process."""
        same = {"store": self.store, "clock": self.clock, "policy": self.policy, "vault": self.vault}
        return App(self.runtime, **{**same, **changes})

    def scan(self, account_id: str = WHO, *, binding: str = "", **settings: Any) -> SoftPhone:
        """Begin an enrollment, and return the phone that has scanned its QR code."""
        shown = self.auth.begin_enrollment(account_id, label=LABEL, binding=binding)
        return SoftPhone(shown.uri, clock=self.clock, **settings)

    def enroll(self, account_id: str = WHO, *, slow: float = 0.0) -> SoftPhone:
        """Enroll a phone, and return it one step later, with its events discarded."""
        phone = self.scan(account_id, slow=slow)
        assert self.auth.confirm_enrollment(account_id, phone.code())
        self.clock.advance(self.policy.period)
        self.events.clear()
        return phone

    def take_events(self) -> list[Event]:
        """Return the events since the last call."""
        events = list(self.events)
        self.events.clear()
        return events

    def record(self, account_id: str = WHO) -> Record:
        """Return the stored record of an account."""
        stored = self.store.load(account_id)
        return EMPTY_RECORD if stored is None else read_record(stored)

    def device(self, account_id: str = WHO) -> EnrolledDevice:
        """Return the stored device of an enrolled account."""
        device = self.record(account_id).device
        assert device is not None
        return device

    def rewrite(self, account_id: str = WHO, **changes: Any) -> None:
        """Change fields of the stored record without the authenticator."""
        stored, record = self.store.load(account_id), self.record(account_id)
        written = write_record(record._replace(**changes), revision=record.revision + 1)
        assert self.store.swap(account_id, stored, written)

    def fail(self, times: int, account_id: str = WHO) -> list[Answer]:
        """Try a malformed code so many times, and return the answers."""
        return [self.auth.verify(account_id, "wrong") for _ in range(times)]


def wrong(phone: SoftPhone) -> str:
    """Return a code that the phone shows at no step near now."""
    near = {phone.code(steps=steps) for steps in range(-30, 31)}
    return next(code for code in (f"{n:0{len(phone.code())}d}" for n in range(100)) if code not in near)
