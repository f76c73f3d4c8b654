"""How fast totpkit is beside its peers: ``python -m pytest tests/benchmarks``."""
