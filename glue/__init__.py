"""The lake's tables and the stack's resources, applied by code."""
