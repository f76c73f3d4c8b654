"""A second, naive implementation that shares no code with totpkit, to compare with.

It computes codes with ``hmac.digest`` and slices, and windows with sets.
"""

import hmac
import re
from collections.abc import Callable
from typing import TypeVar

C = TypeVar("C")

STEPS = 2**64
STEAM = "23456789BCDFGHJKMNPQRTVWXY"


def word(raw: bytes, step: int, algorithm: str = "SHA1") -> int:
    """Return the 31 bits of RFC 4226, section 5.3."""
    mac = hmac.digest(raw, step.to_bytes(8, "big"), algorithm.lower())
    offset = int(mac.hex()[-1], 16)
    return int.from_bytes(mac[offset : offset + 4], "big") % 2**31


def decimal(raw: bytes, step: int, digits: int = 6, algorithm: str = "SHA1") -> str:
    """Return the HOTP code of a counter, or the TOTP code of a step."""
    return str(word(raw, step, algorithm))[-digits:].zfill(digits)


def steam(raw: bytes, step: int) -> str:
    """Return the Steam Guard code of a step."""
    number = word(raw, step)
    return "".join(STEAM[number // 26**place % 26] for place in range(5))


def judge(code_at: Callable[[int], C], code: C, low: int, high: int, last_step: int | None) -> int | str:
    """Return the step from *low* to *high* that *code* is accepted for, or why it is rejected."""
    span = high - low + 1
    spent = {step for step in existing(high - 2 * span, high) if last_step is not None and step <= last_step}
    if code in {code_at(step) for step in spent}:
        return "replayed"
    matching = {step for step in existing(low, high) if code_at(step) == code}
    return max(matching) if matching else "mismatch"


def judge_pair(
    code_at: Callable[[int], C], pair: tuple[C, C], low: int, high: int, last_step: int | None
) -> int | str:
    """Return the step from *low* to *high* that two consecutive codes end at, or why there is none."""
    ends = {step for step in existing(low, high) if step > 0 and (code_at(step - 1), code_at(step)) == pair}
    if not ends:
        return "mismatch"
    return "replayed" if last_step is not None and max(ends) - 1 <= last_step else max(ends)


def verify(
    code_at: Callable[[int], str], form: str, typed: str, *, low: int, high: int, last_step: int | None
) -> int | str:
    """Return the result of :func:`judge` for a typed code, whose *form* is a regular expression."""
    code = "".join(character for character in typed if character not in {" ", "-"})
    if re.fullmatch(form, code) is None:
        return "malformed"
    return judge(code_at, code.upper(), low, high, last_step)


def existing(low: int, high: int) -> set[int]:
    """Return the steps from *low* to *high* that a counter of 8 bytes can have."""
    return set(range(max(low, 0), min(high, STEPS - 1) + 1))
