"""How far the pipeline goes: what a run, a job and a study cost, and a cluster of it.

`python -m benchmarks.capacity measure` writes measured.json, `simulate` writes
simulated.json from it, and `write` fills the tables of docs/capacity.md from both.
"""
