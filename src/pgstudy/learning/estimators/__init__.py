"""Estimators of grad J: weights, baselines, and the gradient itself."""
