"""What a finished login leaves in the session's hands. Knows nothing of factors or accounts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from totpkit._login.signed import Signature
from totpkit._otp.result import Reason

LIFETIME = 30 * 86_400.0
"""Seconds that a proof can begin a step-up: as long as any session should last (NIST SP 800-63B-4,
section 2.1.3: at AAL1 reauthentication at least every 30 days)."""

LEEWAY = 60.0
"""Seconds by which the clocks of an app's machines may differ."""


class Proof(NamedTuple):
    """Who logged in, when, by what, and with which generation of the credential."""

    account_id: str
    factors: tuple[str, ...]
    at: float
    generation: int
    login: str

    @property
    def owner(self) -> str:
        """The binding of what belongs to this login's self-service alone."""
        return f"self-service {self.login}"


Written: TypeAlias = tuple[str, Sequence[str], float, int, str]
"""A proof as it stands in signed text."""


@dataclass(frozen=True, slots=True)
class Proofs:
    """Writes and reads the proofs of one flow."""

    signature: Signature[Written]

    def write(self, proof: Proof) -> str:
        """Return the proof as signed text."""
        return self.signature.sign(proof)

    def read(self, text: object, now: float, lifetime: float) -> Proof | Reason:
        """Return the proof if it is no older than *lifetime*, or why there is none."""
        written = self.signature.read(text)
        if written is None:
            return Reason.PROOF_INVALID
        account_id, factors, at, generation, login = written
        # One of the far future is of a clock that was set back since: as old as can be.
        if not -LEEWAY <= now - at <= lifetime:
            return Reason.PROOF_EXPIRED
        return Proof(account_id, tuple(factors), at, generation, login)
