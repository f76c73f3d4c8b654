"""Tests of totpkit._account.service: both facades, restrictions, lost races, and failing stores."""

import ast
import asyncio
import inspect
import threading
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, get_args

import pytest

import totpkit
from tests.support.authenticators import ASYNC, LABEL, POLICY, SYNC, WHO, App, both, wait_for, wrong
from tests.support.fakes import Faulty, Interrupted, Later, Raced, Tape, Watched
from totpkit import (
    TOTP,
    AsyncAuthenticator,
    Authenticator,
    FlowError,
    InvalidParameterError,
    Policy,
    Reason,
    Rejected,
    StoreError,
    Window,
    events,
)
from totpkit._account.async_authenticator import async_service_of
from totpkit._account.attempts import Restrictions
from totpkit._account.authenticator import service_of
from totpkit._account.record_json import read_record
from totpkit._account.service import Service
from totpkit._account.sync import AsyncResult, run_sync
from totpkit.stores.memory import MemoryStore
from totpkit.stores.threaded import ThreadedStore
from totpkit.testing import SettableClock, SoftPhone
from totpkit.vault import PLAINTEXT, Vault

T = TypeVar("T")

STEP = 56_666_666
THROTTLED = Rejected(Reason.THROTTLED, retry_after=30.0)


def methods(facade: type) -> dict[str, inspect.Signature]:
    """Return the signatures of the public methods of a class."""
    found = {name: value for name, value in vars(facade).items() if inspect.isfunction(value)}
    return {name: inspect.signature(value) for name, value in found.items() if not name.startswith("_")}


def parameters(signature: inspect.Signature) -> list[str]:
    """Return the names of a method's parameters, without ``self``."""
    return list(signature.parameters)[1:]


def service(app: App) -> Service:
    """Return the service behind an authenticator."""
    if app.runtime == SYNC:
        return service_of(app.auth)
    return async_service_of(app.auth.auth)  # type: ignore[attr-defined]


def complete(app: App, operation: Coroutine[Any, Any, T]) -> T:
    """Run an operation of a service."""
    result: T = run_sync(operation) if app.runtime == SYNC else wait_for(lambda: operation)
    return result


# The facades


def test_same_methods() -> None:
    """Both facades have the same methods and parameters, and the service has them too."""
    sync, later, logic = (methods(cls) for cls in (Authenticator, AsyncAuthenticator, Service))
    assert list(sync) == list(later)
    for name, signature in sync.items():
        assert list(signature.parameters.values())[1:] == list(later[name].parameters.values())[1:]
        assert get_args(later[name].return_annotation) == (signature.return_annotation,)
        names = parameters(signature)
        assert parameters(logic[name])[: len(names)] == names


@pytest.mark.proves("ASVS-6.5.8")
@pytest.mark.parametrize("facade", [Authenticator, AsyncAuthenticator])
def test_no_time_from_callers(facade: type) -> None:
    """No method that checks a code has a parameter for a time, a step or a drift."""
    found = methods(facade)
    imported = parameters(found.pop("import_enrollment"))  # checks no code
    assert imported == ["account_id", "label", "totp", "last_step", "drift"]
    names = {name for signature in found.values() for name in parameters(signature)}
    assert names == {"account_id", "label", "binding", "code", "code1", "code2"}
    settings = set(inspect.signature(facade).parameters)
    assert settings == {"store", "issuer", "vault", "policy", "clock", "on_event"}


@pytest.mark.proves("T15")
def test_one_gate() -> None:
    """Every method that takes a code is refused during a wait, even with a right code."""
    tape = Tape()
    app = App(store=tape)
    phone = app.enroll()
    recovery = app.auth.issue_recovery_codes(WHO)
    right: dict[str, tuple[str, ...]] = {
        "verify": (phone.code(),),
        "resync": (phone.code(), phone.code(steps=1)),
        "confirm_enrollment": (app.scan().code(),),
        "redeem_recovery_code": (recovery[0],),
    }
    found = methods(Authenticator).items()
    assert set(right) == {name for name, takes in found if {"code", "code1"} & set(parameters(takes))}
    app.fail(5)
    tape.calls.clear()
    for name, codes in right.items():
        assert getattr(app.auth, name)(WHO, *codes) == THROTTLED
    assert tape.calls == ["load"] * 4


@pytest.mark.proves("T15")
def test_gate_in_the_source() -> None:
    """Codes are checked only in rules that first ask whether an attempt is answered."""
    callers: dict[str, dict[str, set[str]]] = {}
    for path in (Path(totpkit.__file__).parent / "_account").glob("*.py"):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                nodes = list(ast.walk(function))
                attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
                if attributes & {"verify", "resync", "spend"}:
                    names = {node.id for node in nodes if isinstance(node, ast.Name)}
                    callers.setdefault(path.stem, {})[function.name] = names
    for facade in ("authenticator", "async_authenticator", "service"):
        assert set(callers.pop(facade)) == {"verify", "resync"}
    assert {name: set(found) for name, found in callers.items()} == {
        "verify": {"verify", "resync"},
        "enrollment": {"confirm", "_ignores_parameters"},  # the second only after a rejection by the first
        "redeem": {"redeem"},  # only for an attempt that begin() has reserved
    }
    for module, rule in (("verify", "verify"), ("verify", "resync"), ("enrollment", "confirm")):
        assert "refuse" in callers[module][rule]


@pytest.mark.proves("T45")
@pytest.mark.parametrize("name", methods(AsyncAuthenticator))
def test_forgotten_await(name: str) -> None:
    """The result of an async method has no truth value before it is awaited, and can be closed."""
    auth = AsyncAuthenticator(Later(MemoryStore()), issuer="Acme", vault=PLAINTEXT)
    wanted = list(methods(AsyncAuthenticator)[name].parameters.values())[1:]
    arguments = ["123456" for parameter in wanted if parameter.kind is not parameter.KEYWORD_ONLY]
    named = {p.name: "123456" for p in wanted if p.kind is p.KEYWORD_ONLY and p.default is p.empty}
    result = getattr(auth, name)(*arguments, **named)
    assert isinstance(result, AsyncResult)
    with pytest.raises(FlowError, match="await the method"):
        bool(result)
    result.close()


async def suspend(*_: object) -> float:
    """Return a time, too late for a sync caller."""
    return 1_700_000_000.0


@pytest.mark.proves("T45")
@pytest.mark.parametrize(
    ("facade", "components", "problem"),
    [
        (
            Authenticator,
            {"store": ThreadedStore(MemoryStore())},
            "an async component was given to a sync class",
        ),
        (Authenticator, {"store": Later(MemoryStore())}, "an async component was given to a sync class"),
        (Authenticator, {"clock": suspend}, "an async component was given to a sync class"),
        (Authenticator, {"on_event": suspend}, "an async component was given to a sync class"),
        (AsyncAuthenticator, {"store": MemoryStore()}, "a sync store was given to an async class"),
        (AsyncAuthenticator, {"clock": suspend}, "an async component was given to a sync class"),
    ],
)
def test_wrong_runtime(facade: Any, components: dict[str, Any], problem: str) -> None:
    """The sync facade rejects async components; the async one rejects a sync store and an async clock."""
    store: Any = MemoryStore() if facade is Authenticator else Later(MemoryStore())
    good: dict[str, Any] = {"store": store, "issuer": "Acme", "vault": PLAINTEXT}
    assert facade(**good)
    with pytest.raises(FlowError, match=f"^{problem}: "):
        facade(**good | components)


NO_VAULT = "vault must be an object with the methods seal, open and is_current"
NO_STORE = "store must be an object with the methods load and swap"
WRONG_COMPONENTS: dict[str, tuple[dict[str, Any], str]] = {
    "no vault": ({"vault": None}, f"{NO_VAULT}, not NoneType"),
    "no store": ({"store": None}, f"{NO_STORE}, not NoneType"),
    "half a store": ({"store": type("Half", (), {"load": print})()}, f"{NO_STORE}, not Half"),
    "no policy": ({"policy": None}, "policy must be a Policy, not NoneType"),
    "no clock": ({"clock": None}, "clock must be callable, not NoneType"),
    "time": ({"clock": 1_700_000_000.0}, "clock must be callable, not float"),
    "handler": ({"on_event": []}, "on_event must be callable or None, not list"),
    "empty issuer": ({"issuer": ""}, "issuer must not be empty: authenticator apps show it"),
    "issuer of bytes": ({"issuer": b"Acme"}, "issuer must be a str, not bytes"),
}


@pytest.mark.proves("T45")
@pytest.mark.parametrize("facade", [Authenticator, AsyncAuthenticator])
@pytest.mark.parametrize(("components", "message"), WRONG_COMPONENTS.values(), ids=WRONG_COMPONENTS)
def test_wrong_components(facade: Any, components: dict[str, Any], message: str) -> None:
    """A component of the wrong type is rejected at construction, and only its type is quoted."""
    store: Any = MemoryStore() if facade is Authenticator else Later(MemoryStore())
    good: dict[str, Any] = {"store": store, "issuer": "Acme", "vault": PLAINTEXT}
    with pytest.raises(InvalidParameterError) as caught:
        facade(**good | components)
    assert str(caught.value) == message


@pytest.mark.proves("T45")
@pytest.mark.parametrize("error", [StopIteration("mine"), KeyboardInterrupt(), OSError("mine")], ids=repr)
@pytest.mark.parametrize("component", ["store", "clock"])
def test_errors_unchanged(error: BaseException, component: str) -> None:
    """An error from a store or a clock leaves the sync facade as the same object."""

    def fail(*_: object) -> Any:
        raise error

    failing: Any = type("Failing", (), {"load": fail, "swap": fail})()
    store, clock = (failing, SettableClock()) if component == "store" else (MemoryStore(), fail)
    auth = Authenticator(store, issuer="Acme", vault=PLAINTEXT, clock=clock)
    with pytest.raises(type(error)) as caught:
        auth.verify(WHO, "000000")
    assert caught.value is error


@pytest.mark.proves("T45")
def test_async_store_in_threads() -> None:
    """An async store that is wrapped as if it were sync accepts no code."""
    wrapped = ThreadedStore(Later(MemoryStore()))  # type: ignore[arg-type]
    auth = AsyncAuthenticator(wrapped, issuer="Acme", vault=PLAINTEXT)

    async def run() -> None:
        with pytest.raises(StoreError, match="coroutine"):
            await auth.verify(WHO, "000000")

    with pytest.warns(RuntimeWarning, match="was never awaited"):
        asyncio.run(run())  # which waits for its worker threads, unlike the shared loop


@pytest.mark.parametrize("runtime", [SYNC, ASYNC])
def test_hashing_thread(runtime: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The async facade hashes recovery codes in a worker thread, and the sync facade in the caller's."""
    app = App(runtime)
    app.enroll()
    own = {threading.get_ident(), wait_for(threading.get_ident)}
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
        assert len(threads) == 1
        assert (threads <= own) == (runtime == SYNC)


# Equal cost


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list of the steps whose codes are computed from now on."""
    steps: list[int] = []
    post_init = TOTP.__post_init__

    def count(totp: TOTP) -> None:
        post_init(totp)
        number_at = totp._number_at

        def counting(step: int) -> int:
            steps.append(step)
            return number_at(step)

        object.__setattr__(totp, "_number_at", counting)

    monkeypatch.setattr(TOTP, "__post_init__", count)
    return steps


@pytest.mark.proves("T24")
@both
@pytest.mark.parametrize("window", [Window.DEFAULT, Window.ASVS, Window(3, 2)], ids=repr)
def test_cost_without_device(runtime: str, window: Window, computed: list[int]) -> None:
    """For an account without a device, codes are computed for every step of the window too."""
    app = App(runtime, policy=Policy(window=window))
    expected = list(range(STEP - window.past, STEP + window.future + 1))
    for code in ("000000", "123456", "999999"):
        computed.clear()
        assert app.auth.verify("nobody", code) == Rejected(Reason.NOT_ENROLLED)
        assert computed == expected


@pytest.mark.proves("T24")
@both
@pytest.mark.parametrize("offset", [None, -1, 0, 1, 5])
def test_cost_of_any_code(runtime: str, offset: int | None, computed: list[int]) -> None:
    """The same steps are computed for a right code and a wrong one, wherever in the window it is."""
    app = App(runtime)
    phone = app.enroll()
    code = wrong(phone) if offset is None else phone.code(steps=offset)
    computed.clear()
    app.auth.verify(WHO, code)
    # Spent steps are searched as far below the window as it is wide; then the rest of the window.
    assert sorted(computed) == [*range(STEP - 4, STEP + 3)]


# Restrictions


STALE = Restrictions(generation=1, stale=Reason.PROOF_INVALID)
RESTRICTED: dict[str, Callable[[Service], Any]] = {
    "begin": lambda service: service.begin_enrollment(WHO, LABEL, "b", STALE),
    "confirm": lambda service: service.confirm_enrollment(WHO, "000000", "a", STALE),
    "cancel": lambda service: service.cancel_enrollment(WHO, STALE),
    "verify": lambda service: service.verify(WHO, "000000", STALE),
    "redeem": lambda service: service.redeem_recovery_code(WHO, "0" * 16, STALE),
    "issue": lambda service: service.issue_recovery_codes(WHO, STALE),
    "unlock": lambda service: service.unlock(WHO, STALE),
    "revoke": lambda service: service.revoke(WHO, STALE),
    "update": lambda service: service.update(WHO, lambda record, _: (record, "decided"), STALE),
}


@both
@pytest.mark.parametrize("name", RESTRICTED)
def test_stale_restrictions(runtime: str, name: str) -> None:
    """With the generation of an older login, no operation changes anything."""
    app, _, _ = world(runtime)
    before = app.record()
    result = complete(app, RESTRICTED[name](service(app)))
    assert app.record() == before
    expected = {"issue": ((), before.generation), "unlock": None}
    outcome = getattr(result, "outcome", result)
    assert outcome == expected.get(name, Rejected(Reason.PROOF_INVALID))


@pytest.mark.proves("T40")
@both
def test_success_on_the_way(runtime: str) -> None:
    """A success that does not complete the login leaves earlier failures as they are."""
    app, phone, codes = world(runtime)
    on_the_way = Restrictions(completes=False, after=("password",))
    assert complete(app, service(app).verify(WHO, phone.code(), on_the_way)).outcome
    assert complete(app, service(app).redeem_recovery_code(WHO, codes[0], on_the_way)).outcome
    assert app.record().failures == 2
    app.take_events()
    complete(app, service(app).verify(WHO, "wrong", on_the_way))
    (rejected,) = app.take_events()
    assert isinstance(rejected, events.CodeRejected)
    assert rejected.after == ("password",)


@both
def test_for_the_login(runtime: str) -> None:
    """The login reads records, reports events, and shows pending and enrolled secrets from a record."""
    app, _, _ = world(runtime)
    logic, record = service(app), app.record()
    assert complete(app, logic.read(WHO)) == record
    assert logic.now() == app.clock()
    assert logic.refuse(WHO, record) is None
    assert logic.refuse(WHO, record._replace(failures=100)) == Rejected(Reason.DISABLED)
    shown = logic.pending_enrollment(WHO, record, "a")
    assert shown == app.auth.begin_enrollment(WHO, label=LABEL, binding="a")
    assert logic.pending_enrollment(WHO, record, "b") is None
    assert complete(app, logic.provisioning(WHO, record)) == app.auth.provisioning(WHO)
    decide = logic.update(WHO, lambda record, _: (record, "decided"), Restrictions.NONE)
    assert complete(app, decide).outcome == "decided"
    app.take_events()
    event = events.CodeEmailed(account_id=WHO, at=1.0)
    complete(app, logic.notify(event))
    complete(app, logic.unlock(WHO, notify=False))
    assert app.take_events() == [event]
    assert app.record().failures == 0


# Lost races


def test_same_code_in_a_race() -> None:
    """The loser of a race decides again, and rejects the code that the winner has used."""
    app = App()
    phone = app.enroll()
    code = phone.code()
    winner = app.other()
    store = Raced(app.store, lambda swap: winner.auth.verify(WHO, code) if swap == 0 else None)
    loser = app.other(store=store)
    assert loser.auth.verify(WHO, code) == Rejected(Reason.REPLAYED)
    kinds = [type(event) for event in (*winner.take_events(), *loser.take_events())]
    assert kinds == [events.CodeAccepted, events.CodeRejected]


OPERATIONS: dict[str, Callable[[App, SoftPhone, tuple[str, ...]], object]] = {
    "right code": lambda app, phone, _: app.auth.verify(WHO, phone.code()),
    "wrong code": lambda app, phone, _: app.auth.verify(WHO, wrong(phone)),
    "malformed code": lambda app, _, __: app.auth.verify(WHO, "x"),
    "resync": lambda app, phone, _: app.auth.resync(WHO, phone.code(), phone.code(steps=1)),
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
    """Return the code of the pending secret, read directly from the store."""
    store = app.store.store if isinstance(app.store, Faulty | Raced) else app.store
    stored = store.load(WHO)
    assert stored is not None
    pending = read_record(stored).pending
    assert pending is not None
    raw = PLAINTEXT.open(pending.secret.sealed, account_id=WHO, purpose="enrollment")
    return pending.secret.totp(totpkit.Secret.from_bytes(raw)).at(app.clock())


def world(runtime: str = SYNC, policy: Policy = POLICY) -> tuple[App, SoftPhone, tuple[str, ...]]:
    """Return an app with a phone, recovery codes, a pending secret for binding a, and two failures."""
    app = App(runtime, policy=policy)
    phone = app.enroll()
    codes = app.auth.issue_recovery_codes(WHO)
    app.scan(binding="a")
    app.fail(2)
    app.take_events()
    return app, phone, codes


@both
@each_operation
@pytest.mark.parametrize("losses", [12, 13])
def test_lost_races(runtime: str, name: str, losses: int) -> None:
    """After twelve lost races an operation succeeds as usual; after thirteen it raises StoreError."""
    app, phone, codes = world(runtime)

    def rival(swap: int) -> None:
        if swap < losses:
            app.rewrite()

    before = app.record()
    raced = app.other(store=Raced(app.store, rival))
    writes = name not in {"status", "provisioning", "reseal", "begin again"}
    if losses == 12 or not writes:
        OPERATIONS[name](raced, phone, codes)
        if "recovery code" not in name and name not in {"begin", "forget"}:
            other, other_phone, other_codes = world(runtime)
            OPERATIONS[name](other, other_phone, other_codes)
            assert app.record().failures == other.record().failures
            assert app.record().revision == other.record().revision + (12 if writes else 0)
    else:
        with pytest.raises(StoreError, match=r"^the record changed during every attempt to "):
            OPERATIONS[name](raced, phone, codes)
        assert app.record() == before._replace(revision=app.record().revision)
        assert raced.take_events() == []


def test_revoked_between_both_writes() -> None:
    """A recovery code is rejected if the account is revoked, or its set replaced, while it is hashed."""
    for interrupt in (lambda app: app.auth.revoke(WHO), lambda app: app.auth.issue_recovery_codes(WHO)):
        app, _, codes = world()
        between = Interrupted(app.store, call=2, intruder=partial(interrupt, app.other()))
        outcome = app.other(store=between).auth.redeem_recovery_code(WHO, codes[0])
        assert outcome == Rejected(Reason.MISMATCH)
        assert app.record().failures == 3


def test_revoked_while_issuing() -> None:
    """Recovery codes are not issued if the account is revoked while they are hashed, and no event is sent."""
    app, _, _ = world()
    raced = app.other(store=Raced(app.store, lambda swap: app.auth.revoke(WHO) if swap == 0 else None))
    assert raced.auth.issue_recovery_codes(WHO) == ()
    assert raced.take_events() == []
    assert app.record().recovery_codes is None


@pytest.mark.parametrize(
    ("first", "second"), [("new", "new"), ("old", "new"), ("new", "newer"), ("old", "old")]
)
def test_one_resealed_event(first: str, second: str) -> None:
    """A recovery code emits one Resealed event, whichever of its two writes resealed the secret."""
    names = {"old": ["old"], "new": ["new", "old"], "newer": ["newer", "new", "old"]}
    keys = {"old": bytes(32), "new": b"1" * 32, "newer": b"2" * 32}
    vaults = {name: Vault({key: keys[key] for key in order}) for name, order in names.items()}
    cipher = Watched(vaults["old"])
    app = App(vault=cipher)
    app.enroll()
    codes = app.auth.issue_recovery_codes(WHO)
    app.take_events()
    cipher.cipher = vaults[first]
    rotate = partial(setattr, cipher, "cipher", vaults[second])
    between = app.other(store=Interrupted(app.store, call=2, intruder=rotate))
    assert between.auth.redeem_recovery_code(WHO, codes[0])
    kinds = [type(event) for event in between.take_events()]
    assert kinds == [events.RecoveryCodeUsed, *[events.Resealed] * (second != "old")]
    assert app.device().secret.sealed.startswith(f"aesgcm:{second}:")


# Failing stores


def run(app: App, name: str, phone: SoftPhone, codes: tuple[str, ...]) -> object:
    """Return the outcome of an operation, or its StoreError."""
    try:
        return OPERATIONS[name](app, phone, codes)
    except StoreError as error:
        return error


def store_calls(runtime: str, name: str) -> int:
    """Return how often an operation calls the store."""
    app, phone, codes = world(runtime)
    counting = Faulty(app.store)
    run(app.other(store=counting), name, phone, codes)
    return counting.calls


@pytest.mark.proves("T34")
@both
@each_operation
def test_store_fails_before_the_write(runtime: str, name: str) -> None:
    """If a store call fails, an error is raised, no event is sent, and nothing changes.

    The only exception is an attempt that was reserved before.
    """
    for call in range(store_calls(runtime, name)):
        app, phone, codes = world(runtime)
        before = app.record()
        failing = app.other(store=Faulty(app.store, call=call))
        assert isinstance(run(failing, name, phone, codes), StoreError)
        assert failing.take_events() == []
        reserved = name in {"recovery code", "wrong recovery code"} and call >= 2
        after = app.record()
        assert after._replace(retry_at=None) == before._replace(
            revision=before.revision + reserved, failures=before.failures + reserved
        )


@pytest.mark.proves("T34")
@both
@each_operation
def test_store_fails_after_the_write(runtime: str, name: str) -> None:
    """If a store call fails although it took effect, an error is raised, and a used code is spent."""
    reference, reference_phone, reference_codes = world(runtime)
    before = reference.record()
    run(reference, name, reference_phone, reference_codes)
    calls = store_calls(runtime, name)
    for call in range(calls):
        app, phone, codes = world(runtime)
        code = phone.code()
        failing = app.other(store=Faulty(app.store, call=call, after=True))
        assert isinstance(run(failing, name, phone, codes), StoreError)
        assert failing.take_events() == []
        after = app.record()
        assert after.revision in {before.revision, before.revision + 1, reference.record().revision}
        if name == "right code" and after.revision > before.revision:
            assert app.auth.verify(WHO, code) == Rejected(Reason.REPLAYED)
        if name == "recovery code" and call == calls - 1:
            assert app.auth.redeem_recovery_code(WHO, codes[0]) == Rejected(Reason.REPLAYED)


@pytest.mark.proves("T34", "T42")
@both
def test_reserved_attempts_stay(runtime: str) -> None:
    """A recovery attempt is counted even if the store fails after the reservation."""
    app, _, codes = world(runtime)
    app.auth.unlock(WHO)
    for attempt in range(1, 6):
        failing = app.other(store=Faulty(app.store, call=2))
        with pytest.raises(StoreError):
            failing.auth.redeem_recovery_code(WHO, codes[0])
        assert app.record().failures == attempt
    assert app.auth.redeem_recovery_code(WHO, codes[0]) == THROTTLED
