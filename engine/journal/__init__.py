"""The log: append, read, conflicts. The only folder that knows the event sourcing library."""
