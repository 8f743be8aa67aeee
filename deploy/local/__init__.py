"""AWS on this machine: the emulator as a child process."""
