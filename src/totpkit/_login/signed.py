"""Signed text: the tickets of logins in progress, and the proofs of finished ones.

Both are signed with itsdangerous, under keys that are derived for one purpose, one flow and one
version of the format.
"""

import hashlib
import hmac
import json
import logging
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from itsdangerous import BadData, Signer
from itsdangerous.encoding import base64_decode, base64_encode

from totpkit._account.enrollment import hash_binding
from totpkit._login.transitions import ANSWERS, Stage
from totpkit._otp.result import Reason
from totpkit._unpicklable import Unpicklable
from totpkit.errors import InvalidParameterError

MIN_KEY_BYTES = 32
"""The shortest signing key: as many bytes as SHA-256 returns (RFC 2104, section 3)."""

MAX_LENGTH = 4096
"""Characters of the longest text that is read. Ours have a few hundred."""

TICKET_LIFETIME = 600.0
"""Seconds from the first factor, however often the ticket is reissued."""

FIRST_STEP_LIFETIME = 86_400.0
"""Seconds before that. A login page may stay open for a day."""

PROOF_LIFETIME = 30 * 86_400.0
"""Seconds for which a proof can begin a step-up, as long as any session should last (NIST SP 800-63B-4,
section 2.1.3: reauthentication at least every 30 days at AAL1)."""

CLOCK_LEEWAY = 60.0
"""Seconds by which the clocks of an app's servers may differ."""

_VERSION = b"1"
"""Part of the purpose that keys are derived for. Change it with the format of tickets or proofs."""

JSON: TypeAlias = "dict[str, JSON] | list[JSON] | str | float | bool | None"
"""What the decoder returns. An ``int`` counts as a ``float`` here."""

_TICKET_FIELDS, _PROOF_FIELDS = 10, 5
_STAGES = frozenset(stage.value for stage in ANSWERS)

_log = logging.getLogger("totpkit")

_decode = json.JSONDecoder().decode
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False).encode


class Signature(Unpicklable):
    """Signs JSON values for one purpose with the first key. Every key verifies."""

    __slots__ = ("_signer",)

    def __init__(self, keys: Sequence[bytes]) -> None:
        # itsdangerous signs with the last of its keys, and verifies with all of them.
        self._signer = Signer(keys[::-1], salt=b"", key_derivation="none", digest_method=hashlib.sha256)

    def sign(self, value: Sequence[object]) -> str:
        """Return *value* as readable, signed text of letters, digits, ``-``, ``_`` and ``.``."""
        return self._signer.sign(base64_encode(_encode(value))).decode("ascii")

    def read(self, text: object) -> JSON:
        """Return what was signed, or ``None`` for any other text."""
        if not isinstance(text, str) or len(text) > MAX_LENGTH or not text.isascii():
            return None
        try:
            signed = self._signer.unsign(text)
            mac = text[text.rindex(".") + 1 :].encode("ascii")
            if base64_encode(base64_decode(mac)) != mac:  # base64 can spell the same bytes in several ways
                return None
            value: JSON = _decode(base64_decode(signed).decode("ascii"))
        except (BadData, ValueError, RecursionError):  # a bad signature, or what another version signed
            return None
        return value


class SigningKeys(Unpicklable):
    """The app's signing keys, from which a key is derived for each purpose."""

    __slots__ = ("_keys",)

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not isinstance(keys, list | tuple) or not keys:
            raise InvalidParameterError(
                "keys", "must be a list of at least one signing key, the newest first"
            )
        if not all(isinstance(key, bytes) and len(key) >= MIN_KEY_BYTES for key in keys):
            raise InvalidParameterError(
                "keys", f"must be bytes, {MIN_KEY_BYTES} or more for each key, as from os.urandom(32)"
            )
        self._keys = tuple(keys)

    def derive(self, *purpose: bytes) -> list[bytes]:
        """Return keys for one purpose. They do not verify what was signed for another one."""
        return self.digests(b"signature", _VERSION, *purpose)

    def digests(self, *parts: bytes) -> list[bytes]:
        """Return keyed hashes of *parts*, one for each key. The first one is the one to store."""
        message = b"totpkit" + framed(*parts)
        return [hmac.digest(key, message, "sha256") for key in self._keys]


def framed(*parts: bytes) -> bytes:
    """Join parts so that different lists of parts never give the same bytes."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


class Position(NamedTuple):
    """How far a login has come. After the first factor it belongs to one account and credential.

    ``login`` is random, and new whenever a first factor passes. A secret that was shown to a login,
    or a code that was emailed to it, belongs to that login alone.
    """

    stage: Stage
    expires_at: float
    step: int = 0
    account_id: str = ""
    generation: int = 0
    login: str = ""
    passed: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    enrolled: bool = False
    stepping_up: bool = False

    def after_factor(self, name: str, generation: int) -> "Position":
        """Return the position after one more factor. The credential may have changed with it."""
        enrolled = self.enrolled or self.stage is Stage.ENROLLING
        return self._replace(generation=generation, passed=(*self.passed, name), enrolled=enrolled)

    @property
    def binding(self) -> str:
        """The binding of everything that belongs to this login alone."""
        return f"login {self.login}"


class Tickets:
    """Writes and reads the tickets of one flow."""

    def __init__(self, signature: Signature) -> None:
        self._signature = signature

    def write(self, at: Position, binding: str) -> str:
        """Return the ticket of a position, for one binding."""
        return self._signature.sign(
            (
                _short_hash(binding),
                at.stage.value,
                at.expires_at,
                at.step,
                at.account_id,
                at.generation,
                at.login,
                " ".join(at.passed),
                " ".join(at.skipped),
                at.enrolled + 2 * at.stepping_up,
            )
        )

    def read(self, ticket: object, binding: str, now: float) -> Position | Reason:
        """Return the position, or the reason to reject the ticket."""
        bound_to = _short_hash(binding)
        value = self._signature.read(ticket)
        # Explicit checks, because a match statement with ten class patterns takes as long as a code.
        if not isinstance(value, list) or len(value) != _TICKET_FIELDS:
            return Reason.TICKET_INVALID
        owner, stage, expires_at, step, account_id, generation, login, passed, skipped, flags = value
        if not (
            isinstance(owner, str)
            and isinstance(stage, str)
            and isinstance(expires_at, float | int)
            and isinstance(step, int)
            and isinstance(account_id, str)
            and isinstance(generation, int)
            and isinstance(login, str)
            and isinstance(passed, str)
            and isinstance(skipped, str)
            and isinstance(flags, int)
            and stage in _STAGES
        ):
            return Reason.TICKET_INVALID
        if owner != bound_to:
            # The ticket was carried to another browser, or the app has made a mistake that is hard to find.
            _log.info(
                "a ticket was rejected because it was issued for another binding; "
                "pass the same binding to begin, resume and submit"
            )
            return Reason.TICKET_INVALID
        if now >= expires_at:
            return Reason.TICKET_EXPIRED
        return Position(
            Stage(stage),
            expires_at,
            step,
            account_id,
            generation,
            login,
            tuple(passed.split()),
            tuple(skipped.split()),
            enrolled=bool(flags & 1),
            stepping_up=bool(flags & 2),
        )


class Proof(NamedTuple):
    """Who logged in, when, with which factors, and with which generation of the credential."""

    account_id: str
    factors: tuple[str, ...]
    at: float
    generation: int
    login: str

    @property
    def binding(self) -> str:
        """The binding of everything that belongs to this login's self-service alone."""
        return f"self-service {self.login}"


class Proofs:
    """Writes and reads the proofs of one flow."""

    def __init__(self, signature: Signature) -> None:
        self._signature = signature

    def write(self, proof: Proof) -> str:
        """Return the proof as signed text."""
        factors = " ".join(proof.factors)
        return self._signature.sign((proof.account_id, factors, proof.at, proof.generation, proof.login))

    def read(self, text: object, now: float, lifetime: float) -> Proof | Reason:
        """Return the proof if it is at most *lifetime* seconds old, or the reason to reject it."""
        value = self._signature.read(text)
        if not isinstance(value, list) or len(value) != _PROOF_FIELDS:
            return Reason.PROOF_INVALID
        account_id, factors, at, generation, login = value
        if not (
            isinstance(account_id, str)
            and isinstance(factors, str)
            and isinstance(at, float | int)
            and isinstance(generation, int)
            and isinstance(login, str)
        ):
            return Reason.PROOF_INVALID
        # A proof from the future means that our clock was set back; treat it as expired.
        if not -CLOCK_LEEWAY <= now - at <= lifetime:
            return Reason.PROOF_EXPIRED
        return Proof(account_id, tuple(factors.split()), at, generation, login)


def _short_hash(binding: str) -> str:
    # 128 bits are enough: two bindings of the same browser that collide help nobody.
    return hash_binding(binding)[:16].hex()
