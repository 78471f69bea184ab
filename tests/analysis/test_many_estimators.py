"""Twelve estimators: every cell and word is in its figure, no two look alike."""

import re
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from pgstudy.analysis.common.columns import GRADIENTS, names
from pgstudy.analysis.common.names import FRACTIONS, LARGEST_MATRIX
from pgstudy.analysis.figures import published as paper_figures
from pgstudy.analysis.figures import style
from pgstudy.analysis.figures.step import KINDS, Source
from pgstudy.analysis.report.captions import captions
from pgstudy.analysis.tables import aggregates
from pgstudy.analysis.tables.build import build
from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.store.runs import Store
from pgstudy.experiment.training import block as training

ENVIRONMENT = "ShortCorridor-v0"
LONG = (
    "reward-to-go-with-a-name-that-somebody-wrote-out-in-full-for-a-reader-of-the-paper"
)
ESTIMATORS = [
    {"name": "total-return"},
    {"name": LONG, "credit": "to-go"},
    *({"name": f"g{g}", "credit": "to-go", "gamma": g / 100} for g in range(90, 100)),
]


def twelve(sample_counts, **more):
    """A study of them, on one environment."""
    environment = {
        "id": ENVIRONMENT,
        "env_steps": 400,
        "max_episode_steps": 20,
        "threshold": -5,
        "optimizer": {"learning_rate": 0.001},
    }
    return load_study(
        {
            "study": "twelve",
            "seeds": 2,
            "seeds_per_job": 2,
            "bins": 4,
            "sample_counts": sample_counts,
            "environments": [environment],
            "estimators": ESTIMATORS,
            **more,
        }
    )


def measurements(study):
    """A row per cell and fraction of training, as `gradient_noise` writes them."""
    rows = []
    for i, name in enumerate(study.estimators):
        for n in study.sample_counts:
            for at in FRACTIONS:
                row = dict.fromkeys(names(GRADIENTS), np.nan)
                row |= {"environment": ENVIRONMENT, "at": at, "estimator": name, "n": n}
                for quantity in ("variance", "noise_scale", "cosine"):
                    middle = (i + 1) / n
                    row |= {
                        quantity: middle,
                        f"{quantity}_low": middle * 0.8,
                        f"{quantity}_high": middle * 1.2,
                    }
                rows.append(row)
    return pd.DataFrame(rows, columns=names(GRADIENTS))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    study = twelve([1, 4])
    store = Store(tmp_path_factory.mktemp("results"))
    for block in study.blocks():
        training.train_block(store, block)
    tables = build(store, study)
    assert (tables.runs["status"] == "finished").all()
    beside = aggregates.build(study, tables)
    return Source(study, tables, beside, measurements(study), tables)


OF_TRADEOFFS = ("tradeoff", "critical_n")  # such a study has no other figures


def figures(source):
    """(kind, figure) of all kinds of a study with a budget, laid out."""
    style.use()
    for kind, draw in KINDS.items():
        if kind in OF_TRADEOFFS:
            continue
        yield kind, draw(source, ENVIRONMENT)[0]
    yield "paper", paper_figures._own(source.study, source.tables, ENVIRONMENT)


@pytest.fixture(scope="module")
def drawn(source):
    made = dict(figures(source))
    for figure in made.values():
        figure.draw_without_rendering()
    return made


def words(figure):
    """Every text that is drawn, with the box it takes."""
    beyond = {
        label
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks())
        if not min(axis.get_view_interval()) <= tick.get_loc()
        or not tick.get_loc() <= max(axis.get_view_interval())
        for label in (tick.label1, tick.label2)
    }
    for text in figure.findobj(Text):
        if text.get_visible() and text.get_text().strip() and text not in beyond:
            yield text.get_text(), text.get_window_extent()


def test_nothing_is_cut(drawn):
    """What is drawn lies on the canvas: titles, ticks, labels, entries of legends."""
    assert len(drawn) == len(KINDS) - len(OF_TRADEOFFS) + 1
    for kind, figure in drawn.items():
        box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
        assert box.x0 > -0.01 and box.y0 > -0.01, (kind, box)
        assert box.x1 < width + 0.01 and box.y1 < height + 0.01, (kind, box)


def test_no_point_lies_outside_of_its_panel(drawn):
    """Panels that share a scale share one that holds the data of all of them."""
    for kind, figure in drawn.items():
        for axes in figure.axes:
            if not axes.has_data() or not axes.get_autoscaley_on():
                continue
            low, high = sorted(axes.viewLim.intervaly)
            data = axes.dataLim
            assert low <= data.y0 <= data.y1 <= high, (kind, axes.get_title())


def test_no_two_words_overlap(drawn):
    """Of one figure's titles, labels and legend."""
    for kind, figure in drawn.items():
        if kind == "improvement":
            continue  # its labels stand on end, side by side, a word beside a word
        found = [(text, box.padded(-1)) for text, box in words(figure) if box.width]
        for (one, a), (two, b) in combinations(found, 2):
            assert not a.overlaps(b), (kind, one, two)


def test_legends_name_every_estimator_once(drawn):
    """And no two of them look alike."""
    for kind in ("final_return", "gradients", "wall_clock", "paper"):
        (legend,) = drawn[kind].legends
        labels = [text.get_text() for text in legend.get_texts()]
        assert [labels.count(entry["name"]) for entry in ESTIMATORS] == [1] * 12
        looks = {
            (line.get_color(), line.get_linestyle(), line.get_marker())
            for line in legend.get_lines()
        }
        assert len(looks) == len(labels)
        markers = [line.get_marker() for line in legend.get_lines()]
        assert len({m for m in markers if m not in ("", "None", None)}) == 12


@pytest.mark.parametrize("count", [8, 12, 30, 100])
def test_markers_do_not_repeat(count):
    """Whatever their number."""
    assert len({style.marker(index) for index in range(count)}) == count


def test_every_estimator_has_a_panel(drawn):
    """Wrapped into rows."""
    for kind in ("learning_curves", "learning_rates", "equal_updates", "tuning"):
        titles = ["".join(a.get_title().split()) for a in drawn[kind].axes]
        assert [titles.count(entry["name"]) for entry in ESTIMATORS] == [1] * 12, kind
        assert drawn[kind].get_figwidth() < 12


def test_every_cell_is_in_the_matrix(source, drawn):
    """All 24, with a number for each pair."""
    (axes,) = drawn["improvement"].axes
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == [f"{c.estimator}, {c.n}" for c in source.study.cells]
    assert len(labels) == 24
    shown = [text.get_text() for text in axes.texts]
    assert len(shown) == 2 * 24 * 23  # with its interval
    assert all(re.fullmatch(r"[01]\.\d\d(–[01]\.\d\d)?", text) for text in shown)


def test_what_a_matrix_leaves_out_is_said(tmp_path):
    """In the figure and in its caption: how many cells, and by which rule."""
    study = twelve([1, 2, 4, 8])
    tables = build(Store(tmp_path), study)
    beside = aggregates.build(study, tables)
    style.use()
    figure, _ = KINDS["improvement"](Source(study, tables, beside, tables.runs), "")
    (axes,) = figure.axes
    left_out = 48 - LARGEST_MATRIX
    assert f"{left_out} of 48 left out" in " ".join(axes.get_title().split())
    text = next(c.text for c in captions(study) if c.name == "improvement")
    assert f"the first {LARGEST_MATRIX} cells in the order of the config" in text
    assert f"{left_out} of 48 are left out" in text


def test_nothing_is_said_where_nothing_is_left_out(source):
    """Twenty-four cells."""
    text = next(c.text for c in captions(source.study) if c.name == "improvement")
    assert "left out" not in text
