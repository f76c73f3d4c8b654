# What __init__.py offers, for type checkers.

from totpkit._authenticator import AsyncAuthenticator as AsyncAuthenticator, Authenticator as Authenticator
from totpkit._codes import Algorithm as Algorithm
from totpkit._enrollment import Enrollment as Enrollment, Status as Status
from totpkit._hotp import HOTP as HOTP
from totpkit._keyuri import KeyURI as KeyURI
from totpkit._outcome import Accepted as Accepted, Reason as Reason, Rejected as Rejected
from totpkit._policy import Policy as Policy
from totpkit._ports import AsyncStore as AsyncStore, Cipher as Cipher, Store as Store
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
