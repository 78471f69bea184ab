"""The commands that the workflow's rules and a person by hand both call."""

from pgstudy.cli import study, run, products, trust  # isort: skip  # in this order in --help
from pgstudy.cli.common import main

__all__ = ["main", "products", "run", "study", "trust"]
