"""Environments, and how N of them are stepped at once."""
