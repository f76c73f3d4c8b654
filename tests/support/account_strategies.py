"""What property-based tests of accounts draw from."""

from hypothesis import strategies as st

from tests.support.strategies import accounts as labels, algorithms, digits, names, narrow_windows, periods
from totpkit import Throttle, Window
from totpkit._account.record import EmailedCode, EnrolledDevice, Pending, Record, SealedSecret
from totpkit._account.recovery_codes import HASH_BYTES, RecoveryCodeSet
from totpkit._account.throttle import DAY

moments = st.floats(0, 2.0**33) | st.integers(0, 2**33).map(float)
waits = st.sampled_from([0.0, 1.0, 30.0, DAY]) | st.floats(1, 30 * DAY)


@st.composite
def throttles(draw: st.DrawFn) -> Throttle:
    """Draw any throttle that can be made."""
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
# The numbers of a policy, and not the policy: a failure is told by its repr, which presets make endless.
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
recovery_sets = st.builds(
    RecoveryCodeSet, st.binary(max_size=20), st.integers(1, 20), unspent=hash_rows, spent=hash_rows
)
provisions = st.builds(
    SealedSecret,
    sealed=st.text(max_size=60),
    digits=digits,
    algorithm=algorithms,
    period=periods,
    label=labels,
    issuer=names,
)
counts = st.integers(0, 100) | st.integers(0, 2**63)
credentials = st.builds(
    EnrolledDevice,
    secret=provisions,
    confirmed_at=moments,
    last_used_at=moments,
    last_step=st.integers(0, 2**64 - 1),
    drift=st.integers(-100, 100),
)
pendings = st.builds(Pending, secret=provisions, owner=st.binary(max_size=32), expires_at=moments)
maileds = st.builds(
    EmailedCode,
    digest=st.just(b"") | st.binary(min_size=HASH_BYTES, max_size=HASH_BYTES),
    owner=st.binary(max_size=32),
    expires_at=moments,
    sent=st.lists(moments, max_size=6).map(tuple),
)
records = st.builds(
    Record,
    revision=counts,
    generation=counts,
    device=st.none() | credentials,
    pending=st.none() | pendings,
    failures=counts,
    retry_at=st.none() | moments,
    recovery=st.none() | recovery_sets,
    emailed=st.none() | maileds,
)

ids = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60)

# What JSON can say, of any shape.
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
