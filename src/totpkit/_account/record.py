"""What is stored of an account: one small versioned document. Knows nothing of where.

A record holds no plain secret, binding or recovery code: only what a cipher has sealed,
and hashes.
"""

import json
from dataclasses import dataclass, field
from typing import ClassVar, Self

from totpkit._account.record_json import Document
from totpkit._account.recovery_codes import COSTS, HASH_BYTES, RecoverySet
from totpkit._otp.decimal import DIGITS
from totpkit._otp.secret import Secret
from totpkit._otp.totp import LONGEST_PERIOD, TOTP
from totpkit._otp.truncation import COUNTERS, Algorithm
from totpkit.errors import RecordError

_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False).encode

VERSION = 1
"""Of the document; what is written under it must be readable for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provision:
    """A sealed secret and what a phone was told with it; unchanged for its whole life."""

    sealed: str = field(repr=False)
    digits: int
    algorithm: Algorithm
    period: int
    label: str
    issuer: str

    def codes(self, secret: Secret) -> TOTP:
        """Return the codes of the opened secret, by the parameters stored with it."""
        return TOTP(secret, self.digits, self.algorithm, self.period)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A confirmed enrollment: what verification knows of the phone."""

    provision: Provision
    confirmed_at: float
    last_used_at: float
    last_step: int
    drift: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A secret that was shown and not yet confirmed; ``owner`` is the hash of a binding."""

    provision: Provision
    owner: bytes
    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailed:
    """The codes sent by mail: the last one as a keyed hash, empty once spent; when each of an hour left.

    ``owner`` is the hash of the binding of whoever asked.
    """

    digest: bytes = field(repr=False)
    owner: bytes
    expires_at: float
    sent: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """An account. ``revision`` rises with every write, ``generation`` with all that ends older logins."""

    EMPTY: ClassVar["Record"]

    revision: int = 0
    generation: int = 0
    active: Credential | None = None
    pending: Pending | None = None
    failures: int = 0
    retry_at: float | None = None
    recovery: RecoverySet | None = None
    mailed: Mailed | None = None

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Read a stored record; :class:`RecordError` if it is corrupted or of an unknown version."""
        document = Document.read(raw)
        if document.whole("v") != VERSION:
            raise RecordError(f"a stored record is of another version than {VERSION}")
        active, pending = document.part("active"), document.part("pending")
        recovery, mailed = document.part("recovery"), document.maybe_part("mailed")
        return cls(
            revision=document.whole("rev"),
            generation=document.whole("gen"),
            active=None if active is None else _read_credential(active),
            pending=None if pending is None else _read_pending(pending),
            failures=document.whole("failures"),
            retry_at=document.maybe_time("retry_at"),
            recovery=None if recovery is None else _read_recovery(recovery),
            mailed=None if mailed is None else _read_mailed(mailed),
        )

    def to_bytes(self, *, revision: int) -> bytes:
        """Write the record in the version of today, under the next *revision*."""
        document: dict[str, object] = {
            "v": VERSION,
            "rev": revision,
            "gen": self.generation,
            "active": None if self.active is None else _write_credential(self.active),
            "pending": None if self.pending is None else _write_pending(self.pending),
            "failures": self.failures,
            "retry_at": self.retry_at,
            "recovery": None if self.recovery is None else _write_recovery(self.recovery),
        }
        if self.mailed is not None:
            document["mailed"] = _write_mailed(self.mailed)
        return _encode(document).encode("ascii")


Record.EMPTY = Record()


def _write_provision(provision: Provision) -> dict[str, object]:
    return {
        "sealed": provision.sealed,
        "digits": provision.digits,
        "algorithm": provision.algorithm.value,
        "period": provision.period,
        "label": provision.label,
        "issuer": provision.issuer,
    }


def _read_provision(document: Document) -> Provision:
    return Provision(
        sealed=document.text("sealed"),
        digits=document.whole("digits", DIGITS[0], DIGITS[-1]),
        algorithm=document.choice("algorithm", Algorithm),
        period=document.whole("period", 1, LONGEST_PERIOD),
        label=document.text("label"),
        issuer=document.text("issuer"),
    )


def _write_credential(credential: Credential) -> dict[str, object]:
    return _write_provision(credential.provision) | {
        "confirmed_at": credential.confirmed_at,
        "last_used_at": credential.last_used_at,
        "last_step": credential.last_step,
        "drift": credential.drift,
    }


def _read_credential(document: Document) -> Credential:
    return Credential(
        provision=_read_provision(document),
        confirmed_at=document.time("confirmed_at"),
        last_used_at=document.time("last_used_at"),
        last_step=document.whole("last_step"),
        drift=document.whole("drift", -COUNTERS, COUNTERS),
    )


def _write_pending(pending: Pending) -> dict[str, object]:
    own = {"owner": pending.owner.hex(), "expires_at": pending.expires_at}
    return _write_provision(pending.provision) | own


def _read_pending(document: Document) -> Pending:
    return Pending(
        provision=_read_provision(document),
        owner=document.raw("owner"),
        expires_at=document.time("expires_at"),
    )


def _write_recovery(recovery: RecoverySet) -> dict[str, object]:
    return {
        "salt": recovery.salt.hex(),
        "cost": recovery.cost,
        "unspent": recovery.unspent.hex(),
        "spent": recovery.spent.hex(),
    }


def _read_recovery(document: Document) -> RecoverySet:
    return RecoverySet(
        salt=document.raw("salt"),
        cost=document.whole("cost", *COSTS),
        unspent=document.raw("unspent", HASH_BYTES),
        spent=document.raw("spent", HASH_BYTES),
    )


def _write_mailed(mailed: Mailed) -> dict[str, object]:
    return {
        "digest": mailed.digest.hex(),
        "owner": mailed.owner.hex(),
        "expires_at": mailed.expires_at,
        "sent": mailed.sent,
    }


def _read_mailed(document: Document) -> Mailed:
    return Mailed(
        digest=document.raw("digest", HASH_BYTES),
        owner=document.raw("owner"),
        expires_at=document.time("expires_at"),
        sent=document.times("sent"),
    )
