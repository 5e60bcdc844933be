"""``kubisnap audit``: the index of the audit log."""
