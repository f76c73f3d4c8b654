"""The command line."""

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
from tests.support.terminal import Clock, Played, play, read_image, scanned, written
from totpkit import HOTP, TOTP, KeyURI, Secret
from totpkit._cli.console import Console
from totpkit._cli.main import run
from totpkit.vault import Vault

TEXT = RFC_SECRET.to_base32()
ENVIRON = {"TOTPKIT_SECRET": TEXT}
URI = f"otpauth://totp/Acme:alice?secret={TEXT}&issuer=Acme"
COUNTED = f"otpauth://hotp/Acme:alice?secret={TEXT}&issuer=Acme&counter="
READERS = ("uri", "qr", "code", "verify", "inspect")
REPLAYED = "rejected: replayed (a code is good for one use)\n"
MISMATCH = "rejected: mismatch (not a code that is due)\n"
MALFORMED = "rejected: malformed (not the form of such a code)\n"


# secret


def test_secret() -> None:
    """A new secret of 160 bits is printed, another one each time."""
    first, second = play("secret"), play("secret")
    assert (first.status, first.err) == (0, "")
    assert re.fullmatch(r"[A-Z2-7]{32}\n", first.out)
    assert first.out != second.out


def test_secret_size() -> None:
    """Its length can be chosen."""
    assert len(Secret.from_base32(play("secret", "--bytes", "64").out.strip())) == 64


# key


def test_key() -> None:
    """A new key for a vault is printed, another one each time; a vault takes it."""
    first, second = play("key"), play("key")
    assert (first.status, first.err) == (0, "")
    assert first.out != second.out
    assert Vault({"new": base64.b64decode(first.out, validate=False)})


# uri, qr


def test_uri() -> None:
    """The key URI of a secret is printed on a line."""
    assert play("uri", "--account", "alice", "--issuer", "Acme", environ=ENVIRON) == Played(0, f"{URI}\n", "")


def test_qr() -> None:
    """Without a file the picture goes to the terminal."""
    played = play("qr", "--account", "alice", "--issuer", "Acme", environ=ENVIRON)
    assert (played.status, played.err) == (0, "")
    assert scanned(played.out) == URI


def test_qr_files(tmp_path: Path) -> None:
    """Pictures are written to files that only their owner can read, and nothing to the terminal."""
    svg, png = tmp_path / "a", tmp_path / "b"
    assert play("qr", "--svg", str(svg), "--png", str(png), stdin=URI) == Played(0, "", "")
    assert svg.read_text().startswith("<svg ")
    assert read_image(Image.open(png)) == URI
    assert [stat.S_IMODE(path.stat().st_mode) for path in (svg, png)] == [0o600, 0o600]


def test_qr_one_file(tmp_path: Path) -> None:
    """One kind of file alone is written alone; an older file is replaced as a whole."""
    path = tmp_path / "picture.svg"
    path.write_text("x" * 100_000)
    assert play("qr", "--svg", str(path), stdin=URI) == Played(0, "", "")
    assert path.read_text().endswith("</svg>")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("missing/picture", "No such file or directory"),
        (".", "Is a directory"),
        ("a\0b", "this is no file name"),
        ("a\ud800b", "this is no file name"),
    ],
)
@pytest.mark.parametrize("option", ["--svg", "--png"])
def test_qr_no_file(tmp_path: Path, option: str, path: str, problem: str) -> None:
    """A file that cannot be written is an error of one line."""
    expected = Played(2, "", f"totpkit: cannot write the file of {option}: {problem}\n")
    assert play("qr", option, f"{tmp_path}/{path}", stdin=URI) == expected


# code


def test_code() -> None:
    """The code of this moment comes with the seconds that it lasts."""
    assert play("code", environ=ENVIRON, clock=Clock(59.5)) == Played(0, "287082  1 s left\n", "")
    assert play("code", environ=ENVIRON, clock=Clock(1111111109)) == Played(0, "081804  1 s left\n", "")


def test_code_at() -> None:
    """Another moment can be given, also the beginning of time."""
    assert play("code", "--at", "0", environ=ENVIRON) == Played(0, "755224  30 s left\n", "")


@pytest.mark.proves("RFC6238-B")
def test_code_of_rfc() -> None:
    """The example of RFC 6238, Appendix B, in the year 2603."""
    played = play("code", "--digits", "8", "--at", "20000000000", environ=ENVIRON)
    assert played.out == "65353130  10 s left\n"


def test_code_hotp() -> None:
    """A code of a counter comes with the counter; the option goes before the key URI."""
    assert play("code", "--hotp", environ=ENVIRON).out == "755224  counter 0\n"
    assert play("code", "--hotp", "--counter", "9", environ=ENVIRON).out == "520489  counter 9\n"
    assert play("code", stdin=f"{COUNTED}1").out == "287082  counter 1\n"
    assert play("code", "--counter", "0", stdin=f"{COUNTED}1").out == "755224  counter 0\n"


@settings(max_examples=50)
@given(key_uris, st.integers(0, 2**40))
def test_code_any(uri: KeyURI, time: int) -> None:
    """Whatever the key URI, the code printed is that of its codes."""
    played = play("code", stdin=str(uri), clock=Clock(time))
    expected = uri.otp.at(uri.counter or 0) if isinstance(uri.otp, HOTP) else uri.otp.at(time)
    assert played.out.split()[0] == expected


# verify


def test_accepted() -> None:
    """A right code is accepted with the step to keep: exit status 0."""
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
    """Any other code is rejected with the reason: exit status 1."""
    assert play("verify", *argv, environ=ENVIRON) == Played(1, out, "")


@pytest.mark.proves("T01", "RFC6238-5.2-once")
@settings(max_examples=50)
@given(uri_totps, st.integers(0, 2**40), st.integers(-200, 200))
def test_not_twice(totp: TOTP, time: int, later: int) -> None:
    """With the step of its acceptance as the last step, no code is accepted a second time."""
    environ = {"TOTPKIT_SECRET": totp.uri(account="alice")}
    code = totp.at(time)
    first = play("verify", code, "--at", str(time), environ=environ)
    found = re.fullmatch(r"accepted: step (\d+), drift -?\d\n", first.out)
    assert found
    again = str(max(0, time + later))
    assert play("verify", code, "--at", again, "--last-step", found[1], environ=environ).status == 1


def test_verify_hotp() -> None:
    """A counter's code is expected after the last step, or else where the key URI begins."""
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
    """The code that a key URI begins with is accepted, whatever its counter."""
    uri = KeyURI(hotp, account="alice", counter=counter)
    assert play("verify", hotp.at(counter), stdin=str(uri)).out == f"accepted: step {counter}, drift 0\n"


def test_code_from_input() -> None:
    """Without an argument the code is the next line of standard input."""
    argv = ["verify", "--at", "59"]
    assert play(*argv, stdin=f"{TEXT}\n287082\n").status == 0
    assert play(*argv, stdin=f"{TEXT}\n287082").status == 0
    assert play(*argv, stdin="287082\n", environ=ENVIRON).status == 0
    assert play(*argv, stdin="\n287082\n", environ=ENVIRON).status == 1


def test_code_from_prompt() -> None:
    """At a terminal it is asked for."""
    played = play("verify", stdin="287082\n", typing=True, ask_hidden=lambda _: TEXT)
    assert played == Played(0, "accepted: step 1, drift 0\n", "Code: ")


@pytest.mark.parametrize(("typing", "err"), [(False, ""), (True, "Code: \n")])
def test_no_code(*, typing: bool, err: str) -> None:
    """Input that ends before the code is an error and no rejection."""
    problem = "totpkit: no code at the prompt or on the next line of standard input\n"
    assert play("verify", typing=typing, environ=ENVIRON) == Played(2, "", err + problem)


@given(anything | spellings("287082") | misspellings("287082"))
def test_verify_any(code: str) -> None:
    """No text in place of a code raises, and none but a spelling of the code is accepted."""
    played = play("verify", "--at", "59", "--", code, environ=ENVIRON)
    spelled = code.replace(" ", "").replace("-", "")
    assert played.status == (0 if spelled in {"755224", "287082", "359152"} else 1)
    assert played.err == ""


# inspect


def test_inspect() -> None:
    """A key URI is read from the arguments, the environment, a prompt or standard input alike."""
    expected = play("inspect", f" {URI} ")
    assert (expected.status, expected.err) == (0, "")
    assert expected.out.startswith("type       totp\nissuer     Acme\n")
    assert play("inspect", stdin=URI) == expected
    assert play("inspect", environ={"TOTPKIT_SECRET": URI}) == expected
    assert play("inspect", stdin="", typing=True, ask_hidden=lambda _: URI) == expected


# Errors


@pytest.mark.parametrize("command", READERS)
def test_no_secret(command: str) -> None:
    """A command that gets no secret says where it looked."""
    problem = "totpkit: no secret in TOTPKIT_SECRET, at the prompt or on standard input\n"
    assert play(command) == Played(2, "", problem)
    assert play(command, typing=True) == Played(2, "", f"\n{problem}")


@pytest.mark.parametrize("command", READERS)
def test_ctrl_c(command: str) -> None:
    """Ctrl-C ends a command with status 130 and no words, on a new line if somebody was asked."""

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
    """Run a command with streams of bytes in an encoding."""
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
    """Input that is not text is an error of one line."""
    played = encoded(b"JBSW\xff\xfe\n", "utf-8", command)
    assert (played.status, played.err) == (2, "totpkit: standard input is not text in utf-8\n")


def test_no_blocks() -> None:
    """An output that has no block characters is an error of one line, and nothing is written."""
    expected = "totpkit: standard output cannot show this in ascii; set PYTHONIOENCODING=utf-8\n"
    assert encoded(URI.encode(), "ascii", "qr") == Played(2, "", expected)


def test_no_letters() -> None:
    """So are names that the output has no letters for."""
    assert encoded(f"otpauth://totp/Ł?secret={TEXT}".encode(), "latin-1", "inspect").status == 2


@pytest.mark.parametrize("argv", [["secret"], ["--help"], ["code", "--help"], ["--version"]])
def test_nobody_reads(argv: list[str]) -> None:
    """A pipe whose reader is gone ends the command quietly, with the status that shells give SIGPIPE."""
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
    """An output that fails is an error of one line."""
    console = Console(stdin=io.StringIO(), stdout=_Full(), stderr=io.StringIO(), environ={})
    assert run(["secret"], console) == 2
    assert written(console.stderr) == "totpkit: cannot read or write: No space left on device\n"
