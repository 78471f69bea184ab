"""One update of a run, step by step, for people who learn what it is."""
