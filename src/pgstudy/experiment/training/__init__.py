"""Blocks of runs trained, and followed while they train."""
