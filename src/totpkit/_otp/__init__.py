"""Generate and verify HOTP, TOTP and Steam Guard codes, and create key URIs and QR codes."""
