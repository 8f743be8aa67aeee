"""Settings, read once: TOML, then environment, then flags."""
