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
    """The base class of every error that totpkit raises."""


class InvalidSecretError(TotpkitError, ValueError):
    """The text or bytes that were passed are not a valid secret."""


class InvalidParameterError(TotpkitError, ValueError):
    """A value that the caller passed has the wrong type or is out of range.

    ``parameter`` is the name of the value. ``problem`` says what is wrong with it and what would be
    right.
    """

    def __init__(self, parameter: str, problem: str) -> None:
        super().__init__(parameter, problem)
        self.parameter = parameter
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.parameter} {self.problem}"


class InvalidURIError(TotpkitError, ValueError):
    """The text is not a key URI that an authenticator app could use."""


class InvalidPayloadError(TotpkitError, ValueError):
    """The data is not a valid migration payload, or not a valid answer to a login step."""


class FirstFactorError(TotpkitError):
    """A flow would let a user in without a first factor."""


class FlowError(TotpkitError):
    """A flow, or a callable that was passed to it, is set up wrongly."""


class RecordError(TotpkitError):
    """A stored record is corrupted or has an unknown version."""


class VaultError(TotpkitError):
    """A sealed secret cannot be opened with the available keys."""


class StoreError(TotpkitError):
    """A store did not answer. Nothing was accepted.

    A write whose reply was lost may have been carried out. In that case a code is spent or an
    attempt is counted. The same is true of a recovery code, whose attempt is counted before the
    code is hashed.
    """


class EmailError(TotpkitError):
    """An email was not sent."""
