"""Signed strings: tickets for logins in progress, and proofs for completed logins.

Both are signed with itsdangerous. A separate key is derived for each purpose, flow and format version.
"""

import hashlib
import hmac
import json
import logging
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias, TypeGuard

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
"""The maximum number of characters in a signed string. Real ones have a few hundred."""

TICKET_LIFETIME = 600.0
"""Seconds after the first factor. Issuing a new ticket does not extend this time."""

FIRST_STEP_LIFETIME = 86_400.0
"""Seconds until the first factor. A login page may stay open for a day."""

PROOF_LIFETIME = 30 * 86_400.0
"""Seconds for which a proof can begin a step-up, as long as any session should last (NIST SP 800-63B-4,
section 2.1.3: reauthentication at least every 30 days at AAL1)."""

CLOCK_LEEWAY = 60.0
"""Seconds by which the clocks of an app's servers may differ."""

_VERSION = b"1"
"""Included in key derivation. Change it when the format of tickets or proofs changes."""

JSON: TypeAlias = "dict[str, JSON] | list[JSON] | str | float | bool | None"
"""What the decoder returns. An ``int`` counts as a ``float`` here."""

TicketFields: TypeAlias = tuple[str, str, float, int, str, int, str, str, str, int]
ProofFields: TypeAlias = tuple[str, str, float, int, str]

_NUMBER = (float, int)
_TICKET_TYPES: Sequence[type | tuple[type, ...]] = (str, str, _NUMBER, int, str, int, str, str, str, int)
_PROOF_TYPES: Sequence[type | tuple[type, ...]] = (str, str, _NUMBER, int, str)
_STAGES = frozenset(stage.value for stage in ANSWERS)

_log = logging.getLogger("totpkit")

_decode = json.JSONDecoder().decode
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False).encode


class Signature(Unpicklable):
    """Signs JSON values with the first key, and verifies signatures with all keys."""

    __slots__ = ("_signer",)

    def __init__(self, keys: Sequence[bytes]) -> None:
        # itsdangerous signs with the last of its keys, and verifies with all of them.
        self._signer = Signer(keys[::-1], salt=b"", key_derivation="none", digest_method=hashlib.sha256)

    def sign(self, value: Sequence[object]) -> str:
        """Return *value* as a signed string of letters, digits, ``-``, ``_`` and ``.``."""
        return self._signer.sign(base64_encode(_encode(value))).decode("ascii")

    def read(self, text: object) -> JSON:
        """Return the value from a signed string, or ``None`` if the signature is not valid."""
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
    """Derives a separate signing key for each purpose from the application's keys."""

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
        """Derive keys for one purpose. They cannot verify signatures for any other purpose."""
        return self.digests(b"signature", _VERSION, *purpose)

    def digests(self, *parts: bytes) -> list[bytes]:
        """Return one keyed hash of *parts* for each key. Only the first hash should be stored."""
        message = b"totpkit" + framed(*parts)
        return [hmac.digest(key, message, "sha256") for key in self._keys]


def framed(*parts: bytes) -> bytes:
    """Join *parts* so that two different lists of parts never produce the same bytes."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


class Position(NamedTuple):
    """The current position in a login, which is tied to one account after the first factor.

    ``login`` is a random id that is created when the user passes a first factor. A secret or an emailed
    code can be used only in the login that requested it.
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
        """Return the position after the user has passed another factor."""
        enrolled = self.enrolled or self.stage is Stage.ENROLLING
        return self._replace(generation=generation, passed=(*self.passed, name), enrolled=enrolled)

    @property
    def binding(self) -> str:
        """The binding for everything that belongs only to this login."""
        return f"login {self.login}"


class Tickets:
    """Writes and reads tickets for one flow."""

    def __init__(self, signature: Signature) -> None:
        self._signature = signature

    def write(self, at: Position, binding: str) -> str:
        """Return a ticket for a position and a binding."""
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
        """Return the position from a ticket, or the reason to reject the ticket."""
        bound_to = _short_hash(binding)
        fields = self._signature.read(ticket)
        if not _is_ticket(fields):
            return Reason.TICKET_INVALID
        owner, stage, expires_at, step, account_id, generation, login, passed, skipped, flags = fields
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
    """The content of a proof: the account, the factors, the login time and the generation."""

    account_id: str
    factors: tuple[str, ...]
    at: float
    generation: int
    login: str

    @property
    def binding(self) -> str:
        """The binding for self-service operations that belong only to this login."""
        return f"self-service {self.login}"


class Proofs:
    """Writes and reads proofs for one flow."""

    def __init__(self, signature: Signature) -> None:
        self._signature = signature

    def write(self, proof: Proof) -> str:
        """Return a proof as a signed string."""
        factors = " ".join(proof.factors)
        return self._signature.sign((proof.account_id, factors, proof.at, proof.generation, proof.login))

    def read(self, text: object, now: float, lifetime: float) -> Proof | Reason:
        """Read a proof, and reject it if it is invalid or more than *lifetime* seconds old."""
        fields = self._signature.read(text)
        if not _is_proof(fields):
            return Reason.PROOF_INVALID
        account_id, factors, at, generation, login = fields
        # A proof from the future means that our clock was set back; treat it as expired.
        if not -CLOCK_LEEWAY <= now - at <= lifetime:
            return Reason.PROOF_EXPIRED
        return Proof(account_id, tuple(factors.split()), at, generation, login)


def _is_ticket(fields: JSON) -> TypeGuard[TicketFields]:
    # map() because a match statement with ten class patterns takes as long as computing a code.
    return (
        isinstance(fields, list)
        and len(fields) == len(_TICKET_TYPES)
        and all(map(isinstance, fields, _TICKET_TYPES))
        and fields[1] in _STAGES
    )


def _is_proof(fields: JSON) -> TypeGuard[ProofFields]:
    return (
        isinstance(fields, list)
        and len(fields) == len(_PROOF_TYPES)
        and all(map(isinstance, fields, _PROOF_TYPES))
    )


def _short_hash(binding: str) -> str:
    # 128 bits are enough: two bindings of the same browser that collide help nobody.
    return hash_binding(binding)[:16].hex()
