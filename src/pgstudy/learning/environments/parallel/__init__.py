"""Environments stepped at once: a list of them, or lanes (vector, envpool)."""
