"""One-time codes: secrets, HOTP, TOTP, Steam Guard, key URIs and QR codes. Stateless, without I/O."""
