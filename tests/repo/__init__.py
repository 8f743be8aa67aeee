"""The doors of the repository."""
