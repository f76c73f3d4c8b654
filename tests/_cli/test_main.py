"""The commands of the command line."""

import base64
import io
import os
import re
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image

from tests.support.strategies import RFC_SECRET, anything, hotps, key_uris, misspellings, spellings, uri_totps
from tests.support.terminal import Clock, Played, play, read_image, written
from totpkit import HOTP, TOTP, KeyURI, Secret
from totpkit._cli.console import Console
from totpkit._cli.main import run
from totpkit.vault import Vault

TEXT = RFC_SECRET.to_base32()
ENVIRON = {"TOTPKIT_SECRET": TEXT}
URI = f"otpauth://totp/Acme:alice?secret={TEXT}&issuer=Acme"
COUNTED = f"otpauth://hotp/Acme:alice?secret={TEXT}&issuer=Acme&counter="
READERS = ("uri", "qr", "code", "verify", "inspect")
REPLAYED = "rejected: replayed (this code was already used)\n"
MISMATCH = "rejected: mismatch (not the expected code)\n"
MALFORMED = "rejected: malformed (not in the form of a code)\n"


# secret, key


def test_secret() -> None:
    """A new secret of 160 bits, or of another length, is printed."""
    first, second = play("secret"), play("secret")
    assert (first.status, first.err) == (0, "")
    assert re.fullmatch(r"[A-Z2-7]{32}\n", first.out)
    assert first.out != second.out
    assert len(Secret.from_base32(play("secret", "--bytes", "64").out.strip())) == 64


def test_key() -> None:
    """A new key for a vault is printed."""
    first, second = play("key"), play("key")
    assert (first.status, first.err) == (0, "")
    assert first.out != second.out
    assert Vault({"new": base64.b64decode(first.out, validate=False)})


# uri, qr


def test_uri() -> None:
    """The key URI of a secret is printed as one line."""
    assert play("uri", "--account", "alice", "--issuer", "Acme", environ=ENVIRON) == Played(0, f"{URI}\n", "")


def test_qr_files(tmp_path: Path) -> None:
    """Files are readable only by their owner, replace older ones, and leave the terminal empty."""
    svg, png = tmp_path / "a", tmp_path / "b"
    svg.write_text("x" * 100_000)
    assert play("qr", "--svg", str(svg), stdin=URI) == Played(0, "", "")
    assert list(tmp_path.iterdir()) == [svg]
    assert re.fullmatch("<svg .*</svg>", svg.read_text(), re.DOTALL)
    options = ("--account", "bob", "--svg", str(svg), "--png", str(png))
    assert play("qr", *options, stdin=URI) == Played(0, "", "")
    assert read_image(Image.open(png)) == URI.replace("alice", "bob")
    assert [stat.S_IMODE(path.stat().st_mode) for path in (svg, png)] == [0o600, 0o600]


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("missing/code", "No such file or directory"),
        (".", "Is a directory"),
        ("a\0b", "not a valid file name"),
        ("a\ud800b", "not a valid file name"),
    ],
)
@pytest.mark.parametrize("option", ["--svg", "--png"])
def test_qr_no_file(tmp_path: Path, option: str, path: str, problem: str) -> None:
    """A file that cannot be written is an error of one line."""
    expected = Played(2, "", f"totpkit: cannot write the {option} file: {problem}\n")
    assert play("qr", option, f"{tmp_path}/{path}", stdin=URI) == expected


# code


@pytest.mark.proves("RFC6238-B")
@pytest.mark.parametrize(
    ("argv", "now", "out"),
    [
        ([], 59.5, "287082  1 s left\n"),
        ([], 1111111109, "081804  1 s left\n"),
        (["--at", "0"], 59, "755224  30 s left\n"),
        (["--digits", "8", "--at", "20000000000"], 59, "65353130  10 s left\n"),  # RFC 6238, Appendix B
    ],
)
def test_code(argv: list[str], now: float, out: str) -> None:
    """The current code, or the code of another moment, is printed with the seconds left."""
    assert play("code", *argv, environ=ENVIRON, clock=Clock(now)) == Played(0, out, "")


def test_code_hotp() -> None:
    """A counter-based code is printed with its counter. The option replaces the key URI's counter."""
    assert play("code", "--hotp", environ=ENVIRON).out == "755224  counter 0\n"
    assert play("code", "--hotp", "--counter", "9", environ=ENVIRON).out == "520489  counter 9\n"
    assert play("code", stdin=f"{COUNTED}1").out == "287082  counter 1\n"
    assert play("code", "--counter", "0", stdin=f"{COUNTED}1").out == "755224  counter 0\n"


@settings(max_examples=50)
@given(key_uris, st.integers(0, 2**40))
def test_code_any(uri: KeyURI, time: int) -> None:
    """For any key URI, the printed code is correct."""
    played = play("code", stdin=str(uri), clock=Clock(time))
    expected = uri.otp.at(uri.counter or 0) if isinstance(uri.otp, HOTP) else uri.otp.at(time)
    assert played.out.split()[0] == expected


# verify


def test_accepted() -> None:
    """A correct code is accepted, with the step to store and exit status 0."""
    expected = Played(0, "accepted: step 1, drift 0\n", "")
    assert play("verify", "287082", "--at", "59", environ=ENVIRON) == expected
    assert play("verify", "287 082", environ=ENVIRON, clock=Clock(59)) == expected
    assert play("verify", "287082", "--at", "29", environ=ENVIRON).out == "accepted: step 1, drift 1\n"
    assert play("verify", "287082", "--at", "60", environ=ENVIRON).out == "accepted: step 1, drift -1\n"


@pytest.mark.parametrize(
    ("argv", "out"),
    [
        (["287082", "--at", "90"], MISMATCH),
        (["287082", "--at", "59", "--last-step", "1"], REPLAYED),
        (["755224", "--at", "59", "--last-step", "1"], REPLAYED),
        (["28708", "--at", "59"], MALFORMED),
        (["", "--at", "59"], MALFORMED),
        (["28708২", "--at", "59"], MALFORMED),
    ],
)
def test_rejected(argv: list[str], out: str) -> None:
    """Any other code is rejected, with the reason and exit status 1."""
    assert play("verify", *argv, environ=ENVIRON) == Played(1, out, "")


@pytest.mark.proves("T01", "RFC6238-5.2-once")
@settings(max_examples=50)
@given(uri_totps, st.integers(0, 2**40), st.integers(-200, 200))
def test_not_twice(totp: TOTP, time: int, later: int) -> None:
    """If the accepted step is passed as the last step, no code is accepted twice."""
    environ = {"TOTPKIT_SECRET": totp.uri(account="alice")}
    code = totp.at(time)
    first = play("verify", code, "--at", str(time), environ=environ)
    found = re.fullmatch(r"accepted: step (\d+), drift -?\d\n", first.out)
    assert found
    again = str(max(0, time + later))
    assert play("verify", code, "--at", again, "--last-step", found[1], environ=environ).status == 1


def test_verify_hotp() -> None:
    """The expected counter comes after the last step, or is the key URI's."""
    options = ["verify", "--hotp"]
    assert play(*options, "755224", environ=ENVIRON) == Played(0, "accepted: step 0, drift 0\n", "")
    assert play(*options, "287082", environ=ENVIRON).out == MISMATCH
    assert play(*options, "287082", "--last-step", "0", environ=ENVIRON).out == "accepted: step 1, drift 0\n"
    assert play(*options, "287082", "--last-step", "1", environ=ENVIRON).out == REPLAYED
    assert play("verify", "755224", stdin=f"{COUNTED}0").out == "accepted: step 0, drift 0\n"
    assert play("verify", "287082", stdin=f"{COUNTED}1").out == "accepted: step 1, drift 0\n"
    assert play("verify", "755224", stdin=f"{COUNTED}1").out == REPLAYED
    assert play("verify", "755224", "--last-step", "1", stdin=f"{COUNTED}0").status == 1


@settings(max_examples=50)
@given(hotps, st.integers(0, 2**64 - 1))
def test_verify_hotp_any(hotp: HOTP, counter: int) -> None:
    """The code of a key URI's counter is accepted, whatever the counter."""
    uri = KeyURI(hotp, account="alice", counter=counter)
    assert play("verify", hotp.at(counter), stdin=str(uri)).out == f"accepted: step {counter}, drift 0\n"


def test_code_from_input() -> None:
    """Without an argument the code is the next line of standard input, which a terminal is asked for."""
    argv = ["verify", "--at", "59"]
    assert play(*argv, stdin=f"{TEXT}\n287082\n").status == 0
    assert play(*argv, stdin=f"{TEXT}\n287082").status == 0
    assert play(*argv, stdin="287082\n", environ=ENVIRON).status == 0
    assert play(*argv, stdin="\n287082\n", environ=ENVIRON).status == 1
    played = play("verify", stdin="287082\n", typing=True, ask_hidden=lambda _: TEXT)
    assert played == Played(0, "accepted: step 1, drift 0\n", "Code: ")


@pytest.mark.parametrize(("typing", "err"), [(False, ""), (True, "Code: \n")])
def test_no_code(*, typing: bool, err: str) -> None:
    """Input that ends before the code is an error, not a rejection."""
    problem = "totpkit: no code found; pass it as CODE, at the prompt or on the next line of standard input\n"
    assert play("verify", typing=typing, environ=ENVIRON) == Played(2, "", err + problem)


@given(anything | spellings("287082") | misspellings("287082"))
def test_verify_any(code: str) -> None:
    """No text raises an error, and only a spelling of the code is accepted."""
    played = play("verify", "--at", "59", "--", code, environ=ENVIRON)
    spelled = code.replace(" ", "").replace("-", "")
    assert played.status == (0 if spelled in {"755224", "287082", "359152"} else 1)
    assert played.err == ""


# inspect


def test_inspect() -> None:
    """A key URI is read from the arguments, the environment, a prompt or standard input."""
    expected = play("inspect", f" {URI} ")
    assert (expected.status, expected.err) == (0, "")
    assert expected.out.startswith("type       totp\nissuer     Acme\n")
    assert play("inspect", stdin=URI) == expected
    assert play("inspect", environ={"TOTPKIT_SECRET": URI}) == expected
    assert play("inspect", stdin="", typing=True, ask_hidden=lambda _: URI) == expected


# Errors


@pytest.mark.parametrize("command", READERS)
def test_no_secret(command: str) -> None:
    """A command without a secret says how to pass one."""
    problem = (
        "totpkit: no secret found; set TOTPKIT_SECRET, enter it at the prompt or pass it on standard input\n"
    )
    assert play(command) == Played(2, "", problem)
    assert play(command, typing=True) == Played(2, "", f"\n{problem}")


@pytest.mark.parametrize("command", READERS)
def test_ctrl_c(command: str) -> None:
    """Ctrl-C ends a command with status 130 and without a message, on a new line after a prompt."""

    def interrupt(_: str) -> str:
        raise KeyboardInterrupt

    assert play(command, typing=True, ask_hidden=interrupt) == Played(130, "", "\n")
    console = Console(stdin=_Interrupted(), stdout=io.StringIO(), stderr=io.StringIO(), environ={})
    assert run([command], console) == 130
    assert (written(console.stdout), written(console.stderr)) == ("", "")


class _Interrupted(io.StringIO):
    def readline(self, _size: int = -1, /) -> str:  # type: ignore[override]  # of both its bases
        raise KeyboardInterrupt


def encoded(stdin: bytes, encoding: str, *argv: str) -> Played:
    """Run a command whose output has this encoding."""
    raw = io.BytesIO()
    console = Console(
        stdin=io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"),
        stdout=io.TextIOWrapper(raw, encoding=encoding),
        stderr=io.StringIO(),
        environ={},
    )
    status = run(argv, console)
    return Played(status, raw.getvalue().decode(encoding), written(console.stderr))


@pytest.mark.parametrize("command", [*READERS, "demo"])
def test_not_text(command: str) -> None:
    """Input that cannot be decoded is an error of one line."""
    played = encoded(b"JBSW\xff\xfe\n", "utf-8", command)
    assert (played.status, played.err) == (2, "totpkit: standard input is not valid utf-8\n")


def test_not_encodable() -> None:
    """Output that cannot be encoded, such as block characters in ASCII, is an error of one line."""
    expected = "totpkit: standard output cannot encode this in ascii; set PYTHONIOENCODING=utf-8\n"
    assert encoded(URI.encode(), "ascii", "qr") == Played(2, "", expected)
    assert encoded(f"otpauth://totp/Ł?secret={TEXT}".encode(), "latin-1", "inspect").status == 2


@pytest.mark.parametrize("argv", [["secret"], ["--help"], ["code", "--help"], ["--version"]])
def test_broken_pipe(argv: list[str]) -> None:
    """A pipe without a reader ends the command silently, with the status that shells use for SIGPIPE."""
    source, target = os.pipe()
    os.close(source)
    with os.fdopen(target, "w") as stdout:
        console = Console(stdin=io.StringIO(), stdout=stdout, stderr=io.StringIO(), environ={})
        assert run(argv, console) == 141
    assert written(console.stderr) == ""


class _Full(io.StringIO):
    def flush(self) -> None:
        raise OSError(28, "No space left on device")


def test_full_disk() -> None:
    """A full disk is an error of one line."""
    console = Console(stdin=io.StringIO(), stdout=_Full(), stderr=io.StringIO(), environ={})
    assert run(["secret"], console) == 2
    assert written(console.stderr) == "totpkit: cannot read or write: No space left on device\n"
