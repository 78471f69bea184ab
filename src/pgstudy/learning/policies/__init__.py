"""Policies: distributions over actions, networks, standardised inputs."""
