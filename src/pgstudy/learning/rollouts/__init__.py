"""Trajectories tau_i ~ p_theta(tau): from random streams to batches of episodes."""
