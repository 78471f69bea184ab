"""The commands that the workflow's rules and a person by hand both call."""

from pgstudy.cli import products, run, study, tracking, training, trust
from pgstudy.cli.common import main

__all__ = ["main", "products", "run", "study", "tracking", "training", "trust"]
