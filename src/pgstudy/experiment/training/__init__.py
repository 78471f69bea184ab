"""Blocks of runs trained, and trained again to compare."""
