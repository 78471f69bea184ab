"""Which runs a study asks for, where they live, and how they were made."""
