"""The tree of errors."""

import pickle

import pytest

from totpkit import errors
from totpkit.errors import InvalidParameterError, TotpkitError

OF_THE_CALLER = ["InvalidSecretError", "InvalidParameterError", "InvalidURIError", "InvalidPayloadError"]


@pytest.mark.parametrize("name", errors.__all__)
def test_root(name: str) -> None:
    """Every error can be caught as TotpkitError, and stands directly under it."""
    error = getattr(errors, name)
    assert error is TotpkitError or error.__bases__[0] is TotpkitError


@pytest.mark.parametrize("name", errors.__all__)
def test_value_errors(name: str) -> None:
    """Exactly the errors for bad values are ValueErrors too."""
    assert (name in OF_THE_CALLER) == issubclass(getattr(errors, name), ValueError)


@pytest.mark.parametrize("name", errors.__all__)
def test_drawn(name: str) -> None:
    """The outline at the top of the module draws every error."""
    assert f" {name} " in f" {' '.join((errors.__doc__ or '').split())} "


def test_invalid_parameter() -> None:
    """InvalidParameterError carries its evidence as attributes, and reads as a sentence."""
    error = InvalidParameterError("digits", "must be an int from 6 to 8, not 9")
    assert (error.parameter, error.problem) == ("digits", "must be an int from 6 to 8, not 9")
    assert str(error) == "digits must be an int from 6 to 8, not 9"


def test_pickled() -> None:
    """InvalidParameterError travels between processes with its evidence."""
    error = pickle.loads(pickle.dumps(InvalidParameterError("digits", "must be an int")))  # noqa: S301 - ours
    assert str(error) == "digits must be an int"
    assert (error.parameter, error.problem) == ("digits", "must be an int")
