"""The end of a login. Knows nothing of how it was reached."""

from dataclasses import dataclass

from totpkit._login.proof import Proof, Proofs
from totpkit._login.results import Authenticated
from totpkit._login.steps import Plan
from totpkit._login.ticket import Position
from totpkit._login.transitions import Event, after
from totpkit._login.visit import Visit


@dataclass(frozen=True, slots=True)
class Finish:
    """Says who has logged in, with a proof."""

    plan: Plan
    proofs: Proofs

    def authenticated(self, visit: Visit, passed: Position, failures: int) -> Authenticated:
        """Return the result of a login whose steps are all passed."""
        after(passed.stage, Event.COMPLETE)
        proof = Proof(
            account_id=passed.account_id,
            factors=passed.passed,
            at=visit.now,
            generation=passed.generation,
            login=passed.login,
        )
        return Authenticated(
            account_id=passed.account_id,
            factors=passed.passed,
            methods=self.plan.methods(passed.passed),
            enrolled=passed.enrolled,
            skipped=passed.skipped,
            failures=failures,
            at=visit.now,
            proof=self.proofs.write(proof),
        )
