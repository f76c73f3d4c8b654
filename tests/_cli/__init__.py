"""Tests of ``totpkit._cli``."""
