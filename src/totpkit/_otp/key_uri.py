"""Read and write key URIs, which authenticator apps scan as QR codes.

The format is described at https://github.com/google/google-authenticator/wiki/Key-Uri-Format.
"""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Self

from totpkit._otp import uri_syntax
from totpkit._otp.hotp import HOTP
from totpkit._otp.secret import Secret
from totpkit._otp.steam import Steam
from totpkit._otp.totp import LONGEST_PERIOD, PERIOD, TOTP
from totpkit._otp.truncation import COUNTERS, DIGITS, Algorithm
from totpkit._validation import checked_int
from totpkit.errors import InvalidParameterError, InvalidSecretError, InvalidURIError

_LONGEST_NUMBER = 30
"""In characters. int() may reject more than 640 (see sys.set_int_max_str_digits)."""


@dataclass(frozen=True, slots=True)
class KeyURI:
    """An ``otpauth://`` URI, which transfers a secret to an authenticator app.

    The app displays the account and the issuer. They must not contain colons or control characters,
    or begin with a space. The account must not be empty, and the URI must not be longer than 4096
    characters. Raises :class:`InvalidParameterError` for values that break these rules, and for
    codes that a key URI cannot describe.

    For HOTP, ``counter`` is the initial counter, which defaults to 0. For all other codes, it must
    be ``None``. Use ``str`` to get the URI. The ``repr`` does not show the secret.
    """

    otp: TOTP | HOTP | Steam
    _: KW_ONLY
    account: str
    issuer: str = ""
    counter: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.otp, TOTP | HOTP | Steam):
            raise InvalidParameterError("otp", f"must be TOTP, HOTP or Steam, not {type(self.otp).__name__}")
        if isinstance(self.otp, HOTP):
            start = 0 if self.counter is None else checked_int("counter", self.counter, 0, COUNTERS - 1)
            object.__setattr__(self, "counter", start)
        elif self.counter is not None:
            raise InvalidParameterError("counter", "must be None for time-based codes")
        uri_syntax.build(
            self.otp.kind, account=self.account, issuer=self.issuer, parameters=self._parameters()
        )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a key URI. Common mistakes by other services are tolerated.

        If the label and the issuer parameter contain different issuers, the parameter takes
        precedence. The account may be empty or contain colons, the secret may be short, and unknown
        parameters are ignored. Raises :class:`InvalidURIError` if the URI is ambiguous or would
        produce wrong codes.
        """
        parts = uri_syntax.read(text)
        otp = _otp(parts.kind, parts.parameters)
        counter = _number(parts.parameters, "counter", range(COUNTERS)) if isinstance(otp, HOTP) else None
        uri = object.__new__(cls)  # the constructor rejects names that other services do write
        values = {"otp": otp, "account": parts.account, "issuer": parts.issuer, "counter": counter}
        for name, value in values.items():
            object.__setattr__(uri, name, value)
        if len(str(uri)) > uri_syntax.LONGEST:  # quoting can make the text longer than it was
            raise InvalidURIError(f"a key URI must have at most {uri_syntax.LONGEST} characters")
        return uri

    def __str__(self) -> str:
        return uri_syntax.write(
            self.otp.kind, account=self.account, issuer=self.issuer, parameters=self._parameters()
        )

    def _parameters(self) -> Mapping[str, str]:
        counter = {} if self.counter is None else {"counter": str(self.counter)}
        return self.otp.uri_parameters() | counter


def _otp(kind: str, parameters: Mapping[str, str]) -> TOTP | HOTP | Steam:
    if kind not in {TOTP.kind, HOTP.kind, Steam.kind}:
        raise InvalidURIError("a key URI must be of type totp, hotp or steam")
    secret = _secret(parameters)
    algorithm = _algorithm(parameters)
    if _is_steam(kind, parameters):
        _number(parameters, "digits", range(5, 6), default=5)
        _number(parameters, "period", range(30, 31), default=30)
        if algorithm is not Algorithm.SHA1:
            raise InvalidURIError("algorithm in a key URI for Steam must be SHA1")
        return Steam(secret)
    digits = _number(parameters, "digits", DIGITS, default=6)
    if kind == HOTP.kind:
        return HOTP(secret, digits=digits, algorithm=algorithm)
    period = _number(parameters, "period", range(1, LONGEST_PERIOD + 1), default=PERIOD)
    return TOTP(secret, digits=digits, algorithm=algorithm, period=period)


def _is_steam(kind: str, parameters: Mapping[str, str]) -> bool:
    encoder = parameters.get("encoder", "steam" if kind == Steam.kind else None)
    if encoder is None:
        return False
    if encoder.lower() != "steam" or kind == HOTP.kind:
        raise InvalidURIError("encoder in a key URI must be steam, and only with type totp or steam")
    return True


def _secret(parameters: Mapping[str, str]) -> Secret:
    try:
        return Secret.from_base32(parameters.get("secret", ""))
    except InvalidSecretError as error:
        problem = str(error)
    # Raised outside the except block, so that no __context__ refers to a frame with the secret.
    raise InvalidURIError(f"a key URI must have a valid secret: {problem}")


def _algorithm(parameters: Mapping[str, str]) -> Algorithm:
    name = parameters.get("algorithm", Algorithm.SHA1.value)
    for algorithm in Algorithm:
        if name.isascii() and name.upper() == algorithm.value:
            return algorithm
    raise InvalidURIError("algorithm in a key URI must be SHA1, SHA256 or SHA512")


def _number(parameters: Mapping[str, str], name: str, allowed: range, default: int | None = None) -> int:
    text = parameters.get(name, "" if default is None else str(default))
    # int() alone accepts a sign, underscores, spaces and the digits of every script.
    plain = text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER
    if plain and int(text) in allowed:
        return int(text)
    bounds = f"{allowed[0]} to {allowed[-1]}"
    raise InvalidURIError(f"{name} in a key URI must be a number from {bounds}, in ASCII digits only")
