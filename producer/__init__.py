"""Ticks onto Kinesis: sources and the publisher."""
