"""What a login can ask for, as classes that an app may add to. Knows nothing of flows.

A :class:`FirstFactor` verifies who somebody is; a :class:`SecondFactor` verifies one thing
more of somebody already known. The two types never mix: that is how TOTP is never first.
"""

from collections.abc import Awaitable
from typing import TypeAlias, TypeVar

from totpkit._account.authenticator import AsyncAuthenticator, Authenticator
from totpkit._account.email_code import HOUR, EmailLimits
from totpkit._bounds import whole, within
from totpkit._letter import EmailTemplate
from totpkit._login.answers import CustomAnswer
from totpkit._login.callbacks import AnswersAccount, AnswersFlag, AnswersText, Callback
from totpkit._login.prompts import CustomPrompt
from totpkit._ports import AsyncMailer, Mailer
from totpkit.errors import FirstFactorError, InvalidParameterError

F = TypeVar("F")

AnyAuthenticator: TypeAlias = Authenticator | AsyncAuthenticator

_ORDER = "a first factor (Password, Federated) goes into the first step alone, and before any second factor"


class FirstFactor:
    """Somebody who verifies a credential. Subclass it to add one: a name, and :meth:`check`.

    ``name`` is what :attr:`Authenticated.factors` says; ``methods`` what RFC 8176 calls it
    (``"pwd"``, ``"hwk"``), if it has a word for it. ``a | b`` offers both.
    """

    name: str = ""
    methods: tuple[str, ...] = ()

    @property
    def alternatives(self) -> tuple["FirstFactor", ...]:
        """The factors of the step: this one, or those that ``|`` has joined."""
        return (self,)

    def prompt(self) -> CustomPrompt | Awaitable[CustomPrompt]:
        """Return what the visitor is asked for; it may take ``context=``.

        It is called whenever the step is shown, again after a reload too.
        """
        return CustomPrompt(self.name)

    def check(self, answer: CustomAnswer) -> str | Awaitable[str | None] | None:
        """Return the account that the answer proves, or ``None``; it may take ``context=``."""
        del answer
        return None

    def calls(self) -> tuple[Callback, ...]:
        """Return what of the app is called."""
        return (self.prompt, self.check)

    def __or__(self, other: "FirstFactor") -> "FirstFactor":
        if not isinstance(other, FirstFactor):
            raise FirstFactorError(_ORDER)
        return _EitherFirst(*self.alternatives, *other.alternatives)


class _EitherFirst(FirstFactor):
    """Several first factors, of which one is enough."""

    def __init__(self, *factors: FirstFactor) -> None:
        self._factors = factors

    @property
    def alternatives(self) -> tuple[FirstFactor, ...]:
        """The factors that ``|`` has joined."""
        return self._factors


class SecondFactor:
    """One thing more, of somebody already known. Subclass it to add one: a name, and :meth:`check`.

    ``name`` and ``methods`` are as in :class:`FirstFactor`. The flow counts the failures, in
    the authenticator of the flow: a factor that stands in a flow without any other names
    one in ``auth``. Single use of an answer is the factor's own task. ``multi`` tells
    whether a login by it, after a first factor, is one by several factors (RFC 8176, ``mfa``).
    """

    name: str = ""
    methods: tuple[str, ...] = ()
    multi: bool = True
    auth: AnyAuthenticator | None = None

    @property
    def alternatives(self) -> tuple["SecondFactor", ...]:
        """The factors of the step: this one, or those that ``|`` has joined."""
        return (self,)

    def offered(self, account_id: str) -> bool | Awaitable[bool]:
        """Return whether the account can use it, as not everybody has a key; it may take ``context=``."""
        del account_id
        return True

    def prompt(self, account_id: str) -> CustomPrompt | Awaitable[CustomPrompt]:
        """Return what the visitor is asked for; it may take ``context=``.

        It is called whenever the step is shown, again after a reload too.
        """
        del account_id
        return CustomPrompt(self.name)

    def check(self, account_id: str, answer: CustomAnswer) -> bool | Awaitable[bool]:
        """Return whether the answer is right for the account; it may take ``context=``."""
        del account_id, answer
        return False

    def calls(self) -> tuple[Callback, ...]:
        """Return what of the app is called."""
        return (self.offered, self.prompt, self.check)

    def __or__(self, other: "SecondFactor") -> "SecondFactor":
        if not isinstance(other, SecondFactor):
            raise FirstFactorError(_ORDER)
        return _EitherSecond(*self.alternatives, *other.alternatives)


class _EitherSecond(SecondFactor):
    """Several second factors, of which one is enough."""

    def __init__(self, *factors: SecondFactor) -> None:
        self._factors = factors

    @property
    def alternatives(self) -> tuple[SecondFactor, ...]:
        """The factors that ``|`` has joined."""
        return self._factors


class Password(FirstFactor):
    """A name and a password, checked by the app.

    ``check_password(username, password)`` returns the account's id, or ``None``; it may
    take ``context=``. Slowing down guesses at passwords is the app's task.
    """

    name = "password"
    methods = ("pwd",)

    def __init__(self, check_password: AnswersAccount) -> None:
        self.check_password = _callable("check_password", check_password)

    def calls(self) -> tuple[Callback, ...]:
        """Return what of the app is called."""
        return (self.check_password,)


class Federated(FirstFactor):
    """A login at an identity provider, which the app has verified before it answers."""

    def __init__(self, provider: str) -> None:
        if not isinstance(provider, str) or not (provider.isascii() and provider.isprintable() and provider):
            raise InvalidParameterError("provider", "must be a short name in ASCII")
        self.provider = provider
        self.name = f"federated:{provider}"

    def calls(self) -> tuple[Callback, ...]:
        """Return what of the app is called: nothing."""
        return ()


class TotpCode(SecondFactor):
    """The code of a phone; for an account without one, its enrollment.

    ``label_of(account_id)`` returns what the phone shows; the account's id stands in for
    it. ``required`` and ``enroll`` say whether an account without a phone may pass without
    it, and whether it is shown a secret now; each a ``bool``, or asked by account id.
    An account that has a phone is always asked for its code. Callables may take ``context=``.

    Whoever passes the steps before it may enroll: where it enrolls, let it be the last step.
    """

    name = "totp"
    methods = ("otp",)

    def __init__(
        self,
        auth: AnyAuthenticator,
        *,
        label_of: AnswersText | None = None,
        required: bool | AnswersFlag = True,
        enroll: bool | AnswersFlag = True,
    ) -> None:
        self.auth = _authenticator(auth)
        self.label_of = _callable("label_of", _id_as_label if label_of is None else label_of)
        self.required = _flag("required", required)
        self.enroll = _flag("enroll", enroll)

    def calls(self) -> tuple[Callback, ...]:
        """Return what of the app is called."""
        flags = [flag for flag in (self.required, self.enroll) if not isinstance(flag, bool)]
        return (self.label_of, *flags)


class RecoveryCode(SecondFactor):
    """A recovery code in place of the phone; only for accounts that have one."""

    name = "recovery"

    def __init__(self, auth: AnyAuthenticator) -> None:
        self.auth = _authenticator(auth)

    def calls(self) -> tuple[Callback, ...]:
        """Return what of the app is called: nothing."""
        return ()


class EmailCode(SecondFactor):
    """A code sent by mail when it is asked for.

    Neither NIST SP 800-63B-4 (section 3.1.3.1) nor OWASP ASVS 5.0 (6.3.6) counts email as an
    authenticator: it never claims ``mfa``. ``address_of(account_id)`` returns the address,
    or ``None``; ``mailer`` sends a :class:`Email` or raises. A code of *digits* (6 to 8)
    works for *lifetime* seconds, at most 600 (NIST SP 800-63B-4, section 3.1.3.2); the next
    can be asked for after *cooldown* seconds, *hourly* of them in an hour, at most five.
    """

    name = "email"
    multi = False

    def __init__(
        self,
        auth: AnyAuthenticator,
        *,
        mailer: Mailer | AsyncMailer,
        address_of: AnswersAccount,
        template: EmailTemplate | None = None,
        digits: int = 6,
        lifetime: float = 600.0,
        cooldown: float = 60.0,
        hourly: int = 5,
    ) -> None:
        self.auth = _authenticator(auth)
        self.mailer = _callable("mailer", mailer)
        self.address_of = _callable("address_of", address_of)
        if not isinstance(template, EmailTemplate | None):
            raise InvalidParameterError("template", f"must be a EmailTemplate, not {type(template).__name__}")
        self.template = template or EmailTemplate()
        self.digits = whole("digits", digits, 6, 8)
        self.terms = EmailLimits(
            lifetime=within("lifetime", lifetime, 60.0, 600.0),
            cooldown=within("cooldown", cooldown, 0.0, HOUR),
            hourly=whole("hourly", hourly, 1, 5),
        )

    def calls(self) -> tuple[Callback, ...]:
        """Return what of the app is called."""
        return (self.address_of, self.mailer)


def _id_as_label(account_id: str) -> str:
    return account_id.replace(":", "/")  # a colon would end the issuer (Key URI format)


def _authenticator(auth: AnyAuthenticator) -> AnyAuthenticator:
    if isinstance(auth, Authenticator | AsyncAuthenticator):
        return auth
    raise InvalidParameterError("auth", f"must be an authenticator, not {type(auth).__name__}")


def _flag(name: str, value: bool | AnswersFlag) -> bool | AnswersFlag:  # noqa: FBT001 - or asked by account id
    if isinstance(value, bool) or callable(value):
        return value
    raise InvalidParameterError(name, f"must be a bool or callable, not {type(value).__name__}")


def _callable(name: str, value: F) -> F:
    if callable(value):
        return value
    raise InvalidParameterError(name, f"must be callable, not {type(value).__name__}")
