"""The command line, ``totpkit``."""
