"""Pure rules: no clock, no client, no logger, no environment."""
