"""Helpers for your tests: an adjustable clock, a simulated phone and a test suite for stores."""

from totpkit.testing.soft_phone import SettableClock, SoftPhone
from totpkit.testing.store_contract import AsyncStoreContract, StoreContract

__all__ = ["AsyncStoreContract", "SettableClock", "SoftPhone", "StoreContract"]
