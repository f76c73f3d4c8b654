"""The service behind both authenticators: its gate, its races, its failures."""

import ast
import asyncio
import inspect
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast, get_args

import pytest

import totpkit
from tests.support.authenticators import ASYNC, LABEL, POLICY, SYNC, WHO, App, both, wrong
from tests.support.fakes import Faulty, Interrupted, Later, Raced, Tape
from totpkit import (
    TOTP,
    Accepted,
    AsyncAuthenticator,
    Authenticator,
    FlowError,
    InvalidParameterError,
    Policy,
    Reason,
    Rejected,
    Store,
    StoreError,
    Throttle,
    Window,
)
from totpkit._account.record import Record
from totpkit._account.service import Service
from totpkit._account.sync import Pending
from totpkit.stores.memory import MemoryStore
from totpkit.stores.threaded import ThreadedStore
from totpkit.testing import SettableClock, SoftPhone
from totpkit.vault import PLAINTEXT, Vault

STEP = 56_666_666
THROTTLED = Rejected(Reason.THROTTLED, retry_after=30.0)


def methods(face: type) -> dict[str, inspect.Signature]:
    """Return the public methods of a face with their signatures."""
    found = {name: value for name, value in vars(face).items() if inspect.isfunction(value)}
    return {name: inspect.signature(value) for name, value in found.items() if not name.startswith("_")}


def takes(signature: inspect.Signature) -> list[str]:
    """Return the names of a method's parameters."""
    return list(signature.parameters)[1:]


# The faces


def test_twins() -> None:
    """Both faces have the same methods with the same parameters, and the service has them too."""
    sync, later, service = (methods(face) for face in (Authenticator, AsyncAuthenticator, Service))
    assert list(sync) == list(later)
    assert set(sync) <= set(service)
    for name, signature in sync.items():
        assert list(signature.parameters.values())[1:] == list(later[name].parameters.values())[1:]
        assert takes(signature) == takes(service[name])
        assert get_args(later[name].return_annotation) == (signature.return_annotation,)


@pytest.mark.proves("ASVS-6.5.8")
def test_no_time_from_outside() -> None:
    """No method that checks a code takes a time, a step or a drift: only the app's clock tells the time."""
    for face in (Authenticator, AsyncAuthenticator):
        found = methods(face)
        elsewhere = takes(found.pop("import_enrollment"))  # what another program remembers; it checks nothing
        assert elsewhere == ["account_id", "label", "totp", "last_step", "drift"]
        given = {name for signature in found.values() for name in takes(signature)}
        assert given == {"account_id", "label", "binding", "code", "code1", "code2"}
        made = set(takes(inspect.signature(face.__init__)))
        assert made == {"store", "issuer", "vault", "policy", "clock", "on_event"}


@pytest.mark.proves("T15")
def test_one_gate() -> None:
    """Every method that takes a code, and no other, is refused during a wait: none passes the gate by."""
    tape = Tape()
    app = App(store=tape)
    phone = app.enroll()
    recovery = app.auth.issue_recovery_codes(WHO)
    shown = app.auth.begin_enrollment(WHO, label=LABEL)
    right: dict[str, tuple[str, ...]] = {
        "verify": (phone.code(),),
        "resync": (phone.code(), phone.code(1)),
        "confirm_enrollment": (SoftPhone(shown.uri, clock=app.clock).code(),),
        "redeem_recovery_code": (recovery[0],),
    }
    checking = [
        name
        for name, signature in methods(Authenticator).items()
        if {"code", "code1"} & set(takes(signature))
    ]
    assert set(right) == set(checking)
    app.fail(5)
    tape.calls.clear()
    for name in checking:
        assert getattr(app.auth, name)(WHO, *right[name]) == THROTTLED
    assert tape.calls == ["load"] * 4


@pytest.mark.proves("T15")
def test_gate_in_the_source() -> None:
    """The package checks codes nowhere but behind rules that ask first whether an attempt is answered."""
    checks = {"verify", "resync", "spend"}
    callers: dict[str, set[str]] = {}
    home = Path(totpkit.__file__).parent
    for name in (
        "_verification",
        "_enrolling",
        "_recovering",
        "_accounts",
        "_ledger",
        "_sealing",
        "_authenticator",
    ):
        tree = ast.parse((home / f"{name}.py").read_text(encoding="utf-8"))
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                called = {
                    node.func.attr
                    for node in ast.walk(function)
                    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
                }
                if called & checks and name != "_authenticator":
                    callers.setdefault(name, set()).add(function.name)
    assert callers == {
        "_verification": {"verified", "resynced"},
        "_enrolling": {"confirmed", "_ignores_parameters"},  # the second only after the first has refused
        "_recovering": {"settled"},  # only for an attempt that was reserved
        "_accounts": {"verification"},  # the decoy, whose answer nobody sees
    }


@pytest.mark.proves("T45")
@pytest.mark.parametrize("name", methods(AsyncAuthenticator))
def test_forgotten_await(name: str) -> None:
    """What any method of the async face returns has no truth value before it is awaited."""
    auth = AsyncAuthenticator(Later(MemoryStore()), issuer="Acme", vault=PLAINTEXT)
    parameters = list(methods(AsyncAuthenticator)[name].parameters.values())[1:]
    arguments = ["x" * 6 for parameter in parameters if parameter.kind is not parameter.KEYWORD_ONLY]
    pending = getattr(auth, name)(*arguments)
    assert isinstance(pending, Pending)
    with pytest.raises(FlowError, match="await the method"):
        bool(pending)
    with pytest.raises(FlowError, match="await the method"):
        assert not pending
    pending.close()


async def later(*_: object) -> float:
    """Answer too late."""
    return 1_700_000_000.0


@pytest.mark.proves("T45")
def test_async_parts_refused() -> None:
    """The sync face refuses async parts when it is made; the async face a sync store, and an async clock."""
    store = MemoryStore()
    bad: list[dict[str, Any]] = [
        {"store": ThreadedStore(store)},
        {"store": Later(store)},
        {"clock": later},
        {"on_event": later},
    ]
    good: dict[str, Any] = {"store": store, "issuer": "Acme", "vault": PLAINTEXT}
    for parts in bad:
        with pytest.raises(
            FlowError,
            match=r"^an async part was given to a sync class: use the one whose name begins with Async$",
        ):
            Authenticator(**good | parts)
    with pytest.raises(
        FlowError, match=r"^a sync store was given to an async class: wrap it in ThreadedStore$"
    ):
        AsyncAuthenticator(**good)
    with pytest.raises(FlowError):
        AsyncAuthenticator(**good | {"store": Later(store), "clock": later})
    assert AsyncAuthenticator(**good | {"store": Later(store), "on_event": later})


NO_VAULT = "vault must be an object with the methods seal, open and is_current"
NO_STORE = "store must be an object with the methods load and swap"
WRONG_PARTS: dict[str, tuple[dict[str, Any], str]] = {
    "no vault": ({"vault": None}, f"{NO_VAULT}, not NoneType"),
    "keys": ({"vault": {"k": bytes(32)}}, f"{NO_VAULT}, not dict"),
    "class": ({"vault": Vault}, f"{NO_VAULT}, not type"),
    "no store": ({"store": None}, f"{NO_STORE}, not NoneType"),
    "object": ({"store": object()}, f"{NO_STORE}, not object"),
    "store's class": ({"store": MemoryStore}, f"{NO_STORE}, not type"),
    "half a store": (
        {"store": type("Half", (), {"load": print})()},
        f"{NO_STORE}, not Half",
    ),
    "no policy": ({"policy": None}, "policy must be a Policy, not NoneType"),
    "throttle": ({"policy": Throttle()}, "policy must be a Policy, not Throttle"),
    "policy's class": ({"policy": Policy}, "policy must be a Policy, not type"),
    "no clock": ({"clock": None}, "clock must be callable, not NoneType"),
    "time": ({"clock": 1_700_000_000.0}, "clock must be callable, not float"),
    "handler": ({"on_event": []}, "on_event must be callable or None, not list"),
    "empty issuer": ({"issuer": ""}, "issuer must not be empty: phones show it above the code"),
    "issuer of bytes": ({"issuer": b"Acme"}, "issuer must be a str, not bytes"),
}


@pytest.mark.proves("T45")
@pytest.mark.parametrize("face", [Authenticator, AsyncAuthenticator])
@pytest.mark.parametrize(("parts", "message"), WRONG_PARTS.values(), ids=WRONG_PARTS)
def test_wrong_parts_refused(face: Any, parts: dict[str, Any], message: str) -> None:
    """What cannot be a part is refused when the authenticator is made, by its name and type alone."""
    store = MemoryStore() if face is Authenticator else Later(MemoryStore())
    good: dict[str, Any] = {"store": store, "issuer": "Acme", "vault": PLAINTEXT}
    assert face(**good)
    with pytest.raises(InvalidParameterError) as caught:
        face(**good | parts)
    assert str(caught.value) == message


@pytest.mark.proves("T45")
@pytest.mark.parametrize("error", [StopIteration("mine"), KeyboardInterrupt(), OSError("mine")], ids=repr)
@pytest.mark.parametrize("part", ["store", "clock"])
def test_errors_pass_unchanged(error: BaseException, part: str) -> None:
    """What a store or a clock raises leaves the sync face as the same object, a StopIteration too."""

    def fail(*_: object) -> Any:
        raise error

    store: Any = type("Failing", (), {"load": fail, "swap": fail})() if part == "store" else MemoryStore()
    clock = fail if part == "clock" else SettableClock()
    auth = Authenticator(store, issuer="Acme", vault=PLAINTEXT, clock=clock)
    with pytest.raises(type(error)) as caught:
        auth.verify(WHO, "000000")
    assert caught.value is error


class Suspends:
    """A store that hides what it is: its methods are no coroutine functions, but answer with coroutines."""

    def __init__(self) -> None:
        self.made: list[Any] = []

    def load(self, account_id: str) -> Any:
        """Answer too late."""
        self.made.append(later(account_id))
        return self.made[-1]

    swap = load


@pytest.mark.proves("T45")
def test_hidden_async_store() -> None:
    """A store whose answers are coroutines, unseen when it was given, admits nobody."""
    store = Suspends()
    auth = Authenticator(cast("Store", store), issuer="Acme", vault=PLAINTEXT)
    with pytest.raises(StoreError, match="coroutine"):
        auth.verify(WHO, "000000")
    for made in store.made:
        made.close()


@pytest.mark.proves("T45")
def test_async_store_in_a_thread() -> None:
    """An async store wrapped as if it were sync admits nobody."""
    wrapped = ThreadedStore(Later(MemoryStore()))  # type: ignore[arg-type]
    auth = AsyncAuthenticator(wrapped, issuer="Acme", vault=PLAINTEXT)

    async def run() -> None:
        with pytest.raises(StoreError, match="coroutine"):
            await auth.begin_enrollment(WHO, label=LABEL)

    with pytest.warns(RuntimeWarning, match="was never awaited"):
        asyncio.run(run())


def test_threaded() -> None:
    """The async face works over any sync store in threads."""
    app = App(ASYNC, async_store=ThreadedStore)
    phone = app.enroll()
    assert app.auth.verify(WHO, phone.code())
    assert not app.auth.verify(WHO, phone.code())


@pytest.mark.parametrize(("colour", "blocks"), [(SYNC, True), (ASYNC, False)])
def test_where_hashes_are_made(colour: str, blocks: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001
    """The async face hashes recovery codes in a worker thread, the sync face where it is called."""
    app = App(colour)
    app.enroll()
    threads: set[int] = set()

    def scrypt(raw: bytes, **_: object) -> bytes:
        threads.add(threading.get_ident())
        return raw.ljust(32, b"0")

    monkeypatch.setattr("totpkit._account.recovery_codes.hashlib.scrypt", scrypt)
    for call in (
        lambda: app.auth.issue_recovery_codes(WHO),
        lambda: app.auth.redeem_recovery_code(WHO, "0" * 16),
    ):
        threads.clear()
        call()
        assert (threading.get_ident() in threads) == blocks


# Service without a credential


class Counting:
    """Counts the codes that are computed, by step, and the comparisons."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.steps: list[int] = []
        made = TOTP.__post_init__

        def counted(codes: TOTP) -> None:
            made(codes)
            number_at = codes._number_at

            def counting(step: int) -> int:
                self.steps.append(step)
                return number_at(step)

            object.__setattr__(codes, "_number_at", counting)

        monkeypatch.setattr(TOTP, "__post_init__", counted)


@pytest.mark.proves("T24")
@both
@pytest.mark.parametrize("window", [Window.DEFAULT, Window.ASVS, Window(3, 2)], ids=repr)
def test_nobody_costs_as_much(colour: str, window: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    """For an account without a credential codes are computed at every step of the window too."""
    counting = Counting(monkeypatch)
    app = App(colour, policy=Policy(window=window))
    expected = list(range(STEP - window.past, STEP + window.future + 1))
    for code in ("000000", "123456", "999999"):
        counting.steps.clear()
        assert app.auth.verify("nobody", code) == Rejected(Reason.NOT_ENROLLED)
        assert counting.steps == expected


@pytest.mark.proves("T24")
@both
def test_every_code_costs_as_much(colour: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Right or wrong, at any place of the window: the same steps are computed for an account."""
    counting = Counting(monkeypatch)
    computed = []
    for offset in (None, -1, 0, 1, 5):
        app = App(colour)
        phone = app.enroll()
        code = wrong(phone) if offset is None else phone.code(offset)
        counting.steps.clear()
        app.auth.verify(WHO, code)
        computed.append(sorted(counting.steps))
    # Below the window as far as the last step reaches into twice its span; then the rest of it.
    assert computed == [[*range(STEP - 4, STEP + 3)]] * 5


# Lost races


def test_races_are_decided_again() -> None:
    """Who loses a race decides again from what the winner wrote: the winner's code is a replay by then."""
    app = App()
    phone = app.enroll()
    code = phone.code()
    winner = app.other()
    loser = app.other(
        store=Raced(app.store, lambda swap: winner.auth.verify(WHO, code) if swap == 0 else None)
    )
    assert loser.auth.verify(WHO, code) == Rejected(Reason.REPLAYED)
    assert [type(event).__name__ for event in (*winner.told(), *loser.told())] == [
        "CodeAccepted",
        "CodeRejected",
    ]


OPERATIONS: dict[str, Callable[[App, SoftPhone, tuple[str, ...]], object]] = {
    "right code": lambda app, phone, _: app.auth.verify(WHO, phone.code()),
    "wrong code": lambda app, phone, _: app.auth.verify(WHO, wrong(phone)),
    "malformed code": lambda app, _, __: app.auth.verify(WHO, "x"),
    "resync": lambda app, phone, _: app.auth.resync(WHO, phone.code(), phone.code(1)),
    "wrong resync": lambda app, _, __: app.auth.resync(WHO, "000000", "000000"),
    "recovery code": lambda app, _, codes: app.auth.redeem_recovery_code(WHO, codes[0]),
    "wrong recovery code": lambda app, _, __: app.auth.redeem_recovery_code(WHO, "0" * 16),
    "malformed recovery code": lambda app, _, __: app.auth.redeem_recovery_code(WHO, "0"),
    "begin": lambda app, _, __: app.auth.begin_enrollment(WHO, label=LABEL, binding="b"),
    "begin again": lambda app, _, __: app.auth.begin_enrollment(WHO, label=LABEL, binding="a"),
    "confirm": lambda app, _, __: app.auth.confirm_enrollment(WHO, pending_code(app), binding="a"),
    "wrong confirm": lambda app, _, __: app.auth.confirm_enrollment(WHO, "x", binding="a"),
    "cancel": lambda app, _, __: app.auth.cancel_enrollment(WHO),
    "recovery codes": lambda app, _, __: app.auth.issue_recovery_codes(WHO),
    "reseal": lambda app, _, __: app.auth.reseal(WHO),
    "unlock": lambda app, _, __: app.auth.unlock(WHO),
    "revoke": lambda app, _, __: app.auth.revoke(WHO),
    "forget": lambda app, _, __: app.auth.forget(WHO),
    "status": lambda app, _, __: app.auth.status(WHO),
    "provisioning": lambda app, _, __: app.auth.provisioning(WHO),
}
each_operation = pytest.mark.parametrize("name", OPERATIONS)


def pending_code(app: App) -> str:
    """Return the code of the secret that is pending, read from the store itself."""
    stored = app.store.store.load(WHO) if isinstance(app.store, Faulty | Raced) else app.store.load(WHO)
    assert stored is not None
    pending = read_record(stored).pending
    assert pending is not None
    raw = PLAINTEXT.open(pending.secret.sealed, account_id=WHO, purpose="enrollment")
    return pending.secret.codes(totpkit.Secret.from_bytes(raw)).at(app.clock())


def world(colour: str = SYNC, policy: Policy = POLICY) -> tuple[App, SoftPhone, tuple[str, ...]]:
    """Return an app with an enrolled phone, recovery codes, a pending replacement and two failures."""
    app = App(colour, policy=policy)
    phone = app.enroll()
    codes = app.auth.issue_recovery_codes(WHO)
    app.auth.begin_enrollment(WHO, label=LABEL, binding="a")
    app.fail(2)
    app.told()
    return app, phone, codes


@both
@each_operation
@pytest.mark.parametrize("losses", [12, 13])
def test_races_lost_at_will(colour: str, name: str, losses: int) -> None:
    """What loses twelve races is done as if it had lost none; with the thirteenth the store has failed."""
    app, phone, codes = world(colour)

    def rival(swap: int) -> None:
        if swap < losses:
            app.rewrite()

    before = app.record()
    raced = app.other(store=Raced(app.store, rival))
    writes = name not in {"status", "provisioning", "reseal", "begin again"}
    if losses == 12 or not writes:
        OPERATIONS[name](raced, phone, codes)
        if "recovery code" not in name and name not in {"begin", "forget"}:
            other, other_phone, other_codes = world(colour)
            OPERATIONS[name](other, other_phone, other_codes)
            assert app.record().failures == other.record().failures
            assert app.record().revision == other.record().revision + (12 if writes else 0)
    else:
        with pytest.raises(StoreError, match=r"^the record changed under every attempt to "):
            OPERATIONS[name](raced, phone, codes)
        assert app.record().failures == before.failures
        assert app.record().device == before.device
        assert app.record().recovery == before.recovery
        assert raced.told() == []


# Failing stores


def run(app: App, name: str, phone: SoftPhone, codes: tuple[str, ...]) -> object:
    """Return the answer of an operation, or its StoreError."""
    try:
        return OPERATIONS[name](app, phone, codes)
    except StoreError as error:
        return error


def calls_of(colour: str, name: str) -> int:
    """Return how often an operation asks the store."""
    app, phone, codes = world(colour)
    counting = Faulty(app.store)
    run(app.other(store=counting), name, phone, codes)
    return counting.calls


@pytest.mark.proves("T34")
@both
@each_operation
def test_failing_store(colour: str, name: str) -> None:
    """Whichever call fails before it takes effect: an error, no acceptance, no new failure, no event.

    Nothing is half-written either: the record is as it was, but for an attempt that was reserved.
    """
    for call in range(calls_of(colour, name)):
        app, phone, codes = world(colour)
        before = app.record()
        failing = app.other(store=Faulty(app.store, call=call))
        assert isinstance(run(failing, name, phone, codes), StoreError)
        assert failing.told() == []
        after = app.record()
        if name in {"recovery code", "wrong recovery code"} and call >= 2:
            assert after.failures == before.failures + 1
            assert after.revision == before.revision + 1
            assert (after.device, after.recovery_codes) == (before.device, before.recovery)
        else:
            assert after == before


@pytest.mark.proves("T34")
@both
@each_operation
def test_store_fails_after_the_write(colour: str, name: str) -> None:
    """Whichever call fails although it took effect: an error; what was written is whole."""
    for call in range(calls_of(colour, name)):
        app, phone, codes = world(colour)
        code = phone.code()
        failing = app.other(store=Faulty(app.store, call=call, after=True))
        assert isinstance(run(failing, name, phone, codes), StoreError)
        assert failing.told() == []
        reference, reference_phone, reference_codes = world(colour)
        before = reference.record()
        run(reference, name, reference_phone, reference_codes)
        after = app.record()
        assert after.revision in {before.revision, before.revision + 1, reference.record().revision}
        if name == "right code" and after.revision > before.revision:
            assert app.auth.verify(WHO, code) == Rejected(Reason.REPLAYED)
        if name == "recovery code" and call == calls_of(colour, name) - 1:
            assert app.auth.redeem_recovery_code(WHO, codes[0]) == Rejected(Reason.REPLAYED)


@pytest.mark.proves("T34")
@both
def test_store_comes_back(colour: str) -> None:
    """After a store has failed everything works as before, with the same code if it was not spent."""
    app, phone, codes = world(colour)
    failing = app.other(store=(faulty := Faulty(app.store, call=0)))
    with pytest.raises(StoreError):
        failing.auth.verify(WHO, phone.code())
    faulty.call = -1
    assert failing.auth.verify(WHO, phone.code()) == Accepted(STEP + 1)
    assert failing.auth.redeem_recovery_code(WHO, codes[0])


@pytest.mark.proves("T34", "T42")
@both
def test_reserved_attempts_stay(colour: str) -> None:
    """Whoever makes the store fail between count and answer has used up an attempt all the same."""
    app, _, codes = world(colour, POLICY)
    app.auth.unlock(WHO)
    for attempt in range(1, 6):
        failing = app.other(store=Faulty(app.store, call=2))
        with pytest.raises(StoreError):
            failing.auth.redeem_recovery_code(WHO, codes[0])
        assert app.record().failures == attempt
    assert app.auth.redeem_recovery_code(WHO, codes[0]) == THROTTLED


def test_revoked_between_count_and_answer() -> None:
    """A recovery code that is hashed while its account is revoked, or its set replaced, is not accepted."""
    for meddle in (lambda app: app.auth.revoke(WHO), lambda app: app.auth.issue_recovery_codes(WHO)):
        app, _, codes = world()
        between = Interrupted(app.store, call=2, intruder=partial(meddle, app.other()))
        answer = app.other(store=between).auth.redeem_recovery_code(WHO, codes[0])
        assert answer == Rejected(Reason.MISMATCH)
        assert app.record().failures == 3


def test_codes_for_nobody_any_more() -> None:
    """Recovery codes that are hashed while the account is revoked are not issued, and nobody is told."""
    app, _, _ = world()
    raced = app.other(store=Raced(app.store, lambda swap: app.auth.revoke(WHO) if swap == 0 else None))
    assert raced.auth.issue_recovery_codes(WHO) == ()
    assert raced.told() == []
    assert app.record().recovery is None


def test_no_allowance_is_lost() -> None:
    """Without waits every attempt up to the cap is answered, however many race at once."""
    policy = Policy(throttle=Throttle(free=1, first_wait=0.0, cap=60))
    app = App(policy=policy)
    app.enroll()
    rival = app.other()
    raced = app.other(store=Raced(app.store, lambda swap: rival.fail(1) if swap < 59 else None))
    assert raced.auth.verify(WHO, "x") == Rejected(Reason.MALFORMED)
    assert app.auth.status(WHO).disabled
