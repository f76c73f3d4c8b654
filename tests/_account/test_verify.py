"""Verifying by a record."""

from dataclasses import replace

import pytest
from hypothesis import given, settings, strategies as st

from tests.support import naive_otp
from tests.support.account_strategies import credentials, records, throttles
from tests.support.strategies import RFC_SECRET, anything, misspellings, narrow_windows, spellings
from totpkit import TOTP, Accepted, Policy, Reason, Rejected, Throttle, Window
from totpkit._account.attempts import Context, failed, refuse
from totpkit._account.record import EnrolledDevice, Record, SealedSecret
from totpkit._account.verify import follow, resync, verified

NOW = 1_700_000_000.0
STEP = 56_666_666
RAW = RFC_SECRET.to_bytes()


def opened(provision: SealedSecret) -> TOTP:
    """Open every secret as the same."""
    return provision.codes(RFC_SECRET)


def closed(_: SealedSecret) -> TOTP:
    """Refuse to open a secret."""
    raise AssertionError("a secret was opened")


@st.composite
def near_credentials(draw: st.DrawFn) -> EnrolledDevice:
    """Draw the credential of a common phone whose last step is near now."""
    found = draw(credentials)
    provision = replace(found.secret, digits=6, algorithm=Policy.DEFAULT.algorithm, period=30)
    last_step = STEP + draw(st.integers(-30, 6))
    return replace(found, secret=provision, last_step=last_step, drift=draw(st.integers(-4, 4)))


enrolled = st.builds(
    replace, records, device=near_credentials(), failures=st.integers(0, 4), retry_at=st.none() | st.just(NOW)
)


@settings(max_examples=200)
@given(enrolled, narrow_windows, st.integers(0, 5), st.integers(-14, 14), st.data())
def test_verified(record: Record, window: Window, bound: int, offset: int, data: st.DataObject) -> None:
    """The answer is that of the rule written with sets, and decides what is written."""
    policy = Policy(window=window, drift_bound=bound)
    terms, active = Context(policy, NOW, opened), record.device
    assert active is not None
    code = naive_otp.decimal(RAW, STEP + offset)
    typed = data.draw(spellings(code) | misspellings(code) | anything)
    known = max(-bound, min(bound, active.drift))  # another policy's bound may have been wider
    low, high = STEP + known - window.past, STEP + known + window.future
    expected = naive_otp.verify(
        lambda step: naive_otp.decimal(RAW, step),
        "[0-9]{6}",
        typed,
        low=low,
        high=high,
        last_step=active.last_step,
    )
    after, answer = verified(record, typed, terms)
    if isinstance(expected, str):
        assert Rejected(Reason(expected)) == answer
        assert failed(record, terms) == after
        return
    assert Accepted(expected, expected - STEP) == answer
    assert after.device is not None
    drift = after.device.drift
    used = replace(active, last_step=expected, drift=drift, last_used_at=NOW)
    assert replace(record, device=used, failures=0, retry_at=None) == after
    assert drift == nearest(known, expected - STEP, bound)


def nearest(drift: int, seen: int, bound: int) -> int:
    """Return what of the drifts allowed after *drift* is nearest to what was seen."""
    allowed = [moved for moved in (drift - 1, drift, drift + 1) if abs(moved) <= bound]
    outside = bound if drift > bound else -bound
    return min(allowed, key=lambda moved: abs(moved - seen)) if allowed else outside


@pytest.mark.proves("RFC6238-6")
@given(st.integers(-120, 120), st.integers(-200, 200), st.integers(0, 100))
def test_followed(drift: int, seen: int, bound: int) -> None:
    """Drift moves one step at most towards what was seen, within the bound; with a bound of 0 not at all."""
    moved = follow(drift, seen, bound)
    assert nearest(drift, seen, bound) == moved
    assert -bound <= moved <= bound
    if abs(drift) <= bound:
        assert abs(moved - drift) <= 1
        assert abs(moved - seen) <= abs(drift - seen) or abs(seen) > bound


@pytest.mark.proves("RFC6238-6")
def test_drift_over_time() -> None:
    """A phone that slowly falls behind is follow for ever within the bound, and not beyond it."""
    record = Record(device=credential(STEP - 1))
    policy = Policy(drift_bound=3)
    answers = []
    for turn in range(8):
        now = NOW + 300 * turn
        code = TOTP(RFC_SECRET).at(now - 30 * turn)
        record, answer = verified(record, code, Context(policy, now, opened))
        answers.append(bool(answer))
        if answer:
            assert record.device is not None
            assert record.device.drift == -min(turn, 3)
    # With a drift of 3 remembered, and a window of 1, the last that passes is 4 behind.
    assert answers == [True] * 5 + [False] * 3


@pytest.mark.proves("RFC6238-6")
@pytest.mark.parametrize(("drift", "bound"), [(8, 2), (-8, 2), (3, 0), (2, 2), (-1, 4)])
def test_drift_of_another_policy(drift: int, bound: int) -> None:
    """A drift that was remembered under a wider bound counts only as far as the bound of today."""
    record = Record(device=replace(credential(STEP - 40), drift=drift))
    known = max(-bound, min(bound, drift))
    accepted = []
    for offset in range(-12, 13):
        code = naive_otp.decimal(RAW, STEP + offset)
        after, answer = verified(record, code, Context(Policy(drift_bound=bound), NOW, opened))
        if answer:
            accepted.append(offset)
            assert after.device is not None
            assert abs(after.device.drift) <= bound
    assert accepted == [known - 1, known, known + 1]


@pytest.mark.proves("T09", "T43")
@given(records, throttles(), st.floats(0, 2**33), anything)
def test_refused(record: Record, throttle: Throttle, now: float, text: str) -> None:
    """Whoever is not enrolled, must wait or is disabled is refused; nothing is opened or written."""
    terms = Context(Policy(throttle=throttle), now, closed)
    refused = refuse(record, terms)
    if record.device is not None and refused is None:
        return
    expected = Rejected(Reason.NOT_ENROLLED) if record.device is None else refused
    for after, answer in (verified(record, text, terms), resync(record, text, text, terms)):
        assert after is record
        assert expected == answer


@pytest.mark.proves("RFC4226-7.4")
@settings(max_examples=200)
@given(enrolled, st.integers(0, 12), st.integers(-16, 16), st.sampled_from([1, 1, 1, 0, 2, -1]))
def test_resynced(record: Record, bound: int, offset: int, gap: int) -> None:
    """Two consecutive codes above the last step, within the bound, give their drift; others are failures."""
    terms, active = Context(Policy(drift_bound=bound), NOW, opened), record.device
    assert active is not None
    end = STEP + offset
    first, last = naive_otp.decimal(RAW, end - gap), naive_otp.decimal(RAW, end)
    after, answer = resync(record, first, last, terms)
    if gap != 1 or abs(offset) > bound:
        assert answer == Rejected(Reason.MISMATCH)
    elif end - 1 <= active.last_step:
        assert answer == Rejected(Reason.REPLAYED)
    else:
        assert answer == Accepted(end, offset)
        used = replace(active, last_step=end, drift=offset, last_used_at=NOW)
        assert replace(record, device=used, failures=0, retry_at=None) == after
    if not answer:
        assert failed(record, terms) == after


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "12345\u0661", "ABCDEF"])
def test_resync_malformed(typed: str) -> None:
    """A resynchronisation with anything that is no code is malformed, and counts."""
    record, terms = Record(device=credential(STEP - 9)), Context(Policy(), NOW, opened)
    code = TOTP(RFC_SECRET).at(NOW)
    for pair in ((typed, code), (code, typed)):
        after, answer = resync(record, *pair, terms)
        assert answer == Rejected(Reason.MALFORMED)
        assert after.failures == 1


def credential(last_step: int) -> EnrolledDevice:
    """Return the credential of a common phone."""
    provision = SealedSecret(
        sealed="", digits=6, algorithm=Policy.DEFAULT.algorithm, period=30, label="alice", issuer="Acme"
    )
    return EnrolledDevice(secret=provision, confirmed_at=0.0, last_used_at=0.0, last_step=last_step)
