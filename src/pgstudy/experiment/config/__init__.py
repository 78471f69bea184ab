"""A study file: read, checked, and resolved into cells."""
