"""Everything that was made -> report.html and report.md."""

from __future__ import annotations

from pgstudy.analysis.common.names import TRACKED, figure_names, paper_figure_names
from pgstudy.analysis.common.needed import need
from pgstudy.analysis.outputs import (
    read_acceptance,
    read_aggregates,
    read_claims,
    read_gradients,
    read_json,
    read_law,
    read_proofs,
    read_recordings,
    read_tables,
    read_tuning,
    read_verification,
)
from pgstudy.analysis.report.html import Contents, write
from pgstudy.analysis.tables import tuning
from pgstudy.experiment.store.provenance import facts, notes
from pgstudy.experiment.store.study_folder import StudyFolder


def report(folder: StudyFolder) -> None:
    """All of that -> report.html and report.md. Errors: Missing."""
    study = folder.study
    for name in figure_names(study):
        need(folder.path, f"figures/{name}.png", "figures")
    for name in paper_figure_names(study) if study.published else []:
        need(folder.path, f"paper/{name}.png", "paper")
    edges = tuning.at_edge(study, read_tuning(folder))
    contents = Contents(
        tables=read_tables(folder),
        aggregates=read_aggregates(folder),
        gradients=read_gradients(folder),
        claims=read_claims(folder),
        proofs=read_proofs(folder),
        acceptance=read_acceptance(folder),
        edges={str(group): end for group, end in edges.items()},
        verified=read_verification(folder),
        made=facts(folder.runs),
        notes=notes(folder.runs),
        recordings=read_recordings(folder),
        tracked=read_json(folder.path, TRACKED, {}, "track"),
        tradeoffs=read_law(folder),
    )
    write(study, contents, folder.path)
