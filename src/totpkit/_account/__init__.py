"""Accounts: enrollment, verification, throttling and recovery codes, kept in a store."""
