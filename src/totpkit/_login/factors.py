"""The factors that a login can ask for. Applications can define their own factors.

A :class:`FirstFactor` identifies the user. A :class:`SecondFactor` adds another check for an account that
is already known. The two types cannot be mixed in one step, so TOTP can never come first.
"""

from collections.abc import Awaitable, Sequence
from typing import NamedTuple, TypeAlias

from totpkit._account.async_authenticator import AsyncAuthenticator
from totpkit._account.authenticator import Authenticator
from totpkit._account.email_code import HOUR, EmailLimits
from totpkit._login.answers import CustomAnswer
from totpkit._login.callbacks import AddressOf, Callback, CheckPassword, FlagOf, LabelOf
from totpkit._login.prompts import CustomPrompt
from totpkit._otp.secret import Secret
from totpkit._validation import checked_callback, checked_int, checked_number
from totpkit.email import AsyncMailer, EmailTemplate, Mailer
from totpkit.errors import FirstFactorError, InvalidParameterError

AnyAuthenticator: TypeAlias = Authenticator | AsyncAuthenticator

_ORDER = "a first factor (Password, Federated) must be in the first step, and a second factor in a later one"


class AppCallback(NamedTuple):
    """An application function that a factor calls, with the names of its positional arguments."""

    name: str
    function: Callback
    arguments: tuple[str, ...]


class FirstFactor:
    """A factor that identifies the user. To create your own, define a ``name`` and :meth:`check`.

    ``name`` appears in :attr:`Authenticated.factors`. ``methods`` contains the matching RFC 8176 values
    (``"pwd"``, ``"hwk"``), if there are any. Use ``a | b`` to offer a choice of two factors in one step.
    """

    name: str = ""
    methods: tuple[str, ...] = ()

    @property
    def alternatives(self) -> tuple["FirstFactor", ...]:
        """The factors that the user can choose from in this step."""
        return (self,)

    def prompt(self) -> CustomPrompt | Awaitable[CustomPrompt]:
        """Return the prompt. This method can take a ``context`` keyword argument.

        The method is called each time the login step is shown, including when the page is reloaded.
        """
        return CustomPrompt(self.name)

    def check(self, answer: CustomAnswer) -> str | Awaitable[str | None] | None:
        """Return the account id if the answer is correct, or ``None``. Can take a ``context`` argument."""
        del answer
        return None

    def callbacks(self) -> Sequence[AppCallback]:
        """Return the application functions that this factor calls."""
        return [AppCallback("prompt", self.prompt, ()), AppCallback("check", self.check, ("answer",))]

    def __or__(self, other: "FirstFactor") -> "FirstFactor":
        if not isinstance(other, FirstFactor):
            raise FirstFactorError(_ORDER)
        return _EitherFirst(*self.alternatives, *other.alternatives)


class _EitherFirst(FirstFactor):
    """A choice between several first factors."""

    def __init__(self, *factors: FirstFactor) -> None:
        self._factors = factors

    @property
    def alternatives(self) -> tuple[FirstFactor, ...]:
        """The factors joined with ``|``."""
        return self._factors


class SecondFactor:
    """A factor for a known account. To create your own, define a ``name`` and :meth:`check`.

    ``name`` and ``methods`` work as in :class:`FirstFactor`. An authenticator must count failed attempts,
    so set ``auth`` if the flow has no other second factor. The factor itself must make sure that each
    answer works only once. ``multi`` says whether a login with this factor counts as multi-factor
    authentication (``mfa`` in RFC 8176).
    """

    name: str = ""
    methods: tuple[str, ...] = ()
    multi: bool = True
    auth: AnyAuthenticator | None = None

    @property
    def alternatives(self) -> tuple["SecondFactor", ...]:
        """The factors that the user can choose from in this step."""
        return (self,)

    def offered(self, account_id: str) -> bool | Awaitable[bool]:
        """Return whether the account can use this factor. Can take a ``context`` argument."""
        del account_id
        return True

    def prompt(self, account_id: str) -> CustomPrompt | Awaitable[CustomPrompt]:
        """Return the prompt. This method can take a ``context`` keyword argument.

        The method is called each time the login step is shown, including when the page is reloaded.
        """
        del account_id
        return CustomPrompt(self.name)

    def check(self, account_id: str, answer: CustomAnswer) -> bool | Awaitable[bool]:
        """Return whether the answer is correct. Can take a ``context`` argument."""
        del account_id, answer
        return False

    def callbacks(self) -> Sequence[AppCallback]:
        """Return the application functions that this factor calls."""
        return [
            AppCallback("offered", self.offered, ("account_id",)),
            AppCallback("prompt", self.prompt, ("account_id",)),
            AppCallback("check", self.check, ("account_id", "answer")),
        ]

    def __or__(self, other: "SecondFactor") -> "SecondFactor":
        if not isinstance(other, SecondFactor):
            raise FirstFactorError(_ORDER)
        return _EitherSecond(*self.alternatives, *other.alternatives)


class _EitherSecond(SecondFactor):
    """A choice between several second factors."""

    def __init__(self, *factors: SecondFactor) -> None:
        self._factors = factors

    @property
    def alternatives(self) -> tuple[SecondFactor, ...]:
        """The factors joined with ``|``."""
        return self._factors


class Password(FirstFactor):
    """A username and a password, which your app checks.

    ``check_password(username, password)`` returns the account id, or ``None`` if they are wrong. It can
    also take a ``context`` keyword argument. Your app must limit the number of password guesses itself.
    Raises :class:`InvalidParameterError` if the function cannot be called with two arguments.
    """

    name = "password"
    methods = ("pwd",)

    def __init__(self, check_password: CheckPassword) -> None:
        self.check_password = checked_callback("check_password", check_password, "username", "password")

    def callbacks(self) -> Sequence[AppCallback]:
        """Return the application functions that this factor calls."""
        return [AppCallback("check_password", self.check_password, ("username", "password"))]


class Federated(FirstFactor):
    """A login through an identity provider. Your app must verify the login before it submits an answer."""

    def __init__(self, provider: str) -> None:
        if not isinstance(provider, str) or not (provider.isascii() and provider.isprintable() and provider):
            raise InvalidParameterError("provider", "must be a short name in ASCII")
        self.provider = provider
        self.name = f"federated:{provider}"

    def callbacks(self) -> Sequence[AppCallback]:
        """Return an empty list, because this factor calls no functions."""
        return []


class TotpCode(SecondFactor):
    """A code from an authenticator app. Users without a device can enroll one during the login.

    ``label_of(account_id)`` returns the name that the authenticator app shows for the account, by default
    the account id. ``required`` says whether an account without a device must enroll one, and ``enroll``
    says whether it can. Both ``required`` and ``enroll`` can be a ``bool`` or a function that takes the
    account id. Accounts with a device are always asked for a code. All functions can take a ``context``
    keyword argument.

    Anyone who has passed the earlier steps can enroll a device, so make this the last step of a flow with
    enrollment. Raises :class:`InvalidParameterError` if a value has the wrong type.
    """

    name = "totp"
    methods = ("otp",)

    def __init__(
        self,
        auth: AnyAuthenticator,
        *,
        label_of: LabelOf | None = None,
        required: bool | FlagOf = True,
        enroll: bool | FlagOf = True,
    ) -> None:
        self.auth = _checked_authenticator(auth)
        self.label_of: LabelOf = checked_callback(
            "label_of", _default_label if label_of is None else label_of, "account_id"
        )
        self.required = _checked_flag("required", required)
        self.enroll = _checked_flag("enroll", enroll)

    def callbacks(self) -> Sequence[AppCallback]:
        """Return the application functions that this factor calls."""
        functions = {"label_of": self.label_of, "required": self.required, "enroll": self.enroll}
        return [
            AppCallback(name, function, ("account_id",))
            for name, function in functions.items()
            if not isinstance(function, bool)
        ]


class RecoveryCode(SecondFactor):
    """A recovery code, for users who do not have their device at hand. Requires an enrolled device."""

    name = "recovery"

    def __init__(self, auth: AnyAuthenticator) -> None:
        self.auth = _checked_authenticator(auth)

    def callbacks(self) -> Sequence[AppCallback]:
        """Return an empty list, because this factor calls no functions."""
        return []


class EmailCode(SecondFactor):
    """A code that is sent by email when the user requests it.

    Neither NIST SP 800-63B-4 (section 3.1.3.1) nor OWASP ASVS 5.0 (6.3.6) accepts email as an
    authenticator, so an emailed code never counts as ``mfa``. ``address_of(account_id)`` returns the
    email address, or ``None``. ``mailer`` sends an :class:`Email`, or raises an exception if that fails.
    Both functions can take a ``context`` argument. *digits* is the length of the code (6 to 8).
    *lifetime* is the number of seconds for which the code is valid (60 to 600; NIST SP 800-63B-4, section
    3.1.3.2). After *cooldown* seconds, the user can request another code. The number of codes per hour is
    limited to *hourly* (1 to 5).
    """

    name = "email"
    multi = False

    def __init__(
        self,
        auth: AnyAuthenticator,
        *,
        mailer: Mailer | AsyncMailer,
        address_of: AddressOf,
        template: EmailTemplate | None = None,
        digits: int = 6,
        lifetime: float = 600.0,
        cooldown: float = 60.0,
        hourly: int = 5,
    ) -> None:
        self.auth = _checked_authenticator(auth)
        self.mailer = checked_callback("mailer", mailer, "email")
        self.address_of: AddressOf = checked_callback("address_of", address_of, "account_id")
        if not isinstance(template, EmailTemplate | None):
            raise InvalidParameterError(
                "template", f"must be an EmailTemplate, not {type(template).__name__}"
            )
        self.template = template or EmailTemplate()
        self.digits = checked_int("digits", digits, 6, 8)
        self.limits = EmailLimits(
            lifetime=checked_number("lifetime", lifetime, 60.0, 600.0),
            cooldown=checked_number("cooldown", cooldown, 0.0, HOUR),
            hourly=checked_int("hourly", hourly, 1, 5),
        )

    def callbacks(self) -> Sequence[AppCallback]:
        """Return the application functions that this factor calls."""
        return [
            AppCallback("address_of", self.address_of, ("account_id",)),
            AppCallback("mailer", self.mailer, ("email",)),
        ]


def _default_label(account_id: str) -> str:
    return account_id.replace(":", "/")  # in a key URI, a colon would end the issuer


def _checked_authenticator(auth: AnyAuthenticator) -> AnyAuthenticator:
    if isinstance(auth, Authenticator | AsyncAuthenticator):
        return auth
    hint = "; did you mean TOTP(secret)?" if isinstance(auth, Secret) else ""
    raise InvalidParameterError("auth", f"must be an authenticator, not {type(auth).__name__}{hint}")


def _checked_flag(name: str, flag: bool | FlagOf) -> bool | FlagOf:  # noqa: FBT001 - the app's own setting
    if isinstance(flag, bool):
        return flag
    if not callable(flag):
        raise InvalidParameterError(name, f"must be a bool or callable, not {type(flag).__name__}")
    checked: FlagOf = checked_callback(name, flag, "account_id")
    return checked
