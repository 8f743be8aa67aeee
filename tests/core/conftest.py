"""Properties of the core take the time they take: no test asserts time."""

from hypothesis import settings

settings.register_profile("core", deadline=None, max_examples=60)
settings.load_profile("core")
