"""Charts of the report: sound specifications of the CSV beside each figure."""

import json

import matplotlib
import pandas as pd
import pytest
import seaborn as sns
import vl_convert

from pgstudy.analysis.charts.specs import LIBRARY, specs
from pgstudy.analysis.common import colours
from pgstudy.experiment.study.study_file import read_study
from tests import vega
from tests.workflow.project import smoke_study


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return smoke_study(tmp_path_factory).results / "smoke"


@pytest.fixture(scope="module")
def found(folder):
    return specs(read_study(folder / "study.json"), None)


def drawn(found, name, folder):
    """The chart as Vega-Lite draws it, with the data that the report gives it."""
    spec = json.loads(found[name])
    text = (folder / "figures" / f"{name}.csv").read_text()
    spec["data"] = {
        "values": text,
        "format": {"type": "csv", "parse": {"n": "number"}},
    }
    return vl_convert.vegalite_to_svg(spec)


def test_each_draws_what_its_csv_holds(found, folder):
    """As many marks as rows that can be drawn, of every N and estimator."""
    name = "final_return"
    rows = pd.read_csv(folder / "figures" / f"{name}.csv")
    picture = drawn(found, name, folder)
    for estimator in rows["estimator"].unique():
        assert f">{estimator}</text>" in picture
    circles = picture.count('aria-roledescription="circle"')
    assert circles == rows["final_return"].notna().sum()


def test_all_of_them_can_be_drawn(found, folder):
    """With marks; learning curves, equal updates, gradients and final returns."""
    assert len(found) >= 5
    for name in found:
        picture = drawn(found, name, folder)
        assert "NaN" not in picture
        assert picture.count("<path") > 20


def test_the_library_is_what_its_package_makes():
    """`python -m tests.vega --write` writes it."""
    assert LIBRARY.read_text("utf-8") == vega.library()


def test_colours_are_those_of_known_palettes_and_the_same_in_every_study():
    """Seaborn's for estimators, matplotlib's plasma for N, light to dark."""
    assert list(colours.ESTIMATORS) == sns.color_palette("colorblind", 10).as_hex()
    plasma = matplotlib.colormaps["plasma"]
    for k, colour in enumerate(colours.DOUBLINGS):
        assert colour == matplotlib.colors.to_hex(plasma(0.8 - 0.08 * k))
        assert colours.of_n(2**k) == colour
    red = [int(colours.of_n(n)[1:3], 16) for n in (4, 5, 6, 7, 8)]
    assert red == sorted(red, reverse=True) and len(set(red)) == 5
    assert colours.of_n(5000) == colours.DOUBLINGS[-1]
