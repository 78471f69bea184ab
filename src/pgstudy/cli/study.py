"""A study up to its runs: check, plan, choose, progress."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pgstudy.analysis.documents.settings import settings_table
from pgstudy.cli.common import (
    RESULTS,
    UserError,
    app,
    table_of,
    with_outputs,
)
from pgstudy.experiment.config.loading import load_study, read_config
from pgstudy.experiment.config.schema import schema
from pgstudy.experiment.planning import read_chosen
from pgstudy.experiment.provenance import own_parts, user_code
from pgstudy.experiment.store import search as rounds
from pgstudy.experiment.store.digests import recording
from pgstudy.experiment.store.runs import Store
from pgstudy.experiment.store.study_folder import StudyFolder
from pgstudy.experiment.study.cell import rivals
from pgstudy.experiment.study.jobs import AT_ONCE, described, packed
from pgstudy.experiment.study.study import Study
from pgstudy.experiment.study.study_file import STUDY_FILE, Plan, write_plan
from pgstudy.experiment.study.tuning import Choice, tuning_study
from pgstudy.experiment.system.files import write_json
from pgstudy.learning.specification import EstimatorSpecification


@app.command()
def check(
    config: Annotated[Path, typer.Argument(help="a config file")],
    jobs: Annotated[int, typer.Option(min=1, help="of a cluster, at once")] = AT_ONCE,
) -> None:
    """Check a config file and say what it asks for; nothing is run."""
    study = read_config(config)
    cells, tuning = study.cells, study.tune_seeds
    runs = f"{len(cells) * len(study.seeds)} runs"
    blocks, most = list(study.blocks()), ""
    if tuning:
        reported = len(rivals(cells)) * len(study.seeds)
        most = "at most " if study.tradeoff else ""
        choosing = f"{most}{len(cells) * len(tuning)} runs to choose by"
        runs = f"{choosing}, {reported} to report"
        blocks = list(tuning_study(study).blocks())
    print(f"{study.name}: {len(cells)} cells, {runs}")
    packs = packed(blocks, study.job_minutes, jobs)
    print(f"on a cluster: {most}{described(packs)} (docs/clusters.md)")
    for cell in study.left_out:
        print(f"left out: {cell.label}: {cell.reason}")
    own = user_code.everything(cell.specification for cell in cells)
    for name, _ in own.files:
        print(f"your code: {name}")


@app.command()
def prove(
    what: Annotated[
        str, typer.Argument(help="your estimator as module:name, or a config file")
    ],
) -> None:
    """Say whether an estimator is biased, by enumeration on small problems."""
    from pgstudy.analysis.documents.proofs import proof_text
    from pgstudy.analysis.proofs.step import estimators

    if ":" in what:
        how = EstimatorSpecification(weights=what)
        if fault := own_parts.estimator_fault(how):
            raise UserError(f"{what} can't be used: {fault}")
        print(proof_text({what: how}))
    else:
        print(proof_text(estimators(read_config(Path(what)))))


@app.command()
def settings() -> None:
    """Print the table of all settings of a config file."""
    print(settings_table(schema()))


@app.command()
def plan(
    config: Annotated[str, typer.Argument(help="a config as JSON")],
    chosen: Annotated[
        Path | None, typer.Option(help="what `pgstudy choose` wrote")
    ] = None,
    results: Path = RESULTS,
) -> None:
    """Write results/<study>/study.json, which later commands read."""
    study = load_study(table_of(config))
    choices = None if chosen is None else _choices(study, chosen)
    with recording(results / study.name, "plan"):
        write_plan(results / study.name / STUDY_FILE, Plan(study, choices))


def _choices(study: Study, file: Path) -> tuple[Choice, ...]:
    """The chosen learning rates; of the study that searches, all that were tried."""
    return rounds.read_round(file).tried if study.searches else read_chosen(file)


@app.command()
def choose(
    study_file: Annotated[Path, typer.Argument(help="of the tuning study")],
    output: Annotated[Path, typer.Argument(help="chosen.json")],
) -> None:
    """Choose a learning rate for each environment, estimator and N."""
    from pgstudy.analysis.choose import chosen

    data = with_outputs(chosen, study_file)
    with recording(output.parent, "choose"):
        write_json(output, data)


@app.command()
def search(
    config: Annotated[str, typer.Argument(help="the tuning study's config as JSON")],
    number: Annotated[int, typer.Argument(help="of the round, from 0", min=0)],
    results: Path = RESULTS,
) -> None:
    """Say which learning rates of a trade-off study are to be tried next."""
    study = load_study(table_of(config))
    folder = StudyFolder(Store(results), study, results / study.name)
    try:
        with recording(folder.path, f"search-{number}"):
            rounds.write_next(folder, number)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"round {number} of the search: {error}") from None


@app.command()
def progress(
    results: Path = RESULTS,
    follow: Annotated[
        bool, typer.Option("--follow", help="until the snakemake call ends")
    ] = False,
) -> None:
    """Say how far the study is, and each run that is training."""
    from pgstudy.experiment.progress import live

    if follow:
        live.follow(results, sys.stderr)
    else:
        print("\n".join(live.lines(results)))
