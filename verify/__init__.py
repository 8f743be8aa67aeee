"""Proof, read from the lake itself, that every record is stored once."""
