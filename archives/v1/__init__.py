"""Format 1.0: read for ever."""
