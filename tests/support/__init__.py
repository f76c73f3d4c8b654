"""Helpers that several tests share; README.md indexes them."""
