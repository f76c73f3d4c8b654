"""What a login asks for, at each of its positions. Knows nothing of answers."""

from collections.abc import Iterable

from totpkit._account.email_code import live
from totpkit._account.enrollment import owner_of
from totpkit._account.enrollment_views import Enrollment
from totpkit._account.record import Record
from totpkit._account.service import Accounts
from totpkit._login.callbacks import App
from totpkit._login.factors import (
    EmailCode,
    Federated,
    FirstFactor,
    Password,
    RecoveryCode,
    SecondFactor,
    TotpCode,
)
from totpkit._login.prompts import (
    CodePrompt,
    CustomPrompt,
    EmailPrompt,
    EnrollmentPrompt,
    FederatedPrompt,
    PasswordPrompt,
    Prompt,
    RecoveryPrompt,
)
from totpkit._login.ticket import Position
from totpkit.errors import FlowError


async def first_prompts(factors: Iterable[FirstFactor], app: App) -> tuple[Prompt, ...]:
    """Return the prompts of the first step."""
    return tuple([await _of_first(factor, app) for factor in factors])


async def second_prompts(
    factors: Iterable[SecondFactor], at: Position, record: Record, accounts: Accounts, app: App
) -> tuple[Prompt, ...]:
    """Return those of a later step, for the account as its record stands."""
    prompts = [await _of_second(factor, at, record, accounts, app) for factor in factors]
    return tuple(prompt for prompt in prompts if prompt is not None)


async def _of_first(factor: FirstFactor, app: App) -> Prompt:
    match factor:
        case Password():
            return PasswordPrompt()
        case Federated():
            return FederatedPrompt(factor.provider)
    return _custom(factor.name, await app.ask(factor.prompt))


async def _of_second(
    factor: SecondFactor, at: Position, record: Record, accounts: Accounts, app: App
) -> Prompt | None:
    active = record.active
    match factor:
        case TotpCode():
            return None if active is None else CodePrompt(active.provision.digits)
        case RecoveryCode():
            return None if active is None else RecoveryPrompt()
        case EmailCode():
            address = await app.text("address_of", factor.address_of, at.account_id)
            sent = live(record, owner_of(at.owner), accounts.ledger.now()) is not None
            return None if address is None else EmailPrompt(hint_of(address), sent)
    if not await app.flag("offered", factor.offered, at.account_id):
        return None
    return _custom(factor.name, await app.ask(factor.prompt, at.account_id))


def enrollment_prompt(shown: Enrollment, digits: int, *, optional: bool) -> EnrollmentPrompt:
    """Return the prompt that shows a secret."""
    return EnrollmentPrompt(uri=shown.uri, secret=shown.secret.grouped(), digits=digits, optional=optional)


def hint_of(address: str) -> str:
    """Return as much of an address as its owner needs to recognise it, and no stranger to write to it."""
    name, at, domain = address.rpartition("@")
    return f"{name[:1]}***{at}{domain}" if at else f"{address[:1]}***"


def _custom(name: str, prompt: object) -> CustomPrompt:
    if isinstance(prompt, CustomPrompt):
        return prompt
    raise FlowError(f"the factor {name} must prompt with a CustomPrompt, not {type(prompt).__name__}")
