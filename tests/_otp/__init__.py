"""Tests of ``totpkit._otp``."""
