"""A study and its policies, for a notebook: tables, networks, and a model card."""
