"""The demo: an app's login from the first to the second time, told in the terminal.

What it stores is in a SQLite file of its own, which goes when it ends unless somebody named one.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from hmac import compare_digest
from pathlib import Path
from secrets import token_bytes, token_hex, token_urlsafe
from tempfile import TemporaryDirectory
from textwrap import wrap

from totpkit._account.authenticator import Authenticator
from totpkit._cli.console import CommandError, Console
from totpkit._cli.picture import show_picture
from totpkit._cli.wording import verdict
from totpkit._login.answers import CodeAnswer, PasswordAnswer
from totpkit._login.auth_flow import AuthFlow
from totpkit._login.factors import Password, RecoveryCode, TotpCode
from totpkit._login.prompts import EnrollmentPrompt
from totpkit._login.results import Authenticated, Challenge, Denied
from totpkit._login.steps import plan_of
from totpkit._otp.key_uri import KeyURI
from totpkit._otp.result import Reason, Rejected
from totpkit._otp.totp import TOTP
from totpkit.errors import FirstFactorError, StoreError
from totpkit.stores.sqlite import SQLiteStore
from totpkit.vault import PLAINTEXT

_ASK = "   The code that it shows: "
_NEXT = "   The next code, within half a minute: "
_LEAVE = "   (No phone? Ctrl-D. Enough? Ctrl-C.)"
_NAME = "alice"
_SESSION = "session-1"
_NOBODY = "Nobody answers"
_TOO_MANY = "None of these is right"
_TAKES_OVER = "from here the demo plays the phone itself."
_PATIENCE = 3
"""Wrong codes that are read where nobody sits at a terminal: a pipe could go on for ever."""


@dataclass(slots=True)
class _Person:
    """Whoever answers: the person with a phone, or in their place the demo itself.

    Of the secret the demo's phone knows what it has scanned: the text of the key URI.
    """

    console: Console
    is_played: bool
    scanned: str = ""
    password: str = ""
    mistakes: int = 0

    @property
    def is_asked(self) -> bool:
        """Whether somebody sits at a terminal."""
        return self.console.stdin.isatty() and not self.is_played

    def choose(self) -> None:
        """Choose a password, hidden; where nobody types, one is made up."""
        try:
            self.password = self.console.ask_hidden("   A password, for this demo: ") if self.is_asked else ""
        except EOFError:
            self.console.end_prompt()
        except CommandError:  # the terminal would show it
            pass
        if not self.password:
            self.password = token_urlsafe()
            self.console.say("   A password, for this demo: (made up)")

    def code(self, prompt: str = _ASK, *, later: int = 0) -> str:
        """Return the next code typed; where nobody types, say so and play the phone, some steps *later*."""
        is_lost = self.mistakes >= _PATIENCE and not self.is_asked
        typed = None if self.is_played or is_lost else self.console.ask(prompt)
        if typed is not None:
            return typed
        if not self.is_played:
            self.console.say(f"   {_TOO_MANY if is_lost else _NOBODY}: {_TAKES_OVER}")
            self.is_played = True
        otp = KeyURI.parse(self.scanned).otp
        step = otp.period * later if isinstance(otp, TOTP) else later
        code = otp.at(int(self.console.clock()) + step)
        self.console.say(f"{prompt}{code}")
        return code


@dataclass(frozen=True, slots=True)
class _App:
    """An app that somebody logs in to."""

    console: Console
    person: _Person
    account_id: str
    auth: Authenticator
    flow: AuthFlow

    def password_passed(self) -> Challenge:
        """Return what the app asks for after the right password."""
        begun = self.flow.begin(binding=_SESSION)
        answer = PasswordAnswer(_NAME, self.person.password)
        return self.going_on(self.flow.submit(begun.ticket, answer, binding=_SESSION))

    def going_on(self, result: Challenge | Authenticated | Denied) -> Challenge:
        """Return the challenge that a login goes on with; :class:`CommandError` if it has ended."""
        if isinstance(result, Challenge):
            return result
        reason = result.reason if isinstance(result, Denied) else Reason.NOT_OFFERED
        raise CommandError(f"the login has ended: {reason}; begin again")

    def answered(self, challenge: Challenge, code: Callable[[], str]) -> Authenticated:
        """Ask for codes until one is right."""
        while True:
            result = self.flow.submit(challenge.ticket, CodeAnswer(code()), binding=_SESSION)
            if isinstance(result, Authenticated):
                factors = " and ".join(result.factors)
                self.console.say(f"   Logged in as {_NAME}, by {factors}.")
                return result
            challenge = self.going_on(result)
            self.person.mistakes += 1
            self.refused(challenge)
            if challenge.retry_after is not None:
                self.console.say(
                    f"   Guessing is slow: the next try counts in {challenge.retry_after:.0f} s."
                )
                self.console.sleep(challenge.retry_after)

    def refused(self, challenge: Challenge) -> None:
        """Say what was wrong with an answer."""
        self.console.say(f"   {verdict(Rejected(challenge.problem or Reason.NOT_OFFERED))}")


def demo(console: Console, *, auto: bool, file: str | None = None) -> int:
    """Tell the story to its end and return exit status 0; *auto* asks nobody, *file* stays."""
    with _store(file) as store:
        console.say(
            f"The login of an app, on a SQLite file that {'goes' if file is None else 'stays'} when "
            "the demo ends. (Its secrets",
            "lie there in plain; an app gives the authenticator a Vault to seal them.)",
        )
        _tell(_app(console, _Person(console, is_played=auto), store))
    return 0


@contextmanager
def _store(file: str | None) -> Iterator[SQLiteStore]:
    with (
        TemporaryDirectory(prefix="totpkit-demo-") as folder,
        closing(_opened(str(Path(folder, "demo.db")) if file is None else file)) as store,
    ):
        yield store


def _opened(path: str) -> SQLiteStore:
    """Return a store in the file; its name may be a misplaced secret."""
    try:
        return SQLiteStore(path)
    except (StoreError, ValueError, OSError):
        pass
    raise CommandError("the file of --file can be neither made nor used: it must be a store of totpkit's")


def _app(console: Console, person: _Person, store: SQLiteStore) -> _App:
    account_id = f"demo-{token_hex(8)}"  # a file that stays may hold those of other demos

    def check_password(name: str, typed: str) -> str | None:
        right = person.password.encode("utf-8", "surrogatepass")
        is_right = compare_digest(typed.encode("utf-8", "surrogatepass"), right)
        return account_id if name == _NAME and is_right else None

    auth = Authenticator(store, issuer="Demo", vault=PLAINTEXT, clock=console.clock)
    then = TotpCode(auth, label_of=lambda _: _NAME) | RecoveryCode(auth)
    flow = AuthFlow(Password(check_password), then, name="demo", keys=[token_bytes(32)], clock=console.clock)
    return _App(console, person, account_id, auth, flow)


def _tell(app: _App) -> None:
    console, person = app.console, app.person
    console.say("1. Alice signs up with a password.")
    person.choose()
    console.say("2. She logs in. No phone yet, so the QR is shown, once.")
    challenge = app.password_passed()
    _show(challenge, app)
    code = _first_code(app, challenge)
    console.say("3. Recovery codes, shown once, for the day that the phone is lost:")
    codes = app.auth.issue_recovery_codes(app.account_id)
    for pair in zip(codes[::2], codes[1::2], strict=True):
        console.say(f"   {'   '.join(pair)}")
    console.say("4. She logs in again: no picture now, only a code. The used one, to begin with:")
    again = app.password_passed()
    result = app.flow.submit(again.ticket, CodeAnswer(code), binding=_SESSION)
    app.refused(app.going_on(result))
    app.answered(again, lambda: person.code(_NEXT, later=1))
    console.say("5. And a login that begins with the code?")
    try:
        plan_of("demo", TotpCode(app.auth), (), Authenticator)
    except FirstFactorError as error:
        console.say(
            *wrap(f"Refused when the app starts: {error}.", 76, initial_indent="   ", subsequent_indent="   ")
        )
    console.say("Done. The account Demo in the phone can be removed.")


def _first_code(app: _App, challenge: Challenge) -> str:
    typed: list[str] = []

    def code() -> str:
        typed.append(app.person.code())
        return typed[-1]

    app.answered(challenge, code)
    return typed[-1]


def _show(challenge: Challenge, app: _App) -> None:
    console, hints = app.console, [_LEAVE] if app.person.is_asked else []
    [prompt] = [prompt for prompt in challenge.prompts if isinstance(prompt, EnrollmentPrompt)]
    app.person.scanned = prompt.uri
    console.say(
        "   Scan the picture with an authenticator app, or type its secret by hand.",
        "   As a key URI it is:",
        prompt.uri,
    )
    try:
        show_picture(prompt.qr(), console, instead="type the secret by hand", below=2 + len(hints))
    except UnicodeEncodeError:
        console.say("   (No picture: the encoding of this output has no block characters.)")
    console.say(f"   The secret: {prompt.secret}", *hints)
