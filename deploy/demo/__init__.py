"""The whole road on this machine, once: what `tapeline demo` runs."""
