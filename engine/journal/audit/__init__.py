"""The audit index: written with the events, in the same transaction; queried; dropped and rebuilt at will."""
