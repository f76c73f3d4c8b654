"""Logins as sequences of factors, in which TOTP never comes first."""
