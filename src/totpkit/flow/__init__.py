"""A login as steps of factors, in which TOTP is never the first."""
