"""Saved policies -> recordings of episodes."""
