"""Combine a secret or a key URI with the command-line options that apply to it."""

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
    """A secret with its parameters. The ``uri`` is set only if the user entered a key URI."""

    otp: TOTP | HOTP | Steam
    uri: KeyURI | None

    @classmethod
    def read(cls, text: str, options: Namespace) -> Self:
        """Parse *text*, which can be a key URI or a base32 secret.

        The parameters for a base32 secret come from *options*. Raises :class:`CommandError` if the
        text is a migration payload, or if an option would have no effect. Errors from
        :class:`KeyURI` and :class:`Secret` are not caught.
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
        """The initial HOTP counter."""
        return self.uri.counter or 0 if self.uri else 0

    def key_uri(self, options: Namespace) -> KeyURI:
        """Return the key URI. Names and counters in *options* override those in the URI."""
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
