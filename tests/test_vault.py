"""Vaults, and the files that contain their keys."""

import base64
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings, strategies as st

from tests.support.account_strategies import ids
from totpkit import Cipher, InvalidParameterError, VaultError
from totpkit.vault import PLAINTEXT, Vault, key_file, new_key

OLD, NEW = bytes(32), bytes(range(32))
BOTH = Vault({"2026-11": NEW, "2025-01": OLD})
NO_KEYS = "must map one or more key ids to keys, the newest first"
BAD_ID = "must have key ids of 1 to 64 characters from A-Z a-z 0-9 . _ -"
BAD_KEY = (
    "must contain keys of 32 bytes: "
    "generate them with new_key(), or base64-decode the output of `totpkit key`"
)
raws = st.binary(min_size=1, max_size=80)
purposes = st.sampled_from(["credential", "enrollment"])


def test_new_key() -> None:
    """A new key has 256 bits, and no two keys are equal."""
    assert len(new_key()) == 32
    assert len({new_key() for _ in range(100)}) == 100


def test_key_file(tmp_path: Path) -> None:
    """The first call creates a file that only its owner can read, and later calls return the same key."""
    file = tmp_path / "vault.key"
    key = key_file(file)
    assert len(key) == 32
    assert key_file(str(file)) == key
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]
    assert key_file(tmp_path / "other.key") != key


def test_key_file_in_missing_folder(tmp_path: Path) -> None:
    """If the file cannot be created, the error names it, and not the temporary file."""
    file = tmp_path / "missing" / "vault.key"
    with pytest.raises(FileNotFoundError) as caught:
        key_file(file)
    assert caught.value.filename == str(file)
    assert caught.value.__suppress_context__


def test_key_file_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole key is synced before the file gets its name, then the folder is, and all is closed."""
    file = tmp_path / "vault.key"
    calls: list[tuple[str, object]] = []
    synced: list[int] = []
    original_fsync, original_link = os.fsync, os.link

    def fsync(descriptor: int) -> None:
        original_fsync(descriptor)
        synced.append(descriptor)
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            assert os.path.samestat(os.fstat(descriptor), tmp_path.stat())
            calls.append(("fsync folder", file.read_bytes()))
        else:
            assert not file.exists()
            calls.append(("fsync file", os.pread(descriptor, 100, 0)))

    def link(source: Path, target: Path, **options: bool) -> None:
        original_link(source, target, **options)
        calls.append(("link", target.read_bytes()))

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "link", link)
    written = base64.b64encode(key_file(file)) + b"\n"
    assert calls == [("fsync file", written), ("link", written), ("fsync folder", written)]
    for descriptor in synced:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)


def test_key_file_race(tmp_path: Path) -> None:
    """Threads that create the file at the same time get the same key."""
    for number in range(50):
        file = tmp_path / f"{number}.key"
        with ThreadPoolExecutor(8) as threads:
            assert len(set(threads.map(key_file, [file] * 8))) == 1
    assert len(list(tmp_path.iterdir())) == 50


def test_key_file_by_hand(tmp_path: Path) -> None:
    """The file may contain the output of the command."""
    file = tmp_path / "vault.key"
    command = [sys.executable, "-m", "totpkit", "key"]
    file.write_bytes(subprocess.run(command, check=True, capture_output=True).stdout)
    assert key_file(file) == base64.b64decode(file.read_bytes())


@pytest.mark.proves("T22")
@pytest.mark.parametrize(
    "content", [b"", b"\xff" * 44, b"c2VjcmV0", base64.b64encode(bytes(31)), b"no!" * 15]
)
def test_key_file_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """A file without a key is not changed. The error contains its name in one line, and not its content."""
    monkeypatch.chdir(tmp_path)
    file = Path("a\nb.key")
    file.write_bytes(content)
    with pytest.raises(InvalidParameterError) as caught:
        key_file(file)
    wanted = "path must name a file that contains the output of `totpkit key`, or a file to create"
    assert str(caught.value) == rf"{wanted}; 'a\nb.key' contains something else"
    assert caught.value.parameter == "path"
    assert caught.value.__context__ is None
    assert file.read_bytes() == content


@pytest.mark.proves("ASVS-13.3")
@given(raws, ids, purposes)
def test_round_trip(raw: bytes, account_id: str, purpose: str) -> None:
    """A sealed secret opens for the same account and purpose, in any vault that has the key."""
    ciphers: list[Cipher] = [BOTH, PLAINTEXT]
    for cipher in ciphers:
        sealed = cipher.seal(raw, account_id=account_id, purpose=purpose)
        assert sealed.isascii()
        assert cipher.open(sealed, account_id=account_id, purpose=purpose) == raw
    older = Vault({"2025-01": OLD}).seal(raw, account_id=account_id, purpose=purpose)
    assert BOTH.open(older, account_id=account_id, purpose=purpose) == raw


@pytest.mark.proves("ASVS-13.3")
def test_rotation() -> None:
    """The first key seals, all keys open, and only what the first key has sealed is current."""
    sealed = BOTH.seal(b"secret", account_id="a", purpose="p")
    older = Vault({"2025-01": OLD}).seal(b"secret", account_id="a", purpose="p")
    assert sealed.startswith("aesgcm:2026-11:")
    assert [BOTH.is_current(sealed), BOTH.is_current(older)] == [True, False]
    assert Vault({"2026-11": NEW}).open(sealed, account_id="a", purpose="p") == b"secret"
    with pytest.raises(
        VaultError, match=r"^a stored secret is sealed with a key that this Vault does not have"
    ):
        Vault({"2026-11": NEW}).open(older, account_id="a", purpose="p")


def test_format() -> None:
    """The format is AES-256-GCM: nonce and box in base64, with key id, purpose and account as context."""
    sealed = BOTH.seal(b"secret", account_id="acct-1", purpose="credential")
    box = base64.b64decode(sealed.removeprefix("aesgcm:2026-11:"), validate=True)
    context = b"totpkit\0" + b"2026-11\0credential\0acct-1"
    assert AESGCM(NEW).decrypt(box[:12], box[12:], context) == b"secret"


def test_nonce() -> None:
    """The same secret is never sealed to the same text twice."""
    assert len({BOTH.seal(b"secret", account_id="a", purpose="p") for _ in range(100)}) == 100


@pytest.mark.proves("T36")
@given(raws, ids, ids, purposes, purposes)
def test_moved(raw: bytes, account_id: str, other_id: str, purpose: str, other: str) -> None:
    """A sealed secret does not open for another account or another purpose."""
    sealed = BOTH.seal(raw, account_id=account_id, purpose=purpose)
    if (account_id, purpose) != (other_id, other):
        with pytest.raises(VaultError):
            BOTH.open(sealed, account_id=other_id, purpose=other)


@pytest.mark.proves("T36")
@settings(max_examples=300)
@given(st.sampled_from([16, 20, 32]), st.data())
def test_changed(size: int, data: st.DataObject) -> None:
    """A sealed secret with any change, even of one character, does not open."""
    sealed = BOTH.seal(bytes(size), account_id="a", purpose="p")
    place = data.draw(st.integers(0, len(sealed) - 1))
    cut = data.draw(st.integers(0, 3))
    patch = data.draw(st.text("ABab01+/=:-_ \n\u00e9", max_size=3))
    changed = sealed[:place] + patch + sealed[place + cut :]
    if changed != sealed:
        with pytest.raises(VaultError):
            BOTH.open(changed, account_id="a", purpose="p")


@pytest.mark.proves("T36")
@pytest.mark.parametrize("size", [16, 17, 18, 20, 32])
def test_every_flip(size: int) -> None:
    """Every changed base64 digit is detected, even if only unused bits of the last one differ."""
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    for cipher in (BOTH, Vault({"2026-11": NEW})):
        sealed = cipher.seal(bytes(size), account_id="a", purpose="p")
        for place in (15, 16, -5, -4, -3, -2):
            for digit in digits.replace(sealed[place], ""):
                changed = sealed[:place] + digit + sealed[place:][1:]
                with pytest.raises(VaultError):
                    cipher.open(changed, account_id="a", purpose="p")


@pytest.mark.proves("T36")
def test_wrong_key() -> None:
    """Neither another key with the same id nor the same key with another id opens a secret."""
    sealed = Vault({"k": OLD}).seal(b"secret", account_id="a", purpose="p")
    changed = "a stored secret was changed, or was sealed for another account or with another key"
    with pytest.raises(VaultError, match=f"^{changed}$"):
        Vault({"k": NEW}).open(sealed, account_id="a", purpose="p")
    with pytest.raises(VaultError, match=f"^{changed}$"):
        Vault({"x": OLD}).open(sealed.replace(":k:", ":x:"), account_id="a", purpose="p")


@pytest.mark.proves("T36")
@given(
    st.text(max_size=40)
    | st.sampled_from(["plain:", "aesgcm:", "aesgcm:2026-11:", "aesgcm:2026-11:AAAA", ":"])
)
def test_any_text(text: str) -> None:
    """Any other text does not open, and raises only VaultError."""
    ciphers: list[Cipher] = [BOTH, PLAINTEXT]
    for cipher in ciphers:
        with pytest.raises(VaultError) as caught:
            cipher.open(text, account_id="a", purpose="p")
        assert (caught.value.__cause__, caught.value.__context__) == (None, None)


@pytest.mark.proves("T36")
def test_kinds_apart() -> None:
    """A vault refuses plain text, PLAINTEXT refuses sealed text, and neither is current for the other."""
    plain = PLAINTEXT.seal(b"secret", account_id="a", purpose="p")
    sealed = BOTH.seal(b"secret", account_id="a", purpose="p")
    assert plain == "plain:c2VjcmV0"
    with pytest.raises(VaultError, match=r"^a stored secret was not sealed by a Vault$"):
        BOTH.open(plain, account_id="a", purpose="p")
    with pytest.raises(
        VaultError, match=r"^a stored secret is not plain text: pass the Vault that sealed it$"
    ):
        PLAINTEXT.open(sealed, account_id="a", purpose="p")
    assert [BOTH.is_current(plain), PLAINTEXT.is_current(sealed)] == [False, False]
    assert PLAINTEXT.is_current(plain)


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({}, NO_KEYS),
        (None, NO_KEYS),
        (NEW, NO_KEYS),
        ([("a", NEW)], NO_KEYS),
        ({"": NEW}, BAD_ID),
        ({"a:b": NEW}, BAD_ID),
        ({"\u00e9": NEW}, BAD_ID),
        ({"a" * 65: NEW}, BAD_ID),
        ({1: NEW}, BAD_ID),
        ({"a": NEW[:16]}, BAD_KEY),
        ({"a": NEW + b"0"}, BAD_KEY),
        ({"a": "0" * 32}, BAD_KEY),
        ({"a": bytearray(32)}, BAD_KEY),
        ({"a": base64.b64encode(NEW).decode()}, BAD_KEY),
        ({"a": base64.b64encode(NEW)}, BAD_KEY),
        ({"a": NEW, "b": b""}, BAD_KEY),
    ],
)
def test_keys_refused(keys: dict[str, bytes], problem: str) -> None:
    """Wrong keys are refused, and no message contains them."""
    with pytest.raises(InvalidParameterError) as caught:
        Vault(keys)
    assert (caught.value.parameter, caught.value.problem) == ("keys", problem)


def test_longest_key_id() -> None:
    """A key id may have 64 characters."""
    vault = Vault({"a" * 64: NEW})
    sealed = vault.seal(b"secret", account_id="a", purpose="p")
    assert vault.open(sealed, account_id="a", purpose="p") == b"secret"


@pytest.mark.proves("T22")
def test_shown() -> None:
    """The repr of a vault contains only its key ids."""
    assert repr(BOTH) == "<Vault with keys 2026-11, 2025-01>"
    assert str(BOTH) == repr(BOTH)
    assert repr(PLAINTEXT) == "PLAINTEXT"


def test_extra() -> None:
    """The extra is imported when a Vault is created, so PLAINTEXT does not need it."""
    code = "import sys, totpkit.vault as v; print('cryptography' in sys.modules); v.Vault({'a': bytes(32)})"
    command = [sys.executable, "-I", "-W", "error", "-c", f"{code}; print('cryptography' in sys.modules)"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
