"""kubisnap."""
