"""Tables, figures and report of a small study, made from real runs."""

import html
import json
import os
import re
import shutil
import subprocess
import sys
import warnings
from dataclasses import replace

import pandas as pd
import pytest

from pgstudy.analysis.claims import claims
from pgstudy.analysis.common.columns import GRADIENTS, SCHEMAS, names, of_type
from pgstudy.analysis.common.names import figure_keys
from pgstudy.analysis.figures.step import Source
from pgstudy.analysis.figures.step import draw as draw_source
from pgstudy.analysis.figures.style import looks
from pgstudy.analysis.proofs.step import estimators, proof_table
from pgstudy.analysis.report import html as report
from pgstudy.analysis.report.markdown import summary_table
from pgstudy.analysis.tables import aggregates, histories
from pgstudy.analysis.tables.build import Tables, best, build
from pgstudy.experiment.config.loading import load_study
from pgstudy.experiment.store.provenance import facts
from pgstudy.experiment.store.record import Provenance
from pgstudy.experiment.store.runs import Store
from pgstudy.experiment.training import block as training
from pgstudy.experiment.training.saving import save_failure
from tests.conftest import SMOKE

LABEL = "a/corridor"  # a config takes no name with < or > in it
NOT_MEASURED = pd.DataFrame(columns=names(GRADIENTS))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(study, results) with one run missing, one failed and one diverged."""
    results = tmp_path_factory.mktemp("results")
    config = json.loads(json.dumps(SMOKE)) | {"seeds": [0, 1, 2]}
    del config["gradients"]
    config["environments"][0]["name"] = LABEL
    study = load_study(config)
    store = Store(results)
    for block in study.blocks():
        training.train_block(store, block)
    missing, failed, diverged = (store.run(study.cells[0], seed) for seed in range(3))
    made = Provenance(made_by=missing.record().made_by, started=1.0)
    save_failure(failed, RuntimeError("it fell over"), made)
    shutil.rmtree(missing.folder)
    diverged.write_record(replace(diverged.record(), status="diverged", stopped_at=3))
    return study, results


@pytest.fixture(scope="module")
def tables(made):
    study, results = made
    return build(Store(results), study)


def test_every_run_asked_for_is_in_the_denominator(tables, made):
    """Missing, failed and diverged runs are counted, and not averaged."""
    study, _ = made
    assert len(tables.runs) == len(study.cells) * 3
    row = tables.summary.iloc[0]
    assert (row.finished, row.diverged, row.failed, row.missing) == (0, 1, 1, 1)
    assert pd.isna(row.final_return)
    assert (tables.summary.finished.iloc[1:] == 3).all()


def test_a_damaged_run_is_missing_and_leaves_the_means_of_the_others(made, tmp_path):
    """Its record alone still says that it finished."""
    study, results = made
    shutil.copytree(results, tmp_path / "results")
    store, cell = Store(tmp_path / "results"), study.cells[1]
    (store.run(cell, 1).folder / "updates.parquet").write_bytes(b"PAR1")
    tables = build(store, study)
    runs = tables.runs[tables.runs["key"] == cell.key(1)]
    assert runs["status"].tolist() == ["missing"]
    assert runs["reason"].tolist() == ["updates.parquet is damaged"]
    row = tables.summary.iloc[1]
    assert (row["finished"], row["missing"], row["runs"]) == (2, 1, 3)
    others = [store.run(cell, seed) for seed in (0, 2)]
    finals = [histories.read(run, row["unit"]).final_return for run in others]
    assert row["final_return"] == pytest.approx(sum(finals) / 2)


def test_the_final_return_is_that_of_the_last_tenth(tables, made):
    """Recomputed from the episodes; the update over its beginning counts by its share.

    A batch's episodes share its steps evenly, as if they were sampled side by side.
    """
    study, results = made
    finished = tables.runs[tables.runs.status == "finished"]
    between = 0
    for row in finished.to_dict("records"):
        cells = study.cells_of(row["environment"], row["estimator"])
        (cell,) = (cell for cell in cells if cell.n == row["n"])
        episodes = pd.read_parquet(
            Store(results).run(cell, row["seed"]).folder / "episodes.parquet"
        )
        ends = episodes.groupby("update")["length"].sum().cumsum()
        starts = ends.shift(fill_value=0)
        inside = ((ends - 0.9 * ends.iloc[-1]) / (ends - starts)).clip(0, 1)
        weights = episodes["update"].map(inside)
        mean = (episodes["return"] * weights).sum() / weights.sum()
        assert row["final_return"] == pytest.approx(mean, rel=1e-9)
        between += bool(inside.between(0, 1, inclusive="neither").any())
    assert between > len(finished) / 2, "windows that begin within an update"


def test_curves_hold_n_and_end_where_the_runs_end(tables, made):
    """No point has more runs than seeds, none lies beyond the budget."""
    assert tables.curves.runs.between(1, 3).all()
    assert (tables.curves.groupby("environment")["at"].max() <= 4000).all()
    assert set(tables.curves.unit) == {"env_steps"}


def test_tables_survive_their_trip_through_csv(tables, tmp_path):
    """Equal to the last bit, and written the same twice."""
    tables.write(tmp_path)
    again = Tables.read(tmp_path)
    for name in ("runs", "curves", "summary"):
        one, two = getattr(tables, name), getattr(again, name)
        pd.testing.assert_frame_equal(
            one.reset_index(drop=True), two, check_dtype=False, check_exact=True
        )


def test_tables_have_the_columns_of_their_schema(tables, made):
    """In its order, and of its types: text is text, numbers are numbers."""
    study, _ = made
    beside = aggregates.build(study, tables)
    every = contents(study, tables)
    said = {"claims": every.claims, "proofs": every.proofs}
    found = vars(tables) | vars(beside) | said
    for name, table in found.items():
        if name == "seeds":
            assert list(table) == ["bin_width", *map(str, range(study.bins))]
            continue
        assert list(table) == names(SCHEMAS[name])
        for column in SCHEMAS[name]:
            values = table[column.name].dropna()
            assert all(isinstance(v, str) for v in values) == (
                column.type is str or values.empty
            ), (name, column.name)


@pytest.fixture(scope="module")
def drawn(made, tables, tmp_path_factory):
    """A folder with the study's figures, that nobody changes."""
    folder = tmp_path_factory.mktemp("drawn") / "figures"
    draw(made[0], tables, folder)
    return folder


def test_figures_are_the_same_bytes_twice(drawn, tables, made, tmp_path):
    """PDF and PNG; text in the PDFs is TrueType (cases 20 and 28)."""
    study, _ = made
    draw(study, tables, tmp_path)
    files = sorted(p.name for p in drawn.iterdir())
    assert len(files) == 8 * 4
    assert {p.name for p in tmp_path.iterdir()} == set(files)
    for name in files:
        content = (drawn / name).read_bytes()
        assert content == (tmp_path / name).read_bytes()
        if name.endswith(".pdf"):
            assert b"/Type3" not in content
            assert b"/FontFile2" in content


def test_figures_need_no_screen():
    """Whatever backend the shell asks for."""
    code = (
        "import pgstudy.analysis.figures.layout, matplotlib;"
        "print(matplotlib.get_backend())"
    )
    environment = {k: v for k, v in os.environ.items() if k != "DISPLAY"}
    result = subprocess.run(
        [sys.executable, "-c", code],
        env=environment | {"MPLBACKEND": "TkAgg"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip().lower() == "agg"


def test_every_n_has_one_colour(made):
    """N is a category (case 18)."""
    study, _ = made
    colours = looks(study).colours
    assert list(colours) == [1, 4]
    assert len(set(colours.values())) == 2


def draw(study, tables, folder):
    beside = aggregates.build(study, tables)
    source = Source(study, tables, beside, NOT_MEASURED)
    draw_source(source, figure_keys(study), folder)


def contents(study, tables, **more):
    beside = aggregates.build(study, tables)
    said = claims.build(study, tables, beside, NOT_MEASURED)
    proved = proof_table(estimators(study))
    return report.Contents(tables, beside, NOT_MEASURED, said, proved, **more)


@pytest.fixture(scope="module")
def page(made, tables, drawn, tmp_path_factory):
    study, _ = made
    folder = tmp_path_factory.mktemp("report")
    shutil.copytree(drawn, folder / "figures")
    report.write(study, contents(study, tables), folder)
    return folder / "report.html"


def test_a_study_without_one_finished_run_still_has_a_report(made, tmp_path):
    """Everything missing: figures, a report, and no warning on the way."""
    study, _ = made
    build(Store(tmp_path), study).write(tmp_path)
    nothing = Tables.read(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw(study, nothing, tmp_path / "figures")
        report.write(study, contents(study, nothing), tmp_path)
    assert '<b class="bad">18</b> missing' in (tmp_path / "report.html").read_text()


def test_a_diverged_run_is_in_no_average(made, tables):
    """Neither in the curves nor in the summary's means."""
    study, _ = made
    cell = study.cells[0]
    chosen = (tables.curves.estimator == cell.estimator) & (tables.curves.n == cell.n)
    assert tables.curves[chosen & (tables.curves.environment == LABEL)].empty
    assert pd.isna(tables.summary.iloc[0].untrained_return)


def test_labels_that_look_like_numbers_stay_text(tables, tmp_path):
    """In every table, after the trip through CSV."""
    changed = Tables(*(t.assign(estimator="1") for t in vars(tables).values()))
    changed.write(tmp_path)
    assert set(Tables.read(tmp_path).summary.estimator) == {"1"}


def test_the_report_says_how_many_runs_there_are(page, tables):
    """Finished, diverged, failed, missing; and the cells left out."""
    text = page.read_text()
    total = len(tables.runs)
    assert f'<b class="">{total - 3} of {total}</b> runs finished' in text
    for state in ("diverged", "failed", "missing"):
        assert f'<b class="bad">1</b> {state}' in text
    assert "</b> stuck" not in text
    assert "leave-one-out is undefined at N = 1" in text


def test_the_report_says_how_its_runs_were_made(made, tables, drawn, tmp_path):
    """Commit, local changes, lock, versions, machine, threads, command, times."""
    study, results = made
    store = Store(results)
    shutil.copytree(drawn, tmp_path / "figures")
    runs = [store.run(cell, seed) for cell in study.cells for seed in study.seeds]
    what = contents(study, tables, made=facts(runs))
    report.write(study, what, tmp_path)
    text = (tmp_path / "report.html").read_text()
    here = next(r.record().made_by for r in runs if r.is_complete())
    parts = [here["git"]["commit"], here["lock"], here["learning"], here["cpu"]]
    parts += [here["torch"], here["python"], here["packages"]["mlflow"]]
    assert all(html.escape(part) in text for part in parts)
    for name in ("threads of a run", "command", "first start", "training in all"):
        assert name in text


def test_the_report_needs_no_network(page):
    """Every picture is inline; nothing is loaded from elsewhere."""
    text = re.sub(r"<script.*?</script>", "", page.read_text(), flags=re.DOTALL)
    assert not re.findall(r"(?:src|href)=\"(?!data:|#)", text)
    assert text.count("data:image/png;base64,") == 8
    assert "nan" not in re.sub(r"data:[^\"]+", "", text)


# Texts that the report does not show, or shows for other values only.
NOT_SHOWN = {
    "runs": {"key", "commit", "ended"},  # hashes and times of our own
    "summary": {"unit"},
    "pairs": set(),
    "adequacy": set(),
    "scores": set(),
    "claims": {"figure", "verdict"},
}


def marked(name, table):
    """A table of which each text is a tag that names its column, but for states."""
    shown = [c for c in of_type(SCHEMAS[name], str) if c != "status"]
    return table.assign(**{c: f"<script>alert('{name}.{c}')</script>" for c in shown})


def test_texts_of_every_table_are_escaped(made, tables, page, tmp_path):
    """A hostile text stays text in every column of every table that has texts."""
    study, _ = made
    plain = contents(study, tables)
    hostile = replace(
        plain,
        tables=replace(
            plain.tables,
            **{k: marked(k, getattr(plain.tables, k)) for k in ("runs", "summary")},
        ),
        aggregates=replace(
            plain.aggregates,
            **{
                k: marked(k, getattr(plain.aggregates, k))
                for k in ("scores", "pairs", "adequacy")
            },
        ),
        claims=marked("claims", plain.claims),
        notes=["<script>alert('notes')</script>"],
    )
    shutil.copytree(page.parent / "figures", tmp_path / "figures")
    report.write(study, hostile, tmp_path)
    text = (tmp_path / "report.html").read_text()
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(&#39;notes&#39;)" in text
    for name, hidden in NOT_SHOWN.items():
        for column in set(of_type(SCHEMAS[name], str)) - hidden - {"status"}:
            assert f"alert(&#39;{name}.{column}&#39;)" in text, (name, column)


@pytest.mark.skipif(not shutil.which("chromium"), reason="chromium is not installed")
def test_the_report_opens_in_a_browser(page, tmp_path):
    """A phone's width renders to a picture of its own."""
    picture = tmp_path / "page.png"
    subprocess.run(
        [
            "chromium",
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--window-size=500,1500",
            f"--screenshot={picture}",
            page.as_uri(),
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    assert picture.stat().st_size > 20_000


def test_the_summary_as_markdown_has_a_row_per_cell(tables):
    """The numbers of summary.csv, readable, with every run in the denominator."""
    lines = summary_table(tables.summary).splitlines()
    assert len(lines) == 2 + len(tables.summary)
    assert len({line.count("|") for line in lines}) == 1
    row = tables.summary.iloc[-1]
    assert f"| {row.finished} of {row.runs} |" in lines[-1]
    assert f"{row.final_return:,.1f}" in lines[-1]


def test_runs_that_did_not_finish_are_listed_with_their_reason(page):
    """By name, so that nobody has to look for them."""
    text = page.read_text()
    assert "failed, it fell over" in text
    assert "Runs that did not finish" in text


def test_the_best_cell_is_one_whose_runs_finished():
    """The mean of the few that survived is no reason to prefer a learning rate."""
    summary = pd.DataFrame(
        {"finished": [10, 1, 10, 0], "final_return": [-15.0, -11.7, -14.0, None]}
    )
    assert best(summary).index.tolist() == [2, 0, 1, 3]
