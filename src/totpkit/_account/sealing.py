"""Encrypt and decrypt the secrets for one account."""

from typing import NamedTuple

from totpkit._account.enrollment import Enrollment
from totpkit._account.policy import Policy
from totpkit._account.record import Record, SealedSecret
from totpkit._otp.secret import Secret
from totpkit._otp.totp import TOTP
from totpkit._otp.uri_syntax import checked_account
from totpkit._ports import Cipher
from totpkit.errors import InvalidParameterError, RecordError, VaultError

ENROLLED = "credential"
"""The purpose under which the secret of a confirmed device is sealed."""

PENDING = "enrollment"
"""The purpose under which a pending secret is sealed."""


class Sealing(NamedTuple):
    """Encrypts and decrypts the secrets for one account."""

    cipher: Cipher
    account_id: str

    def new(self, label: str, issuer: str, policy: Policy) -> SealedSecret:
        """Create a pending secret. Raises :class:`InvalidParameterError` if the label is invalid."""
        secret = Secret.generate(nbytes=policy.secret_bytes)
        totp = TOTP(secret, digits=policy.digits, algorithm=policy.algorithm, period=policy.period)
        return self.seal(totp, label, issuer, PENDING)

    def seal(self, totp: TOTP, label: str, issuer: str, purpose: str) -> SealedSecret:
        """Encrypt a secret. Raises :class:`InvalidParameterError` if the label is invalid."""
        totp.uri(account=checked_account("label", label), issuer=issuer)
        return SealedSecret(
            sealed=self._seal(totp.secret.to_bytes(), purpose),
            digits=totp.digits,
            algorithm=totp.algorithm,
            period=totp.period,
            label=label,
            issuer=issuer,
        )

    def open(self, secret: SealedSecret, purpose: str) -> TOTP:
        """Decrypt a secret, and return a TOTP object with the parameters that are stored for it."""
        return secret.totp(Secret.from_bytes(self._open(secret, purpose)))

    def open_enrolled(self, secret: SealedSecret) -> TOTP:
        """Decrypt the secret for an enrolled device."""
        return self.open(secret, ENROLLED)

    def open_pending(self, secret: SealedSecret) -> TOTP:
        """Decrypt a pending secret."""
        return self.open(secret, PENDING)

    def promote(self, secret: SealedSecret) -> SealedSecret:
        """Encrypt a pending secret again as the secret for an enrolled device."""
        return secret._replace(sealed=self._seal(self._open(secret, PENDING), ENROLLED))

    def reseal(self, record: Record) -> Record:
        """Encrypt the secret in the record again with the newest key.

        Returns the same object if the secret is already encrypted with the newest key. Raises
        :class:`VaultError` if the secret cannot be decrypted.
        """
        device = record.device
        if device is None or self.cipher.is_current(device.secret.sealed):
            return record
        sealed = self._seal(self._open(device.secret, ENROLLED), ENROLLED)
        return record._replace(device=device._replace(secret=device.secret._replace(sealed=sealed)))

    def try_reseal(self, record: Record) -> Record:
        """Call :meth:`reseal`, but return the record unchanged if the secret cannot be decrypted.

        Recovery codes and new devices do not need the old secret, so they keep working if its key is
        lost.
        """
        try:
            return self.reseal(record)
        except VaultError:
            return record

    def show(self, secret: SealedSecret, purpose: str, expires_at: float | None) -> Enrollment:
        """Return a secret in the form that is shown to its owner. The result is always the same."""
        totp = self.open(secret, purpose)
        label, issuer = secret.label, secret.issuer
        try:
            uri = totp.uri(account=label, issuer=issuer)
        except InvalidParameterError as error:
            problem = str(error)
        else:
            return Enrollment(uri=uri, secret=totp.secret, label=label, issuer=issuer, expires_at=expires_at)
        raise RecordError(f"a stored record contains names that no app can show: {problem}")

    def _seal(self, secret: bytes, purpose: str) -> str:
        return self.cipher.seal(secret, account_id=self.account_id, purpose=purpose)

    def _open(self, secret: SealedSecret, purpose: str) -> bytes:
        return self.cipher.open(secret.sealed, account_id=self.account_id, purpose=purpose)
