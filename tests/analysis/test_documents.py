"""Numbers in documents are written from a study's files, and are those of the files."""

import json
import re

import pandas as pd
import pytest

from pgstudy.analysis.common.columns import CLAIMS, names
from pgstudy.analysis.documents.blocks import SCHEMAS
from pgstudy.analysis.documents.documents import BLOCK, Faulty, home, pictures, written
from pgstudy.analysis.documents.records import StudyRecord, digest, kept
from tests.commands import pgstudy
from tests.conftest import ROOT, SMALL

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MEASURED = re.compile(r"-?\d*\.\d+|\d+ of \d+|\[-?\d|\d %|\d,\d{3}")
PAGE = """# Ours

Untouched 1.5.

<!-- pgstudy:begin made small -->
<!-- pgstudy:end -->

<!-- pgstudy:begin summary small -->
an old number, 17.3
<!-- pgstudy:end -->

<!-- pgstudy:begin claims small -->
<!-- pgstudy:end -->

![ours](figures/small/final_return.png)

<!-- pgstudy:begin caption small final_return -->
<!-- pgstudy:end -->
"""


def as_kept(document):
    return written(document, lambda study: kept(home(document) / "data", study))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: file.name)
def test_what_documents_say_is_what_is_kept(document):
    """Every block again from docs/data/; a number changed by hand would show."""
    assert as_kept(document) == document.read_text()


def test_the_documents_of_results_have_blocks():
    """The test above compares something."""
    for name, least in (
        ("results", 8),
        ("benchmark", 2),
        ("published", 4),
        ("environments", 1),
    ):
        assert len(BLOCK.findall((ROOT / f"docs/{name}.md").read_text())) >= least
    assert len(BLOCK.findall((ROOT / "README.md").read_text())) == 1


@pytest.mark.parametrize("name", ["results", "benchmark"])
def test_no_measured_number_stands_outside_of_a_block(name):
    """Only what a command wrote from files; settings in the text are whole numbers."""
    text = BLOCK.sub("", (ROOT / f"docs/{name}.md").read_text())
    prose = re.sub(r"`[^`]*`|\([^)]*\)|^    .*$", "", text, flags=re.MULTILINE)
    assert not MEASURED.findall(prose)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: file.name)
def test_pictures_are_there_and_of_the_same_study_files(document):
    """Where digests are kept, the pictures are those drawn from the same results."""
    for picture in pictures(document):
        made = kept(home(document) / "data", picture.parent.name).made
        known = made.get("pictures", {}).get(picture.stem)
        assert digest(picture.read_bytes()) == (known or digest(picture.read_bytes()))


@pytest.mark.parametrize("made", sorted(ROOT.glob("docs/data/*/made.json")), ids=str)
def test_commit_and_processor_stand_beside_the_numbers(made):
    """What is not known is said, with a note."""
    facts = json.loads(made.read_text())
    known = all(len(facts[key]) for key in ("git", "cpu"))
    assert known or "Recorded before" in facts["note"]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A folder with docs/ours.md and the results of a small study."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "docs").mkdir()
    (folder / "docs" / "ours.md").write_text(PAGE)
    assert pgstudy("plan", json.dumps(SMALL), cwd=folder)[0] == 0
    from pgstudy.experiment.config.loading import load_study
    from pgstudy.experiment.store.runs import Store
    from pgstudy.experiment.training import block as training

    for block in load_study(SMALL).blocks():
        training.train_block(Store(folder / "results"), block)
    for step in ("tables", "claims", "figures"):
        code, text = pgstudy(step, "results/small/study.json", cwd=folder)
        assert code == 0, text
    return folder


ARGUMENTS = ("document", "docs/ours.md", "--study", "results/small/study.json")


@pytest.fixture(scope="module")
def page(project):
    assert pgstudy(*ARGUMENTS, cwd=project) == (0, "")
    return project / "docs" / "ours.md"


def test_one_line_writes_blocks_data_and_pictures(project, page):
    """With commit and processor; what is a person's stays."""
    text = page.read_text()
    assert "Untouched 1.5." in text
    assert "17.3" not in text
    summary = pd.read_csv(project / "results/small/tables/summary.csv")
    for value in summary["final_return"]:
        assert f"| {value:.1f} [" in text or f"| {value:.2f} [" in text
    record = json.loads(
        next((project / "results/runs").glob("*/*/*/*/run.json")).read_text()
    )["made_by"]
    assert f"processor {record['cpu']}" in text
    assert f"commit {record['git']['commit'][:10]}" in text
    assert "10 of 10 runs finished, 5 seeds per cell" in text
    for name in ("summary.csv", "claims.csv"):
        (source,) = (project / "results/small").rglob(name)
        assert (project / "docs/data/small" / name).read_bytes() == source.read_bytes()
    copied = (page.parent / "figures/small/final_return.png").read_bytes()
    drawn = (project / "results/small/figures/final_return.png").read_bytes()
    assert copied == drawn


def test_what_was_written_is_what_is_kept(project, page):
    """Also without the results; and writing it again changes no byte."""
    text = page.read_text()
    assert as_kept(page) == text
    assert pgstudy("document", "docs/ours.md", cwd=project) == (0, "")
    assert page.read_text() == text


def test_a_number_changed_by_hand_shows(page, tmp_path):
    """In any block."""
    text = page.read_text()
    blocks = [block["text"] for block in BLOCK.finditer(text)]
    for block in blocks[:3]:
        digit = re.search(r"\d", block)
        changed = block[: digit.start()] + "77" + block[digit.end() :]
        page.write_text(text.replace(block, changed))
        assert as_kept(page) != page.read_text()
    page.write_text(text)


def claim(verdict, note=""):
    values = (f"that it {verdict}", "difference", 1.5, 1.0, 2.0, 0.0004, 0.0123)
    row = ("here", "is it so?", *values, verdict, note, "f")
    return dict(zip(names(CLAIMS), row, strict=True))


def test_only_what_is_decided_reads_as_a_finding(tmp_path):
    """Whatever else a verdict is stands under "don't decide", with its name."""
    undecided = ["undecided", "consistent with", "too few seeds", "some new verdict"]
    table = pd.DataFrame(
        [claim(v, "at the edge") for v in ["holds", "does not hold", *undecided]]
    ).assign(more=1)
    files = {"claims.csv": table.to_csv(index=False).encode()}
    page = tmp_path / "page.md"
    page.write_text("<!-- pgstudy:begin claims s -->\n<!-- pgstudy:end -->\n")
    text = written(page, lambda study: StudyRecord(study, files, {}))
    holds, rest = text.split("**The runs speak against these:**")
    against, open_ones = rest.split("**These runs don't decide:**")
    assert "that it holds: difference 1.50 [1.00, 2.00], p = 0.012 (at the" in holds
    assert "that it does not hold: difference" in against
    for verdict in undecided:
        assert f"; {verdict} (at the edge)." in open_ones
        assert verdict not in holds + against


BLOCKS = {
    "nothing": "<!-- pgstudy:begin nothing small -->\n<!-- pgstudy:end -->\n",
    "is missing": "<!-- pgstudy:begin made other -->\n<!-- pgstudy:end -->\n",
    "no figure": "<!-- pgstudy:begin caption small x -->\n<!-- pgstudy:end -->\n",
    "and an end": "<!-- pgstudy:begin made small -->\n",
    "within": "<!-- pgstudy:begin made small -->\n" * 2 + "<!-- pgstudy:end -->\n",
    "has no figure nosuch": "![](figures/small/nosuch.png)\n",
}


@pytest.mark.parametrize("word", BLOCKS)
def test_a_fault_in_a_document_is_a_message_and_writes_nothing(project, page, word):
    """Neither this document nor the sound one beside it, nor data."""
    bad = page.with_name("bad.md")
    bad.write_text(BLOCKS[word])
    before = {p: p.read_bytes() for p in page.parent.rglob("*") if p.is_file()}
    code, text = pgstudy("document", "docs/bad.md", *ARGUMENTS[1:], cwd=project)
    after = {p: p.read_bytes() for p in page.parent.rglob("*") if p.is_file()}
    bad.unlink()
    assert code == 1
    assert word in text and "Traceback" not in text
    assert after == before


def test_a_table_changed_after_it_was_made_is_not_taken(project, page):
    """Its digest tells; the message says what makes it again."""
    claims = project / "results/small/claims.csv"
    before, text = claims.read_bytes(), page.read_text()
    claims.write_bytes(before.replace(b"ShortCorridor", b"LongCorridor"))
    code, said = pgstudy(*ARGUMENTS, cwd=project)
    claims.write_bytes(before)
    assert (code, "is not what `pgstudy claims` wrote" in said) == (1, True)
    assert page.read_text() == text


def test_a_study_without_runs_or_tables_is_a_message(project, tmp_path):
    """It names the command that is needed first."""
    (tmp_path / "p.md").write_text("")
    assert pgstudy("plan", json.dumps(SMALL), cwd=tmp_path)[0] == 0
    study = "results/small/study.json"
    code, text = pgstudy("document", "p.md", "--study", study, cwd=tmp_path)
    assert (code, "run `pgstudy tables` first" in text) == (1, True)
    assert pgstudy("tables", study, cwd=tmp_path)[0] == 0
    code, text = pgstudy("document", "p.md", "--study", study, cwd=tmp_path)
    assert (code, "no run of study small" in text) == (1, True)
    assert "no such document" in pgstudy("document", "q.md", cwd=tmp_path)[1]


def test_every_table_and_column_is_explained():
    """By docs/tables.md, which is written from the schema that the code uses."""
    text = (ROOT / "docs/tables.md").read_text()
    blocks = {match["what"]: match["text"] for match in BLOCK.finditer(text)}
    assert set(blocks) == {f"columns {name}" for name in SCHEMAS}
    for name, schema in SCHEMAS.items():
        rows = re.findall(r"^\| `(.+?)` \|", blocks[f"columns {name}"], re.MULTILINE)
        assert rows == names(schema)
        assert len(set(rows)) == len(rows)
        assert all(column.meaning for column in schema)


def test_a_block_of_columns_names_a_table(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("<!-- pgstudy:begin columns drawers -->\n<!-- pgstudy:end -->\n")
    with pytest.raises(Faulty, match="no table 'drawers'; tables are runs, seeds"):
        as_kept(page)
