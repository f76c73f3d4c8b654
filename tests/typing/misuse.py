"""What users must not write: each line tells the error that ``mypy --strict`` must find in it.

A line that mypy lets pass, or refuses for another reason, fails ``tests/test_typing.py``.
"""

import datetime as dt

from totpkit import HOTP, TOTP, Accepted, Algorithm, KeyURI, Rejected, Secret, Steam, Window, qr
from totpkit import Token  # E: attr-defined

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


def forgotten(answer: Accepted | Rejected) -> int:
    """Take the step of an answer that may be a refusal."""
    return answer.step  # E: union-attr
