"""Correct uses and their types. ``mypy --strict`` must find no error here."""

import os
import time
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any, assert_never, assert_type

from totpkit import (
    HOTP,
    QR,
    TOTP,
    Accepted,
    Algorithm,
    Answer,
    AsyncAuthenticator,
    AsyncAuthFlow,
    AsyncSelfService,
    AsyncSessionLogin,
    Authenticated,
    Authenticator,
    AuthFlow,
    Challenge,
    CodeAnswer,
    CodePrompt,
    Confirmed,
    CustomAnswer,
    CustomPrompt,
    Denied,
    Email,
    EmailAnswer,
    EmailCode,
    EmailPrompt,
    EmailTemplate,
    Enrollment,
    EnrollmentPrompt,
    Federated,
    FederatedAnswer,
    FederatedPrompt,
    FirstFactor,
    InvalidParameterError,
    InvalidPayloadError,
    InvalidSecretError,
    InvalidURIError,
    KeyURI,
    NewRecoveryCodes,
    Password,
    PasswordAnswer,
    PasswordPrompt,
    Prompt,
    Reason,
    RecoveryAnswer,
    RecoveryCode,
    RecoveryPrompt,
    Rejected,
    SecondFactor,
    Secret,
    SelfService,
    SendEmail,
    SessionLogin,
    SkipAnswer,
    Steam,
    TotpCode,
    TotpkitError,
    VisitorAnswer,
    Window,
    parse_answer,
    qr,
)
from totpkit.migration import MigrationPayload

secret = Secret.generate()
assert_type(secret, Secret)
assert_type(Secret.generate(32, entropy=os.urandom), Secret)
assert_type(Secret.from_base32("jbsw y3dp-ehpk 3pxp"), Secret)
assert_type(Secret.from_bytes(b"x"), Secret)
assert_type(secret.to_base32(), str)
assert_type(secret.to_bytes(), bytes)
assert_type(secret.grouped(), str)
assert_type(secret.weak, bool)
assert_type(len(secret), int)

totp = TOTP(secret, digits=8, algorithm=Algorithm.SHA256, period=60, t0=0)
assert_type(totp.secret, Secret)
assert_type(totp.digits, int)
assert_type(totp.algorithm, Algorithm)
assert_type(totp.period, int)
assert_type(totp.t0, int)
assert_type(totp.at(time.time()), str)
assert_type(totp.at(59), str)
assert_type(totp.now(), str)
assert_type(totp.step(59.5), int)
assert_type(totp.remaining(59), float)
assert_type(totp.uri(account="alice", issuer="Acme"), str)
assert_type(totp.qr(account="alice"), QR)
assert_type(
    totp.verify("123456", at=59.5, window=Window(past=2, future=0), last_step=None, drift=1),
    Accepted | Rejected,
)

hotp = HOTP(secret, digits=6, algorithm=Algorithm.SHA1)
assert_type(hotp.at(0), str)
assert_type(hotp.verify("123456", last_step=5, look_ahead=3), Accepted | Rejected)
assert_type(hotp.uri(account="alice", counter=5), str)
assert_type(hotp.qr(account="alice", counter=5), QR)

steam = Steam(secret)
assert_type(steam.now(), str)
assert_type(steam.verify("2BCDF", last_step=1), Accepted | Rejected)

assert_type(Window.DEFAULT, Window)
assert_type(Window(20, 20, allow_wide=True).span, int)

uri = KeyURI.parse("otpauth://totp/alice?secret=JBSWY3DPEHPK3PXP")
assert_type(uri, KeyURI)
assert_type(uri.otp, TOTP | HOTP | Steam)
assert_type(uri.account, str)
assert_type(uri.issuer, str)
assert_type(uri.counter, int | None)
assert_type(str(KeyURI(totp, account="alice", issuer="Acme")), str)

payload = MigrationPayload((uri,), batch_size=2, batch_index=1, batch_id=7)
assert_type(MigrationPayload.parse(str(payload)), MigrationPayload)
assert_type(payload.entries, tuple[KeyURI, ...])

code = qr(str(uri))
assert_type(code, QR)
assert_type(code.svg(scale=4), str)
assert_type(code.png(), bytes)
assert_type(code.data_uri(), str)
assert_type(code.terminal(ansi=True), str)


def save(directory: Path) -> None:
    """Save a QR code under either kind of path."""
    code.save(directory / "code.png")
    code.save(str(directory / "code.svg"), scale=4)


def last_step_of(result: Accepted | Rejected) -> int | None:
    """Match both results of a verification."""
    match result:
        case Accepted(step=step, drift=drift):
            assert_type(drift, int)
            return assert_type(step, int)
        case Rejected(reason=reason, retry_after=wait):
            assert_type(reason, Reason)
            assert_type(reason.public == "wrong", bool)
            assert_type(wait, float | None)
            return None
        case _:
            assert_never(result)


def narrowed(result: Accepted | Rejected) -> Reason | int:
    """Tell the two results apart by their truth value."""
    if result:
        return assert_type(result, Accepted).step
    return assert_type(result, Rejected).reason


def read(text: str) -> KeyURI | str:
    """Catch the error for a URI that a user has sent."""
    try:
        return KeyURI.parse(text)
    except InvalidURIError as error:
        return str(error)


def evidence(error: TotpkitError) -> str:
    """Read the attributes of an error."""
    if isinstance(error, InvalidParameterError):
        return assert_type(error.parameter, str) + assert_type(error.problem, str)
    if isinstance(error, InvalidSecretError | InvalidPayloadError | ValueError):
        return "bad value"
    return "other"


# A login


def check_password(username: str, password: str) -> str | None:
    """Check a password."""
    return "acct-1" if username and password else None


def check_for(username: str, password: str, *, context: Mapping[str, str]) -> str | None:
    """Check a password with the context of the request, of whatever type the app passes."""
    return check_password(username, password) if "ip" in context else None


async def check_later(username: str, password: str, context: object = None) -> str | None:
    """Check a password, and suspend."""
    return check_password(username, password) if context else None


def address_of(account_id: str, *, context: object) -> str | None:
    """Return the address of an account."""
    return f"{account_id}@example.com" if context else None


def send(email: Email) -> None:
    """Send an email."""
    assert_type(email.to, str)


async def send_later(email: Email) -> None:
    """Send an email, and suspend."""
    assert_type(email.html, str)


async def admits(account_id: str) -> bool:
    """Admit every account."""
    return bool(account_id)


class MagicLink(FirstFactor):
    """A custom first factor."""

    name = "link"

    def check(self, answer: CustomAnswer) -> str | None:
        """Return the account of the link."""
        link = answer.data.get("link")
        return link if isinstance(link, str) else None


class HardwareKey(SecondFactor):
    """A custom second factor with coroutine functions."""

    name = "key"
    methods = ("hwk",)

    async def prompt(self, account_id: str) -> CustomPrompt:
        """Ask a question."""
        return CustomPrompt(self.name, {"question": account_id})

    async def check(self, account_id: str, answer: CustomAnswer) -> bool:
        """Check the answer."""
        return answer.data.get("signed") == account_id


def flows(auth: Authenticator, later: AsyncAuthenticator) -> tuple[AuthFlow, AsyncAuthFlow]:
    """Build a flow of each runtime."""
    first = Password(check_password) | Federated("google") | MagicLink()
    assert_type(first, FirstFactor)
    second = (
        TotpCode(auth, label_of=str.upper, required=lambda account_id: account_id != "acct-2", enroll=True)
        | RecoveryCode(auth)
        | EmailCode(auth, mailer=send, address_of=address_of, template=EmailTemplate(html=""))
    )
    assert_type(second, SecondFactor)
    flow = AuthFlow(first, second, name="shop", keys=[os.urandom(32)], clock=time.time)
    AuthFlow(Password(check_for), name="shop", keys=(os.urandom(32),))
    awaited = AsyncAuthFlow(
        Password(check_later),
        TotpCode(later, required=admits) | HardwareKey(),
        EmailCode(later, mailer=send_later, address_of=address_of, digits=8),
        name="shop",
        keys=[os.urandom(32)],
    )
    return flow, awaited


def answer_challenge(flow: AuthFlow, form: Mapping[str, object]) -> str:
    """Answer a challenge, and match the three results."""
    challenge = assert_type(flow.begin(binding="browser", context=object()), Challenge)
    answer = assert_type(parse_answer(form), VisitorAnswer)
    result = flow.submit(challenge.ticket, answer, binding="browser")
    match result:
        case Challenge(ticket=ticket, prompts=prompts, problem=problem, retry_after=wait):
            assert_type(prompts, tuple[Prompt, ...])
            assert_type(problem, Reason | None)
            assert_type(wait, float | None)
            assert_type(result.seconds_left, float)
            assert_type(result.to_dict(), dict[str, object])
            return assert_type(ticket, str)
        case Authenticated(account_id=who, methods=methods, factors=factors):
            assert_type(methods, tuple[str, ...])
            assert_type(factors, tuple[str, ...])
            assert_type(result.proof, str)
            assert_type(result.enrolled, bool)
            assert_type(flow.begin_step_up(result.proof), Challenge | Denied)
            return assert_type(who, str)
        case Denied(reason=reason):
            return assert_type(reason, Reason)
        case _:
            assert_never(result)


def shown(prompt: Prompt) -> str:
    """Match every kind of prompt."""
    match prompt:
        case EnrollmentPrompt():
            assert_type(prompt.qr(), QR)
            return prompt.uri + prompt.secret
        case CodePrompt(digits=digits):
            return str(assert_type(digits, int))
        case EmailPrompt(address_hint=hint, sent=sent):
            assert_type(sent, bool)
            return hint
        case FederatedPrompt(provider=name) | CustomPrompt(factor=name):
            return name
        case PasswordPrompt() | RecoveryPrompt():
            return ""
        case _:
            assert_never(prompt)


def answers() -> list[Answer]:
    """Create every kind of answer. Visitors cannot send a FederatedAnswer."""
    visitors: list[VisitorAnswer] = [
        PasswordAnswer("alice", "pw"),
        CodeAnswer("123456"),
        RecoveryAnswer("0123-4567"),
        SendEmail(),
        EmailAnswer("123456"),
        SkipAnswer(),
        CustomAnswer("key", {"signed": "x"}),
    ]
    return [*visitors, FederatedAnswer("google", "google:1")]


def my_account(auth: Authenticator, flow: AuthFlow, proof: str) -> str:
    """Replace a phone."""
    assert_type(auth.import_enrollment("acct-1", label="alice", totp=totp, last_step=5, drift=-1), bool)
    own = SelfService(auth, flow, allowed=lambda account_id: account_id != "acct-2", max_age=60)
    assert_type(own.owner(proof), str | Denied)
    assert_type(own.begin_enrollment(proof), Enrollment | Denied)
    assert_type(own.new_recovery_codes(proof), NewRecoveryCodes | Denied)
    assert_type(own.switch_off(proof), Denied | None)
    result = assert_type(own.confirm_enrollment(proof, "123456"), Confirmed | Rejected | Denied)
    accepted: Accepted | Rejected | Denied = result
    return result.proof if isinstance(result, Confirmed) and accepted else proof


def in_a_session(flow: AuthFlow, own: SelfService, session: MutableMapping[str, Any]) -> str | None:
    """Keep a login in a session of a framework, or in any dict."""
    login = SessionLogin(flow, lifetime=3600)
    assert_type(login.challenge(session), Challenge | Denied | None)
    assert_type(login.answer(session, {"type": "skip"}), Challenge | Authenticated | Denied)
    assert_type(
        login.submit(session, FederatedAnswer("google", "google:1")), Challenge | Authenticated | Denied
    )
    assert_type(login.perform(session, own.provisioning), Enrollment | Challenge | Denied)
    assert_type(login.perform(session, own.switch_off, context=session), Challenge | Denied | None)
    assert_type(login.perform(session, lambda proof: proof), str | Challenge | Denied)
    match login.perform(session, lambda proof: own.confirm_enrollment(proof, "123456")):
        case Confirmed() as confirmed:
            assert_type(confirmed.proof, str)
        case Challenge() | Denied():
            pass
        case rejected:
            assert_type(rejected, Rejected)
    texts: dict[str, str] = {}
    objects: dict[str, object] = {}
    return login.account_id(texts) or login.account_id(objects)


async def in_a_session_awaited(
    flow: AsyncAuthFlow, own: AsyncSelfService, session: dict[str, Any]
) -> str | None:
    """Keep a login in a session of an async framework."""
    login = AsyncSessionLogin(flow)
    assert_type(await login.challenge(session), Challenge | Denied | None)
    assert_type(await login.answer(session, {"type": "skip"}), Challenge | Authenticated | Denied)
    assert_type(await login.submit(session, SkipAnswer()), Challenge | Authenticated | Denied)
    assert_type(await login.perform(session, own.new_recovery_codes), NewRecoveryCodes | Challenge | Denied)
    assert_type(await login.perform(session, own.cancel_enrollment), Challenge | Denied | None)
    assert_type(
        await login.perform(session, lambda proof: own.confirm_enrollment(proof, "123456")),
        Confirmed | Rejected | Challenge | Denied,
    )
    return login.account_id(session)


async def awaited(auth: AsyncAuthenticator, flow: AsyncAuthFlow, proof: str) -> str | None:
    """Await the async classes, which return the same types."""
    challenge = assert_type(await flow.begin(binding="browser"), Challenge)
    result = await flow.submit(challenge.ticket, SkipAnswer(), binding="browser")
    assert_type(result, Challenge | Authenticated | Denied)
    assert_type(await flow.resume(challenge.ticket), Challenge | Denied)
    assert_type(await flow.begin_step_up(proof), Challenge | Denied)
    assert_type(await auth.import_enrollment("acct-1", label="alice", totp=totp, last_step=None), bool)
    own = AsyncSelfService(auth, flow, allowed=admits)
    assert_type(await own.owner(proof), str | Denied)
    assert_type(await own.provisioning(proof), Enrollment | Denied)
    assert_type(await own.begin_enrollment(proof), Enrollment | Denied)
    assert_type(await own.confirm_enrollment(proof, "123456"), Confirmed | Rejected | Denied)
    assert_type(await own.cancel_enrollment(proof), Denied | None)
    return result.account_id if isinstance(result, Authenticated) else None
