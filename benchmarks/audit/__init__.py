"""The audit index beside its bars: asking, appending, rebuilding, verifying, and the state of any moment."""
