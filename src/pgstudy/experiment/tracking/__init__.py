"""The mirror of the run store in MLflow."""
