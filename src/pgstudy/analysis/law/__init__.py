"""Runs that end at a threshold -> the law of what N buys."""
