"""The window: how many time steps before and after the current one are searched for a code."""

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from totpkit._validation import checked_int
from totpkit.errors import InvalidParameterError

WIDEST = 10
"""Steps that a window may have without ``allow_wide=True``."""

_WIDEST_ALLOWED = 1000
"""Steps, about 8 hours of 30 seconds each; each one costs an HMAC and is another code to guess."""


@dataclass(frozen=True, slots=True)
class Window:
    """The number of steps before and after the current one that are searched (RFC 6238, section 5.2).

    ``past`` accepts a code that arrives late, ``future`` a phone whose clock is fast. Each step
    adds a code that a guess can hit. More than 10 steps in all therefore raise
    :class:`InvalidParameterError` unless you pass ``allow_wide=True``, and more than 1000 always do.
    """

    past: int = 1
    future: int = 1
    _: KW_ONLY
    allow_wide: bool = False

    DEFAULT: ClassVar["Window"]
    RFC: ClassVar["Window"]
    ASVS: ClassVar["Window"]

    def __post_init__(self) -> None:
        checked_int("past", self.past, 0, _WIDEST_ALLOWED)
        checked_int("future", self.future, 0, _WIDEST_ALLOWED)
        if not isinstance(self.allow_wide, bool):
            raise InvalidParameterError("allow_wide", f"must be a bool, not {type(self.allow_wide).__name__}")
        widest = _WIDEST_ALLOWED if self.allow_wide else WIDEST
        if self.span > widest:
            hint = "" if self.allow_wide else "; pass allow_wide=True for a wider window"
            raise InvalidParameterError("window", f"must have at most {widest} steps, not {self.span}{hint}")

    @property
    def span(self) -> int:
        """The number of steps searched."""
        return self.past + self.future + 1


Window.DEFAULT = Window(past=1, future=1)  # one step of delay, and a clock up to a step off either way
Window.RFC = Window(past=1, future=0)  # RFC 6238, section 5.2: at most one step for transmission delay
Window.ASVS = Window(past=0, future=0)  # OWASP ASVS 5.0, 6.5.5: the current step alone
