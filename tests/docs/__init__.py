"""Tests of the documentation and the example apps."""
