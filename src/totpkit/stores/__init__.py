"""The stores that keep the records. Each module imports its own driver."""
