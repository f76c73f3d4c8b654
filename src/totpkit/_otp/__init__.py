"""One-time codes without state or I/O: secrets, HOTP, TOTP, Steam Guard, key URIs and QR codes."""
