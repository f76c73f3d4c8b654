"""Wrong uses. Each line names the errors that ``mypy --strict`` must find in it.

``tests/test_typing.py`` fails for a line that mypy accepts or rejects for another reason.
"""

import datetime as dt

from totpkit import HOTP, TOTP, Accepted, Algorithm, KeyURI, Rejected, Secret, Steam, Window, qr
from totpkit import Token  # E: attr-defined
from totpkit import Answer, AsyncAuthenticator, AsyncAuthFlow, AsyncSelfService, Authenticator, AuthFlow
from totpkit import Authenticated, Challenge, CodeAnswer, CustomAnswer, Denied, EmailCode, Federated
from totpkit import FederatedAnswer, FirstFactor, Email, Password, PasswordAnswer, RecoveryCode, SecondFactor
from totpkit import AsyncSessionLogin, SelfService, SessionLogin, TotpCode, VisitorAnswer, parse_answer

secret = Secret.generate()
totp = TOTP(secret)
hotp = HOTP(secret)

TOTP("JBSWY3DPEHPK3PXP")  # E: arg-type
TOTP(b"12345678901234567890")  # E: arg-type
TOTP(secret, algorithm="SHA1")  # E: arg-type
TOTP(secret, period=30.0)  # E: arg-type
Steam(secret, period=60)  # E: call-arg
Secret.from_base32(b"JBSWY3DPEHPK3PXP")  # E: arg-type
Secret.from_bytes("JBSWY3DPEHPK3PXP")  # E: arg-type
totp.digits = 8  # E: misc
totp.at(dt.datetime.now(dt.UTC))  # E: arg-type
totp.verify(123456)  # E: arg-type
totp.verify(b"123456")  # E: arg-type
totp.verify("123456", 59)  # E: call-arg
totp.verify("123456", window=1)  # E: arg-type
totp.verify("123456", valid_window=1)  # E: call-arg
totp.verify("123456").step  # E: union-attr
totp.uri("alice", "Acme")  # E: call-arg
hotp.at("0")  # E: arg-type
hotp.verify("123456", at=59)  # E: call-arg
Window(1, 1, True)  # E: call-arg
KeyURI(totp, "alice")  # E: call-arg
KeyURI(secret, account="alice")  # E: arg-type
qr(KeyURI(totp, account="alice"))  # E: arg-type
Algorithm.MD5  # E: attr-defined


def not_narrowed(result: Accepted | Rejected) -> int:
    """Use the step of a result that may be a rejection."""
    return result.step  # E: union-attr


# Logins


def compose(auth: Authenticator, later: AsyncAuthenticator, keys: list[bytes]) -> None:
    """Build flows from the wrong parts."""

    def check(username: str, password: str) -> str | None:
        return None

    def check_request(request: object, username: str, password: str) -> str | None:
        return None

    def send(email: Email) -> None:
        pass

    first = Password(check)
    AuthFlow(TotpCode(auth), name="shop", keys=keys)  # E: arg-type
    AuthFlow(RecoveryCode(auth), name="shop", keys=keys)  # E: arg-type
    AuthFlow(TotpCode(auth) | RecoveryCode(auth), first, name="shop", keys=keys)  # E: arg-type  # E: arg-type
    AuthFlow(first, Password(check), name="shop", keys=keys)  # E: arg-type
    AuthFlow(first, TotpCode(auth), Federated("google"), name="shop", keys=keys)  # E: arg-type
    AuthFlow([first], name="shop", keys=keys)  # E: arg-type
    AuthFlow(first, [TotpCode(auth)], name="shop", keys=keys)  # E: arg-type
    AuthFlow(name="shop", keys=keys)  # E: call-arg
    AuthFlow(first, TotpCode(auth), name="shop", keys=b"k" * 32)  # E: arg-type
    AuthFlow(first, TotpCode(auth), name="shop", keys=["k" * 32])  # E: list-item
    AuthFlow(first, TotpCode(auth), keys=keys)  # E: call-arg
    AsyncAuthFlow(TotpCode(later), name="shop", keys=keys)  # E: arg-type
    first | TotpCode(auth)  # E: operator
    TotpCode(auth) | first  # E: operator
    Federated("google") | Password(check) | TotpCode(auth)  # E: operator
    Password(lambda username, password: True)  # E: return-value  # E: arg-type
    Password(check_request)  # E: arg-type
    Password("alice")  # E: arg-type
    TotpCode()  # E: call-arg
    TotpCode(auth, required="no")  # E: arg-type
    TotpCode(auth, label_of=lambda account_id: None)  # E: arg-type
    EmailCode(auth, mailer=send)  # E: call-arg
    EmailCode(auth, mailer=print, address_of="a@b.c")  # E: arg-type
    flow = AuthFlow(first, TotpCode(auth), name="shop", keys=keys)
    SelfService(later, flow)  # E: arg-type
    AsyncSelfService(later, flow)  # E: arg-type
    AsyncSessionLogin(flow)  # E: arg-type
    login, new_recovery_codes = SessionLogin(flow), SelfService(auth, flow).new_recovery_codes
    login.challenge("session")  # E: arg-type
    login.answer({}, CodeAnswer("123456"))  # E: arg-type
    login.submit({}, {"type": "code"})  # E: arg-type
    len(login.perform({}, new_recovery_codes))  # E: arg-type  # E: arg-type


def submit(flow: AuthFlow, answer: VisitorAnswer) -> str:
    """Assume that the login is complete."""
    flow.submit("ticket", "123456")  # E: arg-type
    flow.submit("ticket", {"type": "code"})  # E: arg-type
    flow.submit(CodeAnswer("123456"), "ticket")  # E: arg-type  # E: arg-type
    flow.begin("browser")  # E: call-arg
    flow.begin(binding=None)  # E: arg-type
    result = flow.submit("ticket", answer, binding="browser")
    flow.resume("ticket").account_id  # E: union-attr  # E: union-attr
    flow.begin().account_id  # E: attr-defined
    if result.account_id:  # E: union-attr  # E: union-attr
        pass
    if isinstance(result, Challenge):
        return result.account_id  # E: attr-defined  # E: no-any-return
    return result.account_id  # E: union-attr


def tested(flow: AuthFlow) -> int:
    """Test a result for truth, after which mypy must still check the code."""
    challenge, result = flow.begin(), flow.resume("ticket")
    if challenge:
        return "wrong"  # E: return-value
    if not result:
        return "wrong"  # E: return-value
    return challenge and result and "wrong"  # E: return-value


def not_matched(flow: AuthFlow) -> str:  # E: return
    """Forget one of the three results."""
    match flow.submit("ticket", CodeAnswer("123456")):
        case Authenticated(account_id=who):
            return who
        case Denied():
            return ""


async def not_awaited(flow: AsyncAuthFlow, own: AsyncSelfService) -> bool:
    """Use results that were not awaited."""
    admitted: bool = flow.submit("ticket", CodeAnswer("123456"))  # E: assignment
    flow.resume("ticket").prompts  # E: attr-defined
    flow.begin().ticket  # E: attr-defined
    (await flow.begin()).account_id  # E: attr-defined
    flow.submit(flow.begin(), CodeAnswer("123456"))  # E: arg-type
    codes: tuple[str, ...] = own.new_recovery_codes("proof")  # E: assignment
    if admitted:
        return flow.begin_step_up("proof")  # E: return-value
    return await flow.begin_step_up("proof")  # E: return-value


def visitors(form: dict[str, object]) -> VisitorAnswer:
    """Treat what a visitor sent as an answer of the app."""
    app: VisitorAnswer = FederatedAnswer("google", "google:1")  # E: assignment
    provider: FederatedAnswer = parse_answer(form)  # E: assignment
    parse_answer("code=123456")  # E: arg-type
    answers: list[Answer] = [FederatedAnswer("google", "google:1")]
    return answers[0]  # E: return-value


class Magic(FirstFactor):
    def check(self, answer: CustomAnswer) -> bool:  # E: override
        return True


class Key(SecondFactor):
    def check(self, account_id: str, answer: CustomAnswer) -> str:  # E: override
        return account_id
