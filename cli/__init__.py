"""The command line: what a person types and sees. No logic; wiring in one place."""
