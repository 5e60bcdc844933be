"""Hetzner Cloud, spoken to over its API v1."""
