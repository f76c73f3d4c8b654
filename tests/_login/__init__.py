"""Tests of ``totpkit._login``."""
