"""Run the demo, in which a user of an example app enrolls a phone and then logs in with a code.

The records are stored in a SQLite file. The file is deleted at the end, unless the user asked for a
specific file.
"""

from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from hmac import compare_digest
from pathlib import Path
from secrets import token_bytes, token_hex, token_urlsafe
from tempfile import TemporaryDirectory
from textwrap import wrap

from totpkit._account.authenticator import Authenticator
from totpkit._cli.console import CommandError, Console
from totpkit._cli.output import show_qr, verdict
from totpkit._login.answers import CodeAnswer, PasswordAnswer
from totpkit._login.auth_flow import AuthFlow
from totpkit._login.factors import Password, RecoveryCode, TotpCode
from totpkit._login.prompts import EnrollmentPrompt
from totpkit._login.results import Authenticated, Challenge, Denied
from totpkit._otp.key_uri import KeyURI
from totpkit._otp.result import Reason, Rejected
from totpkit._otp.totp import TOTP
from totpkit.errors import FirstFactorError, StoreError
from totpkit.stores.sqlite import SQLiteStore
from totpkit.vault import PLAINTEXT

_CODE_PROMPT = "   Code from the app: "
_NEXT_CODE_PROMPT = "   Next code (there is a new one every 30 seconds): "
_PASSWORD_PROMPT = "   Password for this demo: "  # noqa: S105 - only asks for one
_HINT = "   (Press Ctrl-D to continue without a phone, or Ctrl-C to quit.)"
_USERNAME = "alice"
_SESSION = "session-1"
_NO_ANSWER = "No answer"
_TOO_MANY_MISTAKES = "Too many wrong codes"
_CONTINUES = "The demo continues and plays the phone itself."
_MAX_MISTAKES = 3
"""The maximum number of wrong codes from a pipe, which could otherwise go on forever."""


@dataclass(slots=True)
class _User:
    """The demo's user, who is either a real person or simulated.

    The simulated phone knows only the key URI that it scanned.
    """

    console: Console
    is_simulated: bool
    scanned: str = ""
    password: str = ""
    mistakes: int = 0

    @property
    def is_at_terminal(self) -> bool:
        """Whether a real person can type something."""
        return self.console.stdin.isatty() and not self.is_simulated

    def choose_password(self) -> None:
        """Ask for a password without showing it. Generate one if the user enters nothing."""
        try:
            self.password = self.console.ask_hidden(_PASSWORD_PROMPT) if self.is_at_terminal else ""
        except EOFError:
            self.console.end_prompt()
        except CommandError:  # the terminal would show the password
            pass
        if not self.password:
            self.password = token_urlsafe()
            self.console.print(f"{_PASSWORD_PROMPT}(generated)")

    def code(self, prompt: str = _CODE_PROMPT, *, steps: int = 0) -> str:
        """Ask the user for a code. If the user doesn't enter one, simulate the phone.

        The simulated code is *steps* steps ahead of the current one.
        """
        gives_up = self.mistakes >= _MAX_MISTAKES and not self.is_at_terminal
        typed = None if self.is_simulated or gives_up else self.console.ask(prompt)
        if typed is not None:
            return typed
        if not self.is_simulated:
            self.console.print(f"   {_TOO_MANY_MISTAKES if gives_up else _NO_ANSWER}. {_CONTINUES}")
            self.is_simulated = True
        otp = KeyURI.parse(self.scanned).otp
        ahead = otp.period * steps if isinstance(otp, TOTP) else steps
        code = otp.at(int(self.console.clock()) + ahead)
        self.console.print(f"{prompt}{code}")
        return code


@dataclass(frozen=True, slots=True)
class _App:
    """The example app, including the user who is using it."""

    console: Console
    user: _User
    account_id: str
    auth: Authenticator
    flow: AuthFlow

    def submit_password(self) -> Challenge:
        """Start a login, submit the correct password and return the next challenge."""
        challenge = self.flow.begin(binding=_SESSION)
        answer = PasswordAnswer(username=_USERNAME, password=self.user.password)
        return self.expect_challenge(self.flow.submit(challenge.ticket, answer, binding=_SESSION))

    def expect_challenge(self, result: Challenge | Authenticated | Denied) -> Challenge:
        """Return the challenge, or raise :class:`CommandError` if the login has ended."""
        if isinstance(result, Challenge):
            return result
        reason = result.reason if isinstance(result, Denied) else Reason.NOT_OFFERED
        raise CommandError(f"the login has ended ({reason}); run the demo again")

    def submit_codes(self, challenge: Challenge, code: Callable[[], str]) -> None:
        """Submit codes until one is accepted."""
        while True:
            result = self.flow.submit(challenge.ticket, CodeAnswer(code()), binding=_SESSION)
            if isinstance(result, Authenticated):
                self.console.print(f"   Logged in as {_USERNAME}, by {' and '.join(result.factors)}.")
                return
            challenge = self.expect_challenge(result)
            self.user.mistakes += 1
            self.print_rejection(challenge)
            if challenge.retry_after is not None:
                seconds = f"{challenge.retry_after:.0f}"
                self.console.print(f"   Too many wrong codes. Waiting {seconds} s before the next attempt.")
                self.console.sleep(challenge.retry_after)

    def print_rejection(self, challenge: Challenge) -> None:
        """Print the reason why the last answer was rejected."""
        self.console.print(f"   {verdict(Rejected(challenge.problem or Reason.NOT_OFFERED))}")


def demo(console: Console, *, auto: bool, file: str | None = None) -> int:
    """Run the demo and return its exit status, which is always 0.

    If *auto* is true, the user is simulated. If *file* is given, the records are stored in that
    file, which is not deleted.
    """
    with _open_store(file) as store:
        fate = "is deleted when the demo ends" if file is None else "stays when the demo ends"
        introduction = (
            f"This is the login of an example app. Its records are in a SQLite file that {fate}. "
            "The secrets in the file are not encrypted; a real app seals them with a Vault."
        )
        console.print(*wrap(introduction, 80))
        _run(_app(console, _User(console, is_simulated=auto), store))
    return 0


@contextmanager
def _open_store(file: str | None) -> Generator[SQLiteStore]:
    with (
        TemporaryDirectory(prefix="totpkit-demo-") as folder,
        closing(_store(str(Path(folder, "demo.db")) if file is None else file)) as store,
    ):
        yield store


def _store(path: str) -> SQLiteStore:
    try:
        return SQLiteStore(path)
    except (StoreError, ValueError, OSError):
        pass
    # The message leaves out the file name: it may be a secret that was typed in the wrong place.
    raise CommandError("cannot use the --file file; it must be a new file or a totpkit store")


def _app(console: Console, user: _User, store: SQLiteStore) -> _App:
    account_id = f"demo-{token_hex(8)}"  # a file that is kept may contain accounts of earlier demos

    def check_password(username: str, password: str) -> str | None:
        expected = user.password.encode("utf-8", "surrogatepass")
        is_right = compare_digest(password.encode("utf-8", "surrogatepass"), expected)
        return account_id if username == _USERNAME and is_right else None

    auth = Authenticator(store, issuer="Demo", vault=PLAINTEXT, clock=console.clock)
    second = TotpCode(auth, label_of=lambda _: _USERNAME) | RecoveryCode(auth)
    keys = [token_bytes(32)]
    flow = AuthFlow(Password(check_password), second, name="demo", keys=keys, clock=console.clock)
    return _App(console, user, account_id, auth, flow)


def _run(app: _App) -> None:
    console, user = app.console, app.user
    console.print("1. Alice signs up with a password.")
    user.choose_password()
    console.print("2. She logs in. She has no phone yet, so the app shows a QR code.")
    challenge = app.submit_password()
    _show_enrollment(challenge, app)
    code = _enroll(app, challenge)
    console.print("3. She gets recovery codes, shown only once, in case she loses the phone:")
    codes = app.auth.issue_recovery_codes(app.account_id)
    for pair in zip(codes[::2], codes[1::2], strict=True):
        console.print(f"   {'   '.join(pair)}")
    console.print("4. She logs in again. Now the app asks only for a code. First, the used one:")
    challenge = app.submit_password()
    result = app.flow.submit(challenge.ticket, CodeAnswer(code), binding=_SESSION)
    app.print_rejection(app.expect_challenge(result))
    app.submit_codes(challenge, lambda: user.code(_NEXT_CODE_PROMPT, steps=1))
    console.print("5. Can a login begin with the code?")
    _show_first_factor_error(app, AuthFlow)
    console.print('Done. You can delete the account "Demo" from your phone.')


def _enroll(app: _App, challenge: Challenge) -> str:
    """Submit codes until one is accepted. Return the accepted code."""
    codes: list[str] = []

    def code() -> str:
        codes.append(app.user.code())
        return codes[-1]

    app.submit_codes(challenge, code)
    return codes[-1]


def _show_enrollment(challenge: Challenge, app: _App) -> None:
    console, hints = app.console, [_HINT] if app.user.is_at_terminal else []
    [prompt] = [prompt for prompt in challenge.prompts if isinstance(prompt, EnrollmentPrompt)]
    app.user.scanned = prompt.uri
    console.print(
        "   Scan the QR code with an authenticator app, or type the secret below it.",
        "   The same secret as a key URI:",
        prompt.uri,
    )
    try:
        show_qr(prompt.qr(), console, alternative="type the secret by hand", lines_below=2 + len(hints))
    except UnicodeEncodeError:
        console.print("   (No QR code: the encoding of this output has no block characters.)")
    console.print(f"   Secret: {prompt.secret}", *hints)


def _show_first_factor_error(app: _App, new_flow: Callable[..., AuthFlow]) -> None:
    # A type checker rejects AuthFlow(TotpCode(...)), so the class is passed as a callable without types.
    try:
        new_flow(TotpCode(app.auth), name="demo", keys=[token_bytes(32)])
    except FirstFactorError as error:
        message = f"No, the app does not start: {error}."
        app.console.print(*wrap(message, 76, initial_indent="   ", subsequent_indent="   "))
