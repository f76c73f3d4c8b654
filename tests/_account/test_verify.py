"""Tests of totpkit._account.verify."""

import pytest
from hypothesis import given, settings, strategies as st

from tests.support import naive_otp
from tests.support.account_strategies import devices, make_context, records, throttles
from tests.support.strategies import RFC_SECRET, anything, misspellings, narrow_windows, spellings
from totpkit import TOTP, Accepted, Algorithm, Reason, Rejected, Throttle, Window
from totpkit._account.attempts import fail, refuse, succeed
from totpkit._account.record import EnrolledDevice, Record, SealedSecret
from totpkit._account.verify import follow, resync, verify

NOW = 1_700_000_000.0
STEP = 56_666_666
RAW = RFC_SECRET.to_bytes()


def open_secret(secret: SealedSecret) -> TOTP:
    """Open every sealed secret as the RFC's."""
    return secret.totp(RFC_SECRET)


def device(last_step: int) -> EnrolledDevice:
    """Return a device with the default parameters."""
    secret = SealedSecret(
        sealed="", digits=6, algorithm=Algorithm.SHA1, period=30, label="alice", issuer="Acme"
    )
    return EnrolledDevice(secret=secret, confirmed_at=0.0, last_used_at=0.0, last_step=last_step)


@st.composite
def near_devices(draw: st.DrawFn) -> EnrolledDevice:
    """Draw a device with the default parameters whose last step is near the current one."""
    drawn = draw(devices)
    secret = drawn.secret._replace(digits=6, algorithm=Algorithm.SHA1, period=30)
    last_step = STEP + draw(st.integers(-30, 6))
    return drawn._replace(secret=secret, last_step=last_step, drift=draw(st.integers(-4, 4)))


enrolled = st.builds(
    Record._replace,
    records,
    device=near_devices(),
    failures=st.integers(0, 4),
    retry_at=st.none() | st.just(NOW),
)


def nearest(drift: int, observed: int, bound: int) -> int:
    """Return the drift nearest to the observed one, of those that may follow *drift*."""
    allowed = [moved for moved in (drift - 1, drift, drift + 1) if abs(moved) <= bound]
    outside = bound if drift > bound else -bound
    return min(allowed, key=lambda moved: abs(moved - observed)) if allowed else outside


@pytest.mark.proves("T40")
@settings(max_examples=200)
@given(enrolled, narrow_windows, st.integers(0, 5), st.integers(-14, 14), st.booleans(), st.data())
def test_verify(
    record: Record,
    window: Window,
    bound: int,
    offset: int,
    completes: bool,  # noqa: FBT001 - drawn
    data: st.DataObject,
) -> None:
    """The outcome equals that of a naive implementation with sets, and decides what is written."""
    context = make_context(
        NOW, open_secret=open_secret, completes=completes, window=window, drift_bound=bound
    )
    used = record.device
    assert used is not None
    code = naive_otp.decimal(RAW, STEP + offset)
    typed = data.draw(spellings(code) | misspellings(code) | anything)
    drift = max(-bound, min(bound, used.drift))  # another policy may have had a wider bound
    expected = naive_otp.verify(
        lambda step: naive_otp.decimal(RAW, step),
        "[0-9]{6}",
        typed,
        low=STEP + drift - window.past,
        high=STEP + drift + window.future,
        last_step=used.last_step,
    )
    after, outcome = verify(record, typed, context)
    if isinstance(expected, str):
        assert (after, outcome) == (fail(record, context), Rejected(Reason(expected)))
        return
    moved = nearest(drift, expected - STEP, bound)
    accepted = record._replace(device=used._replace(last_step=expected, drift=moved, last_used_at=NOW))
    assert (after, outcome) == (succeed(accepted, context), Accepted(expected, expected - STEP))


@pytest.mark.proves("RFC6238-6")
@given(st.integers(-120, 120), st.integers(-200, 200), st.integers(0, 100))
def test_follow(drift: int, observed: int, bound: int) -> None:
    """The drift moves at most one step towards the observed one, and stays within the bound."""
    moved = follow(drift, observed, bound)
    assert nearest(drift, observed, bound) == moved
    assert -bound <= moved <= bound
    if abs(drift) <= bound:
        assert abs(moved - drift) <= 1
        assert abs(moved - observed) <= abs(drift - observed) or abs(observed) > bound


@pytest.mark.proves("RFC6238-6")
def test_drift_over_time() -> None:
    """A clock that keeps losing time is followed up to the bound, and not beyond it."""
    record = Record(device=device(STEP - 1))
    outcomes = []
    for turn in range(8):
        now = NOW + 300 * turn
        code = TOTP(RFC_SECRET).at(now - 30 * turn)
        record, outcome = verify(record, code, make_context(now, open_secret=open_secret, drift_bound=3))
        outcomes.append(bool(outcome))
        if outcome:
            assert record.device is not None
            assert record.device.drift == -min(turn, 3)
    # With a remembered drift of -3 and a window of 1, a code that is 4 steps late is the last to pass.
    assert outcomes == [True] * 5 + [False] * 3


@pytest.mark.proves("T09", "T43")
@given(records, throttles(), st.floats(0, 2**33), anything)
def test_refused(record: Record, throttle: Throttle, now: float, code: str) -> None:
    """Without a device, during a wait and when disabled, no secret is opened and nothing is written."""
    context = make_context(now, throttle=throttle)
    refused = refuse(record, context)
    if record.device is None:
        refused = Rejected(Reason.NOT_ENROLLED)
    if refused is not None:
        assert verify(record, code, context) == resync(record, code, code, context) == (record, refused)
        assert verify(record, code, context)[0] is resync(record, code, code, context)[0] is record


@pytest.mark.proves("RFC4226-7.4")
@settings(max_examples=200)
@given(
    enrolled, st.integers(0, 12), st.integers(-16, 16), st.sampled_from([1, 1, 1, 0, 2, -1]), st.booleans()
)
def test_resync(record: Record, bound: int, offset: int, gap: int, completes: bool) -> None:  # noqa: FBT001 - drawn
    """Two consecutive codes above the last step and within the bound set the drift; others are failures."""
    context = make_context(NOW, open_secret=open_secret, completes=completes, drift_bound=bound)
    used = record.device
    assert used is not None
    end = STEP + offset
    code1, code2 = naive_otp.decimal(RAW, end - gap), naive_otp.decimal(RAW, end)
    after, outcome = resync(record, code1, code2, context)
    if gap != 1 or abs(offset) > bound:
        assert (after, outcome) == (fail(record, context), Rejected(Reason.MISMATCH))
    elif end - 1 <= used.last_step:
        assert (after, outcome) == (fail(record, context), Rejected(Reason.REPLAYED))
    else:
        found = record._replace(device=used._replace(last_step=end, drift=offset, last_used_at=NOW))
        assert (after, outcome) == (succeed(found, context), Accepted(end, offset))


@pytest.mark.parametrize("malformed", ["", "12345", "1234567", "12345\u0661", "ABCDEF"])
def test_resync_malformed(malformed: str) -> None:
    """A resynchronization with a malformed code is MALFORMED and counts as a failure."""
    record, context = Record(device=device(STEP - 9)), make_context(NOW, open_secret=open_secret)
    code = TOTP(RFC_SECRET).at(NOW)
    for codes in ((malformed, code), (code, malformed)):
        assert resync(record, *codes, context) == (fail(record, context), Rejected(Reason.MALFORMED))
