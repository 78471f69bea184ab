"""Names of files, numbers as text, and CSV: what every step shares."""
