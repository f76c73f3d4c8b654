"""Tests of totpkit._account.policy."""

import dataclasses
import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, strategies as st

from tests.support.account_strategies import policy_numbers
from tests.support.strategies import RFC_SECRET
from totpkit import TOTP, Algorithm, InvalidParameterError, Policy, Throttle, Window
from totpkit._account.throttle import DAY

PRESETS = {name: getattr(Policy, name) for name in ("DEFAULT", "RFC", "NIST", "ASVS", "TESTING")}
each_preset = pytest.mark.parametrize("policy", PRESETS.values(), ids=PRESETS)


def test_default() -> None:
    """The default policy uses what every authenticator app supports, and the default window and throttle."""
    policy = Policy()
    assert policy == Policy.DEFAULT
    assert (policy.digits, policy.algorithm, policy.period) == (6, Algorithm.SHA1, 30)
    assert (policy.window, policy.throttle) == (Window.DEFAULT, Throttle())


@pytest.mark.proves("RFC6238-5.2-window", "RFC6238-6", "ASVS-6.5.5")
@pytest.mark.parametrize(("policy", "past"), [(Policy.RFC, 1), (Policy.ASVS, 0)], ids=["RFC", "ASVS"])
def test_strict_windows(policy: Policy, past: int) -> None:
    """RFC accepts one past step and no future one, ASVS only the current step; neither follows drift."""
    assert replace(Policy.DEFAULT, window=Window(past=past, future=0), drift_bound=0) == policy


@pytest.mark.proves("NIST-3.1.4-key")
@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"secret_bytes": 13}, "secret_bytes must be an int from 16 to 1024, not 13"),
        ({"period": 121}, "period must be an int from 1 to 120, not 121"),
    ],
)
def test_nist(numbers: dict[str, int], message: str) -> None:
    """The NIST preset rejects secrets of less than 112 bits and periods of more than two minutes."""
    assert replace(Policy.NIST, period=120, secret_bytes=16).period == 120
    assert (Policy.NIST.shortest_secret * 8, Policy.NIST.longest_period) == (112, 120)
    with pytest.raises(InvalidParameterError) as caught:
        replace(Policy.NIST, **numbers)  # type: ignore[arg-type]
    assert message == str(caught.value)


@each_preset
@pytest.mark.proves("NIST-3.2.2", "NIST-3.1.4-key")
def test_presets_meet_nist(policy: Policy) -> None:
    """Every preset disables at 100 failures or fewer, and creates secrets of 160 bits with a period of 30."""
    assert policy.throttle.cap <= 100
    assert (policy.secret_bytes * 8, policy.period) == (160, 30)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"digits": 5}, "digits must be an int from 6 to 8, not 5"),
        ({"digits": True}, "digits must be an int from 6 to 8, not bool"),
        ({"algorithm": "SHA1"}, "algorithm must be an Algorithm, not str"),
        ({"window": (1, 1)}, "window must be a Window, not tuple"),
        ({"throttle": 5}, "throttle must be a Throttle, not int"),
        ({"period": 0}, "period must be an int from 1 to 3600, not 0"),
        ({"period": 61, "longest_period": 60}, "period must be an int from 1 to 60, not 61"),
        ({"longest_period": 3601}, "longest_period must be an int from 1 to 3600, not 3601"),
        ({"longest_period": 0}, "longest_period must be an int from 1 to 3600, not 0"),
        ({"secret_bytes": 15}, "secret_bytes must be an int from 16 to 1024, not 15"),
        ({"secret_bytes": 1025}, "secret_bytes must be an int from 16 to 1024, not 1025"),
        ({"secret_bytes": 14, "shortest_secret": 14}, "secret_bytes must be an int from 16 to 1024, not 14"),
        ({"secret_bytes": 31, "shortest_secret": 32}, "secret_bytes must be an int from 32 to 1024, not 31"),
        ({"shortest_secret": 0}, "shortest_secret must be an int from 1 to 1024, not 0"),
        ({"shortest_secret": 1025}, "shortest_secret must be an int from 1 to 1024, not 1025"),
        ({"drift_bound": 101}, "drift_bound must be an int from 0 to 100, not 101"),
        ({"drift_bound": -1}, "drift_bound must be an int from 0 to 100, not -1"),
        ({"enrollment_lifetime": 0}, "enrollment_lifetime must be a number from 1 to 86400, not 0"),
        ({"enrollment_lifetime": math.inf}, "enrollment_lifetime must be a number from 1 to 86400, not inf"),
        ({"recovery_codes": 0}, "recovery_codes must be an int from 1 to 100, not 0"),
        ({"recovery_codes": 101}, "recovery_codes must be an int from 1 to 100, not 101"),
        ({"recovery_cost": 0}, "recovery_cost must be an int from 1 to 20, not 0"),
        ({"recovery_cost": 21}, "recovery_cost must be an int from 1 to 20, not 21"),
        ({"recovery_low": -1}, "recovery_low must be an int from 0 to 10, not -1"),
        ({"recovery_low": 11}, "recovery_low must be an int from 0 to 10, not 11"),
    ],
)
def test_out_of_range(numbers: dict[str, int], message: str) -> None:
    """A value out of range or of another type is rejected, and the message says what would be right."""
    with pytest.raises(InvalidParameterError) as caught:
        Policy(**numbers)  # type: ignore[arg-type]
    assert message == str(caught.value)


def test_frozen() -> None:
    """A policy cannot be changed, and its numbers are passed by name."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        Policy.DEFAULT.digits = 4  # type: ignore[misc]
    with pytest.raises(TypeError):
        Policy(6)  # type: ignore[call-arg]


@each_preset
def test_code_lifetime(policy: Policy) -> None:
    """A code is accepted for exactly ``code_lifetime`` seconds."""
    totp = TOTP(RFC_SECRET, digits=policy.digits, algorithm=policy.algorithm, period=policy.period)
    code = totp.at(30_000)
    accepted = [time for time in range(29_000, 31_000) if totp.verify(code, at=time, window=policy.window)]
    assert len(accepted) == policy.code_lifetime


@given(policy_numbers, st.floats(0, 400 * DAY))
def test_guessing_probability(numbers: dict[str, Any], seconds: float) -> None:
    """The guessing probability equals a calculation in exact fractions."""
    policy = Policy(**numbers)
    hit = Fraction(policy.window.span, 10**policy.digits)
    expected = 1 - (1 - hit) ** policy.throttle.answers(seconds)
    assert math.isclose(expected, policy.guessing_probability(seconds=seconds), rel_tol=1e-6)


def test_guessing_probability_of_one_guess() -> None:
    """The probability of one guess is the number of codes accepted at one moment, out of a million."""
    policy = Policy(throttle=Throttle(free=1, cap=1), window=Window(4, 5))
    totp = TOTP(RFC_SECRET)
    accepted = {totp.at(30 * step) for step in range(996, 1006)}
    assert all(totp.verify(code, at=30_000, window=policy.window) for code in accepted)
    assert math.isclose(len(accepted) / 10**6, policy.guessing_probability(), rel_tol=1e-9)


DESCRIPTIONS = {
    "default": (
        Policy.DEFAULT,
        "new secrets: 160 bits; 6 digits, SHA1, 30 s",
        "a code is accepted: for 90 s (1 step late, 1 step early)",
        "drift: followed up to 10 steps",
        "failures: 5 without a wait, then waits of 30 s to 86400 s; disabled after 100",
        "guessing for a day: 16 guesses, probability 4.8e-05",
        "guessing until disabled: 100 guesses, probability 0.0003",
    ),
    "no waits": (
        Policy(
            digits=8,
            algorithm=Algorithm.SHA256,
            period=60,
            secret_bytes=32,
            window=Window.RFC,
            drift_bound=0,
            throttle=Throttle(free=3, first_wait=0.0, cap=10),
        ),
        "new secrets: 256 bits; 8 digits, SHA256, 60 s",
        "a code is accepted: for 120 s (1 step late, 0 steps early)",
        "drift: followed up to 0 steps",
        "failures: no waits; disabled after 10",
        "guessing for a day: 10 guesses, probability 2e-07",
        "guessing until disabled: 10 guesses, probability 2e-07",
    ),
    "singular": (
        Policy(drift_bound=1, window=Window(past=2, future=1), throttle=Throttle(free=1, cap=1)),
        "new secrets: 160 bits; 6 digits, SHA1, 30 s",
        "a code is accepted: for 120 s (2 steps late, 1 step early)",
        "drift: followed up to 1 step",
        "failures: 1 without a wait, then waits of 30 s to 86400 s; disabled after 1",
        "guessing for a day: 1 guess, probability 4e-06",
        "guessing until disabled: 1 guess, probability 4e-06",
    ),
}


@pytest.mark.parametrize("case", DESCRIPTIONS.values(), ids=DESCRIPTIONS)
def test_describe(case: tuple[Policy, *tuple[str, ...]]) -> None:
    """``describe`` explains each number on its own line."""
    policy, *lines = case
    assert policy.describe().splitlines() == lines


@pytest.mark.proves("T31")
def test_describe_override() -> None:
    """``describe`` reports a window of more than ten steps, which only ``allow_wide`` permits."""
    with pytest.raises(InvalidParameterError):
        Window(past=5, future=5)
    wide = Policy(window=Window(past=5, future=5, allow_wide=True))
    assert (
        wide.describe().splitlines()[-1]
        == "override: a window of 11 steps; more than 10 need allow_wide=True"
    )


@given(policy_numbers)
def test_describe_any(numbers: dict[str, Any]) -> None:
    """Every policy can be described, and only a wide window counts as an override."""
    policy = Policy(**numbers)
    description = policy.describe()
    assert ("override" in description) == (policy.window.span > 10)
    assert f"{policy.code_lifetime} s" in description
