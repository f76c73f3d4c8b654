"""The numbers that an app chooses."""

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
any_preset = pytest.mark.parametrize("policy", PRESETS.values(), ids=PRESETS)


def test_default() -> None:
    """The default is what every phone app can do, and a window of a step either way."""
    assert Policy() == Policy.DEFAULT
    default = Policy.DEFAULT
    assert (default.digits, default.algorithm, default.period, default.secret_bytes) == (
        6,
        Algorithm.SHA1,
        30,
        20,
    )
    assert default.window == Window.DEFAULT
    assert default.throttle == Throttle()


@pytest.mark.proves("RFC6238-5.2-window", "RFC6238-6")
def test_rfc() -> None:
    """The RFC preset has its window, and follows no drift."""
    assert replace(Policy.DEFAULT, window=Window(past=1, future=0), drift_bound=0) == Policy.RFC


@pytest.mark.proves("ASVS-6.5.5", "RFC6238-6")
def test_asvs() -> None:
    """The ASVS preset has the current step alone, and follows no drift."""
    assert replace(Policy.DEFAULT, window=Window(past=0, future=0), drift_bound=0) == Policy.ASVS


@pytest.mark.proves("NIST-3.1.4-key")
@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"secret_bytes": 13}, "secret_bytes must be an int from 16 to 1024, not 13"),
        ({"period": 121}, "period must be an int from 1 to 120, not 121"),
        ({"period": 3600}, "period must be an int from 1 to 120, not 3600"),
    ],
)
def test_nist(numbers: dict[str, int], message: str) -> None:
    """The NIST preset refuses secrets under 112 bits and codes that live longer than two minutes."""
    assert replace(Policy.NIST, period=120, secret_bytes=16).period == 120
    assert (Policy.NIST.shortest_secret * 8, Policy.NIST.longest_period) == (112, 120)
    with pytest.raises(InvalidParameterError) as caught:
        replace(Policy.NIST, **numbers)  # type: ignore[arg-type]
    assert message == str(caught.value)


@any_preset
@pytest.mark.proves("NIST-3.2.2", "NIST-3.1.4-key")
def test_presets_within_nist(policy: Policy) -> None:
    """Every preset disables at a hundred failures, makes 160 bits and changes codes twice a minute."""
    assert policy.throttle.cap <= 100
    assert policy.secret_bytes * 8 == 160
    assert policy.period == 30


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"digits": 5}, "digits must be an int from 6 to 8, not 5"),
        ({"digits": True}, "digits must be an int from 6 to 8, not bool"),
        ({"algorithm": "SHA1"}, "algorithm must be Algorithm, not str"),
        ({"algorithm": None}, "algorithm must be Algorithm, not NoneType"),
        ({"window": (1, 1)}, "window must be Window, not tuple"),
        ({"throttle": 5}, "throttle must be Throttle, not int"),
        ({"period": 0}, "period must be an int from 1 to 3600, not 0"),
        ({"period": 61, "longest_period": 60}, "period must be an int from 1 to 60, not 61"),
        ({"longest_period": 3601}, "longest_period must be an int from 1 to 3600, not 3601"),
        ({"secret_bytes": 15}, "secret_bytes must be an int from 16 to 1024, not 15"),
        ({"shortest_secret": 0}, "shortest_secret must be an int from 1 to 1024, not 0"),
        ({"shortest_secret": 1025}, "shortest_secret must be an int from 1 to 1024, not 1025"),
        ({"secret_bytes": 14, "shortest_secret": 14}, "secret_bytes must be an int from 16 to 1024, not 14"),
        ({"secret_bytes": 31, "shortest_secret": 32}, "secret_bytes must be an int from 32 to 1024, not 31"),
        ({"secret_bytes": 1025}, "secret_bytes must be an int from 16 to 1024, not 1025"),
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
def test_refused(numbers: dict[str, int], message: str) -> None:
    """What is out of range, or of another type, is refused with what would be right."""
    with pytest.raises(InvalidParameterError) as caught:
        Policy(**numbers)  # type: ignore[arg-type]
    assert message == str(caught.value)


def test_frozen_and_named() -> None:
    """A policy cannot be changed, and its numbers are given by name."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        Policy.DEFAULT.digits = 4  # type: ignore[misc]
    with pytest.raises(TypeError):
        Policy(6)  # type: ignore[call-arg]


@any_preset
def test_code_lifetime(policy: Policy) -> None:
    """A code lives as long as it is accepted: counted second by second."""
    codes = TOTP(RFC_SECRET, policy.digits, policy.algorithm, policy.period)
    code, around = codes.at(30_000), range(29_000, 31_000)
    accepted = [moment for moment in around if codes.verify(code, at=moment, window=policy.window)]
    assert len(accepted) == policy.code_lifetime


@given(policy_numbers, st.floats(0, 400 * DAY))
def test_guessing_probability(numbers: dict[str, Any], seconds: float) -> None:
    """The chance of a guesser is one minus that of missing with every answer, in exact fractions."""
    policy = Policy(**numbers)
    hit = Fraction(policy.window.span, 10**policy.digits)
    expected = 1 - (1 - hit) ** policy.throttle.answers(seconds)
    assert math.isclose(expected, policy.guessing_probability(seconds), rel_tol=1e-6)


def test_guessing_counted() -> None:
    """The chance to hit with one answer is what counting all codes that are accepted at one moment gives."""
    once = Policy(throttle=Throttle(free=1, cap=1), window=Window(4, 5))
    codes = TOTP(RFC_SECRET)
    accepted = {codes.at(30 * step) for step in range(996, 1006)}
    assert all(codes.verify(code, at=30_000, window=once.window) for code in accepted)
    assert math.isclose(len(accepted) / 10**6, once.guessing_probability(), rel_tol=1e-9)


def test_describe() -> None:
    """A policy tells what its numbers mean, a line each."""
    assert Policy.DEFAULT.describe().splitlines() == [
        "new credentials: 6 digits, SHA1, 30 s, 160 bits",
        "a code lives: 90 s (1 step late, 1 early)",
        "drift follow: up to 10 steps",
        "failures: 5 without a wait, then waits of 30 s to 86400 s; disabled at 100",
        "guessing in a day: 16 answers, a chance of 4.8e-05",
        "guessing until disabled: 100 answers, a chance of 0.0003",
    ]
    other = Policy(
        digits=8,
        algorithm=Algorithm.SHA256,
        period=60,
        secret_bytes=32,
        window=Window.RFC,
        drift_bound=0,
        throttle=Throttle(free=3, first_wait=0.0, cap=10),
    )
    assert other.describe().splitlines() == [
        "new credentials: 8 digits, SHA256, 60 s, 256 bits",
        "a code lives: 120 s (1 step late, 0 early)",
        "drift follow: up to 0 steps",
        "failures: no waits; disabled at 10",
        "guessing in a day: 10 answers, a chance of 2e-07",
        "guessing until disabled: 10 answers, a chance of 2e-07",
    ]


def test_describe_counts() -> None:
    """What there is one of is told in the singular."""
    one = Policy(drift_bound=1, window=Window(past=2, future=1), throttle=Throttle(free=1, cap=1))
    assert one.describe().splitlines()[1:] == [
        "a code lives: 120 s (2 steps late, 1 early)",
        "drift follow: up to 1 step",
        "failures: 1 without a wait, then waits of 30 s to 86400 s; disabled at 1",
        "guessing in a day: 1 answer, a chance of 4e-06",
        "guessing until disabled: 1 answer, a chance of 4e-06",
    ]


@pytest.mark.proves("T31")
def test_override_is_described() -> None:
    """A window wider than ten steps was asked for by name, and the description says so."""
    with pytest.raises(InvalidParameterError):
        Window(past=5, future=5)
    wide = Policy(window=Window(past=5, future=5, allow_wide=True))
    assert wide.describe().splitlines()[-1] == "override: a window of 11 steps, more than 10, allowed by name"
    for policy in (*PRESETS.values(), Policy(window=Window(4, 5, allow_wide=True))):
        assert "override" not in policy.describe()


@given(policy_numbers)
def test_describes_any(numbers: dict[str, Any]) -> None:
    """Every policy can describe itself, and says so exactly if its window is wide."""
    policy = Policy(**numbers)
    text = policy.describe()
    assert ("override" in text) == (policy.window.span > 10)
    assert f"{policy.code_lifetime} s" in text
