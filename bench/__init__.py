"""Measurements, printed: `make bench`. Nothing here is asserted by the tests."""
