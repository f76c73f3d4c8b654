"""Clocks, and what counts as a time. Knows nothing of steps.

A time is Unix seconds, ``int`` or ``float``. A clock is anything that returns one.
"""

import math
from collections.abc import Callable

from totpkit._bounds import shown
from totpkit.errors import InvalidParameterError

Clock = Callable[[], float]
"""Returns the time in Unix seconds; :func:`time.time` is one."""


def whole_seconds(time: object) -> int:
    """Return the last whole second at or before *time*.

    Raises :class:`InvalidParameterError` for anything but a finite ``int`` or ``float``
    of 0 or more. A ``datetime`` is refused because a naive one names no moment.
    """
    wanted = "must be Unix seconds, an int or a finite float of 0 or more"
    if isinstance(time, bool) or not isinstance(time, int | float):
        hint = "; pass its .timestamp()" if hasattr(time, "timestamp") else ""
        raise InvalidParameterError("time", f"{wanted}, not {shown(time)}{hint}")
    if not 0 <= time < math.inf:
        raise InvalidParameterError("time", f"{wanted}, not {shown(time)}")
    return math.floor(time)
