"""Stores: where records are kept. Each in its own module, which imports its driver."""
