"""The tests of totpkit, a package so that they can share strategies and the second implementation."""
