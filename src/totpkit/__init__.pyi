# What __init__.py offers, for type checkers.

from totpkit._authenticator import AsyncAuthenticator as AsyncAuthenticator, Authenticator as Authenticator
from totpkit._codes import Algorithm as Algorithm
from totpkit._enrollment import Enrollment as Enrollment, Status as Status
from totpkit._hotp import HOTP as HOTP
from totpkit._keyuri import KeyURI as KeyURI
from totpkit._letter import Mail as Mail, MailTemplate as MailTemplate
from totpkit._outcome import Accepted as Accepted, Reason as Reason, Rejected as Rejected
from totpkit._policy import Policy as Policy
from totpkit._ports import (
    AsyncMailer as AsyncMailer,
    AsyncStore as AsyncStore,
    Cipher as Cipher,
    Mailer as Mailer,
    Store as Store,
)
from totpkit._qr import QR as QR, qr as qr
from totpkit._secret import Secret as Secret
from totpkit._steam import Steam as Steam
from totpkit._throttle import Throttle as Throttle
from totpkit._totp import TOTP as TOTP
from totpkit._window import Window as Window
from totpkit.errors import (
    FirstFactorError as FirstFactorError,
    FlowError as FlowError,
    InvalidParameterError as InvalidParameterError,
    InvalidPayloadError as InvalidPayloadError,
    InvalidSecretError as InvalidSecretError,
    InvalidURIError as InvalidURIError,
    MailError as MailError,
    RecordError as RecordError,
    StoreError as StoreError,
    TotpkitError as TotpkitError,
    VaultError as VaultError,
)
from totpkit.flow._answers import (
    Answer as Answer,
    CodeAnswer as CodeAnswer,
    CustomAnswer as CustomAnswer,
    EmailAnswer as EmailAnswer,
    FederatedAnswer as FederatedAnswer,
    PasswordAnswer as PasswordAnswer,
    RecoveryAnswer as RecoveryAnswer,
    SendEmail as SendEmail,
    SkipAnswer as SkipAnswer,
    VisitorAnswer as VisitorAnswer,
    parse_answer as parse_answer,
)
from totpkit.flow._desk import Confirmed as Confirmed, NewRecoveryCodes as NewRecoveryCodes
from totpkit.flow._factors import (
    EmailedCode as EmailedCode,
    Federated as Federated,
    FirstFactor as FirstFactor,
    Password as Password,
    RecoveryCode as RecoveryCode,
    SecondFactor as SecondFactor,
    Totp as Totp,
)
from totpkit.flow._flows import AsyncAuthFlow as AsyncAuthFlow, AuthFlow as AuthFlow
from totpkit.flow._prompts import (
    CodePrompt as CodePrompt,
    CustomPrompt as CustomPrompt,
    EmailPrompt as EmailPrompt,
    EnrollmentPrompt as EnrollmentPrompt,
    FederatedPrompt as FederatedPrompt,
    PasswordPrompt as PasswordPrompt,
    Prompt as Prompt,
    RecoveryPrompt as RecoveryPrompt,
)
from totpkit.flow._results import Authenticated as Authenticated, Challenge as Challenge, Denied as Denied
from totpkit.flow._self_service import AsyncSelfService as AsyncSelfService, SelfService as SelfService
from totpkit.flow._session_login import AsyncSessionLogin as AsyncSessionLogin, SessionLogin as SessionLogin
