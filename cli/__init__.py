"""The tapeline command, one file a command group."""
