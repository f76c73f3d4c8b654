"""What a finished login leaves in the session's hands. Knows nothing of factors or accounts."""

from dataclasses import dataclass

from totpkit._outcome import Reason
from totpkit.flow._signing import Signing

LIFETIME = 30 * 86_400.0
"""Seconds that a proof can begin a step-up: as long as any session should last (NIST SP 800-63B-4,
section 2.1.3: at AAL1 reauthentication at least every 30 days)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
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


@dataclass(frozen=True, slots=True)
class Proofs:
    """Writes and reads the proofs of one flow, by its name and shape."""

    signing: Signing
    scope: bytes

    def write(self, proof: Proof) -> str:
        """Return the proof as signed text."""
        payload = [proof.account_id, list(proof.factors), proof.at, proof.generation, proof.login]
        return self.signing.sign(payload, b"proof", self.scope)

    def read(self, text: object, now: float, lifetime: float) -> Proof | Reason:
        """Return the proof if it is no older than *lifetime*, or why there is none."""
        match self.signing.read(text, b"proof", self.scope):
            case [str(account_id), list(factors), float(at), int(generation), str(login)]:
                proof = Proof(
                    account_id=account_id, factors=tuple(factors), at=at, generation=generation, login=login
                )
            case _:
                return Reason.PROOF_INVALID
        # One of the future is of a clock that was set back since: as old as can be.
        return proof if 0 <= now - at <= lifetime else Reason.PROOF_EXPIRED
