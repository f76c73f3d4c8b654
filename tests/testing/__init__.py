"""Tests of ``totpkit.testing``."""
