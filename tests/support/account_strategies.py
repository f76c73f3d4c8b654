"""Hypothesis strategies for accounts: throttles, policies, records and their parts.

Also the context in which the tests of the rules apply them.
"""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from tests.support.strategies import accounts as labels, algorithms, digits, names, narrow_windows, periods
from totpkit import TOTP, Policy, Throttle, Window
from totpkit._account.attempts import Context, Restrictions
from totpkit._account.record import EmailedCode, EnrolledDevice, PendingDevice, Record, SealedSecret
from totpkit._account.recovery_codes import HASH_BYTES, RecoveryCodeSet
from totpkit._account.throttle import DAY
from totpkit._otp.truncation import COUNTERS


def never_open(_: SealedSecret) -> TOTP:
    """Fail the test, because the rule needs no secret."""
    raise AssertionError("a secret was opened")


def make_context(
    now: float = 0.0,
    *,
    throttle: Throttle | None = None,
    open_secret: Callable[[SealedSecret], TOTP] = never_open,
    completes: bool = True,
    **numbers: Any,
) -> Context:
    """Return the context of an attempt, with a policy of these numbers."""
    policy = Policy(throttle=throttle or Throttle(), **numbers)
    return Context(policy, now, open_secret, Restrictions(completes=completes))


times = st.floats(0, 2.0**33) | st.integers(0, 2**33).map(float)
waits = st.sampled_from([0.0, 1.0, 30.0, DAY]) | st.floats(1, 30 * DAY)


@st.composite
def throttles(draw: st.DrawFn) -> Throttle:
    """Draw any valid throttle."""
    cap = draw(st.integers(1, 100))
    longest = draw(waits)
    return Throttle(
        free=draw(st.integers(1, cap)),
        first_wait=draw(st.sampled_from([0.0, longest]) | st.integers(0, int(longest)).map(float)),
        factor=draw(st.sampled_from([1.0, 2.0, 10.0]) | st.floats(1, 10)),
        longest_wait=longest,
        cap=cap,
    )


windows = narrow_windows | st.builds(
    Window, st.integers(0, 30), st.integers(0, 30), allow_wide=st.just(value=True)
)
# Keyword arguments and not policies: Hypothesis would print each policy with all presets, recursively.
policy_numbers = st.fixed_dictionaries(
    {
        "digits": digits,
        "algorithm": algorithms,
        "period": periods,
        "secret_bytes": st.integers(16, 64),
        "window": windows,
        "drift_bound": st.integers(0, 100),
        "throttle": throttles(),
        "recovery_cost": st.just(1),
    }
)

hash_rows = st.integers(0, 4).flatmap(
    lambda rows: st.binary(min_size=rows * HASH_BYTES, max_size=rows * HASH_BYTES)
)
recovery_code_sets = st.builds(
    RecoveryCodeSet, st.binary(max_size=20), st.integers(1, 20), unspent=hash_rows, spent=hash_rows
)
sealed_secrets = st.builds(
    SealedSecret,
    sealed=st.text(max_size=60),
    digits=digits,
    algorithm=algorithms,
    period=periods,
    label=labels,
    issuer=names,
)
counts = st.integers(0, 100) | st.integers(0, COUNTERS // 2)
devices = st.builds(
    EnrolledDevice,
    secret=sealed_secrets,
    confirmed_at=times,
    last_used_at=times,
    last_step=st.integers(0, COUNTERS - 1),
    drift=st.integers(-100, 100),
)
pending_devices = st.builds(
    PendingDevice, secret=sealed_secrets, owner=st.binary(max_size=32), expires_at=times
)
emailed_codes = st.builds(
    EmailedCode,
    digest=st.just(b"") | st.binary(min_size=HASH_BYTES, max_size=HASH_BYTES),
    owner=st.binary(max_size=32),
    expires_at=times,
    sent=st.lists(times, max_size=6).map(tuple),
)
records = st.builds(
    Record,
    revision=counts,
    generation=counts,
    device=st.none() | devices,
    pending=st.none() | pending_devices,
    failures=st.integers(0, 4) | counts,
    retry_at=st.none() | times,
    recovery_codes=st.none() | recovery_code_sets,
    emailed=st.none() | emailed_codes,
)

ids = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
