"""TOTP as a second factor: codes, verification, and what is hard about them.

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
    "AsyncAuthenticator",
    "AsyncStore",
    "Authenticator",
    "Cipher",
    "Enrollment",
    "FirstFactorError",
    "FlowError",
    "InvalidParameterError",
    "InvalidPayloadError",
    "InvalidSecretError",
    "InvalidURIError",
    "KeyURI",
    "MailError",
    "Policy",
    "Reason",
    "RecordError",
    "Rejected",
    "Secret",
    "Status",
    "Steam",
    "Store",
    "StoreError",
    "Throttle",
    "TotpkitError",
    "VaultError",
    "Window",
    "qr",
]

_HOMES = {
    "HOTP": "_hotp",
    "QR": "_qr",
    "TOTP": "_totp",
    "Accepted": "_outcome",
    "Algorithm": "_codes",
    "AsyncAuthenticator": "_authenticator",
    "AsyncStore": "_ports",
    "Authenticator": "_authenticator",
    "Cipher": "_ports",
    "Enrollment": "_enrollment",
    "KeyURI": "_keyuri",
    "Policy": "_policy",
    "Reason": "_outcome",
    "Rejected": "_outcome",
    "Secret": "_secret",
    "Status": "_enrollment",
    "Steam": "_steam",
    "Store": "_ports",
    "Throttle": "_throttle",
    "Window": "_window",
    "qr": "_qr",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
