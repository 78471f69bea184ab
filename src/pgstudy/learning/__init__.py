"""A run's specification -> numbers. Knows nothing of files, tracking or plots."""
