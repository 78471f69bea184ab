"""Runs -> tables."""
