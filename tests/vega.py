"""The library that draws charts in a report: `python -m tests.vega --write` makes it.

vl-convert holds Vega, Vega-Lite and vega-embed, and puts them into one file.
"""

import sys

import vl_convert

from pgstudy.analysis.charts.specs import LIBRARY

NOTICE = "// Vega, Vega-Lite, vega-embed, d3: BSD 3-Clause and ISC, vega.github.io\n"


def library():
    """The file's text."""
    return NOTICE + vl_convert.javascript_bundle()


if __name__ == "__main__" and "--write" in sys.argv:
    LIBRARY.write_text(library(), "utf-8")
