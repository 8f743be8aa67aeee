"""Detectors: score a tick, then learn it. Pure."""
