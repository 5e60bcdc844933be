"""``kubisnap keys``: the keys that archives are signed and encrypted with."""
