"""``kubisnap clouds``: what clouds offer."""
