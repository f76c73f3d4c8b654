"""A process that verifies until it is killed, for tests.test_kill."""
