"""The credential that a command works on: the text that was read, completed by the options."""

from argparse import Namespace
from dataclasses import dataclass
from typing import Self, TypeVar

from totpkit._cli.console import CommandError
from totpkit._otp.hotp import HOTP
from totpkit._otp.key_uri import KeyURI
from totpkit._otp.secret import Secret
from totpkit._otp.steam import Steam
from totpkit._otp.totp import PERIOD, TOTP
from totpkit._otp.truncation import DIGITS, Algorithm

_T = TypeVar("_T")

MIGRATION = "otpauth-migration:"
"""The beginning of a Google Authenticator export."""

_PARAMETERS = ("digits", "algorithm", "period")


@dataclass(frozen=True, slots=True)
class Credential:
    """A TOTP, HOTP or Steam credential, and its key URI if it was given as one."""

    otp: TOTP | HOTP | Steam
    uri: KeyURI | None

    @classmethod
    def read(cls, text: str, options: Namespace) -> Self:
        """Read *text* as a key URI, or as a base32 secret whose parameters are in *options*.

        Raises :class:`CommandError` for a migration payload and for options that would have no
        effect, and the errors of :class:`KeyURI` and :class:`Secret`.
        """
        if text.startswith(MIGRATION):
            raise CommandError(
                "this is a Google Authenticator export, which may contain several accounts; "
                "use totpkit inspect to read it"
            )
        if ":" in text:
            _refuse(
                options,
                ("hotp", "steam", *_PARAMETERS),
                "cannot be used with a key URI, which sets it already",
            )
            uri = KeyURI.parse(text)
            credential = cls(uri.otp, uri)
        else:
            credential = cls(_otp(Secret.from_base32(text), options), None)
        if isinstance(credential.otp, HOTP):
            _refuse(options, ("period", "at", "watch"), "does not apply to counter-based codes")
        else:
            _refuse(options, ("counter",), "does not apply to time-based codes")
        return credential

    @property
    def counter(self) -> int:
        """The counter that HOTP starts from."""
        return self.uri.counter or 0 if self.uri else 0

    def key_uri(self, options: Namespace) -> KeyURI:
        """Return the key URI. Names and a counter in *options* replace its own."""
        if self.uri is None:
            if options.account is None:
                raise CommandError("--account is required with a base32 secret; the phone shows this name")
            account, issuer, counter = options.account, options.issuer or "", options.counter
            return KeyURI(self.otp, account=account, issuer=issuer, counter=counter)
        if options.account is options.issuer is options.counter is None:
            return self.uri
        return KeyURI(
            self.otp,
            account=_default(options.account, self.uri.account),
            issuer=_default(options.issuer, self.uri.issuer),
            counter=_default(options.counter, self.uri.counter),
        )


def _otp(secret: Secret, options: Namespace) -> TOTP | HOTP | Steam:
    if options.steam:
        _refuse(options, _PARAMETERS, "cannot be changed for Steam Guard codes")
        return Steam(secret)
    digits = _default(options.digits, DIGITS[0])
    algorithm = _default(options.algorithm, Algorithm.SHA1)
    if options.hotp:
        return HOTP(secret, digits=digits, algorithm=algorithm)
    return TOTP(secret, digits=digits, algorithm=algorithm, period=_default(options.period, PERIOD))


def _default(value: _T | None, default: _T) -> _T:
    return default if value is None else value


def _refuse(options: Namespace, names: tuple[str, ...], problem: str) -> None:
    values = vars(options)
    for name in names:
        if values.get(name) is not None and values[name] is not False:
            raise CommandError(f"--{name} {problem}")
