"""Codes in decimal digits, as HOTP and TOTP have them. Knows nothing of steps or counters."""

from totpkit._bounds import whole
from totpkit._otp.secret import Secret
from totpkit._otp.truncation import Algorithm, NumberAt, Write, compact, truncation

DIGITS = range(6, 9)
"""RFC 4226, section 5.3: at least 6, possibly 7 or 8."""


def decimal_codes(secret: Secret, digits: int, algorithm: Algorithm) -> tuple[NumberAt, Write]:
    """Return what makes and writes codes of *digits* (6 to 8) digits, leading zeros kept.

    Raises :class:`InvalidParameterError` for values of the wrong type or out of range.
    """
    whole("digits", digits, DIGITS[0], DIGITS[-1])
    return truncation(secret, algorithm, 10**digits), f"%0{digits}d".__mod__


def read_decimal(code: object, digits: int) -> int | None:
    """Return the number that a typed code of *digits* ASCII digits writes, or ``None``.

    ``str.isdigit`` alone would admit the digits of every script, and ``int`` a sign,
    underscores and white space besides: many texts for one code.
    """
    typed = compact(code)
    return int(typed) if len(typed) == digits and typed.isascii() and typed.isdigit() else None


def decimal_parameters(secret: Secret, digits: int, algorithm: Algorithm) -> dict[str, str]:
    """Return the parameters of a key URI for such codes, those at their default omitted."""
    parameters = {"secret": secret.to_base32()}
    if algorithm is not Algorithm.SHA1:
        parameters["algorithm"] = algorithm.value
    if digits != DIGITS[0]:
        parameters["digits"] = str(digits)
    return parameters
