# The names of __init__.py, for type checkers.

from totpkit._account.async_authenticator import AsyncAuthenticator as AsyncAuthenticator
from totpkit._account.authenticator import Authenticator as Authenticator
from totpkit._account.enrollment import Enrollment as Enrollment, Status as Status
from totpkit._account.policy import Policy as Policy
from totpkit._account.throttle import Throttle as Throttle
from totpkit._login.answers import (
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
from totpkit._login.async_auth_flow import AsyncAuthFlow as AsyncAuthFlow
from totpkit._login.async_self_service import AsyncSelfService as AsyncSelfService
from totpkit._login.async_session_login import AsyncSessionLogin as AsyncSessionLogin
from totpkit._login.auth_flow import AuthFlow as AuthFlow
from totpkit._login.factors import (
    EmailCode as EmailCode,
    Federated as Federated,
    FirstFactor as FirstFactor,
    Password as Password,
    RecoveryCode as RecoveryCode,
    SecondFactor as SecondFactor,
    TotpCode as TotpCode,
)
from totpkit._login.prompts import (
    CodePrompt as CodePrompt,
    CustomPrompt as CustomPrompt,
    EmailPrompt as EmailPrompt,
    EnrollmentPrompt as EnrollmentPrompt,
    FederatedPrompt as FederatedPrompt,
    PasswordPrompt as PasswordPrompt,
    Prompt as Prompt,
    RecoveryPrompt as RecoveryPrompt,
)
from totpkit._login.results import (
    Authenticated as Authenticated,
    Challenge as Challenge,
    Confirmed as Confirmed,
    Denied as Denied,
    NewRecoveryCodes as NewRecoveryCodes,
)
from totpkit._login.self_service import SelfService as SelfService
from totpkit._login.session_login import SessionLogin as SessionLogin
from totpkit._otp.hotp import HOTP as HOTP
from totpkit._otp.key_uri import KeyURI as KeyURI
from totpkit._otp.qr import QR as QR, qr as qr
from totpkit._otp.result import Accepted as Accepted, Reason as Reason, Rejected as Rejected
from totpkit._otp.secret import Secret as Secret
from totpkit._otp.steam import Steam as Steam
from totpkit._otp.totp import TOTP as TOTP
from totpkit._otp.truncation import Algorithm as Algorithm
from totpkit._otp.window import Window as Window
from totpkit._ports import AsyncStore as AsyncStore, Cipher as Cipher, Store as Store
from totpkit.email import (
    AsyncMailer as AsyncMailer,
    Email as Email,
    EmailTemplate as EmailTemplate,
    Mailer as Mailer,
)
from totpkit.errors import (
    EmailError as EmailError,
    FirstFactorError as FirstFactorError,
    FlowError as FlowError,
    InvalidParameterError as InvalidParameterError,
    InvalidPayloadError as InvalidPayloadError,
    InvalidSecretError as InvalidSecretError,
    InvalidURIError as InvalidURIError,
    RecordError as RecordError,
    StoreError as StoreError,
    TotpkitError as TotpkitError,
    VaultError as VaultError,
)

__version__: str
