"""What the tests compare the results of the authenticator with."""

from totpkit import Reason, Rejected

START = 1_700_000_000.0
"""When the clock of an app starts, in Unix seconds."""

STEP = 56_666_666
"""The step at that time."""

MISMATCH, MALFORMED = Rejected(Reason.MISMATCH), Rejected(Reason.MALFORMED)
REPLAYED, EXPIRED = Rejected(Reason.REPLAYED), Rejected(Reason.EXPIRED)
DISABLED, NOT_ENROLLED = Rejected(Reason.DISABLED), Rejected(Reason.NOT_ENROLLED)


def throttled(seconds: float) -> Rejected:
    """Return the answer during a wait."""
    return Rejected(Reason.THROTTLED, retry_after=seconds)
