"""Charts of the report: sound specifications of the CSV beside each figure."""

import json

import pandas as pd
import pytest
import vl_convert

from pgstudy.analysis.charts.parts import COLOURS
from pgstudy.analysis.charts.specs import LIBRARY, specs
from pgstudy.analysis.figures import style
from tests import vega
from tests.workflow.project import smoke_study


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return smoke_study(tmp_path_factory).results / "smoke"


@pytest.fixture(scope="module")
def found(folder):
    from pgstudy.experiment.study.study_file import read_study

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


def test_estimators_have_the_colours_of_the_figures():
    """Seaborn's, as hexadecimal digits."""
    for index, text in enumerate(COLOURS):
        colour = style.estimator_look(index)["color"]
        assert text == "#" + "".join(f"{round(255 * part):02x}" for part in colour)
