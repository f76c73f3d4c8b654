"""What a user is shown, and what is known of an account."""

import json
import pickle

import pytest

from totpkit import TOTP, Enrollment, Secret, Status, qr

SECRET = Secret.from_bytes(bytes(range(65, 85)))
URI = TOTP(SECRET).uri(account="alice", issuer="Acme")
SHOWN = Enrollment(uri=URI, secret=SECRET, label="alice", issuer="Acme", expires_at=600.0)


def test_qr() -> None:
    """The picture is that of the key URI, and the same each time."""
    assert SHOWN.qr().svg() == SHOWN.qr().svg() == qr(URI).svg()


def test_as_json() -> None:
    """A front end gets the picture as an address and the secret for typing by hand."""
    assert json.loads(json.dumps(SHOWN.to_dict())) == {
        "type": "enrollment",
        "uri": URI,
        "secret": SECRET.grouped(),
        "qr": qr(URI).data_uri(),
        "label": "alice",
        "issuer": "Acme",
        "expires_at": 600.0,
    }


@pytest.mark.proves("T22")
def test_shown() -> None:
    """An enrollment shows neither URI nor secret unless asked for it, and cannot be pickled."""
    assert repr(SHOWN) == "Enrollment(label='alice', issuer='Acme', expires_at=600.0)"
    assert str(SHOWN) == f"{SHOWN}" == repr(SHOWN)
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(SHOWN)


def test_status_of_nobody() -> None:
    """An account that is not stored is not enrolled, not pending, not disabled, and has no codes."""
    assert Status() == Status(
        enrolled=False,
        pending=False,
        retry_after=None,
        disabled=False,
        recovery_codes_left=0,
        confirmed_at=None,
        last_used_at=None,
        failures=0,
    )
