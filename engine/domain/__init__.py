"""The pure core: specs, events, the fold, decisions. No I/O, no clock, no environment, no randomness."""
