"""The errors that totpkit raises.

::

    TotpkitError
    ├── InvalidSecretError       a secret that the caller passed         (also a ValueError)
    ├── InvalidParameterError    any other value that the caller passed  (also a ValueError)
    ├── InvalidURIError          a key URI from outside                  (also a ValueError)
    ├── InvalidPayloadError      a payload or an answer from outside     (also a ValueError)
    ├── FirstFactorError         a flow whose first step is not a first factor
    ├── FlowError                a flow, or a callable passed to it, that is set up wrongly
    ├── RecordError              a stored record that cannot be read
    ├── VaultError               a sealed secret that cannot be opened
    ├── StoreError               a store that did not answer
    └── EmailError               an email that was not sent

No message and no attribute contains a secret, a code or a password.
"""

__all__ = [
    "EmailError",
    "FirstFactorError",
    "FlowError",
    "InvalidParameterError",
    "InvalidPayloadError",
    "InvalidSecretError",
    "InvalidURIError",
    "RecordError",
    "StoreError",
    "TotpkitError",
    "VaultError",
]


class TotpkitError(Exception):
    """The base class for all errors that totpkit raises."""


class InvalidSecretError(TotpkitError, ValueError):
    """The given text or bytes are not a valid secret."""


class InvalidParameterError(TotpkitError, ValueError):
    """A parameter has the wrong type or is out of range.

    ``parameter`` is the name of the parameter. ``problem`` says what is wrong with the value and what
    would be valid.
    """

    def __init__(self, parameter: str, problem: str) -> None:
        super().__init__(parameter, problem)
        self.parameter = parameter
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.parameter} {self.problem}"


class InvalidURIError(TotpkitError, ValueError):
    """The text is not a key URI that authenticator apps can use."""


class InvalidPayloadError(TotpkitError, ValueError):
    """The data is not a valid migration payload, or not a valid answer to a login step."""


class FirstFactorError(TotpkitError):
    """A login flow does not start with a first factor."""


class FlowError(TotpkitError):
    """A login flow, or a function that was passed to it, is not set up correctly."""


class RecordError(TotpkitError):
    """A stored record is corrupted or has an unknown version."""


class VaultError(TotpkitError):
    """A stored secret cannot be decrypted with the available keys."""


class StoreError(TotpkitError):
    """The store did not answer, and no code was accepted.

    If only the store's reply was lost, the write may have succeeded, so a code may be marked as used or
    an attempt may be counted. An attempt with a recovery code may be counted in any case, because the
    store is updated before the code is hashed.
    """


class EmailError(TotpkitError):
    """An email was not sent."""
