"""Tests of ``totpkit._account``."""
