"""The ``totpkit`` command-line program."""
