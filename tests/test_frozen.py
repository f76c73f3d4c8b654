"""A program that PyInstaller has frozen without extra options runs."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
from totpkit import Authenticated, Authenticator, AuthFlow, CodeAnswer, Password, PasswordAnswer, TotpCode
from totpkit import __version__, qr
from totpkit.stores.sqlite import SQLiteStore
from totpkit.testing import SoftPhone
from totpkit.vault import Vault, new_key

auth = Authenticator(SQLiteStore("totp.db"), issuer="Acme", vault=Vault({"key": new_key()}))
flow = AuthFlow(Password(lambda name, password: "acct-1"), TotpCode(auth), name="app", keys=[new_key()])
challenge = flow.submit(flow.begin().ticket, PasswordAnswer("alice", "password"))
[prompt] = challenge.prompts
assert qr(prompt.uri).svg().startswith("<svg")
result = flow.submit(challenge.ticket, CodeAnswer(SoftPhone(prompt.uri).code()))
assert isinstance(result, Authenticated)
print(__version__, *result.methods)
"""


def test_frozen(tmp_path: Path) -> None:
    """Every lazily imported name is found, from codes to a whole login."""
    (tmp_path / "app.py").write_text(PROGRAM, encoding="utf-8")
    freeze = [sys.executable, "-m", "PyInstaller", "--log-level=ERROR", "app.py"]
    subprocess.run(freeze, cwd=tmp_path, check=True, capture_output=True)
    command = [str(tmp_path / "dist" / "app" / "app")]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True, env={})
    assert done.stdout.split()[1:] == ["pwd", "otp", "mfa"]
