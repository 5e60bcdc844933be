"""The outside world: clouds and SSH keys. Each knows the engine and its own system, nothing else."""
