"""What can go wrong, as types. Knows nothing of what raises it.

::

    TotpkitError
    ├── InvalidSecretError       a secret that the caller passed        (also ValueError)
    ├── InvalidParameterError    any other value that the caller passed (also ValueError)
    ├── InvalidURIError          a key URI that somebody sent           (also ValueError)
    ├── InvalidPayloadError      a migration payload that somebody sent (also ValueError)
    ├── FirstFactorError         a flow whose first step verifies nobody
    ├── FlowError                a flow that is miswired
    ├── RecordError              a stored record that cannot be read
    ├── VaultError               a sealed secret that cannot be opened
    ├── StoreError               a store that did not answer
    └── EmailError                a mail that did not leave

No message and no attribute ever holds a secret, a code or a password.
"""

__all__ = [
    "FirstFactorError",
    "FlowError",
    "InvalidParameterError",
    "InvalidPayloadError",
    "InvalidSecretError",
    "InvalidURIError",
    "EmailError",
    "RecordError",
    "StoreError",
    "TotpkitError",
    "VaultError",
]


class TotpkitError(Exception):
    """Anything that totpkit raises on purpose."""


class InvalidSecretError(TotpkitError, ValueError):
    """The text or bytes given cannot be a secret."""


class InvalidParameterError(TotpkitError, ValueError):
    """A value given by the caller is of the wrong type or out of range.

    ``parameter`` is the name of the value, ``problem`` what is wrong with it and
    what would be right.
    """

    def __init__(self, parameter: str, problem: str) -> None:
        super().__init__(parameter, problem)
        self.parameter = parameter
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.parameter} {self.problem}"


class InvalidURIError(TotpkitError, ValueError):
    """The text is not a key URI that a phone could use."""


class InvalidPayloadError(TotpkitError, ValueError):
    """The text is not a migration payload."""


class FirstFactorError(TotpkitError):
    """A flow would let somebody in whom no first factor has verified."""


class FlowError(TotpkitError):
    """A flow, or a callable given to it, is wired wrongly."""


class RecordError(TotpkitError):
    """A stored credential record is corrupted or of an unknown version."""


class VaultError(TotpkitError):
    """A sealed secret does not open with the keys at hand."""


class StoreError(TotpkitError):
    """A store did not answer: nothing was accepted.

    A write whose answer was lost may stand: then a code is spent, or an attempt counted. So
    is the attempt at a recovery code, which is counted before it is hashed.
    """


class EmailError(TotpkitError):
    """A mail did not leave."""
