"""Attacks on the authenticator alone. Those on every facade are in tests/test_attacks.py."""

import pytest

from tests.support.answers import MISMATCH
from tests.support.authenticators import LABEL, WHO, App, both
from totpkit import TOTP, Accepted, Policy, Secret, VaultError, Window
from totpkit.vault import PLAINTEXT, Vault


@pytest.mark.proves("T19")
@both
def test_begin_over_an_enrolled_phone(runtime: str) -> None:
    """T19: however often somebody begins an enrollment, the enrolled phone keeps working."""
    app = App(runtime)
    phone = app.enroll()
    for n in range(5):
        app.auth.begin_enrollment(WHO, label="attacker", binding=f"login-{n}")
        app.clock.advance(30)
        assert app.auth.verify(WHO, phone.code())
    assert app.auth.provisioning(WHO).label == LABEL


@pytest.mark.proves("T38")
@both
def test_locked_is_enrolled(runtime: str) -> None:
    """T38: an account that is throttled, disabled or sealed with a lost key is still enrolled."""
    app = App(runtime, vault=Vault({"k": bytes(32)}))
    app.enroll()
    for failures in (5, 100):
        app.rewrite(failures=failures, retry_at=app.clock() + 60)
        assert app.auth.status(WHO).enrolled
    lost = app.other(vault=Vault({"other": bytes(32)}))
    lost.auth.begin_enrollment(WHO, label=LABEL)
    assert lost.auth.status(WHO).enrolled


@pytest.mark.proves("T36")
def test_secret_moved_to_another_account() -> None:
    """T36: whoever can write to the store cannot make an account accept another phone or a pending one."""
    app = App(vault=Vault({"k": bytes(32)}))
    phone = app.enroll()
    app.enroll("victim")
    shown = app.scan("victim")
    theirs, pending = app.device("victim"), app.record("victim").pending
    assert pending is not None
    plain = PLAINTEXT.seal(bytes(20), account_id="victim", purpose="credential")
    known = TOTP(Secret.from_bytes(bytes(20))).at(app.clock())
    moved = {app.device().secret.sealed: phone.code(), pending.secret.sealed: shown.code(), plain: known}
    for sealed, code in moved.items():
        app.rewrite("victim", device=theirs._replace(secret=theirs.secret._replace(sealed=sealed)))
        with pytest.raises(VaultError):
            app.auth.verify("victim", code)


@pytest.mark.proves("T46")
@both
def test_accounts_that_look_alike(runtime: str) -> None:
    """T46: ids that differ by case, accent, normal form or a trailing space are different accounts."""
    app = App(runtime)
    ids = ["alice", "Alice", "alice ", "al\u00efce", "ali\u0308ce", "\uff41lice", "al\u0131ce"]
    phones = {account_id: app.scan(account_id) for account_id in ids}
    for account_id, phone in phones.items():
        assert app.auth.confirm_enrollment(account_id, phone.code())
    app.clock.advance(30)
    for account_id, own in phones.items():
        for phone in phones.values():
            assert phone is own or not app.auth.verify(account_id, phone.code())
            app.auth.unlock(account_id)
        assert app.auth.verify(account_id, own.code())


@pytest.mark.proves("T31")
def test_wide_window() -> None:
    """T31: a window of more than ten steps needs allow_wide, then works, and the policy says so."""
    policy = Policy(window=Window(past=20, future=0, allow_wide=True))
    app = App(policy=policy)
    phone = app.enroll()
    app.clock.advance(30 * 30)
    assert app.auth.verify(WHO, phone.code(steps=-21)) == MISMATCH
    assert app.auth.verify(WHO, phone.code(steps=-20)) == Accepted(56_666_677, drift=-20)
    assert "override: a window of 21 steps" in policy.describe()
