"""The one exception for a shard that cannot go on here."""


class Stopped(Exception):
    """The process is to end. The text says why and what to do."""
