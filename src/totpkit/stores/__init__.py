"""The included stores. Each module in this package imports only its own database driver."""
