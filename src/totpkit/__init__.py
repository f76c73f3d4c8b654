"""Two-factor authentication with TOTP (RFC 6238): codes, verification, logins and self-service.

- :class:`TOTP`, :class:`HOTP` and :class:`Steam` generate and verify one-time codes from a
  :class:`Secret`.
- :class:`KeyURI` parses and creates the URIs that authenticator apps scan, and :func:`qr` draws them as
  QR codes.
- :class:`Authenticator` manages a second factor for each account in a store, according to a
  :class:`Policy`.
- :class:`AuthFlow` runs a login in which TOTP never comes first. :class:`SessionLogin` keeps the login in
  a web session, and :class:`SelfService` lets users manage their own second factor.
- The other public modules are ``totpkit.stores``, ``totpkit.vault``, ``totpkit.email``,
  ``totpkit.events``, ``totpkit.migration`` and ``totpkit.testing``.

All names except the errors are imported on first use (PEP 562), which makes ``import totpkit`` fast. Type
checkers read the same names from ``__init__.pyi``.
"""

# pyright: reportUnusedImport=false, reportUnsupportedDunderAll=false

from totpkit.errors import (
    EmailError,
    FirstFactorError,
    FlowError,
    InvalidParameterError,
    InvalidPayloadError,
    InvalidSecretError,
    InvalidURIError,
    RecordError,
    StoreError,
    TotpkitError,
    VaultError,
)

__version__ = "0.1.0"


# Static imports, so that freezers such as PyInstaller find the modules. The names that a function
# imports are its local variables, which is how __getattr__ knows where a name comes from.
def _otp() -> dict[str, object]:
    from totpkit._otp.hotp import HOTP
    from totpkit._otp.key_uri import KeyURI
    from totpkit._otp.qr import QR, qr
    from totpkit._otp.result import Accepted, Reason, Rejected
    from totpkit._otp.secret import Secret
    from totpkit._otp.steam import Steam
    from totpkit._otp.totp import TOTP
    from totpkit._otp.truncation import Algorithm
    from totpkit._otp.window import Window

    return locals()


def _account() -> dict[str, object]:
    from totpkit._account.async_authenticator import AsyncAuthenticator
    from totpkit._account.authenticator import Authenticator
    from totpkit._account.enrollment import Enrollment, Status
    from totpkit._account.policy import Policy
    from totpkit._account.throttle import Throttle
    from totpkit._ports import AsyncStore, Cipher, Store
    from totpkit.email import AsyncMailer, Email, EmailTemplate, Mailer

    return locals()


def _login() -> dict[str, object]:
    from totpkit._login.answers import (
        Answer,
        CodeAnswer,
        CustomAnswer,
        EmailAnswer,
        FederatedAnswer,
        PasswordAnswer,
        RecoveryAnswer,
        SendEmail,
        SkipAnswer,
        VisitorAnswer,
        parse_answer,
    )
    from totpkit._login.async_auth_flow import AsyncAuthFlow
    from totpkit._login.async_self_service import AsyncSelfService
    from totpkit._login.async_session_login import AsyncSessionLogin
    from totpkit._login.auth_flow import AuthFlow
    from totpkit._login.factors import (
        EmailCode,
        Federated,
        FirstFactor,
        Password,
        RecoveryCode,
        SecondFactor,
        TotpCode,
    )
    from totpkit._login.prompts import (
        CodePrompt,
        CustomPrompt,
        EmailPrompt,
        EnrollmentPrompt,
        FederatedPrompt,
        PasswordPrompt,
        Prompt,
        RecoveryPrompt,
    )
    from totpkit._login.results import Authenticated, Challenge, Confirmed, Denied, NewRecoveryCodes
    from totpkit._login.self_service import SelfService
    from totpkit._login.session_login import SessionLogin

    return locals()


_LAZY = {name: load for load in (_otp, _account, _login) for name in load.__code__.co_varnames}

__all__ = [*(name for name in dir() if name.endswith("Error")), *_LAZY]


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals().update(_LAZY[name]())
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
