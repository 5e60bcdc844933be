"""Events, state, plans, operations. Knows no cloud, no shell, no file format, no screen."""
