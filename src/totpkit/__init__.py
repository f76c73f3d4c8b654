"""TOTP as a second factor: codes, verification, and what is hard about them.

Where to begin:

- :class:`TOTP` and :class:`HOTP` make and verify the codes of a :class:`Secret`, and so does
  :class:`Steam`.
- :class:`KeyURI` reads and writes what a phone scans; :func:`qr` draws it.
- :class:`Authenticator`, or :class:`AsyncAuthenticator`, keeps one credential an account in a store: it
  enrolls, verifies each code once, slows guessing down, and issues recovery codes, by a :class:`Policy`.
- :class:`AuthFlow`, or :class:`AsyncAuthFlow`, is a login in which TOTP is never the first factor;
  :class:`SessionLogin` keeps it in a web app's session, and :class:`SelfService` is what its users may do
  in "my account".
- ``totpkit.stores`` has the stores, ``totpkit.vault`` seals what is in them, ``totpkit.mail`` sends codes,
  ``totpkit.events`` tells what happened, ``totpkit.migration`` reads exports, and ``totpkit.testing`` helps
  to test.

All but the errors is imported on first use (PEP 562): the standard library's modules
behind it cost most of what an import costs. ``__init__.pyi`` tells type checkers the same.
"""

from importlib import import_module

from totpkit.errors import (
    FirstFactorError,
    FlowError,
    InvalidParameterError,
    InvalidPayloadError,
    InvalidSecretError,
    InvalidURIError,
    MailError,
    RecordError,
    StoreError,
    TotpkitError,
    VaultError,
)

__all__ = [
    "HOTP",
    "QR",
    "TOTP",
    "Accepted",
    "Algorithm",
    "Answer",
    "AsyncAuthFlow",
    "AsyncAuthenticator",
    "AsyncMailer",
    "AsyncSelfService",
    "AsyncSessionLogin",
    "AsyncStore",
    "AuthFlow",
    "Authenticated",
    "Authenticator",
    "Challenge",
    "Cipher",
    "CodeAnswer",
    "CodePrompt",
    "Confirmed",
    "CustomAnswer",
    "CustomPrompt",
    "Denied",
    "EmailAnswer",
    "EmailPrompt",
    "EmailedCode",
    "Enrollment",
    "EnrollmentPrompt",
    "Federated",
    "FederatedAnswer",
    "FederatedPrompt",
    "FirstFactor",
    "FirstFactorError",
    "FlowError",
    "InvalidParameterError",
    "InvalidPayloadError",
    "InvalidSecretError",
    "InvalidURIError",
    "KeyURI",
    "Mail",
    "MailError",
    "MailTemplate",
    "Mailer",
    "NewRecoveryCodes",
    "Password",
    "PasswordAnswer",
    "PasswordPrompt",
    "Policy",
    "Prompt",
    "Reason",
    "RecordError",
    "RecoveryAnswer",
    "RecoveryCode",
    "RecoveryPrompt",
    "Rejected",
    "SecondFactor",
    "Secret",
    "SelfService",
    "SendEmail",
    "SessionLogin",
    "SkipAnswer",
    "Status",
    "Steam",
    "Store",
    "StoreError",
    "Throttle",
    "Totp",
    "TotpkitError",
    "VaultError",
    "VisitorAnswer",
    "Window",
    "parse_answer",
    "qr",
]

_HOMES = {
    "HOTP": "_hotp",
    "QR": "_qr",
    "TOTP": "_totp",
    "Accepted": "_outcome",
    "Algorithm": "_codes",
    "Answer": "flow._answers",
    "AsyncAuthFlow": "flow._flows",
    "AsyncAuthenticator": "_authenticator",
    "AsyncMailer": "_ports",
    "AsyncSelfService": "flow._self_service",
    "AsyncSessionLogin": "flow._session_login",
    "AsyncStore": "_ports",
    "AuthFlow": "flow._flows",
    "Authenticated": "flow._results",
    "Authenticator": "_authenticator",
    "Challenge": "flow._results",
    "Cipher": "_ports",
    "CodeAnswer": "flow._answers",
    "CodePrompt": "flow._prompts",
    "Confirmed": "flow._desk",
    "CustomAnswer": "flow._answers",
    "CustomPrompt": "flow._prompts",
    "Denied": "flow._results",
    "EmailAnswer": "flow._answers",
    "EmailPrompt": "flow._prompts",
    "EmailedCode": "flow._factors",
    "Enrollment": "_enrollment",
    "EnrollmentPrompt": "flow._prompts",
    "Federated": "flow._factors",
    "FederatedAnswer": "flow._answers",
    "FederatedPrompt": "flow._prompts",
    "FirstFactor": "flow._factors",
    "KeyURI": "_keyuri",
    "Mail": "_letter",
    "MailTemplate": "_letter",
    "Mailer": "_ports",
    "NewRecoveryCodes": "flow._desk",
    "Password": "flow._factors",
    "PasswordAnswer": "flow._answers",
    "PasswordPrompt": "flow._prompts",
    "Policy": "_policy",
    "Prompt": "flow._prompts",
    "Reason": "_outcome",
    "RecoveryAnswer": "flow._answers",
    "RecoveryCode": "flow._factors",
    "RecoveryPrompt": "flow._prompts",
    "Rejected": "_outcome",
    "SecondFactor": "flow._factors",
    "Secret": "_secret",
    "SelfService": "flow._self_service",
    "SendEmail": "flow._answers",
    "SessionLogin": "flow._session_login",
    "SkipAnswer": "flow._answers",
    "Status": "_enrollment",
    "Steam": "_steam",
    "Store": "_ports",
    "Throttle": "_throttle",
    "Totp": "flow._factors",
    "VisitorAnswer": "flow._answers",
    "Window": "_window",
    "parse_answer": "flow._answers",
    "qr": "_qr",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
