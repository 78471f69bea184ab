"""Whether what a user wrote can be used, tried before any run."""
