"""Define the window of time steps in which the server searches for a code."""

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from totpkit._validation import checked_int
from totpkit.errors import InvalidParameterError

WIDEST = 10
"""The maximum size of a window in steps, unless ``allow_wide`` is true."""

_WIDEST_ALLOWED = 1000
"""In steps, or about 8 hours. Each step costs an HMAC and gives an attacker one more code to guess."""


@dataclass(frozen=True, slots=True)
class Window:
    """The number of steps to search before and after the current one (RFC 6238, section 5.2).

    ``past`` steps allow for codes that arrive late. ``future`` steps allow for phones with a fast
    clock. Each additional step gives an attacker one more code to guess. Therefore, a window of
    more than 10 steps raises :class:`InvalidParameterError` unless you pass ``allow_wide=True``.
    The limit is then 1000 steps.
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
        """The number of steps in the window."""
        return self.past + self.future + 1


Window.DEFAULT = Window(past=1, future=1)  # one step of delay, and a clock up to a step off either way
Window.RFC = Window(past=1, future=0)  # RFC 6238, section 5.2: at most one step for transmission delay
Window.ASVS = Window(past=0, future=0)  # OWASP ASVS 5.0, 6.5.5: the current step alone
