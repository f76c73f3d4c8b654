"""Tests of the stores, by the suite that every store has to pass and of what each has besides."""
