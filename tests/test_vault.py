"""Sealing secrets for storage."""

import base64
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
BAD_KEY = (
    "must be bytes, 32 for each id: make them with new_key(), or decode what `totpkit key` prints by base64"
)
raws = st.binary(min_size=1, max_size=80)
purposes = st.sampled_from(["credential", "enrollment"])


def test_new_key() -> None:
    """A new key has 256 bits, and no two are equal."""
    assert len(new_key()) == 32
    assert len({new_key() for _ in range(100)}) == 100


def test_key_file(tmp_path: Path) -> None:
    """A file is made at the first call, for its owner alone, and has the same key ever after."""
    file = tmp_path / "vault.key"
    key = key_file(file)
    assert len(key) == 32
    assert key_file(str(file)) == key
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]
    assert key_file(tmp_path / "other.key") != key


def test_key_file_nowhere(tmp_path: Path) -> None:
    """Where it cannot be made, the error names the file that was asked for."""
    file = tmp_path / "missing" / "vault.key"
    with pytest.raises(FileNotFoundError) as caught:
        key_file(file)
    assert caught.value.filename == str(file)
    assert caught.value.__suppress_context__


def test_key_file_race(tmp_path: Path) -> None:
    """Of many that make the file at once, all get the same key."""
    for number in range(50):
        file = tmp_path / f"{number}.key"
        with ThreadPoolExecutor(8) as threads:
            assert len(set(threads.map(key_file, [file] * 8))) == 1
    assert len(list(tmp_path.iterdir())) == 50


def test_key_file_by_hand(tmp_path: Path) -> None:
    """The file may hold what the command prints."""
    file = tmp_path / "vault.key"
    command = [sys.executable, "-m", "totpkit", "key"]
    file.write_bytes(subprocess.run(command, check=True, capture_output=True).stdout)
    assert key_file(file) == base64.b64decode(file.read_bytes())


@pytest.mark.proves("T22")
@pytest.mark.parametrize("held", [b"", b"\xff" * 44, b"c2VjcmV0", base64.b64encode(bytes(31)), b"no!" * 15])
def test_key_file_refused(tmp_path: Path, held: bytes) -> None:
    """A file that holds no key is named and left as it is, and its contents are not told."""
    file = tmp_path / "vault.key"
    file.write_bytes(held)
    with pytest.raises(InvalidParameterError) as caught:
        key_file(file)
    wanted = "path must name a file with what `totpkit key` prints, or none yet"
    assert str(caught.value) == f"{wanted}: {str(file)!r} holds something else"
    assert caught.value.parameter == "path"
    assert caught.value.__context__ is None
    assert file.read_bytes() == held


def test_key_file_odd_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is told as it was given, and in one line whatever is in it."""
    monkeypatch.chdir(tmp_path)
    Path("a\nb.key").write_bytes(b"")
    with pytest.raises(InvalidParameterError, match=r": 'a\\nb\.key' holds something else$"):
        key_file("a\nb.key")


def test_key_file_out_of_reach(tmp_path: Path) -> None:
    """Where no file can be made, the system's own error says so."""
    with pytest.raises(FileNotFoundError):
        key_file(tmp_path / "missing" / "vault.key")


@pytest.mark.proves("ASVS-13.3")
@given(raws, ids, purposes)
def test_round_trip(raw: bytes, account_id: str, purpose: str) -> None:
    """What was sealed opens for the same account and purpose, by any vault that has the key."""
    ciphers: list[Cipher] = [BOTH, PLAINTEXT]
    for cipher in ciphers:
        sealed = cipher.seal(raw, account_id=account_id, purpose=purpose)
        assert sealed.isascii()
        assert cipher.open(sealed, account_id=account_id, purpose=purpose) == raw
    older = Vault({"2025-01": OLD}).seal(raw, account_id=account_id, purpose=purpose)
    assert BOTH.open(older, account_id=account_id, purpose=purpose) == raw


@pytest.mark.proves("ASVS-13.3")
def test_rotation() -> None:
    """The first key seals, all open, and only what the first has sealed is current."""
    sealed = BOTH.seal(b"secret", account_id="a", purpose="p")
    older = Vault({"2025-01": OLD}).seal(b"secret", account_id="a", purpose="p")
    assert sealed.startswith("aesgcm:2026-11:")
    assert [BOTH.is_current(sealed), BOTH.is_current(older)] == [True, False]
    assert Vault({"2026-11": NEW}).open(sealed, account_id="a", purpose="p") == b"secret"
    with pytest.raises(VaultError, match=r"^a stored secret is sealed with a key that is not at hand$"):
        Vault({"2026-11": NEW}).open(older, account_id="a", purpose="p")


def test_format() -> None:
    """Sealed is AES-256-GCM by the standard: nonce and box in base64; key id, purpose, account bound."""
    sealed = BOTH.seal(b"secret", account_id="acct-1", purpose="credential")
    box = base64.b64decode(sealed.removeprefix("aesgcm:2026-11:"), validate=True)
    context = b"totpkit\0" + b"2026-11\0credential\0acct-1"
    assert AESGCM(NEW).decrypt(box[:12], box[12:], context) == b"secret"


def test_nonce() -> None:
    """No two sealings are equal."""
    assert len({BOTH.seal(b"secret", account_id="a", purpose="p") for _ in range(100)}) == 100


@pytest.mark.proves("T36")
@given(raws, ids, ids, purposes, purposes)
def test_moved(raw: bytes, account_id: str, other_id: str, purpose: str, other: str) -> None:
    """What was sealed for one account, or one purpose, does not open for another."""
    sealed = BOTH.seal(raw, account_id=account_id, purpose=purpose)
    if (account_id, purpose) != (other_id, other):
        with pytest.raises(VaultError):
            BOTH.open(sealed, account_id=other_id, purpose=other)


@pytest.mark.proves("T36")
@settings(max_examples=300)
@given(st.sampled_from([16, 20, 32]), st.data())
def test_changed(size: int, data: st.DataObject) -> None:
    """Flipped, cut short, lengthened or put together anew: what was changed by a character does not open."""
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
    """Any other character in any place of the sealed text, the last bits too, is found."""
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
    """Another key under the same id does not open, nor does a key under another's id."""
    sealed = Vault({"k": OLD}).seal(b"secret", account_id="a", purpose="p")
    changed = "a stored secret was changed, or sealed for another account or by another key"
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
    """Whatever else stands in a record does not open, and raises nothing but VaultError."""
    ciphers: list[Cipher] = [BOTH, PLAINTEXT]
    for cipher in ciphers:
        with pytest.raises(VaultError) as caught:
            cipher.open(text, account_id="a", purpose="p")
        assert (caught.value.__cause__, caught.value.__context__) == (None, None)


@pytest.mark.proves("T36")
def test_kinds_apart() -> None:
    """What is in plain does not pass for sealed, nor sealed for plain; neither is current for the other."""
    plain = PLAINTEXT.seal(b"secret", account_id="a", purpose="p")
    sealed = BOTH.seal(b"secret", account_id="a", purpose="p")
    assert plain == "plain:c2VjcmV0"
    with pytest.raises(VaultError, match=r"^a stored secret is not one that a Vault has sealed$"):
        BOTH.open(plain, account_id="a", purpose="p")
    with pytest.raises(VaultError, match=r"^a stored secret is not in plain text, but no vault was given$"):
        PLAINTEXT.open(sealed, account_id="a", purpose="p")
    assert [BOTH.is_current(plain), PLAINTEXT.is_current(sealed)] == [False, False]
    assert PLAINTEXT.is_current(plain)


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({}, "must map one id or more to keys, the newest first"),
        (None, "must map one id or more to keys, the newest first"),
        (NEW, "must map one id or more to keys, the newest first"),
        ([("a", NEW)], "must map one id or more to keys, the newest first"),
        ({"": NEW}, "must have ids of 1 to 64 of A-Z a-z 0-9 . _ -"),
        ({"a:b": NEW}, "must have ids of 1 to 64 of A-Z a-z 0-9 . _ -"),
        ({"\u00e9": NEW}, "must have ids of 1 to 64 of A-Z a-z 0-9 . _ -"),
        ({"a" * 65: NEW}, "must have ids of 1 to 64 of A-Z a-z 0-9 . _ -"),
        ({1: NEW}, "must have ids of 1 to 64 of A-Z a-z 0-9 . _ -"),
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
    """Keys that are no keys are refused, and no message quotes them."""
    with pytest.raises(InvalidParameterError) as caught:
        Vault(keys)
    assert (caught.value.parameter, caught.value.problem) == ("keys", problem)


@pytest.mark.proves("T22")
def test_shown() -> None:
    """A vault shows the ids of its keys alone."""
    assert repr(BOTH) == "<Vault with keys 2026-11, 2025-01>"
    assert str(BOTH) == repr(BOTH)
    assert repr(PLAINTEXT) == "PLAINTEXT"


def test_extra() -> None:
    """PLAINTEXT needs no extra: the library behind a vault is imported when one is made, and not before."""
    code = "import sys, totpkit.vault as v; print('cryptography' in sys.modules); v.Vault({'a': bytes(32)})"
    command = [sys.executable, "-I", "-W", "error", "-c", f"{code}; print('cryptography' in sys.modules)"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
