"""The demo: an enrollment, told in the terminal. Keeps nothing."""

from dataclasses import dataclass

from totpkit._clock import Clock
from totpkit._console import Console
from totpkit._keyuri import KeyURI
from totpkit._outcome import Accepted
from totpkit._picture import show_picture
from totpkit._qr import qr
from totpkit._secret import Secret
from totpkit._totp import TOTP
from totpkit._wording import verdict

_ASK = "   The code that it shows: "
_LEAVE = " (No phone? Ctrl-D. Enough? Ctrl-C.)"


@dataclass(frozen=True, slots=True)
class _Phone:
    """Whoever answers: the person with a phone, or in their place the demo itself.

    Of the secret the demo's phone knows what it has scanned: the text of the key URI.
    """

    scanned: str
    console: Console
    is_played: bool

    def code(self) -> str:
        """Return the next code typed; where nobody types, say so and play the phone."""
        typed = None if self.is_played else self.console.ask(_ASK)
        if typed is not None:
            return typed
        if not self.is_played:
            self.console.say("   Nobody answers: from here the demo plays the phone itself.")
        code = _shown_by_phone(self.scanned, self.console.clock)
        self.console.say(f"{_ASK}{code}")
        return code


def _shown_by_phone(scanned: str, clock: Clock) -> str:
    return KeyURI.parse(scanned).otp.at(int(clock()))


def demo(console: Console, *, auto: bool) -> int:
    """Tell the story to its end and return exit status 0; *auto* asks nobody for codes."""
    totp = TOTP(Secret.generate())
    uri = totp.uri(account="alice", issuer="Demo")
    _show(uri, totp.secret, console)
    code, accepted = _confirm(totp, _Phone(uri, console, is_played=auto))
    console.say("3. The same code again, as somebody who has watched would type it:")
    again = totp.verify(code, at=console.clock(), last_step=accepted.step)
    console.say(f"   {verdict(again)}", "Done. The account Demo in the phone can be removed.")
    return 0


def _show(uri: str, secret: Secret, console: Console) -> None:
    console.say(
        "An app shows this once to somebody who has logged in with a password.",
        "1. Scan the picture with an authenticator app, or type its secret by hand.",
        "   As a key URI it is:",
        uri,
    )
    try:
        show_picture(qr(uri), console, instead="type the secret by hand", below=3)
    except UnicodeEncodeError:
        console.say("   (No picture: the encoding of this output has no block characters.)")
    console.say(f"   The secret: {secret.grouped()}")


def _confirm(totp: TOTP, phone: _Phone) -> tuple[str, Accepted]:
    is_asked = phone.console.stdin.isatty() and not phone.is_played
    phone.console.say(f"2. The phone proves that it has the secret.{_LEAVE if is_asked else ''}")
    while True:
        code = phone.code()
        outcome = totp.verify(code, at=phone.console.clock())
        phone.console.say(f"   {verdict(outcome)}")
        if isinstance(outcome, Accepted):
            return code, outcome
