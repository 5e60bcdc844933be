"""SSH: today only the key that opens the servers."""
