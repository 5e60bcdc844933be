"""``kubisnap stores``: where the events are kept."""
