"""Tests of ``totpkit.migration``."""
