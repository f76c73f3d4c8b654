"""Tests of totpkit.errors."""

import pickle

import pytest

from totpkit import errors
from totpkit.errors import InvalidParameterError, TotpkitError

VALUE_ERRORS = {"InvalidSecretError", "InvalidParameterError", "InvalidURIError", "InvalidPayloadError"}


@pytest.mark.parametrize("name", errors.__all__)
def test_hierarchy(name: str) -> None:
    """Every error is a direct subclass of TotpkitError, and only those for bad values are ValueErrors."""
    error = getattr(errors, name)
    assert error is TotpkitError or error.__bases__[0] is TotpkitError
    assert (name in VALUE_ERRORS) == issubclass(error, ValueError)


@pytest.mark.parametrize("name", errors.__all__)
def test_documented(name: str) -> None:
    """The tree in the module's docstring contains every error."""
    assert f" {name} " in f" {' '.join((errors.__doc__ or '').split())} "


def test_invalid_parameter() -> None:
    """InvalidParameterError reads as a sentence and has its parts as attributes, even after pickling."""
    error = InvalidParameterError("digits", "must be an int from 6 to 8, not 9")
    for copy in (error, pickle.loads(pickle.dumps(error))):  # noqa: S301 - our own
        assert (copy.parameter, copy.problem) == ("digits", "must be an int from 6 to 8, not 9")
        assert str(copy) == "digits must be an int from 6 to 8, not 9"
