"""Canaries: secrets, codes and bindings driven through every way an authenticator can fail or speak."""

import base64
import copy
import dataclasses
import logging
import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import pytest

from tests._otp.test_canaries import told
from tests.support.authenticators import POLICY, WHO, App, both, wrong
from tests.support.fakes import Planted
from totpkit import HOTP, TOTP, Policy, RecordError, Secret, StoreError, TotpkitError, VaultError
from totpkit._account.attempts import Context
from totpkit._account.records import Update
from totpkit._account.sealing import Sealing
from totpkit.stores._failures import answered
from totpkit.stores.memory import MemoryStore
from totpkit.testing import SoftPhone
from totpkit.vault import PLAINTEXT, Vault

T = TypeVar("T")

# Made here, so that no line of source that a traceback quotes holds them.
RAW = bytes(range(65, 85))
SECRET = Secret.from_bytes(RAW)
BINDING = "session-" + str(271828 * 31415)
KEY = bytes(range(96, 128))


def forms(raw: bytes) -> list[str]:
    """Return what bytes look like where they should not stand."""
    text = base64.b32encode(raw).decode().rstrip("=")
    in_base64 = [base64.b64encode(bytes(before) + raw).decode()[4:-4] for before in range(3)]
    return [text, text.lower(), raw.hex(), raw.decode("latin-1"), repr(raw)[2:-1], *in_base64]


def pieces(text: str) -> list[str]:
    """Return parts of a text, each long enough that no ciphertext shows it by chance."""
    # A byte of a repr is up to four characters, and ciphertexts stand in reprs too.
    size = 24 if "\\" in text else 8
    return [text[start : start + size] for start in range(0, max(len(text) - size + 1, 1), 4)]


class Driver:
    """A store whose driver fails, and quotes all that it was given."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.failing = False

    def load(self, account_id: str) -> bytes | None:
        """Load, or fail."""
        return answered(lambda: self.quoting(self.store.load(account_id), account_id), ValueError)

    def swap(self, account_id: str, old: bytes | None, new: bytes | None) -> bool:
        """Swap, or fail."""
        swapped = self.store.swap(account_id, old, new)
        return answered(lambda: self.quoting(swapped, account_id, old, new), ValueError)

    def quoting(self, answer: T, *bound: object) -> T:
        """Return the answer, or fail as drivers do, who tell more than they should."""
        if self.failing:
            raise ValueError("parameters: " + repr(bound) + repr(answer))
        return answer


class World:
    """An account with all the secrets that there are, and the canaries made from them."""

    def __init__(self, colour: str, *, vault: Vault | None = None) -> None:
        store = Driver(MemoryStore())
        self.driver = store
        cipher = PLAINTEXT if vault is None else vault
        self.app = App(colour, store=store, vault=Planted(cipher, RAW))
        self.phone = self.app.enroll()
        self.recovery = self.app.auth.issue_recovery_codes(WHO)
        self.pending = self.app.auth.begin_enrollment(WHO, label="alice", binding=BINDING)
        assert TOTP(SECRET).at(self.app.clock()) == self.phone.code()
        texts = [*forms(RAW), *forms(self.pending.secret.to_bytes()), *forms(KEY), BINDING]
        # A message that quoted a part of a secret would give that part away.
        self.pieces = [piece for text in texts for piece in pieces(text)]
        self.pieces += [piece for code in self.recovery for piece in (code, code.replace("-", ""), code[:9])]
        self.pieces += [self.phone.code(steps) for steps in (0, 1)]

    def leaks(self, text: str) -> list[int]:
        """Return which canaries stand in the text."""
        return [place for place, piece in enumerate(self.pieces) if piece in text]


OPERATIONS: dict[str, Callable[[World], object]] = {
    "begin": lambda world: world.app.auth.begin_enrollment(WHO, label="alice", binding=BINDING),
    "begin elsewhere": lambda world: world.app.auth.begin_enrollment(
        WHO, label="alice", binding=BINDING + "x"
    ),
    "confirm": lambda world: world.app.auth.confirm_enrollment(
        WHO, SoftPhone(world.pending.uri, clock=world.app.clock).code(), binding=BINDING
    ),
    "wrong confirm": lambda world: world.app.auth.confirm_enrollment(
        WHO, world.phone.code(), binding=BINDING
    ),
    "cancel": lambda world: world.app.auth.cancel_enrollment(WHO),
    "import": lambda world: world.app.auth.import_enrollment("acct-2", label="alice", totp=TOTP(SECRET)),
    "import again": lambda world: world.app.auth.import_enrollment(WHO, label="alice", totp=TOTP(SECRET)),
    "verify": lambda world: world.app.auth.verify(WHO, world.phone.code()),
    "wrong code": lambda world: world.app.auth.verify(WHO, wrong(world.phone)),
    "secret as code": lambda world: world.app.auth.verify(WHO, SECRET.to_base32()),
    "resync": lambda world: world.app.auth.resync(WHO, world.phone.code(), world.phone.code(1)),
    "issue": lambda world: world.app.auth.issue_recovery_codes(WHO),
    "redeem": lambda world: world.app.auth.redeem_recovery_code(WHO, world.recovery[0]),
    "secret as recovery code": lambda world: world.app.auth.redeem_recovery_code(WHO, SECRET.to_base32()),
    "status": lambda world: world.app.auth.status(WHO),
    "provisioning": lambda world: world.app.auth.provisioning(WHO),
    "reseal": lambda world: world.app.auth.reseal(WHO),
    "unlock": lambda world: world.app.auth.unlock(WHO),
    "revoke": lambda world: world.app.auth.revoke(WHO),
    "forget": lambda world: world.app.auth.forget(WHO),
}
each_operation = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)

MISTAKES: dict[str, Callable[[World], object]] = {
    "account that is a secret": lambda world: world.app.auth.verify(SECRET.to_base32() + "\n", "000000"),
    "account that is too long": lambda world: world.app.auth.status(SECRET.to_base32() * 20),
    "account that is bytes": lambda world: world.app.auth.unlock(RAW),  # type: ignore[arg-type]
    "account that is a Secret": lambda world: world.app.auth.forget(SECRET),  # type: ignore[arg-type]
    "label that is a secret": lambda world: world.app.auth.begin_enrollment(
        "acct-2", SECRET.to_base32() + ":"
    ),
    "label that is bytes": lambda world: world.app.auth.begin_enrollment("acct-2", label=RAW),  # type: ignore[arg-type]
    "binding that is bytes": lambda world: world.app.auth.begin_enrollment(
        WHO, label="a", binding=BINDING.encode()
    ),  # type: ignore[arg-type]
    "binding with a surrogate": lambda world: world.app.auth.begin_enrollment(
        WHO, label="a", binding=BINDING + "\ud800"
    ),
    "import of a secret": lambda world: world.app.auth.import_enrollment("acct-2", label="a", totp=SECRET),  # type: ignore[arg-type]
    "import of base32": lambda world: world.app.auth.import_enrollment(
        "acct-2", label="a", totp=SECRET.to_base32()
    ),  # type: ignore[arg-type]
    "import of another kind": lambda world: world.app.auth.import_enrollment(
        "acct-2", label="a", totp=HOTP(SECRET)
    ),  # type: ignore[arg-type]
    "import of a t0": lambda world: world.app.auth.import_enrollment(
        "acct-2", label="a", totp=TOTP(SECRET, t0=1)
    ),
    "import by a strict policy": lambda world: world.app.other(
        policy=replace(POLICY, shortest_secret=21, secret_bytes=21)
    ).auth.import_enrollment("acct-2", label="a", totp=TOTP(SECRET)),
    "last step that is a secret": lambda world: world.app.auth.import_enrollment(
        "acct-2",
        "a",
        TOTP(SECRET),
        last_step=SECRET,  # type: ignore[arg-type]
    ),
    "code that is a number": lambda world: world.app.auth.verify(WHO, int(world.phone.code())),  # type: ignore[arg-type]
    "code that is bytes": lambda world: world.app.auth.verify(WHO, world.phone.code().encode()),  # type: ignore[arg-type]
    "recovery code that is bytes": lambda world: world.app.auth.redeem_recovery_code(
        WHO,
        world.recovery[0].encode(),  # type: ignore[arg-type]
    ),
    "vault that is a key": lambda world: world.app.other(vault=KEY),
    "vault of keys": lambda world: world.app.other(vault={"k": KEY}),
    "keys that are a key": lambda _: Vault(KEY),  # type: ignore[arg-type]
    "issuer that is a secret": lambda world: world.app.other(issuer=SECRET.to_base32() + ":"),
    "key id that is a secret": lambda _: Vault({SECRET.to_base32() + "!": KEY}),
    "key of a bad size": lambda _: Vault({"k": KEY[:31]}),
    "key that is text": lambda _: Vault({"k": KEY.decode()}),  # type: ignore[dict-item]
    "policy number that is a secret": lambda _: Policy(digits=SECRET.to_base32()),  # type: ignore[arg-type]
    "policy part that is a secret": lambda _: Policy(window=SECRET),  # type: ignore[arg-type]
    "clock that shows a secret": lambda world: world.app.other(clock=SECRET.to_base32).auth.status(WHO),
    "scan of a secret": lambda world: SoftPhone(SECRET.to_base32(), clock=world.app.clock),
    "scan of another kind": lambda world: SoftPhone(
        world.pending.uri.replace("totp", "hotp") + "&counter=1", clock=world.app.clock
    ),
}

SPOILED: dict[str, Callable[[bytes], bytes]] = {
    "cut short": lambda raw: raw[:-5],
    "not JSON": lambda raw: b"x" + raw,
    "not UTF-8": lambda raw: raw + b"\xff",
    "another version": lambda raw: raw.replace(b'"v":1', b'"v":2'),
    "field of another type": lambda raw: raw.replace(
        b'"failures":0', b'"failures":"' + SECRET.to_base32().encode() + b'"'
    ),
    "field gone": lambda raw: raw.replace(b'"period"', b'"' + SECRET.to_base32().encode() + b'"'),
    "algorithm that is a secret": lambda raw: raw.replace(b"SHA1", SECRET.to_base32().encode()),
    "owner that is a secret": lambda raw: raw.replace(
        b'"owner":"', b'"owner":"' + SECRET.to_base32().encode()
    ),
    "number too long": lambda raw: raw.replace(b'"rev":', b'"rev":' + b"9" * 5000),
}


def check_error(world: World, provoke: Callable[[], object], kind: type[Exception]) -> None:
    """Provoke an error, and look for canaries in all that it, and what it remembers, can be made to say."""
    with pytest.raises(kind) as caught:
        provoke()
    for text in told(caught.value):
        assert world.leaks(text) == []


@pytest.mark.proves("T22")
@both
@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_mistakes(colour: str, mistake: Callable[[World], object]) -> None:
    """No error about what an app passed tells it."""
    world = World(colour)
    check_error(world, lambda: mistake(world), TotpkitError)


@pytest.mark.proves("T22", "T34")
@both
@each_operation
def test_failing_driver(colour: str, operation: Callable[[World], object]) -> None:
    """No StoreError tells what a driver quoted of the record, in plain though it is."""
    world = World(colour)
    world.driver.failing = True
    check_error(world, lambda: operation(world), StoreError)


@pytest.mark.proves("T22", "T32")
@both
@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_spoiled_records(colour: str, spoil: Callable[[bytes], bytes]) -> None:
    """No RecordError tells what stands in the record."""
    world = World(colour)
    stored = world.driver.store.load(WHO)
    assert stored is not None
    assert spoil(stored) != stored
    world.driver.store.swap(WHO, stored, spoil(stored))
    for name in ("verify", "status", "provisioning", "redeem", "begin", "unlock"):
        check_error(world, lambda name=name: OPERATIONS[name](world), RecordError)  # type: ignore[misc]


@pytest.mark.proves("T22", "T36")
@both
@pytest.mark.parametrize("name", ["verify", "resync", "provisioning"])
def test_wrong_keys(colour: str, name: str) -> None:
    """No VaultError tells the key, the sealed secret, or where it was moved from."""
    world = World(colour, vault=Vault({"k": KEY}))
    for vault in (Vault({"k": KEY[::-1]}), Vault({"other": KEY}), PLAINTEXT):
        other = copy.copy(world)
        other.app = world.app.other(vault=vault)
        check_error(other, lambda other=other: OPERATIONS[name](other), VaultError)  # type: ignore[misc]


@pytest.mark.proves("T22", "T36")
@both
def test_lost_keys(colour: str) -> None:
    """Nor does that of sealing anew, for which the key is missing or another by now."""
    world = World(colour, vault=Vault({"k": KEY}))
    for vault in (Vault({"new": KEY, "k": KEY[::-1]}), Vault({"other": KEY}), PLAINTEXT):
        world.app = world.app.other(vault=vault)
        check_error(world, lambda: OPERATIONS["reseal"](world), VaultError)


@pytest.mark.proves("T22")
@both
@each_operation
@pytest.mark.parametrize("sealed", [False, True], ids=["in plain", "sealed"])
def test_told_and_logged(
    colour: str,
    operation: Callable[[World], object],
    sealed: bool,  # noqa: FBT001 - a parameter of the test
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No event, no log, and no repr of any answer tells a secret, also when the handler raises."""
    caplog.set_level(logging.DEBUG)
    world = World(colour, vault=Vault({"k": KEY}) if sealed else None)

    def handler(event: object) -> None:
        world.app.events.append(event)  # type: ignore[arg-type]
        raise ZeroDivisionError

    world.app = world.app.other(on_event=handler)
    answer = operation(world)
    texts = [caplog.text]
    if not isinstance(answer, tuple):  # recovery codes are what they are
        texts += [repr(answer), str(answer), f"{answer}"]
        texts.append(repr(vars(answer)) if hasattr(answer, "__dict__") else "")
    for event in world.app.events:
        texts += [
            repr(event),
            str(event),
            repr(dataclasses.asdict(event)),
            pickle.dumps(event).decode("latin-1"),
        ]
    for text in texts:
        assert world.leaks(text) == []


@pytest.mark.proves("T22")
@pytest.mark.parametrize("sealed", [False, True], ids=["in plain", "sealed"])
def test_parts(sealed: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Nothing that an authenticator is made of, or hands from floor to floor, shows a secret in print."""
    cipher = Vault({"k": KEY}) if sealed else PLAINTEXT
    world = World("sync", vault=cipher if isinstance(cipher, Vault) else None)
    accounts = world.app.auth._accounts
    record = world.app.record()
    assert record.device is not None
    assert record.pending is not None
    sealing = Sealing(cipher, WHO)
    parts = [
        *[world.app.auth, accounts, accounts.ledger, accounts.herald, accounts._decoy, vars(accounts)],
        *[cipher, vars(cipher) if isinstance(cipher, Vault) else None, world.driver.store, world.phone],
        *[vars(world.phone), record, record.device, record.pending, record.recovery_codes, sealing],
        *[Context(POLICY, 0.0, sealing.in_use), Update(WHO, 0.0, record, replace(record), None)],
        *[sealing.in_use(record.device.secret), world.pending, world.app.auth.provisioning(WHO)],
    ]
    for part in parts:
        for text in (repr(part), str(part), f"{part}", repr([part])):
            assert world.leaks(text) == []


@pytest.mark.proves("T22")
def test_pickles() -> None:
    """What holds a secret in the open cannot be pickled; what can be, holds none."""
    world = World("sync", vault=Vault({"k": KEY}))
    record = world.app.record()
    assert record.device is not None
    for held in (world.pending, Sealing(Vault({"k": KEY}), WHO).in_use(record.device.secret), world.phone):
        with pytest.raises((TypeError, AttributeError)) as caught:
            pickle.dumps(held)
        assert world.leaks(str(caught.value)) == []
    for plain in (record, world.app.auth.status(WHO), world.app.auth.verify(WHO, world.phone.code())):
        assert world.leaks(pickle.dumps(plain).decode("latin-1")) == []


def test_canaries_sing() -> None:
    """The canaries are found where they are: what did tell one would be seen."""
    world = World("sync")
    for shown in (world.pending.uri, world.phone.code(), world.recovery[0], BINDING, KEY.decode("latin-1")):
        assert world.leaks(f"-{shown}-") != []
    stored = world.driver.store.load(WHO)
    assert stored is not None
    assert world.leaks(stored.decode()) != []
    world.driver.failing = True
    with pytest.raises(ValueError, match="parameters") as caught:
        world.driver.quoting(stored)
    assert any(world.leaks(text) for text in told(caught.value))
