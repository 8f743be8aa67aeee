"""The stack, in AWS and on one machine."""
