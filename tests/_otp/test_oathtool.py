"""Comparison with oathtool of the OATH Toolkit, on a few thousand random inputs."""

import os
import shutil
import subprocess

import pytest
from hypothesis import given, settings, strategies as st

from tests.support.strategies import algorithms, digits, periods, raw_secrets
from totpkit import HOTP, TOTP, Algorithm, Secret

WINDOW = 49  # steps after the first for which one call prints codes
OATHTOOL = shutil.which("oathtool")
# In CI, a missing oathtool fails. Elsewhere, install the Debian package oathtool to run these tests.
needs_oathtool = pytest.mark.skipif(
    OATHTOOL is None and os.environ.get("CI") != "true", reason="oathtool is not installed"
)


def oathtool(raw: bytes, *options: str) -> list[str]:
    """Return the codes that oathtool prints."""
    assert OATHTOOL is not None, "oathtool must be installed: apt-get install oathtool"
    command = [OATHTOOL, f"--window={WINDOW}", *options, raw.hex()]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.proves("RFC4226-5.3")
@needs_oathtool
@settings(max_examples=40)
@given(raw_secrets, digits, st.integers(0, 2**63 - 1 - WINDOW))
def test_hotp(raw: bytes, places: int, counter: int) -> None:
    """The codes of 50 counters in a row are oathtool's."""
    hotp = HOTP(Secret.from_bytes(raw), digits=places)
    codes = oathtool(raw, "--hotp", f"--digits={places}", f"--counter={counter}")
    assert codes == [hotp.at(counter + after) for after in range(WINDOW + 1)]


@pytest.mark.proves("RFC6238-4.2")
@needs_oathtool
@settings(max_examples=80)
@given(raw_secrets, digits, algorithms, periods, st.integers(0, 2**36), st.integers(0, 2**36))
def test_totp(raw: bytes, places: int, algorithm: Algorithm, period: int, t0: int, elapsed: int) -> None:
    """The codes of 50 steps in a row are oathtool's, for every hash, length, period and t0."""
    totp = TOTP(Secret.from_bytes(raw), digits=places, algorithm=algorithm, period=period, t0=t0)
    now = t0 + elapsed
    options = [f"--totp={algorithm}", f"--digits={places}", f"--time-step-size={period}s"]
    codes = oathtool(raw, *options, f"--start-time=@{t0}", f"--now=@{now}")
    assert codes == [totp.at(now + after * period) for after in range(WINDOW + 1)]
