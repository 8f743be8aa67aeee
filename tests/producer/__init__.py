"""Sources, the publisher and the manifest."""
