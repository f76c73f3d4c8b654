"""The demo: an app's login from the first to the second time, told in the terminal.

What it stores is in a SQLite file of its own, which goes when it ends.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from hmac import compare_digest
from pathlib import Path
from secrets import token_bytes, token_urlsafe
from tempfile import TemporaryDirectory
from textwrap import wrap

from totpkit._authenticator import Authenticator
from totpkit._console import CommandError, Console
from totpkit._keyuri import KeyURI
from totpkit._outcome import Reason, Rejected
from totpkit._picture import show_picture
from totpkit._qr import qr
from totpkit._totp import TOTP
from totpkit._wording import verdict
from totpkit.errors import FirstFactorError
from totpkit.flow._answers import CodeAnswer, PasswordAnswer
from totpkit.flow._factors import Password, RecoveryCode, Totp
from totpkit.flow._flows import AuthFlow
from totpkit.flow._plan import plan_of
from totpkit.flow._prompts import EnrollmentPrompt
from totpkit.flow._results import Authenticated, Challenge, Denied
from totpkit.stores.sqlite import SQLiteStore
from totpkit.vault import PLAINTEXT

_ASK = "   The code that it shows: "
_NEXT = "   The next code, within half a minute: "
_LEAVE = " (No phone? Ctrl-D. Enough? Ctrl-C.)"
_SESSION = "session-1"


@dataclass(slots=True)
class _Person:
    """Whoever answers: the person with a phone, or in their place the demo itself.

    Of the secret the demo's phone knows what it has scanned: the text of the key URI.
    """

    console: Console
    is_played: bool
    scanned: str = ""
    password: str = ""

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
        if not self.password:
            self.password = token_urlsafe()
            self.console.say("   A password, for this demo: (made up)")

    def code(self, prompt: str = _ASK, *, later: int = 0) -> str:
        """Return the next code typed; where nobody types, say so and play the phone, some steps *later*."""
        typed = None if self.is_played else self.console.ask(prompt)
        if typed is not None:
            return typed
        if not self.is_played:
            self.console.say("   Nobody answers: from here the demo plays the phone itself.")
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
    auth: Authenticator
    flow: AuthFlow

    def password_passed(self) -> Challenge:
        """Return what the app asks for after the right password."""
        begun = self.flow.begin(binding=_SESSION)
        answer = PasswordAnswer("alice", self.person.password)
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
                self.console.say(f"   Logged in as {result.account_id}, by {factors}.")
                return result
            challenge = self.going_on(result)
            self.refused(challenge)
            if challenge.retry_after is not None:
                self.console.say(
                    f"   Guessing is slow: the next try counts in {challenge.retry_after:.0f} s."
                )
                self.console.sleep(challenge.retry_after)

    def refused(self, challenge: Challenge) -> None:
        """Say what was wrong with an answer."""
        if challenge.problem is not None:
            self.console.say(f"   {verdict(Rejected(challenge.problem))}")


def demo(console: Console, *, auto: bool) -> int:
    """Tell the story to its end and return exit status 0; *auto* asks nobody."""
    console.say(
        "The login of an app, on a SQLite file that goes when the demo ends. (Its secrets",
        "lie there in plain; an app gives the authenticator a Vault to seal them.)",
    )
    person = _Person(console, is_played=auto)
    with (
        TemporaryDirectory(prefix="totpkit-demo-") as folder,
        closing(SQLiteStore(Path(folder, "demo.db"))) as store,
    ):
        auth = Authenticator(store, issuer="Demo", vault=PLAINTEXT, clock=console.clock)
        first = Password(lambda name, typed: _checked(person, name, typed))
        then = Totp(auth) | RecoveryCode(auth)
        flow = AuthFlow(first, then, name="demo", keys=[token_bytes(32)], clock=console.clock)
        _tell(_App(console, person, auth, flow))
    return 0


def _checked(person: _Person, name: str, typed: str) -> str | None:
    right = compare_digest(
        typed.encode("utf-8", "surrogatepass"), person.password.encode("utf-8", "surrogatepass")
    )
    return "alice" if name == "alice" and right else None


def _tell(app: _App) -> None:
    console, person = app.console, app.person
    hint = _LEAVE if person.is_asked else ""
    console.say("1. Alice signs up with a password.")
    person.choose()
    console.say(f"2. She logs in. No phone yet, so the QR is shown, once.{hint}")
    challenge = app.password_passed()
    _show(challenge, app)
    code = _first_code(app, challenge)
    console.say("3. Recovery codes, shown once, for the day that the phone is lost:")
    codes = app.auth.issue_recovery_codes("alice")
    for pair in zip(codes[::2], codes[1::2], strict=True):
        console.say(f"   {'   '.join(pair)}")
    console.say("4. She logs in again: no picture now, only a code. The used one, to begin with:")
    again = app.password_passed()
    result = app.flow.submit(again.ticket, CodeAnswer(code), binding=_SESSION)
    app.refused(app.going_on(result))
    app.answered(again, lambda: person.code(_NEXT, later=1))
    console.say("5. And a login that begins with the code?")
    try:
        plan_of("demo", Totp(app.auth), (), Authenticator)
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
    console = app.console
    for prompt in challenge.prompts:
        if isinstance(prompt, EnrollmentPrompt):
            app.person.scanned = prompt.uri
            console.say(
                "   Scan the picture with an authenticator app, or type its secret by hand.",
                "   As a key URI it is:",
                prompt.uri,
            )
            try:
                show_picture(qr(prompt.uri), console, instead="type the secret by hand", below=2)
            except UnicodeEncodeError:
                console.say("   (No picture: the encoding of this output has no block characters.)")
            console.say(f"   The secret: {prompt.secret}")
