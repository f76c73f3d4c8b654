"""The credential that a command works on: what was read, and what the options add to it."""

from argparse import Namespace
from dataclasses import dataclass
from typing import Self, TypeVar

from totpkit._cli.console import CommandError
from totpkit._otp.decimal import DIGITS
from totpkit._otp.hotp import HOTP
from totpkit._otp.key_uri import KeyURI
from totpkit._otp.secret import Secret
from totpkit._otp.steam import Steam
from totpkit._otp.totp import PERIOD, TOTP
from totpkit._otp.truncation import Algorithm

_T = TypeVar("_T")

MIGRATION = "otpauth-migration:"
"""How an export of Google Authenticator begins."""

_PARAMETERS = ("digits", "algorithm", "period")


@dataclass(frozen=True, slots=True)
class Given:
    """Codes, and the key URI that they came from, if it was one."""

    otp: TOTP | HOTP | Steam
    uri: KeyURI | None

    @classmethod
    def read(cls, text: str, options: Namespace) -> Self:
        """Take *text* as a key URI or as a secret in base32, which the *options* complete.

        Raises :class:`CommandError` for options that would have no effect and for a migration
        payload, and the errors of :class:`KeyURI` and :class:`Secret`.
        """
        if text.startswith(MIGRATION):
            raise CommandError(
                "this is an export of Google Authenticator, of one or many accounts; totpkit inspect reads it"
            )
        if ":" in text:
            _refuse(options, ("hotp", "steam", *_PARAMETERS), "cannot stand beside a key URI, which says it")
            uri = KeyURI.parse(text)
            given = cls(uri.otp, uri)
        else:
            given = cls(_completed(Secret.from_base32(text), options), None)
        if isinstance(given.otp, HOTP):
            _refuse(options, ("period", "at", "watch"), "has no meaning for codes that change with a counter")
        else:
            _refuse(options, ("counter",), "has no meaning for codes that change with the clock")
        return given

    @property
    def counter(self) -> int:
        """Where HOTP starts."""
        return self.uri.counter or 0 if self.uri else 0

    def labelled(self, options: Namespace) -> KeyURI:
        """Return the key URI; names and counter among the *options* go before those it had."""
        if self.uri is None:
            if options.account is None:
                raise CommandError("--account is needed with a secret in base32: the phone shows it")
            account, issuer, counter = options.account, options.issuer or "", options.counter
            return KeyURI(self.otp, account=account, issuer=issuer, counter=counter)
        if options.account is options.issuer is options.counter is None:
            return self.uri
        return KeyURI(
            self.otp,
            account=_first(options.account, self.uri.account),
            issuer=_first(options.issuer, self.uri.issuer),
            counter=_first(options.counter, self.uri.counter),
        )


def _completed(secret: Secret, options: Namespace) -> TOTP | HOTP | Steam:
    if options.steam:
        _refuse(options, _PARAMETERS, "is the same for all of Steam's codes")
        return Steam(secret)
    digits = _first(options.digits, DIGITS[0])
    algorithm = _first(options.algorithm, Algorithm.SHA1)
    if options.hotp:
        return HOTP(secret, digits, algorithm)
    return TOTP(secret, digits, algorithm, _first(options.period, PERIOD))


def _first(value: _T | None, otherwise: _T) -> _T:
    return otherwise if value is None else value


def _refuse(options: Namespace, names: tuple[str, ...], problem: str) -> None:
    given = vars(options)
    for name in names:
        if given.get(name) is not None and given[name] is not False:
            raise CommandError(f"--{name} {problem}")
