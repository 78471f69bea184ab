"""Saved policies -> measurements of their gradient estimates."""
