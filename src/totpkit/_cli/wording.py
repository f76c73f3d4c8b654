"""How codes and answers are said to people. Knows nothing of where they are shown."""

import math

from totpkit._otp.result import Accepted, Reason, Rejected
from totpkit._otp.time_based import Timed

_EXPLANATIONS = {
    Reason.MALFORMED: " (not the form of such a code)",
    Reason.MISMATCH: " (not a code that is due)",
    Reason.REPLAYED: " (a code is good for one use)",
}


def verdict(outcome: Accepted | Rejected) -> str:
    """Say what a verification answered, and what to keep of it."""
    if isinstance(outcome, Accepted):
        return f"accepted: step {outcome.step}, drift {outcome.drift}"
    return f"rejected: {outcome.reason}{_EXPLANATIONS.get(outcome.reason, '')}"


def seconds_left(otp: Timed, time: float) -> str:
    """Say how long the code of *time* lasts, in whole seconds begun."""
    return f"{math.ceil(otp.remaining(time))} s left"


def printable(text: str) -> str:
    """Write what a stranger may have chosen so that a terminal shows it as it is.

    Characters that move others about, or cannot be seen, are written as escapes.
    """
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )
