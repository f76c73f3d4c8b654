"""Secrets on their way into a record and out of it. Knows no store."""

from dataclasses import dataclass, replace

from totpkit._account.enrollment_views import Enrollment
from totpkit._account.policy import Policy
from totpkit._account.record import Provision, Record
from totpkit._otp.secret import Secret
from totpkit._otp.totp import TOTP
from totpkit._otp.uri_syntax import checked_account
from totpkit._ports import Cipher
from totpkit.errors import InvalidParameterError, RecordError, VaultError

IN_USE = "credential"
"""The purpose under which the secret of a confirmed credential is sealed."""

PENDING = "enrollment"
"""The purpose under which a secret is sealed that waits for its first code."""


@dataclass(frozen=True, slots=True)
class Sealing:
    """Seals and opens the secrets of one account."""

    cipher: Cipher
    account_id: str

    def new(self, label: str, issuer: str, policy: Policy) -> Provision:
        """Return a new secret, sealed as pending; :class:`InvalidParameterError` for a bad label."""
        secret = Secret.generate(policy.secret_bytes)
        codes = TOTP(secret, policy.digits, policy.algorithm, policy.period)
        return self.sealed(codes, label, issuer, PENDING)

    def sealed(self, codes: TOTP, label: str, issuer: str, purpose: str) -> Provision:
        """Return the secret of *codes*, sealed; :class:`InvalidParameterError` for a bad label."""
        codes.uri(account=checked_account("label", label), issuer=issuer)
        return Provision(
            sealed=self._seal(codes.secret.to_bytes(), purpose),
            digits=codes.digits,
            algorithm=codes.algorithm,
            period=codes.period,
            label=label,
            issuer=issuer,
        )

    def codes(self, provision: Provision, purpose: str) -> TOTP:
        """Return the codes of a sealed secret, by the parameters stored with it."""
        return provision.codes(Secret.from_bytes(self._open(provision, purpose)))

    def in_use(self, provision: Provision) -> TOTP:
        """Return the codes of a confirmed credential."""
        return self.codes(provision, IN_USE)

    def promoted(self, provision: Provision) -> Provision:
        """Return a pending secret sealed for use."""
        return replace(provision, sealed=self._seal(self._open(provision, PENDING), IN_USE))

    def renewed(self, record: Record) -> Record:
        """Return the record with its secret sealed by the newest key; itself if that has sealed it already.

        Raises :class:`VaultError` if the secret does not open.
        """
        active = record.active
        if active is None or self.cipher.is_current(active.provision.sealed):
            return record
        sealed = self._seal(self._open(active.provision, IN_USE), IN_USE)
        return replace(record, active=replace(active, provision=replace(active.provision, sealed=sealed)))

    def resealed(self, record: Record) -> Record:
        """Return what :meth:`renewed` does, or the record as it is if its secret does not open.

        What needs no secret, a recovery code or a new phone, works without the lost key too.
        """
        try:
            return self.renewed(record)
        except VaultError:
            return record

    def shown(self, provision: Provision, purpose: str, expires_at: float | None) -> Enrollment:
        """Return what the owner of a secret may see; of one secret always the same."""
        codes = self.codes(provision, purpose)
        label, issuer = provision.label, provision.issuer
        try:
            uri = codes.uri(account=label, issuer=issuer)
        except InvalidParameterError as error:
            problem = str(error)
        else:
            return Enrollment(uri=uri, secret=codes.secret, label=label, issuer=issuer, expires_at=expires_at)
        raise RecordError(f"a stored record holds names that no phone is shown: {problem}")

    def _seal(self, secret: bytes, purpose: str) -> str:
        return self.cipher.seal(secret, account_id=self.account_id, purpose=purpose)

    def _open(self, provision: Provision, purpose: str) -> bytes:
        return self.cipher.open(provision.sealed, account_id=self.account_id, purpose=purpose)
