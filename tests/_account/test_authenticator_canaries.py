"""Secrets, codes and bindings do not appear in any error, event, log or repr of an authenticator."""

import base64
import copy
import dataclasses
import logging
import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import pytest

from tests._otp.test_canaries import texts_of
from tests.support.authenticators import POLICY, WHO, App, both, wrong
from tests.support.fakes import Planted
from totpkit import HOTP, TOTP, Policy, RecordError, Secret, StoreError, TotpkitError, VaultError
from totpkit._account.attempts import Context
from totpkit._account.records import Update
from totpkit._account.sealing import Sealing
from totpkit.events import Event
from totpkit.stores._failures import translate_errors
from totpkit.stores.memory import MemoryStore
from totpkit.testing import SoftPhone
from totpkit.vault import PLAINTEXT, Vault

T = TypeVar("T")

# Computed, so that no source line in a traceback contains them.
RAW = bytes(range(65, 85))
SECRET = Secret.from_bytes(RAW)
TEXT = SECRET.to_base32()
BINDING = "session-" + str(271828 * 31415)
KEY = bytes(range(96, 128))


def forms(raw: bytes) -> list[str]:
    """Return the ways in which bytes could appear in a text."""
    text = base64.b32encode(raw).decode().rstrip("=")
    in_base64 = [base64.b64encode(bytes(before) + raw).decode()[4:-4] for before in range(3)]
    return [text, text.lower(), raw.hex(), raw.decode("latin-1"), repr(raw)[2:-1], *in_base64]


def pieces(text: str) -> list[str]:
    """Return parts of a text, each long enough that no ciphertext contains it by chance."""
    # A byte of a repr has up to four characters, and ciphertexts occur in reprs too.
    size = 24 if "\\" in text else 8
    return [text[start : start + size] for start in range(0, max(len(text) - size + 1, 1), 4)]


class Driver:
    """A store whose driver can be made to fail, with all its parameters in the message."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.failing = False

    def load(self, account_id: str) -> bytes | None:
        """Load, or fail."""
        return translate_errors(lambda: self.quoting(self.store.load(account_id), account_id), ValueError)

    def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Swap, or fail."""
        swapped = self.store.swap(account_id, old, new)
        return translate_errors(lambda: self.quoting(swapped, account_id, old, new), ValueError)

    def quoting(self, answer: T, *bound: object) -> T:
        """Return the answer, or fail as drivers do that quote their parameters."""
        if self.failing:
            raise ValueError("parameters: " + repr(bound) + repr(answer))
        return answer


class World:
    """An account with all the secrets that there are, and the canaries made from them."""

    def __init__(self, runtime: str, *, vault: Vault | None = None) -> None:
        self.driver = Driver(MemoryStore())
        cipher = PLAINTEXT if vault is None else vault
        self.app = App(runtime, store=self.driver, vault=Planted(cipher, RAW))
        self.phone = self.app.enroll()
        self.recovery = self.app.auth.issue_recovery_codes(WHO)
        self.pending = self.app.auth.begin_enrollment(WHO, label="alice", binding=BINDING)
        assert TOTP(SECRET).at(self.app.clock()) == self.phone.code()
        texts = [*forms(RAW), *forms(self.pending.secret.to_bytes()), *forms(KEY), BINDING]
        # A message must not quote a part of a secret either.
        self.pieces = [piece for text in texts for piece in pieces(text)]
        self.pieces += [piece for code in self.recovery for piece in (code, code.replace("-", ""), code[:9])]
        self.pieces += [self.phone.code(steps=steps) for steps in (0, 1)]

    def leaks(self, *texts: str) -> list[int]:
        """Return which canaries occur in the texts."""
        return [place for place, piece in enumerate(self.pieces) for text in texts if piece in text]

    def begin(self, account_id: str = WHO, label: object = "alice", binding: object = BINDING) -> object:
        """Begin an enrollment."""
        return self.app.auth.begin_enrollment(account_id, label=label, binding=binding)  # type: ignore[arg-type]

    def confirm(self, phone: SoftPhone) -> object:
        """Confirm the pending enrollment with the code of a phone."""
        return self.app.auth.confirm_enrollment(WHO, phone.code(), binding=BINDING)

    def import_(self, totp: object, account_id: str = "acct-2", last_step: object = None) -> object:
        """Import a phone."""
        auth = self.app.auth
        return auth.import_enrollment(account_id, label="a", totp=totp, last_step=last_step)  # type: ignore[arg-type]


Call = Callable[[World], object]
OPERATIONS: dict[str, Call] = {
    "begin": lambda world: world.begin(),
    "begin elsewhere": lambda world: world.begin(binding=BINDING + "x"),
    "confirm": lambda world: world.confirm(SoftPhone(world.pending.uri, clock=world.app.clock)),
    "wrong confirm": lambda world: world.confirm(world.phone),
    "import": lambda world: world.import_(TOTP(SECRET)),
    "import again": lambda world: world.import_(TOTP(SECRET), WHO),
    "verify": lambda world: world.app.auth.verify(WHO, world.phone.code()),
    "wrong code": lambda world: world.app.auth.verify(WHO, wrong(world.phone)),
    "secret as code": lambda world: world.app.auth.verify(WHO, TEXT),
    "resync": lambda world: world.app.auth.resync(WHO, world.phone.code(), world.phone.code(steps=1)),
    "redeem": lambda world: world.app.auth.redeem_recovery_code(WHO, world.recovery[0]),
    "secret as recovery code": lambda world: world.app.auth.redeem_recovery_code(WHO, TEXT),
}
BY_ID = ("status", "provisioning", "reseal", "unlock", "revoke", "forget", "cancel_enrollment")
OPERATIONS |= {name: lambda world, name=name: getattr(world.app.auth, name)(WHO) for name in BY_ID}  # type: ignore[misc]
OPERATIONS["issue"] = lambda world: world.app.auth.issue_recovery_codes(WHO)
STRICT = replace(POLICY, shortest_secret=21, secret_bytes=21)
MISTAKES: dict[str, Call] = {
    "account that is a secret": lambda world: world.app.auth.verify(TEXT + "\n", "000000"),
    "account that is too long": lambda world: world.app.auth.status(TEXT * 20),
    "account that is bytes": lambda world: world.app.auth.unlock(RAW),  # type: ignore[arg-type]
    "account that is a Secret": lambda world: world.app.auth.forget(SECRET),  # type: ignore[arg-type]
    "label that is a secret": lambda world: world.begin("acct-2", TEXT + ":"),
    "label that is bytes": lambda world: world.begin("acct-2", RAW),
    "binding that is bytes": lambda world: world.begin(binding=BINDING.encode()),
    "binding with a surrogate": lambda world: world.begin(binding=BINDING + "\ud800"),
    "import of a secret": lambda world: world.import_(SECRET),
    "import of base32": lambda world: world.import_(TEXT),
    "import of another kind": lambda world: world.import_(HOTP(SECRET)),
    "import of a t0": lambda world: world.import_(TOTP(SECRET, t0=1)),
    "import by a strict policy": lambda world: world.app.other(policy=STRICT).auth.import_enrollment(
        "acct-2", label="a", totp=TOTP(SECRET)
    ),
    "last step that is a secret": lambda world: world.import_(TOTP(SECRET), last_step=SECRET),
    "code that is a number": lambda world: world.app.auth.verify(WHO, int(world.phone.code())),  # type: ignore[arg-type]
    "code that is bytes": lambda world: world.app.auth.verify(WHO, world.phone.code().encode()),  # type: ignore[arg-type]
    "recovery code that is bytes": lambda world: world.app.auth.redeem_recovery_code(WHO, RAW),  # type: ignore[arg-type]
    "vault that is a key": lambda world: world.app.other(vault=KEY),
    "vault of keys": lambda world: world.app.other(vault={"k": KEY}),
    "keys that are a key": lambda _: Vault(KEY),  # type: ignore[arg-type]
    "issuer that is a secret": lambda world: world.app.other(issuer=TEXT + ":"),
    "key id that is a secret": lambda _: Vault({TEXT + "!": KEY}),
    "key of a bad size": lambda _: Vault({"k": KEY[:31]}),
    "key that is text": lambda _: Vault({"k": KEY.decode()}),  # type: ignore[dict-item]
    "policy number that is a secret": lambda _: Policy(digits=TEXT),  # type: ignore[arg-type]
    "policy part that is a secret": lambda _: Policy(window=SECRET),  # type: ignore[arg-type]
    "clock that shows a secret": lambda world: world.app.other(clock=SECRET.to_base32).auth.status(WHO),
    "scan of a secret": lambda world: SoftPhone(TEXT, clock=world.app.clock),
    "scan of another kind": lambda world: SoftPhone(
        world.pending.uri.replace("totp", "hotp") + "&counter=1", clock=world.app.clock
    ),
}
SPOILED: dict[str, Callable[[bytes], bytes]] = {
    "cut short": lambda raw: raw[:-5],
    "not JSON": lambda raw: b"x" + raw,
    "not UTF-8": lambda raw: raw + b"\xff",
    "another version": lambda raw: raw.replace(b'"v":1', b'"v":2'),
    "field of another type": lambda raw: raw.replace(b'"failures":0', b'"failures":"%b"' % TEXT.encode()),
    "field gone": lambda raw: raw.replace(b'"period"', b'"%b"' % TEXT.encode()),
    "algorithm that is a secret": lambda raw: raw.replace(b"SHA1", TEXT.encode()),
    "owner that is a secret": lambda raw: raw.replace(b'"owner":"', b'"owner":"' + TEXT.encode()),
    "number too long": lambda raw: raw.replace(b'"rev":', b'"rev":' + b"9" * 5000),
}


def check_error(world: World, provoke: Callable[[], object], kind: type[Exception]) -> None:
    """Provoke an error, and look for canaries in all that it and its chain can be made to say."""
    with pytest.raises(kind) as caught:
        provoke()
    assert world.leaks(*texts_of(caught.value)) == []


@pytest.mark.proves("T22")
@both
@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_mistakes(runtime: str, mistake: Call) -> None:
    """No error about an argument quotes it."""
    world = World(runtime)
    check_error(world, lambda: mistake(world), TotpkitError)


@pytest.mark.proves("T22", "T34")
@both
@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_failing_driver(runtime: str, operation: Call) -> None:
    """No StoreError contains what a driver quoted of an unencrypted record."""
    world = World(runtime)
    world.driver.failing = True
    check_error(world, lambda: operation(world), StoreError)


@pytest.mark.proves("T22", "T32")
@both
@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_spoiled_records(runtime: str, spoil: Callable[[bytes], bytes]) -> None:
    """No RecordError contains anything from the record."""
    world = World(runtime)
    stored = world.driver.store.load(WHO) or b""
    assert spoil(stored) != stored
    world.driver.store.swap(WHO, stored, spoil(stored))
    for name in ("verify", "status", "provisioning", "redeem", "begin", "unlock"):
        check_error(world, lambda name=name: OPERATIONS[name](world), RecordError)  # type: ignore[misc]


@pytest.mark.proves("T22", "T36")
@both
@pytest.mark.parametrize("name", ["verify", "resync", "provisioning", "reseal"])
def test_wrong_keys(runtime: str, name: str) -> None:
    """No VaultError contains the key, the sealed secret, or the account that it was sealed for."""
    world = World(runtime, vault=Vault({"k": KEY}))
    for vault in (Vault({"new": KEY, "k": KEY[::-1]}), Vault({"other": KEY}), PLAINTEXT):
        other = copy.copy(world)
        other.app = world.app.other(vault=vault)
        check_error(other, lambda other=other: OPERATIONS[name](other), VaultError)  # type: ignore[misc]


@pytest.mark.proves("T22")
@both
@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
@pytest.mark.parametrize("vault", [None, Vault({"k": KEY})], ids=["plaintext", "sealed"])
def test_events_and_logs(
    runtime: str, operation: Call, vault: Vault | None, caplog: pytest.LogCaptureFixture
) -> None:
    """No event, log or repr of a result contains a secret, even if the handler raises."""
    caplog.set_level(logging.DEBUG)
    world = World(runtime, vault=vault)
    events: list[Event] = []

    def handler(event: Event) -> None:
        events.append(event)
        raise ZeroDivisionError

    world.app = world.app.other(on_event=handler)
    result = operation(world)
    texts = [caplog.text]
    if not isinstance(result, tuple):  # recovery codes are meant to be shown
        texts += [repr(result), f"{result}", repr(vars(result)) if hasattr(result, "__dict__") else ""]
    for event in events:
        texts += [
            repr(event),
            str(event),
            repr(dataclasses.asdict(event)),
            pickle.dumps(event).decode("latin-1"),
        ]
    assert world.leaks(*texts) == []


@pytest.mark.proves("T22")
@pytest.mark.parametrize("vault", [None, Vault({"k": KEY})], ids=["plaintext", "sealed"])
def test_parts(vault: Vault | None) -> None:
    """Nothing that an authenticator consists of or passes on shows a secret in its repr."""
    world, cipher = World("sync", vault=vault), vault or PLAINTEXT
    service, record, device = world.app.auth._service, world.app.record(), world.app.device()
    sealing = Sealing(cipher, WHO)
    parts = [
        *[world.app.auth, service, vars(service), service.records, service._notifier, service._decoy],
        *[cipher, vars(vault) if vault else None, world.driver.store, world.phone, vars(world.phone)],
        *[record, device, record.pending, record.recovery_codes, sealing],
        *[Context(POLICY, 0.0, sealing.open_enrolled), Update(WHO, 0.0, record, record, None)],
        *[sealing.open_enrolled(device.secret), world.pending, world.app.auth.provisioning(WHO)],
    ]
    for part in parts:
        assert world.leaks(repr(part), str(part), f"{part}", repr([part])) == []


@pytest.mark.proves("T22")
def test_pickles() -> None:
    """An object with an open secret cannot be pickled, and what can be pickled contains none."""
    world = World("sync", vault=Vault({"k": KEY}))
    opened = Sealing(Vault({"k": KEY}), WHO).open_enrolled(world.app.device().secret)
    for secret in (world.pending, opened, world.phone):
        check_error(world, lambda secret=secret: pickle.dumps(secret), (TypeError, AttributeError))  # type: ignore[arg-type,misc]
    for plain in (world.app.record(), world.app.auth.status(WHO), world.app.auth.verify(WHO, "x")):
        assert world.leaks(pickle.dumps(plain).decode("latin-1")) == []


def test_leaks_are_found() -> None:
    """Each canary is found where it does occur."""
    world = World("sync")
    stored = world.driver.store.load(WHO) or b""
    world.driver.failing = True
    with pytest.raises(ValueError, match="parameters") as caught:
        world.driver.quoting(stored)
    texts = [world.pending.uri, world.phone.code(), world.recovery[0], BINDING, KEY.decode("latin-1")]
    for text in (*texts, stored.decode(), "".join(texts_of(caught.value))):
        assert world.leaks(f"-{text}-") != []
