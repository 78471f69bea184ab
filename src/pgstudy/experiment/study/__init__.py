"""A study: cells, blocks of runs, what tunes it, what was published."""
