"""Enrollment, verification, throttling and recovery codes for the accounts in a store."""
